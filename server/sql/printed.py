"""Expressions and queries that the catalog keeps as text, as the pg_get_* functions print them.

What is kept names objects in full or by OID; what is printed names them as the session would, so
the tree is changed on the way: types and relations lose a schema that the search path leads to, and
OIDs, of functions too, become names.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from sqlglot import exp

from server.identifiers import BY_OID, OPERATOR_BY_OID, TYPE_BY_OID
from server.sql import nodes
from server.sql.deparse import deparse
from server.sql.deparse_pretty import deparse_pretty
from server.sql.parse import parse_expressions, parse_statements

if TYPE_CHECKING:
    from collections.abc import Sequence

REGISTERED = frozenset(
    (
        "regclass",
        "regcollation",
        "regconfig",
        "regdictionary",
        "regnamespace",
        "regoper",
        "regoperator",
        "regproc",
        "regprocedure",
        "regrole",
        "regtype",
    )
)
CHANGED = ("::", BY_OID, OPERATOR_BY_OID, "CASE", "SELECT", "pg_catalog")
"""What a text has in it whose print is another: names, and what is laid out on lines."""


OPERATORS = (nodes.OperatorCall, nodes.QuantifiedComparison, nodes.SubLink)


class Names(Protocol):
    """Names as a session sees them; see server.types.type.ObjectNames."""

    def name_of(self, type_name: str, oid: int) -> str | None:
        """Write the object as a reg* type does."""

    def oid_of(self, type_name: str, text: str) -> int:
        """Find the object that the text names; raises for none."""

    def shortest(self, kind: str, schema: str, name: str) -> tuple[str, ...]:
        """The parts of the name of a type or relation, without a schema that need not be said."""

    def routine_parts(self, oid: int) -> tuple[str, ...] | None:
        """The parts of the name of a function, without a schema that need not be said."""

    def collation_parts(self, schema: str, name: str) -> tuple[str, ...]:
        """The parts of the name of a collation, without a schema that need not be said."""

    def operator_home(self, oid: int) -> tuple[str, ...]:
        """The schema of a users' operator, if it must be said."""

    def type_parts(self, oid: int) -> tuple[str, ...] | None:
        """The parts of the name of a users' type, without a schema that need not be said."""


def printed(text: str, pretty: bool, names: Names) -> str:
    """An expression as pg_get_expr prints it."""
    if not pretty and not any(mark in text for mark in CHANGED):
        return text
    trees = [localized(each, names) for each in _expressions(text)]
    write = deparse_pretty if pretty else deparse
    return ", ".join(write(tree, indented=True) for tree in trees)


def printed_query(text: str, pretty: bool, names: Names) -> str:
    """A query as pg_get_viewdef prints it."""
    tree = localized(_query(text), names)
    return (deparse_pretty if pretty else deparse)(tree, indented=True)


@lru_cache(maxsize=2000)
def _expressions(text: str) -> tuple[exp.Expression, ...]:
    """The expressions of a text: the defaults of a function's parameters are several."""
    return parse_expressions(text)


@lru_cache(maxsize=500)
def _query(text: str) -> exp.Expression:
    (only,) = parse_statements(text)
    assert isinstance(only.tree, exp.Expression), text
    return only.tree


def localized(tree: exp.Expression, names: Names) -> exp.Expression:
    """A copy of the tree with the names a session would use."""
    copied = tree.copy()
    for node in list(copied.walk()):
        if isinstance(node, nodes.TypeName):
            _shorten(node, "type", names)
        elif isinstance(node, nodes.TableReference):
            _shorten(node, "relation", names)
        elif isinstance(node, exp.Cast):
            _name_object(node, names)
        elif isinstance(node, nodes.FunctionCall):
            _name_routine(node, names)
        elif isinstance(node, nodes.Collation):
            node.set("name", _collation(node.args["name"], names))
        elif isinstance(node, OPERATORS):
            name = "name" if isinstance(node, nodes.OperatorCall) else "operator"
            node.set(name, _operator(node.args[name], names))
    return _with_classes(copied)


def _collation(parts: Sequence[str], names: Names) -> Sequence[str] | None:
    """The name of a collation, without a schema that need not be said."""
    if len(parts) == 2 and parts[0] != "pg_catalog":
        return names.collation_parts(*parts)
    return _without_system(parts)


def _operator(parts: Sequence[str] | None, names: Names) -> Sequence[str] | None:
    """The name of an operator, without a schema that need not be said."""
    if parts and parts[0] == OPERATOR_BY_OID:
        return (*names.operator_home(int(parts[1])), parts[-1])
    return _without_system(parts)


def _with_classes(tree: exp.Expression) -> exp.Expression:
    """The tree with operators whose name alone is left as the nodes that such a name is read as; it is changed."""
    root = nodes.linked(exp.Paren(this=tree))
    for node in list(root.find_all(nodes.OperatorCall)):
        kind = nodes.OPERATOR_CLASSES.get(node.args["name"][0])
        if len(node.args["name"]) == 1 and node.args["left"] is not None and kind is not None:
            node.replace(kind(this=node.args["left"], expression=node.args["right"]))
    made: exp.Expression = root.this
    made.parent = None
    return made


def _name_routine(node: exp.Expression, names: Names) -> None:
    """A function named by OID is shown with its name."""
    parts = node.args["name"]
    if parts[0] == BY_OID:
        node.set("name", names.routine_parts(int(parts[1])) or parts)
    else:
        node.set("name", _without_system(parts))


def _without_system(parts: Sequence[str] | None) -> Sequence[str] | None:
    """The name of a function, operator or collation, without the schema of the built-in ones."""
    is_system = parts is not None and len(parts) == 2 and parts[0] == "pg_catalog"
    return parts[1:] if parts is not None and is_system else parts


def _shorten(node: exp.Expression, kind: str, names: Names) -> None:
    parts = node.args["parts"]
    if parts[0] == TYPE_BY_OID:
        node.set("parts", names.type_parts(int(parts[1])) or parts)
    elif len(parts) == 2 and parts[0] != "pg_catalog":
        node.set("parts", names.shortest(kind, *parts))


def _name_object(node: exp.Cast, names: Names) -> None:
    """'16384'::regclass is shown with the name."""
    constant, type_name = node.this, node.args["to"].args["parts"][-1]
    if type_name in REGISTERED and isinstance(constant, nodes.StringConstant):
        digits = constant.this
        shown = names.name_of(type_name, int(digits)) if digits.isdigit() else None
        if shown is not None:
            constant.set("this", shown)
