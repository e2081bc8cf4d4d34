"""Aggregates over groups: values as PostgreSQL gives them, in one go, in batches, and merged."""

import math
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from server.errors import NumericValueOutOfRange
from server.functions.function import CallContext
from server.functions.registry import AGGREGATES
from server.types.array import make_array
from server.types.registry import TYPE_BY_NAME, TYPE_BY_OID
from server.types.type import TextStyle, TypeReference
from server.vector.column import Column
from server.vector.late import LateColumn
from server.vector.parted import PartedColumn, parted_column
from server.vector.rows import column_of, objects, values_of
from server.vector.two_words import TwoWords

BY_SIGNATURE = {(aggregate.name, aggregate.arguments): aggregate for aggregate in AGGREGATES}
STYLE = TextStyle()


def aggregate_of(name, *kinds):
    return BY_SIGNATURE[name, tuple(TYPE_BY_NAME[kind].oid for kind in kinds)]


def call_of(aggregate, result=None, arguments=()):
    types = [TYPE_BY_NAME[kind] for kind in arguments] or [
        TYPE_BY_OID[oid] for oid in aggregate.arguments
    ]
    result_type = TYPE_BY_NAME[result] if result else TYPE_BY_OID[aggregate.result]
    references = tuple(map(TypeReference, types))
    return CallContext(STYLE, TypeReference(result_type), references, SimpleNamespace())


def column(kind, texts):
    type_ = TYPE_BY_NAME[kind]
    values = [None if text is None else type_.parse(text, -1, STYLE) for text in texts]
    return column_of(values, type_.dtype)


def shown(aggregate, found, result=None):
    type_ = TYPE_BY_NAME[result] if result else TYPE_BY_OID[aggregate.result]
    return [None if value is None else type_.format(value, STYLE) for value in values_of(found)]


# Three groups: 0 has the values, 1 only a NULL, 2 no row at all.
CASES = [
    ("count", ["int4"], ["1", None, "3"], ["2", "0", "0"]),
    ("sum", ["int2"], ["1", None, "3"], ["4", None, None]),
    ("sum", ["int4"], ["2147483647", "2147483647", None], ["4294967294", None, None]),
    ("sum", ["int8"], ["9223372036854775807"] * 2, ["18446744073709551614", None, None]),
    ("sum", ["numeric"], ["1.10", "2", None], ["3.10", None, None]),
    ("sum", ["float8"], ["0.5", "0.25"], ["0.75", None, None]),
    ("sum", ["float4"], ["0.5", "0.25"], ["0.75", None, None]),
    ("sum", ["interval"], ["1 day", "1 month 2 hours"], ["1 mon 1 day 02:00:00", None, None]),
    ("avg", ["int4"], ["1", "2"], ["1.5000000000000000", None, None]),
    ("avg", ["int8"], ["1", "1", "2"], ["1.3333333333333333", None, None]),
    ("avg", ["numeric"], ["100.00", "50.01"], ["75.0050000000000000", None, None]),
    ("avg", ["float8"], ["1", "2"], ["1.5", None, None]),
    ("avg", ["interval"], ["1 day", "2 days"], ["1 day 12:00:00", None, None]),
    ("min", ["int4"], ["3", "-5", None], ["-5", None, None]),
    ("max", ["float8"], ["3", "NaN", "Infinity"], ["NaN", None, None]),
    ("min", ["float8"], ["NaN", "3"], ["3", None, None]),
    ("max", ["numeric"], ["1.50", "1.5", "1.4"], ["1.5", None, None]),
    ("min", ["text"], ["b", "a", None], ["a", None, None]),
    ("max", ["date"], ["2024-01-31", "2024-02-01"], ["2024-02-01", None, None]),
    ("max", ["interval"], ["29 days", "1 month"], ["1 mon", None, None]),
    ("max", ["bpchar"], ["b ", "a"], ["b ", None, None]),
    ("bool_and", ["bool"], ["t", "f"], ["f", None, None]),
    ("every", ["bool"], ["t", None], ["t", None, None]),
    ("bool_or", ["bool"], ["f", "f"], ["f", None, None]),
    ("bit_and", ["int4"], ["6", "3"], ["2", None, None]),
    ("bit_or", ["int4"], ["6", "1"], ["7", None, None]),
    ("bit_xor", ["int4"], ["6", "3"], ["5", None, None]),
    ("var_samp", ["int4"], ["1", "2", "4"], ["2.3333333333333333", None, None]),
    ("stddev_pop", ["numeric"], ["1", "2", "4"], ["1.2472191289246471", None, None]),
    ("variance", ["float8"], ["1", "2", "4"], ["2.3333333333333335", None, None]),
    ("stddev", ["float8"], ["1"], [None, None, None]),
]


