"""Numbers of rows of several key columns, compiled and as specified, and through KeyTable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.executor import native, row_codes
from server.executor.key_table import KeyTable
from server.executor.row_table import RowTable, row_table
from server.types.registry import TYPE_BY_OID
from server.vector.column import Column
from server.vector.text_views import views_of
from server.vector.texts import TextColumn, text_column

WORDS = [
    b"",
    b"a",
    b"a ",
    b"a  ",
    b"abcd",
    b"abcdefghijkl",
    b"abcdefghijkl ",
    b"abcdefghijklm",
    b"abcdefghijklmnop",
]
TEXT, BLANK, INT8 = TYPE_BY_OID[25], TYPE_BY_OID[1042], TYPE_BY_OID[20]


def columns_of(count: int, *, nulls: bool) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(count)
    masks = [rng.random(count) < 0.8 if nulls else None for _ in range(3)]
    store, views = views_of([WORDS[number] for number in rng.integers(0, len(WORDS), count)])
    return [
        (rng.integers(-3, 3, count), masks[0]),
        (store, views, masks[1]),
        (store, np.ascontiguousarray(views[::-1]), masks[2]),
    ]


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537])
def test_numbers_are_as_specified(count: int, nulls: bool):
    tables = [
        twin.RowCodes([False, True, True], [False, False, True]) for twin in (native, row_codes)
    ]
    for size in (count // 3, count):
        columns = columns_of(size, nulls=nulls)
        found, specified = (table.add(columns, size) for table in tables)
        assert np.array_equal(found, specified)
        assert len(tables[0]) == len(tables[1])
    columns = columns_of(count + 1, nulls=nulls)
    found, specified = (table.find(columns, count + 1) for table in tables)
    assert np.array_equal(found, specified)
    lines = [[table.line(number) for number in range(min(len(table), 300))] for table in tables]
    assert lines[0] == lines[1]


def test_the_table_grows():
    table = native.RowCodes([False, False], [False, False])
    numbers = np.arange(200_000)
    assert np.array_equal(table.add([(numbers, None), (-numbers, None)], 200_000), numbers)
    assert np.array_equal(
        table.find([(numbers[::-1], None), (-numbers[::-1], None)], 200_000), numbers[::-1]
    )


@pytest.mark.parametrize("nulls_match", [False, True])
def test_when_other_forms_come_numbers_stay(nulls_match: bool):
    store, views = views_of([b"x", b"y", b"x"])
    table = KeyTable([INT8, TEXT], nulls_match=nulls_match)
    texts = TextColumn(store, views, np.array([True, True, False]))
    first = table.add([Column(np.array([1, 1, 2])), texts], 3).tolist()
    assert first == ([0, 1, 2] if nulls_match else [0, 1, -1])
    objects = Column(np.array([1, 1, 2], object))
    assert table.find([objects, texts], 3).tolist() == first
    assert table.add([Column(np.array([1, 9, 2])), texts], 3).tolist() == (
        [0, 3, 2] if nulls_match else [0, 2, -1]
    )


def test_floats_and_scaled_decimals():
    table = KeyTable([TYPE_BY_OID[701], TYPE_BY_OID[1700]], nulls_match=True)
    floats = Column(np.array([0.0, -0.0, np.nan, -np.nan]))
    assert table.add([floats, Column(np.full(4, 10), None, 1)], 4).tolist() == [0, 0, 1, 1]
    assert table.add([floats, Column(np.full(4, 1), None, 0)], 4).tolist() == [0, 0, 1, 1]
    assert table.add([floats, Column(np.full(4, 100), None, 2)], 4).tolist() == [0, 0, 1, 1]


def test_blanks_at_the_end_of_bpchar_mean_nothing():
    store, views = views_of([b"x ", b"x", b"x  ", b"abcdefghijkl  ", b"abcdefghijkl"])
    table = KeyTable([BLANK, INT8], nulls_match=True)
    columns = [TextColumn(store, views), Column(np.zeros(5, np.int64))]
    assert table.add(columns, 5).tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("nulls_match", [False, True])
@pytest.mark.parametrize("count", [0, 1, 65_537])
def test_texts_alone_are_rows_too(nulls_match: bool, count: int):
    """In whatever form they come later: texts of another store, objects, words of a dictionary."""
    numbers = np.random.default_rng(count).integers(0, 500, count)
    words = [f"the word with number {number}" for number in numbers.tolist()]
    valid = numbers % 7 != 3
    store, views = views_of([word.encode() for word in words])
    table, known = KeyTable([TEXT], nulls_match=nulls_match), {}
    found = table.add([TextColumn(store, views, valid)], count).tolist()
    for word, there, number in zip(words, valid.tolist(), found, strict=True):
        if there or nulls_match:
            assert number == known.setdefault(word if there else None, len(known))
        else:
            assert number == -1
    assert len(table) == len(known)
    objects = Column(np.array(words, object), valid)
    other_store = TextColumn(*views_of([word.encode() for word in words]), valid)
    for column in (objects, other_store):
        assert table.find([column], count).tolist() == found
        assert table.add([column], count).tolist() == found
    asked = Column(
        np.array([1, 0], np.int32),
        None,
        None,
        Column(np.array(["none", *words[:1], "x"], object)),
    )
    wanted = known.get(words[0], -1) if count and valid[0] else -1
    assert table.find([asked], 2).tolist()[1] == -1
    if count:
        assert table.find([asked], 2).tolist()[0] == wanted


def coded_texts(words: list[bytes], codes: list[int]) -> TextColumn:
    """Texts that are known as codes, too."""
    dictionary = TextColumn(*views_of(words))
    coded = Column(np.array(codes, np.int32), None, None, dictionary)
    return text_column(coded).with_codes(coded)


@pytest.mark.parametrize("count", [0, 1, 7, 65_535, 65_536, 65_537])
def test_words_are_looked_for_once_and_only_those_that_occur(count: int):
    words = [b"", b"a text of more than twelve bytes", b"never", b"short"]
    texts = coded_texts(words, [(0, 1, 3)[row % 3] for row in range(count)])
    table = row_table([TEXT], [texts])
    assert isinstance(table, RowTable)
    first = table.codes([texts], count, adding=True)
    assert first is not None
    assert len(table) == len({*texts.values})
    plain = TextColumn(texts.store, texts.views)
    assert plain.coded is None
    again = table.codes([plain], count, adding=False)
    assert again is not None
    assert again.tolist() == first.tolist()
    other = coded_texts([b"short", b"new"], [1, 0, 1])
    found = table.codes([other], 3, adding=False)
    assert found is not None
    assert (found < 0).tolist() == [True, count < 3, True]
    assert getattr(texts.take(np.arange(count)), "coded", None) is None
