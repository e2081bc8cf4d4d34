"""Columns whose values are made when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from server.executor.columns import concatenate
from server.vector.late import LateColumn

made: list[int] = []


def doubled(numbers: Any, valid: Any) -> Any:
    made.append(len(numbers))
    return numbers * 2


def test_only_what_is_asked_for_is_made():
    made.clear()
    column = LateColumn([np.arange(1000)], doubled)
    picked = column.take(np.array([5, -1, 7])).slice(0, 3)
    both = concatenate([picked, column.slice(998, 1000)])
    assert not made
    assert both.values[[0, 2, 3, 4]].tolist() == [10, 14, 1996, 1998]
    assert both.values is both.values
    assert both.validity().tolist() == [True, False, True, True, True]
    assert made == [5]


def test_with_other_columns_it_is_as_any():
    late = LateColumn([np.arange(3)], doubled, np.array([True, False, True]))
    both = concatenate([late, LateColumn([np.arange(2)], lambda numbers, valid: numbers)])
    assert both.validity().tolist() == [True, False, True, True, True]


def test_nothing_to_pick_from_gives_nulls():
    column = LateColumn([np.zeros(0, np.int64)], doubled).take(np.array([-1, -1]))
    assert column.validity().tolist() == [False, False]
