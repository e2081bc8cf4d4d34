"""Transition and final functions of built-in aggregates, for aggregates that users make of them.

A state is a plain value here: an array of float8 for the moments of numbers (count, sum, sum of squared
deviations), an array of int8 for averages of integers.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.errors import InternalError, NumericValueOutOfRange
from server.functions.cataloged import cataloged
from server.functions.numeric_math import add, divide
from server.oids import FLOAT8, INT8
from server.types.array import Array, make_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Function

MOMENT_COUNT: Final = 3
INT4_MAX, INT8_MAX = (1 << 31) - 1, (1 << 63) - 1


def _moments(name: str, state: Array) -> tuple[float, float, float]:
    if len(state.items) != MOMENT_COUNT or None in state.items:
        raise InternalError(f"{name}: expected {MOMENT_COUNT}-element float8 array")
    count, total, squares = state.items
    return count, total, squares


def _accumulated_as(name: str) -> Callable[[Array, float], Array]:
    return lambda state, value: _float_accumulated(name, state, value)


def _float_accumulated(name: str, state: Array, value: float) -> Array:
    """Youngs and Cramer's way to add a number."""
    count, total, squares = _moments(name, state)
    count += 1.0
    total += value
    if count > 1.0:
        deviation = value * count - total
        squares += deviation * deviation / (count * (count - 1.0))
        if math.isinf(squares):
            if not math.isinf(total - value) and not math.isinf(value):
                raise NumericValueOutOfRange("value out of range: overflow")
            squares = math.nan
    elif math.isnan(value) or math.isinf(value):
        squares = math.nan
    return make_array(FLOAT8, (count, total, squares))


def _float_combined(left: Array, right: Array) -> Array:
    (count, total, squares), (other, other_total, other_squares) = (
        _moments("float8_combine", state) for state in (left, right)
    )
    if count == 0.0:
        return make_array(FLOAT8, (other, other_total, other_squares))
    if other == 0.0:
        return make_array(FLOAT8, (count, total, squares))
    apart = total / count - other_total / other
    both = count + other
    joined = squares + other_squares + count * other * apart * apart / both
    return make_array(FLOAT8, (both, total + other_total, joined))


def _mean(state: Array) -> float | None:
    count, total, _ = _moments("float8_avg", state)
    return total / count if count else None


def _spread(name: str, sample: bool, root: bool) -> Callable[[Array], float | None]:
    def finish(state: Array) -> float | None:
        count, _, squares = _moments(name, state)
        if count <= 1.0 if sample else count == 0.0:
            return None
        variance = squares / (count - 1.0 if sample else count)
        if not root:
            return variance
        return math.sqrt(variance) if variance >= 0 else math.nan

    return finish


def _sum_of(state: Any, value: Any) -> Any:
    if state is None:
        return value
    return state if value is None else _checked(state + value, INT8_MAX, "bigint")


def _numeric_sum(state: Decimal | None, value: int | None) -> Decimal | None:
    if value is None:
        return state
    return Decimal(value) if state is None else add(state, Decimal(value))


def _average_accumulated(state: Array, value: int) -> Array:
    if len(state.items) != 2:
        raise InternalError("expected 2-element int8 array")
    count, total = state.items
    return make_array(INT8, (count + 1, total + value))


def _average(state: Array) -> Decimal | None:
    if len(state.items) != 2:
        raise InternalError("expected 2-element int8 array")
    count, total = state.items
    return divide(Decimal(total), Decimal(count)) if count else None


def _checked(value: int, limit: int, name: str) -> int:
    if not -limit - 1 <= value <= limit:
        raise NumericValueOutOfRange(f"{name} out of range")
    return value


def _step(by: int, limit: int, name: str) -> Callable[..., int]:
    return lambda count, *_rest: _checked(count + by, limit, name)


_STATE: Final = "'{2,3,0.5}'"
FUNCTIONS: Final[tuple[Function, ...]] = (
    cataloged("int4inc", _step(1, INT4_MAX, "integer"), "One more.", "41 -> 42"),
    cataloged("int8inc", _step(1, INT8_MAX, "bigint"), "One more.", "41 -> 42"),
    cataloged("int8dec", _step(-1, INT8_MAX, "bigint"), "One less.", "43 -> 42"),
    cataloged("int8inc_any", _step(1, INT8_MAX, "bigint"), "One more.", "41, 7 -> 42"),
    cataloged("int8dec_any", _step(-1, INT8_MAX, "bigint"), "One less.", "43, 7 -> 42"),
    cataloged("int8inc_float8_float8", _step(1, INT8_MAX, "bigint"), "One more.", "41, 1, 2 -> 42"),
    cataloged("booland_statefunc", lambda a, b: a and b, "Both.", "true, false -> f"),
    cataloged("boolor_statefunc", lambda a, b: a or b, "Either.", "true, false -> t"),
    cataloged("int2_sum", _sum_of, "The sum, NULLs left out.", "40, 2 -> 42"),
    cataloged("int4_sum", _sum_of, "The sum, NULLs left out.", "40, 2 -> 42"),
    cataloged("int8_sum", _numeric_sum, "The sum, NULLs left out.", "40, 2 -> 42"),
    cataloged(
        "int2_avg_accum", _average_accumulated, "Count and sum, one more.", "'{1,5}', 2 -> {2,7}"
    ),
    cataloged(
        "int4_avg_accum", _average_accumulated, "Count and sum, one more.", "'{1,5}', 2 -> {2,7}"
    ),
    cataloged("int8_avg", _average, "The mean.", "'{2,7}' -> 3.5000000000000000"),
    cataloged(
        "float4_accum",
        _accumulated_as("float4_accum"),
        "Moments, one more.",
        "'{1,2,0}', 1 -> {2,3,0.5}",
    ),
    cataloged(
        "float8_accum",
        _accumulated_as("float8_accum"),
        "Moments, one more.",
        "'{1,2,0}', 1 -> {2,3,0.5}",
    ),
    cataloged(
        "float8_combine",
        _float_combined,
        "Moments of both.",
        "'{1,2,0}', '{1,1,0}' -> {2,3,0.5}",
    ),
    cataloged("float8_avg", _mean, "The mean.", f"{_STATE} -> 1.5"),
    cataloged(
        "float8_var_pop",
        _spread("float8_var_pop", False, False),
        "The variance of all.",
        f"{_STATE} -> 0.25",
    ),
    cataloged(
        "float8_var_samp",
        _spread("float8_var_samp", True, False),
        "The variance of a sample.",
        f"{_STATE} -> 0.5",
    ),
    cataloged(
        "float8_stddev_pop",
        _spread("float8_stddev_pop", False, True),
        "The standard deviation of all.",
        f"{_STATE} -> 0.5",
    ),
    cataloged(
        "float8_stddev_samp",
        _spread("float8_stddev_samp", True, True),
        "The standard deviation of a sample.",
        f"{_STATE} -> 0.7071067811865476",
    ),
)
