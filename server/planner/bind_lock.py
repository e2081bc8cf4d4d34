"""FOR UPDATE and its weaker forms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.errors import FeatureNotSupported, UndefinedTable, WrongObjectType
from server.expressions.expression import Variable
from server.oids import INT8, OID
from server.planner.environment import Access, BindContext, raise_at
from server.planner.physical import RowSource
from server.planner.plan import (
    Aggregate,
    Append,
    CommonTableScan,
    Distinct,
    Filter,
    FunctionScan,
    Limit,
    LockRows,
    Node,
    OutputColumn,
    Project,
    SetOperation,
    Sort,
    Window,
)
from server.planner.plan_walk import column_numbers, transform_plan, walk_plan
from server.planner.row_security import locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot import exp

    from server.expressions.expression import ColumnId
    from server.planner.plan import Scan
    from server.planner.scope import RangeItem, Scope

STRENGTHS = {
    "key_share": "key share",
    "share": "share",
    "no_key_update": "no key update",
    "update": "update",
}
_WAITS = {"block": "block", "skip": "skip", "error": "nowait"}
ROW_ID, TABLE_OID = -7, -6
REFUSED: Final[tuple[tuple[type[Node], str], ...]] = (
    (Aggregate, "GROUP BY clause"),
    (Distinct, "DISTINCT clause"),
    (SetOperation, "UNION/INTERSECT/EXCEPT"),
    (Append, "UNION/INTERSECT/EXCEPT"),
    (Window, "window functions"),
)


def lock_rows(context: BindContext, scope: Scope, node: exp.Expression, plan: Node) -> Node:
    """LockRows nodes for the locking clauses of a query."""
    clauses = node.args.get("locks") or []
    is_inside = not scope.top
    if clauses and is_inside:
        context.calls_routines = True  # it may have to wait in the middle of an expression
    for clause in clauses:
        strength = STRENGTHS[clause.args["strength"]]
        shown = f"FOR {strength.upper()}"
        targets = []
        named = _named_items(context, scope, clause, plan, shown)
        for item, scan in _lockable(context, clause, named, shown):
            context.lock(scan.table.oid, "row share")
            plan = locked(context, item, plan)
            if item.access is not None:
                context.access.append(Access(scan.table.oid, "w", set(), item.access.role))
            targets.append(row_source(scan))
        if targets:
            pinned = _pinned(scope, {target.row_id for target in targets})
            kept = _kept(scope, named)
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
                is_inside=is_inside,
            )
            context.writes = True
            context.locked_for = context.locked_for or shown
    return plan


def refuse_locks(context: BindContext, scope: Scope, node: exp.Expression) -> None:
    """Refuse locks beside what makes rows of several, before it is looked whether that is in order."""
    arguments = node.args
    found = (
        (arguments.get("distinct") is not None, "DISTINCT clause"),
        (arguments.get("group_by") is not None, "GROUP BY clause"),
        (arguments.get("having") is not None, "HAVING clause"),
        (scope.has_aggregates, "aggregate functions"),
        (bool(scope.window_list), "window functions"),
    )
    name = next((name for is_there, name in found if is_there), "")
    for clause in (arguments.get("locks") or [])[:1] if name else ():
        shown = f"FOR {STRENGTHS[clause.args['strength']].upper()}"
        raise raise_at(context, clause, FeatureNotSupported(f"{shown} is not allowed with {name}"))


def _lockable(
    context: BindContext, clause: exp.Expression, items: list[RangeItem], shown: str
) -> Iterator[tuple[RangeItem, Scan]]:
    """The tables among FROM items, and those that subqueries and views among them read."""
    for item in items:
        if item.scan is not None:
            if item.scan.table.kind == "m":
                name = item.scan.table.name
                raise WrongObjectType(f'cannot lock rows in materialized view "{name}"')
            if not item.scan.table.provider:
                yield item, item.scan
        elif item.query is not None:
            if item.table is not None and _is_combined(item.query):
                context.lock(item.table.oid, "row share")
                continue  # a view says nothing of its own, and its branches are none of its tables
            _check(context, clause, item.query, shown)
            if item.table is not None and item.access is not None:
                context.access.append(Access(item.table.oid, "w", set(), item.access.role))
                context.lock(item.table.oid, "row share")
            yield from _lockable(context, clause, item.inside, shown)


def row_source(scan: Scan) -> RowSource:
    """Where the rows of a scan are known by."""
    table_oid = scan.column_of(TABLE_OID) if scan.inherits else None
    return RowSource(scan.table, scan.column_of(ROW_ID), table_oid)


def _pinned(scope: Scope, locked: set[ColumnId]) -> tuple[RowSource, ...]:
    """The tables of the query whose rows are not locked."""
    scans = [item.scan for item in scope.items if item.scan is not None]
    found = [row_source(scan) for scan in scans if not scan.table.provider]
    return tuple(source for source in found if source.row_id not in locked)


def _kept(scope: Scope, locked: list[RangeItem]) -> tuple[OutputColumn, ...]:
    """The columns of what else is in FROM: functions, and subqueries whose rows are not locked."""
    changing = {each.column for item in locked if item.query is not None for each in _listed(item)}
    variables = (each for item in scope.items if item.scan is None for each in _listed(item))
    return tuple(
        OutputColumn(each.column, each.type, each.name)
        for each in variables
        if each.column not in changing
    )


def _listed(item: RangeItem) -> Iterator[Variable]:
    """The columns of an item that are just that."""
    for column in item.columns():
        if isinstance(column.expression, Variable):
            yield column.expression


def carrying(plan: Node, outputs: Sequence[OutputColumn]) -> Node:
    """The plan with its projections, and those of its subqueries, letting these columns through."""
    wanted = {each.column: each for each in outputs}

    def widened(node: Node) -> Node:
        if not isinstance(node, Project):
            return node
        known = {output.column for output in node.outputs}
        there = column_numbers(node.input)
        added = tuple(each for each in wanted.values() if each.column in there - known)
        if not added:
            return node
        return replace(
            node,
            outputs=node.outputs + added,
            expressions=node.expressions + tuple(output.variable() for output in added),
        )

    return transform_plan(plan, widened)


def _check(context: BindContext, clause: exp.Expression, plan: Node, shown: str) -> None:
    """Refuse a subquery that gives rows which are not those of a table."""
    for node in _own_nodes(plan):
        for kind, name in REFUSED:
            if isinstance(node, kind):
                if isinstance(node, Aggregate) and not node.keys:
                    name = "aggregate functions"
                raise raise_at(
                    context, clause, FeatureNotSupported(f"{shown} is not allowed with {name}")
                )


def _is_combined(plan: Node) -> bool:
    """Whether a query is a set operation."""
    *_, last = _own_nodes(plan)
    return isinstance(last, SetOperation | Append)


def _own_nodes(plan: Node) -> Iterator[Node]:
    """The nodes of a subquery, down to what it is made of."""
    yield plan
    while isinstance(plan, Filter | Limit | Project | Sort | LockRows | Window | Distinct):
        plan = plan.input
        yield plan


def _named_items(
    context: BindContext, scope: Scope, clause: exp.Expression, plan: Node, shown: str
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
        what = _unlockable(items[0], plan)
        if what:
            error = FeatureNotSupported(f"{shown} cannot be applied to {what}")
            raise raise_at(context, reference, error)
        found += items
    return found


def _unlockable(item: RangeItem, plan: Node) -> str:
    """What an item is that has no rows to be locked; nothing for others."""
    if item.scan is not None or item.query is not None:
        return ""
    own = {each.column for each in _listed(item)}
    for node in walk_plan(plan):
        if isinstance(node, FunctionScan | CommonTableScan) and own <= column_numbers(node):
            return "a function" if isinstance(node, FunctionScan) else "a WITH query"
    return "this item"
