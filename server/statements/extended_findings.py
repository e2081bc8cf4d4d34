"""What ANALYZE learns for statistics objects: of several columns or expressions together.

The manual's "Multivariate Statistics" says what there is: how many combinations of values sets of columns have, how far
the values of some columns follow from those of others, and how common the most common combinations are. NULL is a value
like others here.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from server.catalog.statistics_objects import ExtendedFindings, ExtendedStatistics
from server.statements.column_statistics import column_statistics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from server.statements.column_statistics import Codes, Sampled

RELATIVE_ERROR: Final = 0.04
"""A combination is kept where its share of a sample is likely not off by more than a fifth."""


def findings(
    value: ExtendedStatistics,
    samples: Sequence[Sampled],
    table_rows: float,
    target: int,
    *,
    inherited: bool,
) -> ExtendedFindings:
    """What is learned for a statistics object; samples: its columns, then its expressions."""
    numbers = (*value.columns, *(-1 - place for place in range(len(value.expressions))))
    expressions = samples[len(value.columns) :]
    rows = _Combined(samples, max(table_rows, float(samples[0].total)))
    return ExtendedFindings(
        object=value.oid,
        inherited=inherited,
        distinct=tuple(
            (tuple(numbers[place] for place in places), rows.distinct(places))
            for places in _sets(len(samples))
            if "d" in value.kinds
        ),
        dependencies=tuple(
            (tuple(numbers[place] for place in places), degree)
            for places in _implications(len(samples))
            if "f" in value.kinds and (degree := rows.degree(places)) > 0
        ),
        common=tuple(rows.common(target)) if "m" in value.kinds else (),
        expressions=tuple(
            replace(column_statistics(sample, -1 - place, table_rows, target), type=sample.kind.oid)
            for place, sample in enumerate(expressions)
        ),
    )


def _sets(count: int) -> Iterator[tuple[int, ...]]:
    """All sets of two or more places, small ones first."""
    for size in range(2, count + 1):
        yield from combinations(range(count), size)


def _implications(count: int) -> Iterator[tuple[int, ...]]:
    """Sets of places with one more that may follow from them."""
    for size in range(1, count):
        for given in combinations(range(count), size):
            yield from ((*given, other) for other in range(count) if other not in given)


class _Combined:
    """Rows of a sample by the values of several columns."""

    def __init__(self, samples: Sequence[Sampled], table_rows: float) -> None:
        self.samples = samples
        self.table_rows = table_rows
        self.total = samples[0].total
        # NULL comes after all values
        self.codes = [
            np.where(sample.codes < 0, len(sample.values), sample.codes) for sample in samples
        ]
        self._groups: dict[tuple[int, ...], Codes] = {}

    def groups(self, places: tuple[int, ...]) -> Codes:
        """Which combination each row has, numbered in the order of the values."""
        known = self._groups.get(places)
        if known is None:
            known = self.codes[places[-1]]
            if len(places) > 1:
                width = int(known.max(initial=0)) + 1
                known = self.groups(places[:-1]) * width + known
            known = np.unique(known, return_inverse=True)[1].astype(np.int64)
            self._groups[places] = known
        return known

    def distinct(self, places: tuple[int, ...]) -> float:
        """How many combinations the table has (by the estimator of Haas and Stokes)."""
        counts = np.bincount(self.groups(places))
        once, found = int((counts == 1).sum()), len(counts)
        if not found:
            return 0.0
        rows = float(self.total)
        estimate = rows * found / ((rows - once) + once * rows / self.table_rows)
        return float(int(min(max(estimate, found), self.table_rows) + 0.5))

    def degree(self, places: tuple[int, ...]) -> float:
        """For which share of the rows the values of all places but the last tell that of the last."""
        given, whole = self.groups(places[:-1]), self.groups(places)
        if not self.total:
            return 0.0
        firsts = np.zeros(int(given.max()) + 1, np.int64)
        pairs = np.unique(np.stack((given, whole)), axis=1)[0]
        np.add.at(firsts, pairs, 1)
        return float((firsts[given] == 1).sum()) / self.total

    def common(self, target: int) -> Iterator[tuple[tuple[str | None, ...], float, float]]:
        """The most common combinations, their share and what it would be if columns were independent."""
        places = tuple(range(len(self.samples)))
        groups = self.groups(places)
        counts = np.bincount(groups)
        firsts = np.zeros(len(counts), np.int64)
        firsts[groups[::-1]] = np.arange(self.total)[::-1]
        order = np.argsort(-counts, kind="stable")[:target]
        least = self._least_count()
        shares = [np.bincount(codes) / max(self.total, 1) for codes in self.codes]
        for group in order.tolist():
            count = int(counts[group])
            if count < least:
                break
            row = int(firsts[group])
            yield self._texts(row), count / self.total, self._independent(row, shares)

    def _least_count(self) -> float:
        rows, all_rows = float(self.total), self.table_rows
        below = all_rows - rows + RELATIVE_ERROR * rows * (all_rows - 1)
        return rows * (all_rows - rows) / below if below else 0.0

    def _texts(self, row: int) -> tuple[str | None, ...]:
        return tuple(
            None if (code := int(sample.codes[row])) < 0 else sample.text(code)
            for sample in self.samples
        )

    def _independent(self, row: int, shares: Sequence[npt.NDArray[np.float64]]) -> float:
        result = 1.0
        for codes, share in zip(self.codes, shares, strict=True):
            result *= float(share[codes[row]])
        return result
