"""Which rows may still be among the first of a sort."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from server.executor.sort import rows_up_to
from server.expressions.expression import SortKey, Variable
from server.types.registry import TYPE_BY_NAME
from server.types.type import TypeReference
from server.vector.column import Column
from server.vector.rows import column_of, objects
from server.vector.text_views import views_of
from server.vector.texts import TextColumn


def key(name: str, *, descending: bool = False, nulls_first: bool = False) -> SortKey:
    reference = TypeReference(TYPE_BY_NAME[name])
    variable = Variable(type=reference, column=1)
    return SortKey(expression=variable, descending=descending, nulls_first=nulls_first)


VALID = np.array([True, True, True, False])


@pytest.mark.parametrize(
    ("name", "values", "last", "rows", "descending_rows"),
    [
        ("int4", Column(np.array([1, 5, 3, 0], np.int32)), Column(np.array([3])), [0, 2, 3], [1, 2]),
        ("int4", Column(np.array([1, 5, 3, 9]), VALID), Column(np.array([3])), [0, 2], [1, 2]),
        ("float8", Column(np.array([np.nan, -0.0, 1])), Column(np.zeros(1)), [1], [0, 1, 2]),
        ("float8", Column(np.array([np.nan, 1])), Column(np.array([np.nan])), [0, 1], [0]),
        ("numeric", Column(np.array([10, 30]), None, 1), Column(np.array([20]), None, 1), [0], [1]),
        ("numeric", Column(np.array([10]), None, 1), Column(np.array([2]), None, 0), [0], []),
        ("numeric", column_of([Decimal(1)], np.dtype(object)), column_of([Decimal(1)], np.dtype(object)), None, None),
        ("text", TextColumn(*views_of([b"b", b"a", b"b "])), Column(objects(["b"])), [0, 1], [0, 2]),
        ("bpchar", TextColumn(*views_of([b"b", b"a", b"b "])), Column(objects(["b  "])), [0, 1, 2], [0, 2]),
        ("int4", Column(np.array([1])), Column(np.array([1]), np.array([False])), None, None),
    ],
)  # fmt: skip
def test_rows_up_to(name: str, values: Any, last: Any, rows: Any, descending_rows: Any):
    for descending, expected in ((False, rows), (True, descending_rows)):
        found = rows_up_to(values, last, key(name, descending=descending))
        assert (None if found is None else found.tolist()) == expected


def test_nulls_stay_where_they_come_first():
    column = Column(np.array([1, 5, 3, 9]), VALID)
    found = rows_up_to(column, Column(np.array([3])), key("int8", nulls_first=True))
    assert found is not None
    assert found.tolist() == [0, 2, 3]
