"""Typed expressions as text, the way PostgreSQL prints them in EXPLAIN and in view definitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.catalog.collations import collation_text
from server.catalog.routine_objects import UserFunction
from server.expressions import expression as e
from server.functions.collated import MARK
from server.identifiers import routine_by_oid
from server.oids import BOOL
from server.types.type import TextStyle, TypeReference

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.catalog_view import CatalogView
    from server.expressions.expression import ColumnId, Expression, SortKey

_STYLE = TextStyle()
_PLAIN_NUMBER = frozenset((23, 1700))


@dataclass(slots=True)
class Names:
    """What columns are called; subplans are numbered as they are met."""

    columns: dict[ColumnId, str] = field(default_factory=dict)
    computed: set[ColumnId] = field(default_factory=set)  # whose name is the text of an expression
    qualified: bool = False  # columns are shown with the alias of their table
    subplans: list[Any] = field(default_factory=list)
    schema_name: Callable[[int], str] | None = None  # by OID, where tables are shown with schemas
    catalog: CatalogView | None = None  # for the names of collations that users have made
    path: tuple[int, ...] | None = None  # where these are found by name alone; None: everywhere

    def collation(self, oid: int) -> str:
        """The name of a collation."""
        return collation_text(self.catalog, oid, self.path)

    def routine(self, routine: Any) -> str:
        """The name of a function; where the path is known, that of a user's is its OID."""
        catalog = self.catalog
        if self.path is not None and catalog is not None:
            found = catalog.object(routine.oid)
            if isinstance(found, UserFunction):
                return routine_by_oid(found.oid)
        name: str = routine.name
        return name.removesuffix(MARK)

    def subplan(self, node: e.Subquery) -> int:
        """The number of a subquery's plan."""
        for number, known in enumerate(self.subplans, 1):
            if known.plan is node.plan:
                return number
        self.subplans.append(node)
        return len(self.subplans)


def deparse(expression: Expression, names: Names) -> str:
    """The text of an expression."""
    printer = _PRINTERS.get(type(expression))
    return printer(expression, names) if printer is not None else type(expression).__name__


def deparse_key(key: SortKey, names: Names) -> str:
    """A sort key with its direction where it is not the default."""
    text = bracketed(key.expression, names)
    if key.descending:
        return f"{text} DESC" + ("" if key.nulls_first else " NULLS LAST")
    return text + (" NULLS FIRST" if key.nulls_first else "")


def bracketed(expression: Expression, names: Names) -> str:
    """The text, in parentheses unless it is a column or has them."""
    text = deparse(expression, names)
    inner = expression
    if isinstance(inner, e.Variable | e.OuterVariable) and inner.column in names.computed:
        return text if text.startswith("(") and text.endswith(")") else f"({text})"
    if isinstance(inner, e.Variable | e.Constant | e.Parameter | e.OuterVariable):
        return text
    if isinstance(inner, e.Call) and inner.form == "call":
        return f"({text})"
    return text if text.startswith("(") and text.endswith(")") else f"({text})"


_OF_LENGTH_ONE = {1042: "bpchar", 1560: '"bit"'}
"""Types of any length whose SQL names without a length mean a length of one."""


def type_text(kind: TypeReference) -> str:
    """The type with its modifier."""
    if kind.modifier < 0 and kind.oid in _OF_LENGTH_ONE:
        return _OF_LENGTH_ONE[kind.oid]
    if kind.modifier >= 0 and kind.type.modifier_out is not None:
        shown = kind.type.modifier_out(kind.modifier)
        head, space, tail = kind.type.sql_name.partition(" ")
        if space and tail.endswith("time zone"):
            return f"{head}{shown} {tail}"
        return kind.type.sql_name + shown
    return kind.type.sql_name


def constant_text(kind: TypeReference, value: Any) -> str:
    """A constant with its type where the digits alone do not tell it."""
    if value is None:
        return f"NULL::{type_text(kind)}"
    if kind.oid == BOOL:
        return "true" if value else "false"
    text = kind.type.format(value, _STYLE)
    if kind.oid in _PLAIN_NUMBER and not text.startswith("-") and text not in ("NaN", "Infinity"):
        return text
    escaped = text.replace("'", "''")
    return f"'{escaped}'::{type_text(kind)}"


