"""Outer joins become inner ones where a condition above refuses the padded rows.

A condition refuses NULLs of a column when it is strict in it: the column is an argument of a chain
of strict functions. Forbidden
variants: IS NULL, COALESCE, CASE and OR with a branch that does not read the column do not refuse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    And,
    ApplyModifier,
    ArrayComparison,
    BooleanTest,
    Call,
    CastText,
    ColumnId,
    Expression,
    InList,
    IsNull,
    Not,
    Or,
    Relabel,
    Variable,
)
from server.planner.bind_operator import conjuncts
from server.planner.plan import Filter, Join, Node
from server.planner.plan_walk import column_numbers, transform_plan, walk_plan

if TYPE_CHECKING:
    from server.planner.choose import Chooser


def strict_columns(expression: Expression) -> set[ColumnId]:
    """The columns whose NULL makes the expression NULL."""
    if isinstance(expression, Variable):
        return {expression.column}
    if isinstance(expression, Call):
        if not expression.function.strict or expression.function.returns_set:
            return set()
        return set().union(*(strict_columns(each) for each in expression.arguments), set())
    if isinstance(expression, ArrayComparison) and expression.every:
        return set()  # x = ALL of no elements is true
    if isinstance(expression, Relabel | CastText | ApplyModifier | Not | InList | ArrayComparison):
        return strict_columns(expression.argument)
    return set()


def refused_columns(condition: Expression) -> set[ColumnId]:
    """The columns whose NULL keeps the condition from being true."""
    if isinstance(condition, And):
        return set().union(*(refused_columns(each) for each in condition.arguments))
    if isinstance(condition, Or):
        parts = [refused_columns(each) for each in condition.arguments]
        return set.intersection(*parts)
    if isinstance(condition, IsNull):
        return strict_columns(condition.argument) if condition.negated else set()
    if isinstance(condition, BooleanTest):
        if condition.truth is None:
            return strict_columns(condition.argument) if condition.negated else set()
        return set() if condition.negated else strict_columns(condition.argument)
    return strict_columns(condition)


def padded_columns(node: Node) -> set[ColumnId]:
    """The columns below that an outer join fills with NULLs in rows without a partner."""
    found: set[ColumnId] = set()
    for each in walk_plan(node):
        if isinstance(each, Join) and each.kind in ("left", "full"):
            found |= column_numbers(each.right)
            if each.kind == "full":
                found |= column_numbers(each.left)
    return found


def reduce_outer_joins(chooser: Chooser, node: Node) -> Node:
    """Weaken the outer joins below filters and joins."""
    return transform_plan(node, _reduce)


def _reduce(node: Node) -> Node:
    if isinstance(node, Filter):
        refused = set().union(*(refused_columns(each) for each in conjuncts(node.condition)), set())
        changed = _weaken(node.input, refused)
        return node if changed is node.input else replace(node, input=changed)
    if isinstance(node, Join) and node.kind in ("inner", "semi"):
        return _weaken(node, set())
    return node


def _weaken(node: Node, refused: set[ColumnId]) -> Node:
    """The node with outer joins weakened.

    Knowing that rows with NULL in a refused column are dropped above.
    """
    if isinstance(node, Filter):
        inner = _weaken(node.input, refused | refused_columns(node.condition))
        return node if inner is node.input else replace(node, input=inner)
    if not isinstance(node, Join):
        return node
    node = _weaker(node, refused)
    condition = refused_columns(node.condition) if node.condition is not None else set()
    on_left = refused | condition if node.kind in ("inner", "semi") else refused
    on_right = refused | condition if node.kind in ("inner", "left", "semi") else refused
    if node.kind == "full":
        on_left = on_right = set()
    if node.kind in ("anti", "null_anti"):
        on_right = set()
    if node.kind == "left":
        # Below the padded side only its own ON condition is known to refuse.
        on_right = condition
    left, right = _weaken(node.left, on_left), _weaken(node.right, on_right)
    if left is node.left and right is node.right:
        return node
    return replace(node, left=left, right=right)


def _weaker(node: Join, refused: set[ColumnId]) -> Join:
    if node.kind == "left" and refused & column_numbers(node.right):
        return replace(node, kind="inner")
    if node.kind != "full":
        return node
    left = bool(refused & column_numbers(node.left))
    right = bool(refused & column_numbers(node.right))
    if left and right:
        return replace(node, kind="inner")
    if left:  # rows without a left side are dropped
        return replace(node, kind="left")
    if right:
        return replace(node, kind="left", left=node.right, right=node.left)
    return node
