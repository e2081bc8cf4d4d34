"""What is known of columns, as fractions of rows."""

import pytest

from server.expressions.expression import Constant
from server.planner.statistics import ColumnFacts
from server.planner.value_estimates import compared_share, equal_share, unequal_share
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference

INT = TYPE_BY_OID[23]
TEXT = TYPE_BY_OID[25]


def facts(**fields):
    known = {"kind": INT, "learned": True, "distinct": 100.0} | fields
    known["common_total"] = sum(known.get("common", {}).values())
    known["bound_values"] = known.get("bounds", [])
    return ColumnFacts(1000.0, **known)


def number(value):
    return Constant(type=TypeReference(INT), value=value)


def test_common_values_alone_tell_what_is_below():
    known = facts(common={1: 0.5, 2: 0.3, 3: 0.2})
    assert compared_share(known, "<", number(2)) == pytest.approx(0.5)
    assert compared_share(known, "<=", number(2)) == pytest.approx(0.8)
    assert compared_share(known, ">", number(2)) == pytest.approx(0.2)
    assert compared_share(known, "<", number(9)) == pytest.approx(1.0)


def test_of_the_others_half_is_taken_to_be_below():
    known = facts(null_fraction=0.1, common={5: 0.6})
    assert compared_share(known, "<", number(7)) == pytest.approx(0.6 + 0.3 / 2)
    assert compared_share(known, "<", number(3)) == pytest.approx(0.3 / 2)


def test_without_statistics_a_third_is_below():
    assert compared_share(ColumnFacts(1000.0, kind=INT), "<", number(3)) == pytest.approx(1 / 3)


def test_a_histogram_is_read_between_its_bounds():
    known = facts(bounds=[1, 11, 21], distinct=-1.0)
    known.distinct = 1000.0
    assert compared_share(known, "<=", number(16)) == pytest.approx(0.75)
    assert compared_share(known, "<", number(16)) == pytest.approx(0.75 - 1 / 1000)
    assert compared_share(known, "<", number(-5)) == pytest.approx(0.005)
    assert compared_share(known, ">", number(30)) == pytest.approx(0.005)


def test_texts_are_read_between_bounds_by_their_characters():
    known = facts(kind=TEXT, bounds=["aa", "zz"], distinct=500.0)
    share = compared_share(known, "<=", Constant(type=TypeReference(TEXT), value="nn"))
    assert 0.4 < share < 0.6


def test_a_value_that_is_not_common_has_its_part_of_the_others():
    known = facts(null_fraction=0.1, common={1: 0.5}, distinct=11.0)
    assert equal_share(known, 1, is_known=True) == pytest.approx(0.5)
    assert equal_share(known, 7, is_known=True) == pytest.approx(0.04)
    assert equal_share(known, None, is_known=False) == pytest.approx(0.9 / 11)
    assert unequal_share(known, 0.5) == pytest.approx(0.4)