def _variable(node: Any, names: Names) -> str:
    return names.columns.get(node.column) or node.name or f"column{node.column}"


def _constant(node: e.Constant, names: Names) -> str:
    return constant_text(node.type, node.value)


def _call(node: e.Call, names: Names) -> str:
    arguments = [deparse(each, names) for each in node.arguments]
    if node.form == "operator":
        if len(arguments) == 1:
            return f"({node.operator} {arguments[0]})"
        return f"({arguments[0]} {node.operator} {arguments[1]})"
    if node.form in ("cast", "implicit"):
        return f"({arguments[0]})::{type_text(node.type)}"
    if node.variadic and arguments:
        arguments[-1] = f"VARIADIC {arguments[-1]}"
    return f"{names.routine(node.function)}({', '.join(arguments)})"


def _cast(node: Any, names: Names) -> str:
    inner = node.argument
    text = deparse(inner, names)
    if isinstance(node, e.Relabel) and node.collates:
        return f"{text} COLLATE {names.collation(node.type.collation)}"
    if node.type.oid == inner.type.oid and node.type.modifier == inner.type.modifier:
        return text
    if isinstance(inner, e.Constant) and inner.value is not None and isinstance(node, e.Relabel):
        return constant_text(node.type, inner.value)
    return f"({text})::{type_text(node.type)}"


def _junction(word: str) -> Callable[[Any, Names], str]:
    def text(node: Any, names: Names) -> str:
        return "(" + f" {word} ".join(deparse(each, names) for each in node.arguments) + ")"

    return text


def _not(node: e.Not, names: Names) -> str:
    return f"(NOT {deparse(node.argument, names)})"


def _is_null(node: e.IsNull, names: Names) -> str:
    word = "IS NOT NULL" if node.negated else "IS NULL"
    return f"({deparse(node.argument, names)} {word})"


def _boolean_test(node: e.BooleanTest, names: Names) -> str:
    word = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}[node.truth]
    return f"({deparse(node.argument, names)} IS {'NOT ' if node.negated else ''}{word})"


def _is_distinct(node: e.IsDistinct, names: Names) -> str:
    text = f"({deparse(node.left, names)} IS DISTINCT FROM {deparse(node.right, names)})"
    return f"(NOT {text})" if node.negated else text


def _case(node: e.Case, names: Names) -> str:
    parts = [
        f"WHEN {deparse(condition, names)} THEN {deparse(result, names)}"
        for condition, result in node.branches
    ]
    return f"CASE {' '.join(parts)} ELSE {deparse(node.otherwise, names)} END"


def _list(items: tuple[Expression, ...], names: Names) -> str:
    return ", ".join(deparse(each, names) for each in items)


def _extremum(node: e.Extremum, names: Names) -> str:
    return f"{'GREATEST' if node.greatest else 'LEAST'}({_list(node.arguments, names)})"


def _in_list(node: e.InList, names: Names) -> str:
    operator, word = ("<>", "ALL") if node.negated else ("=", "ANY")
    array = _array(node.items, names)
    return f"({deparse(node.argument, names)} {operator} {word} ({array}))"


def _array(items: tuple[Expression, ...], names: Names) -> str:
    constants = [each for each in items if isinstance(each, e.Constant)]
    if not items or len(constants) < len(items):
        return f"ARRAY[{_list(items, names)}]"
    values = ",".join(_array_item(each) for each in constants)
    return f"'{{{values}}}'::{items[0].type.type.sql_name}[]"


def _array_item(node: e.Constant) -> str:
    if node.value is None:
        return "NULL"
    text = node.type.type.format(node.value, _STYLE)
    if not text or any(c in text for c in ' ,{}"\\') or text.upper() == "NULL":
        text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text.replace("'", "''")


