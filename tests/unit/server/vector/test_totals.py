"""Totals of groups, compiled and as specified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.vector import native, totals

COUNTS = [0, 1, 65_535, 65_536, 65_537]
BOTH = pytest.mark.parametrize("functions", [native, totals])


def groups_of(count: int) -> Any:
    return np.random.default_rng(count).integers(0, 1000, count)


@BOTH
@pytest.mark.parametrize("count", COUNTS)
def test_rows_are_counted(functions: Any, count: int):
    groups, counts = groups_of(count), np.full(1000, 5)
    functions.count_rows(counts, groups)
    assert np.array_equal(counts, 5 + np.bincount(groups, minlength=1000))


@BOTH
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint32])
def test_integers_are_added(functions: Any, count: int, dtype: Any):
    groups, sums = groups_of(count), np.arange(1000)
    values = np.random.default_rng(1).integers(0, 2, count).astype(dtype) * dtype(100)
    functions.add_integers(sums, groups, values)
    expected = np.bincount(groups, weights=values, minlength=1000).astype(np.int64)
    assert np.array_equal(sums, np.arange(1000) + expected)


@BOTH
def test_the_ends_of_the_range_are_exact(functions: Any):
    sums = np.zeros(2, np.int64)
    functions.add_integers(sums, np.array([0, 1, 0]), np.array([2**62, -(2**63), 2**62 - 1]))
    assert sums.tolist() == [2**63 - 1, -(2**63)]


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_added_in_order(functions: Any, dtype: Any):
    sums = np.zeros(3)
    values = np.array([1e16, 1, -1e16, 0.5, 0.25], dtype)
    assert functions.add_floats(sums, np.array([0, 0, 0, 2, 2]), values)
    assert sums.tolist() == [float(values[0]) + 1 - float(values[0]), 0.0, 0.75]


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floats_say_whether_totals_are_finite(functions: Any, value: float):
    sums = np.zeros(2)
    assert not functions.add_floats(sums, np.array([0, 1, 0]), np.array([value, 1.0, 2.0]))
    assert functions.add_floats(sums, np.array([1]), np.array([1.0]))
    assert not functions.add_floats(sums, np.array([0]), np.array([1.0]))


@BOTH
def test_a_total_may_overflow(functions: Any):
    sums = np.zeros(1)
    assert not functions.add_floats(sums, np.array([0, 0]), np.array([1e308, 1e308]))


@BOTH
def test_values_of_stride_zero_are_added(functions: Any):
    sums = np.zeros(2, np.int64)
    functions.add_integers(sums, np.array([0, 1, 1]), np.broadcast_to(np.array([7], np.int32), 3))
    assert sums.tolist() == [7, 14]
