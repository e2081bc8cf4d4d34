"""How many rows of each partition a filter over a window leaves: row_number() <= 3 leaves three."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.expressions.expression import Call, Constant, Parameter, Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.expressions.expression import Expression
    from server.planner.physical import Window

FLIPPED: Final = {"<": ">", "<=": ">=", "=": "="}
EXCESS: Final = {"<": -1, "<=": 0, "=": 0}
NUMBERING: Final = frozenset({"row_number", "rank"})
UNAFFECTED: Final = NUMBERING | {"dense_rank"}
"""Calls whose values for the first rows of a partition do not depend on the others."""


def with_first(plan: Window, conditions: Sequence[Expression]) -> Window:
    """The window, told if the conditions over it need but the first rows of each partition."""
    if any(call.function.name not in UNAFFECTED for call in plan.calls):
        return plan
    numbering = {
        column: call.function.name
        for column, call in zip(plan.output[-len(plan.calls) :], plan.calls, strict=True)
        if call.function.name in NUMBERING
    }
    for condition in conditions:
        found = _bound(condition)
        if found is not None and found[0].column in numbering:
            variable, bound, excess = found
            with_peers = numbering[variable.column] == "rank"
            return replace(plan, first=(bound, excess), with_peers=with_peers)
    return plan


def _bound(condition: Expression) -> tuple[Variable, Expression, int] | None:
    """A column, what it is not above, and what is to be added to that."""
    if not isinstance(condition, Call) or len(condition.arguments) != 2:
        return None
    left, right = condition.arguments
    for operator, excess in EXCESS.items():
        pair = (left, right) if condition.operator == operator else (right, left)
        if condition.operator not in (operator, FLIPPED[operator]):
            continue
        if isinstance(pair[0], Variable) and isinstance(pair[1], Constant | Parameter):
            return pair[0], pair[1], excess
    return None
