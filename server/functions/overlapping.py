"""OVERLAPS: whether two periods, each two moments or a moment and a length, have time in common.

Rule 1: the moments of a period may be given in any order; one of them may be NULL, and then only the
        other one counts.
Rule 2: a moment of one period that is the end of the other does not make them overlap, but for periods
        that begin together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.functions import instants
from server.functions.cataloged import cataloged
from server.functions.instants import wrapped, zone_of
from server.functions.orders import timetz_key
from server.oids import INTERVAL, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ
from server.types.calendar import US_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.functions.function import CallContext, Function
    from server.types.interval_style import Interval


def _in_order(start: Any, end: Any) -> tuple[Any, Any]:
    if start is None:
        return end, None
    if end is not None and start > end:
        return end, start
    return start, end


def _overlap(first: tuple[Any, Any], second: tuple[Any, Any]) -> bool | None:
    """Whether periods overlap; NULL where it depends on what is NULL."""
    (start, end), (other, other_end) = _in_order(*first), _in_order(*second)
    if start is None or other is None:
        return None
    if start == other:
        return None if end is None or other_end is None else True
    if start > other:
        start, end, other, other_end = other, other_end, start, end
    if end is None:
        return None
    if other < end:
        return True
    return None if other_end is None else False


Plus = Any  # (context, moment, length) -> moment


def _end(plus: Plus, call: CallContext, start: Any, length: Interval | None) -> Any:
    return None if start is None or length is None else plus(call, start, length)


def _timestamp_plus(_call: CallContext, us: int, length: Interval) -> int:
    return instants.timestamp_plus(us, length)


def _instant_plus(call: CallContext, us: int, length: Interval) -> int:
    return instants.instant_plus(zone_of(call), us, length)


def _time_plus(_call: CallContext, us: int, length: Interval) -> int:
    return wrapped(us + length.microseconds) % US_PER_DAY


def _function(plus: Plus, has_lengths: tuple[bool, bool]) -> Callable[..., bool | None]:
    def overlaps(call: CallContext, *given: Any) -> bool | None:
        periods = []
        for (start, end), has_length in zip((given[:2], given[2:]), has_lengths, strict=True):
            periods.append((start, _end(plus, call, start, end) if has_length else end))
        return _overlap(*periods)

    return overlaps


def _zoned(_call: CallContext, *given: Any) -> bool | None:
    keys = [None if moment is None else timetz_key(moment) for moment in given]
    return _overlap((keys[0], keys[1]), (keys[2], keys[3]))


EXAMPLES: Final = {
    TIME: ("'10:00'", "'12:00'", "'11:00'", "'13:00'", "'2 hours'"),
    TIMESTAMP: ("'2024-01-01'", "'2024-01-03'", "'2024-01-02'", "'2024-01-05'", "'2 days'"),
    TIMESTAMPTZ: ("'2024-01-01'", "'2024-01-03'", "'2024-01-02'", "'2024-01-05'", "'2 days'"),
}


def _functions() -> Iterator[Function]:
    doc = "Whether two periods have time in common."
    for moment, plus in (
        (TIMESTAMP, _timestamp_plus),
        (TIMESTAMPTZ, _instant_plus),
        (TIME, _time_plus),
    ):
        start, end, other, other_end, length = EXAMPLES[moment]
        for first in (False, True):
            for second in (False, True):
                types = (
                    moment,
                    INTERVAL if first else moment,
                    moment,
                    INTERVAL if second else moment,
                )
                given = (start, length if first else end, other, length if second else other_end)
                yield cataloged(
                    "overlaps",
                    _function(plus, (first, second)),
                    doc,
                    f"{', '.join(given)} -> t",
                    arguments=types,
                    needs_context=True,
                )
    yield cataloged(
        "overlaps",
        _zoned,
        doc,
        "'10:00+00', '12:00+00', '12:00+00', '13:00+00' -> f",
        arguments=(TIMETZ,) * 4,
        needs_context=True,
    )


FUNCTIONS: Final = tuple(_functions())
