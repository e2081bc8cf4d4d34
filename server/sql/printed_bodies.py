"""Bodies of the SQL standard, as pg_get_functiondef prints them.

Rule 1: a parameter is shown by its name; behind the name of the function where a FROM item is about, whose columns
        might be called so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from server.sql import nodes
from server.sql.deparse import PRINTERS, deparse
from server.sql.parse import parse_expression, parse_statements
from server.sql.printed import localized
from server.sql.printer import Printer
from server.sql.utility_statement import UtilityStatement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from server.sql.printed import Names

RETURN = "RETURN "
CHANGES = (nodes.Insert, nodes.Update, nodes.Delete, nodes.Merge, nodes.Values, nodes.SetOperation)
"""Statements with FROM items by their nature."""


def printed_body(text: str, function: str, parameters: Sequence[str], names: Names) -> str:
    """A body; parameters: what they are called."""
    if text.startswith(RETURN):
        tree = localized(parse_expression(text[len(RETURN) :]), names)
        return RETURN + deparse(_named(tree, function, parameters))
    shown = (_named(localized(each, names), function, parameters) for each in _statements(text))
    return "BEGIN ATOMIC\n" + "".join(f"{_laid_out(each)};\n" for each in shown) + "END"


@lru_cache(maxsize=500)
def _statements(text: str) -> tuple[exp.Expression, ...]:
    trees = [each.tree for each in parse_statements(text)]
    return tuple(each for each in trees if not isinstance(each, UtilityStatement))


def _laid_out(tree: exp.Expression) -> str:
    """A statement one step in."""
    printer = Printer(PRINTERS, indented=True)
    printer.level = 1
    printer.print(tree)
    return " " + printer.text().lstrip()


def _named(tree: exp.Expression, function: str, parameters: Sequence[str]) -> exp.Expression:
    """The tree with parameters by name; it is changed."""
    for node in list(nodes.linked(tree).find_all(nodes.ParameterReference)):
        number = int(node.this)
        name = parameters[number - 1] if number <= len(parameters) else ""
        if name:
            node.set("shown", (function, name) if _is_among_items(node) else (name,))
    return tree


def _is_among_items(node: exp.Expression) -> bool:
    """Whether a statement around the node has FROM items."""
    above = node.parent
    while above is not None:
        if isinstance(above, CHANGES) or above.args.get("from_items"):
            return True
        above = above.parent
    return False
