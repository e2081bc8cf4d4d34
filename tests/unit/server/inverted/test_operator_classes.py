"""Operator classes: whatever satisfies a condition is among what its search finds, and just that if it is exact."""

import json
import random
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from server.extensions.pg_trgm import PG_TRGM
from server.functions.array import _contained, _contains, _overlaps
from server.functions.json import contains
from server.functions.pattern import ilike, like
from server.functions.regex import _matches_in_any_case
from server.functions.regex import matches as matches_regex
from server.inverted.arrays import Arrays
from server.inverted.documents import Documents
from server.inverted.entry_keys import VALUE_BYTES_MAX
from server.inverted.json_values import JsonParts, JsonWays
from server.inverted.operator_classes import gin_class_of
from server.inverted.row_sets import answered, is_bounded, possible
from server.inverted.trigrams import Trigrams
from server.settings import SETTINGS
from server.text_search.matching import matches
from server.types.array import make_array
from server.types.jsonb import Jsonb, parse_jsonb
from server.types.registry import TYPE_BY_OID
from server.types.tsquery import parse_tsquery
from server.types.tsvector import parse_tsvector
from server.types.type import PLAIN_STYLE


class Reader:
    """Entries out of sets."""

    def __init__(self, entries):
        self.entries = entries

    def ids(self, prefix, most):
        found = [row for key in self.entries if key.startswith(prefix) for row in self.entries[key]]
        return np.array(found[:most], np.int64)

    def having(self, key, ids):
        return np.array([row in self.entries[key] for row in ids.tolist()], np.bool_)


USUAL = SimpleNamespace(
    execution=SimpleNamespace(
        session=SimpleNamespace(settings={s.name: s.default for s in SETTINGS if "." in s.name})
    )
)
"""A call of a function in a session whose settings are the usual ones."""
LONG = "l" * VALUE_BYTES_MAX


def found_by(extraction, values, strategy, asked):
    """The numbers of the values that a search finds, and whether it is exact; None: all of them."""
    search = extraction.search(strategy, asked)
    entries = {}
    for number, value in enumerate(values):
        keys = extraction.keys(value)
        for key in keys:
            entries.setdefault(key, set()).add(number)
    ordered = sorted(entries)
    assert not any(b.startswith(a) for a, b in pairwise(ordered))

    rows = (answered if search.exact else possible)(search.node, Reader(entries))
    if rows is None:
        return set(range(len(values))), False
    return set(rows.tolist()), search.exact


def check(extraction, values, strategy, asked, holds):
    found, is_exact = found_by(extraction, values, strategy, asked)
    wanted = {number for number, value in enumerate(values) if holds(value, asked)}
    assert wanted <= found
    assert not is_exact or found == wanted


WORDS = ["a", "ab", "abc", "b", "a b", "\u00e9", LONG + "x", LONG + "y", LONG]


def random_vector(chance):
    words = chance.sample(WORDS, chance.randrange(5))
    return parse_tsvector(
        " ".join(f"'{w}':{chance.randrange(1, 9)}{chance.choice('ABCD')}" for w in words),
        -1,
        PLAIN_STYLE,
    )


def random_query(chance, depth=3):
    kind = chance.choice(("word", "&", "|", "!", "<->")) if depth else "word"
    if kind == "word":
        suffix = chance.choice(("", "", "", ":*", ":A", ":*B"))
        return f"'{chance.choice(WORDS)}'{suffix}"
    if kind == "!":
        return f"!({random_query(chance, depth - 1)})"
    return f"({random_query(chance, depth - 1)} {kind} {random_query(chance, depth - 1)})"


@pytest.mark.parametrize("seed", range(150))
def test_documents(seed):
    chance = random.Random(seed)
    vectors = [random_vector(chance) for _ in range(25)]
    query = parse_tsquery(random_query(chance), -1, PLAIN_STYLE)
    check(Documents(), vectors, "match", query, matches)


def test_which_queries_are_exact():
    def exact(text):
        return Documents().search("match", parse_tsquery(text, -1, PLAIN_STYLE)).exact

    assert exact("a & !b | c:*")
    assert not any(map(exact, ("a:B", "a <-> b", LONG)))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("items", [(1, 2, 3, None), ("a", "", LONG + "x", LONG + "y", None)])
def test_arrays(seed, items):
    chance = random.Random(seed)
    element = TYPE_BY_OID[23 if items[0] == 1 else 25]
    arrays = [
        make_array(element.oid, tuple(chance.choices(items, k=chance.randrange(4))))
        for _ in range(25)
    ]
    asked = make_array(element.oid, tuple(chance.choices(items, k=chance.randrange(3))))
    extraction = Arrays(element)
    for strategy, holds in (
        ("contains", _contains),
        ("contained", _contained),
        ("overlaps", _overlaps),
        ("equals", lambda left, right: left.items == right.items),
    ):
        check(extraction, arrays, strategy, asked, holds)


def random_json(chance, depth=3):
    kind = chance.choice(("scalar", "list", "dict", "dict")) if depth else "scalar"
    if kind == "list":
        return [random_json(chance, depth - 1) for _ in range(chance.randrange(3))]
    if kind == "dict":
        names = chance.sample(("a", "b", "c", "x"), chance.randrange(3))
        return {name: random_json(chance, depth - 1) for name in names}
    return chance.choice(("a", "x", LONG + "1", LONG + "2", None, True, False, 1, 0, 2.5))


def as_jsonb(value):
    return parse_jsonb(json.dumps(value), -1, PLAIN_STYLE)


