"""The order of equal rows, compiled and as specified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.executor import native, tie_order

KEYS = np.array([(row * 7919 + row * row) % 5 for row in range(60)])
# What PostgreSQL 15 answers to ORDER BY key, and to ORDER BY key LIMIT 9.
ALL = [35, 15, 55, 56, 0, 10, 25, 26, 11, 5, 30, 31, 6, 36, 16, 40, 41, 45, 46, 20, 50, 51, 21, 1]
ALL += [38, 28, 23, 58, 3, 43, 18, 53, 33, 8, 48, 13, 59, 2, 4, 7, 9, 12, 14, 17, 19, 22, 24, 27]
ALL += [29, 32, 34, 37, 39, 42, 44, 47, 49, 52, 54, 57]
FIRST = [16, 0, 11, 15, 5, 6, 1, 10, 20]


@pytest.mark.parametrize("functions", [native, tie_order])
def test_equal_rows_come_as_postgresql_has_them(functions: Any):
    assert functions.tied_rows(KEYS, -1).tolist() == ALL
    assert functions.tied_rows(KEYS, 9).tolist() == FIRST
    assert functions.tied_rows(KEYS, 40).tolist() == ALL[:40]


@pytest.mark.parametrize("functions", [native, tie_order])
@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 41, 300])
@pytest.mark.parametrize("distinct", [1, 3, 1000])
@pytest.mark.parametrize("bound", [-1, 0, 1, 20])
def test_rows_are_in_order(functions: Any, count: int, distinct: int, bound: int):
    ranks = np.random.default_rng(count).integers(0, distinct, count)
    rows = functions.tied_rows(ranks, bound)
    wanted = np.sort(ranks) if bound < 0 else np.sort(ranks)[:bound]
    assert np.array_equal(ranks[rows], wanted)
    assert len(set(rows.tolist())) == len(rows)
    assert np.array_equal(rows, tie_order.tied_rows(ranks, bound))
