"""Constant folding: immutable calls of constants become constants.

What raises stays as it is: it may never be reached, and if it is, it must raise then.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

from server.errors import SqlError
from server.expressions import expression as nodes
from server.expressions.rowwise import compile_row
from server.types.type import TextStyle

_CONTEXT: Final[Any] = SimpleNamespace(style=TextStyle(), parameters=(), outer={})
_IMMUTABLE: Final = frozenset(
    {"bool", "int2", "int4", "int8", "numeric", "text", "varchar", "bpchar"}
)
"""Types whose text forms depend on no setting."""

_FOLDED = (
    nodes.Relabel,
    nodes.ApplyModifier,
    nodes.Not,
    nodes.IsNull,
    nodes.BooleanTest,
    nodes.IsDistinct,
    nodes.NullIf,
    nodes.Extremum,
    nodes.InList,
    nodes.RowComparison,
    nodes.ArrayConstructor,
    nodes.ArrayComparison,
    nodes.Subscript,
)
_BY_FUNCTION = (nodes.IsDistinct, nodes.NullIf, nodes.Extremum, nodes.InList, nodes.ArrayComparison)


def fold_constants(expression: nodes.Expression) -> nodes.Expression:
    """Compute what can be computed now, without changing value, type or errors."""
    return nodes.transform(expression, _fold)


def _fold(node: nodes.Expression) -> nodes.Expression:
    simplify = _SIMPLIFIERS.get(type(node))
    if simplify is not None:
        simplified: nodes.Expression = simplify(node)
        return simplified
    if not _is_foldable(node):
        return node
    if not all(isinstance(child, nodes.Constant) for child in nodes.children(node)):
        return node
    try:
        value = compile_row(node, {})((), _CONTEXT)
    except SqlError:
        return node
    return nodes.Constant(type=node.type, offset=node.offset, value=value)


def _is_foldable(node: nodes.Expression) -> bool:
    if getattr(getattr(node, "function", None), "definition", None) is not None:
        return False  # its body is run by the executor
    if isinstance(node, nodes.Call):
        function = node.function
        return function.volatility == "i" and not function.returns_set and function.row is not None
    if isinstance(node, nodes.CastText):
        return {node.type.type.name, node.argument.type.type.name} <= _IMMUTABLE
    if isinstance(node, _BY_FUNCTION) and node.function.volatility != "i":
        return False
    return isinstance(node, _FOLDED)


def _junction(node: nodes.And | nodes.Or) -> nodes.Expression:
    """Drop what decides nothing; stop at what decides. Operands before that may still raise."""
    deciding = isinstance(node, nodes.Or)
    kept: list[nodes.Expression] = []
    for argument in node.arguments:
        if isinstance(argument, nodes.Constant) and argument.value is not None:
            if argument.value == deciding:
                kept.append(argument)
                break
            continue
        kept.append(argument)
    if not kept:
        return nodes.Constant(type=node.type, offset=node.offset, value=not deciding)
    if len(kept) == 1:
        return kept[0]
    return node if len(kept) == len(node.arguments) else replace(node, arguments=tuple(kept))


def _case(node: nodes.Case) -> nodes.Expression:
    branches: list[tuple[nodes.Expression, nodes.Expression]] = []
    for condition, result in node.branches:
        if isinstance(condition, nodes.Constant):
            if not condition.value:
                continue
            if not branches:
                return result
            return replace(node, branches=tuple(branches), otherwise=result)
        branches.append((condition, result))
    if not branches:
        return node.otherwise
    return node if len(branches) == len(node.branches) else replace(node, branches=tuple(branches))


def _coalesce(node: nodes.Coalesce) -> nodes.Expression:
    kept: list[nodes.Expression] = []
    for argument in node.arguments:
        if isinstance(argument, nodes.Constant) and argument.value is None:
            continue
        kept.append(argument)
        if isinstance(argument, nodes.Constant):
            break
    if not kept:
        return nodes.Constant(type=node.type, offset=node.offset, value=None)
    if len(kept) == 1:
        return kept[0]
    return replace(node, arguments=tuple(kept))


_SIMPLIFIERS: Final[dict[type[nodes.Expression], Any]] = {
    nodes.And: _junction,
    nodes.Or: _junction,
    nodes.Case: _case,
    nodes.Coalesce: _coalesce,
}
