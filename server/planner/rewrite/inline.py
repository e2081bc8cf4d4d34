"""A CTE that is read once, and was not asked to be materialized, becomes part of its reader.

Forbidden variants: one that is read twice (it would run twice), one with volatile functions (it
must run once), one
that changes data, one that refers to itself, and one whose only reader is inside its own recursion.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    ColumnId,
    Expression,
    OuterVariable,
    Subquery,
    walk,
)
from server.planner.matching import is_volatile
from server.planner.outer_references import outer_columns
from server.planner.plan import (
    CommonTables,
    CommonTableScan,
    LockRows,
    Modify,
    Node,
    Project,
    RecursiveUnion,
)
from server.planner.plan_walk import expressions_of, map_expressions, transform_plan, walk_plan

if TYPE_CHECKING:
    from server.planner.bind_with import CommonTable
    from server.planner.choose import Chooser


def inline_common_tables(chooser: Chooser, node: Node) -> Node:
    """Merge the CTEs that may be merged into their readers."""
    return transform_plan(node, lambda each: _inline(chooser, each))


def _inline(chooser: Chooser, node: Node) -> Node:
    if not isinstance(node, CommonTables):
        return node
    merged: dict[int, Node] = {}
    kept = []
    for number, name, plan in node.tables:  # each reads only those before it
        known = chooser.context.common_tables.get(number)
        whole = _merge(plan, merged)
        if known is not None and _may_merge(known, plan):
            merged[number] = whole
        else:
            kept.append((number, name, whole))
    if not merged:
        return node
    below = _merge(node.input, merged)
    return replace(node, tables=tuple(kept), input=below) if kept else below


def _may_merge(table: CommonTable, plan: Node) -> bool:
    if table.materialized or table.writes or table.references != 1:
        return False
    for part in walk_plan(plan):
        if isinstance(part, Modify | LockRows | RecursiveUnion):
            return False
        if any(is_volatile(each) for each in expressions_of(part)):
            return False
    return True


def _merge(node: Node, merged: dict[int, Node]) -> Node:
    """The node with the scans of merged CTEs replaced by their plans, in subqueries too.

    Such a subquery then depends on the outer columns that the CTE reads.
    """
    if not merged:
        return node
    return transform_plan(node, _Merging(merged).node)


@dataclass(slots=True)
class _Merging:
    """One pass over a plan, and the outer columns of what was put into it."""

    merged: dict[int, Node]
    outer: dict[ColumnId, OuterVariable] = field(default_factory=dict)
    depth: int = 0  # in subqueries

    def node(self, each: Node) -> Node:
        """Replace a scan; look into the subqueries of anything else."""
        if isinstance(each, CommonTableScan) and each.table_id in self.merged:
            plan = self.merged[each.table_id]
            if self.depth:
                self.outer |= _outer_variables(plan)
            return Project(
                input=plan,
                outputs=each.scan_columns,
                expressions=tuple(column.variable() for column in plan.columns),
            )
        if any(isinstance(part, Subquery) for e in expressions_of(each) for part in walk(e)):
            return map_expressions(each, self.expression)
        return each

    def expression(self, expression: Expression) -> Expression:
        """Replace scans in a subquery."""
        if not isinstance(expression, Subquery) or not isinstance(expression.plan, Node):
            return expression
        around, self.outer = self.outer, {}
        self.depth += 1
        inner = transform_plan(expression.plan, self.node)
        self.depth -= 1
        added, self.outer = self.outer, around | self.outer
        if inner is expression.plan:
            return expression
        known = {each.column for each in expression.outer}
        more = tuple(each for column, each in added.items() if column not in known)
        return replace(expression, plan=inner, outer=expression.outer + more)


def _outer_variables(plan: Node) -> dict[ColumnId, OuterVariable]:
    """What a plan reads of the queries around it."""
    columns = outer_columns(plan)
    return {
        part.column: part
        for node in walk_plan(plan)
        for expression in expressions_of(node)
        for part in walk(expression)
        if isinstance(part, OuterVariable) and part.column in columns
    }
