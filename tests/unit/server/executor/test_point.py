"""The short path gives what the ordinary operators give, and leaves to them what it cannot do."""

from __future__ import annotations

from typing import Any

import pytest
from plans import const
from test_modify import below, delete, index_scan, insert, is_, rows, update
from world import Client, World

from server.errors import UniqueViolation
from server.executor.point import narrowed, point_of
from server.executor.point_rows import ROWS_MAX
from server.expressions.expression import Variable
from server.planner import physical


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def table(world: World) -> Any:
    return world.table("t", a="int4", b="text")


@pytest.fixture
def index(world: World, table: Any) -> Any:
    return world.index(table, 1, unique=True)


def by_key(plan: Any, world: World, table: Any, index: Any, key: int) -> Any:
    """The change with its table scan replaced by a lookup."""
    scan = plan.input
    condition = physical.KeyCondition(position=0, operator="=", value=const(key))
    lookup = physical.IndexScan(
        table=table, alias="t", index=index, attributes=scan.attributes, conditions=(condition,),
        output=scan.output, types=scan.types,
    )  # fmt: skip
    fields = {name: getattr(plan, name) for name in plan.__dataclass_fields__}
    return type(plan)(**(fields | {"input": lookup}))


def test_a_row_is_found_by_its_key(world: World, table: Any, index: Any):
    client = Client(world)
    client.run(insert(world, table, [(1, "x"), (2, None)]))
    for key, expected in ((1, [(1, "x")]), (2, [(2, None)]), (3, []), (1 << 40, [])):
        plan = index_scan(world, table, index, (0, "=", key))
        run = point_of(plan)
        assert run is not None
        assert run(client.context()) == expected == client.run(plan)


def test_other_shapes_are_not_points(world: World, table: Any, index: Any):
    assert point_of(index_scan(world, table, index, (0, "<", 1))) is None
    assert point_of(world.scan(table)[0]) is None
    many = [(number, "x") for number in range(ROWS_MAX + 1)]
    assert point_of(insert(world, table, many)) is None
    assert point_of(insert(world, table, many[1:])) is not None
    assert point_of(update(world, table, lambda named: [], below("a", 3))) is None


def test_changes_by_key(world: World, table: Any, index: Any):
    client = Client(world)
    plan = insert(world, table, [(1, "x")])
    assert point_of(plan) is not None
    assert client.start(plan).context.row_count == 1
    with pytest.raises(UniqueViolation, match="t_a_key"):
        client.run(plan)
    change = update(world, table, lambda named: [(2, const("y", named["b"].type))], is_("a", 1))
    change = by_key(change, world, table, index, 1)
    assert point_of(change) is not None
    assert client.start(change).context.row_count == 1
    assert rows(client, table) == [(1, "y")]
    gone = by_key(delete(world, table), world, table, index, 1)
    assert client.start(gone).context.row_count == 1
    assert client.start(gone).context.row_count == 0
    assert rows(client, table) == []


def test_a_change_loads_what_it_reads(world: World, table: Any, index: Any):
    change = update(world, table, lambda named: [(2, const("y", named["b"].type))], is_("a", 1))
    scan = by_key(change, world, table, index, 1).input
    found = narrowed(scan, change.row_id, [change.recheck])
    assert isinstance(found, physical.IndexScan)
    assert found.attributes == (1, -7)
    assert found.output == (scan.output[0], change.row_id)
    assert narrowed(scan, change.row_id, []).output == (change.row_id,)


def test_keys_that_moved_are_followed(world: World, table: Any, index: Any):
    client = Client(world)
    client.run(insert(world, table, [(1, "x")]))
    client.run(update(world, table, lambda named: [(1, const(5))]))
    found = [client.run(index_scan(world, table, index, (0, "=", key))) for key in (1, 5)]
    assert found == [[], [(5, "x")]]


def test_it_waits_as_the_ordinary_operators_do(world: World, table: Any, index: Any):
    client, other = Client(world), Client(world)
    other.run(insert(world, table, [(1, "theirs")]))
    waiting = client.start(insert(world, table, [(1, "mine")]))
    assert not waiting.is_done
    other.rollback()
    waiting.go_on()
    assert waiting.context.row_count == 1
    assert rows(client, table) == [(1, "mine")]


def test_an_insert_gives_what_it_returns(world: World, table: Any, index: Any):
    client = Client(world)
    client.run(insert(world, table, [(1, "x")]))
    plan = insert(world, table, [(2, "y")], returning=lambda named: (named["b"], named["a"]))
    run, context = point_of(plan), client.context()
    assert run is not None
    assert run(context) == [("y", 2)]
    assert context.row_counts[plan] == 1
    with pytest.raises(UniqueViolation):
        run(client.context())


def test_a_returned_system_column_is_for_the_ordinary_operators(world: World, table: Any):
    other = Variable(type=world.types(table, world.columns(table))[0], column=77)
    plan = insert(world, table, [(2, "y")], returning=lambda named: (other,))
    assert point_of(plan) is None
