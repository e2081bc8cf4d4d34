"""Which expressions need nothing of a run but the values of their parameters.

Those can be computed without an execution context, whose making costs more than most of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from server.expressions import expression as nodes


@dataclass(slots=True)
class Parameters:
    """The context of such an expression, not frozen: one is made for every evaluation, and that takes half as long."""

    parameters: tuple[Any, ...]


_PLAIN: Final = (
    nodes.Variable,
    nodes.Constant,
    nodes.Parameter,
    nodes.Relabel,
    nodes.ApplyModifier,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.IsNull,
    nodes.BooleanTest,
    nodes.Case,
    nodes.Coalesce,
    nodes.ArrayConstructor,
    nodes.Subscript,
    nodes.RowConstructor,
    nodes.FieldSelect,
    nodes.FieldStore,
    nodes.ElementStore,
)
_BY_FUNCTION: Final = (
    nodes.IsDistinct,
    nodes.NullIf,
    nodes.Extremum,
    nodes.InList,
    nodes.ArrayComparison,
)


def needs_parameters_only(expression: nodes.Expression) -> bool:
    """Whether the row form of an expression reads nothing of its context but the parameters."""
    return all(_is_plain(node) for node in nodes.walk(expression))


def computes_parameters(expression: nodes.Expression) -> bool:
    """Whether it computes something of parameters alone, which of literals is done before there are rows."""
    return any(map(is_computed_of_parameters, nodes.walk(expression)))


def is_computed_of_parameters(node: nodes.Expression) -> bool:
    """Whether it is itself computed, and of nothing but parameters and constants."""
    is_computed = not isinstance(node, nodes.Parameter | nodes.Relabel)
    return is_computed and _leaves(node) == {nodes.Parameter}


def _leaves(expression: nodes.Expression) -> set[type[nodes.Expression]]:
    """The kinds of what it is made of, without constants."""
    return {
        type(node)
        for node in nodes.walk(expression)
        if not nodes.children(node) and not isinstance(node, nodes.Constant)
    }


def _is_plain(node: nodes.Expression) -> bool:
    if isinstance(node, nodes.Call):
        return not (node.function.needs_context or node.variadic)
    if isinstance(node, _BY_FUNCTION):
        return not node.function.needs_context
    if isinstance(node, nodes.RowComparison):
        return not any(function.needs_context for function in (*node.orders, *node.equals))
    return isinstance(node, _PLAIN)
