"""Expressions left to Python's re: the same matches as the engine's own search, and no others are left to it."""

import random
import re

import pytest

from server.errors import SqlError
from server.functions.regex_python import are_words_alike
from server.functions.regex_search import Regex, Search
from server.functions.regex_sets import CLASSES

LEFT_TO_PYTHON = [
    r"^https?://(?:www\.)?([^/]+)/.*$",
    r"^(www\.)?([^.]*)\.com$",
    "(?:http|ftp)s?:",
    r"(\d+)-(\d+)",
    "a*b?c",
    "(ab?)?c",
]
NOT_LEFT = [
    "(a|ab)(c|bcd)",  # the longest branch, not the first
    "a*ab?",
    "(a)*b",  # the last round
    "(?:a?)(?:ab)?(b?)$",  # greed by items is not the longest part
    "a*?$",
    "(a*)(a*)(a*)(a*)$",  # too many ways
    "((a)b?b)$",
]


@pytest.mark.parametrize("pattern", LEFT_TO_PYTHON)
def test_expressions_whose_parse_is_clear_are_left_to_python(pattern):
    assert Regex(pattern, "").simple_search is not None


@pytest.mark.parametrize("pattern", NOT_LEFT)
def test_others_are_not(pattern):
    assert Regex(pattern, "").simple_search is None


def _pattern(choose, depth):
    """A random expression over few letters."""
    branches = ["".join(_piece(choose, depth) for _ in range(choose.randint(1, 3)))]
    if choose.random() < 0.25:
        branches.append(_piece(choose, depth))
    return "|".join(branches)


def _piece(choose, depth):
    atoms = ["a", "b", "c", "a", "b", "[ab]", "[^a]", "."]
    if depth:
        atoms += [f"({_pattern(choose, depth - 1)})", f"(?:{_pattern(choose, depth - 1)})"] * 2
    counts = ["", "", "", "?", "*", "+", "{2}", "{1,2}", "{0,3}", "*?"]
    return choose.choice(atoms) + choose.choice(counts)


@pytest.mark.parametrize("seed", range(4))
def test_python_finds_the_same_matches_and_groups(seed):
    choose, looked_at = random.Random(seed), 0
    while looked_at < 15:
        ends = choose.choice(["", "^"]), choose.choice(["", "$"])
        try:
            regex = Regex(_pattern(choose, 2).join(ends), "")
        except SqlError:
            continue
        if regex.simple_search is None:
            continue
        looked_at += 1
        for _ in range(6):
            text = "".join(choose.choice("aabbc\n") for _ in range(choose.randint(0, 9)))
            found, wanted = regex.simple_search(text, 0), Search(regex, text, None).find(0)
            spans = None if wanted is None else wanted.spans
            numbers = range(regex.group_count + 1)
            assert spans == (found and {n: found.span(n) for n in numbers if found.start(n) >= 0})


def test_words_are_left_to_python_where_both_see_the_same():
    for code in range(0x110000):
        if are_words_alike(chr(code)):
            is_word = re.fullmatch(r"\w", chr(code)) is not None
            assert CLASSES["word"](chr(code)) == is_word, hex(code)
    regex = Regex(r"\w+", "")
    assert regex.simple_search is not None
    assert [match[0] for match in regex.finditer("naïve 1½ e\u0301")] == ["naïve", "1", "e"]
