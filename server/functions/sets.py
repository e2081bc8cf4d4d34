"""generate_series: rows from a start to a stop, by a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue
from server.functions import instants
from server.functions import numeric_math as exact
from server.functions.declare import row
from server.functions.orders import interval_key
from server.types.numeric import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from server.functions.function import CallContext
    from server.types.interval_style import Interval


def _no_step() -> InvalidParameterValue:
    return InvalidParameterValue("step size cannot equal zero")


def _integers(start: int, stop: int, step: int = 1) -> Iterable[int]:
    if step == 0:
        raise _no_step()
    return range(start, stop + (1 if step > 0 else -1), step)


def _numerics(start: Decimal, stop: Decimal, step: Decimal = exact.ONE) -> Iterator[Decimal]:
    for name, value in (("start", start), ("stop", stop), ("step size", step)):
        if not value.is_finite():
            said = "NaN" if value.is_nan() else "infinity"
            raise InvalidParameterValue(
                f"{name} value cannot be {said}"
                if name != "step size"
                else f"step size cannot be {said}"
            )
    if not step:
        raise _no_step()
    return _count_up(start, stop, step)


def _count_up(start: Decimal, stop: Decimal, step: Decimal) -> Iterator[Decimal]:
    value = start
    while value <= stop if step > 0 else value >= stop:
        yield value
        value = EXACT.add(value, step)  # one past the last may be too large for the format


def _direction(step: Interval) -> int:
    span = interval_key(step)
    if span == 0:
        raise _no_step()
    return 1 if span > 0 else -1


def _timestamps(start: int, stop: int, step: Interval) -> Iterator[int]:
    direction = _direction(step)

    def run() -> Iterator[int]:
        value = start
        while value <= stop if direction > 0 else value >= stop:
            yield value
            value = instants.timestamp_plus(value, step)

    return run()


def _instants(context: CallContext, start: int, stop: int, step: Interval) -> Iterator[int]:
    direction, zone = _direction(step), instants.zone_of(context)

    def run() -> Iterator[int]:
        value = start
        while value <= stop if direction > 0 else value >= stop:
            yield value
            value = instants.instant_plus(zone, value, step)

    return run()


_DOC = "Values from a start to a stop."
_DOC_STEP = "Values from a start to a stop, by a step."

FUNCTIONS: Final = (
    row("1067 generate_series(int4, int4) int4 set", _integers, _DOC, "2, 4 -> 2 ; 3 ; 4"),
    row(
        "1066 generate_series(int4, int4, int4) int4 set",
        _integers,
        _DOC_STEP,
        "5, 1, -2 -> 5 ; 3 ; 1",
    ),
    row("1069 generate_series(int8, int8) int8 set", _integers, _DOC, "2, 4 -> 2 ; 3 ; 4"),
    row(
        "1068 generate_series(int8, int8, int8) int8 set",
        _integers,
        _DOC_STEP,
        "5, 1, -2 -> 5 ; 3 ; 1",
    ),
    row(
        "3260 generate_series(numeric, numeric) numeric set",
        _numerics,
        _DOC,
        "1.5, 4 -> 1.5 ; 2.5 ; 3.5",
    ),
    row(
        "3259 generate_series(numeric, numeric, numeric) numeric set",
        _numerics,
        _DOC_STEP,
        "1.1, 4, 1.3 -> 1.1 ; 2.4 ; 3.7",
    ),
    row(
        "938 generate_series(timestamp, timestamp, interval) timestamp set",
        _timestamps,
        _DOC_STEP,
        "'2008-03-01', '2008-03-02', '12 hours' -> "
        "2008-03-01 00:00:00 ; 2008-03-01 12:00:00 ; 2008-03-02 00:00:00",
    ),
    row(
        "939 generate_series(timestamptz, timestamptz, interval) timestamptz stable set context",
        _instants,
        _DOC_STEP,
        "'2008-03-01 00:00+00', '2008-03-02 00:00+00', '12 hours' -> "
        "2008-03-01 00:00:00+00 ; 2008-03-01 12:00:00+00 ; 2008-03-02 00:00:00+00",
    ),
)
