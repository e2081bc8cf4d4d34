"""Correlated conditions lifted out of a subquery, so that it can become one side of a join."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    ColumnId,
    Expression,
    OuterVariable,
    Variable,
    transform,
)
from server.planner.bind_operator import and_all, conjuncts
from server.planner.outer_references import outer_columns, outer_of
from server.planner.plan import Filter, Join, Node, OutputColumn, Project
from server.planner.plan_walk import column_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class Lifted:
    """A subquery's plan without its correlated conditions, and these, over the columns of both."""

    node: Node
    conditions: list[Expression]


def lift(node: Node, available: set[ColumnId]) -> Lifted | None:
    """Lift the conditions that read `available` columns.

    None when some such read cannot be lifted.
    """
    lifted = _lift(node, available)
    if outer_columns(lifted.node) & available:
        return None
    return lifted


def _lift(node: Node, available: set[ColumnId]) -> Lifted:
    if isinstance(node, Filter):
        inner = _lift(node.input, available)
        own, lifted = _split(conjuncts(node.condition), available)
        source: Node = inner.node
        if own:
            source = replace(node, input=source, condition=and_all(own))
        return Lifted(source, inner.conditions + lifted)
    if isinstance(node, Join) and not node.lateral:
        return _lift_join(node, available)
    if isinstance(node, Project) and not node.sets:
        inner = _lift(node.input, available)
        if not inner.conditions:
            return Lifted(replace(node, input=inner.node), [])
        return Lifted(passing(replace(node, input=inner.node), inner.conditions), inner.conditions)
    return Lifted(node, [])


def _lift_join(node: Join, available: set[ColumnId]) -> Lifted:
    left = _lift(node.left, available)
    # A condition on the nullable side decides which rows are padded: it must stay where it is.
    if node.kind != "inner":
        if node.kind == "full":
            return Lifted(node, [])
        return Lifted(replace(node, left=left.node), left.conditions)
    right = _lift(node.right, available)
    own, lifted = _split(conjuncts(node.condition), available)
    condition = and_all(own) if own else None
    joined = replace(node, left=left.node, right=right.node, condition=condition)
    return Lifted(joined, left.conditions + right.conditions + lifted)


def _split(
    conditions: list[Expression], available: set[ColumnId]
) -> tuple[list[Expression], list[Expression]]:
    own, lifted = [], []
    for condition in conditions:
        if outer_of(condition) & available:
            lifted.append(inward(condition, available))
        else:
            own.append(condition)
    return own, lifted


def inward(expression: Expression, available: set[ColumnId]) -> Expression:
    """The expression with outer columns that are at hand now read as plain ones."""

    def change(node: Expression) -> Expression:
        if isinstance(node, OuterVariable) and node.column in available:
            return Variable(type=node.type, column=node.column, name=node.name, offset=node.offset)
        return node

    return transform(expression, change)


def passing(node: Project, conditions: Iterable[Expression]) -> Project:
    """The Project with the columns of its input that the conditions read passed through."""
    offered = column_numbers(node.input)
    known = {column.column for column in node.outputs}
    added: dict[ColumnId, Variable] = {}
    for condition in conditions:
        for part in _variables(condition):
            if part.column in offered and part.column not in known:
                added[part.column] = part
    if not added:
        return node
    return replace(
        node,
        outputs=node.outputs
        + tuple(OutputColumn(each.column, each.type, each.name) for each in added.values()),
        expressions=node.expressions + tuple(added.values()),
    )


def _variables(expression: Expression) -> list[Variable]:
    from server.expressions.expression import walk

    return [node for node in walk(expression) if isinstance(node, Variable)]
