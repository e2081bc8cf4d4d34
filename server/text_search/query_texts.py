"""Queries out of texts: to_tsquery, plainto_, phraseto_ and websearch_to_tsquery.

Every word goes through a configuration; what is left out as a stop word is put back as distance
between its neighbours, so that phrases keep their gaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.text_search.document import Configuration, Word, words_of
from server.types.lexeme_reader import OPERATORS, LexemeReader, is_blank
from server.types.tsquery import (
    AND,
    NOT,
    OR,
    PHRASE,
    STOP,
    WORD,
    Node,
    Operand,
    Operation,
    QueryReader,
    Token,
    TsQuery,
    check_word,
    operation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STOP_WORD: Final = Operand("")
"""Stands in a tree for a word that was left out."""


def query_of(configuration: Configuration, text: str) -> TsQuery:
    """A query written with operators."""
    nodes = _Nodes(configuration, PHRASE)
    return without_stop_words(QueryReader(text, nodes.make).read())


def plain_query(configuration: Configuration, text: str, kind: int) -> TsQuery:
    """All words of a text under one operator."""
    return without_stop_words(_Nodes(configuration, kind).make(text, 0, False))


def web_query(configuration: Configuration, text: str) -> TsQuery:
    """A query as search engines have it: quotes, `or` and minus signs."""
    nodes = _Nodes(configuration, PHRASE)
    return without_stop_words(WebReader(text, nodes.make).read())


class _Nodes:
    """Makes a node of what stands for a word in a query."""

    def __init__(self, configuration: Configuration, kind: int) -> None:
        self.configuration = configuration
        self.kind = kind

    def make(self, text: str, weights: int, is_prefix: bool) -> Node:
        """The lexemes of a text, under the operator of this query."""
        result: Node | None = None
        last = 0
        for position, words in _grouped(words_of(self.configuration, text)):
            gap = position - last - 1 if last else 0
            last = position
            for node in (*[STOP_WORD] * gap, _alternatives(words, weights, is_prefix)):
                distance = 1 if self.kind == PHRASE else 0
                result = node if result is None else operation(self.kind, node, result, distance)
        return STOP_WORD if result is None else result


def _grouped(words: Iterable[Word]) -> Iterator[tuple[int, list[Word]]]:
    """Words by position."""
    group: list[Word] = []
    for word in words:
        if group and group[0].position != word.position:
            yield group[0].position, group
            group = []
        group.append(word)
    if group:
        yield group[0].position, group


def _alternatives(words: list[Word], weights: int, is_prefix: bool) -> Node:
    """Lexemes of one variant under &, variants under |."""
    result: Node | None = None
    start = 0
    while start < len(words):
        stop = start
        group: Node | None = None
        while stop < len(words) and words[stop].variant == words[start].variant:
            word = words[stop]
            check_word(word.word)
            node = Operand(word.word, weights, is_prefix or word.is_prefix)
            group = node if group is None else operation(AND, node, group)
            stop += 1
        assert group is not None
        result = group if result is None else operation(OR, group, result)
        start = stop
    assert result is not None
    return result


class WebReader(QueryReader):
    """Reads a query that can have no errors."""

    def operand(self, is_first: bool) -> Token:
        """A word, a minus sign, or what stands between quotes."""
        while (character := self.skip_blanks()) and character in OPERATORS:
            self.position += 1
            is_first = False
        if not character:
            if not is_first:
                self.outputs.append(STOP_WORD)
            return STOP
        if character == "-":
            self.position += 1
            return NOT, 0
        if character == '"':
            end = self.text.find('"', self.position + 1)
            stop = len(self.text) if end < 0 else end
            phrase = self.text[self.position + 1 : stop]
            self.position = stop + (end >= 0)
            self.outputs.append(self.make(phrase, 0, False))
            return WORD
        reader = LexemeReader(self.text, self.position, in_query=True, of_web=True)
        found = reader.next()
        assert found is not None
        self.position = reader.position
        self.outputs.append(self.make(found[0], 0, False))
        return WORD

    def operator(self, is_nested: bool) -> Token:
        """`or`, or else an & that is not written."""
        while (character := self.skip_blanks()) and character in OPERATORS:
            self.position += 1
        if not character:
            return STOP
        if character != '"' and self._is_or():
            self.position += len("or")
            return OR, 0
        return AND, 0

    def _is_or(self) -> bool:
        """Whether an `or` stands here: a word of its own, before something else than blanks."""
        rest = self.text[self.position :]
        if rest[:2].lower() != "or" or len(rest) == 2:
            return False
        if rest[2] in "-_" or rest[2].isalpha() or rest[2].isdigit():
            return False
        return any(not is_blank(character) for character in rest[3:])


def without_stop_words(root: Node | None) -> TsQuery:
    """The query without the words that were left out."""
    return TsQuery(None if root is None else _kept(root)[0])


Kept = tuple[Node | None, int, int]
"""A branch, and what its neighbours to the left and to the right are farther away."""


def _kept(node: Node) -> Kept:
    if isinstance(node, Operand):
        return (None if node is STOP_WORD else node), 0, 0
    if node.kind == NOT:
        inner, left_gap, right_gap = _kept(node.right)
        return (None if inner is None else operation(NOT, inner)), left_gap, right_gap
    assert node.left is not None
    left, right = _kept(node.left), _kept(node.right)
    if left[0] is None and right[0] is None:
        gap = left[1] + node.distance + right[1]
        gap = gap if node.kind == PHRASE else max(left[1], right[1])
        return None, gap, gap
    if left[0] is None or right[0] is None:
        return _one_side(node, left, right)
    return _both_sides(node, left, right)


def _one_side(node: Operation, left: Kept, right: Kept) -> Kept:
    is_phrase = node.kind == PHRASE
    if left[0] is None:
        gap = left[1] + node.distance + right[1] if is_phrase else right[1]
        return right[0], gap, right[2]
    gap = left[2] + node.distance + right[2] if is_phrase else left[2]
    return left[0], left[1], gap


def _both_sides(node: Operation, left: Kept, right: Kept) -> Kept:
    assert left[0] is not None
    assert right[0] is not None
    if node.kind != PHRASE:
        return operation(node.kind, right[0], left[0]), 0, 0
    distance = node.distance + left[2] + right[1]
    return operation(PHRASE, right[0], left[0], distance), left[1], right[2]
