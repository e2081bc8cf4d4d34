"""State of count, sum and avg: totals of every group, exact for integers and decimals.

A sum of integers is kept in two halves, `high` * 2**32 + `low`, so that no total of fewer than
2**31 rows overflows; what arrives is added in one pass over the batch. Decimals that are no scaled
integers are summed one by one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from server.functions import numeric_math as exact
from server.functions import scaled
from server.functions.means import Means
from server.functions.quotients import Quotients, divide, means_in_words
from server.functions.scaled import magnitude
from server.types.numeric import EXACT
from server.vector.column import Column, Positions, Values
from server.vector.decimal_words import in_words
from server.vector.late import LateColumn
from server.vector.native import add_floats, add_integers, count_rows
from server.vector.parted import Part, PartedColumn, together
from server.vector.quotient_words import SECOND_DIGITS
from server.vector.rows import column_of, plain_values
from server.vector.totals import NO_SUM
from server.vector.two_words import product, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

HALF: Final = 32
LOW_BITS: Final = (1 << HALF) - 1
DIVIDED_MEANS_MIN: Final = 64
"""For fewer groups, means of several scales are divided one by one."""
DIVIDED_GROUPS_MAX: Final = 1024
"""For more groups, quotients are not added as they are divided: their totals would not stay near the processor."""


def grown(array: Values, count: int, fill: Any = 0) -> Values:
    """The array with room for so many groups."""
    if len(array) >= count:
        return array
    larger = np.empty(max(count, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    larger[len(array) :].fill(fill)
    return larger


def add_counts(totals: Values, groups: Positions, group_count: int) -> None:
    """Add the number of rows of each group."""
    if group_count == 1:
        totals[0] += len(groups)
    else:
        count_rows(totals, groups)


def _add_integers(totals: Values, groups: Positions, values: Values, group_count: int) -> None:
    """Add integers of at most 2**32 in size to totals of 64 bits."""
    if group_count == 1:
        totals[0] += values.sum(dtype=np.int64)
    else:
        add_integers(totals, groups, values)


def present(groups: Positions, column: Column) -> tuple[Positions, Column]:
    """Groups and values of the rows that are not NULL."""
    if not column.has_nulls:
        return groups, column
    there = np.flatnonzero(column.validity())
    return groups[there], column.take(there)


class IntegerSums:
    """Counts and exact sums of integers."""

    __slots__ = ("counts", "high", "low")

    def __init__(self) -> None:
        self.counts = np.zeros(1, np.int64)
        self.high = np.zeros(1, np.int64)
        self.low = np.zeros(1, np.int64)

    @classmethod
    def of_totals(cls, counts: Values, sums: Values) -> IntegerSums:
        """What others have counted and summed up in 64 bits, a row a group."""
        made = cls()
        made.counts, made.low, made.high = counts, sums, np.zeros(len(sums), np.int64)
        return made

    def add(self, groups: Positions, values: Values, group_count: int) -> None:
        """Add rows that are not NULL."""
        self.grow(group_count)
        add_counts(self.counts, groups, group_count)
        if values.dtype.itemsize * 8 > HALF and magnitude(values) > LOW_BITS:
            _add_integers(self.high, groups, values >> HALF, group_count)
            values = values & LOW_BITS
        _add_integers(self.low, groups, values, group_count)

    def grow(self, group_count: int) -> None:
        """Make room for so many groups."""
        self.counts = grown(self.counts, group_count)
        self.high = grown(self.high, group_count)
        self.low = grown(self.low, group_count)

    def merge(self, other: IntegerSums, mapping: Positions, group_count: int) -> None:
        """Add the totals of another state."""
        self.grow(group_count)
        count = len(mapping)
        add_integers(self.counts, mapping, other.counts[:count])
        add_integers(self.high, mapping, other.high[:count])
        add_integers(self.low, mapping, other.low[:count])

    def totals(self, group_count: int) -> Values | list[int]:
        """The sums: an int64 array where all fit for sure, else Python integers."""
        self.grow(group_count)
        high, low = self.high[:group_count], self.low[:group_count]
        if magnitude(high) < 1 << 30 and magnitude(low) < 1 << 62:
            sums: Values = (high << HALF) + low
            return sums
        pairs = zip(high.tolist(), low.tolist(), strict=True)
        return [(upper << HALF) + lower for upper, lower in pairs]

    def decimals(self, group_count: int, scale: int) -> Column | None:
        """The sums as decimals of a scale, of two words where they need them; None: these do not hold them."""
        totals = self.totals(group_count)
        if isinstance(totals, np.ndarray):
            return Column(totals, None, scale)
        high, low = (Column(half[:group_count], None, scale) for half in (self.high, self.low))
        upper = product(high, Column(np.full(group_count, 1 << HALF), None, 0))
        return None if upper is None else scaled.add(upper, low)


class DecimalSums:
    """Counts and exact sums of numerics: by scale, and one by one where they are not scaled.

    A sum shows as many decimals as the row of its group that shows most.
    """

    __slots__ = ("counts", "others", "scaled")

    def __init__(self) -> None:
        self.counts = np.zeros(1, np.int64)
        self.scaled: dict[int, IntegerSums] = {}
        self.others: dict[int, Decimal] = {}

    @classmethod
    def of_totals(cls, parts: Mapping[int, IntegerSums]) -> DecimalSums:
        """The sums of rows that show different numbers of decimals, by those."""
        made = cls()
        made.scaled = dict(parts)
        made.counts = np.sum([part.counts for part in parts.values()], axis=0)
        return made

    def add(self, groups: Positions, column: Column, group_count: int) -> None:
        """Add rows; NULLs are passed over."""
        column = means_in_words(column)
        if isinstance(column, Quotients) and self._add_quotients(groups, column, group_count):
            return
        if isinstance(column, PartedColumn):
            for positions, part in column.parts:
                self._add_present(groups[positions], part, group_count)
        else:
            self._add_present(*present(groups, column), group_count)

    def _add_quotients(self, groups: Positions, column: Quotients, group_count: int) -> bool:
        """Divide and add in one go; whether that could be."""
        if group_count > DIVIDED_GROUPS_MAX:
            return False
        if column.valid is not None:
            groups = groups[column.valid]
        made = column.sums(groups, group_count)
        if made is None:
            return False
        self.grow(group_count)
        add_counts(self.counts, groups, group_count)
        scales, owners, firsts, seconds = made
        for scale in np.unique(scales).tolist():
            rows, below = scales == scale, min(scale, SECOND_DIGITS)
            for words, digits in ((firsts, scale - below), (seconds, scale)):
                state = self.scaled.setdefault(digits, IntegerSums())
                state.add(owners[rows], words[rows], group_count)
        return True

    def _add_present(self, groups: Positions, column: Column, group_count: int) -> None:
        self.grow(group_count)
        add_counts(self.counts, groups, group_count)
        words = (column,) if column.scale is not None else words_of(column)
        if words is not None:
            for word in words:
                assert word.scale is not None
                state = self.scaled.setdefault(word.scale, IntegerSums())
                state.add(groups, word.values, group_count)
            return
        values = plain_values(column)
        if group_count == 1 and values and all(map(Decimal.is_finite, values)):
            self._add_other(0, exact.total(values))
            return
        for group, value in zip(groups.tolist(), values, strict=True):
            self._add_other(group, value)

    def grow(self, group_count: int) -> None:
        """Make room for so many groups."""
        self.counts = grown(self.counts, group_count)

    def _add_other(self, group: int, value: Decimal) -> None:
        known = self.others.get(group)
        self.others[group] = value if known is None else exact.add(known, value)

    def merge(self, other: DecimalSums, mapping: Positions, group_count: int) -> None:
        """Add the totals of another state."""
        self.grow(group_count)
        add_integers(self.counts, mapping, other.counts[: len(mapping)])
        for group, value in other.others.items():
            self._add_other(int(mapping[group]), value)
        for scale, state in other.scaled.items():
            state.grow(len(mapping))
            self.scaled.setdefault(scale, IntegerSums()).merge(state, mapping, group_count)

    def sums(self, group_count: int) -> Column:
        """The sums; NULL for groups without rows."""
        self.grow(group_count)
        counts = self.counts[:group_count]
        if len(self.scaled) == 1 and not self.others:
            ((scale, state),) = self.scaled.items()
            totals = state.totals(group_count)
            if isinstance(totals, np.ndarray):
                return Column(totals, None if bool((counts > 0).all()) else counts > 0, scale)
        together = None if self.others else self._together(group_count)
        if together is not None:
            return together
        return column_of(self._decimals(group_count), np.dtype(object))

    def _together(self, group_count: int) -> PartedColumn | None:
        """Sums of several scales, group by the scale that it shows; None: two words do not hold one."""
        shown = np.full(group_count, -1, np.int64)
        known: list[tuple[int, Column]] = []
        for scale, state in sorted(self.scaled.items()):
            column = state.decimals(group_count, scale)
            if column is None:
                return None
            known.append((scale, column))
            shown[state.counts[:group_count] > 0] = scale
        parts: list[Part] = []
        for most, _ in known:
            rows = np.flatnonzero(shown == most)
            total: Column | None = None
            for scale, column in known if len(rows) else ():
                if scale > most:
                    break
                own = column.take(rows)
                total = own if total is None else scaled.add(total, own)
                if total is None:
                    return None
            if total is not None:
                parts.append((rows, total))
        return together(group_count, parts)

    def _decimals(self, group_count: int) -> list[Decimal | None]:
        found: list[Decimal | None] = [self.others.get(group) for group in range(group_count)]
        for scale, state in self.scaled.items():
            totals = list(state.totals(group_count))
            for group in np.flatnonzero(state.counts[:group_count]).tolist():
                total, known = exact.scaled(int(totals[group]), scale), found[group]
                found[group] = total if known is None else exact.add(known, total)
        return found

    def averages(self, group_count: int) -> Column:
        """The means; NULL for groups without rows."""
        column = self.sums(group_count)
        if column.scale is not None:
            return averages_of(column.values, self.counts[:group_count], column.scale)
        if isinstance(column, PartedColumn) and group_count >= DIVIDED_MEANS_MIN:
            means = self._divided(column)
            if means is not None:
                return means
        sums = plain_values(column)
        counts = self.counts[:group_count].tolist()
        quotients = [
            exact.divide(total, Decimal(count)) if count else None
            for total, count in zip(sums, counts, strict=True)
        ]
        return in_words(quotients) or column_of(quotients, np.dtype(object))

    def _divided(self, sums: PartedColumn) -> Column | None:
        """Sums of several scales divided by the numbers of rows; None: there are such of two words."""
        found: list[Part] = []
        for rows, part in sums.parts:
            means = divide(part, Column(self.counts[rows], None, 0))
            if means is None:
                return None
            found.append((rows, means))
        return together(len(sums), found)


def averages_of(sums: Values, counts: Values, scale: int) -> Column:
    """The means of scaled sums, divided only where somebody looks; NULL for groups without rows."""
    there = counts > 0
    valid = None if bool(there.all()) else there
    return LateColumn((sums, counts.copy()), Means(scale), valid)


SQUARABLE_MAX: Final = 1e150
"""Squares of values up to here are far from what a float can hold."""


def are_beyond_squares(values: Values) -> bool:
    """Whether the square of one of them may be more than a float can hold."""
    if not len(values):
        return False
    greatest, least = float(np.fmax.reduce(values)), float(np.fmin.reduce(values))  # NaN left out
    return greatest > SQUARABLE_MAX or least < -SQUARABLE_MAX


class FloatSums:
    """Counts and sums of floats, in double precision."""

    __slots__ = ("counts", "infinite", "sums")

    dtype: ClassVar[type[np.floating[Any]]] = np.float64

    def __init__(self) -> None:
        self.counts = np.zeros(1, np.int64)
        self.sums = np.full(1, NO_SUM, self.dtype)
        self.infinite = False  # whether an argument was, so that the sums may be

    def grow(self, group_count: int) -> None:
        """Make room for so many groups."""
        self.counts = grown(self.counts, group_count)
        self.sums = grown(self.sums, group_count, NO_SUM)

    def add(self, groups: Positions, values: Values, group_count: int) -> None:
        """Add rows that are not NULL."""
        self.grow(group_count)
        add_counts(self.counts, groups, group_count)
        are_finite = self._add_up(values) if group_count == 1 else self._add_to(groups, values)
        if not are_finite and not self.infinite:
            self.infinite = bool(np.isinf(values).any())

    def _add_up(self, values: Values) -> bool:
        """Add to the only group; whether its sum is finite."""
        with np.errstate(all="ignore"):
            self.sums[0] += values.sum(dtype=np.float64, initial=NO_SUM)
        return bool(np.isfinite(self.sums[0]))

    def _add_to(self, groups: Positions, values: Values) -> bool:
        """Add to the sums of groups, in order; whether those are finite."""
        return add_floats(self.sums, groups, values)

    def merge(self, other: FloatSums, mapping: Positions, group_count: int) -> None:
        """Add the totals of another state."""
        self.grow(group_count)
        add_integers(self.counts, mapping, other.counts[: len(mapping)])
        self._add_to(mapping, other.sums[: len(mapping)])
        self.infinite = self.infinite or other.infinite


class RealSums(FloatSums):
    """Counts and sums of real, in single precision, one after the other: what is lost depends on the order of rows."""

    __slots__ = ()

    dtype = np.float32

    def _add_up(self, values: Values) -> bool:
        with np.errstate(all="ignore"):
            running = np.add.accumulate(np.append(self.sums[:1], values), dtype=np.float32)
        self.sums[0] = running[-1]
        return bool(np.isfinite(self.sums[0]))

    def _add_to(self, groups: Positions, values: Values) -> bool:
        with np.errstate(all="ignore"):
            np.add.at(self.sums, groups, values.astype(np.float32, copy=False))
        return bool(np.isfinite(self.sums[groups]).all())


def exact_decimal(value: int) -> Decimal:
    """An integer as a decimal of scale 0, however long."""
    return EXACT.create_decimal(value)
