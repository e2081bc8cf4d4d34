"""The door of this package: text to statements."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Final

from sqlglot import exp

from server.errors import StatementTooComplex
from server.sql import nodes
from server.sql.context import Context
from server.sql.convert import CONVERTERS
from server.sql.grammar import TOO_DEEP_HINT, TOO_DEEP_MESSAGE, RawStatement, parse
from server.sql.utility import UTILITIES
from server.sql.utility_statement import UtilityStatement

CHANGE_TAGS: Final[dict[type[exp.Expression], str]] = {
    nodes.Insert: "INSERT",
    nodes.Update: "UPDATE",
    nodes.Delete: "DELETE",
    nodes.Merge: "MERGE",
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

    def first_parameter(self) -> tuple[int, int] | None:
        """The number of the first parameter, and its offset; None: it has none, or only in a text of its own."""
        found = next(_parameters(self.tree), None) if self.parameter_count else None
        return None if found is None else (found.args["this"], nodes.offset_of(found))


def _parameters(part: object) -> Iterator[exp.Expression]:
    """The references to parameters in a tree, whose parts may be of either kind."""
    if isinstance(part, exp.Expression):
        yield from part.find_all(nodes.ParameterReference, bfs=False)
    elif isinstance(part, tuple):
        for each in part:
            yield from _parameters(each)
    elif is_dataclass(part):
        for field in fields(part):
            yield from _parameters(getattr(part, field.name))


def parse_statements(sql: str) -> list[Statement]:
    """Parse a text; empty statements are dropped, so the list may be empty."""
    return [statement(raw) for raw in parse(sql)]


def statement(raw: RawStatement) -> Statement:
    """Convert one statement."""
    context = Context(raw, CONVERTERS, UTILITIES)
    tree: exp.Expression | UtilityStatement
    try:
        tree = context.statement(raw.node)
    except RecursionError:
        raise StatementTooComplex(TOO_DEEP_MESSAGE, hint=TOO_DEEP_HINT) from None
    return Statement(tree, raw.source, raw.offset, tag_of(tree), context.parameter_count)


def tag_of(tree: exp.Expression | UtilityStatement) -> str:
    """Name a statement's command tag."""
    if isinstance(tree, UtilityStatement):
        return tree.tag
    return CHANGE_TAGS.get(type(tree), "SELECT")


EXPRESSION_LEAD: Final = "SELECT "
"""What makes a query of the text of an expression."""


def parse_expression(sql: str) -> exp.Expression:
    """Parse the text of one stored expression, such as a default or a check."""
    (only,) = parse_expressions(sql)
    return only


def parse_expressions(sql: str) -> tuple[exp.Expression, ...]:
    """Parse the text of stored expressions, separated by commas."""
    (only,) = parse_statements(EXPRESSION_LEAD + sql)
    assert isinstance(only.tree, nodes.Select), sql
    found: list[exp.Expression] = []
    for target in only.tree.args["targets"]:
        expression: exp.Expression = target.this
        expression.parent = expression.arg_key = expression.index = None
        found.append(expression)
    return tuple(found)
