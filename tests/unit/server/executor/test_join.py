from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from plans import EQUAL, INT4, INT8, LESS, TEXT, both, call, const, like, run, values, var

from server.executor import join
from server.executor.build_side import BuildSide
from server.executor.columns import concatenate
from server.executor.key_filter import key_filter
from server.expressions.expression import OuterVariable
from server.planner import physical
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.rows import objects, values_of
from server.vector.text_views import views_of
from server.vector.texts import TextColumn

LEFT: list[tuple[Any, ...]] = [(1, "a"), (2, "b"), (2, "c"), (None, "d"), (4, "e")]
RIGHT: list[tuple[Any, ...]] = [(2, 10), (2, 20), (1, 5), (None, 7), (9, 9)]


def specified(kind: str, matches: Any) -> list[tuple[Any, ...]]:
    """What the kind of join means, by loops."""
    pairs = [(i, j) for i, j in itertools.product(range(5), range(5)) if matches(LEFT[i], RIGHT[j])]
    lefts, rights = {i for i, _ in pairs}, {j for _, j in pairs}
    if kind == "semi":
        return [row for i, row in enumerate(LEFT) if i in lefts]
    if kind == "anti":
        return [row for i, row in enumerate(LEFT) if i not in lefts]
    rows = [LEFT[i] + RIGHT[j] for i, j in pairs]
    if kind in ("left", "full"):
        rows += [(*row, None, None) for i, row in enumerate(LEFT) if i not in lefts]
    if kind in ("right", "full"):
        rows += [(None, None, *row) for j, row in enumerate(RIGHT) if j not in rights]
    return rows


def sorted_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def sides() -> tuple[physical.Values, physical.Values]:
    return values(LEFT, INT4, TEXT), values(RIGHT, INT8, INT4, first=3)


