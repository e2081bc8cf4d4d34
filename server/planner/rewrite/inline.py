"""A CTE that is read once, and was not asked to be materialized, becomes part of its reader.

Forbidden variants: one that is read twice (it would run twice), one with volatile functions (it
must run once), one
that changes data, one that refers to itself, and one whose only reader is inside its own recursion.
"""

from __future__ import annotations

from dataclasses import replace
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
    expressions_of,
    map_expressions,
    transform_plan,
    walk_plan,
)

if TYPE_CHECKING:
    from server.planner.choose import Chooser


def inline_common_tables(chooser: Chooser, node: Node) -> Node:
    """Merge the CTEs that may be merged into their readers."""
    return transform_plan(node, lambda each: _inline(chooser, each))


def _inline(chooser: Chooser, node: Node) -> Node:
    if not isinstance(node, CommonTables):
        return node
    current = node
    for number in [each[0] for each in node.tables]:
        plan = next(table for n, _, table in current.tables if n == number)
        known = chooser.context.common_tables.get(number)
        if known is None or not _may_merge(known, plan):
            continue
        others = tuple(
            (n, name, _merge(table, number, plan))
            for n, name, table in current.tables
            if n != number
        )
        current = replace(current, tables=others, input=_merge(current.input, number, plan))
    return current if current.tables else current.input


def _may_merge(table, plan: Node) -> bool:  # type: ignore[no-untyped-def]
    if table.materialized or table.writes or table.references != 1:
        return False
    for part in walk_plan(plan):
        if isinstance(part, Modify | LockRows | RecursiveUnion):
            return False
        if any(is_volatile(each) for each in expressions_of(part)):
            return False
    return True


def _merge(node: Node, number: int, plan: Node) -> Node:
    """The node with the scan of the CTE replaced by its plan, in subqueries too.

    Such a subquery then depends on the outer columns that the CTE reads.
    """
    outer = _outer_variables(plan)

    def scan(each: Node) -> Node:
        if isinstance(each, CommonTableScan) and each.table_id == number:
            return Project(
                input=plan,
                outputs=each.scan_columns,
                expressions=tuple(column.variable() for column in plan.columns),
            )
        if any(isinstance(part, Subquery) for e in expressions_of(each) for part in walk(e)):
            return map_expressions(each, inside)
        return each

    def inside(expression: Expression) -> Expression:
        if isinstance(expression, Subquery) and isinstance(expression.plan, Node):
            inner = transform_plan(expression.plan, scan)
            if inner is expression.plan:
                return expression
            known = {each.column for each in expression.outer}
            added = tuple(each for column, each in outer.items() if column not in known)
            return replace(expression, plan=inner, outer=expression.outer + added)
        return expression

    return transform_plan(node, scan)


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
