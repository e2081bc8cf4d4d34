"""A cancelled statement ends in the middle of the long steps of its operators, not only between batches."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from plans import EQUAL, INT4, NUMERIC, TEXT, asc, call, const, context, function, run, values, var

from server.executor import build_side, columns, native, ordering
from server.executor.aggregate import PreparedAggregate
from server.executor.build_side import BuildSide
from server.executor.columns import concatenate_batches
from server.executor.key_table import ROWS_AT_ONCE, KeyTable
from server.executor.object_ranks import KEYS_AT_ONCE, object_ranks
from server.expressions.expression import AggregateCall
from server.expressions.invoke import LOOK_ROWS
from server.functions.function import CallContext
from server.functions.registry import AGGREGATES
from server.planner import physical
from server.types.type import TextStyle
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.native import gathered_texts
from server.vector.rows import values_of
from server.vector.text_views import texts_of, views_of
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable


class Cancelled(Exception):
    """What the look raises."""


def look() -> None:
    """The statement is cancelled."""
    raise Cancelled


MANY = (1 << 18) + 5


@pytest.mark.parametrize("bits", [40, 63])
def test_a_long_sort_of_integers_ends(bits: int):
    rng = np.random.default_rng(bits)
    arrays = [rng.integers(0, 1 << bits, MANY), rng.integers(0, 1 << bits, MANY)]
    for chosen in (arrays, arrays[:1]):
        with pytest.raises(Cancelled):
            native.ordered_rows(chosen, look)


def test_a_long_ranking_of_texts_ends():
    store, views = views_of([b"a rather long text %d" % row for row in range(MANY)])
    with pytest.raises(Cancelled):
        native.text_ranks(store, views, look)


def test_a_look_that_never_raises_changes_nothing():
    keys = np.random.default_rng(1).integers(0, 1 << 62, MANY)
    assert np.array_equal(native.ordered_rows([keys], lambda: None), ordering.ordered_rows([keys]))


def test_a_projection_looks_before_each_expression():
    done: list[int] = []
    noted = function("noted", lambda number: done.append(number), count=1)
    expressions = tuple(call(noted, const(number), type_=INT4) for number in range(5))
    node = values([(1,)], INT4)
    plan = physical.Project(
        input=node, expressions=expressions, output=(2, 3, 4, 5, 6), types=(INT4,) * 5
    )

    def cancelled() -> None:
        if len(done) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(plan, cancelled=cancelled)
    assert done == [0, 1]


def test_a_function_without_a_kernel_is_called_for_some_thousand_rows_at_most():
    called: list[int] = []
    noted = function("noted", called.append, count=1)
    node = values([(number,) for number in range(50_000)], INT4)
    plan = physical.Project(
        input=node, expressions=(call(noted, var(1), type_=INT4),), output=(2,), types=(INT4,)
    )

    def cancelled() -> None:
        if called:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(plan, cancelled=cancelled)
    assert len(called) == LOOK_ROWS


def test_sorted_rows_are_put_in_place_slice_by_slice():
    rows = [(number * 7919 % 100_003,) for number in range(100_003)]
    plan = physical.Sort(input=values(rows, INT4), keys=(asc(var(1)),), output=(1,), types=(INT4,))
    assert run(plan) == sorted(rows)


def test_rows_that_an_aggregate_has_held_back_are_sorted_with_looks():
    aggregate = next(found for found in AGGREGATES if found.name == "array_agg")
    value = var(1)
    ordered = AggregateCall(type=INT4, aggregate=aggregate, arguments=(value,), order=(asc(value),))
    collector = PreparedAggregate(ordered, {1: 0}, ()).collector(context(cancelled=look))
    values_ = Column(np.random.default_rng(3).integers(0, 1 << 30, MANY).astype(np.int32))
    collector.add(np.zeros(MANY, np.int64), 1, (values_, values_))
    with pytest.raises(Cancelled):
        collector.finish(1)


@pytest.mark.parametrize("columns", [1, 2])
def test_keys_of_many_rows_are_numbered_in_pieces(columns: int):
    rng = np.random.default_rng(columns)
    store, views = views_of([b"a rather long text %d" % (row % 50_000) for row in range(MANY)])
    keys = [TextColumn(store, views), Column(rng.integers(0, 3, MANY))][:columns]
    types = [TEXT.type, INT4.type][:columns]
    looks: list[int] = []
    whole = KeyTable(types, nulls_match=False)
    pieces = KeyTable(types, nulls_match=False)
    codes = pieces.add(keys, MANY, lambda: looks.append(1))
    assert np.array_equal(codes, whole.add(keys, MANY))
    assert len(pieces) == len(whole)
    assert len(looks) == -(-MANY // ROWS_AT_ONCE)
    with pytest.raises(Cancelled):
        BuildSide(keys, types, MANY, look)


def test_the_mode_of_many_texts_is_looked_for_in_pieces():
    aggregate = next(found for found in AGGREGATES if found.name == "mode")
    store, views = views_of([b"a rather long text %d" % row for row in range(MANY)])
    looks: list[int] = []

    def cancelled() -> None:
        looks.append(1)
        if len(looks) == 2:
            raise Cancelled

    known = CallContext(TextStyle(), TEXT, (TEXT,), context(cancelled=cancelled))
    state = aggregate.create(known)
    aggregate.accumulate(state, np.zeros(MANY, np.int64), 1, (TextColumn(store, views),))
    with pytest.raises(Cancelled):
        aggregate.finish(state, 1)


@pytest.mark.parametrize("name", ["array_agg", "string_agg"])
def test_what_many_groups_have_gathered_is_put_together_in_pieces(name: str):
    aggregate = next(found for found in AGGREGATES if found.name == name)
    known = CallContext(TextStyle(), TEXT, (TEXT, TEXT), context(cancelled=look))
    state = aggregate.create(known)
    texts = Column(np.array(["x"] * 3000, object))
    state = aggregate.accumulate(state, np.arange(3000), 3000, (texts, texts)) or state
    with pytest.raises(Cancelled):
        aggregate.finish(state, 3000)


def test_many_columns_are_put_together_one_by_one():
    batch = Batch((Column(np.arange(3)), Column(np.arange(3))), 3)
    looks: list[int] = []
    concatenate_batches([batch, batch], (INT4, INT4), lambda: looks.append(1))
    assert len(looks) == 2


@pytest.mark.parametrize("name", ["json_agg", "jsonb_agg"])
def test_a_long_json_array_ends(name: str):
    aggregate = next(found for found in AGGREGATES if found.name == name)
    looks: list[int] = []

    def cancelled() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise Cancelled

    known = CallContext(TextStyle(), TEXT, (INT4,), context(cancelled=cancelled))
    state = aggregate.create(known)
    aggregate.accumulate(state, np.zeros(9000, np.int64), 1, (Column(np.arange(9000)),))
    with pytest.raises(Cancelled):
        aggregate.finish(state, 1)


def looks_of(steps: int) -> tuple[list[int], Callable[[], None]]:
    """What notes its calls, and cancels with one of them."""
    looks: list[int] = []

    def noted() -> None:
        looks.append(1)
        if len(looks) == steps:
            raise Cancelled

    return looks, noted


def test_rows_are_picked_in_pieces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(columns, "PICKS_AT_ONCE", 100)
    store, views = views_of([b"a rather long text %d" % row for row in range(950)])
    words = Column(np.arange(950, dtype=np.int32) % 2, None, None, TextColumn(store, views[:2]))
    forms = (
        Column(np.arange(950)),
        Column(np.arange(950), None, 2),
        words,
        TextColumn(store, views),
    )
    order = np.random.default_rng(4).permutation(950)
    order[7] = -1
    looks, noted = looks_of(0)
    found = columns.picked_rows(Batch(forms, 950), order, noted)
    for one, other in zip(found.columns, forms, strict=True):
        assert values_of(one) == values_of(other.take(order))
    assert len(looks) == 11 * len(forms)


def test_texts_of_many_stores_are_gathered_in_pieces():
    parts = [views_of([b"a rather long text %d" % row, b"short"]) for row in range(20)]
    looks, noted = looks_of(0)
    store, views = gathered_texts(parts, noted)
    assert list(texts_of(store, views))[-2:] == [b"a rather long text 19", b"short"]
    assert len(looks) == 20
    with pytest.raises(Cancelled):
        gathered_texts(parts, look)


@pytest.mark.parametrize("key", [None, str])
def test_objects_are_ranked_in_pieces(key: Any):
    items = [Decimal(row * 7919 % 100_003) for row in range(100_003)]
    items[5] = items[6]
    kind = replace(NUMERIC.type, sort_key=key)
    looks, noted = looks_of(0)
    found = object_ranks(Column(np.array(items, object)), kind, noted)
    keys = items if key is None else [key(item) for item in items]
    numbers = {each: number for number, each in enumerate(sorted(set(keys)))}
    assert found.tolist() == [numbers[each] for each in keys]
    assert len(looks) > 3 * 100_003 // KEYS_AT_ONCE
    for steps in (1, len(looks) // 2, len(looks)):
        with pytest.raises(Cancelled):
            object_ranks(Column(np.array(items, object)), kind, looks_of(steps)[1])


@pytest.mark.parametrize("kind", ["except", "intersect"])
def test_rows_are_compared_batch_by_batch(kind: str):
    left, right = values([(1,), (2,)], INT4), values([(2,)], INT4, first=2)
    plan = physical.SetOperation(
        kind=kind, all=True, left=left, right=right, output=(3,), types=(INT4,)
    )
    for steps in range(1, 4):
        with pytest.raises(Cancelled):
            run(plan, cancelled=looks_of(steps)[1])


def test_pairs_of_rows_are_joined_in_portions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(build_side, "PAIRS_MAX", 10)
    left, right = values([(1,)] * 30, INT4), values([(1,)] * 30, INT4, first=2)
    plan = physical.HashJoin(
        kind="inner", left=left, right=right, keys=((var(1), var(2), EQUAL),),
        output=(1,), types=(INT4,),
    )  # fmt: skip
    looks, noted = looks_of(0)
    assert len(run(plan, cancelled=noted)) == 900
    assert len(looks) >= 30


def test_grouping_sets_are_made_one_by_one():
    """Sets are made of others; each is looked for among all that have its keys."""
    count = 6
    sets = tuple(
        tuple(key for key in range(count) if number >> key & 1)
        for number in reversed(range(1 << count))
    )
    rows = [tuple(n % (key + 2) for key in range(count)) for n in range(40)]
    plan = physical.HashAggregate(
        input=values(rows, *[INT4] * count),
        keys=tuple(var(key + 1) for key in range(count)),
        sets=sets, aggregates=(), output=tuple(range(10, 10 + count)), types=(INT4,) * count,
    )  # fmt: skip
    looks, noted = looks_of(0)
    found = run(plan, cancelled=noted)
    assert len(found) == sum(
        len({tuple(row[key] for key in keys) for row in rows}) for keys in sets
    )
    assert len(looks) >= 4 * len(sets)