@pytest.mark.parametrize(("name", "kinds", "texts", "expected"), CASES)
def test_values_of_groups(name, kinds, texts, expected):
    aggregate = aggregate_of(name, *(["any"] if name == "count" else kinds))
    rows = column(kinds[0], [*texts, None])
    groups = np.array([0] * len(texts) + [1])
    state = aggregate.create(call_of(aggregate, arguments=kinds))
    state = aggregate.accumulate(state, groups, 3, (rows,))
    assert shown(aggregate, aggregate.finish(state, 3)) == expected


@pytest.mark.parametrize(
    ("name", "kinds", "texts", "expected"),
    [
        case
        for case in CASES
        if aggregate_of(case[0], *(["any"] if case[0] == "count" else case[1])).merge
    ],
)
def test_batches_and_merged_workers_agree(name, kinds, texts, expected):
    aggregate = aggregate_of(name, *(["any"] if name == "count" else kinds))
    call = call_of(aggregate, arguments=kinds)
    ours, theirs = aggregate.create(call), aggregate.create(call)
    first, rest = column(kinds[0], texts[:1]), column(kinds[0], [*texts[1:], None])
    ours = aggregate.accumulate(ours, np.array([0]), 1, (first,))
    # The other worker met the groups in another order: its group 1 is ours 0.
    numbers = np.array([1] * len(texts[1:]) + [0])
    theirs = aggregate.accumulate(theirs, numbers, 2, (rest,))
    merged = aggregate.merge(ours, theirs, np.array([1, 0]), 3)
    assert shown(aggregate, aggregate.finish(merged, 3)) == expected


def test_count_of_rows_without_arguments():
    aggregate = aggregate_of("count")
    state = aggregate.create(call_of(aggregate))
    state = aggregate.accumulate(state, np.array([0, 0, 4]), 5, ())
    assert values_of(aggregate.finish(state, 6)) == [2, 0, 0, 0, 1, 0]


def test_sums_of_scaled_columns_are_exact_beyond_64_bits():
    aggregate = aggregate_of("sum", "numeric")
    state = aggregate.create(call_of(aggregate))
    largest = Column(np.full(4, 10**18 - 1), None, 2)
    state = aggregate.accumulate(state, np.zeros(4, np.int64), 1, (largest,))
    state = aggregate.accumulate(
        state, np.zeros(20, np.int64), 1, (Column(np.full(20, 10**18), None, 2),)
    )
    assert values_of(aggregate.finish(state, 1)) == [
        Decimal(4 * (10**18 - 1) + 20 * 10**18).scaleb(-2)
    ]


def test_sum_shows_the_most_decimals_of_its_own_group():
    aggregate = aggregate_of("sum", "numeric")
    parts = [
        (np.array([0]), Column(np.array([150]), None, 2)),
        (np.array([1, 2]), Column(np.array([0, 7]), None, 0)),
    ]
    mixed = parted_column(4, parts)
    assert isinstance(mixed, PartedColumn)
    assert values_of(mixed) == [Decimal("1.50"), Decimal(0), Decimal(7), None]
    state = aggregate.create(call_of(aggregate))
    state = aggregate.accumulate(state, np.array([0, 1, 0, 1]), 2, (mixed,))
    assert list(map(str, values_of(aggregate.finish(state, 2)))) == ["8.50", "0"]


