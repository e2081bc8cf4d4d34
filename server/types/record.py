"""Records and composite types: rows as values, written (1,"a b",).

A Record knows the types of its fields, so that it can be written wherever it came from.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidTextRepresentation,
)
from server.types.errors import incorrect_format, insufficient_data
from server.types.facts import define
from server.types.order import key_of, ordered_list, sort_key_of
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.types.type import TextStyle, Type

COUNT: Final = struct.Struct("!i")
FIELD: Final = struct.Struct("!Ii")  # type OID, length
MUST_QUOTE: Final = frozenset('"\\(), \t\n\r\v\f')
SPACES: Final = " \t\n\r\v\f"


class Record(tuple[Any, ...]):
    """A row as a value: a tuple that knows the types, and perhaps the names, of its fields."""

    types: tuple[Type, ...]
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, fields: Iterable[Any], types: tuple[Type, ...], names: tuple[str, ...] = ()
    ) -> Record:
        """Make a record; fields without a name are called f1, f2 and so on."""
        record = cls(fields)
        assert len(record) == len(types)
        record.types = types
        record.names = names or tuple(f"f{number}" for number in range(1, len(types) + 1))
        return record


def format_record(value: Record, style: TextStyle) -> str:
    """Write the fields in parentheses, nothing for NULL."""
    texts = [
        "" if field is None else _quoted(type_.format(field, style))
        for field, type_ in zip(value, value.types, strict=True)
    ]
    return f"({','.join(texts)})"


def _quoted(text: str) -> str:
    if text and MUST_QUOTE.isdisjoint(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'


def parse_fields(text: str, count: int) -> list[str | None]:
    """Read the texts of so many fields, None for NULL."""
    at = len(text) - len(text.lstrip(SPACES))
    if text[at : at + 1] != "(":
        raise _malformed(text, "Missing left parenthesis.")
    at += 1
    fields: list[str | None] = []
    for number in range(count):
        if number:
            if text[at : at + 1] != ",":
                raise _malformed(text, "Too few columns.")
            at += 1
        field, at = _read_field(text, at)
        fields.append(field)
    if text[at : at + 1] != ")":
        raise _malformed(text, "Too many columns.")
    if text[at + 1 :].strip(SPACES):
        raise _malformed(text, "Junk after right parenthesis.")
    return fields


def _read_field(text: str, at: int) -> tuple[str | None, int]:
    """Read one field; quotes and backslashes may stand anywhere in it."""
    if text[at : at + 1] in {",", ")"}:
        return None, at
    parts: list[str] = []
    quoted = False
    while quoted or text[at : at + 1] not in {",", ")"}:
        character = text[at : at + 1]
        following = text[at + 1 : at + 2]
        if not character or (character == "\\" and not following):
            raise _malformed(text, "Unexpected end of input.")
        at += 1
        if character == "\\":
            parts.append(following)
            at += 1
        elif character != '"':
            parts.append(character)
        elif quoted and following == '"':
            parts.append('"')
            at += 1
        else:
            quoted = not quoted
    return "".join(parts), at


def _malformed(text: str, detail: str) -> InvalidTextRepresentation:
    return InvalidTextRepresentation(f'malformed record literal: "{text}"', detail=detail)


def send_record(value: Record) -> bytes:
    """Encode the binary form."""
    parts = [COUNT.pack(len(value))]
    for field, type_ in zip(value, value.types, strict=True):
        sent = None if field is None else type_.send(field)
        parts.append(FIELD.pack(type_.oid, -1 if sent is None else len(sent)))
        parts.append(sent or b"")
    return b"".join(parts)


def kept_form(type_: Type, value: Any) -> bytes:
    """A value as it is kept inside another one."""
    return type_.send(value) if type_.keep is None else type_.keep(value)


def from_kept_form(type_: Type, kept: bytes) -> Any:
    """A value that was kept inside another one."""
    return type_.receive(kept, -1) if type_.kept is None else type_.kept(kept)


def keep_record(value: Record, places: Sequence[int]) -> bytes:
    """A record as it is kept inside another value: its binary form, with NULLs where fields were dropped."""
    parts = [COUNT.pack(places[-1] + 1 if places else 0)]
    following = 0
    for field, type_, place in zip(value, value.types, places, strict=True):
        parts += [FIELD.pack(0, -1)] * (place - following)
        following = place + 1
        sent = None if field is None else kept_form(type_, field)
        parts.append(FIELD.pack(type_.oid, -1 if sent is None else len(sent)))
        parts.append(sent or b"")
    return b"".join(parts)


def kept_fields(kept: bytes, types: Sequence[Type], places: Sequence[int]) -> list[Any]:
    """The fields at these places of a record that was kept; those added since are NULL."""
    found: list[bytes | None] = []
    at = COUNT.size
    for _ in range(COUNT.unpack_from(kept)[0]):
        length = FIELD.unpack_from(kept, at)[1]
        at += FIELD.size
        found.append(None if length < 0 else kept[at : at + length])
        at += max(length, 0)
    found += [None] * (places[-1] + 1 - len(found) if places else 0)
    pairs = zip(types, (found[place] for place in places), strict=True)
    return [None if field is None else from_kept_form(type_, field) for type_, field in pairs]


def receive_fields(data: bytes, types: Sequence[Type], modifiers: Sequence[int]) -> list[Any]:
    """Decode the binary form of a row of these types."""
    if len(data) < COUNT.size:
        raise insufficient_data()
    count = COUNT.unpack_from(data)[0]
    if count != len(types):
        raise DatatypeMismatch(f"wrong number of columns: {count}, expected {len(types)}")
    at = COUNT.size
    fields: list[Any] = []
    for number, (type_, modifier) in enumerate(zip(types, modifiers, strict=True), 1):
        if at + FIELD.size > len(data):
            raise insufficient_data()
        oid, length = FIELD.unpack_from(data, at)
        at += FIELD.size
        if oid != type_.oid:
            raise DatatypeMismatch(
                f"binary data has type {oid} instead of expected {type_.oid} "
                f"({type_.sql_name}) in record column {number}"
            )
        if length < -1 or at + max(length, 0) > len(data):
            raise insufficient_data()
        is_null = length == -1
        fields.append(None if is_null else type_.receive(data[at : at + length], modifier))
        at += max(length, 0)
    if at != len(data):
        raise incorrect_format()
    return fields


def sort_key(value: Record) -> tuple[Any, ...]:
    """Order field by field, NULL above all."""
    return tuple(
        (True, 0) if field is None else (False, sort_key_of(type_, field))
        for field, type_ in zip(value, value.types, strict=True)
    )


def key_value(value: Record) -> bytes:
    """Join the keys of the fields."""
    return ordered_list(
        None if field is None else key_of(type_, field)
        for field, type_ in zip(value, value.types, strict=True)
    )


def _refuse_text(_text: str, _modifier: int, _style: TextStyle) -> Record:
    raise FeatureNotSupported("input of anonymous composite types is not implemented")


def _refuse_binary(_data: bytes, _modifier: int) -> Record:
    raise FeatureNotSupported("input of anonymous composite types is not implemented")


RECORD_TYPES: Final = (
    define(
        "record",
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=_refuse_text,
        format=format_record,
        receive=_refuse_binary,
        send=send_record,
        store_value=lambda value, _modifier: send_record(value),
        load_value=lambda stored, _modifier: _refuse_binary(stored, -1),
        sort_key=sort_key,
        key_value=key_value,
    ),
)
