"""Which functions of users an expression calls: by name, as operators or in comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.expressions import expression as nodes

if TYPE_CHECKING:
    from server.catalog.routine_objects import UserFunction


def definition_of(expression: nodes.Expression) -> UserFunction | None:
    """The user's function that an expression calls."""
    for name in ("function", "aggregate"):
        found = getattr(getattr(expression, name, None), "definition", None)
        if found is not None:
            return found  # type: ignore[no-any-return]
    functions = getattr(expression, "functions", ()) or getattr(expression, "equals", ())
    return next((each.definition for each in functions if each.definition is not None), None)


def calls_routine(expression: nodes.Expression) -> bool:
    """Whether the expression calls any."""
    return any(definition_of(part) is not None for part in nodes.walk(expression))
