"""Which expressions cannot raise: those may be evaluated at rows that do not need them."""

from __future__ import annotations

from server.expressions import expression as nodes
from server.oids import DATE, TIMESTAMP, TIMESTAMPTZ

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
_CALENDAR = frozenset(
    (
        "year",
        "month",
        "day",
        "century",
        "decade",
        "millennium",
        "week",
        "isoyear",
        "quarter",
        "dow",
        "isodow",
        "doy",
        "epoch",
    )
)
_CLOCK = frozenset(("hour", "minute", "second", "milliseconds", "microseconds"))
_FIELDS = {DATE: _CALENDAR, TIMESTAMP: _CALENDAR | _CLOCK, TIMESTAMPTZ: _CALENDAR | _CLOCK}
"""The fields that dates and moments have, infinite ones too."""
_BY_FUNCTION = (nodes.Call, nodes.InList, nodes.IsDistinct)


def cannot_raise(expression: nodes.Expression) -> bool:
    """Whether no input makes the expression raise."""
    for node in nodes.walk(expression):
        if isinstance(node, _BY_FUNCTION):
            is_total = node.function.total or _is_plain_like(node) or _is_known_field(node)
            if node.function.volatility == "v" or not is_total:
                return False
        elif not isinstance(node, _HARMLESS):
            return False
    return True


def _is_known_field(node: nodes.Expression) -> bool:
    """Whether a field is asked for by a name that its type knows."""
    if not isinstance(node, nodes.Call) or node.function.name not in ("extract", "date_part"):
        return False
    name, moment = node.arguments
    return isinstance(name, nodes.Constant) and name.value in _FIELDS.get(moment.type.oid, ())


def _is_plain_like(node: nodes.Expression) -> bool:
    """Whether a constant pattern without escapes is looked for: LIKE objects to an escape at the end only."""
    if not isinstance(node, nodes.Call) or node.function.name not in _LIKE:
        return False
    pattern = node.arguments[-1]
    return isinstance(pattern, nodes.Constant) and "\\" not in str(pattern.value)
