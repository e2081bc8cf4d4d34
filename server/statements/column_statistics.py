"""What ANALYZE learns of one column of a sample: PostgreSQL's estimates of the rows that conditions leave rest on it.

The estimates follow the manual's "Statistics Used by the Planner" and PostgreSQL 15: the number of distinct values by
the estimator of Haas and Stokes, the most common values as far as they are clearly more common than the average, a
histogram with equally many of the others in each part, the correlation of the values with the order of the rows, and
of arrays how common elements are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.catalog.statistics_objects import ColumnStatistics
from server.types.datum_sizes import stored_size
from server.types.order import sort_key_of
from server.types.type import PLAIN_STYLE
from server.vector.rows import plain_values

if TYPE_CHECKING:
    import numpy.typing as npt

    from server.types.type import Type
    from server.vector.column import Column

    Codes = npt.NDArray[np.int64]

WIDE_MIN: Final = 1025
"""Values of more than 1024 bytes are not kept: they count as different from all others."""

DISTINCT_SHARE_MAX: Final = 0.1
"""More distinct values than this share of the rows are taken to grow with the table."""

ELEMENTS_A_TARGET: Final = 10
LIKELY_ELEMENTS: Final = 1000 / 7
LEAST_OF_BUCKETS: Final = 9


@dataclass(frozen=True)
class Sampled:
    """A column of a sample: its distinct values ascending, and of each row which of them it has, -1 for NULL.

    Where is_ordered is not true they are no more than what each row has: nothing is known of them but their width.
    """

    kind: Type
    values: list[Any]
    codes: Codes
    is_ordered: bool = True
    element: Type | None = None

    @property
    def total(self) -> int:
        """The rows of the sample."""
        return len(self.codes)

    @cached_property
    def known(self) -> Codes:
        """The codes of the rows that are not NULL, in the order of the rows."""
        return self.codes[self.codes >= 0]

    @cached_property
    def counts(self) -> Codes:
        """How often each value is in the sample."""
        return np.bincount(self.known, minlength=len(self.values)).astype(np.int64)

    @cached_property
    def widths(self) -> Codes:
        """The bytes of each value."""
        if self.kind.length > 0:
            return np.full(len(self.values), self.kind.length, np.int64)
        sizes = (stored_size(self.kind, value, self.element) for value in self.values)
        return np.fromiter(sizes, np.int64, len(self.values))

    def text(self, place: int) -> str:
        """A value as the catalog keeps it."""
        return self.kind.format(self.values[place], PLAIN_STYLE)


def sampled(parts: list[Column], kind: Type, element: Type | None = None) -> Sampled:
    """The rows of a column as codes of its distinct values."""
    columns = [part.decoded() for part in parts]
    masks = [part.validity() for part in columns]
    valid = np.concatenate(masks) if masks else np.zeros(0, np.bool_)
    codes = np.full(len(valid), -1, np.int64)
    scales = {part.scale for part in columns}
    if scales == {None} and all(part.values.dtype != object for part in columns):
        found = np.concatenate([part.values for part in columns])[valid]
        values, inverse = np.unique(found, return_inverse=True)
        codes[valid] = inverse
        return Sampled(kind, values.tolist(), codes, element=element)
    rows = [value for part in columns for value in plain_values(part)]
    known = [value for value, there in zip(rows, valid.tolist(), strict=True) if there]
    try:
        keys = [sort_key_of(kind, value) for value in known]
        firsts = dict(zip(reversed(keys), reversed(known), strict=True))
        ordered = sorted(firsts)
        place = {key: number for number, key in enumerate(ordered)}
        codes[valid] = [place[key] for key in keys]
    except TypeError:
        codes[valid] = np.arange(len(known))
        return Sampled(kind, known, codes, is_ordered=False, element=element)
    return Sampled(kind, [firsts[key] for key in ordered], codes, element=element)


def column_statistics(
    sample: Sampled, number: int, table_rows: float, target: int
) -> ColumnStatistics:
    """What is learned of one column; target: how many common values and parts of the histogram there are at most."""
    if not sample.total:
        return ColumnStatistics(number=number, correlation=None)
    null_fraction = _single(1 - len(sample.known) / sample.total)
    if not len(sample.known):
        width = max(sample.kind.length, 0)
        return ColumnStatistics(number=number, null_fraction=1.0, width=width, correlation=None)
    width = int(np.dot(sample.widths, sample.counts)) // len(sample.known)
    plain = ColumnStatistics(
        number=number, null_fraction=null_fraction, width=width, correlation=None
    )
    if not sample.is_ordered:
        return plain
    if sample.kind.range is not None:
        return replace(plain, distinct=null_fraction - 1.0)
    return _Scalar(sample, table_rows, null_fraction, target).learned(plain)


class _Scalar:
    """The statistics of a column whose values have an order."""

    def __init__(
        self, sample: Sampled, table_rows: float, null_fraction: float, target: int
    ) -> None:
        self.sample = sample
        self.table_rows = max(table_rows, float(sample.total))
        self.null_fraction = null_fraction
        self.target = target
        self.wide = sample.widths >= WIDE_MIN
        self.counts = np.where(self.wide, 0, sample.counts)
        self.wide_count = int(sample.counts[self.wide].sum())

    def learned(self, plain: ColumnStatistics) -> ColumnStatistics:
        """All that there is to be learned."""
        sample = self.sample
        distinct = self._distinct()
        common = self._common(distinct)
        histogram = self._histogram(common)
        elements = _elements(sample, self.target) if sample.element is not None else {}
        return replace(
            plain,
            distinct=_single(distinct),
            common=tuple(
                (sample.text(place), _single(int(self.counts[place]) / sample.total))
                for place in common
            ),
            histogram=tuple(sample.text(place) for place in histogram),
            correlation=self._correlation(),
            **elements,
        )

    def _distinct(self) -> float:
        """How many values the table has; negative: as a share of its rows."""
        seen = int((self.counts > 0).sum())
        repeated = int((self.counts > 1).sum())
        if not repeated:
            return -1.0 * (1.0 - self.null_fraction)
        if not self.wide_count and repeated == seen:
            found = float(seen)
        else:
            found = self._haas_stokes(seen - repeated + self.wide_count, repeated)
        return -(found / self.table_rows) if found > DISTINCT_SHARE_MAX * self.table_rows else found

    def _haas_stokes(self, once: int, repeated: int) -> float:
        distinct = once + repeated
        rows = float(len(self.sample.known))
        all_rows = self.table_rows * (1.0 - self.null_fraction)
        if all_rows <= 0:
            return 0.0
        found = rows * distinct / ((rows - once) + once * rows / all_rows)
        return float(int(min(max(found, distinct), all_rows) + 0.5))

    def _common(self, distinct: float) -> list[int]:
        """The most common values, the most common one first."""
        order = np.argsort(-self.counts, kind="stable")
        repeated = [place for place in order.tolist() if self.counts[place] > 1]
        candidates = repeated[: self.target]
        is_whole = len(repeated) == int((self.counts > 0).sum()) and not self.wide_count
        if is_whole and distinct > 0 and len(candidates) == len(repeated):
            return candidates
        return candidates[: self._clearly_common(self.counts[candidates].tolist(), distinct)]

    def _clearly_common(self, counts: list[int], distinct: float) -> int:
        """How many of them are more common than a value that is not kept can be thought to be."""
        rows, all_rows = float(self.sample.total), self.table_rows
        if rows == all_rows or all_rows <= 1.0:
            return len(counts)
        distinct = -distinct * all_rows if distinct < 0 else distinct
        above = float(sum(counts[:-1]))
        kept = len(counts)
        while kept:
            rest = min(max(1.0 - above / rows - self.null_fraction, 0.0), 1.0)
            others = distinct - (kept - 1)
            rest = rest / others if others > 1 else rest
            expected = all_rows * counts[kept - 1] / rows
            variance = (
                rows * expected * (all_rows - expected) * (all_rows - rows)
                / (all_rows * all_rows * (all_rows - 1))
            )  # fmt: skip
            if counts[kept - 1] > rest * rows + 2 * sqrt(max(variance, 0.0)) + 0.5:
                break
            kept -= 1
            above -= counts[kept - 1] if kept else 0.0
        return kept

    def _histogram(self, common: list[int]) -> list[int]:
        """The bounds of parts with equally many of the values that are not common."""
        counts = self.counts.copy()
        counts[common] = 0
        bounds = min(int((counts > 0).sum()), self.target + 1)
        if bounds < 2:
            return []
        ends = np.cumsum(counts)
        last = int(ends[-1]) - 1
        wanted = [step * last // (bounds - 1) for step in range(bounds)]
        places: list[int] = np.searchsorted(ends, wanted, side="right").tolist()
        return places

    def _correlation(self) -> float | None:
        known = self.sample.known
        if self.wide_count:
            known = known[~self.wide[known]]
        count = len(known)
        if count < 2:
            return None
        places = np.argsort(known, kind="stable").astype(np.float64)
        products = float(np.dot(places, np.arange(count, dtype=np.float64)))
        total = (count - 1) * count / 2.0
        squares = (count - 1) * count * (2 * count - 1) / 6.0
        below = count * squares - total * total
        found = (count * products - total * total) / below
        return _single(found)


def _single(value: float) -> float:
    """A number of pg_statistic: of single precision."""
    return float(np.float32(value))


def _elements(sample: Sampled, target: int) -> dict[str, Any]:
    """How common the elements of arrays are, and how many different ones arrays have."""
    element = sample.element
    assert element is not None
    frequencies: Counter[Any] = Counter()
    sizes: Counter[int] = Counter()
    with_nulls, firsts = 0, {}
    for value, count in zip(sample.values, sample.counts.tolist(), strict=True):
        try:
            items = {sort_key_of(element, item): item for item in value.items if item is not None}
        except TypeError:
            return {}
        firsts.update(items)
        frequencies.update(dict.fromkeys(items, count))
        sizes[len(items)] += count
        with_nulls += count if None in value.items else 0
    arrays = len(sample.known)
    total = sum(size * count for size, count in sizes.items())
    wanted = target * ELEMENTS_A_TARGET
    cutoff = LEAST_OF_BUCKETS * total / (wanted * LIKELY_ELEMENTS)
    kept = [key for key, count in frequencies.most_common() if count > cutoff][:wanted]
    learned: dict[str, Any] = {"element_counts": _size_histogram(sizes, total / arrays, target)}
    if kept:
        shares = [_single(frequencies[key] / arrays) for key in sorted(kept)]
        learned["elements"] = tuple(
            element.format(firsts[key], PLAIN_STYLE) for key in sorted(kept)
        )
        learned["element_shares"] = (*shares, min(shares), max(shares), with_nulls / arrays)
    return learned


def _size_histogram(sizes: Counter[int], mean: float, target: int) -> tuple[float, ...]:
    bounds = max(target, 2)
    ordered = sorted(sizes)
    ends = np.cumsum([sizes[size] for size in ordered])
    last = int(ends[-1]) - 1
    wanted = [step * last // (bounds - 1) for step in range(bounds)]
    places = np.searchsorted(ends, wanted, side="right").tolist()
    return (*(float(ordered[place]) for place in places), mean)
