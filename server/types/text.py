"""text, varchar, bpchar, name, "char", unknown, cstring: strings, and types kept as their text.

Rule 1: a length counts characters, but that of name counts bytes.
Rule 2: the modifier of varchar and bpchar is the length plus four, as in PostgreSQL.
Rule 3: blanks at the end of a bpchar have no meaning in comparisons, and are cut when it becomes
        text.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from server.errors import (
    FeatureNotSupported,
    InternalError,
    InvalidParameterValue,
    StringDataRightTruncation,
)
from server.types.columns import object_array
from server.types.errors import decode_text, invalid_modifier, unpack
from server.types.facts import define
from server.types.integers import modifier_number
from server.types.type import PLAIN_STYLE
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.types.columns import Encoded
    from server.types.type import Parse, ParseColumn, TextStyle, Type
    from server.vector.column import Mask

LENGTH_MAX: Final = 10485760
MODIFIER_OFFSET: Final = 4
NAME_BYTES_MAX: Final = 63
OCTAL: Final = re.compile(r"\\[0-3][0-7]{2}")
BYTE: Final = struct.Struct("!B")
OBJECTS: Final = np.dtype(object)


def parse_text(text: str, _modifier: int, _style: TextStyle) -> str:
    """Take the text as it is."""
    return text


def format_text(value: str, _style: TextStyle) -> str:
    """Give the text as it is."""
    return value


def format_texts(column: Column, _style: TextStyle) -> Encoded:
    """UTF-8 of every row."""
    return send_texts(column)


def send_texts(column: Column) -> Encoded:
    """UTF-8 of every row."""
    if column.dictionary is not None:
        words = [word.encode() for word in column.dictionary.values.tolist()]
        codes = column.values.tolist()
        rows: Encoded = [words[code] for code in codes] if words else [None] * len(codes)
        return rows if column.valid is None else _without_nulls(rows, column.valid)
    values = column.values.tolist()
    if column.valid is None:
        return list(map(str.encode, values))
    return [
        value.encode() if valid else None
        for value, valid in zip(values, column.valid.tolist(), strict=True)
    ]


def _without_nulls(rows: Encoded, valid: Mask) -> Encoded:
    return [row if ok else None for row, ok in zip(rows, valid.tolist(), strict=True)]


def parse_texts(texts: Sequence[bytes | None], _modifier: int, _style: TextStyle) -> Column:
    """Decode every row."""
    if None not in texts:
        return Column(object_array(list(map(bytes.decode, texts))))  # type: ignore[arg-type]
    valid = np.fromiter((text is not None for text in texts), np.bool_, len(texts))
    return Column(object_array([None if text is None else text.decode() for text in texts]), valid)


def _parse_bounded(coerce: Callable[[str, int, bool], str]) -> ParseColumn:
    """Text input of a column of strings with a length."""

    def parse_column(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
        column = parse_texts(texts, modifier, style)
        if modifier < MODIFIER_OFFSET:
            return column
        length = modifier - MODIFIER_OFFSET
        rows = [
            text if text is None or len(text) == length else coerce(text, modifier, False)
            for text in column.values.tolist()
        ]
        return Column(object_array(rows), column.valid)

    return parse_column


def store_texts(column: Column, _modifier: int) -> list[bytes]:
    """Give storage UTF-8."""
    rows = send_texts(column)
    return [row or b"" for row in rows] if None in rows else cast("list[bytes]", rows)


def load_texts(values: Any, valid: Mask | None, _modifier: int) -> Column:
    """Decode what storage keeps; NULL rows hold empty strings."""
    return Column(object_array([value.decode() for value in values]), valid)


def length_in(type_name: str) -> Callable[[tuple[Any, ...]], int]:
    """Make the modifier input of a type with a length."""

    def modifier_in(arguments: tuple[Any, ...]) -> int:
        if len(arguments) != 1:
            raise invalid_modifier()
        length = modifier_number(arguments[0])
        if length < 1:
            raise InvalidParameterValue(f"length for type {type_name} must be at least 1")
        if length > LENGTH_MAX:
            raise InvalidParameterValue(f"length for type {type_name} cannot exceed {LENGTH_MAX}")
        return length + MODIFIER_OFFSET

    return modifier_in


def length_out(modifier: int) -> str:
    """Write the length in parentheses."""
    return f"({modifier - MODIFIER_OFFSET})" if modifier >= MODIFIER_OFFSET else ""


def coerce_varchar(value: str, modifier: int, explicit: bool) -> str:
    """Cut to the length; what is cut must be blank unless the cast is explicit."""
    length = modifier - MODIFIER_OFFSET
    if length < 0 or len(value) <= length:
        return value
    if not explicit and value[length:].strip(" "):
        raise StringDataRightTruncation(f"value too long for type character varying({length})")
    return value[:length]


ALLOCATION_MAX: Final = 0x3FFFFFFF - 4


def coerce_bpchar(value: str, modifier: int, explicit: bool) -> str:
    """Cut to the length as varchar does, or fill with blanks."""
    length = modifier - MODIFIER_OFFSET
    if length < 0:
        return value
    if len(value) > length and not explicit and value[length:].strip(" "):
        raise StringDataRightTruncation(f"value too long for type character({length})")
    missing = length - len(value)
    if missing > 0 and missing + 4 * len(value) > ALLOCATION_MAX:
        _check_allocation(len(value.encode()) + missing)
    return value[:length].ljust(length)


def _check_allocation(byte_count: int) -> None:
    """Refuse what PostgreSQL finds too large for a value, and say how large, in its 32 bits."""
    if byte_count <= ALLOCATION_MAX:
        return
    size = byte_count + MODIFIER_OFFSET
    if size >= 1 << 31:
        size += (1 << 64) - (1 << 32)
    raise InternalError(f"invalid memory alloc request size {size}")


def cut_name(text: str) -> str:
    """Cut to what a name can hold, at a character."""
    if len(text) * 4 <= NAME_BYTES_MAX:
        return text
    return text.encode()[:NAME_BYTES_MAX].decode(errors="ignore")


def parse_char(text: str, _modifier: int, _style: TextStyle) -> str:
    r"""Take the first byte, or the one that \ooo stands for."""
    if OCTAL.fullmatch(text):
        return _byte(int(text[1:], 8))
    return _byte((text.encode() or b"\0")[0])


def _byte(code: int) -> str:
    """Give a byte as a character; zero is the empty string."""
    return chr(code) if code else ""


def format_char(value: str, _style: TextStyle) -> str:
    r"""Write a byte that is no ASCII as \ooo."""
    return value if value.isascii() else f"\\{ord(value):03o}"


def receive_char(data: bytes, _modifier: int) -> str:
    """Take one byte."""
    return _byte(unpack(BYTE, data)[0])


def strip_blanks(value: str) -> str:
    """Cut blanks at the end, which have no meaning in a bpchar."""
    return value.rstrip(" ")


def define_text(name: str, **codecs: Any) -> Type:
    """Make a type whose values are strings."""
    parse: Parse = codecs.get("parse", parse_text)
    fields: dict[str, Any] = {
        "dtype": OBJECTS,
        "storage_kind": "BYTES",
        "parse": parse,
        "format": format_text,
        "receive": lambda data, modifier: parse(decode_text(data), modifier, PLAIN_STYLE),
        "send": str.encode,
        "to_storage": store_texts,
        "from_storage": load_texts,
        "store_value": lambda value, _modifier: value.encode(),
        "load_value": lambda stored, _modifier: stored.decode(),
        "format_column": format_texts,
        "send_column": send_texts,
    }
    if parse is parse_text:
        fields["parse_column"] = parse_texts
    return define(name, **(fields | codecs))


def _refuse_input(sql_name: str) -> Parse:
    def parse(_text: str, _modifier: int, _style: TextStyle) -> str:
        raise FeatureNotSupported(f"cannot accept a value of type {sql_name}")

    return parse


TEXT_TYPES: Final = (
    define_text("text"),
    define_text(
        "varchar",
        parse=lambda text, modifier, _style: coerce_varchar(text, modifier, explicit=False),
        modifier_in=length_in("varchar"),
        modifier_out=length_out,
        coerce=coerce_varchar,
        parse_column=_parse_bounded(coerce_varchar),
    ),
    define_text(
        "bpchar",
        parse=lambda text, modifier, _style: coerce_bpchar(text, modifier, explicit=False),
        modifier_in=length_in("char"),
        modifier_out=length_out,
        coerce=coerce_bpchar,
        parse_column=_parse_bounded(coerce_bpchar),
        sort_key=strip_blanks,
        key_value=lambda value: value.rstrip(" ").encode(),
    ),
    define_text("name", parse=lambda text, _modifier, _style: cut_name(text)),
    define(
        "char",
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse_char,
        format=format_char,
        receive=receive_char,
        send=lambda value: value.encode("latin-1") or b"\0",
        store_value=lambda value, _modifier: value.encode("latin-1"),
        load_value=lambda stored, _modifier: stored.decode("latin-1"),
    ),
    define_text("unknown"),
    define_text("cstring"),
    define_text("refcursor"),
    define_text("aclitem"),
    define_text("pg_node_tree", parse=_refuse_input("pg_node_tree")),
    define_text("pg_ndistinct", parse=_refuse_input("pg_ndistinct")),
    define_text("pg_dependencies", parse=_refuse_input("pg_dependencies")),
    define_text("pg_mcv_list", parse=_refuse_input("pg_mcv_list")),
)
