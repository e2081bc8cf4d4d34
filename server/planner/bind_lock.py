"""FOR UPDATE and its weaker forms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported, UndefinedTable, WrongObjectType
from server.expressions.expression import Variable
from server.planner.environment import INT8, OID, Access, BindContext, raise_at
from server.planner.physical import RowSource
from server.planner.plan import (
    Aggregate,
    Distinct,
    Filter,
    Limit,
    LockRows,
    Node,
    OutputColumn,
    Project,
    SetOperation,
    Sort,
    Window,
)
from server.planner.plan_walk import walk_plan
from server.planner.row_security import locked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from server.expressions.expression import ColumnId
    from server.planner.plan import Scan
    from server.planner.scope import RangeItem, Scope

_STRENGTHS = {
    "key_share": "key share",
    "share": "share",
    "no_key_update": "no key update",
    "update": "update",
}
_WAITS = {"block": "block", "skip": "skip", "error": "nowait"}
ROW_ID, TABLE_OID = -7, -6


def lock_rows(context: BindContext, scope: Scope, node: exp.Expression, plan: Node) -> Node:
    """LockRows nodes for the locking clauses of a query."""
    clauses = node.args.get("locks") or []
    if clauses and scope.parent is not None:
        context.calls_routines = True  # it may have to wait in the middle of an expression
    for clause in clauses:
        strength = _STRENGTHS[clause.args["strength"]]
        shown = f"FOR {strength.upper()}"
        _check(context, clause, plan, shown)
        targets = []
        for item in _named_items(context, scope, clause, shown):
            scan = item.scan
            if scan is None or scan.table.provider:
                continue
            context.lock(scan.table.oid, "row share")
            plan = locked(context, item, plan)
            if item.access is not None:
                context.access.append(Access(scan.table.oid, "w", set(), item.access.role))
            targets.append(row_source(scan))
        if targets:
            pinned = _pinned(scope, {target.row_id for target in targets})
            kept = _kept(scope)
            sources = (*targets, *pinned)
            carried = [OutputColumn(each.row_id, context.type(INT8)) for each in sources]
            carried += [
                OutputColumn(each.table_oid, context.type(OID))
                for each in sources
                if each.table_oid is not None
            ]
            plan = carrying(plan, (*carried, *kept))
            plan = LockRows(
                input=plan,
                strength=strength,
                wait=_WAITS[clause.args["wait"]],
                targets=tuple(targets),
                pinned=pinned,
                kept=tuple(output.column for output in kept),
            )
            context.writes = True
    return plan


def row_source(scan: Scan) -> RowSource:
    """Where the rows of a scan are known by."""
    table_oid = scan.column_of(TABLE_OID) if scan.inherits else None
    return RowSource(scan.table, scan.column_of(ROW_ID), table_oid)


def _pinned(scope: Scope, locked: set[ColumnId]) -> tuple[RowSource, ...]:
    """The tables of the query whose rows are not locked."""
    scans = [item.scan for item in scope.items if item.scan is not None]
    found = [row_source(scan) for scan in scans if not scan.table.provider]
    return tuple(source for source in found if source.row_id not in locked)


def _kept(scope: Scope) -> tuple[OutputColumn, ...]:
    """The columns of what else is in FROM: subqueries, functions."""
    variables = [
        column.expression
        for item in scope.items
        if item.scan is None
        for column in item.columns()
        if isinstance(column.expression, Variable)
    ]
    return tuple(OutputColumn(each.column, each.type, each.name) for each in variables)


def carrying(plan: Node, outputs: Sequence[OutputColumn]) -> Node:
    """The plan with its projection letting these columns through."""
    if isinstance(plan, Filter | Limit | Sort | LockRows):
        return replace(plan, input=carrying(plan.input, outputs))
    if not isinstance(plan, Project):
        return plan
    known = {output.column for output in plan.outputs}
    added = tuple({each.column: each for each in outputs if each.column not in known}.values())
    return replace(
        plan,
        outputs=plan.outputs + added,
        expressions=plan.expressions + tuple(output.variable() for output in added),
    )


def _check(context: BindContext, clause: exp.Expression, plan: Node, shown: str) -> None:
    refused: tuple[tuple[type[Node], str], ...] = (
        (Aggregate, "GROUP BY clause"),
        (Distinct, "DISTINCT clause"),
        (SetOperation, "UNION/INTERSECT/EXCEPT"),
        (Window, "window functions"),
    )
    top = plan
    for node in walk_plan(top):
        for kind, name in refused:
            if isinstance(node, kind) and _is_own(plan, node):
                if isinstance(node, Aggregate) and not node.keys:
                    name = "aggregate functions"
                raise raise_at(
                    context, clause, FeatureNotSupported(f"{shown} is not allowed with {name}")
                )


def _is_own(plan: Node, wanted: Node) -> bool:
    """Whether the node belongs to the query itself and not to a subquery in FROM."""
    from server.planner.plan import Filter, Limit, Project, Sort

    node = plan
    projects = 0
    while isinstance(node, Filter | Limit | Project | Sort | LockRows | Window | Distinct):
        if node is wanted:
            return True
        projects += isinstance(node, Project)
        if projects > 1:
            return False
        node = node.input
    return node is wanted


def _named_items(
    context: BindContext, scope: Scope, clause: exp.Expression, shown: str
) -> list[RangeItem]:
    names = clause.args.get("tables") or []
    if not names:
        return scope.items
    found = []
    for reference in names:
        name = reference.args["parts"][-1]
        items = [item for item in scope.items if item.alias == name]
        if not items:
            raise raise_at(
                context,
                reference,
                UndefinedTable(f'relation "{name}" in {shown} clause not found in FROM clause'),
            )
        if items[0].joined:
            error = FeatureNotSupported(f"{shown} cannot be applied to a join")
            raise raise_at(context, reference, error)
        if items[0].scan is None and items[0].table is None:
            raise raise_at(
                context, reference, WrongObjectType(f"{shown} cannot be applied to this item")
            )
        found += items
    return found
