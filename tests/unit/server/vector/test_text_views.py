"""Texts behind views: what is computed where they lie, compiled and as specified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.vector import native, text_views
from server.vector.column import Column
from server.vector.rows import objects, values_of
from server.vector.texts import TextColumn, TextNumbers, concatenated, text_column

FUNCTIONS = [native, text_views]
COUNTS = [0, 1, 65_535, 65_536, 65_537]
WORDS = [
    "",
    "a",
    "seven77",
    "eight888",
    "twelve bytes",
    "thirteen byte",
    "ends with blanks   ",
    "a special wish of many requests",
    "special",
    "requests before special",
    "Grüße aus Köln, ähm",
    "日本語のテキスト",
    "x" * 300,
    "x" * 299 + "y",
]


def stored(texts: list[str]) -> tuple[Any, Any]:
    return text_views.views_of([text.encode() for text in texts])


def repeated(count: int) -> list[str]:
    return [WORDS[n * n % len(WORDS)] for n in range(count)]


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize(
    "pieces",
    [
        ["special"],
        ["", "special", ""],
        ["", "special", "requests", ""],
        ["a", ""],
        ["", "s"],
        ["x", "y"],
        ["special", "special"],
        ["", "", ""],
        ["", "Köln", ""],
        ["", "before special"],
        ["", "th many requests and more", ""],
        [""],
    ],
)
def test_like(functions: Any, pieces: list[str]):
    from server.functions.pattern import compile_like

    found = functions.like_views(*stored(WORDS), [piece.encode() for piece in pieces])
    assert found.dtype == np.bool_
    assert found.tolist() == [compile_like("%".join(pieces))(word) for word in WORDS]


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize(
    "pieces", [["", "special", ""], ["a", ""], [""], ["", "", ""], ["", "Köln", ""]]
)
def test_like_with_capitals_as_small_letters(functions: Any, pieces: list[str]):
    words = [word.upper() for word in WORDS] + WORDS + ["@[`{A-Z", "aSPECIALa", "\u212aelvin"]
    words += ["sPEC\u0130AL", "ЗАГОЛОВОК speCIAL", "\u2122 Ā a SPECIAL ĸ", "A\u212a", "ā"]
    found, strange = functions.folded_like_views(
        *stored(words), [piece.encode() for piece in pieces]
    )
    if all(piece.isascii() for piece in pieces):
        wanted = ["\u212a" in word or "\u0130" in word for word in words]
    else:
        wanted = [not word.isascii() for word in words]
    assert strange.tolist() == wanted
    plain = np.flatnonzero(~strange).tolist()
    like = [
        functions.like_views(*stored([words[row].lower()]), [p.encode() for p in pieces])[0]
        for row in plain
    ]
    assert found[plain].tolist() == like


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize(
    "part", ["", "s", "special", "Köln", "m", "ト", "x" * 300, "xy", "nowhere at all"]
)
def test_positions_of_a_part_are_those_of_characters(functions: Any, part: str):
    found = functions.part_positions(*stored(WORDS), part.encode())
    assert found.dtype == np.int32
    assert found.tolist() == [word.find(part) + 1 for word in WORDS]


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize("blank", [False, True])
def test_equal_to_one_of_some_words(functions: Any, blank: bool):
    wanted = ["", "eight888", "ends with blanks", "x" * 300, "Grüße aus Köln, ähm", "seven7"]
    found = functions.views_among(*stored(WORDS), [word.encode() for word in wanted], blank)
    expected = [(word.rstrip(" ") if blank else word) in wanted for word in WORDS]
    assert found.tolist() == expected
    many = [
        word.encode() for word in (*wanted, *map(str, range(1000)), *("x" * n for n in range(40)))
    ]
    assert functions.views_among(*stored(WORDS), many, blank).tolist() == expected
    assert not functions.views_among(*stored(WORDS), [], blank).any()


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize("blank", [False, True])
@pytest.mark.parametrize("word", ["", "eight888", "ends with blanks", "x" * 300, "Z", "日"])
def test_order(functions: Any, blank: bool, word: str):
    texts = [text.rstrip(" ") if blank else text for text in WORDS]
    signs = functions.compare_views(*stored(WORDS), word.encode(), blank)
    assert signs.tolist() == [(text > word) - (text < word) for text in texts]


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize(
    ("start", "count"), [(0, 2), (1, 1000), (5, 0), (3, 12), (0, 13), (400, 2)]
)
def test_parts(functions: Any, start: int, count: int):
    store, views = stored(WORDS)
    made = functions.sliced_views(store, views, start, count)
    parts = [text.decode() for text in text_views.texts_of(store, made)]
    assert parts == [word[start : start + count] for word in WORDS]


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_characters(functions: Any):
    assert functions.character_counts(*stored(WORDS)).tolist() == [len(word) for word in WORDS]


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_without_blanks_at_the_end(functions: Any):
    words = [*WORDS, "    ", "eleven     ", "thirteen by   ", "over thirteen  "]
    store, views = stored(words)
    made = [
        text.decode() for text in text_views.texts_of(store, functions.stripped_views(store, views))
    ]
    assert made == [word.rstrip(" ") for word in words]


@pytest.mark.parametrize("count", COUNTS)
def test_both_are_equal_over_many_rows(count: int):
    store, views = stored(repeated(count))
    for name, arguments in (
        ("like_views", ([b"", b"special", b""],)),
        ("views_among", ([b"a", b"x" * 300], False)),
        ("compare_views", (b"seven77", True)),
        ("sliced_views", (1, 14)),
        ("folded_like_views", ([b"", b"special", b""],)),
        ("part_positions", (b"ecia",)),
        ("character_counts", ()),
        ("stripped_views", ()),
    ):
        compiled = getattr(native, name)(store, views, *arguments)
        assert np.array_equal(compiled, getattr(text_views, name)(store, views, *arguments)), name


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("blank", [False, True])
def test_numbers_of_texts(functions: Any, count: int, blank: bool):
    table = functions.TextCodes(blank)
    texts = repeated(count)
    valid = np.arange(count) % 5 != 1
    codes = table.add(*stored(texts), valid)
    seen: dict[str, int] = {}
    for row, text in enumerate(texts):
        key = text.rstrip(" ") if blank else text
        assert codes[row] == (seen.setdefault(key, len(seen)) if valid[row] else -1)
    assert len(table) == len(seen)
    assert table.reserve() == len(seen)
    fresh = stored([*texts[:50], "never added"])
    found = table.find(*fresh, None)
    assert found.tolist()[-1] == -1
    keys = [text.rstrip(" ") if blank else text for text in texts[:50]]
    assert found.tolist()[:-1] == [seen.get(key, -1) for key in keys]


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_many_distinct_texts_have_numbers(functions: Any):
    texts = [f"customer number {n} of many" if n % 2 else str(n) for n in range(20_000)]
    table = functions.TextCodes(False)
    assert np.array_equal(table.add(*stored(texts), None), np.arange(20_000))
    assert np.array_equal(table.add(*stored(texts[::-1]), None), np.arange(20_000)[::-1])


def column(texts: list[str | None]) -> TextColumn:
    valid = np.array([text is not None for text in texts])
    return TextColumn(*stored([text or "" for text in texts]), None if valid.all() else valid)


def test_a_text_column_is_a_column():
    texts = column(["a", None, "thirteen byte", "日本語のテキスト"])
    assert values_of(texts) == ["a", None, "thirteen byte", "日本語のテキスト"]
    assert values_of(texts.take(np.array([3, -1, 1, 0]))) == ["日本語のテキスト", None, None, "a"]
    assert values_of(texts.slice(2, 4)) == ["thirteen byte", "日本語のテキスト"]
    assert values_of(texts.slice(1, 4).take(np.array([1]))) == ["thirteen byte"]
    assert values_of(column([]).take(np.array([-1, -1]))) == [None, None]
    both = concatenated([texts, texts.slice(0, 1)], None)
    assert both is not None
    assert len(both) == 5
    gathered = concatenated([texts, column(["too long for a view"])], None)
    assert gathered is not None
    assert values_of(gathered)[-2:] == ["日本語のテキスト", "too long for a view"]


def test_words_are_concatenated_with_texts_of_any_store():
    texts = column(["thirteen byte", "b"])
    coded = Column(np.array([1, 0], np.int32), None, None, Column(objects(["x", "y"])))
    both = concatenated([coded, texts], None)
    assert both is not None
    assert values_of(both) == ["y", "x", "thirteen byte", "b"]
    longer = Column(np.zeros(1, np.int32), None, None, Column(objects(["longer than a view"])))
    both = concatenated([texts, longer], None)
    assert both is not None
    assert values_of(both) == ["thirteen byte", "b", "longer than a view"]


def test_numbers_of_columns_in_every_form():
    numbers = TextNumbers(blank=False)
    assert numbers.add(column(["a", None, "b"])).tolist() == [0, -1, 1]
    words = Column(objects(["b", "c", "unused", "a"]))
    codes = np.array([3, 1, 0, 0], np.int32)
    coded = Column(codes, np.array([True, True, True, False]), None, words)
    assert numbers.add(coded).tolist() == [0, 2, 1, -1]
    assert numbers.find(Column(objects(["c", "unused"]))).tolist() == [2, -1]
    assert len(numbers) == 3
    assert values_of(text_column(coded)) == ["a", "c", "b", None]


@pytest.mark.parametrize("functions", FUNCTIONS)
@pytest.mark.parametrize("count", COUNTS[:3])
def test_equal_texts_have_equal_hashes(functions: Any, count: int):
    store, views = stored(repeated(count))
    other_store, other_views = stored(WORDS[::-1])
    hashes = functions.text_hashes(store, views).tolist()
    known = dict(
        zip(WORDS[::-1], functions.text_hashes(other_store, other_views).tolist(), strict=True)
    )
    assert hashes == [known[word] for word in repeated(count)]
    assert len(set(known.values())) == len(WORDS)


@pytest.mark.parametrize("functions", FUNCTIONS)
def test_texts_that_begin_and_end_alike_have_equal_hashes(functions: Any):
    long = [f"begin {middle} and the end" for middle in ("one", "two", "none")]
    store, views = stored([*WORDS, *long])
    found = functions.end_hashes(store, views).tolist()
    other_store, other_views = stored([*long[::-1], *WORDS[::-1]])
    assert found == functions.end_hashes(other_store, other_views).tolist()[::-1]
    assert found[-3] == found[-2] != found[-1]
    assert len(set(found)) == len(WORDS) + 2
