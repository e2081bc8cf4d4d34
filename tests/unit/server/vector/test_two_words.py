"""Quotients that 64 bits do not hold: sums, extremes and rounded ones from two words are those of the Decimals."""

import operator
import random
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

import numpy as np
import pytest

from server.functions import numeric_math as exact
from server.functions import quotients
from server.functions.extremes import BestDecimals
from server.functions.function import CallContext
from server.functions.numeric import FUNCTIONS
from server.functions.registry import FUNCTION_BY_OID
from server.functions.scaled import SCALE_MAX, at_one_scale, floats, multiply, round_column
from server.functions.sums import DecimalSums
from server.types.registry import TYPE_BY_OID
from server.types.type import TextStyle, TypeReference
from server.vector.column import Column
from server.vector.late import LateColumn
from server.vector.parted import PartedColumn
from server.vector.rows import constant_column, plain_values, values_of
from server.vector.two_words import TwoWords, floats_of, nearest, product, words_of

GROUPS = 7
BOOLEAN = TypeReference(TYPE_BY_OID[16])
COMPARE = {
    1718: operator.eq,
    1719: operator.ne,
    1720: operator.gt,
    1721: operator.ge,
    1722: operator.lt,
    1723: operator.le,
}
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


def called(signature, *columns):
    """What a function of numerics gives of columns."""
    (function,) = [
        each
        for each in FUNCTIONS
        if each.name == signature and len(each.arguments) == len(columns) and each.kernel
    ]
    result = TypeReference(TYPE_BY_OID[function.result])
    context = CallContext(TextStyle(), result, (), None)
    return values_of(function.kernel(context, *columns, count=len(columns[0])))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(
    ("name", "row"),
    [("numeric_uminus", exact.negate), ("abs", Decimal.copy_abs), ("float8", float)],
)
def test_signs_and_floats_are_those_of_the_rows(sizes, name, row):
    found, expected = shares(sizes)
    made = called(name, found)
    assert list(map(str, made)) == [str(None if one is None else row(one)) for one in expected]


@pytest.mark.parametrize("sizes", SIZES[:1])
def test_whole_numbers_are_rounded_from_words(sizes):
    found, expected = shares(sizes)
    wanted = [None if one is None else int(exact.round_scale(one, 0)) for one in expected]
    assert called("int8", found) == wanted


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("places", [0, 1, 2, 5, 12])
def test_digits_are_cut_from_words(sizes, places):
    found, expected = shares(sizes)
    made = called("trunc", found, Column(np.broadcast_to(np.int32(places), len(found))))
    assert list(map(str, made)) == [
        str(None if one is None else exact.truncate_scale(one, places)) for one in expected
    ]


def test_numbers_between_two_floats_are_told():
    half = (1 << 53) * 10**3 + 1000  # just between two floats, or next to it
    column = Column(np.array([half - 1, half, half + 1, 5]), None, 3)
    values, strange = floats_of(column)
    assert strange.tolist()[1] is True
    assert values.tolist()[3] == 0.005
    found = floats(column, float)
    assert values_of(found) == [float(Decimal(int(n)).scaleb(-3)) for n in column.values]


def test_rows_of_several_batches_are_put_together():
    found, expected = shares(SIZES[0])
    part = next(part for _, part in found.parts if words_of(part) is not None and len(part) > 9)
    again = part.take(np.arange(9)[::-1]).slice(2, 5)
    assert list(again.values) == list(part.values[4:7][::-1])
    assert values_of(found.take(np.arange(50))) == expected[:50]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("scale", [0, 1, 2, 5, 12, 16, 18])
def test_parts_are_rounded_to_any_scale_of_theirs(sizes, scale):
    found, _ = shares(sizes)
    for _, part in found.parts:
        words = words_of(part)
        made = nearest(part, scale)
        if words is None or made is None or made.scale > SCALE_MAX or not len(part):
            continue
        rounded = round_column(made, 40, scale)
        assert rounded is not None
        wanted = [exact.round_scale(value, scale) for value in values_of(part)]
        assert list(map(str, values_of(rounded))) == list(map(str, wanted))


def test_halves_are_rounded_away_from_zero_between_the_words():
    units = [4, 5, 6, 49, 50, 51, 0, 99]
    seconds = np.array([sign * unit * 10**14 for unit in units for sign in (1, -1)], np.int64)
    firsts = np.array([sign * 3 for _ in units for sign in (1, -1)], np.int64)
    column = LateColumn((firsts, seconds), TwoWords(16, 16))
    for scale in (0, 1, 2, 3):
        made = nearest(column, scale)
        assert made is not None
        assert made.scale == scale
        wanted = [exact.round_scale(value, scale) for value in column.values.tolist()]
        assert list(map(str, values_of(made))) == list(map(str, wanted))
    assert nearest(column, 17) is None
    assert nearest(LateColumn((firsts * 10**17, seconds), TwoWords(16, 16)), 2) is None


