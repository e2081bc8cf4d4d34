"""tsvector_ops: the words of documents. Positions and weights are not in the index."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.inverted.entry_keys import is_exact, text_key, text_prefix
from server.inverted.row_sets import NOTHING, AllOf, AnyOf, Key, Node, NotIn, Search
from server.types.tsquery import NOT, OR, PHRASE, Operand, Operation, TsQuery, nodes_of
from server.types.tsquery import Node as QueryNode
from server.types.tsvector import stored_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.types.tsvector import TsVector

WORD: Final = b"\x01"


class Documents:
    """The operator class."""

    def keys(self, value: TsVector) -> set[bytes]:
        """A key for each word."""
        return {_key(lexeme.word) for lexeme in value.lexemes}

    def stored_items(self, stored: bytes) -> list[bytes]:
        """The words of a vector as it is kept."""
        return stored_words(stored)

    def item_key(self, item: bytes) -> bytes:
        """The key of a word."""
        return text_key(WORD, item)

    def search(self, strategy: str, value: Any) -> Search:
        """The rows that match a query."""
        assert strategy == "match"
        assert isinstance(value, TsQuery)
        if value.root is None:
            return Search(NOTHING, exact=True)
        return Search(_node(value.root), all(map(_is_exact, nodes_of(value.root))))


@lru_cache(maxsize=1 << 16)
def _key(word: str) -> bytes:
    return text_key(WORD, word.encode())


def _is_exact(node: QueryNode) -> bool:
    if isinstance(node, Operand):
        return not node.weights and is_exact(node.word.encode())
    return node.kind != PHRASE


def _node(node: QueryNode) -> Node:
    if isinstance(node, Operand):
        if node.is_prefix:
            return Key(text_prefix(WORD, node.word.encode()), is_whole=False)
        return Key(_key(node.word))
    if node.kind == NOT:
        return NotIn(_node(node.right))
    parts = tuple(_node(branch) for branch in _branches(node))
    return AnyOf(parts) if node.kind == OR else AllOf(parts)


def _branches(node: Operation) -> Iterator[QueryNode]:
    """The operands of a chain of ANDs (phrases are among them) or of ORs, which leans to the left."""
    current: QueryNode = node
    while isinstance(current, Operation) and _joins_alike(current.kind, node.kind):
        yield current.right
        assert current.left is not None
        current = current.left
    yield current


def _joins_alike(kind: int, other: int) -> bool:
    return kind != NOT and (kind == OR) == (other == OR)
