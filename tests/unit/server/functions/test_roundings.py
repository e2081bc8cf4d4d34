"""Roundings and cuts of columns are those of the rows, in whatever form the column comes."""

from decimal import Decimal

import numpy as np
import pytest

from server.functions import numeric_math as exact
from server.functions import quotients
from server.functions.numeric import FUNCTIONS
from server.vector.column import Column
from server.vector.parted import PartedColumn
from server.vector.rows import column_of, constant_column, values_of

OBJECT = np.dtype(object)
KERNELS = {function.oid: function.kernel for function in FUNCTIONS}
ROUND, ROUND_WHOLE, CUT, SIGN, DIVIDE_WHOLE = (
    KERNELS[oid] for oid in (1707, 1708, 1709, 1706, 1973)
)
PLACES = (-25, -19, -18, -4, -2, -1, 0, 1, 2, 3, 5, 17, 18, 19, 40)
NUMBERS = (
    0,
    4,
    5,
    6,
    49,
    50,
    51,
    149,
    150,
    151,
    99_995,
    10**17,
    5 * 10**17,
    10**18,
    9 * 10**18,
    (1 << 63) - 1,
)


def scaled_column(scale):
    return Column(np.array([sign * n for n in NUMBERS for sign in (1, -1)], np.int64), None, scale)


def divided(scale):
    """Quotients that need two words each."""
    numbers = np.array([sign * n for n in NUMBERS for sign in (1, -1)], np.int64) % 10**15
    return quotients.divide(Column(numbers, None, scale), Column(np.full(len(numbers), 7), None, 0))


COLUMNS = {
    **{f"scale {scale}": lambda scale=scale: scaled_column(scale) for scale in (0, 1, 2, 6, 18)},
    "quotients": lambda: divided(2),
    "plain": lambda: column_of(
        [Decimal(x) for x in ("NaN", "Infinity", "-Infinity", "1e40", "-2.5", "1e-30", "0.00")],
        OBJECT,
    ),
    "nulls": lambda: Column(np.array([155, 7, -155]), np.array([True, False, True]), 1),
}


def shown(column):
    return list(map(str, values_of(column)))


def by_rows(function, column, *more):
    return [str(None if x is None else function(x, *more)) for x in values_of(column)]


@pytest.mark.parametrize("name", COLUMNS)
def test_roundings_and_cuts_are_those_of_the_rows(name):
    column = COLUMNS[name]()
    count = len(column)
    assert shown(ROUND_WHOLE(None, column, count=count)) == by_rows(exact.round_scale, column, 0)
    for places in PLACES:
        digits = constant_column(places, np.dtype(np.int32), count)
        found = ROUND(None, column, digits, count=count)
        assert shown(found) == by_rows(exact.round_scale, column, places), places
        found = CUT(None, column, digits, count=count)
        assert shown(found) == by_rows(exact.truncate_scale, column, places), places


def test_quotients_are_of_the_kind_that_is_meant():
    assert isinstance(divided(2), PartedColumn)


@pytest.mark.parametrize("kernel", [ROUND, CUT])
def test_places_that_differ_or_are_null(kernel):
    column = Column(np.array([1550, 1550, 1550]), None, 2)
    digits = Column(np.array([1, -1, 0], np.int32), np.array([True, True, False]))
    row = exact.round_scale if kernel is ROUND else exact.truncate_scale
    expected = [str(row(Decimal("15.50"), 1)), str(row(Decimal("15.50"), -1)), "None"]
    assert shown(kernel(None, column, digits, count=3)) == expected
    nothing = constant_column(None, np.dtype(np.int32), 3)
    assert shown(kernel(None, column, nothing, count=3)) == ["None"] * 3


@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 65_537])
def test_all_rows_are_done(rows):
    numbers = np.random.default_rng(rows).integers(-(10**6), 10**6, rows)
    column = Column(numbers, numbers % 5 != 0, 2)
    assert shown(ROUND_WHOLE(None, column, count=rows)) == by_rows(exact.round_scale, column, 0)
    if rows:
        digits = constant_column(-1, np.dtype(np.int32), rows)
        found = CUT(None, column, digits, count=rows)
        assert shown(found) == by_rows(exact.truncate_scale, column, -1)


def test_signs():
    column = Column(np.array([-5, 0, 7, 3]), np.array([True, True, True, False]), 1)
    assert shown(SIGN(None, column, count=4)) == ["-1", "0", "1", "None"]


@pytest.mark.parametrize(("scale", "other"), [(0, 0), (2, 0), (0, 3), (6, 6)])
def test_whole_quotients_are_those_of_the_rows(scale, other):
    numbers = [sign * n for n in NUMBERS[:-4] for sign in (1, -1)]
    left = Column(np.array(numbers), None, scale)
    right = Column(np.array([n or 3 for n in reversed(numbers)]), None, other)
    found = DIVIDE_WHOLE(None, left, right, count=len(numbers))
    expected = [
        exact.divide_whole(*pair) for pair in zip(values_of(left), values_of(right), strict=True)
    ]
    assert shown(found) == list(map(str, expected))
