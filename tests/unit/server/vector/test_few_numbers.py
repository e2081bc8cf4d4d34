"""Integers of a narrow range as codes, and functions that are called once for each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.errors import InvalidParameterValue
from server.expressions.invoke import column_call
from server.functions.function import CallContext, Function
from server.types.registry import TYPE_BY_OID
from server.types.type import PLAIN_STYLE, TypeReference
from server.vector.column import Column
from server.vector.few_numbers import coded_numbers, distinct

CONTEXT = CallContext(PLAIN_STYLE, TypeReference(TYPE_BY_OID[23]), (), None)


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 65_535, 65_536, 65_537])
def test_codes_stand_for_the_numbers(count: int, nulls: bool):
    numbers = (np.arange(count) * 7 % 100 - 50).astype(np.int32)
    valid = np.arange(count) % 5 > 0 if nulls else None
    if valid is not None:
        numbers[~valid] = 1 << 30  # what stands under NULL is nobody's number
    coded = coded_numbers(Column(numbers, valid))
    if count < 1024:
        assert coded is None
        return
    assert coded is not None
    assert coded.dictionary is not None
    there = slice(None) if valid is None else valid
    assert np.array_equal(coded.decoded().values[there], numbers[there])
    assert coded.valid is valid


@pytest.mark.parametrize(
    "column",
    [
        Column(np.arange(2048) * 3),
        Column(np.array([-(1 << 63), (1 << 63) - 1] * 1024)),
        Column(np.zeros(2048)),
        Column(np.zeros(2048, np.int64), None, 2),
        Column(np.zeros(2048, np.int64), np.zeros(2048, np.bool_)),
    ],
)
def test_many_numbers_and_what_are_none_stay(column: Column):
    assert coded_numbers(column) is None


def function(row: Any) -> Any:
    return column_call(Function(oid=1, name="f", arguments=(23,), result=23, row=row))


def test_a_function_is_called_once_a_number():
    calls: list[int] = []

    def row(number: int) -> int:
        calls.append(number)
        return number + 1

    numbers = np.arange(10_000, dtype=np.int32) % 10 * 2
    made = function(row)(CONTEXT, (Column(numbers),), len(numbers))
    assert np.array_equal(made.values, numbers + 1)
    assert sorted(calls) == list(range(0, 20, 2))  # those between them are in no row


def test_the_first_row_that_fails_tells_how():
    def row(number: int) -> int:
        if number > 3:
            raise InvalidParameterValue(f"{number} is too much")
        return number

    numbers = np.concatenate([np.zeros(5000, np.int32), np.array([9, 4], np.int32)])
    with pytest.raises(InvalidParameterValue, match="9 is too much"):
        function(row)(CONTEXT, (Column(numbers),), len(numbers))


@pytest.mark.parametrize("step", [1, 1_000_000_007])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 65_535, 65_536, 65_537])
def test_distinct_numbers_come_in_order(count: int, dtype: Any, step: int):
    numbers = ((np.arange(count) * 7 % 100 - 50) * (step if dtype == np.int64 else 1)).astype(dtype)
    found, rows = distinct(numbers)
    wanted = np.unique(numbers, return_inverse=True)
    assert found.dtype == dtype
    assert np.array_equal(found, wanted[0])
    assert np.array_equal(rows, wanted[1])
