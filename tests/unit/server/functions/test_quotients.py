"""Quotients, remainders and whole numbers of columns are those of the rows."""

import random
from decimal import Decimal

import numpy as np
import pytest

from server.functions import numeric_math as exact
from server.functions import quotients
from server.functions.numeric import FUNCTIONS
from server.vector import native
from server.vector import quotient_words as specified
from server.vector.column import Column
from server.vector.rows import constant_column, values_of

OBJECT = np.dtype(object)
NUMBERS = (0, 1, 3, 7, 9, 10, 99, 100, 9999, 10000, 10001, 12345678, 10**15, 10**18, 9 * 10**18)


def columns(scale, random_numbers):
    numbers = [sign * number for number in NUMBERS for sign in (1, -1)]
    numbers += [random_numbers.randrange(-(10**digits), 10**digits) for digits in range(1, 19)]
    return Column(np.array(numbers, np.int64), None, scale)


@pytest.mark.parametrize("scale", [0, 1, 2, 4, 6, 17])
@pytest.mark.parametrize("other_scale", [0, 3, 4, 5, 18])
def test_quotients_are_those_of_the_rows(scale, other_scale):
    left = columns(scale, random.Random(scale))
    numbers = columns(other_scale, random.Random(other_scale + 100)).values
    right = Column(np.where(numbers == 0, 11, numbers)[::-1].copy(), None, other_scale)
    found = values_of(quotients.divide(left, right))
    expected = [exact.divide(*pair) for pair in zip(values_of(left), values_of(right), strict=True)]
    assert list(map(str, found)) == list(map(str, expected))


@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 65_537])
def test_words_of_quotients_are_the_specified_ones(rows):
    numbers = np.random.default_rng(rows)
    digits = [10 ** numbers.integers(0, 18, rows) for _ in range(2)]
    left, right = (
        numbers.integers(-9, 10, rows) * each + numbers.integers(0, 7, rows) for each in digits
    )
    right = np.where(right == 0, 7, right)
    for scales in ((0, 0), (2, 0), (0, 18), (18, 2)):
        arguments = (left, scales[0], right, scales[1], 16, 1000)
        for found, expected in zip(
            native.quotient_words(*arguments), specified.quotient_words(*arguments), strict=True
        ):
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)


@pytest.mark.parametrize(("scale", "other_scale"), [(0, 0), (2, 0), (0, 2), (3, 1)])
def test_remainders_are_those_of_the_rows(scale, other_scale):
    numbers = [n for n in columns(0, random.Random(1)).values.tolist() if abs(n) < 10**14]
    left = Column(np.array(numbers, np.int64), None, scale)
    right = Column(np.array([n or 5 for n in reversed(numbers)], np.int64), None, other_scale)
    found = values_of(quotients.remainder(left, right))
    pairs = zip(values_of(left), values_of(right), strict=True)
    assert list(map(str, found)) == [str(exact.remainder(*pair)) for pair in pairs]


@pytest.mark.parametrize("name", ["ceil", "floor", "trunc"])
@pytest.mark.parametrize("scale", [0, 1, 4])
def test_whole_numbers_are_those_of_the_rows(name, scale):
    (function,) = (f for f in FUNCTIONS if f.name == name and len(f.arguments) == 1)
    column = columns(scale, random.Random(7))
    found = values_of(function.kernel(None, column, count=len(column)))
    assert list(map(str, found)) == [str(function.row(value)) for value in values_of(column)]


def test_nulls_divide_nothing_and_zeros_are_left_to_the_rows():
    valid = np.array([True, False, True])
    left = Column(np.array([10, 5, 7]), valid, 1)
    right = Column(np.array([3, 0, 2]), valid, 0)
    assert values_of(quotients.divide(left, right)) == [
        Decimal("0.33333333333333333333"),
        None,
        Decimal("0.35000000000000000000"),
    ]
    assert quotients.divide(left, Column(np.array([3, 1, 0]), None, 0)) is None
    assert quotients.remainder(left, Column(np.array([3, 1, 0]), None, 0)) is None


def test_a_constant_divides_all():
    left = Column(np.array([1, 2]), None, 0)
    right = constant_column(Decimal(3), OBJECT, 2)
    assert list(map(str, values_of(quotients.divide(left, right)))) == [
        "0.33333333333333333333",
        "0.66666666666666666667",
    ]
