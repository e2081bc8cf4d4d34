"""Parse tree to expressions: the table of all converters, and the way in."""

from typing import Final

from sqlglot import exp

from server.sql import calls, changes, expressions, queries
from server.sql.context import Context, Converters
from server.sql.grammar import RawStatement

CONVERTERS: Final[Converters] = {
    **expressions.CONVERTERS,
    **calls.CONVERTERS,
    **queries.CONVERTERS,
    **changes.CONVERTERS,
}


def context_for(raw: RawStatement) -> Context:
    """Begin the conversion of a statement."""
    return Context(raw, CONVERTERS)


def convert(raw: RawStatement) -> exp.Expression:
    """Convert a query or data change to its expression tree."""
    return context_for(raw).convert(raw.node)
