"""TargetChecks: what the table that an UPDATE names asks of new rows of its whole family.

Rule 1: a row that moves to another partition is held against them where it arrives, after the triggers there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.partition_routing import translated
from server.executor.row_checks import RowChecks, ViewChecks
from server.executor.table_shape import shape_of

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.planner import change_plans
    from server.vector.batch import Batch


class TargetChecks:
    """The policies of the table named, and the check options of the views it was reached by."""

    __slots__ = ("_has_policies", "_policies", "_target", "_views")

    def __init__(self, plan: change_plans.Update) -> None:
        self._target = plan.table
        self._has_policies = bool(plan.policies)
        self._policies = RowChecks(plan.row, (), (), plan.policies)
        self._views = ViewChecks(plan.row, plan.view_checks) if plan.view_checks else None

    def check(self, made: Batch, table: Table, context: ExecutionContext) -> None:
        """Raise for a row of a table of the family that may not be; a table's own rows were checked for policies."""
        if self._has_policies and table.oid != self._target.oid:
            shown = translated(made, table, self._target, context)
            self._policies.check_policies(shown, shape_of(self._target, context), context)
        if self._views is not None:
            shown = translated(made, table, self._target, context)
            self._views.check(shown, self._target, context)
