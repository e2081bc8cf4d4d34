"""Differences of timestamps as columns: what is asked of them is what the intervals themselves answer."""

import operator

import numpy as np
import pytest

from server.functions import fields, instants
from server.functions.date_fields import FUNCTIONS as FIELD_FUNCTIONS
from server.functions.elapsed import comparison_keys, difference, elapsed, elapsed_us
from server.functions.function import CallContext
from server.functions.interval_sums import AGGREGATES
from server.functions.orders import interval_key
from server.types.calendar import TIMESTAMP_INFINITY, US_PER_DAY
from server.types.interval_style import Interval
from server.types.registry import TYPE_BY_OID
from server.types.type import TextStyle, TypeReference
from server.vector.column import Column
from server.vector.rows import constant_column, values_of

ANY = CallContext(TextStyle(), TypeReference(TYPE_BY_OID[1186]), ())
OBJECT = np.dtype(object)
US = np.array(
    [0, 1, -1, US_PER_DAY, -US_PER_DAY, 90 * 60_000_000, -3 * US_PER_DAY - 61_000_001, 10**16]
)
MASKS = [None, np.arange(len(US)) % 3 != 1]


@pytest.mark.parametrize("valid", MASKS)
def test_differences_are_those_of_each_row(valid):
    left, right = Column(US * 2, valid), Column(US)
    found = difference(ANY, left, right, count=len(US))
    assert elapsed_us(found) is not None
    expected = [instants.difference(2 * us, us) for us in US.tolist()]
    there = found.validity()
    assert values_of(found) == [
        each if is_there else None for each, is_there in zip(expected, there, strict=True)
    ]


def test_infinite_timestamps_have_no_difference():
    left = Column(np.array([TIMESTAMP_INFINITY, 1]), np.array([False, True]))
    found = difference(ANY, left, Column(np.array([5, 5])), count=2)
    assert values_of(found) == [None, Interval(0, 0, -4)]
    with pytest.raises(Exception, match="cannot subtract infinite timestamps"):
        difference(ANY, Column(left.values), Column(np.array([5, 5])), count=2)


@pytest.mark.parametrize(
    "constant",
    [Interval(0, 0, 0), Interval(0, 1, 0), Interval(1, -30, 1), Interval(2**31 - 1, 0, 0)],
)
def test_comparisons_go_by_the_span(constant):
    column = elapsed(US, None)
    for left, right in (
        (column, constant_column(constant, OBJECT, len(US))),
        (constant_column(constant, OBJECT, len(US)), column),
    ):
        keys = comparison_keys(left, right)
        assert keys is not None
        for compare in (operator.lt, operator.eq, operator.ge):
            expected = [
                compare(interval_key(one), interval_key(other))
                for one, other in zip(values_of(left), values_of(right), strict=True)
            ]
            assert np.broadcast_to(compare(*keys), len(US)).tolist() == expected


def test_intervals_in_other_forms_are_left_to_the_rows():
    plain = Column(elapsed(US, None).values)
    assert comparison_keys(plain, elapsed(US, None)) is None
    assert comparison_keys(plain, constant_column(Interval(0, 1, 0), OBJECT, len(US))) is None


@pytest.mark.parametrize(
    "unit",
    ["epoch", "day", "hour", "minute", "second", "milliseconds", "microseconds", "month", "year"],
)
@pytest.mark.parametrize("oid", [6204, 1172])
def test_fields_are_those_of_each_interval(unit, oid):
    (function,) = [each for each in FIELD_FUNCTIONS if each.oid == oid]
    convert = fields.as_numeric if oid == 6204 else fields.as_float
    names = constant_column(unit, OBJECT, len(US))
    for column in (elapsed(US, None), Column(elapsed(US, None).values)):
        found = values_of(function.kernel(ANY, names, column, count=len(US)))
        expected = [
            convert(fields.interval_field(interval, unit)) for interval in values_of(column)
        ]
        assert list(map(str, found)) == list(map(str, expected))


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_sums_and_means(aggregate):
    groups, valid = np.arange(len(US)) % 3, np.arange(len(US)) != 4
    results = []
    for column in (elapsed(US, valid), Column(elapsed(US, None).values, valid)):
        state = aggregate.create(ANY)
        for part in (slice(0, 5), slice(5, 8)):
            piece = column.slice(part.start, part.stop)
            state = aggregate.accumulate(state, groups[part], 4, (piece,))
        results.append(values_of(aggregate.finish(state, 4)))
    assert results[0] == results[1]
    assert results[0][3] is None
