"""Projections move up out of joins and filters.

So that the tables below them can be joined in any order.

Forbidden variants: a projection on the padded side of an outer join (COALESCE(x, 0) of a padded row
is NULL, not 0), volatile
functions and subqueries (they would run for other rows), and columns that a dependent join or a
subquery reads by number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    ColumnId,
    Expression,
    OuterVariable,
    Subquery,
    Variable,
    walk,
)
from server.planner.matching import is_volatile, replace_top_down
from server.planner.outer_references import has_subquery
from server.planner.plan import Columns, Filter, Join, Node, Project
from server.planner.plan_walk import column_numbers, transform_plan

if TYPE_CHECKING:
    from server.planner.choose import Chooser


def hoist_projections(chooser: Chooser, node: Node) -> Node:
    """Move projections up, everywhere in the plan."""
    return transform_plan(node, _hoist)


def _hoist(node: Node) -> Node:
    if isinstance(node, Filter) and _movable(node.input, (node.condition,)):
        inner = node.input
        assert isinstance(inner, Project)
        condition = substitute(node.condition, inner)
        return replace(inner, input=replace(node, input=inner.input, condition=condition))
    if isinstance(node, Join):
        return _hoist_join(node)
    if isinstance(node, Project) and _movable(node.input, node.expressions, merging=True):
        inner = node.input
        assert isinstance(inner, Project)
        expressions = tuple(substitute(each, inner) for each in node.expressions)
        return replace(node, input=inner.input, expressions=expressions)
    return node


def _hoist_join(node: Join) -> Node:
    conditions = (node.condition,) if node.condition is not None else ()
    left, right = node.left, node.right
    if node.kind in ("inner", "left", "semi", "anti", "null_anti") and _movable(left, conditions):
        assert isinstance(left, Project)
        if not set(node.lateral) & _computed(left):
            moved = replace(node, left=left.input, condition=_substituted(node.condition, left))
            return _above(left, _hoist_join(moved), _right_columns(node))
    if node.kind in ("inner", "semi", "anti") and _movable(right, conditions):
        assert isinstance(right, Project)
        right = _beside_left(right, node.lateral)
        moved = replace(node, right=right.input, condition=_substituted(node.condition, right))
        if node.kind != "inner":
            return moved
        return _above(right, _hoist_join(moved), left.columns)
    if isinstance(right, Project) and _is_selection(right) and node.kind != "full":
        return replace(node, right=right.input)
    return node


def _beside_left(project: Project, lateral: tuple[ColumnId, ...]) -> Project:
    """The projection of a dependent join's right side as it reads above the join."""

    def change(node: Expression) -> Expression | None:
        if isinstance(node, OuterVariable) and node.column in lateral:
            return Variable(type=node.type, column=node.column, name=node.name, offset=node.offset)
        return None

    expressions = tuple(replace_top_down(each, change) for each in project.expressions)
    return replace(project, expressions=expressions)


def _right_columns(node: Join) -> Columns:
    return () if node.kind in ("semi", "anti", "null_anti") else node.right.columns


def _above(project: Project, node: Node, others: Columns) -> Node:
    """The projection over the join it came from, the other side's columns passed through."""
    known = column_numbers(node)
    extra = tuple(column for column in others if column.column in known)
    # A projection that the recursion put below already computes some of them.
    return replace(
        project,
        input=node,
        outputs=project.outputs + extra,
        expressions=project.expressions + tuple(column.variable() for column in extra),
    )


def _is_selection(project: Project) -> bool:
    """Whether the projection only picks columns, under their own numbers."""
    return not project.sets and all(
        isinstance(expression, Variable) and expression.column == column.column
        for column, expression in zip(project.outputs, project.expressions, strict=True)
    )


def _computed(project: Project) -> set[ColumnId]:
    return {
        column.column
        for column, expression in zip(project.outputs, project.expressions, strict=True)
        if not (isinstance(expression, Variable) and expression.column == column.column)
    }


def _movable(node: Node, readers: tuple[Expression, ...], *, merging: bool = False) -> bool:
    """Whether the node is a projection that may move above what reads it."""
    if not isinstance(node, Project) or node.sets:
        return False
    computed = _computed(node)
    if not computed:
        return True
    plain = _renamed(node)
    if not merging or computed - plain:
        for expression in node.expressions:
            if is_volatile(expression) or has_subquery(expression):
                return False
    captured, uses = _reads(readers)
    if captured & computed:
        return False
    # An expression that is read twice would be computed twice.
    return not merging or all(uses[column] <= 1 for column in computed - plain)


def _reads(readers: tuple[Expression, ...]) -> tuple[set[ColumnId], Counter[ColumnId]]:
    """The columns that subqueries read by number, and how often each is read at all."""
    captured: set[ColumnId] = set()
    uses: Counter[ColumnId] = Counter()
    for part in (part for reader in readers for part in walk(reader)):
        if isinstance(part, Subquery):
            captured |= {each.column for each in part.outer}
        elif isinstance(part, Variable):
            uses[part.column] += 1
    return captured, uses


def _renamed(project: Project) -> set[ColumnId]:
    """The columns that only rename one of the input."""
    return {
        column.column
        for column, expression in zip(project.outputs, project.expressions, strict=True)
        if isinstance(expression, Variable)
    }


def substitute(expression: Expression, project: Project) -> Expression:
    """The expression over the projection's input."""
    by_column = {
        column.column: computed
        for column, computed in zip(project.outputs, project.expressions, strict=True)
    }

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Variable):
            found = by_column.get(node.column)
            if found is not None:
                return found
        return None

    return replace_top_down(expression, change)


def _substituted(condition: Expression | None, project: Project) -> Expression | None:
    return None if condition is None else substitute(condition, project)
