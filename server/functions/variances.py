"""Variance and standard deviation over groups.

Integers and numerics keep exact sums of values and of squares; floats keep the running mean and the
sum of squared differences (Youngs and Cramer), so that nothing cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import numeric_math as exact
from server.functions.declare import aggregate
from server.functions.floats import overflow
from server.functions.scaled import magnitude
from server.functions.sums import IntegerSums, grown, present
from server.types.numeric import EXACT
from server.vector.column import Column, Mask, Positions, Values
from server.vector.late import LateColumn
from server.vector.native import add_moments
from server.vector.rows import column_of, objects, plain_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Aggregate

Columns = tuple[Column, ...]
_OBJECT: Final = np.dtype(object)
_WIDE: Final = Context(
    prec=2 * EXACT.prec, rounding=EXACT.rounding, Emin=EXACT.Emin, Emax=EXACT.Emax
)
"""Squares have twice the digits that a number can have."""
_SQUARED_MAX: Final = (1 << 31) - 1
"""Up to which value squares fit in 64 bits."""

Moments = tuple[int, Decimal, Decimal]  # count, sum, sum of squares


class ExactMoments:
    """Counts, sums and sums of squares: of scaled integers by scale, of others one by one."""

    __slots__ = ("others", "scaled")

    def __init__(self) -> None:
        self.scaled: dict[int, tuple[IntegerSums, IntegerSums]] = {}
        self.others: dict[int, Moments] = {}

    @classmethod
    def of_totals(cls, scale: int, counts: Values, totals: Values, squares: Values) -> ExactMoments:
        """The moments of scaled integers that others have summed up, a row a group."""
        made = cls()
        made.scaled[scale] = (
            IntegerSums.of_totals(counts, totals),
            IntegerSums.of_totals(counts, squares),
        )
        return made

    def add(self, groups: Positions, column: Column, group_count: int) -> None:
        """Add rows that are not NULL."""
        values = column.values
        is_integer = column.dictionary is None and values.dtype.kind == "i"
        if is_integer and (not len(values) or magnitude(values) <= _SQUARED_MAX):
            wide = values.astype(np.int64)
            sums, squares = self._sums(column.scale or 0)
            sums.add(groups, wide, group_count)
            squares.add(groups, wide * wide, group_count)
            return
        for group, value in zip(groups.tolist(), plain_values(column), strict=True):
            number = value if isinstance(value, Decimal) else Decimal(value)
            known = self.others.get(group)
            self.others[group] = _joined(known, (1, number, _times(number, number)))

    def _sums(self, scale: int) -> tuple[IntegerSums, IntegerSums]:
        found = self.scaled.get(scale)
        if found is None:
            found = self.scaled[scale] = IntegerSums(), IntegerSums()
        return found

    def merge(self, other: ExactMoments, mapping: Positions, group_count: int) -> None:
        """Add the totals of another state."""
        for group, moments in other.others.items():
            place = int(mapping[group])
            self.others[place] = _joined(self.others.get(place), moments)
        for scale, theirs in other.scaled.items():
            for mine, sums in zip(self._sums(scale), theirs, strict=True):
                sums.grow(len(mapping))
                mine.merge(sums, mapping, group_count)

    def finish(self, group_count: int, make: VarianceMaker) -> Column:
        """The variances; made only where somebody looks, if all sums are integers of 64 bits."""
        if len(self.scaled) == 1 and not self.others:
            ((scale, (sums, squares)),) = self.scaled.items()
            totals, total_squares = sums.totals(group_count), squares.totals(group_count)
            if isinstance(totals, np.ndarray) and isinstance(total_squares, np.ndarray):
                counts = sums.counts[:group_count].copy()
                there = counts > make.is_sample
                valid = None if bool(there.all()) else there
                return LateColumn((counts, totals, total_squares), make.of_scale(scale), valid)
        moments = [self.others.get(group) for group in range(group_count)]
        for scale, (sums, squares) in self.scaled.items():
            totals, total_squares = sums.totals(group_count), squares.totals(group_count)
            for group in np.flatnonzero(sums.counts[:group_count]).tolist():
                found = _moments(
                    int(sums.counts[group]), int(totals[group]), int(total_squares[group]), scale
                )
                moments[group] = _joined(moments[group], found)
        results = [None if found is None else make.variance(found) for found in moments]
        return column_of(results, _OBJECT)


def _joined(known: Moments | None, more: Moments) -> Moments:
    if known is None:
        return more
    return known[0] + more[0], _plus(known[1], more[1]), _plus(known[2], more[2])


def _plus(left: Decimal, right: Decimal) -> Decimal:
    is_finite = left.is_finite() and right.is_finite()
    return _WIDE.add(left, right) if is_finite else exact.add(left, right)


def _times(left: Decimal, right: Decimal) -> Decimal:
    is_finite = left.is_finite() and right.is_finite()
    return _WIDE.multiply(left, right) if is_finite else exact.multiply(left, right)


def _moments(count: int, total: int, squares: int, scale: int) -> Moments:
    return count, exact.scaled(total, scale), exact.scaled(squares, 2 * scale)


@dataclass(frozen=True, slots=True)
class VarianceMaker:
    """Makes variances or deviations, of samples or populations, out of sums."""

    is_sample: bool
    is_root: bool
    scale: int = 0

    def of_scale(self, scale: int) -> VarianceMaker:
        """The same for sums of scaled integers."""
        return VarianceMaker(self.is_sample, self.is_root, scale)

    def __call__(self, counts: Values, sums: Values, squares: Values, valid: Mask | None) -> Values:
        """The variance of each row; None where it is NULL."""
        rows = zip(counts.tolist(), sums.tolist(), squares.tolist(), strict=True)
        return objects([self.variance(_moments(*row, self.scale)) for row in rows])

    def variance(self, moments: Moments) -> Decimal | None:
        """The result of one group; None where there are too few rows."""
        count, values, squares = moments
        if count < (2 if self.is_sample else 1):
            return None
        if values.is_nan() or not values.is_finite():
            return Decimal("NaN")
        number = Decimal(count)
        numerator = _WIDE.subtract(_times(number, squares), _times(values, values))
        if numerator <= 0:
            return Decimal(0)
        divisor = exact.multiply(number, Decimal(count - 1) if self.is_sample else number)
        variance = exact.divide(numerator, divisor)
        return (
            exact.square_root_to(variance, exact.scale_of(variance)) if self.is_root else variance
        )


class FloatMoments:
    """Counts, sums, and sums of squared differences from the mean."""

    __slots__ = ("counts", "squares", "sums")

    def __init__(self) -> None:
        self.counts = np.zeros(1, np.float64)
        self.sums = np.zeros(1, np.float64)
        self.squares = np.zeros(1, np.float64)

    def grow(self, group_count: int) -> None:
        """Make room for so many groups."""
        self.counts = grown(self.counts, group_count)
        self.sums = grown(self.sums, group_count)
        self.squares = grown(self.squares, group_count)

    def finish(self, group_count: int, make: VarianceMaker) -> Column:
        """The variances; NULL where there are too few rows."""
        self.grow(group_count)
        counts = self.counts[:group_count]
        there = counts > make.is_sample
        with np.errstate(invalid="ignore"):
            variances = self.squares[:group_count] / np.maximum(counts - make.is_sample, 1)
            results = np.sqrt(variances) if make.is_root else variances
        return Column(results, None if bool(there.all()) else there)


def _add_exact(
    state: ExactMoments, groups: Positions, group_count: int, columns: Columns
) -> ExactMoments:
    groups, column = present(groups, columns[0])
    state.add(groups, column, group_count)
    return state


def _merge_exact(
    state: ExactMoments, other: ExactMoments, mapping: Positions, group_count: int
) -> ExactMoments:
    state.merge(other, mapping, group_count)
    return state


def _add_floats(
    state: FloatMoments, groups: Positions, group_count: int, columns: Columns
) -> FloatMoments:
    groups, column = present(groups, columns[0])
    state.grow(group_count)
    values = column.values.astype(np.float64, copy=False)
    if add_moments(groups, values, state.counts, state.sums, state.squares):
        raise overflow()
    return state


KINDS: Final = {
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
        is_sample, is_root, doc = KINDS[line.split(" ", 1)[1].partition("(")[0]]
        make = VarianceMaker(is_sample, is_root)
        floating = line.endswith("float8")
        kind: Any = FloatMoments if floating else ExactMoments
        add: Any = _add_floats if floating else _add_exact
        merge = None if floating else _merge_exact
        found.append(aggregate(line, _created(kind), add, _finished(kind, make), doc, merge=merge))
    return tuple(found)


def _created(kind: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda call: kind()


def _finished(kind: Any, make: VarianceMaker) -> Callable[[Any, int], Column]:
    return lambda state, group_count: kind.finish(state, group_count, make)


VARIANCES: Final = _variances()
