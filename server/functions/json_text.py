"""JSON out of values of any type, and the parts of JSON texts as they were written.

Law: a part of a json value keeps its spelling: blanks, order and duplicates of keys, digits of
numbers.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.types.array import Array
from server.types.date_style import format_date, format_timestamp, format_timestamptz
from server.types.growing_array import GrowingArray
from server.types.json_text import check_escapes, reader
from server.types.jsonb import Jsonb, make_object, quote, text_of
from server.types.jsonb import read as read_jsonb
from server.types.numeric import format_numeric
from server.types.record import Record
from server.types.registry import TYPE_BY_OID
from server.types.type import PLAIN_STYLE, TextStyle, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.functions.function import CallContext

_NUMBERS: Final = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})
_INTEGERS: Final = frozenset({"int2", "int4", "int8"})
_TEXTS: Final = frozenset({"text", "varchar", "name"})
_WORDS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_DECODER: Final = json.JSONDecoder(strict=False)
_BLANKS: Final = " \t\n\r"
decode = reader(parse_float=Decimal, parse_int=Decimal)


def value_to_json(value: Any, type_: Type, context: CallContext, newlines: bool = False) -> str:
    """JSON text of a value that is not NULL, as to_json makes it."""
    write = _WRITERS.get(type_.oid) or _WRITERS_OF_VALUES.get(type(value))
    if write is not None:
        return write(value, context.style)
    nested = _NESTED.get(type(value))
    if nested is not None:
        return nested(value, context, newlines)
    if type_.base is not None:
        return value_to_json(value, type_.base, context)
    text = type_.format(value, context.style)
    if type_.name == "json":
        return text
    return _number(text) if type_.name in _NUMBERS else quote(text)


def _number(text: str) -> str:
    return f'"{text}"' if text in _WORDS else text


@lru_cache(maxsize=100)
def _iso_style(time_zone: str) -> TextStyle:
    return TextStyle(time_zone=time_zone)


def _instant(value: int, style: TextStyle) -> str:
    text = format_timestamptz(value, _iso_style(style.time_zone)).replace(" ", "T", 1)
    text, before, _ = text.partition(" BC")
    minutes = ":00" if text[-3:-2] in ("+", "-") else ""
    return f'"{text}{minutes}{before}"'


_WRITERS: Final[dict[int, Callable[[Any, TextStyle], str]]] = {
    16: lambda value, style: "true" if value else "false",
    **dict.fromkeys((20, 21, 23), lambda value, style: str(value)),
    **dict.fromkeys((19, 25, 1043), lambda value, style: quote(value)),
    114: lambda value, style: str(value),
    1082: lambda value, style: f'"{format_date(value, PLAIN_STYLE)}"',
    1114: lambda value, style: f'"{format_timestamp(value, PLAIN_STYLE).replace(" ", "T", 1)}"',
    1184: _instant,
    1700: lambda value, style: _number(format_numeric(value, style)),
}
"""How values of the commonest types are written."""

_WRITERS_OF_VALUES: Final[dict[type, Callable[[Any, TextStyle], str]]] = {
    bool: _WRITERS[16],
    Jsonb: lambda value, style: value.text,
}
"""And of those that are known by their form, whatever domain they are of."""


def _record_to_json(record: Record, context: CallContext, newlines: bool) -> str:
    fields = [
        key + ("null" if value is None else value_to_json(value, type_, context))
        for key, value, type_ in zip(_keys(record.names), record, record.types, strict=True)
    ]
    return "{" + (",\n " if newlines else ",").join(fields) + "}"


@lru_cache(maxsize=1000)
def _keys(names: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of an object, each with its colon."""
    return tuple(f"{quote(name)}:" for name in names)


def element_type(context: CallContext, oid: int) -> Type:
    """The type of an array's items, built in or not."""
    found = TYPE_BY_OID.get(oid)
    if found is None:
        user_type: Type = context.execution.catalog.type(oid)
        return user_type
    return found


def _array_to_json(array: Array, context: CallContext, newlines: bool) -> str:
    type_ = element_type(context, array.element)
    texts = [nullable_to_json(item, type_, context) for item in array.items]
    for length, _ in reversed(array.dimensions[1:]):
        groups = [texts[at : at + length] for at in range(0, len(texts), length)]
        texts = ["[" + ",".join(group) + "]" for group in groups]
    return "[" + (",\n " if newlines else ",").join(texts) + "]"


def nullable_to_json(value: Any, type_: Type, context: CallContext) -> str:
    """JSON text of a value that may be NULL."""
    return "null" if value is None else value_to_json(value, type_, context)


def value_to_jsonb(value: Any, type_: Type, context: CallContext) -> Any:
    """What a Jsonb of the value holds."""
    name = type_.name
    if value is None or name in _TEXTS or isinstance(value, bool):
        return value
    if isinstance(value, Jsonb):
        return value.value
    if name in _INTEGERS:
        return Decimal(value)
    if name == "numeric" and value.is_finite():
        return value
    if isinstance(value, Record):
        pairs = zip(value.names, value, value.types, strict=True)
        return make_object([(key, value_to_jsonb(v, kind, context)) for key, v, kind in pairs])
    return read_jsonb(value_to_json(value, type_, context))


_NESTED: Final[dict[type, Callable[..., str]]] = {
    Record: _record_to_json,
    Array: _array_to_json,
    GrowingArray: _array_to_json,
}

# Parts of texts.


def _skip(text: str, position: int) -> int:
    while text[position] in _BLANKS:
        position += 1
    return position


def kind_of(text: str) -> str:
    """What json_typeof calls the value."""
    return {
        "{": "object",
        "[": "array",
        '"': "string",
        "t": "boolean",
        "f": "boolean",
        "n": "null",
    }.get(text[_skip(text, 0)], "number")


def _value_end(text: str, position: int) -> int:
    return _DECODER.raw_decode(text, position)[1]


def items_of(text: str) -> Iterator[str]:
    """The texts of the items of an array."""
    position = _skip(text, _skip(text, 0) + 1)
    while text[position] != "]":
        end = _value_end(text, position)
        yield text[position:end]
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def members_of(text: str) -> Iterator[tuple[str, str]]:
    """Keys and texts of the members of an object, as written."""
    position = _skip(text, _skip(text, 0) + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        position = _skip(text, _skip(text, position) + 1)
        end = _value_end(text, position)
        yield key, text[position:end]
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def as_text(part: str) -> str | None:
    """A part as text: strings without quotes, NULL for null."""
    first = part[_skip(part, 0)]
    if first == '"':
        if "\\u" in part:
            check_escapes(part)
        return str(json.loads(part, strict=False))
    return None if first == "n" else part


def jsonb_as_text(value: Any) -> str | None:
    """A jsonb part as text: strings without quotes, NULL for null."""
    if value is None:
        return None
    return value if isinstance(value, str) else text_of(value)


def jsonb_kind(value: Any) -> str:
    """What jsonb_typeof calls the value."""
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return "null"


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "boolean"),
    (str, "string"),
    (dict, "object"),
    (list, "array"),
    (Decimal, "number"),
)
