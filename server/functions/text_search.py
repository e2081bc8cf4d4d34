"""tsvector and tsquery: their parts, what is made of them, whether and how well they match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import (
    ArraySubscriptError,
    InternalError,
    InvalidParameterValue,
    NullValueNotAllowed,
    ZeroLengthCharacterString,
)
from server.functions.declare import row
from server.oids import INT2, TEXT
from server.text_search.matching import matches
from server.text_search.query_edits import joined, rewritten, without_negations, words_of
from server.text_search.ranking import DEFAULT_WEIGHTS, cover_rank, rank
from server.types.array import Array, make_array
from server.types.lexeme_reader import POSITION_MAX, WEIGHT_SHIFT
from server.types.tsquery import (
    AND,
    NOT,
    OR,
    PHRASE,
    TsQuery,
    checked_distance,
    nodes_of,
    operation,
    text_of,
)
from server.types.tsvector import (
    POSITIONS_MAX,
    Lexeme,
    TsVector,
    check_size,
    make_vector,
    position_of,
    weight_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.functions.function import Function, Row

WEIGHT_OF: Final = {"A": 3, "B": 2, "C": 1, "D": 0}
LETTERS: Final = "DCBA"
SIGNED_BYTE_MAX: Final = 127


# Vectors.


def _concatenated(left: TsVector, right: TsVector) -> TsVector:
    """The words of both, positions of the second behind those of the first."""
    last = max((position_of(p) for entry in left.lexemes for p in entry.positions), default=0)
    places = {entry.word: list(entry.positions) for entry in left.lexemes}
    for word, positions in right.lexemes:
        known = places.setdefault(word, [])
        for place in positions:
            if len(known) >= POSITIONS_MAX or (known and position_of(known[-1]) == POSITION_MAX):
                break
            moved = min(position_of(place) + last, POSITION_MAX)
            known.append(weight_of(place) << WEIGHT_SHIFT | moved)
    vector = TsVector(tuple(Lexeme(word, tuple(places[word])) for word in sorted(places)))
    check_size(vector)
    return vector


def _strip(vector: TsVector) -> TsVector:
    return TsVector(tuple(Lexeme(entry.word) for entry in vector.lexemes))


def _shown(letter: str) -> str:
    """A byte as messages have it: one beyond ASCII is part of a character."""
    return letter if letter.isascii() else "\N{REPLACEMENT CHARACTER}"


def _weight(letter: str, *, as_number: bool) -> int:
    weight = WEIGHT_OF.get(letter.upper())
    if weight is None:
        byte = (letter.encode("latin-1", "replace") or b"\0")[0]
        number = byte - 256 if byte > SIGNED_BYTE_MAX else byte
        raise InternalError(f"unrecognized weight: {number if as_number else _shown(letter)}")
    return weight


def _set_weight(vector: TsVector, letter: str, words: Array | None = None) -> TsVector:
    bits = _weight(letter, as_number=words is None) << WEIGHT_SHIFT
    chosen = None if words is None else frozenset(words.items)
    return TsVector(
        tuple(
            Lexeme(entry.word, tuple(bits | position_of(place) for place in entry.positions))
            if chosen is None or entry.word in chosen
            else entry
            for entry in vector.lexemes
        )
    )


def _delete(vector: TsVector, word: str) -> TsVector:
    return TsVector(tuple(entry for entry in vector.lexemes if entry.word != word))


def _delete_all(vector: TsVector, words: Array) -> TsVector:
    gone = frozenset(words.items)
    return TsVector(tuple(entry for entry in vector.lexemes if entry.word not in gone))


def _filter(vector: TsVector, letters: Array) -> TsVector:
    """The positions that have one of the weights, and the words that have such positions."""
    weights = set()
    for letter in letters.items:
        if letter is None:
            raise NullValueNotAllowed("weight array may not contain nulls")
        if letter.upper() not in WEIGHT_OF:
            raise InvalidParameterValue(f'unrecognized weight: "{_shown(letter)}"')
        weights.add(WEIGHT_OF[letter.upper()])
    kept = (
        Lexeme(word, tuple(place for place in positions if weight_of(place) in weights))
        for word, positions in vector.lexemes
    )
    return TsVector(tuple(entry for entry in kept if entry.positions))


def _rows(vector: TsVector) -> Iterator[tuple[str, Array | None, Array | None]]:
    for word, positions in vector.lexemes:
        if positions:
            numbers = tuple(map(position_of, positions))
            letters = tuple(LETTERS[weight_of(place)] for place in positions)
            yield word, make_array(INT2, numbers), make_array(TEXT, letters)
        else:
            yield word, None, None


def _to_array(vector: TsVector) -> Array:
    return make_array(TEXT, tuple(entry.word for entry in vector.lexemes))


def _of_array(words: Array) -> TsVector:
    for word in words.items:
        if word is None:
            raise NullValueNotAllowed("lexeme array may not contain nulls")
        if not word:
            raise ZeroLengthCharacterString("lexeme array may not contain empty strings")
    return make_vector((word, ()) for word in words.items)


# Queries.


def _tree_text(query: TsQuery) -> str:
    if query.root is None:
        return ""
    kept = without_negations(query.root)
    return "T" if kept is None else text_of(kept)


def _negate(query: TsQuery) -> TsQuery:
    return query if query.root is None else TsQuery(operation(NOT, query.root))


def _phrase(left: TsQuery, right: TsQuery, distance: int = 1) -> TsQuery:
    return joined(PHRASE, left, right, checked_distance(distance))


def _rewrite(query: TsQuery, target: TsQuery, substitute: TsQuery) -> TsQuery:
    return rewritten(query, [(target, substitute)])


# Ranks.


def _weights(given: Array) -> tuple[float, ...]:
    """The weights of D, C, B and A; negative ones are the defaults."""
    if len(given.dimensions) != 1:
        raise ArraySubscriptError("array of weight must be one-dimensional")
    if len(given.items) < len(DEFAULT_WEIGHTS):
        raise ArraySubscriptError("array of weight is too short")
    if None in given.items:
        raise NullValueNotAllowed("array of weight must not contain nulls")
    weights = tuple(
        weight if weight >= 0 else default
        for weight, default in zip(given.items, DEFAULT_WEIGHTS, strict=False)
    )
    if max(weights) > 1.0:
        raise InvalidParameterValue("weight out of range")
    return weights


def _ranks(
    name: str, first_oid: int, compute: Callable[..., float], doc: str, answer: str
) -> tuple[Function, ...]:
    """The four forms of a ranking function."""

    def weighted(given: Array, vector: TsVector, query: TsQuery, method: int = 0) -> float:
        return float(compute(vector, query, method, _weights(given)))

    def plain(vector: TsVector, query: TsQuery, method: int = 0) -> float:
        return float(compute(vector, query, method))

    forms: tuple[tuple[Row, str, str], ...] = (
        (weighted, "_float4, tsvector, tsquery, int4", ""),
        (weighted, "_float4, tsvector, tsquery", ""),
        (plain, "tsvector, tsquery, int4", ""),
        (plain, "tsvector, tsquery", f"'a:1 b:2 c:4', 'a & c' -> {answer}"),
    )
    return tuple(
        row(f"{first_oid + number} {name}({arguments}) float4", implementation, doc, example)
        for number, (implementation, arguments, example) in enumerate(forms)
    )


_SAMPLE: Final = "'cat:3A rat:2 sat:1'"
FUNCTIONS: Final = (
    row(
        "3625 tsvector_concat(tsvector, tsvector) tsvector",
        _concatenated,
        "Both documents, the second behind the first.",
        "'a:1 b:2', 'b:1' -> 'a':1 'b':2,3",
    ),
    row("3623 strip(tsvector) tsvector", _strip, "Words alone.", f"{_SAMPLE} -> 'cat' 'rat' 'sat'"),
    row(
        "3711 length(tsvector) int4",
        lambda vector: len(vector.lexemes),
        "How many words there are.",
        f"{_SAMPLE} -> 3",
    ),
    row(
        "3624 setweight(tsvector, char) tsvector",
        _set_weight,
        "Gives all positions a weight.",
        "'a:1 b:2,3B', 'C' -> 'a':1C 'b':2C,3C",
    ),
    row(
        "3320 setweight(tsvector, char, _text) tsvector",
        _set_weight,
        "Gives the positions of some words a weight.",
        "'a:1 b:2', 'C', '{b}'::text[] -> 'a':1 'b':2C",
    ),
    row(
        "3321 ts_delete(tsvector, text) tsvector",
        _delete,
        "The document without a word.",
        "'a:1 b:2', 'a' -> 'b':2",
    ),
    row(
        "3323 ts_delete(tsvector, _text) tsvector",
        _delete_all,
        "The document without some words.",
        "'a:1 b:2', '{a,c}'::text[] -> 'b':2",
    ),
    row(
        "3319 ts_filter(tsvector, _char) tsvector",
        _filter,
        "The positions with one of the weights.",
    ),
    row(
        "3322 unnest(tsvector tsvector) record(lexeme text, positions _int2, weights _text) set",
        _rows,
        "A row a word.",
    ),
    row(
        "3326 tsvector_to_array(tsvector) _text",
        _to_array,
        "The words as an array.",
        f"{_SAMPLE} -> {{cat,rat,sat}}",
    ),
    row(
        "3327 array_to_tsvector(_text) tsvector",
        _of_array,
        "A document of the words, without positions.",
        "'{b,a,b}'::text[] -> 'a' 'b'",
    ),
    row(
        "3634 ts_match_vq(tsvector, tsquery) bool",
        matches,
        "Whether the document has what the query asks for.",
        "'a:1 b:2', 'a <-> b' -> t",
    ),
    row(
        "3635 ts_match_qv(tsquery, tsvector) bool",
        lambda query, vector: matches(vector, query),
        "Whether the document has what the query asks for.",
        "'a & !c', 'a:1 b:2' -> t",
    ),
    row(
        "3672 numnode(tsquery) int4",
        lambda query: sum(1 for _ in nodes_of(query.root)),
        "How many words and operators there are.",
        "'a & !b' -> 4",
    ),
    row(
        "3673 querytree(tsquery) text",
        _tree_text,
        "What an index can look for.",
        "'a & !b' -> 'a'",
    ),
    row(
        "3669 tsquery_and(tsquery, tsquery) tsquery",
        lambda left, right: joined(AND, left, right),
        "Both queries.",
        "'a', 'b | c' -> 'a' & ( 'b' | 'c' )",
    ),
    row(
        "3670 tsquery_or(tsquery, tsquery) tsquery",
        lambda left, right: joined(OR, left, right),
        "Either query.",
        "'a', 'b & c' -> 'a' | 'b' & 'c'",
    ),
    row("3671 tsquery_not(tsquery) tsquery", _negate, "The opposite.", "'a & b' -> !( 'a' & 'b' )"),
    row(
        "5003 tsquery_phrase(tsquery, tsquery) tsquery",
        _phrase,
        "The first followed by the second.",
        "'a', 'b' -> 'a' <-> 'b'",
    ),
    row(
        "5004 tsquery_phrase(tsquery, tsquery, int4) tsquery",
        _phrase,
        "The first followed by the second, at a distance.",
        "'a', 'b', 3 -> 'a' <3> 'b'",
    ),
    row(
        "3684 ts_rewrite(tsquery, tsquery, tsquery) tsquery",
        _rewrite,
        "The query with one part put for another.",
        "'a & b', 'a', 'c | d' -> 'b' & ( 'c' | 'd' )",
    ),
    row(
        "3691 tsq_mcontains(tsquery, tsquery) bool",
        lambda left, right: words_of(left) >= words_of(right),
        "Whether the first has all words of the second.",
        "'a & b', 'b' -> t",
    ),
    row(
        "3692 tsq_mcontained(tsquery, tsquery) bool",
        lambda left, right: words_of(left) <= words_of(right),
        "Whether the second has all words of the first.",
        "'b', 'a & b' -> t",
    ),
    *_ranks("ts_rank", 3703, rank, "How well words match.", "0.09735848"),
    *_ranks("ts_rank_cd", 3707, cover_rank, "How near matching words lie.", "0.033333335"),
)
