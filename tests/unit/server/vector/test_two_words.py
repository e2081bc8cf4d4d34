"""Quotients that 64 bits do not hold: sums, extremes and rounded ones from two words are those of the Decimals."""

import random
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR

import numpy as np
import pytest

from server.functions import numeric_math as exact
from server.functions import quotients
from server.functions.extremes import BestDecimals
from server.functions.scaled import at_one_scale, round_column
from server.functions.sums import DecimalSums
from server.vector.column import Column
from server.vector.parted import PartedColumn
from server.vector.rows import plain_values, values_of
from server.vector.two_words import words_of

GROUPS = 7
SIZES = [
    (2, 2, 10**5, 10**9),
    (0, 0, 10**6, 10**6),
    (6, 2, 10**12, 10**4),
    (2, 0, 10**7, 86400),
    (18, 0, 10**17, 10**3),
]


def shares(sizes, count=1500):
    """Quotients as a column and one by one."""
    scale, other_scale, upper, lower = sizes
    numbers = random.Random(upper + lower)
    values = [numbers.randint(-upper, upper) for _ in range(count)]
    divisors = [numbers.choice([-1, 1]) * numbers.randint(1, lower) for _ in range(count)]
    valid = np.array([numbers.random() < 0.9 for _ in range(count)])
    left = Column(np.array(values), valid, scale)
    right = Column(np.array(divisors), None, other_scale)
    pairs = zip(values_of(left), plain_values(right), strict=True)
    expected = [None if one is None else exact.divide(one, other) for one, other in pairs]
    found = quotients.divide(left, right)
    assert isinstance(found, PartedColumn)
    return found, expected


@pytest.mark.parametrize("sizes", SIZES)
def test_quotients_of_two_words_are_those_of_the_rows(sizes):
    found, expected = shares(sizes)
    assert any(words_of(part) is not None and len(part) for _, part in found.parts)
    assert list(map(str, values_of(found))) == list(map(str, expected))


@pytest.mark.parametrize("sizes", SIZES)
def test_they_are_added_up_word_by_word(sizes):
    found, expected = shares(sizes)
    sums = DecimalSums()
    sums.add(np.arange(len(found)) % GROUPS, found, GROUPS)
    assert not sums.others
    for group, total in enumerate(values_of(sums.sums(GROUPS))):
        wanted = None
        for value in expected[group::GROUPS]:
            if value is not None:
                wanted = value if wanted is None else exact.add(wanted, value)
        assert str(total) == str(wanted)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("greatest", [True, False])
def test_the_best_are_found_by_words(sizes, greatest):
    found, expected = shares(sizes)
    best = BestDecimals(greatest)
    there = np.flatnonzero(found.validity())
    best.offer_all(there % GROUPS, found.take(there), GROUPS)
    choose = max if greatest else min
    for group, value in enumerate(values_of(best.settle(GROUPS))):
        assert value == choose(each for each in expected[group::GROUPS] if each is not None)


@pytest.mark.parametrize("sizes", SIZES)
def test_they_are_rounded_by_words(sizes):
    found, expected = shares(sizes)
    for scale in (0, 1, 2):
        rounded = round_column(found, 30, scale)
        wanted = [None if one is None else str(exact.round_scale(one, scale)) for one in expected]
        assert rounded is not None
        assert [None if one is None else str(one) for one in values_of(rounded)] == wanted


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(
    ("upwards", "rounding"), [(-1, ROUND_FLOOR), (1, ROUND_CEILING), (0, ROUND_DOWN)]
)
def test_whole_numbers_are_found_by_words(sizes, upwards, rounding):
    found, expected = shares(sizes)
    row = exact.integral(rounding)
    made = at_one_scale(found, 0, lambda part: quotients.whole(part, upwards), row)
    assert values_of(made) == [None if one is None else row(one) for one in expected]


def test_rows_of_several_batches_are_put_together():
    found, expected = shares(SIZES[0])
    part = next(part for _, part in found.parts if words_of(part) is not None and len(part) > 9)
    again = part.take(np.arange(9)[::-1]).slice(2, 5)
    assert list(again.values) == list(part.values[4:7][::-1])
    assert values_of(found.take(np.arange(50))) == expected[:50]
