"""A cancelled statement ends in the middle of the long steps of its operators, not only between batches."""

from __future__ import annotations

import numpy as np
import pytest
from plans import INT4, TEXT, asc, call, const, context, function, run, values, var

from server.executor import native, ordering
from server.executor.aggregate import PreparedAggregate
from server.executor.columns import concatenate_batches
from server.executor.join import BuildSide
from server.executor.key_table import ROWS_AT_ONCE, KeyTable
from server.expressions.expression import AggregateCall
from server.expressions.invoke import LOOK_ROWS
from server.functions.function import CallContext
from server.functions.registry import AGGREGATES
from server.planner import physical
from server.types.type import TextStyle
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.text_views import views_of
from server.vector.texts import TextColumn


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
