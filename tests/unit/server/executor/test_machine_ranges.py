"""Ranges: exactly the numbers that compare so, in whatever units."""

import operator
from itertools import product

import pytest

from server.executor.machine_ranges import GREATEST, LEAST, Range, range_of

SIGNS = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
}


@pytest.mark.parametrize("sign", SIGNS)
def test_numbers_lie_in_the_range_where_they_compare_so(sign):
    for constant, unit in product(range(-25, 26), (1, 7, 10)):
        found = range_of(sign, constant, unit)
        for number in range(-30, 31):
            is_inside = found.low <= number <= found.high
            assert is_inside == SIGNS[sign](number * unit, constant), (number, constant, unit)


@pytest.mark.parametrize(("sign", "constant"), [("lt", LEAST), ("gt", GREATEST), ("eq", 1 << 70)])
def test_ranges_beyond_all_numbers_are_empty(sign, constant):
    found = range_of(sign, constant, 1)
    assert found.low > found.high


def test_a_range_without_end_is_cut_at_the_widest_number():
    assert range_of("le", 1 << 70, 1) == Range()
    assert range_of("ge", -(1 << 70), 1) == Range()
    assert Range(3).within(Range(high=8)).within(Range(5, 20)) == Range(5, 8)
