"""Subqueries in expressions: EXISTS, IN, ANY, ALL, ARRAY and scalar ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import SqlSyntaxError, UndefinedFunction
from server.expressions.expression import (
    Call,
    Expression,
    FieldSelect,
    RowConstructor,
    Subquery,
)
from server.oids import BOOL, RECORD
from server.planner.bind_operator import compare_rows, functions_of, row_calls
from server.planner.environment import BindContext, raise_at
from server.planner.outer_references import outer_arguments
from server.planner.scope import Scope
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.bind_query import BoundQuery
    from server.planner.plan import Node


def _bind_inner(
    context: BindContext, scope: Scope, node: exp.Expression
) -> tuple[BoundQuery, Scope]:
    from server.planner.bind_query import bind_query

    inner = Scope(parent=scope)
    return bind_query(context, inner, node), inner


def bind_sublink(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """A subquery in an expression."""
    kind = node.args["kind"]
    if kind in ("any", "all"):
        return _quantified(context, scope, node)
    query, inner = _bind_inner(context, scope, node.args["query"])
    outer = outer_arguments(context, scope, inner)
    offset = nodes.offset_of(node)
    if kind == "exists":
        return Subquery(
            type=context.type(BOOL), kind=kind, plan=query.node, outer=outer, offset=offset
        )
    if len(query.columns) != 1:
        raise raise_at(context, node, SqlSyntaxError("subquery must return only one column"))
    result = query.columns[0].type
    if kind == "array":
        array = result.type.array_oid
        if not array and result.type.category == "A":
            array = result.oid
        if not array:
            raise raise_at(
                context,
                node,
                UndefinedFunction(
                    f"could not find array type for data type {result.type.sql_name}"
                ),
            )
        result = context.type(array)
    return Subquery(type=result, kind=kind, plan=query.exactly(), outer=outer, offset=offset)


def _quantified(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    from server.planner.bind_expression import bind_expression

    query, inner = _bind_inner(context, scope, node.args["query"])
    test = bind_expression(context, scope, node.args["test"])
    name = node.args["operator"][-1]
    offset = nodes.offset_of(node)
    is_list = isinstance(node.args["test"], nodes.RowConstructor)  # a name of a row is one value
    tests = test.items if is_list and isinstance(test, RowConstructor) else (test,)
    if len(query.columns) != len(tests):
        few = "few" if len(query.columns) < len(tests) else "many"
        raise raise_at(context, node, SqlSyntaxError(f"subquery has too {few} columns"))
    columns = tuple(column.variable() for column in query.columns)
    calls, equals = row_calls(context, name, tests, columns, offset)
    operands = [call.arguments for call in calls if isinstance(call, Call)]
    plan = _compared(context, query, tuple(right for _, right in operands))
    return Subquery(
        type=context.type(BOOL),
        kind=node.args["kind"],
        plan=plan,
        test=tuple(left for left, _ in operands),
        functions=functions_of(calls),
        equals=functions_of(equals),
        operator=name,
        outer=outer_arguments(context, scope, inner),
        offset=offset,
    )


def _compared(context: BindContext, query: BoundQuery, values: tuple[Expression, ...]) -> Node:
    """The subquery's plan with its columns coerced for the comparison."""
    from server.expressions.expression import Variable
    from server.planner.plan import OutputColumn, Project

    if all(isinstance(value, Variable) for value in values):
        return query.exactly()
    outputs = tuple(
        OutputColumn(value.column, value.type)
        if isinstance(value, Variable)
        else OutputColumn(context.new_column(), value.type)
        for value in values
    )
    return Project(input=query.node, outputs=outputs, expressions=values)


def compare_with_row_query(
    context: BindContext,
    scope: Scope,
    test: exp.Expression,
    query_node: exp.Expression,
    name: str,
) -> Expression:
    """(a, b) = (SELECT x, y ...): the subquery as one record, field by field."""
    from server.planner.bind_expression import bind_expression

    row = bind_expression(context, scope, test)
    assert isinstance(row, RowConstructor)
    record = bind_row_query(context, scope, query_node, len(row.items))
    return compare_rows(context, name, row.items, record, nodes.offset_of(query_node))


def bind_row_query(
    context: BindContext, scope: Scope, node: exp.Expression, width: int
) -> tuple[Expression, ...]:
    """The fields of a scalar subquery of several columns."""
    from server.planner.plan import OutputColumn, Project

    query, inner = _bind_inner(context, scope, node.args["query"])
    if len(query.columns) != width:
        few = "few" if len(query.columns) < width else "many"
        raise raise_at(context, node, SqlSyntaxError(f"subquery has too {few} columns"))
    row = RowConstructor(
        type=context.type(RECORD),
        items=tuple(column.variable() for column in query.columns),
        names=tuple(column.name for column in query.columns),
    )
    plan = Project(
        input=query.node,
        outputs=(OutputColumn(context.new_column(), row.type),),
        expressions=(row,),
    )
    record = Subquery(
        type=row.type,
        kind="scalar",
        plan=plan,
        outer=outer_arguments(context, scope, inner),
        offset=nodes.offset_of(node),
    )
    return tuple(
        FieldSelect(type=column.type, argument=record, field=number)
        for number, column in enumerate(query.columns)
    )