@pytest.mark.parametrize("seed", range(120))
@pytest.mark.parametrize("extraction", [JsonParts(), JsonWays()])
def test_json_contains(seed, extraction):
    chance = random.Random(seed)
    values = [as_jsonb(random_json(chance)) for _ in range(30)]
    check(extraction, values, "contains", as_jsonb(random_json(chance, 2)), contains)


def test_equal_numbers_have_one_key():
    keys = [JsonParts().keys(parse_jsonb(text, -1, PLAIN_STYLE)) for text in ("1.0", "1", "100e-2")]
    assert keys[0] == keys[1] == keys[2]
    assert keys[0] != JsonParts().keys(Jsonb(True))


LETTERS = "abAB \u03a3\u03c2\u03c3\u0130\u00df-_1"
TEXTS = ("ab ab", "aba-bab1", "\u0391\u03a3\u0391 a\u03a3", "abba baab", "a", "", "AB_ba")


def random_pattern(chance, wild):
    return "".join(chance.choice((*LETTERS, *wild)) for _ in range(chance.randrange(9)))


@pytest.mark.parametrize("seed", range(100))
def test_texts_like_patterns(seed):
    chance = random.Random(seed)
    texts = [random_pattern(chance, "") for _ in range(40)]
    texts += [text * 2 for text in TEXTS]
    pattern = random_pattern(chance, "%%%_").replace("_", chance.choice("_a"))
    part = chance.choice(texts)
    for asked in (pattern, f"%{part[1:6]}%", f"{part[:4]}%", f"%{part[3:]}", part):
        check(Trigrams(), texts, "like", asked, like)
        check(Trigrams(), texts, "like", asked, ilike)


@pytest.mark.parametrize("seed", range(50))
def test_texts_that_match(seed):
    chance = random.Random(seed)
    texts = [random_pattern(chance, "") for _ in range(40)]
    texts += [text * 2 for text in TEXTS]
    for _ in range(2):
        ends = chance.choice(("", "^", r"\m")), chance.choice(("", "", "$"))
        pattern = f"{ends[0]}{random_regex(chance, 3)}{ends[1]}"
        check(Trigrams(), texts, "matches", pattern, matches_regex)
        check(Trigrams(), texts, "matches in any case", pattern, _matches_in_any_case)


def random_regex(chance, depth):
    if not depth:
        known = "".join(chance.choice("abAB 1") for _ in range(chance.randrange(1, 4)))
        return chance.choice((known, known, known, ".", "[aB]", "[Aa]", r"\w"))
    first, second = (random_regex(chance, depth - 1) for _ in range(2))
    shapes = ("{}{}", "{}{}", "({}|{})", "({}){{2}}{}", "({})?{}", "({})*{}", "({})+{}", "(?={}){}")
    return chance.choice(shapes).format(first, second)


@pytest.mark.parametrize("seed", range(60))
def test_similar_texts(seed):
    chance = random.Random(seed)
    words = ("quick", "quack", "brown", "br", "fox", "\u03a3\u03c3\u03a3", "x")
    texts = [" ".join(chance.choices(words, k=chance.randrange(5))) for _ in range(40)]
    asked = " ".join(chance.choices(words, k=chance.randrange(4)))
    functions = PG_TRGM.functions
    for strategy, name in (
        ("similar", "is_similar"),
        ("similar word", "has_word"),
        ("similar strict word", "has_strict_word"),
    ):
        check(Trigrams(), texts, strategy, asked, partial(functions[name], USUAL))


def test_what_a_pattern_asks_for():
    def count(pattern):
        return len(Trigrams().search("like", pattern).node.parts)

    assert [count(each) for each in ("%abcd%", "abcd%", "abcd", "%a%", "%ab_cd%")] == [
        2,
        4,
        5,
        0,
        0,
    ]
    assert not is_bounded(Trigrams().search("matches", "a.*|foo").node)
    assert is_bounded(Trigrams().search("matches", "bar|foo").node)


def test_classes_by_name_and_type():
    integers, documents = TYPE_BY_OID[1007], TYPE_BY_OID[3802]
    assert gin_class_of(integers, "").name == "array_ops"
    assert gin_class_of(documents, "").name == "jsonb_ops"
    assert gin_class_of(documents, "jsonb_path_ops").name == "jsonb_path_ops"
    assert gin_class_of(documents, "array_ops") is None
    assert gin_class_of(TYPE_BY_OID[25], "") is None


def stored_keys(extraction, kind, value):
    stored = kind.store_value(value, -1) if kind.store_value else value
    return {extraction.item_key(item) for item in extraction.stored_items(stored)}


@pytest.mark.parametrize(
    ("oid", "items"),
    [
        (23, [1, -7, 1, 2**31 - 1]),
        (23, [1, None, 5]),
        (20, [None]),
        (25, ["a", "", None, "x" * (VALUE_BYTES_MAX + 5), "a\tb"]),
        (701, [0.0, -0.0, float("nan")]),
        (23, []),
    ],
)
def test_stored_elements_have_the_keys_of_the_values(oid, items):
    kind = TYPE_BY_OID[TYPE_BY_OID[oid].array_oid]
    extraction = Arrays(TYPE_BY_OID[oid])
    value = make_array(oid, items)
    assert stored_keys(extraction, kind, value) == extraction.keys(value)


@pytest.mark.parametrize("text", ["", "cat", "cat:3A,7 dog 'a b':1,2,3", "ö:5 " + "x" * 130])
def test_stored_words_have_the_keys_of_the_vector(text):
    value = parse_tsvector(text, -1, PLAIN_STYLE)
    assert stored_keys(Documents(), TYPE_BY_OID[3614], value) == Documents().keys(value)
