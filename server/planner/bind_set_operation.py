"""UNION, INTERSECT, EXCEPT and VALUES: columns by position, brought to common types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported, SqlSyntaxError
from server.expressions.expression import Expression, Variable
from server.oids import UNKNOWN
from server.planner.bind_lock import STRENGTHS
from server.planner.bind_order import Target, bind_order_item, check_comparable, sort_key
from server.planner.coerce import coerce_or_fail
from server.planner.common_types import common_modifier, common_type
from server.planner.environment import BindContext, raise_at
from server.planner.plan import (
    Append,
    Columns,
    Distinct,
    Limit,
    LockRows,
    Node,
    OutputColumn,
    Project,
    SetOperation,
    Sort,
    Values,
)
from server.planner.scope import RangeColumn, RangeItem, Scope
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.bind_query import BoundQuery


def bind_set_operation(context: BindContext, scope: Scope, node: exp.Expression) -> BoundQuery:
    """A set operation with its ORDER BY and LIMIT."""
    from server.planner.bind_from import hidden_scope
    from server.planner.bind_query import BoundQuery, bind_limit

    _refuse_locks(context, node)
    left = _branch(context, hidden_scope(scope), node.args["left"])
    right = _branch(context, hidden_scope(scope), node.args["right"])
    plan: Node = combine(context, node, left, right)
    columns = plan.columns
    targets = [Target(column.name, column.variable()) for column in columns]
    listed = tuple(RangeColumn(column.name, column.variable()) for column in columns)
    keys = []
    for each in node.args.get("order_by") or []:
        seen = Scope(parent=scope.parent, items=[RangeItem(alias="", listed=listed)])
        target = bind_order_item(context, seen, each.args["this"], targets, "ORDER BY")
        if target.hidden:
            raise raise_at(
                context,
                each.args["this"],
                FeatureNotSupported(
                    "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
                    detail="Only result column names can be used, not expressions or functions.",
                    hint="Add the expression/function to every SELECT, or move the UNION into a "
                    "FROM clause.",
                ),
            )
        keys.append(sort_key(context, each, target.expression))
    if keys:
        plan = Sort(input=plan, keys=tuple(keys))
    plan = bind_limit(context, scope, node, plan, tuple(keys))
    return BoundQuery(plan, columns, ((0, 0),) * len(columns), left.offsets)


def _branch(context: BindContext, parent: Scope, node: exp.Expression) -> BoundQuery:
    from server.planner.bind_query import bind_query

    _refuse_locks(context, node)
    scope = Scope(
        parent=parent.parent,
        outer=parent.outer,
        common_tables=dict(parent.common_tables),
        unready_tables=parent.unready_tables,
        hidden_items=parent.hidden_items,
    )
    return bind_query(context, scope, node, keep_unknown=not isinstance(node, nodes.Values))


def _refuse_locks(context: BindContext, node: exp.Expression) -> None:
    for clause in (node.args.get("locks") or [])[:1]:
        shown = STRENGTHS[clause.args["strength"]].upper()
        error = FeatureNotSupported(f"FOR {shown} is not allowed with UNION/INTERSECT/EXCEPT")
        raise raise_at(context, clause, error)


def combine(
    context: BindContext, node: exp.Expression, left: BoundQuery, right: BoundQuery
) -> Node:
    """The node of the operation over both branches, coerced to common types."""
    kind = node.args["kind"]
    if len(left.columns) != len(right.columns):
        raise raise_at(
            context,
            first_target(node.args["right"]),
            SqlSyntaxError(f"each {kind.upper()} query must have the same number of columns"),
        )
    first, second, columns = unified(context, left, right, kind.upper())
    every = bool(node.args.get("all"))
    if not every:
        for position, column in enumerate(columns):
            check_comparable(context, column.variable(), left.offset_of(position))
    if kind == "union" and every:
        inputs = (*_flat(first), second)
        return Append(append_columns=columns, inputs=inputs)
    if kind == "union" and isinstance(first, SetOperation) and first.kind == kind and not first.all:
        # Of what a chain of unions gives twice, one pass at its end rids it as well.
        inputs = (*_flat(first.left), first.right)
        first = Append(append_columns=first.set_columns, inputs=inputs)
    return SetOperation(kind=kind, all=every, set_columns=columns, left=first, right=second)


def _flat(node: Node) -> tuple[Node, ...]:
    """The inputs of a UNION ALL chain; safe only where no coercion stands between."""
    return node.inputs if isinstance(node, Append) else (node,)


def unified(
    context: BindContext, left: BoundQuery, right: BoundQuery, construct: str
) -> tuple[Node, Node, Columns]:
    """Both plans with their columns of common types, and new columns for the result."""
    first_values = _values_of(left)
    second_values = _values_of(right)
    names = [column.name for column in left.columns]
    first, second, columns = [], [], []
    number = context.new_column(len(names))
    for position, (a, b) in enumerate(zip(first_values, second_values, strict=True)):
        oid = common_type(context, [a, b], construct)
        a, b = (coerce_or_fail(context, each, oid, construct) for each in (a, b))
        first.append(a)
        second.append(b)
        kind = context.type(oid, common_modifier([a, b], oid))
        columns.append(OutputColumn(number + position, kind, names[position]))
    return (
        _coerced(context, left, first),
        _coerced(context, right, second),
        tuple(columns),
    )


def _values_of(query: BoundQuery) -> list[Expression]:
    """What stands for each column while types are settled.

    The expression itself where it is a bare literal.
    """
    node = query.node
    while isinstance(node, Sort | Limit | LockRows | Distinct):
        node = node.input
    if isinstance(node, Project) and not node.sets:
        by_column = {
            column.column: expression
            for column, expression in zip(node.outputs, node.expressions, strict=True)
        }
        return [
            by_column[column.column]
            if column.type.oid == UNKNOWN
            else column.variable(query.offset_of(position))
            for position, column in enumerate(query.columns)
        ]
    return [
        column.variable(query.offset_of(position)) for position, column in enumerate(query.columns)
    ]


def first_target(node: exp.Expression) -> exp.Expression:
    """The first output expression of a query, to which errors about its columns point."""
    while isinstance(node, nodes.SetOperation):
        node = node.args["left"]
    first = node
    if isinstance(node, nodes.Select) and node.args["targets"]:
        first = node.args["targets"][0].args["this"]
    elif isinstance(node, nodes.Values):
        first = node.args["rows"][0].args["arguments"][0]
    return first


def _coerced(context: BindContext, query: BoundQuery, values: list[Expression]) -> Node:
    same = all(
        isinstance(value, Variable) and value.column == column.column
        for value, column in zip(values, query.columns, strict=True)
    )
    if same:
        return query.exactly()
    node = query.node
    if isinstance(node, Project) and any(not isinstance(each, Variable) for each in values):
        values = [_settled(each) for each in values]
    outputs = tuple(
        OutputColumn(context.new_column(), value.type, column.name)
        for value, column in zip(values, query.columns, strict=True)
    )
    return Project(input=query.node, outputs=outputs, expressions=tuple(values))


def _settled(value: Expression) -> Expression:
    return value


def values_node(
    context: BindContext,
    rows: list[list[Expression]],
    written: list[exp.Expression],
    keep_unknown: bool,
) -> Values:
    """VALUES with each column of one type."""
    width = len(rows[0])
    for row, node in zip(rows, written, strict=True):
        if len(row) != width:
            raise raise_at(
                context,
                node.args["arguments"][0],
                SqlSyntaxError("VALUES lists must all be the same length"),
            )
    columns = []
    number = context.new_column(width)
    kept = []
    for position in range(width):
        items = [row[position] for row in rows]
        if not (keep_unknown and all(item.type.oid == UNKNOWN for item in items)):
            oid = common_type(context, items, "VALUES")
            items = [coerce_or_fail(context, item, oid, "VALUES") for item in items]
            kind = context.type(oid, common_modifier(items, oid))
        else:
            kind = context.type(UNKNOWN)
        kept.append(items)
        columns.append(OutputColumn(number + position, kind, f"column{position + 1}"))
    values = tuple(zip(*kept, strict=True)) if kept else ((),) * len(rows)
    return Values(value_columns=tuple(columns), rows=values)
