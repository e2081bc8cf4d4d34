"""Constant folding: what PostgreSQL makes of an expression before it runs it, in the same order.

Rule 1: operands come first, from the left; branches that cannot be reached, for a constant says so, are not
        looked into: of CASE, COALESCE, AND and OR, in the order in which they stand.
Rule 2: a strict call with a NULL among its arguments is NULL, whatever the others are; those that are constant were
        computed before, and may have raised.
Rule 3: an immutable call of constants is computed. PostgreSQL takes texts of floats and of bytea for immutable
        although they depend on settings, so the style that a plan was made for is part of what it is kept under.
Rule 4: calls that do nothing go, and functions that PostgreSQL has in SQL become their bodies
        (server.expressions.simplifying): there, too, parts are then constant.
Rule 5: what raises stays as it is, and the error is reported: as PostgreSQL, which plans `1/0` to an
        error, the planner raises it where the value is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from server.errors import SqlError
from server.expressions import expression as nodes
from server.expressions.rowwise import compile_row
from server.expressions.simplifying import simplified
from server.types.array import Array
from server.types.registry import TYPE_BY_OID
from server.types.type import TextStyle, TypeReference

_READ_ALIKE: Final = frozenset(
    {"bool", "int2", "int4", "int8", "numeric", "text", "varchar", "bpchar", "name", "xid8", "cid"}
    | {"bytea", "char", "oid", "json", "jsonb", "jsonpath", "float4", "float8", "bit", "varbit"}
    | {"point", "lseg", "path", "box", "polygon", "line", "circle", "uuid", "pg_lsn", "refcursor"}
    | {"inet", "cidr", "macaddr", "macaddr8", "tid", "xid", "tsvector", "tsquery", "pg_snapshot"}
    | {"txid_snapshot", "int2vector", "oidvector"}
)
"""Types whose input functions are immutable."""

_WRITTEN_ALIKE: Final = _READ_ALIKE | frozenset({"time", "timetz", "xml"})
"""Types whose output functions are immutable, or said to be."""

_OF_TEXTS: Final = frozenset((1285, 1290, 2003, 2004))
"""quote_literal, quote_nullable and || of anything, which PostgreSQL has in SQL."""

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


class _Listener:
    """Stands for the session while planning: a call that has something to tell is left to be computed when it runs."""

    def __init__(self) -> None:
        self.is_told = False

    def notice(self, *_said: object, **_more: object) -> None:
        """Note that there is something to tell."""
        self.is_told = True


@dataclass(slots=True)
class FoldingContext:
    """What calls may know while planning: the style, and the catalog, without which some are left alone."""

    style: TextStyle = field(default_factory=TextStyle)
    catalog: Any = None
    parameters: tuple[Any, ...] = ()
    outer: dict[int, Any] = field(default_factory=dict)
    session: _Listener = field(default_factory=_Listener)


def fold_constants(
    expression: nodes.Expression,
    errors: list[SqlError] | None = None,
    context: FoldingContext | None = None,
) -> nodes.Expression:
    """Compute what can be computed now, without changing value or type; errors met are added."""
    return _Folding(errors, context or FoldingContext()).fold(expression)


class _Folding:
    """One pass over an expression."""

    def __init__(self, errors: list[SqlError] | None, context: FoldingContext) -> None:
        self.errors = errors
        self.context = context

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
        elif isinstance(node, nodes.InList) and not isinstance(node.items, nodes.Constants):
            node = replace(node, items=nodes.listed(node.items))
        if _is_null(node):
            return nodes.Constant(type=node.type, offset=node.offset, value=None)
        if self._is_settled(node):
            return self._computed(node)
        return self._simplified(node) if isinstance(node, nodes.Call) else node

    def _is_settled(self, node: nodes.Expression) -> bool:
        """Whether the value is known by now."""
        if not _is_foldable(node, has_catalog=self.context.catalog is not None):
            return False
        return all(isinstance(child, nodes.Constant) for child in nodes.children(node))

    def _computed(self, node: nodes.Expression) -> nodes.Expression:
        """The value; the node as it is where that fails, or has something to tell to the client."""
        self.context.session.is_told = False
        try:
            value = compile_row(node, {})((), self.context)
        except SqlError as error:
            if self.errors is not None:
                self.errors.append(error)
            return node
        if self.context.session.is_told:
            return node
        return nodes.Constant(type=node.type, offset=node.offset, value=value)

    def _simplified(self, node: nodes.Call) -> nodes.Expression:
        """What may stand for a call whose arguments are not all known."""
        try:
            found = simplified(node)
        except SqlError as error:
            if self.errors is not None:
                self.errors.append(error)
            return node
        return node if found is None else self.fold(found)

    def null_if(self, node: nodes.NullIf) -> nodes.Expression:
        """Nothing is equal to NULL."""
        folded = nodes.map_operands(node, self.fold)
        assert isinstance(folded, nodes.NullIf)
        if any(_is_constant_null(each) for each in (folded.left, folded.right)):
            return folded.left
        return self._computed(folded) if self._is_settled(folded) else folded

    def junction(self, node: nodes.And | nodes.Or) -> nodes.Expression:
        """Drop what decides nothing; what decides is the value, whatever stands before it."""
        deciding = isinstance(node, nodes.Or)
        kept: list[nodes.Expression] = []
        for each in node.arguments:
            argument = self.fold(each)
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

    def null_test(self, node: nodes.IsNull) -> nodes.Expression:
        """A row that is written out is tested field by field, up to the first that decides; a row in it is a value."""
        row = node.argument
        if isinstance(row, nodes.RowConstructor) and all(
            item.type.type.kind not in "cp" or item.type.type.name == "unknown"
            for item in row.items
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
                branches.append((condition, self.fold(result)))
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
    items = nodes.listed(nodes.Constant(type=reference, value=item) for item in array.items)
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
        return _is_constant_null(node.argument)
    if not isinstance(node, nodes.Call) or not node.function.strict or node.function.returns_set:
        return False
    return any(map(_is_constant_null, node.arguments))


def _is_constant_null(node: nodes.Expression) -> bool:
    return isinstance(node, nodes.Constant) and node.value is None


def _is_of_texts(call: nodes.Call) -> bool:
    """Whether the body casts to text, and calls what is immutable."""
    written = all(each.type.type.name in _WRITTEN_ALIKE for each in call.arguments)
    return written and call.function.oid in _OF_TEXTS


def _is_foldable(node: nodes.Expression, *, has_catalog: bool) -> bool:
    if getattr(getattr(node, "function", None), "definition", None) is not None:
        return False  # its body is run by the executor
    if isinstance(node, nodes.Call):
        function = node.function
        if function.returns_set or (function.needs_catalog and not has_catalog):
            return False
        return function.row is not None and (function.volatility == "i" or _is_of_texts(node))
    if isinstance(node, nodes.CastText):
        return node.argument.type.type.name in _WRITTEN_ALIKE and node.type.type.name in _READ_ALIKE
    if isinstance(node, _BY_FUNCTION) and node.function.volatility != "i":
        return False
    return isinstance(node, _FOLDED)


_SPECIAL: Final[dict[type[nodes.Expression], Any]] = {
    nodes.And: _Folding.junction,
    nodes.IsNull: _Folding.null_test,
    nodes.Or: _Folding.junction,
    nodes.Case: _Folding.case,
    nodes.Coalesce: _Folding.coalesce,
    nodes.NullIf: _Folding.null_if,
    nodes.Constant: lambda _folding, node: node,
}
