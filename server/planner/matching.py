"""When two expressions are the same one, and replacing parts of expressions from the top down.

Rule 1: offsets do not count, and constants are the same only if they also print the same: 1.0 and
        1.00 are equal numbers but different group keys.
Rule 2: a subquery is the same as itself only.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from server.expressions.expression import (
    Call,
    Constant,
    Expression,
    OuterVariable,
    Relabel,
    SetReturningCall,
    SortKey,
    Subquery,
    Variable,
    map_operands,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SKIPPED = ("offset", "name", "type", "written_apart", "form")


def _class_of(value: Any) -> Any:
    """The class, as a key of the tables below."""
    return type(value)


@cache
def _field_names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in _SKIPPED)


def structural_key(value: Any) -> Any:
    """A hashable value that is equal for expressions that are the same."""
    if isinstance(value, Expression):
        return _expression_key(value)
    if isinstance(value, SortKey):
        return (structural_key(value.expression), value.descending, value.nulls_first)
    if isinstance(value, tuple):
        return tuple(structural_key(item) for item in value)
    return value


def _expression_key(value: Expression) -> tuple[Any, ...]:
    kind = value.type
    if isinstance(value, Variable | OuterVariable):
        return (type(value), value.column)
    if isinstance(value, Constant):
        return (Constant, kind.oid, kind.modifier, repr(value.value))
    if isinstance(value, Subquery):
        return (Subquery, id(value.plan))
    parts = tuple(structural_key(getattr(value, name)) for name in _field_names(_class_of(value)))
    if isinstance(value, Relabel) and value.collates:
        parts += (kind.collation,)
    return (type(value), kind.oid, kind.modifier, parts)


def same(left: Expression, right: Expression) -> bool:
    """Whether two expressions are the same."""
    return left is right or structural_key(left) == structural_key(right)


def replace_top_down(
    expression: Expression, change: Callable[[Expression], Expression | None]
) -> Expression:
    """Put what change returns in the place of a node, from the top down; None goes on below it."""
    changed = change(expression)
    if changed is not None:
        return changed
    return map_operands(expression, lambda operand: replace_top_down(operand, change))


def is_volatile(expression: Expression) -> bool:
    """Whether evaluating the expression twice, or never, could be told from evaluating it once."""
    for node in walk(expression):
        if isinstance(node, Call | SetReturningCall) and node.function.volatility == "v":
            return True
        if isinstance(node, Subquery) and node.plan is not None and _plan_is_volatile(node.plan):
            return True
    return False


LOOKING: Final = frozenset(
    ("random", "clock_timestamp", "timeofday", "gen_random_uuid", "currval", "lastval")
)
"""Volatile functions that change nothing that could be told."""


def has_effects(expression: Expression) -> bool:
    """Whether evaluating the expression may change something."""
    for node in walk(expression):
        if isinstance(node, Call | SetReturningCall) and node.function.volatility == "v":
            if node.function.definition is not None or node.function.name not in LOOKING:
                return True
        elif isinstance(node, Subquery) and any(map(has_effects, _expressions_in(node.plan))):
            return True
    return False


def _plan_is_volatile(plan: Any) -> bool:
    return any(map(is_volatile, _expressions_in(plan)))


def _expressions_in(plan: Any) -> Iterator[Expression]:
    """All expressions of a subquery's plan, while it is a logical one."""
    from server.planner.plan import Node
    from server.planner.plan_walk import expressions_of, walk_plan

    if isinstance(plan, Node):
        for node in walk_plan(plan):
            yield from expressions_of(node)


def strip_relabel(expression: Expression) -> Expression:
    """The expression under binary-coercible relabellings."""
    while isinstance(expression, Relabel):
        expression = expression.argument
    return expression
