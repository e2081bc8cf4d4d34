"""Sort, limit, distinct, set operations, group by, WITH: over handmade plans."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from plans import (
    BOOL,
    FLOAT8,
    INT4,
    INT8,
    LESS,
    NUMERIC,
    PLUS,
    TEXT,
    asc,
    call,
    const,
    like,
    run,
    values,
    var,
)

from server.errors import InvalidRowCountInLimitClause
from server.expressions.expression import AggregateCall
from server.functions.function import Aggregate
from server.planner import physical
from server.vector.column import Column


def sort(node: physical.Plan, *keys: Any, count: Any = None) -> physical.Sort:
    return physical.Sort(input=node, keys=keys, count=count, **like(node))


@pytest.mark.parametrize(
    ("descending", "nulls_first", "expected"),
    [
        (False, False, [-1, 3, 7, None]),
        (False, True, [None, -1, 3, 7]),
        (True, False, [7, 3, -1, None]),
        (True, True, [None, 7, 3, -1]),
    ],
)
def test_sort_puts_nulls_where_asked(descending: bool, nulls_first: bool, expected: list[Any]):
    node = values([(3,), (None,), (7,), (-1,)], INT4)
    plan = sort(node, asc(var(1), descending=descending, nulls_first=nulls_first))
    assert [row[0] for row in run(plan)] == expected


def test_sort_by_two_keys_is_stable():
    node = values([("b", 1), ("a", 2), ("b", 0), ("a", 2)], TEXT, INT4)
    plan = sort(node, asc(var(1, TEXT)), asc(var(2), descending=True))
    assert run(plan) == [("a", 2), ("a", 2), ("b", 1), ("b", 0)]


def test_floats_sort_with_nan_above_infinity():
    nan, infinity = float("nan"), float("inf")
    node = values([(nan,), (infinity,), (-infinity,), (-0.5,), (0.25,)], FLOAT8)
    ascending = [row[0] for row in run(sort(node, asc(var(1, FLOAT8))))]
    descending = [row[0] for row in run(sort(node, asc(var(1, FLOAT8), descending=True)))]
    assert ascending[:4] == [-infinity, -0.5, 0.25, infinity]
    assert ascending[4] != ascending[4]
    assert descending[1:] == ascending[3::-1]


def test_decimals_sort_by_value_and_keep_their_digits():
    node = values([(Decimal("2.0"),), (Decimal(10),), (Decimal("1.50"),)], NUMERIC)
    rows = run(sort(node, asc(var(1, NUMERIC))))
    assert [str(row[0]) for row in rows] == ["1.50", "2.0", "10"]


def test_top_rows_are_those_of_the_whole_sort():
    rng = np.random.default_rng(3)
    numbers = rng.integers(0, 1000, 500).tolist()
    node = values([(number,) for number in numbers], INT4)
    plan = sort(node, asc(var(1)), count=const(7, INT8))
    assert [row[0] for row in run(plan)] == sorted(numbers)[:7]


def limit(node: physical.Plan, count: Any, offset: Any, ties: Any = ()) -> physical.Limit:
    return physical.Limit(
        input=node,
        count=None if count is None else const(count, INT8),
        offset=None if offset is None else const(offset, INT8),
        with_ties=ties,
        **like(node),
    )


@pytest.mark.parametrize(
    ("count", "offset", "expected"),
    [(2, None, [0, 1]), (2, 3, [3, 4]), (None, 4, [4]), (9, 9, []), (0, None, [])],
)
def test_limit_and_offset(count: Any, offset: Any, expected: list[int]):
    node = values([(i,) for i in range(5)], INT4)
    assert [row[0] for row in run(limit(node, count, offset))] == expected


def test_limit_must_not_be_negative():
    with pytest.raises(InvalidRowCountInLimitClause, match="LIMIT must not be negative"):
        run(limit(values([(1,)], INT4), -1, None))


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 4), (5, 7), (7, 7)])
def test_ties_go_on_while_keys_stay_equal(count: int, expected: int):
    node = values([(1,), (2,), (2,), (2,), (None,), (None,), (None,)], INT4)
    assert len(run(limit(node, count, None, (asc(var(1)),)))) == expected


def test_distinct_takes_nulls_for_equal():
    node = values([(1, None), (None, "a"), (1, None), (None, "a"), (1, "a")], INT4, TEXT)
    plan = physical.Distinct(input=node, **like(node))
    assert run(plan) == [(1, None), (None, "a"), (1, "a")]


def test_distinct_on_keeps_the_first_row():
    node = values([(1, "x"), (1, "y"), (2, "z")], INT4, TEXT)
    plan = physical.Distinct(input=node, on=(var(1),), **like(node))
    assert run(plan) == [(1, "x"), (2, "z")]


@pytest.mark.parametrize(
    ("kind", "all_", "expected"),
    [
        ("union", True, [1, 1, 1, 2, None, 1, 3, None]),
        ("union", False, [1, 2, None, 3]),
        ("intersect", False, [1, None]),
        ("intersect", True, [1, None]),
        ("except", False, [2]),
        ("except", True, [1, 1, 2]),
    ],
)
def test_set_operations(kind: str, all_: bool, expected: list[Any]):
    left = values([(1,), (1,), (1,), (2,), (None,)], INT4)
    right = values([(1,), (3,), (None,)], INT4, first=2)
    plan = physical.SetOperation(kind=kind, all=all_, left=left, right=right, **like(left))
    found = [row[0] for row in run(plan)]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


def _collect(state: list[list[Any]], groups: Any, count: int, columns: Any) -> None:
    while len(state) < count:
        state.append([])
    for group, value in zip(groups.tolist(), columns[0].values.tolist(), strict=True):
        state[group].append(value)


def _collected(state: list[list[Any]], count: int) -> Column:
    result = np.empty(count, object)
    for group in range(count):
        result[group] = ",".join(map(str, state[group] if group < len(state) else []))
    return Column(result)


COLLECT = Aggregate(
    oid=1, name="collect", arguments=(23,), result=25,
    create=lambda known: [], accumulate=_collect, finish=_collected,
)  # fmt: skip


def collect(**more: Any) -> AggregateCall:
    return AggregateCall(type=TEXT, aggregate=COLLECT, arguments=(var(2),), **more)


def group_by(
    node: physical.Plan, keys: Any, sets: Any, number: bool = False, **more: Any
) -> physical.HashAggregate:
    return physical.HashAggregate(
        input=node,
        keys=keys,
        aggregates=(collect(**more),),
        sets=sets,
        set_number=number,
        output=tuple(range(10, 11 + len(keys) + number)),
        types=(*[key.type for key in keys], TEXT, *[INT4] * number),
    )


ROWS = [("a", 3), ("b", 1), ("a", 2), (None, 5), ("a", 3), (None, 4)]


def test_group_by_collects_each_group():
    node = values(ROWS, TEXT, INT4)
    plan = group_by(node, (var(1, TEXT),), ((0,),))
    assert run(plan) == [("a", "3,2,3"), ("b", "1"), (None, "5,4")]


def test_aggregates_distinct_ordered_and_filtered():
    node = values(ROWS, TEXT, INT4)
    key = (var(1, TEXT),)
    assert run(group_by(node, key, ((0,),), distinct=True))[0] == ("a", "2,3")
    ordered = group_by(node, key, ((0,),), order=(asc(var(2)),))
    assert run(ordered) == [("a", "2,3,3"), ("b", "1"), (None, "4,5")]
    filtered = group_by(node, key, ((0,),), filter=call(LESS, var(2), const(3)))
    assert run(filtered) == [("a", "2"), ("b", "1"), (None, "")]


def test_no_input_gives_a_row_for_the_grand_total_only():
    node = values([], TEXT, INT4)
    assert run(group_by(node, (), ((),))) == [("",)]
    assert run(group_by(node, (var(1, TEXT),), ((0,),))) == []


def test_grouping_sets_leave_keys_out():
    node = values([("a", 1), ("a", 2)], TEXT, INT4)
    plan = group_by(node, (var(1, TEXT), var(2)), ((0, 1), (0,), ()), number=True)
    assert run(plan) == [
        ("a", 1, "1", 0),
        ("a", 2, "2", 0),
        ("a", None, "1,2", 1),
        (None, None, "1,2", 2),
    ]


def test_recursion_goes_on_until_a_round_is_empty():
    first = values([(1,)], INT4)
    work = physical.WorkTableScan(table_id=1, output=(2,), types=(INT4,))
    more = physical.Filter(input=work, condition=call(LESS, var(2), const(4)), **like(work))
    recursive = physical.Project(
        input=more,
        expressions=(call(PLUS, var(2), const(1), type_=INT4),),
        output=(3,),
        types=(INT4,),
    )
    plan = physical.RecursiveUnion(
        table_id=1, first=first, recursive=recursive, all=True, output=(4,), types=(INT4,)
    )
    assert run(plan) == [(1,), (2,), (3,), (4,)]


def test_recursion_without_all_stops_at_a_cycle():
    first = values([(1,)], INT4)
    work = physical.WorkTableScan(table_id=1, output=(2,), types=(INT4,))
    plan = physical.RecursiveUnion(
        table_id=1, first=first, recursive=work, all=False, output=(4,), types=(INT4,)
    )
    assert run(plan) == [(1,)]


def test_a_common_table_is_computed_once():
    calls = []
    count = call(function_that_counts(calls), const(1), type_=INT4)
    source = physical.Project(
        input=physical.OneRow(output=(), types=()), expressions=(count,), output=(1,), types=(INT4,)
    )
    scans = tuple(physical.CommonTableScan(table_id=5, output=(n,), types=(INT4,)) for n in (2, 3))
    plan = physical.CommonTable(
        tables=((5, source),),
        input=physical.Append(inputs=scans, output=(4,), types=(INT4,)),
        output=(4,),
        types=(INT4,),
    )
    assert run(plan) == [(1,), (1,)]
    assert len(calls) == 1


def function_that_counts(calls: list[int]) -> Any:
    from plans import function

    def row(value: int) -> int:
        calls.append(value)
        return value

    return function("counted", row, count=1, volatility="v")


def test_boolean_columns_sort():
    node = values([(True,), (False,), (None,)], BOOL)
    assert [row[0] for row in run(sort(node, asc(var(1, BOOL))))] == [False, True, None]
