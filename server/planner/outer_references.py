"""Which columns from outside a plan reads, and the Subquery expressions that remember it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.expressions.expression import (
    ColumnId,
    Expression,
    OuterVariable,
    Subquery,
    Variable,
    walk,
)
from server.planner.plan import Join, Node
from server.planner.plan_walk import column_numbers, expressions_of, walk_plan

if TYPE_CHECKING:
    from server.planner.environment import BindContext
    from server.planner.scope import Scope


def outer_columns(plan: Node) -> set[ColumnId]:
    """The columns that the plan reads by OuterVariable and no dependent join in it brings."""
    found: set[ColumnId] = set()
    own: set[ColumnId] = set()
    for node in walk_plan(plan):
        if isinstance(node, Join) and node.lateral:
            own |= column_numbers(node.left)
        for expression in expressions_of(node):
            found |= outer_of(expression)
    return found - own


def outer_of(expression: Expression) -> set[ColumnId]:
    """The columns an expression reads by OuterVariable, those of its subqueries included."""
    return {node.column for node in walk(expression) if isinstance(node, OuterVariable)}


def outer_arguments(
    context: BindContext, scope: Scope, inner: Scope
) -> tuple[Variable | OuterVariable, ...]:
    """What a subquery bound in `inner` reads of the scope it stands in, and of those around it."""
    result: list[Variable | OuterVariable] = []
    for column, kind in inner.outer.items():
        if column in scope.outer:
            result.append(OuterVariable(type=kind, column=column))
        else:
            result.append(Variable(type=kind, column=column))
    return tuple(result)


def has_subquery(expression: Expression) -> bool:
    """Whether the expression holds a subquery."""
    return any(isinstance(node, Subquery) for node in walk(expression))
