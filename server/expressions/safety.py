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
_LIKE = frozenset(
    f"{kind}{word}"
    for kind in ("text", "bpchar", "name")
    for word in ("like", "nlike", "iclike", "icnlike")
)
_BY_FUNCTION = (nodes.Call, nodes.InList, nodes.IsDistinct)


def cannot_raise(expression: nodes.Expression) -> bool:
    """Whether no input makes the expression raise."""
    for node in nodes.walk(expression):
        if isinstance(node, _BY_FUNCTION):
            if node.function.volatility == "v" or not (node.function.total or _is_plain_like(node)):
                return False
        elif not isinstance(node, _HARMLESS):
            return False
    return True


def _is_plain_like(node: nodes.Expression) -> bool:
    """Whether a constant pattern without escapes is looked for: LIKE objects to an escape at the end only."""
    if not isinstance(node, nodes.Call) or node.function.name not in _LIKE:
        return False
    pattern = node.arguments[-1]
    return isinstance(pattern, nodes.Constant) and "\\" not in str(pattern.value)
