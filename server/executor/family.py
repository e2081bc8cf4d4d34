"""FamilyMember: one of the tables whose rows an UPDATE or DELETE of their parent changes.

Rule 1: expressions of the statement are over the columns of the table that it names; what hangs on the rows
        (checks, generated columns, indexes) is the member's own.
Rule 2: a row whose partition key changes is deleted where it is and inserted where it belongs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.leaf_insert import LeafInsert, row_checks_of
from server.executor.partition_routing import (
    Router,
    routed_columns,
    translated,
    translation,
    violation,
)
from server.executor.row_checks import RowChecks
from server.planner import physical

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.vector.batch import Batch


class FamilyMember:
    """A table of the family, with the statement in terms of its attributes.

    old: attribute and position in the input of its current values. assigned: the attributes of SET.
    changed: these and the generated ones. unseen: attributes that the input does not have, where
    checks or generated columns want them.
    """

    __slots__ = (
        "_is_watched",
        "_leaves",
        "_router",
        "_target",
        "assigned",
        "changed",
        "checks",
        "old",
        "table",
        "unseen",
    )

    def __init__(
        self,
        plan: physical.Update | physical.Delete,
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
        self._router: Router | None = None
        self._leaves: dict[int, LeafInsert] = {}
        if isinstance(plan, physical.Update):
            self._prepare_update(plan, numbers, context)

    def _prepare_update(
        self, plan: physical.Update, numbers: dict[int, int], context: ExecutionContext
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
        if table.is_partition:
            names = {table.column(number).name for number in self.changed}
            self._is_watched = bool(names & routed_columns(context, table))

    def movers(self, made: Batch, context: ExecutionContext) -> dict[int, LeafInsert]:
        """The rows that belong to other partitions now: their places, and what inserts them there."""
        if not self._is_watched:
            return {}
        if self._router is None:
            self._router = Router(self.table, context, self._target)
        own = {member.oid for member in context.catalog.family_of(self._target)}
        found: dict[int, LeafInsert] = {}
        for leaf, positions in self._router.route_anywhere(made, own, context):
            if leaf.oid == self.table.oid:
                continue
            if self._target.oid == self.table.oid:
                raise violation(self.table, made, int(positions[0]), context)
            insert = self._leaves.get(leaf.oid)
            if insert is None:
                insert = self._leaves[leaf.oid] = LeafInsert(self.table, leaf, context)
            found.update(dict.fromkeys(positions.tolist(), insert))
        return found

    def as_target(self, made: Batch, context: ExecutionContext) -> Batch:
        """Rows of the member as rows of the table that the statement names."""
        return translated(made, self.table, self._target, context)
