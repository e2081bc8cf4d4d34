"""Rows of integers packed into one are numbered as rows are."""

from decimal import Decimal

import numpy as np
import pytest

from server.executor.key_table import KeyTable
from server.executor.packed_keys import PackedTable, packed_table
from server.types.registry import TYPE_BY_NAME
from server.vector.column import Column
from server.vector.rows import column_of, objects, values_of
from server.vector.texts import text_column

INT4, INT8, NUMERIC, TEXT, BPCHAR = (
    TYPE_BY_NAME[name] for name in ("int4", "int8", "numeric", "text", "bpchar")
)
LOWEST, HIGHEST = -(2**63), 2**63 - 1


def numbered(batches):
    """Numbers by first appearance, of rows as Python sees them."""
    known = {}
    return [
        [known.setdefault(row, len(known)) for row in zip(*map(values_of, columns), strict=True)]
        for columns in batches
    ]


def column(values, dtype=np.int64, scale=None):
    valid = np.array([value is not None for value in values], np.bool_)
    numbers = np.array([7 if value is None else value for value in values], dtype)
    return Column(numbers, None if valid.all() else valid, scale)


def pieces(count, low, high, nulls=0.0, dtype=np.int64):
    rng = np.random.default_rng(count)
    values = rng.integers(low, high, count, endpoint=True).astype(dtype)
    return Column(values, rng.random(count) >= nulls if nulls else None)


