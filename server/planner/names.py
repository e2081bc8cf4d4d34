"""What an output column is called when it is given no name (PostgreSQL's FigureColname)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlglot import exp

UNNAMED = "?column?"


def target_name(node: exp.Expression) -> str:
    """The name of an expression's column."""
    return _name(node)[0]


def _name(node: exp.Expression) -> tuple[str, int]:
    """The name, and how good it is: 2 from the user, 1 from a construct, 0 none."""
    namer = NAMERS.get(type(node).__name__)
    return namer(node) if namer is not None else (UNNAMED, 0)


def _column(node: exp.Expression) -> tuple[str, int]:
    parts = node.args["parts"]
    return (parts[-1], 2) if parts else (UNNAMED, 0)


def _field(node: exp.Expression) -> tuple[str, int]:
    name = node.args.get("name")
    return (name, 2) if name else _name(node.args["this"])


def _inner(node: exp.Expression) -> tuple[str, int]:
    return _name(node.args["this"])


def _function(node: exp.Expression) -> tuple[str, int]:
    if node.args["name"] == ("pg_catalog", "is_document"):  # what IS DOCUMENT is here
        return UNNAMED, 0
    return node.args["name"][-1], 2


def _cast(node: exp.Expression) -> tuple[str, int]:
    name, strength = _name(node.args["this"])
    if strength > 1:
        return name, strength
    return node.args["to"].args["parts"][-1], 1


def _case(node: exp.Expression) -> tuple[str, int]:
    default = node.args.get("default")
    name, strength = _name(default) if default is not None else (UNNAMED, 0)
    return (name, strength) if strength > 1 else ("case", 1)


def _sublink(node: exp.Expression) -> tuple[str, int]:
    kind = node.args["kind"]
    if kind in ("exists", "array"):
        return kind, 2
    query = node.args["query"]
    if kind == "scalar":
        while isinstance(query, nodes.SetOperation):
            query = query.args["left"]
        if isinstance(query, nodes.Select) and len(query.args["targets"]) == 1:
            target = query.args["targets"][0]
            alias = target.args.get("alias")
            return (alias, 2) if alias else (target_name(target.args["this"]), 2)
        if isinstance(query, nodes.Values):
            return "column1", 2
    return UNNAMED, 0


def _fixed(name: str, strength: int = 2) -> Callable[[exp.Expression], tuple[str, int]]:
    return lambda node: (name, strength)


NAMERS: Final[Mapping[str, Callable[[exp.Expression], tuple[str, int]]]] = {
    "ColumnReference": _column,
    "FieldSelection": _field,
    "Subscript": _inner,
    "Collation": _inner,
    "FunctionCall": _function,
    "SqlValueFunction": lambda node: (node.args["name"], 2),
    "SubLink": _sublink,
    "RowConstructor": _fixed("row"),
    "ArrayConstructor": _fixed("array"),
    "Grouping": _fixed("grouping"),
    "Cast": _cast,
    "Case": _case,
    "Coalesce": _fixed("coalesce"),
    "Greatest": _fixed("greatest"),
    "Least": _fixed("least"),
    "Nullif": _fixed("nullif"),
}
"""By the names of their classes, which are not made for the sake of this table."""
