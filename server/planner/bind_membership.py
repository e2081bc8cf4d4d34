"""IN with a list of expressions, bound: whether a value is equal to one of some items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import SqlError
from server.expressions.expression import (
    Expression,
    InList,
    Or,
    OuterVariable,
    Parameter,
    RowConstructor,
    Variable,
    listed,
    walk,
)
from server.oids import BOOL, RECORD, UNKNOWN
from server.planner.bind_operator import bind_operation, find_operator, function_of
from server.planner.coerce import coerce_or_fail
from server.planner.common_types import common_type
from server.planner.polymorphic import is_polymorphic

if TYPE_CHECKING:
    from server.planner.environment import BindContext


def membership(
    context: BindContext, value: Expression, items: list[Expression], offset: int
) -> Expression:
    """Value IN (items): one look into a list where all are of one type, a comparison for each item elsewhere."""
    if len(items) > 1 and not (isinstance(value, RowConstructor) and value.type.oid == RECORD):
        found = _in_list(context, value, items, offset)
        if found is not None:
            return found
    parts = tuple(bind_operation(context, "=", value, item, offset) for item in items)
    if len(parts) == 1:
        return parts[0]
    return Or(type=context.type(BOOL), arguments=parts, offset=offset)


def _in_list(
    context: BindContext, value: Expression, items: list[Expression], offset: int
) -> Expression | None:
    if isinstance(value, Parameter) and value.type.oid == UNKNOWN:
        columns = sum(map(_has_column, items))
        if columns and len(items) - columns < 2:
            return None  # each of them tells its type, and they have to agree
    try:
        oid = common_type(context, [value, *items], "IN")
        if oid == RECORD:
            return None
        coerced = tuple(coerce_or_fail(context, item, oid, "IN") for item in items)
    except SqlError as error:
        if _is_bad_literal(error) and not any(_has_column(item) for item in items):
            raise
        return None  # item by item then, as the types may well be comparable
    operator = find_operator(context, "=", value.type.oid, oid, offset)
    wanted_left = operator.left if not is_polymorphic(operator.left) else oid
    argument = coerce_or_fail(context, value, wanted_left, "IN")
    if operator.right != oid and not is_polymorphic(operator.right):
        coerced = tuple(coerce_or_fail(context, item, operator.right, "IN") for item in coerced)
    return InList(
        type=context.type(BOOL),
        function=function_of(context, operator, offset),
        argument=argument,
        items=listed(coerced),
        offset=offset,
    )


def _is_bad_literal(error: SqlError) -> bool:
    """Whether the types go together, and a literal's text is none of their common one."""
    return error.sqlstate.startswith("22")


def _has_column(item: Expression) -> bool:
    """Whether it is compared apart from the constants of a list, and has no say in their common type."""
    return any(isinstance(each, Variable | OuterVariable) for each in walk(item))
