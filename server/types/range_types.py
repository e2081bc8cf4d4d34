"""The range and multirange types: the built-in ones, and how one is made of any subtype.

The binary form of a range is a byte of flags and the finite bounds, each behind its length; that of a
multirange is the number of ranges and they, each behind its length. Both are kept in it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    DatetimeFieldOverflow,
    InvalidBinaryRepresentation,
    NumericValueOutOfRange,
)
from server.types.calendar import DATE_END, DATE_INFINITY, DATE_MINUS_INFINITY
from server.types.dates import DATE_TYPES
from server.types.errors import incorrect_format, insufficient_data
from server.types.facts import FACTS, complete
from server.types.integers import INTEGER_TYPES
from server.types.numeric import NUMERIC_TYPES
from server.types.range import (
    Multirange,
    Range,
    RangeKind,
    make_multirange,
    make_range,
    multirange_key,
    multirange_key_value,
    range_key,
    range_key_value,
)
from server.types.range_text import format_multirange, format_range, parse_multirange, parse_range
from server.types.text import OBJECTS
from server.types.timestamps import TIMESTAMP_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import Type, Value

LENGTH: Final = struct.Struct("!i")
EMPTY, LOWER_INCLUSIVE, UPPER_INCLUSIVE, LOWER_INFINITE, UPPER_INFINITE = 1, 2, 4, 8, 16


def send_range(value: Range) -> bytes:
    """Encode the binary form."""
    if value.is_empty:
        return bytes([EMPTY])
    flags = (
        LOWER_INCLUSIVE * value.lower_inclusive
        | UPPER_INCLUSIVE * value.upper_inclusive
        | LOWER_INFINITE * (value.lower is None)
        | UPPER_INFINITE * (value.upper is None)
    )
    send = value.kind.subtype.send
    bounds = [send(bound) for bound in (value.lower, value.upper) if bound is not None]
    return bytes([flags]) + b"".join(LENGTH.pack(len(bound)) + bound for bound in bounds)


def receive_range(kind: RangeKind, data: bytes) -> Range:
    """Decode the binary form."""
    if not data:
        raise insufficient_data()
    flags = data[0]
    if flags & EMPTY:
        return Range(kind, is_empty=True)
    at = 1
    bounds: list[Value | None] = []
    for infinite in (LOWER_INFINITE, UPPER_INFINITE):
        if flags & infinite:
            bounds.append(None)
            continue
        part, at = _sized(data, at)
        bounds.append(kind.subtype.receive(part, -1))
    if at != len(data):
        raise incorrect_format()
    lower, upper = bounds
    return make_range(
        kind, lower, upper, bool(flags & LOWER_INCLUSIVE), bool(flags & UPPER_INCLUSIVE)
    )


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    """The part behind its length; gives where the next one starts."""
    start = at + LENGTH.size
    if start > len(data):
        raise insufficient_data()
    length = LENGTH.unpack_from(data, at)[0]
    if length < 0:
        raise InvalidBinaryRepresentation("invalid length in external range")
    if start + length > len(data):
        raise insufficient_data()
    return data[start : start + length], start + length


def send_multirange(value: Multirange) -> bytes:
    """Encode the binary form."""
    sent = [send_range(each) for each in value.ranges]
    return LENGTH.pack(len(sent)) + b"".join(LENGTH.pack(len(each)) + each for each in sent)


def receive_multirange(kind: RangeKind, data: bytes) -> Multirange:
    """Decode the binary form."""
    if len(data) < LENGTH.size:
        raise insufficient_data()
    ranges: list[Range] = []
    at = LENGTH.size
    for _ in range(LENGTH.unpack_from(data)[0]):
        part, at = _sized(data, at)
        ranges.append(receive_range(kind, part))
    if at != len(data):
        raise incorrect_format()
    return make_multirange(kind, ranges)


def range_type(identity: dict[str, Any], kind: RangeKind) -> Type:
    """Make the range type of a kind; identity names it."""
    return _type_over(
        kind,
        {
            "kind": "r",
            "parse": lambda text, _modifier, style: parse_range(kind, text, style),
            "format": format_range,
            "receive": lambda data, _modifier: receive_range(kind, data),
            "send": send_range,
            "store_value": lambda value, _modifier: send_range(value),
            "load_value": lambda stored, _modifier: receive_range(kind, stored),
            "sort_key": range_key,
            "key_value": range_key_value,
        }
        | identity,
    )


def multirange_type(identity: dict[str, Any], kind: RangeKind) -> Type:
    """Make the multirange type of a kind; identity names it."""
    return _type_over(
        kind,
        {
            "kind": "m",
            "parse": lambda text, _modifier, style: parse_multirange(kind, text, style),
            "format": format_multirange,
            "receive": lambda data, _modifier: receive_multirange(kind, data),
            "send": send_multirange,
            "store_value": lambda value, _modifier: send_multirange(value),
            "load_value": lambda stored, _modifier: receive_multirange(kind, stored),
            "sort_key": multirange_key,
            "key_value": multirange_key_value,
        }
        | identity,
    )


def _type_over(kind: RangeKind, facts: dict[str, Any]) -> Type:
    """A type of ranges over the subtype of the kind."""
    return complete(
        {
            "category": "R",
            "alignment": "d" if kind.subtype.alignment == "d" else "i",
            "storage_strategy": "x",
            "range": kind,
            "dtype": OBJECTS,
            "storage_kind": "BYTES",
        }
        | facts
    )


def _next_integer(sql_name: str, bits: int) -> Callable[[int], int]:
    def successor(value: int) -> int:
        if value == (1 << bits) - 1:
            raise NumericValueOutOfRange(f"{sql_name} out of range")
        return value + 1

    return successor


def _next_date(days: int) -> int | None:
    if days in (DATE_INFINITY, DATE_MINUS_INFINITY):
        return None
    if days + 1 >= DATE_END:
        raise DatetimeFieldOverflow("date out of range")
    return days + 1


_SUBTYPES: Final = {
    type_.name: type_ for type_ in (*INTEGER_TYPES, *NUMERIC_TYPES, *DATE_TYPES, *TIMESTAMP_TYPES)
}
_SUCCESSORS: Final[dict[str, Callable[[Any], Any]]] = {
    "int4": _next_integer("integer", 31),
    "int8": _next_integer("bigint", 63),
    "date": _next_date,
}
_BUILT_IN: Final = (
    ("int4", "int4"),
    ("int8", "int8"),
    ("num", "numeric"),
    ("ts", "timestamp"),
    ("tstz", "timestamptz"),
    ("date", "date"),
)
"""What the names of types start with, and the subtype."""


def _kind(prefix: str, subtype: str) -> RangeKind:
    return RangeKind(
        FACTS[f"{prefix}range"]["oid"],
        FACTS[f"{prefix}multirange"]["oid"],
        _SUBTYPES[subtype],
        _SUCCESSORS.get(subtype),
    )


_KINDS: Final = tuple((prefix, _kind(prefix, subtype)) for prefix, subtype in _BUILT_IN)
RANGE_TYPES: Final = (
    *(range_type(FACTS[f"{prefix}range"], kind) for prefix, kind in _KINDS),
    *(multirange_type(FACTS[f"{prefix}multirange"], kind) for prefix, kind in _KINDS),
)
