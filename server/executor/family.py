"""FamilyMember: one of the tables whose rows an UPDATE or DELETE of their parent changes.

Rule 1: expressions of the statement are over the columns of the table that it names; what hangs on the rows
        (checks, generated columns, indexes) is the member's own.
Rule 2: a row whose partition key changes is deleted where it is and inserted where it belongs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.partition_routing import translated, translation
from server.executor.row_checks import RowChecks, row_checks_of
from server.executor.row_moves import RowMoves, is_routed
from server.executor.table_shape import shape_of
from server.planner import change_plans

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.leaf_insert import LeafInsert
    from server.executor.target_checks import TargetChecks
    from server.vector.batch import Batch


class FamilyMember:
    """A table of the family, with the statement in terms of its attributes.

    old: attribute and position in the input of its current values. assigned: the attributes of SET.
    changed: these and the generated ones. unseen: attributes that the input does not have, where
    checks or generated columns want them. fires_before: BEFORE triggers are to see the rows.
    """

    __slots__ = (
        "_is_watched",
        "_moves",
        "_target",
        "assigned",
        "changed",
        "checks",
        "fires_before",
        "old",
        "table",
        "unseen",
    )

    def __init__(
        self,
        plan: change_plans.Update | change_plans.Delete,
        table: Table,
        old: tuple[tuple[int, int], ...],
        context: ExecutionContext,
    ) -> None:
        self.table = table
        self._target = plan.table
        numbers = {
            source: number
            for number, source in enumerate(translation(plan.table, table), 1)
            if source
        }
        self.old = tuple((numbers[number], position) for number, position in old)
        self.assigned: tuple[int, ...] = ()
        self.changed: tuple[int, ...] = ()
        self.unseen: tuple[int, ...] = ()
        self.checks = RowChecks((), (), ())
        self._is_watched = False
        self._moves: RowMoves | None = None
        triggers = shape_of(table, context).triggers
        if isinstance(plan, change_plans.Update):
            self._prepare_update(plan, numbers, context)
            self.fires_before = bool(
                triggers.rows("before", "update")
                or (self._is_watched and triggers.rows("before", "delete"))
            )
        else:
            self.fires_before = bool(triggers.rows("before", "delete"))

    def _prepare_update(
        self, plan: change_plans.Update, numbers: dict[int, int], context: ExecutionContext
    ) -> None:
        table = self.table
        self.assigned = tuple(numbers[number] for number, _ in plan.assignments)
        if table.oid == plan.table.oid:
            self.checks = RowChecks(plan.row, plan.checks, plan.generated, plan.policies)
            generated = tuple(number for number, _ in plan.generated)
        else:
            self.checks = row_checks_of(table, context)
            generated = tuple(column.number for column in table.live_columns if column.generated)
            seen = {number for number, _ in self.old}
            if not self.checks.is_empty:
                self.unseen = tuple(
                    column.number for column in table.live_columns if column.number not in seen
                )
        self.changed = self.assigned + generated
        fires = bool(shape_of(table, context).triggers.rows("before", "update"))
        self._is_watched = (fires and table.is_partition) or is_routed(table, self.changed, context)

    def movers(
        self, made: Batch, target_checks: TargetChecks, context: ExecutionContext
    ) -> dict[int, LeafInsert]:
        """The rows that belong to other partitions now: their places, and what inserts them there."""
        if not self._is_watched:
            return {}
        if self._moves is None:
            self._moves = RowMoves(self.table, self._target, context, target_checks)
        return self._moves.destinations(made, context)

    def as_target(self, made: Batch, context: ExecutionContext) -> Batch:
        """Rows of the member as rows of the table that the statement names."""
        return translated(made, self.table, self._target, context)