KINDS = ["inner", "left", "right", "full", "semi", "anti"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_residual", [False, True])
def test_hash_join_of_every_kind(kind: str, with_residual: bool):
    left, right = sides()
    residual = call(LESS, var(4), const(15)) if with_residual else None
    shape = like(left) if kind in ("semi", "anti") else both(left, right)
    plan = physical.HashJoin(
        kind=kind,
        left=left,
        right=right,
        keys=((var(1), var(3, INT8), EQUAL),),
        residual=residual,
        **shape,
    )

    def matches(a: Any, b: Any) -> bool:
        return a[0] is not None and a[0] == b[0] and (not with_residual or b[1] < 15)

    assert sorted_rows(run(plan)) == sorted_rows(specified(kind, matches))


@pytest.mark.parametrize("kind", KINDS)
def test_nested_loop_of_every_kind(kind: str):
    left, right = sides()
    shape = like(left) if kind in ("semi", "anti") else both(left, right)
    plan = physical.NestedLoop(
        kind=kind, left=left, right=right, condition=call(LESS, var(3, INT8), var(1)), **shape
    )

    def matches(a: Any, b: Any) -> bool:
        return a[0] is not None and b[0] is not None and b[0] < a[0]

    assert sorted_rows(run(plan)) == sorted_rows(specified(kind, matches))


def test_join_on_two_keys_of_which_one_is_text():
    left = values([(1, "a"), (1, "b"), (2, "a"), (None, "a"), (1, None)], INT4, TEXT)
    right = values([(1, "a"), (2, "b"), (2, "a"), (1, None)], INT4, TEXT, first=3)
    plan = physical.HashJoin(
        kind="inner",
        left=left,
        right=right,
        keys=((var(1), var(3), EQUAL), (var(2, TEXT), var(4, TEXT), EQUAL)),
        **both(left, right),
    )
    assert sorted_rows(run(plan)) == [(1, "a", 1, "a"), (2, "a", 2, "a")]


@pytest.mark.parametrize("empty", ["left", "right"])
@pytest.mark.parametrize("kind", KINDS)
def test_join_with_an_empty_side(kind: str, empty: str):
    left = values([] if empty == "left" else [(1,)], INT4)
    right = values([] if empty == "right" else [(1,)], INT4, first=3)
    shape = like(left) if kind in ("semi", "anti") else both(left, right)
    plan = physical.HashJoin(
        kind=kind, left=left, right=right, keys=((var(1), var(3), EQUAL),), **shape
    )
    expected = {
        ("left", "right"): [(None, 1)],
        ("left", "full"): [(None, 1)],
        ("right", "left"): [(1, None)],
        ("right", "full"): [(1, None)],
        ("right", "anti"): [(1,)],
    }
    assert run(plan) == expected.get((empty, kind), [])


@pytest.mark.parametrize(
    ("lefts", "rights", "kept"),
    [
        ([1, 2, None], [2, 3], [1]),
        ([1, 2, None], [2, None], []),
        ([1, 2, None], [], [1, 2, None]),
    ],
)
def test_not_in_follows_three_valued_logic(lefts: list[Any], rights: list[Any], kept: list[Any]):
    left = values([(value,) for value in lefts], INT4)
    right = values([(value,) for value in rights], INT4, first=2)
    plan = physical.HashJoin(
        kind="null_anti", left=left, right=right, keys=((var(1), var(2), EQUAL),), **like(left)
    )
    assert [row[0] for row in run(plan)] == kept


def test_not_in_of_two_columns():
    left = values([(1, 1), (1, 2), (None, 3), (5, None)], INT4, INT4)
    right = values([(1, None), (7, 3)], INT4, INT4, first=3)
    plan = physical.HashJoin(
        kind="null_anti",
        left=left,
        right=right,
        keys=((var(1), var(3), EQUAL), (var(2), var(4), EQUAL)),
        **like(left),
    )
    assert run(plan) == [(5, None)]


def test_lateral_join_runs_the_right_side_for_each_row():
    left = values([(1,), (3,), (2,)], INT4)
    inner = values([(1,), (2,), (3,)], INT4, first=2)
    right = physical.Filter(
        input=inner,
        condition=call(LESS, var(2), OuterVariable(type=INT4, column=1)),
        **like(inner),
    )
    plan = physical.NestedLoop(
        kind="left", left=left, right=right, lateral=(1,), **both(left, right)
    )
    assert sorted_rows(run(plan)) == sorted_rows([(1, None), (3, 1), (3, 2), (2, 1)])


def test_many_pairs_come_in_portions():
    left = values([(1,)] * 700, INT4)
    right = values([(1,)] * 700, INT4, first=2)
    plan = physical.HashJoin(
        kind="inner", left=left, right=right, keys=((var(1), var(2), EQUAL),), **both(left, right)
    )
    assert len(run(plan)) == 490_000


@pytest.mark.parametrize("kind", ["left", "semi", "anti"])
@pytest.mark.parametrize("with_residual", [False, True])
@pytest.mark.parametrize("spread", [1, 10**8])
def test_the_smaller_left_side_becomes_the_table(kind: str, with_residual: bool, spread: int):
    """The sides change places when the right one is estimated to be larger by far."""
    lefts: list[tuple[Any, ...]] = [
        (None if n is None else n * spread, name) for n, name in [*LEFT, (2, "f")]
    ]
    rights: list[tuple[Any, ...]] = [(n % 3 * spread, n) for n in range(9000)] + [(None, 1)]
    left, right = values(lefts, INT4, TEXT), values(rights, INT8, INT4, first=3)
    right = dataclasses.replace(right, estimate=physical.Estimate(9001.0, 12, 0.0, 1.0))
    residual = call(LESS, var(4), const(15)) if with_residual else None
    shape = like(left) if kind in ("semi", "anti") else both(left, right)
    keys = ((var(1), var(3, INT8), EQUAL),)
    plan = physical.HashJoin(
        kind=kind, left=left, right=right, keys=keys, residual=residual, **shape
    )
    matched = [
        (row, other)
        for row, other in itertools.product(lefts, rights)
        if row[0] is not None and row[0] == other[0] and (not with_residual or other[1] < 15)
    ]
    found = {row for row, _ in matched}
    expected: list[tuple[Any, ...]] = {
        "left": [row + other for row, other in matched]
        + [(*row, None, None) for row in lefts if row not in found],
        "semi": [row for row in lefts if row in found],
        "anti": [row for row in lefts if row not in found],
    }[kind]
    assert sorted_rows(run(plan)) == sorted_rows(expected)


def test_words_in_a_store_stay_there_and_a_word_may_be_there_twice():
    long = "longer than what a view holds, "
    store, views = views_of([(long + word).encode() for word in "abca"])
    texts = TextColumn(store, views)
    first = Column(np.array([0, 1], np.int32), None, None, texts.slice(0, 2))
    second = Column(np.array([1, 3, 2, 0], np.int32), None, None, texts.slice(0, 4))
    joined = concatenate([first, second, texts.slice(2, 3)])
    assert isinstance(joined, TextColumn)
    assert values_of(joined) == [long + word for word in "abbacac"]
    coded = concatenate([first, second])
    assert isinstance(coded.dictionary, TextColumn)
    assert values_of(coded) == [long + word for word in "abbaca"]


def test_columns_of_several_dictionaries_become_one():
    first = Column(np.array([0, 1], np.int32), None, None, Column(objects(["a", "b"])))
    valid = np.array([True, False, True])
    second = Column(np.array([1, 9, 0], np.int32), valid, None, Column(objects(["b", "c"])))
    joined = concatenate([first, second])
    assert joined.dictionary is not None
    assert values_of(joined) == ["a", "b", "c", None, "b"]


def texts_of(names: list[str | None]) -> TextColumn:
    valid = np.array([name is not None for name in names], np.bool_)
    store, views = views_of([(name or "").encode() for name in names])
    return TextColumn(store, views, None if valid.all() else valid)


@pytest.mark.parametrize(
    ("names", "is_coded"),
    [
        ([], False),
        ([None, None], True),
        (["a", None, "Manufacturer#1", "a"], True),
        ([f"n{number}" for number in range(join.WORDS_MAX)], True),
        ([f"n{number % 100}" for number in range(join.WORDS_MAX + 1)], True),
        ([f"n{number % 900}" for number in range(join.WORDS_MAX + 1)], False),
        ([f"n{max(number - 900, 0)}" for number in range(3 * join.WORDS_MAX)], False),
    ],
)
def test_texts_of_few_values_become_codes(names: list[str | None], is_coded: bool):
    texts, other = texts_of(names), texts_of(names)
    rows = join.with_words(Batch((texts, other), len(names)), (0,))
    assert (rows.columns[0].dictionary is not None) == is_coded
    assert rows.columns[1] is other
    assert values_of(rows.columns[0]) == names


@pytest.mark.parametrize("kind", ["inner", "left", "right", "full"])
def test_joins_give_the_same_texts_as_codes(kind: str, monkeypatch: pytest.MonkeyPatch):
    left, right = values(RIGHT, INT8, INT4), values(LEFT, INT4, TEXT, first=3)
    plan = physical.HashJoin(
        kind=kind,
        left=left,
        right=right,
        keys=((var(1, INT8), var(3), EQUAL),),
        **both(left, right),
    )
    made = []
    concatenated = join.concatenate_batches

    def as_texts(batches: Any, types: Any) -> Batch:
        rows = concatenated(batches, types)
        return Batch((rows.columns[0], texts_of(values_of(rows.columns[1]))), rows.count)

    monkeypatch.setattr(join, "concatenate_batches", as_texts)
    for picks in (0, 1 << 30):
        monkeypatch.setattr(join, "PICKS_PER_ROW", picks)
        made.append(run(plan))
    assert made[0] == made[1]
    assert len(made[0])


def test_texts_that_are_keys_of_a_join_stay_where_they_lie():
    def decoded(*_: object) -> object:
        raise AssertionError("nobody needs them as objects")

    store, views = views_of([b"a text of some length %d" % (row % 40) for row in range(100)])
    column = TextColumn(store, views, None, decoded)  # type: ignore[arg-type]
    number = Column(np.arange(100) % 3)
    for keys, types in (([column], [TEXT.type]), ([column, number], [TEXT.type, INT4.type])):
        side = BuildSide(keys, types, 100)
        assert sum(len(left) for left, _ in side.pairs(keys, 100)) >= 100
        assert key_filter(column) is None
