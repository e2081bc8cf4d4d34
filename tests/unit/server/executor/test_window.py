"""Window functions and frames, against what they mean row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plans import INT4, INT8, TEXT, asc, call, const, function, run, values, var
from test_rows import COLLECT

from server.errors import InvalidPrecedingOrFollowingSize
from server.expressions.expression import WindowCall
from server.functions.registry import AGGREGATES
from server.functions.window import WINDOW_FUNCTIONS
from server.planner import physical
from server.planner.physical import WindowFrame

ROWS = [("a", 1), ("b", 5), ("a", 1), ("a", 4), ("b", 2), ("a", 2), ("b", 5), ("a", 9)]
ORDER = [("a", 1), ("a", 1), ("a", 2), ("a", 4), ("a", 9), ("b", 2), ("b", 5), ("b", 5)]


def in_range(value: int, own: int, offset: int, subtract: bool, less: bool) -> bool:
    bound = own - offset if subtract else own + offset
    return value <= bound if less else value >= bound


IN_RANGE = function("in_range", in_range, count=5)


def window(rows: Any, frame: WindowFrame, *calls: Any, **more: Any) -> list[tuple[Any, ...]]:
    node = values(rows, TEXT, INT4)
    fields: dict[str, Any] = {"partition": (var(1, TEXT),), "order": (asc(var(2)),)}
    plan = physical.Window(
        input=node,
        frame=frame,
        calls=calls,
        output=(1, 2, *range(10, 10 + len(calls))),
        types=(TEXT, INT4, *[call.type for call in calls]),
        **(fields | more),
    )
    return run(plan)


def collect() -> WindowCall:
    return WindowCall(type=TEXT, function=COLLECT, arguments=(var(2),))


def pure(name: str, *arguments: Any, type_: Any = INT4) -> WindowCall:
    found = next(
        f for f in WINDOW_FUNCTIONS if f.name == name and len(f.arguments) == len(arguments)
    )
    return WindowCall(type=type_, function=found, arguments=arguments)


def specified(mode: str, start: Any, end: Any, exclusion: str) -> list[str]:
    """The frames by their definition, joined as COLLECT does it."""
    results = []
    for i, (key, own) in enumerate(ORDER):
        members = [j for j, (other, _) in enumerate(ORDER) if other == key]
        groups = sorted({ORDER[j][1] for j in members})

        def place(j: int, groups: Any = groups) -> float:
            if mode == "rows":
                return j
            return groups.index(ORDER[j][1]) if mode == "groups" else ORDER[j][1]

        def bound(side: Any, mine: float) -> float:
            kind, offset = side
            if kind.startswith("unbounded"):
                return -np.inf if kind.endswith("preceding") else np.inf
            return mine + {"preceding": -1, "current": 0, "following": 1}[kind] * (offset or 0)

        low, high = bound(start, place(i)), bound(end, place(i))
        frame = [j for j in members if low <= place(j) <= high]
        left_out = {
            "no_others": lambda j: False,
            "current": lambda j, i=i: j == i,
            "group": lambda j, own=own: ORDER[j][1] == own,
            "ties": lambda j, own=own, i=i: ORDER[j][1] == own and j != i,
        }[exclusion]
        results.append(",".join(str(ORDER[j][1]) for j in frame if not left_out(j)))
    return results


BOUNDS = [
    (("unbounded_preceding", None), ("current", None)),
    (("unbounded_preceding", None), ("unbounded_following", None)),
    (("preceding", 1), ("following", 1)),
    (("current", None), ("following", 2)),
    (("preceding", 2), ("preceding", 1)),
    (("following", 1), ("unbounded_following", None)),
]


@pytest.mark.parametrize("exclusion", ["no_others", "current", "group", "ties"])
@pytest.mark.parametrize(("start", "end"), BOUNDS)
@pytest.mark.parametrize("mode", ["rows", "groups", "range"])
def test_frames(mode: str, start: Any, end: Any, exclusion: str):
    def bound(side: Any) -> Any:
        return (side[0], None if side[1] is None else const(side[1]))

    frame = WindowFrame(
        mode=mode,
        start=bound(start),
        end=bound(end),
        exclusion=exclusion,
        range_functions=(IN_RANGE, IN_RANGE),
    )
    rows = window(ROWS, frame, collect())
    assert [row[:2] for row in rows] == ORDER
    assert [row[2] for row in rows] == specified(mode, start, end, exclusion)


def test_range_counts_the_other_way_when_descending():
    frame = WindowFrame(
        mode="range",
        start=("preceding", const(3)),
        end=("current", None),
        range_functions=(IN_RANGE, IN_RANGE),
    )
    rows = window(
        [("a", 1), ("a", 4), ("a", None), ("a", 9)],
        frame,
        collect(),
        order=(asc(var(2), descending=True, nulls_first=True),),
    )
    assert [(row[1], row[2]) for row in rows] == [(None, "0"), (9, "9"), (4, "4"), (1, "4,1")]


def test_numbering_functions():
    rows = window(
        ROWS, WindowFrame(), pure("row_number"), pure("rank"), pure("dense_rank"),
        pure("ntile", const(2)),
    )  # fmt: skip
    assert [row[2:] for row in rows] == [
        (1, 1, 1, 1), (2, 1, 1, 1), (3, 3, 2, 1), (4, 4, 3, 2), (5, 5, 4, 2),
        (1, 1, 1, 1), (2, 2, 2, 1), (3, 2, 2, 2),
    ]  # fmt: skip


def test_functions_that_look_at_other_rows():
    rows = window(
        ROWS,
        WindowFrame(),
        pure("lag", var(2)),
        pure("lead", var(2), const(1), const(-1)),
        pure("first_value", var(2)),
        pure("last_value", var(2)),
        pure("nth_value", var(2), const(2)),
    )
    assert [row[2:] for row in rows if row[0] == "b"] == [
        (None, 5, 2, 2, None),
        (2, 5, 2, 5, 5),
        (5, -1, 2, 5, 5),
    ]


def test_no_rows_give_no_rows():
    assert window([], WindowFrame(), collect(), pure("rank"), pure("lag", var(2))) == []


def test_a_negative_offset_is_refused():
    frame = WindowFrame(mode="rows", start=("preceding", const(-1)), end=("current", None))
    with pytest.raises(InvalidPrecedingOrFollowingSize, match="must not be negative"):
        window(ROWS, frame, collect())


SUMS = {aggregate.oid: aggregate for aggregate in AGGREGATES if aggregate.oid in (2108, 2147, 2803)}
TINY: list[tuple[Any, ...]] = [
    ("a", 1), ("a", None), ("a", 2**31 - 1), ("a", 7), ("b", None), ("c", -(2**31)), ("c", -3),
]  # fmt: skip


@pytest.mark.parametrize("oid", SUMS)
@pytest.mark.parametrize(
    ("start", "end"),
    [(None, 0), (None, None), (0, None), (-1, 1), (-2, -1), (1, 3), (5, 9), (0, 0)],
)
def test_sums_and_counts_over_frames(oid: int, start: int | None, end: int | None):
    """Frames in rows, from start to end around each row; None is the end of the partition."""

    def bound(offset: int | None, unbounded: str) -> tuple[str, Any]:
        if offset is None:
            return unbounded, None
        if offset == 0:
            return "current", None
        return "preceding" if offset < 0 else "following", const(abs(offset), INT8)

    first, last = bound(start, "unbounded_preceding"), bound(end, "unbounded_following")
    frame = WindowFrame(mode="rows", start=first, end=last)
    arguments = () if oid == 2803 else (var(2),)
    call = WindowCall(type=INT8, function=SUMS[oid], arguments=arguments)
    found = [row[2] for row in window(TINY, frame, call, order=())]
    expected = []
    for place, (key, _) in enumerate(TINY):
        members = [j for j, (other, _) in enumerate(TINY) if other == key]
        low = members[0] if start is None else max(place + start, members[0])
        high = members[-1] if end is None else min(place + end, members[-1])
        rows = [TINY[j][1] for j in range(low, high + 1)]
        there = [value for value in rows if value is not None]
        expected.append({2803: len(rows), 2147: len(there)}.get(oid, sum(there) if there else None))
    assert found == expected


def test_partitions_of_a_long_input_are_done_portion_by_portion(monkeypatch: pytest.MonkeyPatch):
    frame = WindowFrame(mode="groups", start=("preceding", const(1)), end=("current", None))
    rows = [(chr(97 + number * 7 % 11), number % 13) for number in range(300)]
    calls = (collect(), pure("row_number", type_=INT8), pure("lag", var(2)))
    whole = window(rows, frame, *calls)
    monkeypatch.setattr("server.executor.window_portions.PORTION_ROWS", 50)
    looks: list[int] = []
    assert window(rows, frame, *calls) == whole
    node = values(rows, TEXT, INT4)
    plan = physical.Window(
        input=node,
        frame=frame,
        calls=(),
        output=(1, 2),
        types=(TEXT, INT4),
        partition=(var(1, TEXT),),
        order=(asc(var(2)),),
    )
    assert run(plan, cancelled=lambda: looks.append(1)) == [row[:2] for row in whole]
    assert len(looks) > 5


@pytest.mark.parametrize("name", ["lag", "lead"])
@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_a_row_beside_is_the_same_with_and_without_an_offset(name: str, count: int):
    rows = [("ab"[number % 3 % 2], number % 5 or None) for number in range(count)]
    calls = (pure(name, var(2)), pure(name, var(2), const(1)), pure(name, var(1, TEXT), type_=TEXT))
    for row in window(rows, WindowFrame(), *calls):
        assert row[2] == row[3]
        assert row[4] in (None, row[0])


def total(oid: int, argument: Any, type_: Any, **more: Any) -> WindowCall:
    found = next(f for f in AGGREGATES if f.oid == oid)
    return WindowCall(type=type_, function=found, arguments=(argument,), **more)


SUM, GREATEST, COUNT = 2108, 2116, 2147  # of int4, of int4, of anything


BY_TEXT = (var(1, TEXT),)
TOTALS: list[tuple[int, str, tuple[Any, ...]]] = [
    *(
        (count, mode, partition)
        for count in (0, 1, 9)
        for mode in ("range", "rows", "groups")
        for partition in ((), BY_TEXT, (*BY_TEXT, var(2)))
    ),
    *((count, "range", BY_TEXT) for count in (65_535, 65_536, 65_537)),
]


@pytest.mark.parametrize(("count", "mode", "partition"), TOTALS)
def test_whole_partitions_by_hash_are_those_that_are_sorted(
    monkeypatch: pytest.MonkeyPatch, count: int, mode: str, partition: Any
):
    keys = ["a", None, "b", "c"]
    rows = [(keys[row * 7 % 4], None if row % 5 == 0 else row * 3 % 11) for row in range(count)]
    frame = WindowFrame(mode=mode, end=("unbounded_following", None))
    calls = (
        total(SUM, var(2), INT8),
        total(GREATEST, var(2), INT4),
        total(COUNT, var(1, TEXT), INT8),
    )
    more: dict[str, Any] = {"partition": partition, "order": ()}
    sorted_rows = window(rows, frame, *calls, **more)
    monkeypatch.setattr("server.executor.window.ROWS_MIN", 0)
    hashed = window(rows, frame, *calls, **more)
    assert [row[:2] for row in hashed] == rows  # as they came
    assert sorted(hashed, key=repr) == sorted(sorted_rows, key=repr)


def test_rows_that_do_not_pass_the_filter_are_not_taken_in_by_hash(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("server.executor.window.ROWS_MIN", 0)
    is_odd = call(function("is_odd", lambda number: number % 2 == 1, count=1), var(2))
    rows = window(
        [("a", 1), ("a", 2), ("b", 4), ("a", 3), ("b", None)],
        WindowFrame(),
        total(SUM, var(2), INT8, filter=is_odd),
        order=(),
    )
    assert [row[2] for row in rows] == [4, 4, None, 4, None]