def _array_comparison(node: e.ArrayComparison, names: Names) -> str:
    word = "ALL" if node.every else "ANY"
    array = deparse(node.array, names)
    return f"({deparse(node.argument, names)} {node.operator} {word} ({array}))"


def _subscript(node: e.Subscript, names: Names) -> str:
    parts = []
    for lower, upper in node.bounds:
        first = deparse(lower, names) if lower is not None else ""
        last = deparse(upper, names) if upper is not None else ""
        parts.append(f"[{first}:{last}]" if node.is_slice else f"[{first}]")
    inner = deparse(node.argument, names)
    if not isinstance(node.argument, e.Variable):
        inner = f"({inner})"
    return inner + "".join(parts)


def _row_comparison(node: e.RowComparison, names: Names) -> str:
    left, right = _list(node.left, names), _list(node.right, names)
    return f"(ROW({left}) {node.operator} ROW({right}))"


def _field(node: e.FieldSelect, names: Names) -> str:
    return f"({deparse(node.argument, names)}).f{node.field + 1}"


def _subquery(node: e.Subquery, names: Names) -> str:
    number = names.subplan(node)
    name = f"SubPlan {number}"
    if not node.outer and node.kind == "scalar":
        return f"(InitPlan {number})"
    if node.kind in ("any", "all"):
        return f"(hashed {name})" if not node.outer and node.kind == "any" else f"({name})"
    return f"({name})"


def _aggregate(node: e.AggregateCall, names: Names) -> str:
    arguments = "*" if node.star else _list(node.arguments, names)
    if node.distinct:
        arguments = f"DISTINCT {arguments}"
    if node.aggregate.kind != "n":
        order = ", ".join(deparse_key(key, names) for key in node.order)
        direct = _list(node.direct_arguments, names)
        text = f"{names.routine(node.aggregate)}({direct}) WITHIN GROUP (ORDER BY {order})"
    else:
        if node.order:
            arguments += " ORDER BY " + ", ".join(deparse_key(key, names) for key in node.order)
        text = f"{names.routine(node.aggregate)}({arguments})"
    if node.filter is not None:
        text += f" FILTER (WHERE {deparse(node.filter, names)})"
    return text


def _window(node: e.WindowCall, names: Names) -> str:
    arguments = "*" if node.star else _list(node.arguments, names)
    return f"{names.routine(node.function)}({arguments}) OVER (?)"


_PRINTERS: dict[type[Expression], Callable[[Any, Names], str]] = {
    e.Variable: _variable,
    e.OuterVariable: _variable,
    e.Constant: _constant,
    e.Parameter: lambda node, names: f"${node.number}",
    e.Call: _call,
    e.Relabel: _cast,
    e.CastText: _cast,
    e.ApplyModifier: _cast,
    e.And: _junction("AND"),
    e.Or: _junction("OR"),
    e.Not: _not,
    e.IsNull: _is_null,
    e.BooleanTest: _boolean_test,
    e.IsDistinct: _is_distinct,
    e.Case: _case,
    e.Coalesce: lambda node, names: f"COALESCE({_list(node.arguments, names)})",
    e.NullIf: lambda n, names: f"NULLIF({deparse(n.left, names)}, {deparse(n.right, names)})",
    e.Extremum: _extremum,
    e.InList: _in_list,
    e.ArrayComparison: _array_comparison,
    e.ArrayConstructor: lambda node, names: (
        f"ARRAY[{_list(node.items, names)}]" if node.nested else _array(node.items, names)
    ),
    e.Subscript: _subscript,
    e.RowConstructor: lambda node, names: f"ROW({_list(node.items, names)})",
    e.FieldSelect: _field,
    e.RowComparison: _row_comparison,
    e.Subquery: _subquery,
    e.AggregateCall: _aggregate,
    e.WindowCall: _window,
    e.SetReturningCall: lambda n, names: f"{n.function.name}({_list(n.arguments, names)})",
    e.DefaultValue: lambda node, names: "DEFAULT",
}
"""How each class of expression is printed."""
