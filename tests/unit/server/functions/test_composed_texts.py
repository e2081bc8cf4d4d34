"""Kernels of functions that put texts together, against the same functions row by row; and their compiled twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.functions import composed_texts
from server.functions import text_operations as rows
from server.functions.text_kernels import INTEGERS
from server.types.letters import initial_capitals
from server.vector import letter_texts, native
from server.vector.column import Column
from server.vector.rows import constant_column, objects
from server.vector.text_views import texts_of, views_of
from server.vector.texts import TextColumn

WORDS = [
    "", "a", "x y", "twelve bytes", "thirteen byte", "MIXED case wORDS 1st 2nd", "it's", "back\\slash",
    "Grüße aus Köln", "日本語のテキスト", "ärger", "abcabc-abc", "\x7f", "'", "0a1B",
]  # fmt: skip
TWINS = [native, letter_texts]
PADDED = [
    (5,),
    (0,),
    (-3,),
    (20, "xy"),
    (9, ""),
    (7, "é"),
    (composed_texts.PADDED_CHARACTERS_MAX + 1,),
]
LISTED: list[tuple[Any, Any, list[tuple[Any, ...]]]] = [
    (composed_texts.LPAD, rows._lpad, PADDED),
    (composed_texts.RPAD, rows._rpad, PADDED),
    (composed_texts.REPEAT, rows._repeat, [(-1,), (0,), (1,), (3,), (64,), (65,)]),
    (composed_texts.OVERLAY, rows._overlay, [("new", 1), ("é", 3), ("", 2, 4), ("x", 2, -1), ("x", 9, 0)]),
    (
        composed_texts.TRANSLATE,
        rows._translate,
        [("abc", "xyz"), ("abc", "x"), ("", "x"), ("aa", "xy"), ("ü", "u"), ("a", "ä")],
    ),
    (composed_texts.INITCAP, initial_capitals, [()]),
    (composed_texts.QUOTE_LITERAL, rows.quoted_literal, [()]),
    (
        composed_texts.STARTS_WITH,
        rows._starts_with,
        [("",), ("a",), ("twelve bytes",), ("Grü",), ("日本",), ("x y z",)],
    ),
    (composed_texts.FIRST_CODE, rows._ascii, [()]),
    (composed_texts.OCTETS, rows._octets, [()]),
    (composed_texts.BITS, rows._bits, [()]),
]  # fmt: skip
CASES = [(kernel, row, given) for kernel, row, listed in LISTED for given in listed]


def stored(count: int, *, nulls: bool) -> TextColumn:
    words = [WORDS[row % len(WORDS)] for row in range(count)]
    valid = np.arange(count) % 3 > 0 if nulls else None
    return TextColumn(*views_of([word.encode() for word in words]), valid)


def constant(value: Any, count: int) -> Column:
    return constant_column(value, INTEGERS if isinstance(value, int) else np.dtype(object), count)


def shown(column: Column) -> list[Any]:
    return [
        value if there else None
        for value, there in zip(column.values.tolist(), column.validity().tolist(), strict=True)
    ]


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize(("kernel", "row", "given"), CASES)
def test_texts_of_a_store_are_made_as_single_ones_are(
    kernel: Any, row: Any, given: tuple[Any, ...], nulls: bool
):
    for count in (0, 1, len(WORDS), 4 * len(WORDS)):
        texts = stored(count, nulls=nulls)
        made = kernel(None, texts, *[constant(value, count) for value in given], count=count)
        assert shown(made) == [None if text is None else row(text, *given) for text in shown(texts)]


def test_what_cannot_be_made_is_refused_as_row_by_row():
    texts = stored(4, nulls=False)
    with pytest.raises(rows.SubstringError, match="negative substring length"):
        composed_texts.OVERLAY(None, texts, constant("x", 4), constant(0, 4), count=4)
    with pytest.raises(rows.ProgramLimitExceeded, match="requested length too large"):
        composed_texts.LPAD(None, texts, constant(rows.BYTES_MAX + 1, 4), count=4)


@pytest.mark.parametrize("functions", TWINS)
@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 65_537])
def test_letters(functions: Any, count: int):
    texts = stored(count, nulls=False)
    table = np.arange(256, dtype=np.int16)
    table[ord("a")], table[ord("b")] = ord("z"), -1
    made = texts_of(*functions.translated_texts(texts.store, texts.views, table))
    given = list(texts_of(texts.store, texts.views))
    assert list(made) == [text.replace(b"a", b"z").replace(b"b", b"") for text in given]
    store, views, strange = functions.capitalized_texts(texts.store, texts.views)
    assert strange.tolist() == [not text.isascii() for text in given]
    for text, capital, is_strange in zip(given, texts_of(store, views), strange, strict=True):
        if not is_strange:
            assert capital.decode() == initial_capitals(text.decode())


def test_texts_in_no_store_are_made_one_by_one():
    texts = Column(objects(["ab", "c"]))
    assert composed_texts.REPEAT(None, texts, constant(2, 2), count=2).values.tolist() == [
        "abab",
        "cc",
    ]
