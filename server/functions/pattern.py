"""LIKE, ILIKE and SIMILAR TO: patterns compiled once, to the simplest test that decides them.

Over a column, a pattern that is the same for all rows is compiled once; plain prefixes, suffixes
and infixes become string searches. A general LIKE is matched piece by piece, in time linear in the
text for each piece.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import InvalidEscapeSequence
from server.functions.declare import row
from server.functions.function import TextByText
from server.functions.regex_tables import ROWS_MIN, test_matcher
from server.functions.similar_to import similar_to_regex
from server.functions.text_kernels import rows_left
from server.types.letters import lower
from server.vector.column import Column, Mask
from server.vector.native import folded_like_views, like_views
from server.vector.rows import constant_value, is_constant, joint_validity
from server.vector.texts import TextColumn, coded_texts

if TYPE_CHECKING:
    from server.functions.function import CallContext, Kernel


Test = Callable[[str], bool]
ManyTest = Callable[[str], Callable[[list[str]], list[bool]]]
ANY_CHARACTER: Final = None  # in a piece: what `_` stands for
Piece = list[str | None]
_SPECIAL: Final = frozenset("\\.^$*+?()[]{}|")
"""What means something in a regular expression."""


def split_pattern(pattern: str, escape: str = "\\") -> list[Piece]:
    """Cut a LIKE pattern at its % signs into pieces of characters and `_`."""
    pieces: list[Piece] = [[]]
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            escaped = next(characters, None)
            if escaped is None:
                raise InvalidEscapeSequence("LIKE pattern must not end with escape character")
            pieces[-1].append(escaped)
        elif character == "%":
            pieces.append([])
        else:
            pieces[-1].append(ANY_CHARACTER if character == "_" else character)
    return pieces


def ends_in_escape(pattern: str) -> bool:
    """Whether a pattern ends in a backslash that escapes nothing."""
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1


def _unfinished(reaches_end: Test, text: str) -> bool:
    """A pattern that ends in an escape matches nothing; it is an error for texts that get as far as there."""
    if reaches_end(text):
        raise InvalidEscapeSequence("LIKE pattern must not end with escape character")
    return False


@lru_cache(maxsize=1024)
def compile_like(pattern: str) -> Test:
    """Make the test of a LIKE pattern."""
    if ends_in_escape(pattern):
        return partial(_unfinished, compile_like(pattern[:-1] + "_%"))
    pieces = split_pattern(pattern)
    if not any(ANY_CHARACTER in piece for piece in pieces):
        return _compile_plain(["".join(filter(None, piece)) for piece in pieces])
    return _compile_general(pieces)


def _compile_plain(pieces: list[str]) -> Test:
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return lambda text: text == first
    middle = [piece for piece in pieces[1:-1] if piece]
    if not middle:
        return _ends(first, last)
    if len(middle) == 1 and not first and not last:
        only = middle[0]
        return lambda text: only in text

    def test(text: str) -> bool:
        stop = len(text) - len(last)
        if stop < len(first) or not text.startswith(first) or not text.endswith(last):
            return False
        position = len(first)
        for piece in middle:
            position = text.find(piece, position, stop)
            if position < 0:
                return False
            position += len(piece)
        return True

    return test


def _ends(first: str, last: str) -> Test:
    if not last:
        return lambda text: text.startswith(first)
    if not first:
        return lambda text: text.endswith(last)
    shortest = len(first) + len(last)
    return lambda text: len(text) >= shortest and text.startswith(first) and text.endswith(last)


def _matches_at(text: str, piece: Piece, position: int) -> bool:
    return all(
        wanted is None or text[position + index] == wanted for index, wanted in enumerate(piece)
    )


def _find(text: str, piece: Piece, start: int, stop: int) -> int:
    for position in range(start, stop - len(piece) + 1):
        if _matches_at(text, piece, position):
            return position
    return -1


def _compile_general(pieces: list[Piece]) -> Test:
    first, last = pieces[0], pieces[-1]
    middle = [piece for piece in pieces[1:-1] if piece]
    if len(pieces) == 1:
        return lambda text: len(text) == len(first) and _matches_at(text, first, 0)

    def test(text: str) -> bool:
        stop = len(text) - len(last)
        if stop < len(first) or not _matches_at(text, first, 0):
            return False
        if not _matches_at(text, last, stop):
            return False
        position = len(first)
        for piece in middle:
            position = _find(text, piece, position, stop)
            if position < 0:
                return False
            position += len(piece)
        return True

    return test


def like_many(pattern: str) -> Callable[[list[str]], list[bool]]:
    """Make the test of a LIKE pattern over many texts, with the common forms written out."""
    test = compile_like(pattern)
    if ends_in_escape(pattern):
        return lambda texts: list(map(test, texts))
    pieces = split_pattern(pattern)
    if any(ANY_CHARACTER in piece for piece in pieces) or pieces[0] or pieces[-1]:
        return lambda texts: list(map(test, texts))
    middle = ["".join(filter(None, piece)) for piece in pieces[1:-1] if piece]
    if len(middle) == 1:
        only = middle[0]
        return lambda texts: [only in text for text in texts]
    if len(middle) != 2:
        return lambda texts: list(map(test, texts))
    first, second = middle
    skip = len(first)
    return lambda texts: [
        (at := text.find(first)) >= 0 and text.find(second, at + skip) >= 0 for text in texts
    ]


def like(text: str, pattern: str) -> bool:
    """Whether a text is like a pattern."""
    return compile_like(pattern)(text)


def not_like(text: str, pattern: str) -> bool:
    """Whether a text is unlike a pattern."""
    return not compile_like(pattern)(text)


def ilike(text: str, pattern: str) -> bool:
    """Whether a text is like a pattern, whatever the case of letters."""
    return compile_like(lower(pattern))(lower(text))


def not_ilike(text: str, pattern: str) -> bool:
    """Whether a text is unlike a pattern, whatever the case of letters."""
    return not ilike(text, pattern)


def _one_by_one(compile_pattern: Callable[[str], Test]) -> ManyTest:
    def compile_many(pattern: str) -> Callable[[list[str]], list[bool]]:
        test = compile_pattern(pattern)
        return lambda texts: list(map(test, texts))

    return compile_many


def matching_kernel(
    compile_pattern: Callable[[str], Test],
    negated: bool,
    compile_many: ManyTest | None = None,
    search: Callable[[TextColumn, str], Mask | None] | None = None,
) -> Kernel:
    """The kernel of a test that depends on a pattern; search does it with stored texts where they lie, if it can."""
    many = compile_many or _one_by_one(compile_pattern)

    def kernel(context: CallContext, texts: Column, patterns: Column, *, count: int) -> Column:
        valid = joint_validity((texts, patterns))
        if search is not None and isinstance(texts, TextColumn) and is_constant(patterns):
            passed = search(texts, constant_value(patterns))
            if passed is None:
                passed = _by_words(texts, many(constant_value(patterns)))
            if passed is not None:
                return Column(~passed if negated else passed, valid)
        result = np.zeros(count, np.bool_)
        places: Any = slice(None) if valid is None else np.flatnonzero(valid)
        rows = texts.values[places].tolist()
        if is_constant(patterns):
            found = many(constant_value(patterns))(rows) if rows else []
        else:
            tests = map(compile_pattern, patterns.values[places].tolist())
            found = [test(text) for test, text in zip(tests, rows, strict=True)]
        result[places] = found
        return Column(~result if negated else result, valid)

    return kernel if search is not None else TextByText(kernel)


def _by_words(texts: TextColumn, test: Callable[[list[str]], list[bool]]) -> Mask | None:
    """Each distinct text is tested once; None: there are hardly fewer of those."""
    coded = coded_texts(texts)
    if coded is None or coded.dictionary is None or not len(coded.dictionary):
        return None
    words = np.array(test(coded.dictionary.values.tolist()), np.bool_)
    passed: Mask = words[coded.values]
    return passed


def _compile_ilike(pattern: str) -> Test:
    test = compile_like(lower(pattern))
    return lambda text: test(lower(text))


def _plain_pieces(pattern: str) -> list[bytes] | None:
    """The pieces of a pattern without `_`, which bytes can be compared with."""
    if ends_in_escape(pattern):
        return None
    pieces = split_pattern(pattern)
    if any(ANY_CHARACTER in piece for piece in pieces):
        return None
    return ["".join(filter(None, piece)).encode() for piece in pieces]


def _as_regex(pattern: str) -> str:
    """The pattern as a regular expression."""
    pieces = [
        "".join("." if c is ANY_CHARACTER else f"\\{c}" if c in _SPECIAL else c for c in piece)
        for piece in split_pattern(pattern)
    ]
    return f"^{'.*'.join(pieces)}$"


def _search_by_tables(texts: TextColumn, pattern: str, flags: str, test: Test) -> Mask | None:
    """As an automaton, which takes whatever `_` stands for; None: there is none, or it is not worth while."""
    if ends_in_escape(pattern) or len(texts) < ROWS_MIN:
        return None
    matcher = test_matcher(_as_regex(pattern), flags)
    if matcher is None:
        return None
    passed, strange = matcher.tests(texts.store, texts.views)
    for place, text in rows_left(texts, strange):
        passed[place] = test(text)
    return passed


def _search(texts: TextColumn, pattern: str) -> Mask | None:
    pieces = _plain_pieces(pattern)
    if pieces is None:
        return _search_by_tables(texts, pattern, "", compile_like(pattern))
    return like_views(texts.store, texts.views, pieces)


def _search_folded(texts: TextColumn, pattern: str) -> Mask | None:
    """As bytes where texts are ASCII; other letters may become several, or ASCII, when they become small."""
    small = lower(pattern)
    pieces = _plain_pieces(small)
    if pieces is None:
        if not small.isascii():  # what is no letter of ASCII may be one in another case
            return None
        return _search_by_tables(texts, small, "i", _compile_ilike(pattern))
    found, strange = folded_like_views(texts.store, texts.views, pieces)
    rows = np.flatnonzero(strange if texts.valid is None else strange & texts.valid)
    if len(rows):
        found[rows] = list(map(_compile_ilike(pattern), texts.take(rows).values.tolist()))
    return found


_LIKE = matching_kernel(compile_like, False, like_many, _search)
_NOT_LIKE = matching_kernel(compile_like, True, like_many, _search)
_ILIKE = matching_kernel(_compile_ilike, False, search=_search_folded)
_NOT_ILIKE = matching_kernel(_compile_ilike, True, search=_search_folded)


def like_escape(pattern: str, escape: str) -> str:
    """Rewrite a pattern with another escape character as one with a backslash."""
    if len(escape) > 1:
        raise InvalidEscapeSequence(
            "invalid escape string", hint="Escape string must be empty or one character."
        )
    if escape == "\\":
        return pattern
    parts = []
    characters = iter(pattern)
    for character in characters:
        if escape and character == escape:
            parts.append("\\" + next(characters, ""))
        else:
            parts.append("\\\\" if character == "\\" else character)
    return "".join(parts)


def _bytes_escape(pattern: bytes, escape: bytes) -> bytes:
    return like_escape(pattern.decode("latin-1"), escape.decode("latin-1")).encode("latin-1")


def _bytes_like(data: bytes, pattern: bytes) -> bool:
    return like(data.decode("latin-1"), pattern.decode("latin-1"))


def _bytes_not_like(data: bytes, pattern: bytes) -> bool:
    return not _bytes_like(data, pattern)


def _similar_escape(pattern: str | None, escape: str | None) -> str | None:
    return None if pattern is None else similar_to_regex(pattern, escape)


_DOC = "Whether a text matches a pattern with % and _."
_DOC_NOT = "Whether a text does not match a pattern with % and _."
_DOC_CASE = "Whether a text matches a pattern, whatever the case of letters."
_DOC_CASE_NOT = "Whether a text does not match a pattern, whatever the case of letters."

FUNCTIONS: Final = (
    row("850 textlike(text, text) bool", like, _DOC, "'water', 'w%t_r' -> t", _LIKE),
    row("851 textnlike(text, text) bool", not_like, _DOC_NOT, "'water', 'w%t_r' -> f", _NOT_LIKE),
    row("1569 like(text, text) bool", like, _DOC, "'water', '%ate%' -> t", _LIKE),
    row("1570 notlike(text, text) bool", not_like, _DOC_NOT, "'water', '%ate%' -> f", _NOT_LIKE),
    row("858 namelike(name, text) bool", like, _DOC, "'water', 'w%' -> t", _LIKE),
    row("859 namenlike(name, text) bool", not_like, _DOC_NOT, "'water', 'w%' -> f", _NOT_LIKE),
    row("1571 like(name, text) bool", like, _DOC, "'water', 'w%' -> t", _LIKE),
    row("1572 notlike(name, text) bool", not_like, _DOC_NOT, "'water', 'w%' -> f", _NOT_LIKE),
    row("1631 bpcharlike(bpchar, text) bool", like, _DOC, "'water', 'w%' -> t", _LIKE),
    row("1632 bpcharnlike(bpchar, text) bool", not_like, _DOC_NOT, "'water', 'w%' -> f", _NOT_LIKE),
    row("1633 texticlike(text, text) bool", ilike, _DOC_CASE, "'Water', 'w%' -> t", _ILIKE),
    row(
        "1634 texticnlike(text, text) bool",
        not_ilike,
        _DOC_CASE_NOT,
        "'Water', 'w%' -> f",
        _NOT_ILIKE,
    ),
    row("1635 nameiclike(name, text) bool", ilike, _DOC_CASE, "'Water', 'w%' -> t", _ILIKE),
    row(
        "1636 nameicnlike(name, text) bool",
        not_ilike,
        _DOC_CASE_NOT,
        "'Water', 'w%' -> f",
        _NOT_ILIKE,
    ),
    row("1660 bpchariclike(bpchar, text) bool", ilike, _DOC_CASE, "'Water', 'w%' -> t", _ILIKE),
    row(
        "1661 bpcharicnlike(bpchar, text) bool",
        not_ilike,
        _DOC_CASE_NOT,
        "'Water', 'w%' -> f",
        _NOT_ILIKE,
    ),
    row(
        "2005 bytealike(bytea, bytea) bool", _bytes_like, "LIKE over bytes.", r"'\x6162', 'a%' -> t"
    ),
    row(
        "2006 byteanlike(bytea, bytea) bool",
        _bytes_not_like,
        "NOT LIKE over bytes.",
        r"'\x6162', 'b%' -> t",
    ),
    row("2007 like(bytea, bytea) bool", _bytes_like, "LIKE over bytes.", r"'\x6162', 'a%' -> t"),
    row(
        "2008 notlike(bytea, bytea) bool",
        _bytes_not_like,
        "NOT LIKE over bytes.",
        r"'\x6162', 'b%' -> t",
    ),
    row(
        "2009 like_escape(bytea, bytea) bytea",
        _bytes_escape,
        "A pattern of bytes with \\ as escape.",
        r"'a#%', '#' -> \x615c25",
    ),
    row(
        "1637 like_escape(text, text) text",
        like_escape,
        "A pattern with \\ as escape.",
        r"'a#%', '#' -> a\%",
    ),
    row(
        "1623 similar_escape(text, text) text lax",
        _similar_escape,
        "SIMILAR TO pattern as a regular expression.",
        "'a%|b_', '#' -> ^(?:a.*|b.)$",
    ),
    row(
        "1986 similar_to_escape(text, text) text",
        similar_to_regex,
        "SIMILAR TO pattern as a regular expression.",
        "'a%|b_', '#' -> ^(?:a.*|b.)$",
    ),
    row(
        "1987 similar_to_escape(text) text",
        lambda pattern: similar_to_regex(pattern, None),
        "SIMILAR TO pattern as a regular expression.",
        "'a%(b|c)' -> ^(?:a.*(?:b|c))$",
    ),
)
