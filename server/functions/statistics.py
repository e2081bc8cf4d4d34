"""Statistics over groups: variance, deviation, correlation, regression.

Integers and numerics keep exact sums of values and of squares; floats keep the running mean and the
sum of squared differences, so that nothing cancels out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.declare import aggregate
from server.functions.floats import overflow
from server.functions.variances import VARIANCES
from server.vector.column import Column, Positions
from server.vector.native import add_pair_moments
from server.vector.rows import column_of, joint_validity

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Aggregate, CallContext

Columns = tuple[Column, ...]
_FLOAT: Final = np.dtype(np.float64)


PAIR_MOMENTS: Final = 6
"""N, Sx, Sxx, Sy, Syy, Sxy: what is kept of pairs of floats."""


class PairMoments:
    """The moments of the pairs of each group, a row a group."""

    __slots__ = ("totals",)

    def __init__(self, _call: CallContext) -> None:
        self.totals = np.zeros((1, PAIR_MOMENTS))

    def grow(self, group_count: int) -> None:
        """Make room for so many groups."""
        known = len(self.totals)
        if known < group_count:
            larger = np.zeros((max(group_count, 2 * known), PAIR_MOMENTS))
            larger[:known] = self.totals
            self.totals = larger

    def rows(self, group_count: int) -> list[list[float]]:
        """Give the moments of each group."""
        self.grow(group_count)
        found: list[list[float]] = self.totals[:group_count].tolist()
        return found


def _add_pairs(
    state: PairMoments, groups: Positions, group_count: int, columns: Columns
) -> PairMoments:
    valid = joint_validity(columns)
    if valid is not None:
        there = np.flatnonzero(valid)
        groups, columns = groups[there], tuple(column.take(there) for column in columns)
    state.grow(group_count)
    if add_pair_moments(groups, columns[0].values, columns[1].values, state.totals):
        raise overflow()
    return state


def _count_added(
    state: PairMoments, groups: Positions, group_count: int, columns: Columns
) -> PairMoments:
    """The same of zeros, which nothing can be too much for."""
    zeros = tuple(Column(np.zeros(len(column)), column.valid) for column in columns)
    return _add_pairs(state, groups, group_count, zeros)


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
    def finish(state: PairMoments, group_count: int) -> Column:
        results = [compute(*total) if total[0] else None for total in state.rows(group_count)]
        return column_of(results, _FLOAT)

    return aggregate(signature, PairMoments, _add_pairs, finish, doc)


def _count_pairs(state: PairMoments, group_count: int) -> Column:
    state.grow(group_count)
    return Column(state.totals[:group_count, 0].astype(np.int64))


AGGREGATES: Final = (
    *VARIANCES,
    *(_paired(signature, doc, compute) for signature, (doc, compute) in _PAIRED.items()),
    aggregate(
        "2818 regr_count(float8, float8) int8",
        PairMoments,
        _count_added,
        _count_pairs,
        "Number of pairs.",
    ),
)
