"""Columns of texts gone through by tables: what single searches find, compiled and as specified."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from server.functions import regex_tables
from server.functions.regex_replace import replacer
from server.functions.regex_search import compile_regex
from server.vector import matched_texts, native
from server.vector.text_views import texts_of, views_of

PATTERNS = [
    r"^https?://(?:www\.)?([^/]+)/.*$",
    "[0-9]+",
    r"@([a-z0-9]+)\.",
    "a*b|c",
    "(a+)(b*?)(c)",
    "^$",
    "x?",
    r"\m[a-z]+\M",
    "(a|ab)(c|bcd)(d*)",
    "a.*?b",
    r"\yfoo\y",
    "(.*)a",
    "([ab]{2,3})c?",
    "(?:a|b)+?(c)",
    r"\s*,\s*",
    "(?:ab|a)(?:bc)?",
    "(^|,)b",
]
WITHOUT_SEARCH = ["(a*)*b", "((a)b)", "(a)|b", r"(a)\1", "a(?=b)"]
ALPHABETS = ["abcd,. 1", "abAB/:.@ü1x\n", "foo bar"]
MATCHERS = [native.Matcher, matched_texts.Matcher]


def texts() -> list[str]:
    chance = Random(7)
    made = [
        "".join(chance.choice(alphabet) for _ in range(chance.randrange(14)))
        for alphabet in ALPHABETS
        for _ in range(40)
    ]
    return [*made, "http://www.example.org/x?q=1", "https://a/", "a" * 1100 + "b", ""]


TEXTS = texts()
STORED = views_of([text.encode() for text in TEXTS])


def is_told(text: str) -> bool:
    return text.isascii() and len(text) <= matched_texts.BYTES_MAX


@pytest.fixture(params=MATCHERS, ids=["compiled", "specified"])
def tables(request: Any, monkeypatch: Any) -> Any:
    monkeypatch.setattr(regex_tables, "Matcher", request.param)
    for kept in (regex_tables.test_matcher, regex_tables.search_matcher):
        kept.cache_clear()
    yield regex_tables
    for kept in (regex_tables.test_matcher, regex_tables.search_matcher):
        kept.cache_clear()


@pytest.mark.parametrize("flags", ["", "i", "n"])
@pytest.mark.parametrize("pattern", [*PATTERNS, *WITHOUT_SEARCH[:3]])
def test_which_have_a_match(tables: Any, pattern: str, flags: str):
    passed, strange = tables.test_matcher(pattern, flags).tests(*STORED)
    test = compile_regex(pattern, flags).test
    for text, found, left in zip(TEXTS, passed, strange, strict=True):
        assert found == test(text) if not left else not is_told(text)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_groups_of_the_first_match(tables: Any, pattern: str):
    regex = compile_regex(pattern)
    matcher = tables.search_matcher(pattern, "")
    for group in range(regex.group_count + 1):
        views, passed, strange = matcher.cut_views(*STORED, group)
        rows = zip(TEXTS, texts_of(STORED[0], views), passed, strange, strict=True)
        for text, part, found, left in rows:
            match = regex.search(text)
            if left:
                assert not is_told(text)
            else:
                assert found == (match is not None)
                assert match is None or match[group] == part.decode()


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_matches_replaced(tables: Any, pattern: str, everywhere: bool):
    group = min(compile_regex(pattern).group_count, 1)
    change = replacer(lambda: None, pattern, f"<\\&|\\{group or '&'}>", "g" * everywhere)
    parts: list[bytes | int] = [b"<", 0, b"|", group, b">"]
    store, views, strange = tables.search_matcher(pattern, "").replaced(*STORED, parts, everywhere)
    for text, made, left in zip(TEXTS, texts_of(store, views), strange, strict=True):
        assert made.decode() == change(text) if not left else not is_told(text)


@pytest.mark.parametrize("pattern", WITHOUT_SEARCH)
def test_what_has_no_tables_is_left_to_others(tables: Any, pattern: str):
    assert tables.search_matcher(pattern, "") is None
