"""in_range: how RANGE frames with an offset compare the value of a row with that of another.

in_range(value, base, offset, sub, less) is value <= base +- offset when less, else value >= it. Sums
beyond the range of a type are as far away as they would be: they do not overflow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidPrecedingOrFollowingSize
from server.functions.declare import row
from server.functions.instants import (
    instant_plus,
    interval_minus,
    interval_plus,
    timestamp_minus,
    timestamp_of_date,
    timestamp_plus,
    turned,
    zone_of,
)
from server.functions.orders import interval_key, timetz_key
from server.types.numeric import EXACT
from server.types.times import TimeTz

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from server.functions.function import CallContext, Function
    from server.types.interval_style import Interval

_INTEGERS: Final = (
    (4126, "int8", "int8"),
    (4127, "int4", "int8"),
    (4128, "int4", "int4"),
    (4129, "int4", "int2"),
    (4130, "int2", "int8"),
    (4131, "int2", "int4"),
    (4132, "int2", "int2"),
)


def _checked(is_invalid: bool) -> None:
    if is_invalid:
        raise InvalidPrecedingOrFollowingSize(
            "invalid preceding or following size in window function"
        )


def _compared(value: Any, bound: Any, less: bool) -> bool:
    return bool(value <= bound if less else value >= bound)


def _integer(value: int, base: int, offset: int, sub: bool, less: bool) -> bool:
    _checked(offset < 0)
    return _compared(value, base - offset if sub else base + offset, less)


def _float(value: float, base: float, offset: float, sub: bool, less: bool) -> bool:
    _checked(math.isnan(offset) or offset < 0)
    if math.isnan(value):
        return math.isnan(base) or not less
    if math.isnan(base):
        return less
    if math.isinf(offset) and math.isinf(base) and (base > 0 if sub else base < 0):
        return True  # infinity from infinity: nothing can tell
    return _compared(value, base - offset if sub else base + offset, less)


def _numeric(value: Decimal, base: Decimal, offset: Decimal, sub: bool, less: bool) -> bool:
    _checked(offset.is_nan() or offset < 0)
    if value.is_nan():
        return base.is_nan() or not less
    if base.is_nan():
        return less
    if offset.is_infinite() and base.is_infinite() and (base > 0 if sub else base < 0):
        return True
    bound = EXACT.subtract(base, offset) if sub else EXACT.add(base, offset)
    return _compared(value, bound, less)


def _timestamp(value: int, base: int, offset: Interval, sub: bool, less: bool) -> bool:
    _checked(interval_key(offset) < 0)
    bound = timestamp_minus(base, offset) if sub else timestamp_plus(base, offset)
    return _compared(value, bound, less)


def _date(value: int, base: int, offset: Interval, sub: bool, less: bool) -> bool:
    return _timestamp(timestamp_of_date(value), timestamp_of_date(base), offset, sub, less)


def _instant(
    call: CallContext, value: int, base: int, offset: Interval, sub: bool, less: bool
) -> bool:
    _checked(interval_key(offset) < 0)
    return _compared(
        value, instant_plus(zone_of(call), base, turned(offset) if sub else offset), less
    )


def _interval(value: Interval, base: Interval, offset: Interval, sub: bool, less: bool) -> bool:
    _checked(interval_key(offset) < 0)
    bound = interval_minus(base, offset) if sub else interval_plus(base, offset)
    return _compared(interval_key(value), interval_key(bound), less)


def _time(value: int, base: int, offset: Interval, sub: bool, less: bool) -> bool:
    us = offset[2]  # months and days mean nothing for a time of day
    _checked(us < 0)
    return _compared(value, base - us if sub else base + us, less)


def _timetz(value: TimeTz, base: TimeTz, offset: Interval, sub: bool, less: bool) -> bool:
    us = offset[2]
    _checked(us < 0)
    bound = TimeTz(base[0] - us if sub else base[0] + us, base[1])
    return _compared(timetz_key(value), timetz_key(bound), less)


def _function(
    oid: int, value: str, offset: str, compare: Callable[..., bool], words: str = ""
) -> Function:
    signature = f"{oid} in_range({value}, {value}, {offset}, bool, bool) bool{words}"
    return row(signature, compare, "Whether a value is within the bound of a frame.")


FUNCTIONS: Final[tuple[Function, ...]] = (
    *(_function(oid, value, offset, _integer) for oid, value, offset in _INTEGERS),
    _function(4133, "date", "interval", _date),
    _function(4134, "timestamp", "interval", _timestamp),
    _function(4135, "timestamptz", "interval", _instant, " stable context"),
    _function(4136, "interval", "interval", _interval),
    _function(4137, "time", "interval", _time),
    _function(4138, "timetz", "interval", _timetz),
    _function(4139, "float8", "float8", _float),
    _function(4140, "float4", "float8", _float),
    _function(4141, "numeric", "numeric", _numeric),
)
