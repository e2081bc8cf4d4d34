"""Decimals as pairs of integers order and add as Decimals do."""

from __future__ import annotations

import operator
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import numpy as np
import pytest

from server.executor.sort import rank_arrays, rows_up_to
from server.expressions.expression import SortKey, Variable
from server.functions import quotients, scaled
from server.functions.means import Means
from server.oids import NUMERIC
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference
from server.vector.column import Column
from server.vector.decimal_words import combined, in_words, words_at_one_place
from server.vector.late import LateColumn, repeated
from server.vector.parted import PartedColumn
from server.vector.rows import plain_values, values_of

COUNTS = [0, 1, 300, 65_535, 65_536, 65_537]
BIG = 10**15


def _scaled(random: Random, count: int, scale: int, size: int = BIG) -> Column:
    values = np.array([random.randint(-size, size) for _ in range(count)], np.int64)
    valid = np.array([random.random() < 0.9 for _ in range(count)], np.bool_)
    return Column(values, valid if count > 1 else None, scale)


def _quotients(random: Random, count: int, size: int = BIG) -> Column:
    """Numbers of several scales, of one word and of two."""
    below = Column(np.array([random.randint(1, 10**6) for _ in range(count)], np.int64), None, 0)
    above = np.array(
        [random.randint(-size, size) // 10 ** random.randint(0, 15) for _ in range(count)], np.int64
    )
    found = quotients.divide(Column(above, _scaled(random, count, 0).valid, 2), below)
    return Column(np.zeros(0, np.int64), None, 2) if found is None else found


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("operation", [operator.add, operator.sub])
def test_sums(count: int, operation: Any):
    random = Random(count)
    columns = [
        _quotients(random, count),
        _scaled(random, count, 2),
        _scaled(random, count, 0, 10**18),
    ]
    for left in columns:
        for right in columns:
            function = scaled.add if operation is operator.add else scaled.subtract
            made = function(left, right)
            if made is None:
                continue
            with localcontext() as context:
                context.prec = 200
                expected = [
                    None if one is None or other is None else operation(one, other)
                    for one, other in zip(values_of(left), values_of(right), strict=True)
                ]
            assert [str(value) for value in values_of(made)] == [str(value) for value in expected]


def test_sums_of_quotients_are_words():
    random = Random(5)
    made = scaled.subtract(_scaled(random, 500, 2, 10**9), _quotients(random, 500))
    assert isinstance(made, PartedColumn)
    assert words_at_one_place([made]) is not None


def test_means_are_added_as_words():
    means = LateColumn((np.array([10, -7, 0]), np.array([3, 9, 1])), Means(2))
    add = quotients.with_means(scaled.add)
    made = add(means, Column(np.array([1, 2, 3], np.int64), None, 0))
    assert made is not None
    expected = [value + number for value, number in zip(means.values, (1, 2, 3), strict=True)]
    assert [str(value) for value in plain_values(made)] == [str(value) for value in expected]


def test_too_large():
    column = Column(np.full(3, (1 << 63) - 1), None, 0)
    assert combined(column, column, np.add) is None
    assert combined(Column(np.array([Decimal(1)], object)), column.slice(0, 1), np.add) is None
    assert words_at_one_place([Column(np.array([Decimal("nan")], object))]) is None
    assert words_at_one_place([column]) is None


def _key(*, descending: bool = False, nulls_first: bool = False) -> SortKey:
    kind = TypeReference(TYPE_BY_OID[NUMERIC])
    variable = Variable(type=kind, column=1)
    return SortKey(expression=variable, descending=descending, nulls_first=nulls_first)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("descending", [False, True])
def test_order(count: int, descending: bool):
    random = Random(count)
    column = _quotients(random, count)
    if count:
        column = column.take(np.array([random.randint(-1, count - 1) for _ in range(count)]))
    values = values_of(column)
    arrays = rank_arrays(column, _key(descending=descending))
    rows = np.lexsort(tuple(reversed(arrays)))
    ordered = [values[row] for row in rows.tolist()]
    known = sorted((value for value in values if value is not None), reverse=descending)
    assert ordered == known + [None] * (count - len(known))


@pytest.mark.parametrize("descending", [False, True])
def test_rows_up_to(descending: bool):
    random = Random(9)
    column = _quotients(random, 400, 10**7)
    values = values_of(column)
    for last in (column.slice(7, 8), Column(np.array([-31]), None, 3)):
        bound = values_of(last)[0]
        rows = rows_up_to(column, last, _key(descending=descending))
        assert rows is not None
        passes = operator.ge if descending else operator.le
        assert rows.tolist() == [
            row for row, value in enumerate(values) if value is not None and passes(value, bound)
        ]


def test_repeated_means():
    few = LateColumn(
        (np.array([10, -7, 0]), np.array([3, 9, 0])), Means(2), np.array([True, True, False])
    )
    positions = np.array([0, 1, 2, 1, 0, 0])
    column, plain = repeated(few, positions), few.take(positions)
    for one, other in ((column, plain), (column.slice(1, 5), plain.slice(1, 5))):
        assert values_of(one) == values_of(other)
        assert values_of(quotients.means_in_words(one)) == values_of(other)
        assert values_of(one.take(np.array([1, -1, 2]))) == values_of(
            other.take(np.array([1, -1, 2]))
        )


def test_decimals_become_words():
    texts = [
        "1.50",
        "-0.25",
        "0.000",
        "123456789012345.1234567890123456",
        "7",
        "-3.33333333333333333",
    ]
    numbers = [None, *map(Decimal, texts)]
    made = in_words(numbers)
    assert made is not None
    assert [None if each is None else str(each) for each in values_of(made)] == [None, *texts]
    assert in_words([]) is not None
    assert in_words([Decimal("NaN")]) is None
    assert in_words([Decimal(10) ** 40]) is None
    assert in_words([Decimal("1e30") + Decimal("0.1")]) is None
