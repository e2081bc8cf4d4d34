"""Regular expressions: what matches, what groups hold, what is refused, and how long it may take."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from server.errors import SqlError
from server.functions.regex import FUNCTIONS, plain_pieces
from server.functions.regex_search import SHORT_TEXT, compile_regex
from server.vector.rows import column_of, constant_column, values_of
from server.vector.texts import text_column

FOUND = [
    ("xyz", ".|...", "", ("xyz",)),
    ("llmmmfff", "^(l*)(.*?)(f*)$", "", ("ll", "mmm", "fff")),
    ("llmmmfff", "^(l*){1,1}?(.*)(f*)$", "", ("", "llmmmfff", "")),
    ("llmmmfff", "^(l*){1,1}?(.*){1,1}?(f*)$", "", ("", "llmmm", "fff")),
    ("llmmmfff", "^(l*?){1,1}(.*)(f*)$", "", ("ll", "mmmfff", "")),
    ("foobarbequebaz", "(bar)(beque)", "", ("bar", "beque")),
    ("abc abc", r"(\w+) \1", "", ("abc",)),
    ("abab", "(ab)+", "", ("ab",)),
    ("xby", "x(a)?b(y)", "", (None, "y")),
    ("Straße", "STRA(.)E", "i", ("ß",)),
    ("a\nb", "^b$", "n", ("b",)),
    ("foobar", "foo(?=bar)", "", ("foo",)),
    ("foobar", "(?<=foo)bar", "", ("bar",)),
    ("a.b", "a.b", "q", ("a.b",)),
    ("word one", r"\mo\w*\M", "", ("one",)),
    ("aab", r"\(a*\)b", "b", ("aa",)),
    ("a b", "a   b # comment", "x", None),
    ("ab", "a   b # comment", "x", ("ab",)),
    ("x]", "[]a]", "", ("]",)),
    ("é", r"[\w]", "", ("é",)),
    ("ac", "ab{0}c", "", ("ac",)),
    ("a{b", "a{b", "", ("a{b",)),
    ("\x0btab", r"[[.vertical-tab.]]t", "", ("\x0bt",)),
]
REFUSED = [
    ("a**", "quantifier operand invalid"),
    ("(a", "parentheses () not balanced"),
    ("a)", "parentheses () not balanced"),
    ("[a", "brackets [] not balanced"),
    ("[[:foo:]]", "invalid character class"),
    ("[b-a]", "invalid character range"),
    ("a{3,2}", "invalid repetition count(s)"),
    ("a{256}", "invalid repetition count(s)"),
    (r"\q", r"invalid escape \ sequence"),
    (r"(a)\2", "invalid backreference number"),
    (r"x(\w)(?=\1)", "invalid backreference number"),
    (r"\x7fffffff", r"invalid escape \ sequence"),
    ("(?z)a", "invalid embedded option"),
    ("x*y*z*" * 1000, "regular expression is too complex"),
]


@pytest.mark.parametrize(("text", "pattern", "flags", "groups"), FOUND)
def test_the_match_is_postgresqls(text, pattern, flags, groups):
    regex = compile_regex(pattern, flags)
    match = regex.search(text)
    found = None if match is None else match.groups() or (match[0],)
    assert found == groups
    assert regex.test(text) == (groups is not None)


@pytest.mark.parametrize(("pattern", "reason"), REFUSED)
def test_what_is_wrong_is_said(pattern, reason):
    with pytest.raises(SqlError, match="invalid regular expression") as caught:
        compile_regex(pattern)
    assert str(caught.value).endswith(reason)


@pytest.mark.parametrize("pattern", ["a+b", "(x|y)+z", "[ab]*c", r"\d+-\d+", "a?ab?"])
def test_long_texts_give_what_short_ones_give(pattern):
    pieces = ["aab", "xyxz", "ababc", "12-34", "zz"]
    long_text = "-".join(pieces * 40)
    assert len(long_text) > SHORT_TEXT
    regex = compile_regex(pattern)
    found = [match[0] for match in regex.finditer(long_text)]
    once = [match[0] for match in regex.finditer("-".join(pieces) + "-")]
    assert found[: len(once)] == once
    assert len(found) == len(once) * 40


def test_repetitions_of_repetitions_take_no_time():
    started = time.perf_counter()
    assert not compile_regex("^(a+)+$").test("a" * 2000 + "b")
    assert compile_regex("(a*)*c").search("a" * 1000 + "b") is None
    assert time.perf_counter() - started < 0.5


def test_a_search_can_be_stopped():
    calls = []

    def check():
        calls.append(1)
        if len(calls) > 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        compile_regex(r"(.+)(.+)\1\2").search("".join(map(chr, range(0x4E00, 0x4E40))), 0, check)


WORDS = ["", "ab", "xaby", "a\nb", "b", "aab", "AB", "äb", "a.*b", "ba", None, "aXbXa"]
PLAIN = [
    "",
    "a",
    "^a",
    "b$",
    "^ab$",
    "a.*b",
    "^a.*b$",
    "a.*",
    ".*b",
    "^.*$",
    "^",
    "$",
    "^$",
    "ä",
    "a.*X.*a",
    "b.*.*a",
]
OTHERS = ["a.b", "^(a|b)", "[ab]b$", r"a\.", "a+", "(?i)ab", "***=a.*b", "b{1}"]


@pytest.mark.parametrize("pattern", PLAIN + OTHERS)
@pytest.mark.parametrize("repeated", [1, 40])
def test_expressions_over_stored_texts_are_those_of_each(pattern, repeated):
    assert (plain_pieces(pattern) is not None) == (pattern in PLAIN)
    words = WORDS * repeated
    texts = text_column(column_of(words, np.dtype(object)))
    patterns = constant_column(pattern, np.dtype(object), len(words))
    regex = compile_regex(pattern)
    kernels = {each.oid: each.kernel for each in FUNCTIONS}
    for kernel, is_wanted in ((kernels[1254], True), (kernels[1256], False)):
        found = values_of(kernel(SimpleNamespace(), texts, patterns, count=len(words)))
        assert found == [None if word is None else regex.test(word) == is_wanted for word in words]
