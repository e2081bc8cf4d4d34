"""Winners: a top-n over a scan reads what it sorts by, and all other columns for the first rows only.

Rule 1: the rows come from the scan in the order in which all their columns would, so that equal keys are told apart
        alike; a filter runs once, while the keys are read.
Rule 2: rows are found again by their ids under the snapshot that has shown them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import concatenate_batches
from server.executor.scan import SLOT_BITS, RowLoader
from server.expressions.expression import columns_used
from server.planner import physical
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.operator import Builder, Operator
    from server.expressions.expression import ColumnId, SortKey
    from server.vector.batch import Batch
    from server.vector.column import Positions

ROW_ID: Final = -8
ROW_ID_COLUMN: Final = -1
"""A number that no column of a plan has."""

_INT8: Final = TypeReference(TYPE_BY_OID[20])
LATER_COLUMNS_MIN: Final = 4
WINNERS_MAX: Final = 4096


class Winners:
    """The scan below a top-n in two steps."""

    __slots__ = ("_keys", "_loader", "_scan", "_source", "columns")

    def __init__(
        self, scan: physical.TableScan, keys: tuple[ColumnId, ...], builder: Builder
    ) -> None:
        read = keys if scan.filter is None else tuple({*keys, *columns_used(scan.filter)})
        places = [place for place, column in enumerate(scan.output) if column in read]
        self.columns = (*keys, ROW_ID_COLUMN)
        narrow = replace(
            scan,
            output=(*(scan.output[place] for place in places), ROW_ID_COLUMN),
            types=(*(scan.types[place] for place in places), _INT8),
            attributes=(*(scan.attributes[place] for place in places), ROW_ID),
        )
        self._source: Operator = builder.operator(narrow)
        self._keys = tuple(narrow.output.index(column) for column in self.columns)
        self._scan = scan
        self._loader = RowLoader(scan, None)

    @property
    def types(self) -> tuple[Any, ...]:
        """The types of `columns`."""
        return tuple(self._source.plan.types[place] for place in self._keys)

    @property
    def scan(self) -> physical.Plan:
        """What is read for the keys."""
        return self._source.plan

    def batches(self, context: ExecutionContext) -> Iterator[Batch]:
        """The keys of all rows, and their ids in the end."""
        for batch in self._source.batches(context):
            yield batch.select(self._keys)

    def rows(self, keys: Batch, context: ExecutionContext) -> Batch:
        """All columns of the rows with these keys, in their order."""
        wanted: Positions = keys.columns[-1].values
        relation = context.engine.relation(self._scan.table.storage_id)
        found: list[Batch] = []
        ids = [np.zeros(0, np.int64)]
        for group_no in np.unique(wanted >> SLOT_BITS).tolist():
            with context.engine.latch:
                view = relation.view(context.snapshot, group_no)
            among = np.flatnonzero(np.isin(view.row_ids, wanted))
            found.append(self._loader.load(view, context, among))
            ids.append(view.row_ids[among])
        together = np.concatenate(ids)
        assert len(together) == len(wanted), "a row that the snapshot has shown is gone"
        order = np.argsort(together)
        batch = concatenate_batches(found, self._scan.types)
        return batch.take(order[np.searchsorted(together, wanted, sorter=order)])


def winners_of(plan: physical.Sort, builder: Builder) -> Winners | None:
    """Of a top-n that reads many columns it does not sort by; None: of any other sort."""
    scan = plan.input
    if plan.count is None or not isinstance(scan, physical.TableScan) or scan.sample is not None:
        return None
    keys = _columns_of(plan.keys, scan.output)
    if len(scan.output) < len(keys) + LATER_COLUMNS_MIN:
        return None
    return Winners(scan, keys, builder)


def _columns_of(keys: Sequence[SortKey], output: tuple[ColumnId, ...]) -> tuple[ColumnId, ...]:
    used: set[ColumnId] = set().union(*(columns_used(key.expression) for key in keys))
    return tuple(column for column in output if column in used)
