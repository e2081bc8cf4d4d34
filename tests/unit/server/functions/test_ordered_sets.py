"""Percentiles and modes of all groups at once are those of each group's values."""

import math
from decimal import Decimal
from itertools import groupby

import numpy as np
import pytest

from server.errors import NumericValueOutOfRange
from server.functions.function import CallContext
from server.functions.ordered_sets import AGGREGATES
from server.types.array import Array, make_array
from server.types.interval_style import Interval
from server.types.registry import TYPE_BY_NAME, TYPE_BY_OID
from server.types.type import TextStyle, TypeReference
from server.vector.column import Column
from server.vector.rows import column_of, constant_column, objects, values_of
from server.vector.texts import text_column

BY_OID = {aggregate.oid: aggregate for aggregate in AGGREGATES}
OBJECT = np.dtype(object)
FLOAT = np.dtype(np.float64)


def result_of(oid, result, *columns, groups, group_count):
    aggregate = BY_OID[oid]
    argument_types = [TYPE_BY_NAME["float8"]] * (len(columns) - 1) + [TYPE_BY_NAME[result]]
    kind = TYPE_BY_NAME[result] if aggregate.result == 2283 else TYPE_BY_OID[aggregate.result]
    call = CallContext(TextStyle(), TypeReference(kind), tuple(map(TypeReference, argument_types)))
    state = aggregate.create(call)
    if len(groups):
        state = aggregate.accumulate(state, groups, group_count, columns)
    return values_of(aggregate.finish(state, group_count))


def by_group(groups, values, group_count):
    found = [[] for _ in range(group_count)]
    for group, value in zip(groups.tolist(), values, strict=True):
        if value is not None:
            found[group].append(value)
    return found


def continuous(values, fraction):
    place = fraction * (len(values) - 1)
    low, high = math.floor(place), math.ceil(place)
    return values[low] + (values[high] - values[low]) * (place - low) if low < high else values[low]


@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.5, 1.0])
def test_percentiles_of_many_groups(count, fraction):
    rng = np.random.default_rng(count)
    groups = np.sort(rng.integers(0, 900, count))
    values = rng.normal(0, 100, count)
    values = values[np.lexsort((values, groups))]
    valid = rng.random(count) < 0.9
    column = Column(values, valid)
    direct = constant_column(fraction, FLOAT, count)
    found = result_of(3974, "float8", direct, column, groups=groups, group_count=901)
    lists = by_group(groups, values_of(column), 901)
    assert found == [continuous(each, fraction) if each else None for each in lists]
    found = result_of(3972, "float8", direct, column, groups=groups, group_count=901)
    assert found == [
        each[max(math.ceil(fraction * len(each)) - 1, 0)] if each else None for each in lists
    ]


def test_infinite_values_and_fractions_of_their_own():
    groups = np.array([0, 0, 1, 1, 2, 3])
    values = Column(np.array([1.0, math.inf, -math.inf, math.inf, 7.0, 8.0]))
    fractions = column_of([0.0, 0.0, 1.0, 1.0, None, 0.5], FLOAT)
    found = result_of(3974, "float8", fractions, values, groups=groups, group_count=4)
    assert found == [1.0, math.inf, None, 8.0]


def test_groups_in_any_order_and_in_pieces():
    aggregate = BY_OID[3972]
    kind = TypeReference(TYPE_BY_NAME["int4"])
    state = aggregate.create(
        CallContext(TextStyle(), kind, (TypeReference(TYPE_BY_NAME["float8"]), kind))
    )
    half = constant_column(0.5, FLOAT, 3)
    for groups, values in (([1, 0, 1], [5, 1, 6]), ([0, 1, 1], [2, 7, 8])):
        column = Column(np.array(values, np.int32))
        state = aggregate.accumulate(state, np.array(groups), 2, (half, column))
    assert values_of(aggregate.finish(state, 2)) == [1, 6]


@pytest.mark.parametrize("fraction", [-0.1, 1.5, math.nan])
def test_fractions_that_are_none(fraction):
    direct = constant_column(fraction, FLOAT, 1)
    one, groups = Column(np.array([1.0])), np.zeros(1, np.int64)
    with pytest.raises(NumericValueOutOfRange, match="is not between 0 and 1"):
        result_of(3974, "float8", direct, one, groups=groups, group_count=1)
    empty = Column(np.array([1.0]), np.array([False]))
    assert result_of(3974, "float8", direct, empty, groups=groups, group_count=1) == [None]


def test_arrays_of_fractions_and_intervals():
    wanted = make_array(701, (0.5, None, 1.0))
    groups = np.array([0, 0, 2])
    directs = Column(objects([wanted] * 3))
    spans = Column(objects([Interval(0, 1, 0), Interval(0, 4, 0), Interval(1, 0, 0)]))
    found = result_of(3982, "interval", directs, spans, groups=groups, group_count=3)
    middle = Interval(0, 2, 12 * 3_600_000_000)
    assert found[1] is None
    assert [each.items for each in (found[0], found[2])] == [
        (middle, None, Interval(0, 4, 0)),
        (Interval(1, 0, 0), None, Interval(1, 0, 0)),
    ]
    assert isinstance(found[0], Array)


MODES = [
    ("int4", np.array([1, 1, 2, 2, 2, 3], np.int32), None),
    ("float8", np.array([0.0, -0.0, 1.0, math.nan, math.nan, math.nan]), None),
    ("text", ["a", "b", "b", "b b b b b b b b", "c", "c"], None),
    ("bpchar", ["a", "a ", "b", "b", "b  ", "c"], None),
    ("numeric", [Decimal("1.0"), Decimal("1.00"), Decimal(2), None, None, None], None),
]


@pytest.mark.parametrize(("kind", "values", "form"), MODES)
@pytest.mark.parametrize("groups", [[0] * 6, [0, 0, 0, 1, 1, 2], [1, 1, 1, 1, 3, 3]])
def test_modes(kind, values, form, groups):
    is_plain = isinstance(values, list)
    column = column_of(values, OBJECT) if is_plain else Column(values)
    columns = [column]
    if kind in ("text", "bpchar"):
        words = Column(objects(list(dict.fromkeys(values))))
        codes = np.array([words.values.tolist().index(value) for value in values], np.int32)
        columns += [text_column(column), Column(codes, None, None, words)]
    key = {"bpchar": lambda value: value.rstrip(), "float8": lambda value: str(abs(value))}.get(
        kind, lambda value: value
    )
    expected = []
    for rows in by_group(np.array(groups), values_of(column), 4):
        runs = [list(run) for _, run in groupby(rows, key)]
        expected.append(max(runs, key=len)[0] if runs else None)
    for each in columns:
        found = result_of(3984, kind, each, groups=np.array(groups), group_count=4)
        assert list(map(str, found)) == list(map(str, expected))