@pytest.mark.parametrize("count", [0, 1, 2, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("nulls", [0.0, 0.3])
def test_rows_of_moderate_ranges(count, nulls):
    batch = [pieces(count, -90, 900, nulls, np.int32), pieces(count, 10**12, 10**12 + 40, nulls)]
    table = packed_table([INT8, INT8], batch)
    assert table is not None
    found = table.codes(batch, count, adding=True)
    assert [found.tolist()] == numbered([batch])
    assert table.codes(batch, count, adding=False).tolist() == found.tolist()
    rows = list(zip(*map(values_of, batch), strict=True))
    assert list(zip(*map(values_of, table.keys()), strict=True)) == list(dict.fromkeys(rows))


def test_ranges_grow_and_numbers_stay():
    first = [column([1, 2, None, 1]), column([5, 5, 5, 5])]
    table = packed_table([INT8, INT8], first)
    batches = [first]
    for step in range(1, 40):
        values = [step * 20, -step, None, 1]
        batches.append([column(values), column([5, 5, 5, -step])])
    found = [table.codes(batch, 4, adding=True).tolist() for batch in batches]
    assert found == numbered(batches)
    assert len(table) == len({number for numbers in found for number in numbers})


def test_what_is_not_in_the_ranges_is_not_found():
    batch = [column([1, 2, 3]), column([1, None, 1])]
    table = packed_table([INT8, INT8], batch)
    table.codes(batch, 3, adding=True)
    asked = [column([3, HIGHEST, LOWEST, None, 2]), column([1, 1, 1, 1, None])]
    assert table.codes(asked, 5, adding=False).tolist() == [2, -1, -1, -1, 1]


def test_nothing_or_nulls_alone_come_first():
    for first in ([column([]), column([])], [column([None]), column([3])]):
        table = packed_table([INT8, INT8], first)
        batches = [first, [column([4, None]), column([3, 3])]]
        found = [table.codes(batch, len(batch[0]), adding=True).tolist() for batch in batches]
        assert found == numbered(batches)


@pytest.mark.parametrize("bound", [LOWEST, HIGHEST])
def test_the_ends_of_64_bits(bound):
    near = bound + 5 if bound < 0 else bound - 5
    batches = [[column([bound, near]), column([1, 2])], [column([near, bound]), column([2, None])]]
    table = packed_table([INT8, INT8], batches[0])
    assert [table.codes(each, 2, adding=True).tolist() for each in batches] == numbered(batches)
    assert table.codes([column([0]), column([1])], 1, adding=False).tolist() == [-1]


def test_wide_ranges_and_other_forms_are_refused():
    assert packed_table([INT8, INT8], [column([LOWEST, HIGHEST]), column([1, 2])]) is None
    assert packed_table([INT8], [column([1])]) is None
    assert packed_table([INT8, INT8], [Column(np.array([0.5])), column([1])]) is None
    table = packed_table([INT8, INT8], [column([1]), column([1])])
    assert table.codes([column([HIGHEST]), column([LOWEST])], 1, adding=True) is None


@pytest.mark.parametrize("nulls_match", [False, True])
def test_key_tables_go_over_to_rows_and_to_columns(nulls_match):
    table = KeyTable([INT8, NUMERIC], nulls_match=nulls_match)
    scaled = Column(np.array([150, 10, 150]), None, 2)
    batches = [
        [column([1, 2, 1]), scaled],
        [column([HIGHEST, LOWEST, 1]), scaled],
        [column([2, None, HIGHEST]), Column(np.array([Decimal("0.1")] * 2 + [Decimal(10**30)]))],
    ]
    found = [table.add(batch, 3).tolist() for batch in batches]
    expected = numbered(batches)
    if not nulls_match:
        expected[2] = [expected[2][0], -1, expected[2][2] - 1]
    assert found == expected
    assert table.find(batches[0], 3).tolist() == expected[0]


def test_key_tables_pack_integers():
    table = KeyTable([INT4, INT4], nulls_match=True)
    rng = np.random.default_rng(1)
    batch = [Column(rng.integers(0, 500, 4000).astype(np.int32)) for _ in range(2)]
    table.add(batch, 4000)
    assert isinstance(table._rows, PackedTable)


def words(values):
    """Texts as codes of words, of which one stands in the dictionary twice."""
    known = list(dict.fromkeys(value for value in values if value is not None)) or ["?"]
    codes = [0 if value is None else len(known) - known.index(value) for value in values]
    valid = np.array([value is not None for value in values])
    dictionary = Column(objects([known[0], *reversed(known)]))
    return Column(np.array(codes, np.int32), None if valid.all() else valid, None, dictionary)


def plain_texts(values):
    """Texts where they lie."""
    return text_column(column_of(values, np.dtype(object)))


@pytest.mark.parametrize("kind", [TEXT, BPCHAR])
@pytest.mark.parametrize("count", [1, 65_535, 65_536, 65_537])
def test_words_beside_integers(kind, count):
    rng = np.random.default_rng(count)
    names = ["a", "b", "Manufacturer#1", None, "ab" * 9, ""]
    texts = [names[number] for number in rng.integers(0, len(names), count)]
    batch = [words(texts), pieces(count, 5, 9, 0.2)]
    table = packed_table([kind, INT8], batch)
    found = table.codes(batch, count, adding=True)
    assert [found.tolist()] == numbered([batch])
    assert table.codes(batch, count, adding=False).tolist() == found.tolist()
    rows = list(zip(*map(values_of, batch), strict=True))
    assert list(zip(*map(values_of, table.keys()), strict=True)) == list(dict.fromkeys(rows))


def test_words_of_several_dictionaries_and_texts_that_lie_in_a_store():
    batches = [
        [words(["a", "b", "a"]), words(["x", None, "x"])],
        [words(["c", "a", None]), words(["y" * 20, "x", "z"])],
        [plain_texts(["c", "b", "d"]), plain_texts(["y" * 20, None, "w"])],
    ]
    table = packed_table([TEXT, TEXT], batches[0])
    assert [table.codes(each, 3, adding=True).tolist() for each in batches] == numbered(batches)
    asked = [words(["d", "e", "a"]), plain_texts(["w", "x", "w"])]
    assert table.codes(asked, 3, adding=False).tolist() == [4, -1, -1]


def test_blanks_at_the_end_of_words():
    batch = [words(["a", "a  ", "b"]), words(["x", "x", "x "])]
    assert packed_table([BPCHAR, TEXT], batch).codes(batch, 3, adding=True).tolist() == [0, 0, 1]
    assert packed_table([TEXT, TEXT], batch).codes(batch, 3, adding=True).tolist() == [0, 1, 2]


def test_key_tables_go_from_words_to_rows():
    table = KeyTable([TEXT, INT8], nulls_match=True)
    batches = [[words(["a", None, "b"]), column([1, 2, 1])]]
    batches.append([words(["b", "c", None]), column([1, HIGHEST, 2])])
    assert [table.add(batch, 3).tolist() for batch in batches] == numbered(batches)
    assert not isinstance(table._rows, PackedTable)
    assert table.find(batches[0], 3).tolist() == [0, 1, 2]
