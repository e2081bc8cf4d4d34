"""Statistics over groups: variance, deviation, correlation, regression.

Integers and numerics keep exact sums of values and of squares; floats keep the running mean and the
sum of squared differences, so that nothing cancels out.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import numeric_math as exact
from server.functions.declare import aggregate
from server.functions.sums import present
from server.vector.column import Column, Positions
from server.vector.rows import column_of, joint_validity, plain_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Aggregate

Columns = tuple[Column, ...]
_OBJECT: Final = np.dtype(object)
_FLOAT: Final = np.dtype(np.float64)


# Exact: count, sum and sum of squares.

_Exact = dict[int, list[Any]]


def _add_exact(state: _Exact, groups: Positions, group_count: int, columns: Columns) -> _Exact:
    groups, column = present(groups, columns[0])
    for group, value in zip(groups.tolist(), plain_values(column), strict=True):
        total = state.setdefault(group, [0, Decimal(0), Decimal(0)])
        number = value if isinstance(value, Decimal) else Decimal(value)
        total[0] += 1
        total[1] = exact.add(total[1], number)
        total[2] = exact.add(total[2], exact.multiply(number, number))
    return state


def _exact_variance(total: list[Any], sample: bool, root: bool) -> Decimal | None:
    count, values, squares = total
    if count < (2 if sample else 1):
        return None
    if values.is_nan() or not values.is_finite():
        return Decimal("NaN")
    number = Decimal(count)
    numerator = exact.subtract(exact.multiply(number, squares), exact.multiply(values, values))
    if numerator <= 0:
        return Decimal(0)
    divisor = exact.multiply(number, Decimal(count - 1) if sample else number)
    variance = exact.divide(numerator, divisor)
    return exact.square_root_to(variance, exact.scale_of(variance)) if root else variance


def _finish_exact(sample: bool, root: bool) -> Callable[[_Exact, int], Column]:
    def finish(state: _Exact, group_count: int) -> Column:
        results = [
            _exact_variance(state[group], sample, root) if group in state else None
            for group in range(group_count)
        ]
        return column_of(results, _OBJECT)

    return finish


# Floats: count, sum and sum of squared differences (Youngs and Cramer).

_Floats = dict[int, list[float]]


def _add_floats(state: _Floats, groups: Positions, group_count: int, columns: Columns) -> _Floats:
    groups, column = present(groups, columns[0])
    for group, value in zip(groups.tolist(), plain_values(column), strict=True):
        total = state.setdefault(group, [0.0, 0.0, 0.0])
        total[0] += 1
        total[1] += value
        if total[0] > 1:
            difference = value * total[0] - total[1]
            total[2] += difference * difference / (total[0] * (total[0] - 1))
        elif not math.isfinite(value):
            total[2] = math.nan
    return state


def _finish_floats(sample: bool, root: bool) -> Callable[[_Floats, int], Column]:
    def value_of(total: list[float]) -> float | None:
        count, _, squares = total
        if count < (2 if sample else 1):
            return None
        variance = squares / (count - 1 if sample else count)
        return math.sqrt(variance) if root else variance

    def finish(state: _Floats, group_count: int) -> Column:
        results = [
            value_of(state[group]) if group in state else None for group in range(group_count)
        ]
        return column_of(results, _FLOAT)

    return finish


_KINDS: Final = {
    "var_pop": (False, False, "Variance of the population."),
    "var_samp": (True, False, "Variance of a sample."),
    "variance": (True, False, "Variance of a sample."),
    "stddev_pop": (False, True, "Standard deviation of the population."),
    "stddev_samp": (True, True, "Standard deviation of a sample."),
    "stddev": (True, True, "Standard deviation of a sample."),
}
_VARIANCES: Final = """
2148 variance(int8) numeric
2149 variance(int4) numeric
2150 variance(int2) numeric
2151 variance(float4) float8
2152 variance(float8) float8
2153 variance(numeric) numeric
2154 stddev(int8) numeric
2155 stddev(int4) numeric
2156 stddev(int2) numeric
2157 stddev(float4) float8
2158 stddev(float8) float8
2159 stddev(numeric) numeric
2641 var_samp(int8) numeric
2642 var_samp(int4) numeric
2643 var_samp(int2) numeric
2644 var_samp(float4) float8
2645 var_samp(float8) float8
2646 var_samp(numeric) numeric
2712 stddev_samp(int8) numeric
2713 stddev_samp(int4) numeric
2714 stddev_samp(int2) numeric
2715 stddev_samp(float4) float8
2716 stddev_samp(float8) float8
2717 stddev_samp(numeric) numeric
2718 var_pop(int8) numeric
2719 var_pop(int4) numeric
2720 var_pop(int2) numeric
2721 var_pop(float4) float8
2722 var_pop(float8) float8
2723 var_pop(numeric) numeric
2724 stddev_pop(int8) numeric
2725 stddev_pop(int4) numeric
2726 stddev_pop(int2) numeric
2727 stddev_pop(float4) float8
2728 stddev_pop(float8) float8
2729 stddev_pop(numeric) numeric
"""


def _variances() -> tuple[Aggregate, ...]:
    found = []
    for line in _VARIANCES.strip().splitlines():
        sample, root, doc = _KINDS[line.split(" ", 1)[1].partition("(")[0]]
        floating = line.endswith("float8")
        accumulate: Any = _add_floats if floating else _add_exact
        finish: Any = _finish_floats(sample, root) if floating else _finish_exact(sample, root)
        found.append(aggregate(line, lambda call: {}, accumulate, finish, doc))
    return tuple(found)


# Pairs of floats: N, Sx, Sxx, Sy, Syy, Sxy.

_Pairs = dict[int, list[float]]


def _add_pairs(state: _Pairs, groups: Positions, group_count: int, columns: Columns) -> _Pairs:
    valid = joint_validity(columns)
    if valid is not None:
        there = np.flatnonzero(valid)
        groups, columns = groups[there], tuple(column.take(there) for column in columns)
    ys, xs = (plain_values(column) for column in columns)
    for group, y, x in zip(groups.tolist(), ys, xs, strict=True):
        add_pair(state.setdefault(group, [0.0] * 6), x, y)
    return state


def add_pair(total: list[float], x: float, y: float) -> None:
    """Add a pair to N, Sx, Sxx, Sy, Syy, Sxy."""
    total[0] += 1
    count = total[0]
    total[1] += x
    total[3] += y
    if count > 1:
        dx, dy = x * count - total[1], y * count - total[3]
        scale = 1.0 / (count * (count - 1))
        total[2] += dx * dx * scale
        total[4] += dy * dy * scale
        total[5] += dx * dy * scale
    elif not (math.isfinite(x) and math.isfinite(y)):
        total[2] = total[4] = total[5] = math.nan


def _correlation(n: float, sx: float, sxx: float, sy: float, syy: float, sxy: float) -> Any:
    return None if sxx == 0 or syy == 0 else sxy / math.sqrt(sxx * syy)


def _determination(n: float, sx: float, sxx: float, sy: float, syy: float, sxy: float) -> Any:
    if sxx == 0:
        return None
    return 1.0 if syy == 0 else sxy * sxy / (sxx * syy)


def _intercept(n: float, sx: float, sxx: float, sy: float, syy: float, sxy: float) -> Any:
    return None if sxx == 0 else (sy - sx * sxy / sxx) / n


_PAIRED: Final[dict[str, tuple[str, Callable[..., Any]]]] = {
    "2829 corr(float8, float8) float8": ("Correlation.", _correlation),
    "2827 covar_pop(float8, float8) float8": ("Covariance.", lambda n, *s: s[4] / n),
    "2828 covar_samp(float8, float8) float8": (
        "Covariance of a sample.",
        lambda n, *s: s[4] / (n - 1) if n > 1 else None,
    ),
    "2822 regr_avgx(float8, float8) float8": ("Mean of the second.", lambda n, *s: s[0] / n),
    "2823 regr_avgy(float8, float8) float8": ("Mean of the first.", lambda n, *s: s[2] / n),
    "2826 regr_intercept(float8, float8) float8": ("Intercept of the line.", _intercept),
    "2824 regr_r2(float8, float8) float8": ("Square of the correlation.", _determination),
    "2825 regr_slope(float8, float8) float8": (
        "Slope of the line.",
        lambda n, *s: None if s[1] == 0 else s[4] / s[1],
    ),
    "2819 regr_sxx(float8, float8) float8": ("Sum of squares of the second.", lambda n, *s: s[1]),
    "2821 regr_sxy(float8, float8) float8": ("Sum of products.", lambda n, *s: s[4]),
    "2820 regr_syy(float8, float8) float8": ("Sum of squares of the first.", lambda n, *s: s[3]),
}


PAIR_FINISHERS: Final = {
    signature.split(" ")[1].partition("(")[0]: (doc, compute)
    for signature, (doc, compute) in _PAIRED.items()
}
"""What is made of the moments of pairs, by the name of the aggregate."""


def _paired(signature: str, doc: str, compute: Callable[..., Any]) -> Aggregate:
    def finish(state: _Pairs, group_count: int) -> Column:
        results = [
            compute(*state[group]) if group in state else None for group in range(group_count)
        ]
        return column_of(results, _FLOAT)

    return aggregate(signature, lambda call: {}, _add_pairs, finish, doc)


def _count_pairs(state: _Pairs, group_count: int) -> Column:
    counts = [int(state[group][0]) if group in state else 0 for group in range(group_count)]
    return Column(np.array(counts, np.int64))


AGGREGATES: Final = (
    *_variances(),
    *(_paired(signature, doc, compute) for signature, (doc, compute) in _PAIRED.items()),
    aggregate(
        "2818 regr_count(float8, float8) int8",
        lambda call: {},
        _add_pairs,
        _count_pairs,
        "Number of pairs.",
    ),
)
