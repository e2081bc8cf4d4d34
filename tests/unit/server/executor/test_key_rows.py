"""Rows by key and pairs of rows, compiled and as specified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.executor import key_rows, native

COUNTS = [0, 1, 65_535, 65_536, 65_537]


def codes_of(count: int, code_count: int) -> Any:
    return np.random.default_rng(count).integers(-1, code_count, count)


@pytest.mark.parametrize("functions", [native, key_rows])
@pytest.mark.parametrize("count", COUNTS)
def test_rows_of_a_number_stand_together_in_order(functions: Any, count: int):
    codes = codes_of(count, 1000)
    starts, rows = functions.grouped_rows(codes, 1000)
    assert len(starts) == 1001
    assert starts[-1] == len(rows) == np.count_nonzero(codes >= 0)
    for code in (0, 17, 999):
        assert np.array_equal(rows[starts[code] : starts[code + 1]], np.flatnonzero(codes == code))


@pytest.mark.parametrize("functions", [native, key_rows])
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("pairs_max", [1, 1000, 1 << 20])
def test_pairs_in_portions_are_all_pairs(functions: Any, count: int, pairs_max: int):
    if pairs_max == 1:
        count = min(count, 50)
    codes, others = codes_of(count, 5000), codes_of(6000, 5000)
    starts, rows = functions.grouped_rows(others, 5000)
    row, lefts, rights = 0, [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    while row < count:
        left, right, following = functions.joined_rows(codes, starts, rows, row, pairs_max)
        assert len(left) <= pairs_max or len(set(left.tolist())) == 1
        assert following > row
        row = following
        lefts.append(left)
        rights.append(right)
    left, right = np.concatenate(lefts), np.concatenate(rights)
    assert (np.diff(left) >= 0).all()
    assert np.array_equal(codes[left], others[right])
    known = codes[codes >= 0]
    assert len(left) == np.bincount(others[others >= 0], minlength=5000)[known].sum()


@pytest.mark.parametrize("functions", [native, key_rows])
@pytest.mark.parametrize("count", COUNTS)
def test_single_rows_and_their_pairs(functions: Any, count: int):
    rng = np.random.default_rng(count)
    codes = rng.permutation(2 * count)[:count]
    codes[::7] = -1
    row_of = functions.single_rows(codes, 2 * count)
    assert row_of.dtype == np.int32
    sought = rng.integers(-1, 2 * count, count)
    lefts, rights = functions.single_pairs(sought, row_of)
    starts, rows = functions.grouped_rows(codes, 2 * count)
    expected = functions.joined_rows(sought, starts, rows, 0, 1 << 20)
    assert np.array_equal(lefts, expected[0])
    assert np.array_equal(rights, expected[1])
    if count > 2:
        codes[-1] = codes[1]
        assert functions.single_rows(codes, 2 * count) is None


@pytest.mark.parametrize("functions", [native, key_rows])
def test_no_rows_have_no_pairs(functions: Any):
    row_of = functions.single_rows(np.zeros(0, np.int64), 0)
    lefts, rights = functions.single_pairs(np.full(3, -1), row_of)
    assert len(lefts) == len(rights) == 0


@pytest.mark.parametrize("functions", [native, key_rows])
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64])
@pytest.mark.parametrize("count", COUNTS)
def test_run_codes(functions: Any, dtype: Any, count: int):
    keys = np.sort(np.random.default_rng(count).integers(-300, 300, count)).astype(dtype)
    codes = functions.run_codes(keys)
    assert codes.dtype == np.int64
    assert np.array_equal(codes, np.unique(keys, return_inverse=True)[1])
    assert np.array_equal(functions.run_codes(keys[::2]), functions.run_codes(keys[::2].copy()))
    if count > 1:
        keys[-1] = keys[0] - 1
        assert functions.run_codes(keys) is None


@pytest.mark.parametrize("functions", [native, key_rows])
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64])
@pytest.mark.parametrize("count", COUNTS)
def test_dense_codes(functions: Any, dtype: Any, count: int):
    values = np.random.default_rng(count).integers(-300, 300, count).astype(dtype)
    valid = np.arange(count) % 7 != 0
    found = functions.dense_codes(values, None, -100, 200)
    inside = (values >= -100) & (values < 100)
    assert np.array_equal(found, np.where(inside, values.astype(np.int64) + 100, -1))
    found = functions.dense_codes(values, valid, -100, 200)
    assert np.array_equal(found, np.where(inside & valid, values.astype(np.int64) + 100, -1))


@pytest.mark.parametrize("functions", [native, key_rows])
def test_dense_codes_at_the_ends_of_the_range(functions: Any):
    lowest, highest = -(1 << 63), (1 << 63) - 1
    values = np.array([lowest, -1, 0, highest - 1, highest])
    assert functions.dense_codes(values, None, lowest, 10).tolist() == [0, -1, -1, -1, -1]
    assert functions.dense_codes(values, None, highest - 1, 2).tolist() == [-1, -1, -1, 0, 1]
    repeated = np.broadcast_to(np.array([5]), 3)
    assert functions.dense_codes(repeated, None, 5, 1).tolist() == [0, 0, 0]


@pytest.mark.parametrize("functions", [native, key_rows])
@pytest.mark.parametrize("count", COUNTS)
def test_rows_of_codes_are_numbered_by_first_appearance(functions: Any, count: int):
    rng = np.random.default_rng(count)
    columns = [rng.integers(0, 3, count).astype(np.int32), rng.integers(0, 5, count)]
    numbers, firsts = functions.packed_rows(columns, [3, 7], count)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    distinct = list(dict.fromkeys(rows))
    assert [distinct[number] for number in numbers.tolist()] == rows
    assert firsts.tolist() == [rows.index(row) for row in distinct]


@pytest.mark.parametrize("functions", [native, key_rows])
@pytest.mark.parametrize("count", COUNTS)
def test_first_rows_of_new_numbers(functions: Any, count: int):
    known = 40
    drawn = np.random.default_rng(count).integers(-1, 3000, count)
    _, places, order = np.unique(drawn, return_index=True, return_inverse=True)
    numbers = np.argsort(np.argsort(places))[order] if count else drawn  # by first appearance
    firsts = functions.first_rows(numbers, known, max(known, len(places)))
    assert np.array_equal(firsts, np.sort(places)[known:])


@pytest.mark.parametrize("functions", [native, key_rows])
def test_first_rows_of_numbers_out_of_order(functions: Any):
    """NULL gets its number after the values of its batch."""
    assert functions.first_rows(np.array([4, 0, 2, 4, 3, -1]), 2, 5).tolist() == [2, 4, 0]
    assert functions.first_rows(np.array([0, 1]), 2, 2).tolist() == []
