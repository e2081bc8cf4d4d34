"""Columns out of row values and back, constants, and merging of parts."""

from decimal import Decimal

import numpy as np

from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.rows import (
    column_of,
    constant_column,
    constant_value,
    is_constant,
    objects,
    values_of,
)
from server.vector.selection import merge_columns, positions_of, true_rows

INT4, OBJECT = np.dtype(np.int32), np.dtype(object)


def test_values_survive_the_way_there_and_back():
    assert values_of(column_of([1, None, 3], INT4)) == [1, None, 3]
    assert values_of(column_of(["a", None], OBJECT)) == ["a", None]
    assert values_of(column_of([(1, 2), (3, 4)], OBJECT)) == [(1, 2), (3, 4)]
    assert values_of(Column(np.array([150, -1]), None, 2)) == [Decimal("1.50"), Decimal("-0.01")]


def test_constants_take_no_memory_and_keep_their_form():
    number = constant_column(7, INT4, 1000)
    assert number.values.strides == (0,)
    assert is_constant(number)
    assert constant_value(number) == 7
    decimal = constant_column(Decimal("1.50"), OBJECT, 3)
    assert (decimal.scale, values_of(decimal)) == (2, [Decimal("1.50")] * 3)
    text = constant_column("a", OBJECT, 3)
    assert text.dictionary is not None
    assert values_of(text) == ["a"] * 3
    assert text.decoded().values.strides == (0,)
    assert values_of(constant_column(None, INT4, 2)) == [None, None]
    huge = constant_column(Decimal(10) ** 40, OBJECT, 2)
    assert huge.scale is None
    assert values_of(huge) == [Decimal(10) ** 40] * 2


def test_positions_below_zero_give_nulls():
    column = Column(np.array([1, 2]), np.array([True, False]))
    assert values_of(column.take(np.array([1, -1, 0]))) == [None, None, 1]
    assert values_of(Column(np.array([], np.int64)).take(np.array([-1]))) == [None]
    batch = Batch((column,), 2).take(np.array([0, 0]))
    assert values_of(batch.columns[0]) == [1, 1]


def test_merging_fills_positions_and_leaves_nulls():
    parts = [
        (np.array([2, 0]), column_of([3, None], INT4)),
        (np.array([1]), column_of([9], INT4)),
    ]
    assert values_of(merge_columns(4, parts, INT4)) == [None, 9, 3, None]
    assert values_of(merge_columns(2, [], OBJECT)) == [None, None]


def test_merging_keeps_the_scale_of_each_decimal():
    parts = [
        (np.array([0]), Column(np.array([150]), None, 2)),
        (np.array([1]), Column(np.array([0]), None, 0)),
    ]
    merged = merge_columns(2, parts, OBJECT)
    assert [str(value) for value in values_of(merged)] == ["1.50", "0"]
    assert values_of(merged.take(np.array([1]))) == [Decimal(0)]
    assert len(merged.slice(0, 1)) == 1


def test_true_rows_are_neither_false_nor_null():
    condition = Column(np.array([True, True, False]), np.array([True, False, True]))
    assert positions_of(true_rows(condition)).tolist() == [0]


def test_coded_columns_decode():
    coded = Column(np.array([1, 0], np.int32), None, None, Column(objects(["a", "b"])))
    assert values_of(coded) == ["b", "a"]
    assert values_of(coded.slice(1, 2)) == ["a"]
