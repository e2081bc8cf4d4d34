"""Rows of coded texts by their words, compiled and as specified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.vector import native, word_numbers

COUNTS = [0, 1, 65_535, 65_536, 65_537]
BOTH = pytest.mark.parametrize("functions", [native, word_numbers])
WORDS = 300


def coded(count: int, *, with_nulls: bool) -> tuple[Any, Any]:
    """Codes, and which are there; those of NULL rows are beyond the words."""
    generator = np.random.default_rng(count)
    codes = generator.integers(0, WORDS, count).astype(np.int32)
    valid = generator.random(count) > 0.3
    codes[~valid] = generator.choice(np.array([2**31 - 1, -(2**31), WORDS], np.int32), count)[
        ~valid
    ]
    return (codes, valid) if with_nulls else (codes % WORDS, None)


@BOTH
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("with_nulls", [False, True])
@pytest.mark.parametrize("lowest", [0, -1])
def test_rows_have_the_numbers_of_their_words(
    functions: Any, count: int, with_nulls: bool, lowest: int
):
    codes, valid = coded(count, with_nulls=with_nulls)
    numbers = np.arange(lowest, WORDS + lowest)
    found, are_lacking = functions.numbers_of_rows(codes, valid, numbers)
    there = np.ones(count, np.bool_) if valid is None else valid
    assert found.dtype == np.int64
    assert (found[~there] == -1).all()
    assert np.array_equal(found[there], codes[there] + lowest)
    assert are_lacking == bool((found[there] < 0).any())


@BOTH
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("with_nulls", [False, True])
def test_words_in_use_are_those_of_rows_that_are_there(
    functions: Any, count: int, with_nulls: bool
):
    codes, valid = coded(count, with_nulls=with_nulls)
    used = functions.words_in_use(codes, valid, WORDS)
    there = codes if valid is None else codes[valid]
    assert np.flatnonzero(used).tolist() == sorted(set(there.tolist()))


@BOTH
def test_rows_that_are_all_null_need_no_words(functions: Any):
    codes, valid = np.array([5, -3], np.int32), np.zeros(2, np.bool_)
    found, are_lacking = functions.numbers_of_rows(codes, valid, np.zeros(0, np.int64))
    assert found.tolist() == [-1, -1]
    assert not are_lacking
    assert not len(functions.words_in_use(codes, valid, 0))


@BOTH
def test_a_word_that_no_row_is_lacks_nothing(functions: Any):
    codes, valid = np.array([1, 0], np.int32), np.array([True, False])
    assert functions.numbers_of_rows(codes, valid, np.array([-1, 7]))[1] is False
    assert functions.words_in_use(codes, valid, 3).tolist() == [False, True, False]
