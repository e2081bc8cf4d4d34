"""Assumed values: what parameters have to be for conditions to imply an index's predicate.

A plan is made before its parameters are known, and drivers send the predicate of a partial index with a parameter:
ON CONFLICT (a) WHERE kind = $1. PostgreSQL plans again with the values; here one plan is made for the value that the
predicate names, and whoever runs it looks whether it was given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.expressions.expression import Constant, Expression, Parameter, children, walk
from server.planner.bind_operator import conjuncts, make_operator
from server.planner.implication import implies
from server.planner.matching import replace_top_down

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.planner.environment import BindContext


def assumptions(
    context: BindContext, given: Sequence[Expression], predicate: Expression
) -> tuple[Expression, ...] | None:
    """What has to be true of parameters for the conditions to imply the predicate; None: nothing would do."""
    found: list[Expression] = []
    for needed in conjuncts(predicate):
        if any(implies(context, each, needed) for each in given):
            continue
        assumed = next((a for each in given for a in _assumed(context, each, needed)), None)
        if assumed is None:
            return None
        found.append(assumed)
    return tuple(found)


def _assumed(context: BindContext, given: Expression, needed: Expression) -> Iterator[Expression]:
    """Equalities of a part of a condition and a constant, each of which makes it imply what is needed."""
    constants = [each for each in walk(needed) if isinstance(each, Constant)]
    constants += [Constant(type=needed.type, value=truth) for truth in (True, False)]
    for part in _parts(given):
        for constant in constants:
            if constant.type.oid == part.type.oid and implies(
                context, _with_constant(given, part, constant), needed
            ):
                yield make_operator(context, "=", part, constant)


def _parts(expression: Expression) -> Iterator[Expression]:
    """The greatest parts that are made of parameters alone."""
    leaves = [each for each in walk(expression) if not children(each)]
    if all(isinstance(each, Parameter | Constant) for each in leaves):
        if any(isinstance(each, Parameter) for each in leaves):
            yield expression
        return
    for child in children(expression):
        yield from _parts(child)


def _with_constant(given: Expression, part: Expression, constant: Constant) -> Expression:
    return replace_top_down(given, lambda each: constant if each is part else None)
