"""Constant folding: immutable calls of constants become constants.

Rule 1: branches that cannot be reached, for a constant says so, are not looked into: of CASE,
        COALESCE, AND and OR, in the order in which they stand.
Rule 2: a strict call with a NULL among its arguments is NULL, whatever the others are; those that are constant were
        computed before, and may have raised.
Rule 3: texts of floats depend on a setting, so plans have no constants of them; what they decide is
        looked at, with what every digit gives, to know which errors are in reach.
Rule 4: what raises stays as it is, and the error is reported: as PostgreSQL, which plans `1/0` to an
        error, the planner raises it where the value is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

from server.errors import SqlError
from server.expressions import expression as nodes
from server.expressions.rowwise import compile_row
from server.types.array import Array
from server.types.registry import TYPE_BY_OID
from server.types.type import TextStyle, TypeReference

_CONTEXT: Final[Any] = SimpleNamespace(style=TextStyle(), parameters=(), outer={})
_SETTLED: Final = frozenset(
    {"bool", "int2", "int4", "int8", "numeric", "text", "varchar", "bpchar", "name"}
)
"""Types whose text forms depend on no setting."""

_WRITTEN_ALIKE: Final = _SETTLED | frozenset(
    {"char", "oid", "json", "jsonb", "jsonpath", "bit", "varbit", "uuid", "pg_lsn", "inet", "cidr"}
    | {"macaddr", "macaddr8", "tid", "xid", "tsvector", "tsquery"}
)
"""Types whose output functions are immutable and whose text forms depend on no setting."""

_FLOATS: Final = frozenset(
    {"float4", "float8", "point", "lseg", "path", "box", "polygon", "line", "circle"}
)
"""Types whose text forms depend on extra_float_digits, though PostgreSQL takes them for immutable."""

_READ_ALIKE: Final = _SETTLED | frozenset(
    {"bytea", "char", "oid", "json", "jsonb", "jsonpath", "float4", "float8", "bit", "varbit"}
    | {"point", "lseg", "path", "box", "polygon", "line", "circle", "uuid", "pg_lsn"}
    | {"inet", "cidr", "macaddr", "macaddr8", "tid", "xid", "tsvector", "tsquery"}
)
"""Types that read a text in the same way whatever the settings: their input functions are immutable."""

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


def fold_constants(
    expression: nodes.Expression, errors: list[SqlError] | None = None
) -> nodes.Expression:
    """Compute what can be computed now, without changing value or type; errors met are added."""
    return _Folding(errors).fold(expression)


class _Folding:
    """One pass over an expression."""

    def __init__(
        self, errors: list[SqlError] | None, written: frozenset[str] = _WRITTEN_ALIKE
    ) -> None:
        self.errors = errors
        self.written = written

    def fold(self, node: nodes.Expression) -> nodes.Expression:
        """The expression with what is constant computed."""
        special = _SPECIAL.get(type(node))
        if special is not None:
            folded: nodes.Expression = special(self, node)
            return folded
        return self.general(node)

    def general(self, node: nodes.Expression) -> nodes.Expression:
        """A node of a class without rules of its own."""
        node = nodes.map_operands(node, self.fold)
        if isinstance(node, nodes.ArrayComparison):
            node = _as_list(node)
        if _is_null(node):
            if self.errors is not None and _has_text_of_float(node):
                for child in nodes.children(node):
                    _Folding(self.errors, _WRITTEN_ALIKE | _FLOATS).fold(child)
            return nodes.Constant(type=node.type, offset=node.offset, value=None)
        if not _is_foldable(node, self.written):
            return node
        if not all(isinstance(child, nodes.Constant) for child in nodes.children(node)):
            return node
        try:
            value = compile_row(node, {})((), _CONTEXT)
        except SqlError as error:
            if self.errors is not None:
                self.errors.append(error)
            return node
        return nodes.Constant(type=node.type, offset=node.offset, value=value)

    def junction(self, node: nodes.And | nodes.Or) -> nodes.Expression:
        """Drop what decides nothing; what decides is the value, whatever stands before it."""
        deciding = isinstance(node, nodes.Or)
        kept: list[nodes.Expression] = []
        for each in node.arguments:
            met = len(self.errors or ())
            argument = self.fold(each)
            if self.errors and len(self.errors) > met and self._has(kept, deciding):
                del self.errors[met:]
            if isinstance(argument, nodes.Constant) and argument.value is not None:
                if argument.value == deciding:
                    return argument
                continue
            kept.append(argument)
        if not kept:
            return nodes.Constant(type=node.type, offset=node.offset, value=not deciding)
        if len(kept) == 1:
            return kept[0]
        same = all(new is old for new, old in zip(kept, node.arguments, strict=False))
        same = same and len(kept) == len(node.arguments)
        return node if same else replace(node, arguments=tuple(kept))

    def _has(self, earlier: list[nodes.Expression], deciding: bool) -> bool:
        """Whether one of the conditions decides, once texts of floats are known."""
        folding = _Folding(None, _WRITTEN_ALIKE | _FLOATS)
        found = [folding.fold(each) for each in earlier]
        return any(isinstance(each, nodes.Constant) and each.value is deciding for each in found)

    def null_test(self, node: nodes.IsNull) -> nodes.Expression:
        """A row that is written out is tested field by field, up to the first that decides; a row in it is a value."""
        row = node.argument
        if isinstance(row, nodes.RowConstructor) and all(
            item.type.type.kind not in "cp" for item in row.items
        ):
            items = [self.fold(item) for item in row.items]  # also for their errors
            tests = tuple(replace(node, argument=item) for item in items)
            return self.junction(nodes.And(type=node.type, arguments=tests, offset=node.offset))
        return self.general(node)

    def case(self, node: nodes.Case) -> nodes.Expression:
        """Leave out branches that are never taken, and all behind one that always is."""
        branches: list[tuple[nodes.Expression, nodes.Expression]] = []
        otherwise: nodes.Expression | None = None
        for each, result in node.branches:
            condition = self.fold(each)
            if not isinstance(condition, nodes.Constant):
                met = len(self.errors or ())
                branches.append((condition, self.fold(result)))
                if self.errors and len(self.errors) > met and self._has([condition], False):
                    del self.errors[met:]
            elif condition.value:
                otherwise = self.fold(result)
                break
        if otherwise is None:
            otherwise = self.fold(node.otherwise)
        if not branches:
            return otherwise
        same = len(branches) == len(node.branches) and otherwise is node.otherwise
        if same and all(
            new[0] is old[0] and new[1] is old[1]
            for new, old in zip(branches, node.branches, strict=True)
        ):
            return node
        return replace(node, branches=tuple(branches), otherwise=otherwise)

    def coalesce(self, node: nodes.Coalesce) -> nodes.Expression:
        """Leave out NULLs, and all behind what is never NULL."""
        kept: list[nodes.Expression] = []
        for each in node.arguments:
            argument = self.fold(each)
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


def _as_list(node: nodes.ArrayComparison) -> nodes.Expression:
    """X = ANY (constant array) as x IN (...), which is looked up instead of compared item by item."""
    array = node.array.value if isinstance(node.array, nodes.Constant) else None
    if node.every or node.operator != "=" or not isinstance(array, Array) or not array.items:
        return node
    kind = TYPE_BY_OID.get(array.element)
    if kind is None or node.function.arguments[1] != array.element:
        return node
    reference = TypeReference(kind, -1, kind.collation)
    items = tuple(nodes.Constant(type=reference, value=item) for item in array.items)
    return nodes.InList(
        type=node.type,
        function=node.function,
        argument=node.argument,
        items=items,
        offset=node.offset,
    )


def _is_null(node: nodes.Expression) -> bool:
    """Whether it is a strict call, or a cast by text, with a constant NULL among its arguments."""
    if isinstance(node, nodes.CastText) and node.type.type.kind != "d":
        return isinstance(node.argument, nodes.Constant) and node.argument.value is None
    if not isinstance(node, nodes.Call) or not node.function.strict or node.function.returns_set:
        return False
    found = any(isinstance(each, nodes.Constant) and each.value is None for each in node.arguments)
    return found and not any(_waits(each) for each in node.arguments)


def _has_text_of_float(node: nodes.Expression) -> bool:
    """Whether a constant with floats in it becomes a text somewhere."""
    return any(
        isinstance(each, nodes.CastText) and each.argument.type.type.name in _FLOATS
        for each in nodes.walk(node)
    )


def _waits(node: nodes.Expression) -> bool:
    """Whether it holds an immutable call of constants that is computed only while the statement runs, and may fail."""
    children = tuple(nodes.children(node))
    if isinstance(node, nodes.Call) and node.function.needs_execution:
        is_settled = all(isinstance(child, nodes.Constant) for child in children)
        if is_settled and node.function.volatility == "i":
            return True
    return any(_waits(child) for child in children)


def _is_foldable(node: nodes.Expression, written: frozenset[str]) -> bool:
    if getattr(getattr(node, "function", None), "definition", None) is not None:
        return False  # its body is run by the executor
    if isinstance(node, nodes.Call):
        function = node.function
        if function.returns_set or function.needs_execution:
            return False
        return function.volatility == "i" and function.row is not None
    if isinstance(node, nodes.CastText):
        return node.argument.type.type.name in written and node.type.type.name in _READ_ALIKE
    if isinstance(node, _BY_FUNCTION) and node.function.volatility != "i":
        return False
    return isinstance(node, _FOLDED)


_SPECIAL: Final[dict[type[nodes.Expression], Any]] = {
    nodes.And: _Folding.junction,
    nodes.IsNull: _Folding.null_test,
    nodes.Or: _Folding.junction,
    nodes.Case: _Folding.case,
    nodes.Coalesce: _Folding.coalesce,
    nodes.Constant: lambda _folding, node: node,
}
