"""Quotients, remainders and whole numbers of columns are those of the rows."""

import random
from decimal import Decimal

import numpy as np
import pytest

from server.functions import numeric_math as exact
from server.functions import quotients
from server.functions.numeric import FUNCTIONS
from server.functions.sums import DecimalSums
from server.vector import native
from server.vector import quotient_words as specified
from server.vector.column import Column
from server.vector.parted import PartedColumn
from server.vector.rows import column_of, constant_column, values_of

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


@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("scales", [(0, 0), (2, 0), (0, 6), (7, 5)])
@pytest.mark.parametrize("group_count", [1, 5])
def test_sums_of_quotients_are_the_specified_ones(rows, scales, group_count):
    numbers = np.random.default_rng(rows)
    left = numbers.integers(-(10**9), 10**9, rows) // 10 ** numbers.integers(0, 10, rows)
    right = numbers.integers(1, 10**6, rows) // 10 ** numbers.integers(0, 6, rows)
    right = np.where(right == 0, -3, right)
    groups = numbers.integers(0, group_count, rows)
    arguments = (left, right, scales, 16, groups, group_count)
    found, expected = native.quotient_sums(*arguments), specified.quotient_sums(*arguments)
    assert found is not None
    assert expected is not None
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


@pytest.mark.parametrize("functions", [native, specified])
def test_sums_that_two_words_do_not_hold_are_left(functions):
    nothing = np.zeros(3, np.int64)
    large = np.array([1, (1 << 63) - 1, 1])
    assert functions.quotient_sums(large, large * 0 + 1, (0, 18), 16, nothing, 1) is None
    assert functions.quotient_sums(large, large * 0 + 1, (0, 0), 16, nothing, 1) is None
    assert functions.quotient_sums(large // 4, large * 0 + 1, (0, 0), 16, nothing, 1) is not None
    assert functions.quotient_sums(large[:0], large[:0], (0, 0), 16, nothing[:0], 1) is not None


@pytest.mark.parametrize("groups", [1, 3, 2000])
def test_quotients_are_added_as_they_are_divided(groups):
    numbers = random.Random(groups)
    left = columns(2, numbers)
    divisors = np.array([numbers.choice([3, 7, -11, 1000, 123456]) for _ in range(len(left))])
    found = quotients.divide(left, Column(divisors, None, 1))
    assert isinstance(found, quotients.Quotients)
    owners = np.arange(len(found)) % groups
    added, apart = DecimalSums(), DecimalSums()
    added.add(owners, found, groups)
    apart.add(owners, column_of(values_of(found), np.dtype(object)), groups)
    assert list(map(str, values_of(added.sums(groups)))) == list(
        map(str, values_of(apart.sums(groups)))
    )
    assert list(map(str, values_of(added.averages(groups)))) == list(
        map(str, values_of(apart.averages(groups)))
    )


def test_quotients_not_yet_divided_are_picked_and_cut():
    values = np.array([100, 250, 7, 1])
    valid = np.array([True, True, False, True])
    pair = Column(values, valid, 2), Column(np.array([3, 4, 0, 8]), None, 0)

    def made():
        found = quotients.divide(*pair)
        assert isinstance(found, quotients.Quotients)
        return found

    rows = values_of(made())
    assert rows[2] is None
    assert str(rows[0]) == "0.33333333333333333333"
    picked = made().take(np.array([3, -1, 0, 2, 0]))
    assert values_of(picked) == [rows[3], None, rows[0], None, rows[0]]
    assert values_of(made().slice(1, 3)) == rows[1:3]
    masked = made().masked(np.array([True, False, False, True]))
    assert values_of(masked) == [rows[0], None, None, rows[3]]
    assert values_of(made().take(np.zeros(0, np.int64)).take(np.array([-1]))) == [None]
    assert isinstance(made().take(np.array([0, 1])), quotients.Quotients)
    repeated = made().take(np.array([0, 1, 0, 2, 0, 3]))  # is divided before, not six times
    assert not isinstance(repeated, quotients.Quotients)
    assert values_of(repeated) == [rows[place] for place in (0, 1, 0, 2, 0, 3)]


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


@pytest.mark.parametrize("groups", [1, 63, 64, 3000])
@pytest.mark.parametrize("size", [10**6, 10**12, 10**18])
def test_sums_of_several_scales_are_put_together_by_scale(groups, size):
    numbers = np.random.default_rng(groups)
    count = 9000
    left = Column(numbers.integers(-size, size, count), numbers.random(count) < 0.9, 2)
    divisors = Column(numbers.integers(1, 2000, count), None, 0)
    owners = numbers.integers(0, groups, count)
    owners = np.where(owners == 7, 8 % groups, owners)  # a group without rows
    state, plain = DecimalSums(), DecimalSums()
    found = quotients.divide(left, divisors)
    for column in (found, left, Column(np.zeros(count, np.int64), None, 5)):
        state.add(owners, column, groups)
        plain.add(owners, column_of(values_of(column), OBJECT), groups)
    assert not state.others
    sums = state.sums(groups)
    assert isinstance(sums, PartedColumn)
    assert list(map(str, values_of(sums))) == list(map(str, values_of(plain.sums(groups))))
    wanted = list(map(str, values_of(plain.averages(groups))))
    assert list(map(str, values_of(state.averages(groups)))) == wanted
