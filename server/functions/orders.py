"""Keys: what Python orders as SQL orders the values of types without a natural order in Python."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from server.types.array import Array
from server.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    US_PER_DAY,
    US_PER_SECOND,
)
from server.types.date_style import session_zone
from server.types.growing_array import GrowingArray
from server.types.interval_style import Interval
from server.types.jsonb import Jsonb
from server.types.jsonb import sort_key as jsonb_key
from server.types.network import Inet
from server.types.network import sort_key as inet_key
from server.types.range import Multirange, Range, multirange_key, range_key
from server.types.times import TimeTz
from server.types.tsquery import TsQuery
from server.types.tsquery import sort_key as query_key
from server.types.tsvector import TsVector
from server.types.tsvector import sort_key as vector_key

if TYPE_CHECKING:
    from collections.abc import Callable


def blank_key(value: str) -> str:
    """A bpchar, whose trailing blanks mean nothing."""
    return value.rstrip(" ")


def float_key(value: float) -> tuple[bool, float]:
    """A float; NaN is greatest."""
    return (True, 0.0) if math.isnan(value) else (False, value)


def numeric_key(value: Decimal) -> tuple[bool, Decimal]:
    """A numeric; NaN is greatest."""
    return (True, Decimal(0)) if value.is_nan() else (False, value)


def interval_key(value: Interval) -> int:
    """An interval by its span, with months of 30 days and days of 24 hours."""
    months, days, us = value
    return int((months * 30 + days) * US_PER_DAY + us)


def timetz_key(value: TimeTz) -> tuple[int, int]:
    """A time with zone by its instant, then by its zone."""
    us, seconds_west = value
    return us + seconds_west * US_PER_SECOND, seconds_west


def date_to_timestamp(days: int) -> int:
    """Midnight of a date, beyond the range of timestamps where the date is."""
    if days == DATE_INFINITY:
        return TIMESTAMP_INFINITY
    if days == DATE_MINUS_INFINITY:
        return TIMESTAMP_MINUS_INFINITY
    return min(days * US_PER_DAY, TIMESTAMP_INFINITY - 1)  # far dates are later than any timestamp


def date_key(type_name: str) -> Callable[[Any, Any], int]:
    """What brings a date or timestamp to microseconds, UTC if a zone is involved."""
    if type_name == "date":
        return lambda context, value: _in_utc(context, date_to_timestamp(value))
    if type_name == "timestamp":
        return _in_utc
    return lambda context, value: int(value)


def _in_utc(context: Any, value: int) -> int:
    if context is None or value in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return value
    return value - session_zone(context.style).at_local(value).seconds_east * US_PER_SECOND


def generic_key(value: Any) -> Any:
    """Any value, by what it is in row form: arrays and records item by item, NULL last."""
    key = _KEYS.get(type(value))
    if key is not None:
        return key(value)
    return record_key(value) if isinstance(value, tuple) else value


def array_key(value: Array) -> Any:
    """An array item by item, then by shape."""
    shape = tuple(value.dimensions)
    return [nullable_key(item) for item in value.items], len(shape), shape


def record_key(value: tuple[Any, ...]) -> list[Any]:
    """A record field by field."""
    return [nullable_key(item) for item in value]


_KEYS: dict[type, Callable[[Any], Any]] = {
    Array: array_key,
    GrowingArray: array_key,
    Interval: interval_key,
    TimeTz: timetz_key,
    Jsonb: jsonb_key,
    Inet: inet_key,
    Range: range_key,
    Multirange: multirange_key,
    TsVector: vector_key,
    TsQuery: query_key,
    float: float_key,
    Decimal: numeric_key,
}


def nullable_key(value: Any) -> Any:
    """As generic_key for values that may be NULL, which come last and are equal."""
    return (True, 0) if value is None else (False, generic_key(value))
