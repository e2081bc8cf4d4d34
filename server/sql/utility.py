"""Parse tree to utility statements: the table of all of them, and the way in."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from server.sql import utility_tables
from server.sql.context import Context
from server.sql.grammar import Node
from server.sql.utility_statement import Unsupported, UtilityStatement

Utilities = Mapping[str, Callable[[Context, Any], UtilityStatement]]

UTILITIES: Final[Utilities] = {**utility_tables.UTILITIES}


def utility(context: Context, node: Node) -> UtilityStatement:
    """Convert any statement that is not a query or data change."""
    kind = node.WhichOneof("node")
    assert kind is not None
    message = getattr(node, kind)
    if kind == "select_stmt":
        return utility_tables.select_into(context, message)
    converter = UTILITIES.get(kind)
    if converter is None:
        words = kind.removesuffix("_stmt").replace("_", " ").upper()
        return Unsupported(words, context.source_offset(getattr(message, "location", -1)))
    return converter(context, message)
