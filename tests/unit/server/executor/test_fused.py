"""GROUP BY through the vector machine against the ordinary operators, on the same tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from plans import BOOL, INT4, INT8
from world import Client, World

from server.executor.aggregate import HashAggregate
from server.executor.columns import rows_of
from server.executor.fused import FusedAggregate
from server.executor.modify import insert_columns
from server.executor.program import Program
from server.expressions.expression import AggregateCall, Call, Constant, Variable
from server.functions.registry import AGGREGATES, FUNCTIONS
from server.planner import physical
from server.types.registry import TYPE_BY_NAME
from server.types.type import TypeReference
from server.vector.column import Column
from server.vector.rows import column_of

DECIMAL = TypeReference(TYPE_BY_NAME["numeric"], ((12 << 16) | 2) + 4)
NUMERIC = TypeReference(TYPE_BY_NAME["numeric"])
BY_NAME = {function.name: function for function in FUNCTIONS}


def aggregate(name: str, argument: Any, type_: TypeReference) -> AggregateCall:
    oids = () if argument is None else (argument.type.oid,)
    found = [a for a in AGGREGATES if a.name == name and a.arguments == oids]
    if not found:
        found = [a for a in AGGREGATES if a.name == name and len(a.arguments) == len(oids)]
    arguments = () if argument is None else (argument,)
    return AggregateCall(type=type_, aggregate=found[0], arguments=arguments, star=not arguments)


def call(name: str, type_: TypeReference, *arguments: Any) -> Call:
    return Call(type=type_, function=BY_NAME[name], arguments=arguments, form="operator")


class Sample:
    """A table of integers, decimals, floats, dates and short words, and plans over it."""

    def __init__(self, count: int, *, nulls: bool) -> None:
        self.world = World()
        self.client = Client(self.world)
        self.table = self.world.table(
            "t", k="text", i="int4", n=f"numeric:{DECIMAL.modifier}", f="float8", d="date"
        )
        rng = np.random.default_rng(count)

        def valid() -> Any:
            return rng.random(count) < 0.9 if nulls else None

        words = np.array(["A", "N", "R", "longer than twelve bytes"], object)
        columns = [
            Column(rng.integers(0, 4, count).astype(np.int32), valid(), None, Column(words)),
            Column(rng.integers(-50, 50, count).astype(np.int32), valid()),
            column_of([Decimal(int(x)).scaleb(-2) for x in rng.integers(0, 9999, count)], object),
            Column(rng.random(count), valid()),
            Column(rng.integers(0, 400, count).astype(np.int32), valid()),
        ]
        steps = insert_columns(self.client.context(), self.table, columns, count)
        assert not list(steps)

    def plan(self, *, grouped: bool, below: int = 20) -> physical.HashAggregate:
        scan, named = self.world.scan(self.table)
        where = call("int4lt", BOOL, named["i"], Constant(type=INT4, value=below))
        scan = physical.TableScan(
            table=scan.table, alias="t", attributes=scan.attributes, output=scan.output,
            types=scan.types, filter=where,
        )  # fmt: skip
        twice = call("int4pl", INT4, named["i"], named["i"])
        rest = call("numeric_sub", NUMERIC, Constant(type=NUMERIC, value=Decimal(1)), named["n"])
        product = call("numeric_mul", NUMERIC, named["n"], rest)
        calls = (
            aggregate("sum", product, NUMERIC),
            aggregate("avg", named["n"], NUMERIC),
            aggregate("min", named["n"], NUMERIC),
            aggregate("count", None, INT8),
            aggregate("count", named["f"], INT8),
            aggregate("sum", twice, INT8),
            aggregate("avg", named["i"], NUMERIC),
            aggregate("max", named["i"], INT4),
            aggregate("min", named["d"], named["d"].type),
            aggregate("sum", named["f"], named["f"].type),
            aggregate("avg", named["f"], named["f"].type),
        )
        keys: tuple[Variable, ...] = (named["k"],) if grouped else ()
        output = tuple(range(1, len(calls) + len(keys) + 1))
        return physical.HashAggregate(
            input=scan,
            keys=keys,
            aggregates=calls,
            sets=((0,),) if grouped else ((),),
            output=output,
            types=(*[key.type for key in keys], *[each.type for each in calls]),
        )

    def run(self, plan: physical.HashAggregate, kind: type[HashAggregate]) -> list[Any]:
        program = Program(plan)
        context = self.client.context()
        context.program = program
        operator = kind(plan, program)
        if kind is FusedAggregate:
            assert operator._fused(context) is not None, "not done by the machine"
        return [row for batch in operator.batches(context) for row in rows_of(batch)]


def comparable(row: tuple[Any, ...]) -> list[Any]:
    """Decimals with the digits they show, floats to nine digits: sums round by their order."""
    return [
        f"{value:.9g}" if isinstance(value, float) else None if value is None else str(value)
        for value in row
    ]


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("below", [20, -40, -60])  # most rows pass, few, none
@pytest.mark.parametrize("count", [0, 1, 3000])
def test_both_ways_give_the_same(count: int, below: int, nulls: bool, grouped: bool):
    sample = Sample(count, nulls=nulls)
    plan = sample.plan(grouped=grouped, below=below)
    fused = sorted(sample.run(plan, FusedAggregate), key=repr)
    ordinary = sorted(sample.run(plan, HashAggregate), key=repr)
    assert list(map(comparable, fused)) == list(map(comparable, ordinary))


@pytest.mark.slow
@pytest.mark.parametrize("count", [65535, 65536, 70000])
def test_both_ways_at_the_edges_of_row_groups(count: int):
    sample = Sample(count, nulls=True)
    plan = sample.plan(grouped=True)
    fused = sorted(sample.run(plan, FusedAggregate), key=repr)
    ordinary = sorted(sample.run(plan, HashAggregate), key=repr)
    assert list(map(comparable, fused)) == list(map(comparable, ordinary))


def test_overflow_is_left_to_the_ordinary_operator():
    sample = Sample(0, nulls=False)
    big = [(1 << 31) - 1]
    column = Column(np.array(big, np.int32))
    empty = Column(np.zeros(1, np.int32), np.zeros(1, np.bool_))
    none = column_of([None], np.dtype(object))
    floats = Column(np.zeros(1), np.zeros(1, np.bool_))
    steps = insert_columns(
        sample.client.context(), sample.table, [none, column, none, floats, empty], 1
    )
    assert not list(steps)
    scan, named = sample.world.scan(sample.table)
    twice = call("int4pl", INT4, named["i"], named["i"])
    plan = physical.HashAggregate(
        input=scan, keys=(), aggregates=(aggregate("sum", twice, INT8),), sets=((),),
        output=(1,), types=(INT8,),
    )  # fmt: skip
    program = Program(plan)
    context = sample.client.context()
    assert FusedAggregate(plan, program)._fused(context) is None


def test_what_is_not_in_the_tables_is_not_compiled():
    sample = Sample(1, nulls=False)
    scan, named = sample.world.scan(sample.table)
    plan = physical.HashAggregate(
        input=scan, keys=(), aggregates=(aggregate("max", named["k"], named["k"].type),),
        sets=((),), output=(1,), types=(named["k"].type,),
    )  # fmt: skip
    assert FusedAggregate(plan, Program(plan))._fused(sample.client.context()) is None


@pytest.mark.parametrize("added", [1, -(1 << 31), (1 << 31) - 1, None])
def test_a_constant_that_is_added_in_each_row(added: int | None):
    world = World()
    client, table = Client(world), world.table("s", i="int2")
    values = np.array([-32768, 32767, 5, 0], np.int16)
    rows = Column(values, np.array([True, True, True, False]))
    assert not list(insert_columns(client.context(), table, [rows], 4))
    scan, named = world.scan(table)
    argument = call("int24pl", INT4, named["i"], Constant(type=INT4, value=added))
    plan = physical.HashAggregate(
        input=scan, keys=(), aggregates=(aggregate("sum", argument, INT8),), sets=((),),
        output=(1,), types=(INT8,),
    )  # fmt: skip
    result = FusedAggregate(plan, Program(plan))._fused(client.context())
    if added in (1, None):
        assert result is not None
        assert rows_of(result) == [(None if added is None else 4 + 3,)]
    else:  # a row overflows
        assert result is None
