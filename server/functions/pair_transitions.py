"""Transition and final functions of aggregates over pairs and intervals: float8_regr_accum and its kin.

A state of pairs is N, Sx, Sxx, Sy, Syy, Sxy as an array of float8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import InternalError, NullValueNotAllowed
from server.functions import instants
from server.functions.cataloged import cataloged
from server.functions.floats import overflow
from server.functions.statistics import PAIR_FINISHERS
from server.oids import FLOAT8, INT8, INTERVAL
from server.types.array import Array, make_array
from server.types.interval_style import Interval
from server.vector.moments import add_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.functions.function import Function

PAIR_STATE_LENGTH: Final = 6


def _pairs(name: str, state: Array) -> list[float]:
    if len(state.items) != PAIR_STATE_LENGTH or None in state.items:
        raise InternalError(f"{name}: expected {PAIR_STATE_LENGTH}-element float8 array")
    return list(state.items)


def _accumulated(state: Array, y: float, x: float) -> Array:
    total = _pairs("float8_regr_accum", state)
    if add_pair(total, x, y):
        raise overflow()
    return make_array(FLOAT8, tuple(total))


def _combined(left: Array, right: Array) -> Array:
    first, second = _pairs("float8_regr_combine", left), _pairs("float8_regr_combine", right)
    if first[0] == 0.0 or second[0] == 0.0:
        return make_array(FLOAT8, tuple(second if first[0] == 0.0 else first))
    count = first[0] + second[0]
    dx = first[1] / first[0] - second[1] / second[0]
    dy = first[3] / first[0] - second[3] / second[0]
    scale = first[0] * second[0] / count
    total = (
        count,
        first[1] + second[1],
        first[2] + second[2] + scale * dx * dx,
        first[3] + second[3],
        first[4] + second[4] + scale * dy * dy,
        first[5] + second[5] + scale * dx * dy,
    )
    return make_array(FLOAT8, total)


def _finisher(name: str, finish: Callable[..., Any]) -> Callable[[Array], float | None]:
    def finished(state: Array) -> float | None:
        total = _pairs(name, state)
        return finish(*total) if total[0] >= 1.0 else None

    return finished


def _counted(state: Array, by: int, total: int) -> Array:
    if len(state.items) != 2:
        raise InternalError("expected 2-element int8 array")
    return make_array(INT8, (state.items[0] + by, state.items[1] + total))


def _both(left: Array, right: Array) -> Array:
    if len(right.items) != 2:
        raise InternalError("expected 2-element int8 array")
    return _counted(left, right.items[0], right.items[1])


def _sum(state: Array) -> int | None:
    if len(state.items) != 2:
        raise InternalError("expected 2-element int8 array")
    return state.items[1] if state.items[0] else None


def _intervals(state: Array) -> tuple[Interval, int]:
    if len(state.items) != 2:
        raise InternalError("expected 2-element interval array")
    if None in state.items:
        raise NullValueNotAllowed("null array element not allowed in this context")
    return state.items[0], state.items[1].microseconds


def _interval_state(total: Interval, count: int) -> Array:
    return make_array(INTERVAL, (total, Interval(0, 0, count)))


def _interval_added(state: Array, value: Interval) -> Array:
    total, count = _intervals(state)
    return _interval_state(instants.interval_plus(total, value), count + 1)


def _interval_taken(state: Array, value: Interval) -> Array:
    total, count = _intervals(state)
    return _interval_state(instants.interval_plus(total, instants.negated(value)), count - 1)


def _intervals_joined(left: Array, right: Array) -> Array:
    (total, count), (other, other_count) = _intervals(left), _intervals(right)
    return _interval_state(instants.interval_plus(total, other), count + other_count)


def _interval_mean(state: Array) -> Interval | None:
    total, count = _intervals(state)
    return instants.interval_divided(total, float(count)) if count else None


PAIRS: Final = "'{2,3,0.5,7,0.5,0.5}'"


def _functions() -> Iterator[Function]:
    yield cataloged(
        "float8_regr_accum",
        _accumulated,
        "Moments of pairs, one more.",
        "'{1,1,0,3,0,0}', 4, 2 -> {2,3,0.5,7,0.5,0.5}",
    )
    yield cataloged(
        "float8_regr_combine",
        _combined,
        "Moments of both.",
        "'{1,1,0,3,0,0}', '{1,2,0,4,0,0}' -> {2,3,0.5,7,0.5,0.5}",
    )
    for name, (doc, finish) in PAIR_FINISHERS.items():
        called = f"float8_{name}"
        yield cataloged(called, _finisher(called, finish), doc)
    for name in ("int2_avg_accum_inv", "int4_avg_accum_inv"):
        yield cataloged(
            name,
            lambda state, value: _counted(state, -1, -value),
            "Count and sum, one less.",
            "'{2,7}', 2 -> {1,5}",
        )
    yield cataloged("int4_avg_combine", _both, "Counts and sums.", "'{2,7}', '{1,2}' -> {3,9}")
    yield cataloged("int2int4_sum", _sum, "The sum.", "'{2,7}' -> 7")
    state = "'{3 days,00:00:00.000002}'"
    yield cataloged(
        "interval_accum",
        _interval_added,
        "Sum and count, one more.",
        "'{2 days,00:00:00.000001}', '1 day' -> {\"3 days\",00:00:00.000002}",
    )
    yield cataloged("interval_accum_inv", _interval_taken, "Sum and count, one less.")
    yield cataloged("interval_combine", _intervals_joined, "Sums and counts.")
    yield cataloged("interval_avg", _interval_mean, "The mean.", f"{state} -> 1 day 12:00:00")


FUNCTIONS: Final = tuple(_functions())
