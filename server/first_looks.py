"""FirstLooks: what some rows of a table say that ANALYZE has not seen, so that it is planned well once it is loaded.

Rule 1: rows are taken as they lie, evenly from all row groups that are at hand, whoever sees them: plans are guesses.
Rule 2: what was found of a column holds until its table has grown or shrunk by a good part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.scan import SLOT_BITS
from server.executor.storage_columns import stored_column
from server.plan_cache import LeastRecentlyUsed
from server.statements.column_statistics import column_statistics, sampled
from storage.engine import StringViews

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from server.catalog.objects import Oid, Table
    from server.catalog.statistics_objects import ColumnStatistics
    from server.types.type import TypeReference

    RowIds = npt.NDArray[np.int64]
    Seen = tuple[float, ColumnStatistics | None]

TABLE_ROWS_MIN: Final = 1000
"""Of smaller tables PostgreSQL's guesses do."""
SAMPLE_ROWS: Final = 2048
GROUPS_MAX: Final = 64
"""Of more row groups than about so many some are left out."""
BYTES_MAX: Final = 1 << 20
"""Of long values fewer are read."""
TARGET: Final = 100
"""How many common values and parts of a histogram are kept at most."""
SAME_SIZE: Final = 1.25
"""By which factor the row count may have changed."""
COLUMNS_MAX: Final = 4096
MEMBERS_MAX: Final = 16
"""How many partitions, or tables of a family, are looked at."""


class FirstLooks:
    """What was seen of columns, by table."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._seen: LeastRecentlyUsed[tuple[tuple[Oid, int], ...], Seen] = LeastRecentlyUsed(
            COLUMNS_MAX
        )

    def column(
        self, members: Sequence[tuple[Table, int]], reference: TypeReference, rows: float
    ) -> ColumnStatistics | None:
        """What some rows say of a column: of the tables of a family, under its number in each. None: nothing."""
        if rows < TABLE_ROWS_MIN:
            return None
        step = -(-len(members) // MEMBERS_MAX)
        places = tuple((table.storage_id, number) for table, number in members[::step])
        with self._engine.latch:
            seen = self._seen.get(places)
            if seen is None or not 1 / SAME_SIZE < rows / seen[0] < SAME_SIZE:
                seen = rows, self._look(places, reference, rows)
                self._seen.put(places, seen)
        return seen[1]

    def _look(
        self, places: Sequence[tuple[Oid, int]], reference: TypeReference, rows: float
    ) -> ColumnStatistics | None:
        relations = [
            (self._engine.relation(storage_id), number)
            for storage_id, number in places
            if storage_id
        ]
        total = sum(relation.row_estimate for relation, _ in relations)
        parts = []
        for relation, number in relations:
            ids = _spread(relation, SAMPLE_ROWS * relation.row_estimate // max(total, 1))
            ids = _light(relation, ids[relation.are_untouched(ids)], number - 1)
            if len(ids):
                parts.append(stored_column(relation.versions_view(ids), number - 1, reference))
        if not parts:
            return None
        sample = sampled(parts, reference.type)
        return column_statistics(sample, places[0][1], rows, TARGET)


def _light(relation: Any, ids: RowIds, column: int) -> RowIds:
    """As many of the rows as have no more in a column than is read in a moment."""
    if not len(ids):
        return ids
    values, _ = relation.versions_view(ids).column(column)
    byte_count = int(values.lengths().sum()) if isinstance(values, StringViews) else 0
    return ids[:: 1 + byte_count // BYTES_MAX]


def _spread(relation: Any, count: int) -> RowIds:
    """The ids of so many rows at most that are as far from each other as there are rows for that."""
    groups = relation.groups.known_but_last()
    used = np.array([0 if group is None else group.used for group in groups], np.int64)
    used[np.arange(len(used)) % (1 + len(used) // GROUPS_MAX) > 0] = 0
    ends = np.cumsum(used)
    total = int(ends[-1]) if len(ends) else 0
    places = np.linspace(0, max(total - 1, 0), min(total, count)).astype(np.int64)
    group_nos = np.searchsorted(ends, places, "right")
    return (group_nos << SLOT_BITS) | (places - (ends - used)[group_nos])
