"""Types made by users: enums, domains and composite types, out of what their catalog objects say.

Rule 1: the value of an enum is its label; it is kept as the OID of the label, which survives a
        renaming.
Rule 2: a domain is its base type under another name: its constraints are the executor's to check.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import (
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    UnsafeNewEnumValueUsage,
)
from server.types.errors import decode_text
from server.types.facts import complete
from server.types.record import (
    Record,
    format_record,
    from_kept_form,
    keep_record,
    kept_fields,
    kept_form,
    key_value,
    parse_fields,
    receive_fields,
    send_record,
    sort_key,
)
from server.types.text import OBJECTS
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.types.type import TextStyle, Type, TypeReference


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What names a user's type."""

    oid: int
    name: str
    sql_name: str  # qualified where the search path asks for it
    array_oid: int = 0


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels of an enum by each other's OID and sort position; unsafe ones are not committed yet."""

    sql_name: str
    positions: dict[str, float]
    oids: dict[str, int]
    unsafe: frozenset[int]

    def parse(self, text: str, _modifier: int, _style: TextStyle) -> str:
        if text not in self.positions:
            raise InvalidTextRepresentation(self._unknown(text))
        if self.oids[text] in self.unsafe:
            raise UnsafeNewEnumValueUsage(
                f'unsafe use of new value "{text}" of enum type {self.sql_name}',
                hint="New enum values must be committed before they can be used.",
            )
        return text

    def receive(self, data: bytes, _modifier: int) -> str:
        text = decode_text(data)
        if text not in self.positions:
            raise InvalidBinaryRepresentation(self._unknown(text))
        return text

    def _unknown(self, text: str) -> str:
        return f'invalid input value for enum {self.sql_name}: "{text}"'

    def stored(self, column: Column, _modifier: int) -> Any:
        """Labels as OIDs."""
        labels = column.decoded().values.tolist()
        return np.array([self.oids.get(label, 0) for label in labels], np.int64)


def enum_type(
    identity: Identity,
    labels: Sequence[tuple[int, float, str]],
    unsafe: frozenset[int] = frozenset(),
) -> Type:
    """Make an enum of labels given as OID, sort position and label.

    unsafe: labels that may not be used before they are committed.
    """
    positions = {label: position for _, position, label in labels}
    oids = {label: oid for oid, _, label in labels}
    names = {oid: label for oid, _, label in labels}
    known = _Labels(identity.sql_name, positions, oids, unsafe)
    return complete(
        _identity_fields(identity)
        | {
            "category": "E",
            "length": 4,
            "by_value": True,
            "kind": "e",
            "dtype": OBJECTS,
            "storage_kind": "INT64",
            "parse": known.parse,
            "format": lambda value, _style: value,
            "receive": known.receive,
            "send": str.encode,
            "store_value": lambda value, _modifier: oids[value],
            "load_value": lambda stored, _modifier: names[stored],
            "to_storage": known.stored,
            "from_storage": _load_enum(names),
            "sort_key": positions.__getitem__,
            "key_value": lambda value: float(positions[value]),
        }
    )


def _load_enum(names: dict[int, str]) -> Any:
    """Load labels as a column of codes."""
    oids = sorted(names)
    dictionary = Column(np.array([names[oid] for oid in oids], object))

    def from_storage(values: Any, valid: Any, _modifier: int) -> Column:
        codes = np.searchsorted(oids, values).astype(np.int32)
        return Column(np.minimum(codes, max(len(oids) - 1, 0)), valid, None, dictionary)

    return from_storage


def domain_type(identity: Identity, base: TypeReference) -> Type:
    """Make a domain: input takes the modifier of the base type, whatever modifier is asked for."""
    type_, modifier = base.type, base.modifier
    return replace(
        type_,
        oid=identity.oid,
        name=identity.name,
        sql_name=identity.sql_name,
        array_oid=identity.array_oid,
        preferred=False,
        kind="d",
        base=type_.base or type_,
        parse=lambda text, _modifier, style: type_.parse(text, modifier, style),
        receive=lambda data, _modifier: type_.receive(data, modifier),
        parse_column=lambda texts, _modifier, style: type_.parse_column(texts, modifier, style),
        modifier_in=None,
        modifier_out=None,
    )


