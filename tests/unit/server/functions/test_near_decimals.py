"""Means that are compared before they are made compare as the decimals do."""

import operator
from decimal import Decimal

import numpy as np
import pytest

from server.functions import near_decimals
from server.functions.function import CallContext
from server.functions.near_decimals import Product, compared, product_kernel
from server.functions.numeric_math import multiply
from server.functions.quotients import divide
from server.functions.sums import averages_of
from server.types.registry import TYPE_BY_OID
from server.types.type import TextStyle, TypeReference
from server.vector.column import Column
from server.vector.late import LateColumn
from server.vector.rows import constant_column, values_of

CONTEXT = CallContext(TextStyle(), TypeReference(TYPE_BY_OID[1700]), ())
OBJECT = np.dtype(object)
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
FACTORS = ["1.2", "0", "-0.2", "3", "0.00000000000000000001", "12345678901234567890.5"]


def refuse(*_: object, count: int) -> Column:
    raise AssertionError(count)


def means(count: int) -> LateColumn:
    """Means of small and large sums, some near each other, NULL for groups without rows."""
    rng = np.random.default_rng(count)
    sums = rng.integers(-50, 50, count) * 10 ** rng.integers(0, 15, count)
    found = averages_of(sums, rng.integers(0, 7, count), 2)
    assert isinstance(found, LateColumn)
    return found


def expected(compare, left, right):
    return [
        None if one is None or other is None else compare(one, other)
        for one, other in zip(values_of(left), values_of(right), strict=True)
    ]


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize("count", [0, 1, 3000])
def test_comparisons_are_those_of_the_decimals(compare, count):
    late = means(count)
    made = Column(late.values, late.valid)
    near = np.array([0 if value is None else int(value * 100) for value in values_of(made)])
    scaled = Column(near, np.arange(count) % 5 != 0, 2)
    constant = constant_column(Decimal("2.50"), OBJECT, count)
    for left, right in ((late, scaled), (scaled, late), (late, late), (late, constant)):
        found = compared(compare, left, right, compare)
        assert found is not None
        assert values_of(found) == expected(compare, left, right)


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize("count", [1, 3000, 65_537])
def test_quotients_are_compared_before_they_are_divided(compare, count):
    rng = np.random.default_rng(count)
    above = Column(rng.integers(-(10**6), 10**6, count), rng.random(count) < 0.9, 2)
    below = Column(rng.integers(1, 3000, count), None, 0)
    quotients = divide(above, below)
    assert quotients is not None
    made = Column(divide(above, below).values, quotients.valid)
    constants = [constant_column(Decimal(each), OBJECT, count) for each in ("2.5", "0", "-7")]
    for other in (*constants, Column(rng.integers(-(10**5), 10**5, count), None, 3)):
        for left, right, plain in (
            (quotients, other, (made, other)),
            (other, quotients, (other, made)),
        ):
            found = compared(compare, left, right, compare)
            if count == 1 and found is None:
                continue
            assert found is not None
            assert values_of(found) == expected(compare, *plain)


def test_quotients_that_are_all_close_are_left_to_words():
    above = Column(np.arange(1, 2001), None, 2)
    quotients = divide(above, Column(np.ones(2000, np.int64), None, 0))
    assert compared(operator.eq, quotients, above, operator.eq) is None


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("is_left", [False, True])
def test_products_with_a_constant_are_made_late(factor, is_left):
    late = means(300)
    constant = constant_column(Decimal(factor), OBJECT, 300)
    pair = (constant, late) if is_left else (late, constant)
    found = product_kernel(refuse)(CONTEXT, *pair, count=300)
    assert isinstance(found, LateColumn)
    assert isinstance(found.make, Product)
    exact = [
        None if value is None else multiply(value, Decimal(factor)) for value in values_of(late)
    ]
    assert list(map(str, values_of(found))) == list(map(str, exact))
    scaled = Column(np.arange(300) - 150, None, 1)
    for compare in COMPARISONS:
        answer = compared(compare, scaled, found, compare)
        assert answer is not None
        assert values_of(answer) == expected(compare, scaled, found)


def test_only_rows_that_floats_cannot_tell_apart_are_made(monkeypatch):
    asked = []
    by_rows = near_decimals.scaled.by_rows
    monkeypatch.setattr(
        near_decimals.scaled,
        "by_rows",
        lambda row, pairs, dtype: asked.append(len(pairs[0])) or by_rows(row, pairs, dtype),
    )
    late = averages_of(np.array([100, 200, 301]), np.array([1, 2, 3]), 2)
    found = compared(operator.lt, late, Column(np.array([100, 100, 100]), None, 2), operator.lt)
    assert values_of(found) == [False, False, False]
    assert asked == [2]


def test_other_columns_are_left_to_others():
    scaled, late = (
        Column(np.array([1, 2]), None, 2),
        averages_of(np.array([1, 2]), np.array([1, 1]), 0),
    )
    plain = Column(late.values)
    assert compared(operator.lt, scaled, plain, operator.lt) is None
    assert compared(operator.lt, late, plain, operator.lt) is None
    strange = constant_column(Decimal("NaN"), OBJECT, 2)
    assert compared(operator.lt, late, strange, operator.lt) is None
    made = product_kernel(lambda *_, count: scaled)(CONTEXT, late, strange, count=2)
    assert made is scaled
