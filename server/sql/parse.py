"""The door of this package: text to statements."""

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from server.errors import StatementTooComplex
from server.sql.convert import context_for
from server.sql.grammar import TOO_DEEP_HINT, TOO_DEEP_MESSAGE, Node, RawStatement, parse
from server.sql.utility import utility
from server.sql.utility_statement import UtilityStatement
from server.sql.utility_tables import leftmost

QUERY_TAGS: Final = {
    "select_stmt": "SELECT",
    "insert_stmt": "INSERT",
    "update_stmt": "UPDATE",
    "delete_stmt": "DELETE",
    "merge_stmt": "MERGE",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a text.

    The position of a node for the client is `offset + nodes.offset_of(node) + 1`.
    """

    tree: exp.Expression | UtilityStatement
    source: str
    offset: int
    tag: str
    parameter_count: int


def parse_statements(sql: str) -> list[Statement]:
    """Parse a text; empty statements are dropped, so the list may be empty."""
    return [statement(raw) for raw in parse(sql)]


def statement(raw: RawStatement) -> Statement:
    """Convert one statement."""
    context = context_for(raw)
    kind = raw.node.WhichOneof("node")
    assert kind is not None
    tree: exp.Expression | UtilityStatement
    try:
        if kind in QUERY_TAGS and not creates_table(raw.node):
            tree, tag = context.convert(raw.node), QUERY_TAGS[kind]
        else:
            tree = utility(context, raw.node)
            tag = tree.tag
    except RecursionError:
        raise StatementTooComplex(TOO_DEEP_MESSAGE, hint=TOO_DEEP_HINT) from None
    return Statement(tree, raw.source, raw.offset, tag, context.parameter_count)


def creates_table(node: Node) -> bool:
    """Whether the statement is SELECT INTO."""
    return node.WhichOneof("node") == "select_stmt" and leftmost(node.select_stmt).HasField(
        "into_clause"
    )
