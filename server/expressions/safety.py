"""Which expressions cannot raise: those may be evaluated at rows that do not need them."""

from __future__ import annotations

from server.expressions import expression as nodes

_HARMLESS = (
    nodes.Variable,
    nodes.OuterVariable,
    nodes.Constant,
    nodes.Parameter,
    nodes.Relabel,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.IsNull,
    nodes.BooleanTest,
    nodes.Coalesce,
    nodes.Case,
)
_BY_FUNCTION = (nodes.Call, nodes.InList, nodes.IsDistinct)


def cannot_raise(expression: nodes.Expression) -> bool:
    """Whether no input makes the expression raise."""
    for node in nodes.walk(expression):
        if isinstance(node, _BY_FUNCTION):
            if not node.function.total or node.function.volatility == "v":
                return False
        elif not isinstance(node, _HARMLESS):
            return False
    return True