def test_numbers_that_fill_a_word_are_rounded_in_it():
    numbers = Column(np.array([9 * 10**18 + 10**17, -(9 * 10**18), (1 << 63) - 1]), None, 16)
    made = round_column(numbers, 10, 2)
    assert made is not None
    assert list(map(str, values_of(made))) == ["910.00", "-900.00", "922.34"]


def test_rounded_quotients_are_not_made_one_by_one():
    left = Column(np.arange(1, 10**6, 37), None, 2)
    right = Column(np.full(len(left), 3), None, 0)
    found = quotients.divide(left, right)
    wanted = [exact.round_scale(value, 2) for value in values_of(found)]
    few = sum(
        len(part) for _, part in found.parts if nearest(part, 2) is None and part.scale is None
    )
    assert few == 0
    made = at_one_scale(found, 2, lambda part: round_column(part, 30, 2), lambda value: 1 / 0)
    assert made is not None
    assert list(map(str, values_of(made))) == list(map(str, wanted))


@pytest.mark.parametrize("count", [1, 2, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("scales", [(10, 10), (18, 0), (18, 18), (9, 9), (2, 17)])
def test_products_of_two_words_are_those_of_the_rows(scales, count):
    numbers = random.Random(count)
    edges = [0, 1, -1, 10**9, 10**9 - 1, 1 - 10**9, 3 * 10**18, (1 << 63) - 1, -(1 << 62)]
    one = [numbers.choice(edges) if numbers.random() < 0.2 else numbers.randint(-(10**18), 10**18)
           for _ in range(count)]  # fmt: skip
    other = [numbers.randint(-(10**18), 10**18) for _ in range(count)]
    valid = np.array([numbers.random() < 0.9 for _ in range(count)])
    left = Column(np.array(one), valid, scales[0])
    right = Column(np.array(other), None, scales[1])
    found = product(left, right)
    assert found is not None
    few = np.arange(min(count, 2000))
    pairs = zip(values_of(left.take(few)), values_of(right.take(few)), strict=True)
    wanted = [None if first is None else exact.multiply(first, second) for first, second in pairs]
    assert list(map(str, values_of(found.take(few)))) == list(map(str, wanted))
    firsts, seconds = (part.tolist() for part in found.parts)
    whole = 10**18
    assert [upper * whole + lower for upper, lower in zip(firsts, seconds, strict=True)] == [
        first * second if there else 0
        for first, second, there in zip(one, other, valid.tolist(), strict=True)
    ]


def test_products_that_two_words_do_not_hold_are_left_to_the_rows():
    large = Column(np.array([(1 << 63) - 1]), None, 9)
    assert product(large, large) is None
    assert product(large, Column(np.array([10**13]), None, 2)) is None
    assert product(Column(np.array([1 << 62]), None, 0), Column(np.array([4]), None, 0)) is None
    assert product(Column(np.empty(0, np.int64), None, 18), large) is None


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("scale", [0, 2])
def test_quotients_are_multiplied_word_by_word(sizes, scale):
    found, expected = shares(sizes)
    numbers = np.random.default_rng(scale).integers(-99, 100, len(found))
    factors = Column(numbers, np.arange(len(found)) % 5 > 0, scale)
    for made in (multiply(found, factors), multiply(factors, found)):
        assert isinstance(made, PartedColumn)
        assert all(
            part.scale is not None or words_of(part) is not None
            for _, part in made.parts
            if len(part)
        )
        pairs = zip(expected, values_of(factors), strict=True)
        assert list(map(str, values_of(made))) == [
            "None" if one is None or other is None else str(exact.multiply(one, other))
            for one, other in pairs
        ]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("oid", sorted(COMPARE))
def test_quotients_are_compared_by_words(sizes, oid):
    found, expected = shares(sizes)
    kernel, context = FUNCTION_BY_OID[oid].kernel, CallContext(TextStyle(), BOOLEAN, (), None)
    assert kernel is not None
    others = [
        constant_column(Decimal("0.25"), np.dtype(object), len(found)),
        found.take(np.arange(len(found))[::-1]),
        Column(np.arange(len(found)), np.arange(len(found)) % 3 > 0, 2),
    ]
    for other in others:
        made = kernel(context, found, other, count=len(found))
        pairs = zip(expected, values_of(other), strict=True)
        assert values_of(made) == [
            None if one is None or two is None else COMPARE[oid](one, two) for one, two in pairs
        ]


def test_products_are_added_up_word_by_word():
    numbers = np.arange(-5000, 5001, dtype=np.int64) * 10**11
    left, right = Column(numbers, None, 10), Column(np.full(len(numbers), 10**10 + 7), None, 10)
    sums = DecimalSums()
    sums.add(np.arange(len(numbers)) % GROUPS, multiply(left, right), GROUPS)
    assert not sums.others
    for group, total in enumerate(values_of(sums.sums(GROUPS))):
        wanted = sum(int(number) for number in numbers[group::GROUPS]) * (10**10 + 7)
        assert total == Decimal(wanted).scaleb(-20)