def composite_type(
    identity: Identity, fields: Sequence[tuple[str, TypeReference]], places: Sequence[int] = ()
) -> Type:
    """Make a composite type of fields given as name and type.

    places: where each field is kept, ascending; places of attributes that were dropped are not among them.
    """
    kept_at = tuple(places) or tuple(range(len(fields)))
    names = tuple(name for name, _ in fields)
    types = tuple(reference.type for _, reference in fields)
    modifiers = tuple(reference.modifier for _, reference in fields)

    def parse(text: str, _modifier: int, style: TextStyle) -> Record:
        texts = parse_fields(text, len(types))
        values = [
            None if field is None else type_.parse(field, modifier, style)
            for field, type_, modifier in zip(texts, types, modifiers, strict=True)
        ]
        return Record.of(values, types, names)

    def receive(data: bytes, _modifier: int) -> Record:
        return Record.of(receive_fields(data, types, modifiers), types, names)

    def typed(value: tuple[Any, ...]) -> Record:
        return Record.of(value, types, names)

    return complete(
        _identity_fields(identity)
        | {
            "category": "C",
            "alignment": "d",
            "storage_strategy": "x",
            "kind": "c",
            "fields": tuple(fields),
            "dtype": OBJECTS,
            "storage_kind": "BYTES",
            "parse": parse,
            "format": lambda value, style: format_record(typed(value), style),
            "receive": receive,
            "send": lambda value: send_record(typed(value)),
            "keep": lambda value: keep_record(typed(value), kept_at),
            "kept": lambda kept: Record.of(kept_fields(kept, types, kept_at), types, names),
            "store_value": lambda value, _modifier: _store(typed(value), kept_at),
            "load_value": lambda stored, _modifier: Record.of(
                _load(stored, types, kept_at), types, names
            ),
            "sort_key": lambda value: sort_key(typed(value)),
            "key_value": lambda value: key_value(typed(value)),
        }
    )


FIELD_LENGTH = struct.Struct("!i")
NULL_FIELD: Final = FIELD_LENGTH.pack(-1)


def _store(record: Record, places: tuple[int, ...]) -> bytes:
    """Keep the fields without their types: ALTER TYPE may add fields behind them, and drop some of them."""
    parts: list[bytes] = []
    following = 0
    for field, type_, place in zip(record, record.types, places, strict=True):
        parts += [NULL_FIELD] * (place - following)
        following = place + 1
        sent = None if field is None else kept_form(type_, field)
        parts.append(NULL_FIELD if sent is None else FIELD_LENGTH.pack(len(sent)) + sent)
    return b"".join(parts)


def _load(stored: bytes, types: tuple[Type, ...], places: tuple[int, ...]) -> list[Any]:
    """The fields at these places; those behind the last one that is kept are NULL."""
    at = following = 0
    fields: list[Any] = []
    for type_, place in zip(types, places, strict=True):
        while following < place:
            at = _after(stored, at)
            following += 1
        end, following = _after(stored, at), place + 1
        value = stored[at + FIELD_LENGTH.size : end]
        is_null = at >= len(stored) or FIELD_LENGTH.unpack_from(stored, at)[0] < 0
        fields.append(None if is_null else from_kept_form(type_, value))
        at = end
    return fields


def _after(stored: bytes, at: int) -> int:
    """Where the field behind the one at a place begins."""
    length = FIELD_LENGTH.unpack_from(stored, at)[0] if at < len(stored) else -1
    return at + FIELD_LENGTH.size + max(length, 0)


def _identity_fields(identity: Identity) -> dict[str, Any]:
    return {
        "oid": identity.oid,
        "name": identity.name,
        "sql_name": identity.sql_name,
        "array_oid": identity.array_oid,
    }
