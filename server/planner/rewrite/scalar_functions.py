"""Functions in FROM that give one value are projections of one row, so that what reads it finds an index by the value.

`FROM docs, websearch_to_tsquery('x') q WHERE v @@ q` asks the index of v.

Forbidden variants: volatile functions and those of users (they would run for each row that reads them), sets, and
functions whose value is a row of columns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.expressions.expression import Call, SetReturningCall
from server.planner.called_routines import calls_routine
from server.planner.matching import is_volatile
from server.planner.plan import FunctionScan, Join, Node, OneRow, Project
from server.planner.plan_walk import transform_plan

if TYPE_CHECKING:
    from server.expressions.expression import Expression
    from server.planner.choose import Chooser


def project_scalar_functions(chooser: Chooser, node: Node) -> Node:
    """Make projections of such functions beside other tables."""
    return transform_plan(node, _beside)


def _beside(node: Node) -> Node:
    if not isinstance(node, Join):
        return node
    left, right = _projected(node.left), _projected(node.right)
    if left is node.left and right is node.right:
        return node
    return replace(node, left=left, right=right)


def _projected(node: Node) -> Node:
    if not isinstance(node, FunctionScan) or node.with_ordinality:
        return node
    if any(shape.is_row for shape in node.rows) or set(node.widths) != {1}:
        return node
    if not all(map(_is_scalar, node.functions)):
        return node
    return Project(input=OneRow(), outputs=node.columns, expressions=node.functions)


def _is_scalar(expression: Expression) -> bool:
    if isinstance(expression, SetReturningCall):
        return False
    if isinstance(expression, Call) and expression.function.returns_set:
        return False
    return not is_volatile(expression) and not calls_routine(expression)
