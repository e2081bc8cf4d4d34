"""LockedRows: FOR UPDATE and its weaker forms below LIMIT, in the row machine.

Rule 1: rows are locked as they are asked for, one a portion, so that LIMIT has no more locked than it lets through.
Rule 2: a run that is left has locked rows that the operators come to first, and lock again. So what is not simple - a
        row that somebody else has, unless it is to be skipped, or that has changed - can be left to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.executor.departed import has_departed
from server.executor.evaluation import layout_of
from server.executor.lock_rows import STRENGTHS
from server.executor.point_lock import is_one_table
from server.executor.row_node import Leave, NotCovered
from storage.engine import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.executor.context import ExecutionContext
    from server.executor.row_node import Row, RowNode, RowRun
    from server.expressions.expression import ColumnId
    from server.planner import physical

    Make = Callable[[physical.Plan, frozenset[ColumnId]], RowNode]


class LockedRows:
    """The rows that could be locked."""

    __slots__ = ("_input", "_mode", "_picks", "_place", "_skips", "_table", "output", "stored")

    def __init__(self, plan: physical.LockRows, needed: frozenset[ColumnId], make: Make) -> None:
        if not is_one_table(plan):
            raise NotCovered
        (target,) = plan.targets
        self._input = make(plan.input, needed)
        layout = layout_of(self._input.output)
        if target.row_id not in layout:
            raise NotCovered
        self._table, self._place = target.table, layout[target.row_id]
        self._mode = STRENGTHS[plan.strength]
        self._skips = plan.wait == "skip"
        self._picks = [layout[column] for column in plan.output]
        self.output, self.stored = plan.output, self._input.stored & set(plan.output)

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """One by one."""
        context = run.context
        if context.is_cursor:
            raise Leave
        relation = context.engine.relation(self._table.storage_id)
        for rows in self._input.portions(run):
            for row in rows:
                if self._is_locked(row[self._place], relation, context):
                    yield [tuple([row[place] for place in self._picks])]

    def _is_locked(self, row_id: int, relation: Any, context: ExecutionContext) -> bool:
        """Whether the version is locked; False: it is passed over."""
        with context.engine.latch:
            outcome = relation.lock_row(context.transaction, context.snapshot, row_id, self._mode)
        if outcome.status is Status.DONE and outcome.new_row_id == row_id:
            return True
        if outcome.status is Status.SELF_MODIFIED:
            return False
        if not context.read_committed:
            raise Leave
        if outcome.status is Status.BLOCKED and self._skips:
            return False
        if outcome.status is Status.DELETED and not has_departed(relation, row_id, context):
            return False
        raise Leave
