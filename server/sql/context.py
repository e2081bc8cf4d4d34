"""What the converters share while they turn one parse tree into expressions.

Rule 1: a converter is a function of the context and one protobuf message; the context alone looks
        converters up, so the modules of converters need not know each other.
Rule 2: every node that came from text passes through `placed`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlglot import exp

from server.errors import FeatureNotSupported, SqlError
from server.sql.grammar import Node, RawStatement, tree

if TYPE_CHECKING:
    from server.sql.utility_statement import UtilityStatement

AnyNode = TypeVar("AnyNode", bound=exp.Expression)


class Converter(Protocol):
    """A function that converts one kind of message."""

    def __call__(self, context: "Context", message: Any, /) -> exp.Expression:
        """Convert the message."""


Converters = Mapping[str, Converter]
Utilities = Mapping[str, Callable[["Context", Any], "UtilityStatement"]]
QUERIES = frozenset({"select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"})


class Context:
    """The conversion of one statement."""

    __slots__ = ("characters", "converters", "offset", "parameter_count", "source", "utilities")

    def __init__(self, raw: RawStatement, converters: Converters, utilities: Utilities) -> None:
        self.source = raw.source
        self.offset = raw.offset
        self.characters = raw.characters
        self.converters = converters
        self.utilities = utilities
        self.parameter_count = 0

    def convert(self, node: Node) -> exp.Expression:
        """Convert a node that must be there."""
        kind = node.WhichOneof("node")
        assert kind is not None, "the grammar left a required node out"
        converter = self.converters.get(kind)
        if converter is None:
            raise self.unsupported(kind, getattr(node, kind))
        return converter(self, getattr(node, kind))

    def optional(self, node: Node) -> exp.Expression | None:
        """Convert a node that may be absent."""
        return self.convert(node) if node.WhichOneof("node") else None

    def all(self, nodes: Iterable[Node]) -> list[exp.Expression]:
        """Convert a list of nodes."""
        return [self.convert(node) for node in nodes]

    def message(self, kind: str, message: Any) -> exp.Expression:
        """Convert a message that is not wrapped in a node."""
        return self.converters[kind](self, message)

    def statement(self, node: Node) -> "exp.Expression | UtilityStatement":
        """Convert a statement inside a statement, or the whole."""
        kind = node.WhichOneof("node")
        assert kind is not None, "the grammar left a statement out"
        message = getattr(node, kind)
        if kind in QUERIES and not (kind == "select_stmt" and creates_table(message)):
            return self.converters[kind](self, message)
        converter = self.utilities.get(kind)
        if converter is None:
            converter = self.utilities["unsupported"]
            return converter(self, node)
        return converter(self, message)

    def placed(self, expression: AnyNode, location: int) -> AnyNode:
        """Note where the expression starts; location is libpg_query's, in bytes of the text."""
        if location >= 0:
            expression.meta["offset"] = self.source_offset(location)
        return expression

    def source_offset(self, location: int) -> int:
        """Turn a byte of the text into a character of the statement; -1 stays."""
        if location < 0:
            return -1
        if self.characters is not None:
            location = self.characters[location]
        return location - self.offset

    def position(self, location: int) -> int:
        """Turn a byte of the text into the position an error reports."""
        return self.offset + self.source_offset(location) + 1 if location >= 0 else 0

    def unsupported(self, kind: str, message: Any) -> SqlError:
        """Make the error for a kind of node no converter is listed for."""
        words = kind.removesuffix("_stmt").replace("_", " ").upper()
        return FeatureNotSupported(
            f"{words} is not supported", position=self.position(getattr(message, "location", -1))
        )


def leftmost(message: tree.SelectStmt) -> tree.SelectStmt:
    """Find the query a set operation starts with."""
    while message.op != tree.SETOP_NONE:
        message = message.larg
    return message


def creates_table(message: tree.SelectStmt) -> bool:
    """Whether the query is SELECT INTO."""
    return bool(leftmost(message).HasField("into_clause"))


def names(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Read a list of string nodes."""
    return tuple([node.string.sval for node in nodes])


def definition_of(message: Any) -> Node:
    """Read the field that is called `def`, which Python cannot spell."""
    return getattr(message, "def")


def relation_parts(relation: tree.RangeVar) -> tuple[str, ...]:
    """Read a relation's name with what qualifies it."""
    if not relation.schemaname:
        return (relation.relname,)
    if not relation.catalogname:
        return (relation.schemaname, relation.relname)
    return (relation.catalogname, relation.schemaname, relation.relname)
