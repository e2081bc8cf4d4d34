"""PointLock: SELECT of one row by its key FOR UPDATE or a weaker form.

Rule 1: as for the other point statements: a row that is gone, newer or somebody else's is left to the ordinary
        operators, nothing having been done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.evaluation import layout_of
from server.executor.lock_rows import STRENGTHS
from storage.engine import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.point_change import Row
    from server.executor.point_twins import KeyLookup
    from server.planner import physical


class PointLock:
    """The statement made ready: what finds the row, and what is made of it before and after it is locked."""

    __slots__ = ("_after", "_before", "_lookup", "_mode", "_output", "_place", "_table")

    def __init__(
        self,
        plan: physical.LockRows,
        lookup: KeyLookup,
        before: Sequence[Callable[[Row, ExecutionContext], Row]],
        after: Sequence[Callable[[Row, ExecutionContext], Row]],
    ) -> None:
        (target,) = plan.targets
        layout = layout_of(plan.input.output)
        self._lookup = lookup
        self._before, self._after = before, after
        self._table = target.table
        self._place = layout[target.row_id]
        self._mode = STRENGTHS[plan.strength]
        self._output = [layout[column] for column in plan.output]

    def __call__(self, context: ExecutionContext) -> list[Row] | None:
        """Run the statement: its row, or None when the ordinary operators are to run it."""
        row = self._lookup.find(context)
        if row is None:
            return []
        for step in self._before:
            row = step(row, context)
        row_id = row[self._place]
        assert isinstance(row_id, int)
        with context.engine.latch:
            relation = context.engine.relation(self._table.storage_id)
            outcome = relation.lock_row(context.transaction, context.snapshot, row_id, self._mode)
        if outcome.status is not Status.DONE or outcome.new_row_id != row_id:
            return None
        row = tuple([row[place] for place in self._output])
        for step in self._after:
            row = step(row, context)
        return [row]


def is_one_table(plan: physical.LockRows) -> bool:
    """Whether rows of one table are locked, which are not those of others of its family."""
    return (
        len(plan.targets) == 1
        and plan.targets[0].table_oid is None
        and not (plan.pinned or plan.kept)
    )
