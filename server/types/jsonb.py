r"""jsonb: JSON as values, written in one normal form.

Rule 1: of equal keys the last one stays; keys are in the order of their length in bytes, then of
        their bytes.
Rule 2: numbers are numerics and keep their trailing zeros.
Rule 3: values order as PostgreSQL orders them: null, string, number, boolean, array, object; longer
        arrays and objects above shorter ones, a scalar as an array of one.
Rule 4: a string holds no \u0000 and no half of a surrogate pair: it is text.
"""

from __future__ import annotations

import json
from decimal import Decimal
from json.encoder import encode_basestring
from json.scanner import make_scanner
from typing import TYPE_CHECKING, Any, Final

from server.errors import InternalError
from server.types.columns import column_of
from server.types.errors import decode_text, insufficient_data
from server.types.facts import define
from server.types.json_text import check_escapes, reader
from server.types.native import normal_json
from server.types.numeric import normal
from server.types.order import ordered, ordered_list
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.types.order import KeyPart
    from server.types.type import TextStyle
    from server.vector.column import Column

JsonValue = Any
"""None, bool, Decimal, str, list of values, or dict of str to value with its keys in order."""

BINARY_VERSION: Final = 1
ZERO: Final = Decimal(0)
SHORT_DIGITS: Final = 1000  # a number so short is within the bounds of numeric
ARRAY_RANK: Final = 16
OBJECT_RANK: Final = 17
NULL_RANK, STRING_RANK, NUMBER_RANK, BOOLEAN_RANK = range(4)


_UNREAD: Final = ...  # which is itself again when it comes back from a temporary file


class Jsonb:
    """A value of type jsonb. Neither it nor what it holds is ever changed.

    One that was stored is its text until somebody asks for what it holds.
    """

    __slots__ = ("_text", "_value")

    def __init__(self, value: JsonValue) -> None:
        self._value = value
        self._text: str | None = None

    @classmethod
    def written(cls, text: str) -> Jsonb:
        """The value of a text in normal form."""
        made = cls(_UNREAD)
        made._text = text
        return made

    @property
    def value(self) -> JsonValue:
        """What it holds."""
        if self._value is _UNREAD:
            assert self._text is not None
            self._value = _read_written(self._text)
        return self._value

    @property
    def text(self) -> str:
        """The normal form, with a blank behind each comma and colon."""
        if self._text is None:
            self._text = text_of(self._value)
        return self._text

    def __repr__(self) -> str:
        return f"Jsonb({self.value!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Jsonb) and sort_key(self) == sort_key(other)

    def __hash__(self) -> int:
        return hash(sort_key(self))


def make_object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Make an object of pairs in any order; of equal keys the last one stays."""
    found = dict(pairs)
    if len(found) < 2:
        return found
    keys = sorted(found)  # by code points, which is by bytes
    keys.sort(key=len if "".join(keys).isascii() else _byte_count)
    return {key: found[key] for key in keys}


def _byte_count(key: str) -> int:
    return len(key.encode())


def _number(text: str) -> Decimal:
    return normal(Decimal(text))


def _whole_number(text: str) -> Decimal:
    return (Decimal(text) or ZERO) if len(text) < SHORT_DIGITS else _number(text)


read = reader(parse_float=_number, parse_int=_whole_number, object_pairs_hook=make_object)

_read_normal = make_scanner(json.JSONDecoder(parse_float=Decimal, parse_int=Decimal))  # type: ignore[arg-type]
"""Reads what was written in normal form: its numbers and the order of its keys are as they should be."""


def _read_written(text: str) -> JsonValue:
    try:
        return _read_normal(text, 0)[0]
    except RecursionError:
        return read(text)  # which says so in PostgreSQL's words


def parse_jsonb(text: str, _modifier: int, _style: TextStyle) -> Jsonb:
    """Read JSON text."""
    plain = normal_json(text.encode())
    if plain is not None:
        return Jsonb.written(plain)
    if "\\u" in text:
        check_escapes(text)
    return Jsonb(read(text))


def _parse_column(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
    """Read fields of JSON text."""
    values: list[Jsonb | None] = []
    for text in texts:
        plain = None if text is None else normal_json(text)
        if plain is not None:
            values.append(Jsonb.written(plain))
        else:
            values.append(None if text is None else parse_jsonb(text.decode(), modifier, style))
    return column_of(values, OBJECTS)


def format_jsonb(value: Jsonb, _style: TextStyle) -> str:
    """Write the normal form."""
    return value.text


quote = encode_basestring
"""Write a string with its quotes and escapes."""


def text_of(value: JsonValue) -> str:
    """Write a value."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Decimal):
        text = str(value)
        return f"{value:f}" if "E" in text else text
    if isinstance(value, dict):
        return "{" + ", ".join([f"{quote(k)}: {text_of(v)}" for k, v in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return "null" if value is None else "true" if value else "false"


def receive_jsonb(data: bytes, _modifier: int) -> Jsonb:
    """Read the binary form: a version and text."""
    if not data:
        raise insufficient_data()
    if data[0] != BINARY_VERSION:
        raise InternalError(f"unsupported jsonb version number {data[0]}")
    text = decode_text(data[1:])
    plain = normal_json(data[1:])
    if plain is not None:
        return Jsonb.written(plain)
    if "\\u" in text:
        check_escapes(text)
    return Jsonb(read(text))


def sort_key(value: Jsonb) -> tuple[Any, ...]:
    """Order as PostgreSQL does."""
    if isinstance(value.value, list | dict):
        return _rank(value.value)
    return (ARRAY_RANK, 1, False, _rank(value.value))


def _rank(value: JsonValue) -> tuple[Any, ...]:
    """Order what stands inside."""
    if isinstance(value, dict):
        pairs = [part for key, item in value.items() for part in (key, _rank(item))]
        return (OBJECT_RANK, len(value), *pairs)
    if isinstance(value, list):
        return (ARRAY_RANK, len(value), True, *map(_rank, value))
    if value is None:
        return (NULL_RANK,)
    if isinstance(value, str):
        return (STRING_RANK, value)
    return (BOOLEAN_RANK if isinstance(value, bool) else NUMBER_RANK, value)


def key_value(value: Jsonb) -> bytes:
    """Join the parts of the sort key."""
    return _ordered_key(sort_key(value))


def _ordered_key(key: tuple[Any, ...]) -> bytes:
    parts = [_ordered_key(part) if isinstance(part, tuple) else _part(part) for part in key]
    return ordered_list(parts)


def _part(part: Any) -> KeyPart:
    return ordered(part.encode()) if isinstance(part, str) else ordered(part)


def _store(value: Jsonb, _modifier: int) -> bytes:
    return value.text.encode()


def _load(stored: bytes, _modifier: int) -> Jsonb:
    return Jsonb.written(stored.decode())


JSONB_TYPES: Final = (
    define(
        "jsonb",
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse_jsonb,
        parse_column=_parse_column,
        format=format_jsonb,
        receive=receive_jsonb,
        send=lambda value: bytes([BINARY_VERSION]) + value.text.encode(),
        store_value=_store,
        load_value=_load,
        sort_key=sort_key,
        key_value=key_value,
    ),
)