@pytest.mark.parametrize("name", ["min", "max"])
def test_few_numbers_of_two_words_are_looked_at(name, monkeypatch):
    made = []

    def noted(self, firsts, seconds, valid):
        made.extend(firsts)
        return specified(self, firsts, seconds, valid)

    specified = TwoWords.__call__
    monkeypatch.setattr(TwoWords, "__call__", noted)
    words = LateColumn((np.arange(1000) // 3, np.arange(1000) % 7), TwoWords(20, 18))
    aggregate = aggregate_of(name, "numeric")
    groups = np.arange(1000) % 2
    state = aggregate.create(call_of(aggregate))
    found = aggregate.finish(aggregate.accumulate(state, groups, 2, (words,)), 2)
    assert len(made) == 2
    rows = [values_of(words)[first::2] for first in (0, 1)]
    assert values_of(found) == [{"min": min, "max": max}[name](each) for each in rows]


def test_sum_of_bigints_too_large_for_its_type():
    aggregate = aggregate_of("sum", "int4")
    state = aggregate.create(call_of(aggregate))
    state.high[0] = 1 << 40
    state.counts[0] = 1
    with pytest.raises(NumericValueOutOfRange, match="bigint out of range"):
        aggregate.finish(state, 1)


def test_overflow_of_float_sums_but_not_of_infinities():
    aggregate = aggregate_of("sum", "float8")
    state = aggregate.create(call_of(aggregate))
    state = aggregate.accumulate(state, np.zeros(2, np.int64), 1, (Column(np.full(2, 1.7e308)),))
    with pytest.raises(NumericValueOutOfRange, match="overflow"):
        aggregate.finish(state, 1)
    state = aggregate.create(call_of(aggregate))
    state = aggregate.accumulate(state, np.zeros(1, np.int64), 1, (Column(np.array([np.inf])),))
    assert values_of(aggregate.finish(state, 1)) == [math.inf]


def test_extremes_of_coded_texts():
    aggregate = aggregate_of("max", "text")
    words = Column(objects(["pear", "apple", "fig"]))
    coded = Column(
        np.array([1, 2, 1, 0], np.int32), np.array([True, True, True, False]), None, words
    )
    state = aggregate.create(call_of(aggregate))
    state = aggregate.accumulate(state, np.array([0, 0, 1, 1]), 2, (coded,))
    assert values_of(aggregate.finish(state, 2)) == ["fig", "apple"]


GATHERED = [
    (
        "string_agg",
        ["text", "text"],
        [("a", ","), ("b", ";"), (None, "!"), ("c", None)],
        None,
        "a;bc",
    ),
    ("array_agg", ["anynonarray"], [("1",), (None,), ("3",)], ("int4", "_int4"), "{1,NULL,3}"),
    ("json_agg", ["anyelement"], [("1",), (None,)], ("int4", "json"), "[1, null]"),
    ("jsonb_agg", ["anyelement"], [("a",), (None,)], ("text", "jsonb"), '["a", null]'),
]


@pytest.mark.parametrize(("name", "kinds", "rows", "concrete", "expected"), GATHERED)
def test_gathering(name, kinds, rows, concrete, expected):
    aggregate = aggregate_of(name, *kinds)
    given = [concrete[0]] if concrete else kinds
    columns = tuple(
        column(kind, texts) for kind, texts in zip(given, zip(*rows, strict=True), strict=True)
    )
    result = concrete[1] if concrete else None
    state = aggregate.create(call_of(aggregate, result, given))
    state = aggregate.accumulate(state, np.zeros(len(rows), np.int64), 1, columns)
    assert shown(aggregate, aggregate.finish(state, 2), result) == [expected, None]


def test_percentiles_and_mode():
    values = column("float8", ["1", "2", "4", "10"])
    continuous = aggregate_of("percentile_cont", "float8", "float8")
    state = continuous.create(call_of(continuous))
    state = continuous.accumulate(
        state, np.zeros(4, np.int64), 1, (Column(np.full(4, 0.5)), values)
    )
    assert values_of(continuous.finish(state, 1)) == [3.0]
    several = aggregate_of("percentile_cont", "_float8", "float8")
    wanted = Column(objects([make_array(701, (0.0, 1.0))] * 4))
    state = several.create(call_of(several))
    state = several.accumulate(state, np.zeros(4, np.int64), 1, (wanted, values))
    assert values_of(several.finish(state, 1))[0].items == (1.0, 10.0)
    mode = aggregate_of("mode", "anyelement")
    state = mode.create(call_of(mode, "int4", ["int4"]))
    state = mode.accumulate(
        state, np.zeros(4, np.int64), 1, (column("int4", ["1", "2", "2", "3"]),)
    )
    assert values_of(mode.finish(state, 1)) == [2]


def test_regression_over_pairs():
    slope = aggregate_of("regr_slope", "float8", "float8")
    correlation = aggregate_of("corr", "float8", "float8")
    y, x = column("float8", ["1", "3", "5", None]), column("float8", ["0", "1", "2", "3"])
    for aggregate, expected in ((slope, 2.0), (correlation, 1.0)):
        state = aggregate.create(call_of(aggregate))
        state = aggregate.accumulate(state, np.zeros(4, np.int64), 1, (y, x))
        assert values_of(aggregate.finish(state, 1)) == [expected]
