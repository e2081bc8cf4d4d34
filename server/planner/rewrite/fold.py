"""Constant folding, and factors common to all branches of an OR.

Forbidden variants: what raises stays for the executor, which may never reach it (1/0 in a branch
not taken); stable functions
(now, current_setting) are not constants of a cached plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    Call,
    Constant,
    Expression,
    Or,
    Parameter,
    Variable,
    transform,
    walk,
)
from server.expressions.folding import fold_constants
from server.planner.bind_operator import COMMUTATORS, and_all, comparison_function, conjuncts
from server.planner.environment import DATE, TIMESTAMP
from server.planner.matching import structural_key
from server.planner.plan import Node, replace_expressions, transform_plan

if TYPE_CHECKING:
    from server.planner.choose import Chooser

DAY_US = 86_400_000_000
INFINITE_US = 2**63 - 1
_PLAIN = (Variable, Constant, Parameter)


def fold_plan(chooser: Chooser, node: Node) -> Node:
    """Fold the constants of every expression of the plan."""

    def folded(expression: Expression) -> Expression:
        return _folded(chooser, expression)

    return transform_plan(node, lambda each: replace_expressions(each, folded))


def _folded(chooser: Chooser, expression: Expression) -> Expression:
    if isinstance(expression, _PLAIN) or (
        isinstance(expression, Call)
        and all(isinstance(each, _PLAIN) for each in expression.arguments)
        and not all(isinstance(each, Constant) for each in expression.arguments)
    ):
        return expression
    folded = fold_constants(expression)
    kinds = {type(part) for part in walk(folded)}
    if Or in kinds:
        folded = transform(folded, _factored)
    if Call in kinds:
        folded = transform(folded, lambda part: _as_date(chooser, part))
    return folded


def _as_date(chooser: Chooser, node: Expression) -> Expression:
    """Compare a date with the date of a midnight, not with a timestamp.

    At any other time of day the date would have to be rounded, differently for each operator. Only
    plain timestamps: the midnight of a timestamptz depends on the session's time zone.
    """
    if not isinstance(node, Call) or node.operator not in COMMUTATORS or len(node.arguments) != 2:
        return node
    left, right = node.arguments
    if left.type.oid != DATE or right.type.oid != TIMESTAMP or not isinstance(right, Constant):
        return node
    if right.value is None or right.value % DAY_US or abs(right.value) >= INFINITE_US:
        return node
    context = chooser.context
    function = comparison_function(context, node.operator, DATE, DATE)
    day = context.constant(DATE, right.value // DAY_US, right.offset)
    return replace(node, function=function, arguments=(left, day))


def _factored(expression: Expression) -> Expression:
    return common_factors(expression) if isinstance(expression, Or) else expression


def common_factors(condition: Or) -> Expression:
    """(a AND b) OR (a AND c) is a AND (b OR c), with NULLs too."""
    branches = [conjuncts(each) for each in condition.arguments]
    keyed = [{structural_key(part): part for part in parts} for parts in branches]
    shared = [part for key, part in keyed[0].items() if all(key in others for others in keyed[1:])]
    if not shared:
        return condition
    factors = {structural_key(part) for part in shared}
    rests = [[part for key, part in parts.items() if key not in factors] for parts in keyed]
    if any(not rest for rest in rests):  # a OR (a AND b) is a
        return and_all(shared)
    rest = replace(condition, arguments=tuple(and_all(each) for each in rests))
    return and_all([*shared, rest])
