"""Who refers to whom in WITH RECURSIVE, and whether a query may refer to itself where it does.

Rule 1: a WITH further inside hides names; a name with a schema is never that of a WITH query.
Rule 2: a recursive query is a UNION whose right side refers to it exactly once, not in a subquery
        of an expression, not on the nullable side of an outer join, not below EXCEPT.
Rule 3: all of this is told from the tree, before anything is bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from server.errors import FeatureNotSupported, InvalidRecursion
from server.planner.environment import BindContext, raise_at
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORBIDDEN: Final = {
    "first": "its non-recursive term",
    "subquery": "a subquery",
    "outer join": "an outer join",
    "intersect": "INTERSECT",
    "except": "EXCEPT",
}
"""What a reference must not appear within, in the words of the error."""

_NULLABLE: Final = {
    "left": frozenset({"right"}),
    "right": frozenset({"left"}),
    "full": frozenset({"left", "right"}),
}
"""By kind of join: the sides whose rows may be missing from the result."""

_DECORATIONS: Final = (
    ("order_by", "ORDER BY"),
    ("offset", "OFFSET"),
    ("limit", "LIMIT"),
    ("locks", "FOR UPDATE/SHARE"),
)


def in_order(context: BindContext, written: list[exp.Expression]) -> list[exp.Expression]:
    """The queries of a WITH RECURSIVE so that each comes after those it refers to."""
    names = frozenset(each.args["name"] for each in written)
    needs = {
        each.args["name"]: names_in(each.args["query"], names) - {each.args["name"]}
        for each in written
    }
    waiting, ordered = list(written), []
    done: set[str] = set()
    while waiting:
        ready = next((each for each in waiting if needs[each.args["name"]] <= done), None)
        if ready is None:
            error = FeatureNotSupported("mutual recursion between WITH items is not implemented")
            raise raise_at(context, waiting[0], error)
        waiting.remove(ready)
        ordered.append(ready)
        done.add(ready.args["name"])
    return ordered


def names_in(node: exp.Expression, names: frozenset[str]) -> set[str]:
    """Those of the names that are referred to somewhere in the tree; rule 1."""
    found: set[str] = set()
    if isinstance(node, nodes.TableReference):
        parts = node.args["parts"]
        return {parts[0]} & names if len(parts) == 1 else found
    for _, child, hidden in _children(node):
        found |= names_in(child, names - hidden)
    return found


def _children(
    node: exp.Expression,
) -> Iterator[tuple[str, exp.Expression, frozenset[str]]]:
    """The children by the name of their place, each with the names that are hidden in it."""
    clause = node.args.get("with_clause")
    tables = clause.args["expressions"] if clause is not None else []
    hidden = frozenset(each.args["name"] for each in tables)
    recursive = clause is not None and bool(clause.args.get("recursive"))
    before: frozenset[str] = frozenset()
    for each in tables:
        yield "with_clause", each.args["query"], hidden if recursive else before
        before |= {each.args["name"]}
    for place, value in node.args.items():
        if place == "with_clause":
            continue
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, exp.Expression):
                yield place, child, hidden


def check_recursion(context: BindContext, node: exp.Expression) -> None:
    """Refuse a WITH query that refers to itself in a way that has no meaning; rule 2."""
    query, name = node.args["query"], node.args["name"]
    if not isinstance(query, nodes.Query):
        message = f'recursive query "{name}" must not contain data-modifying statements'
        raise raise_at(context, node, InvalidRecursion(message))
    if not isinstance(query, nodes.SetOperation) or query.args["kind"] != "union":
        message = (
            f'recursive query "{name}" does not have the form non-recursive-term '
            "UNION [ALL] recursive-term"
        )
        raise raise_at(context, node, InvalidRecursion(message))
    walk = _Walk(context, name)
    walk.look(query.args["left"], "first")
    walk.look(query.args["right"], "")
    clause = query.args.get("with_clause")
    for each in clause.args["expressions"] if clause is not None else ():
        walk.look(each.args["query"], "subquery")
    for part, shown in _DECORATIONS:
        written = query.args.get(part)
        if written:
            error = FeatureNotSupported(f"{shown} in a recursive query is not implemented")
            raise raise_at(context, written[0] if isinstance(written, list) else written, error)


@dataclass(slots=True)
class _Walk:
    """Looks for references to one WITH query."""

    context: BindContext
    name: str
    count: int = 0

    def look(self, node: exp.Expression, place: str) -> None:
        """Look below a node; place: what it stands within that must not refer, "" for nothing."""
        if isinstance(node, nodes.TableReference):
            self._reference(node, place)
        for part, child, hidden in _children(node):
            if self.name not in hidden:
                self.look(child, place or _forbidden(node, part))

    def _reference(self, node: exp.Expression, place: str) -> None:
        if node.args["parts"] != (self.name,):
            return
        reference = f'recursive reference to query "{self.name}" must not appear'
        if place:
            error = InvalidRecursion(f"{reference} within {_FORBIDDEN[place]}")
            raise raise_at(self.context, node, error)
        self.count += 1
        if self.count > 1:
            error = InvalidRecursion(f"{reference} more than once")
            raise raise_at(self.context, node, error)


def _forbidden(node: exp.Expression, part: str) -> str:
    """What a child stands within, if that is one of the places without references."""
    if isinstance(node, nodes.SubLink) and part == "query":
        return "subquery"
    if isinstance(node, nodes.Join) and part in _NULLABLE.get(node.args["kind"], ()):
        return "outer join"
    if isinstance(node, nodes.SetOperation) and part in ("left", "right"):
        kind, every = node.args["kind"], bool(node.args.get("all"))
        if kind == "intersect" and every:
            return "intersect"
        if kind == "except" and (every or part == "right"):
            return "except"
    return ""
