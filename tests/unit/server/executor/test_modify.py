"""INSERT, UPDATE, DELETE, ON CONFLICT, foreign keys and row locks over storage in memory."""

from __future__ import annotations

from typing import Any

import pytest
from plans import EQUAL, INT4, LESS, PLUS, asc, call, const, values
from world import Client, World, variables

from server.errors import (
    CardinalityViolation,
    CheckViolation,
    ForeignKeyViolation,
    LockNotAvailable,
    NotNullViolation,
    SerializationFailure,
    UniqueViolation,
)
from server.executor.deferred import run_deferred
from server.planner import change_plans, physical


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Client:
    return Client(world)


def insert(world: World, table: Any, rows: Any, **more: Any) -> change_plans.Insert:
    columns = world.columns(table)
    types = world.types(table, columns)
    source = values(rows, *types, first=1)
    named = variables(table, columns, types)
    given = more.pop("returning", None)
    returning = None if given is None else given(named)
    checks = more.pop("checks", lambda named: ())(named)
    return change_plans.Insert(
        table=table,
        input=source,
        attributes=tuple(n for n, _ in columns),
        row=columns,
        checks=checks,
        returning=returning,
        output=(),
        types=tuple(item.type for item in returning or ()),
        **more,
    )


def update(
    world: World, table: Any, set_: Any, where: Any = None, **more: Any
) -> change_plans.Update:
    scan, named = world.scan(table, -7, where=where)
    old = tuple(zip(scan.attributes[:-1], scan.output[:-1], strict=True))
    row = world.columns(table)
    returning = more.pop("returning", None)
    new = variables(table, row, world.types(table, row))
    return change_plans.Update(
        table=table,
        input=scan,
        row_id=scan.output[-1],
        assignments=tuple(set_(named)),
        old=old,
        row=row,
        recheck=None if where is None else where(named),
        returning=None if returning is None else returning(new),
        output=(),
        types=(),
        **more,
    )


def delete(world: World, table: Any, where: Any = None, **more: Any) -> change_plans.Delete:
    scan, named = world.scan(table, -7, where=where)
    return change_plans.Delete(
        table=table,
        input=scan,
        row_id=scan.output[-1],
        old=tuple(zip(scan.attributes[:-1], scan.output[:-1], strict=True)),
        recheck=None if where is None else where(named),
        output=(),
        types=(),
        **more,
    )


def rows(client: Client, table: Any) -> list[tuple[Any, ...]]:
    scan, _ = client.world.scan(table)
    return sorted(client.run(scan), key=repr)


def is_(column: str, value: int) -> Any:
    return lambda named: call(EQUAL, named[column], const(value))


def below(column: str, value: int) -> Any:
    return lambda named: call(LESS, named[column], const(value))


def plus_one(number: int, column: str) -> Any:
    return lambda named: [(number, call(PLUS, named[column], const(1), type_=INT4))]


def set_to(number: int, value: Any) -> Any:
    return lambda named: [(number, const(value))]


def test_rows_inserted_are_found_again(world: World, client: Client):
    table = world.table("t", a="int4", b="text", c="float8")
    stored = [(1, "x", 1.5), (2, None, None), (None, "long text beyond twelve bytes", -0.25)]
    running = client.start(insert(world, table, stored))
    assert running.context.row_count == 3
    assert rows(client, table) == sorted(stored, key=repr)


def test_returning_gives_the_rows_inserted(world: World, client: Client):
    table = world.table("t", a="int4", b="text")
    plan = insert(world, table, [(1, "x")], returning=lambda new: (new["b"], new["a"]))
    assert client.run(plan) == [("x", 1)]


def test_not_null(world: World, client: Client):
    table = world.table("t", a="int4!", b="text")
    with pytest.raises(NotNullViolation) as caught:
        client.run(insert(world, table, [(1, "x"), (None, "y")]))
    assert (
        caught.value.message
        == 'null value in column "a" of relation "t" violates not-null constraint'
    )
    assert caught.value.detail == "Failing row contains (null, y)."
    assert (caught.value.schema, caught.value.table, caught.value.column) == ("public", "t", "a")


def test_check_passes_when_it_is_unknown(world: World, client: Client):
    table = world.table("t", a="int4")

    def checks(named: Any) -> Any:
        return (("t_a_check", below("a", 10)(named)),)

    client.run(insert(world, table, [(None,), (9,)], checks=checks))
    with pytest.raises(CheckViolation, match='violates check constraint "t_a_check"') as caught:
        client.run(insert(world, table, [(3,), (11,)], checks=checks))
    assert caught.value.detail == "Failing row contains (11)."


def test_unique_key_in_the_table_and_within_the_statement(world: World, client: Client):
    table = world.table("t", a="int4", b="text")
    world.index(table, 1, unique=True)
    client.run(insert(world, table, [(1, "x"), (None, "y"), (None, "z")]))
    for stored in ([(1, "again")], [(5, "p"), (5, "q")]):
        with pytest.raises(UniqueViolation) as caught:
            client.run(insert(world, table, stored))
        assert caught.value.message == 'duplicate key value violates unique constraint "t_a_key"'
        assert caught.value.detail == f"Key (a)=({stored[0][0]}) already exists."


def test_a_key_is_free_again_when_its_row_has_gone(world: World, client: Client):
    table = world.table("t", a="int4")
    world.index(table, 1, unique=True)
    client.run(insert(world, table, [(1,), (2,)]))
    client.run(delete(world, table, is_("a", 1)))
    client.run(update(world, table, set_to(1, 3), is_("a", 2)))
    client.run(insert(world, table, [(1,), (2,)]))
    with pytest.raises(UniqueViolation):
        client.run(insert(world, table, [(3,)]))


def test_inserter_waits_for_another_one_with_the_same_key(world: World, client: Client):
    table = world.table("t", a="int4")
    world.index(table, 1, unique=True)
    other = Client(world)
    other.run(insert(world, table, [(1,)]))
    waiting = client.start(insert(world, table, [(1,)]))
    assert not waiting.is_done
    other.rollback()
    waiting.go_on()
    assert waiting.is_done
    assert rows(client, table) == [(1,)]


def test_inserter_fails_when_the_other_one_commits(world: World, client: Client):
    table = world.table("t", a="int4")
    world.index(table, 1, unique=True)
    other = Client(world)
    other.run(insert(world, table, [(1,)]))
    waiting = client.start(insert(world, table, [(1,)]))
    other.commit()
    with pytest.raises(UniqueViolation):
        waiting.go_on()


def test_update_changes_rows_once_and_counts_them(world: World, client: Client):
    table = world.table("t", a="int4", b="text")
    world.index(table, 1, unique=True)
    client.run(insert(world, table, [(1, "x"), (5, "y"), (9, "z")]))
    plan = update(
        world, table, plus_one(1, "a"), below("a", 6), returning=lambda new: (new["a"], new["b"])
    )
    running = client.start(plan)
    assert sorted(running.rows) == [(2, "x"), (6, "y")]
    assert running.context.row_count == 2
    assert rows(client, table) == [(2, "x"), (6, "y"), (9, "z")]


def test_update_follows_a_row_to_its_newer_version(world: World, client: Client):
    table = world.table("t", a="int4", b="int4")
    client.run(insert(world, table, [(1, 10)]))
    client.commit()
    other = Client(world)
    other.run(update(world, table, plus_one(2, "b"), is_("a", 1)))
    waiting = client.start(update(world, table, plus_one(2, "b"), is_("a", 1)))
    assert not waiting.is_done
    other.commit()
    waiting.go_on()
    assert waiting.context.row_count == 1
    assert rows(client, table) == [(1, 12)]


def test_update_passes_over_a_row_that_no_longer_qualifies(world: World, client: Client):
    table = world.table("t", a="int4")
    client.run(insert(world, table, [(1,)]))
    client.commit()
    other = Client(world)
    other.run(update(world, table, set_to(1, 7), is_("a", 1)))
    waiting = client.start(delete(world, table, is_("a", 1)))
    other.commit()
    waiting.go_on()
    assert waiting.context.row_count == 0
    assert rows(client, table) == [(7,)]


def test_repeatable_read_does_not_follow(world: World, client: Client):
    table = world.table("t", a="int4")
    client.run(insert(world, table, [(1,)]))
    client.commit()
    fixed = Client(world, repeatable=True)
    assert rows(fixed, table) == [(1,)]
    client.run(update(world, table, set_to(1, 2)))
    client.commit()
    with pytest.raises(SerializationFailure, match="due to concurrent update"):
        fixed.run(delete(world, table))


def upsert(world: World, table: Any, index: Any, stored: Any, where: Any = None) -> Any:
    existing, excluded = world.columns(table), world.columns(table)
    types = world.types(table, existing)
    old, new = variables(table, existing, types), variables(table, excluded, types)
    clause = change_plans.ConflictClause(
        indexes=(index,),
        update=((2, call(PLUS, old["b"], new["b"], type_=INT4)),),
        where=None if where is None else where(old),
        existing=existing,
        excluded=excluded,
    )
    return insert(world, table, stored, conflict=clause, returning=lambda row: (row["b"],))


def test_on_conflict_updates_the_row_in_the_way(world: World, client: Client):
    table = world.table("t", a="int4", b="int4")
    index = world.index(table, 1, unique=True)
    client.run(insert(world, table, [(1, 10)]))
    assert client.run(upsert(world, table, index, [(1, 5), (2, 7)])) == [(15,), (7,)]
    assert client.run(upsert(world, table, index, [(2, 1)], where=below("b", 0))) == []
    assert rows(client, table) == [(1, 15), (2, 7)]
    with pytest.raises(CardinalityViolation, match="cannot affect row a second time"):
        client.run(upsert(world, table, index, [(3, 1), (3, 2)]))


def test_on_conflict_looks_at_the_newest_version_of_the_row(world: World, client: Client):
    table = world.table("t", a="int4", b="int4")
    index = world.index(table, 1, unique=True)
    client.run(insert(world, table, [(1, 10)]))
    client.commit()
    other = Client(world)
    other.run(update(world, table, set_to(2, -5)))
    waiting = client.start(upsert(world, table, index, [(1, 1)], where=below("b", 0)))
    assert not waiting.is_done
    other.commit()
    waiting.go_on()
    assert waiting.rows == [(-4,)]


def test_on_conflict_do_nothing(world: World, client: Client):
    table = world.table("t", a="int4", b="int4")
    world.index(table, 1, unique=True)
    client.run(insert(world, table, [(1, 10)]))
    clause = change_plans.ConflictClause(indexes=(), update=None)
    running = client.start(insert(world, table, [(1, 5), (2, 7), (2, 8)], conflict=clause))
    assert running.context.row_count == 1
    assert rows(client, table) == [(1, 10), (2, 7)]


@pytest.fixture
def family(world: World) -> tuple[Any, Any]:
    parent = world.table("parent", id="int4")
    world.index(parent, 1, unique=True)
    child = world.table("child", id="int4", parent="int4")
    return parent, child


def test_foreign_key_needs_its_row(world: World, client: Client, family: Any):
    parent, child = family
    world.foreign_key(child, 2, parent)
    client.run(insert(world, parent, [(1,)]))
    client.run(insert(world, child, [(10, 1), (11, None)]))
    with pytest.raises(ForeignKeyViolation) as caught:
        client.run(insert(world, child, [(12, 2)]))
    assert (
        caught.value.message
        == 'insert or update on table "child" violates foreign key constraint "child_fkey"'
    )
    assert caught.value.detail == 'Key (parent)=(2) is not present in table "parent".'
    with pytest.raises(ForeignKeyViolation):
        client.run(update(world, child, set_to(2, 3), is_("id", 10)))


def test_a_referenced_row_cannot_go(world: World, client: Client, family: Any):
    parent, child = family
    world.foreign_key(child, 2, parent)
    client.run(insert(world, parent, [(1,), (2,)]))
    client.run(insert(world, child, [(10, 1)]))
    client.run(delete(world, parent, is_("id", 2)))
    with pytest.raises(ForeignKeyViolation) as caught:
        client.run(delete(world, parent, is_("id", 1)))
    assert caught.value.message == (
        'update or delete on table "parent" violates foreign key constraint '
        '"child_fkey" on table "child"'
    )
    assert caught.value.detail == 'Key (id)=(1) is still referenced from table "child".'


@pytest.mark.parametrize(("action", "left"), [("c", [(11, 2)]), ("n", [(10, None), (11, 2)])])
def test_actions_on_delete(world: World, client: Client, family: Any, action: str, left: list[Any]):
    parent, child = family
    world.foreign_key(child, 2, parent, on_delete=action)
    client.run(insert(world, parent, [(1,), (2,)]))
    client.run(insert(world, child, [(10, 1), (11, 2)]))
    client.run(delete(world, parent, is_("id", 1)))
    assert rows(client, child) == left


def test_cascade_of_an_update(world: World, client: Client, family: Any):
    parent, child = family
    world.foreign_key(child, 2, parent, on_update="c")
    world.index(child, 2)
    client.run(insert(world, parent, [(1,)]))
    client.run(insert(world, child, [(10, 1), (11, 1)]))
    client.run(update(world, parent, set_to(1, 5)))
    assert rows(client, child) == [(10, 5), (11, 5)]


def test_deferred_foreign_key_is_checked_at_the_end(world: World, client: Client, family: Any):
    parent, child = family
    world.foreign_key(child, 2, parent, deferrable=True, deferred=True)
    client.run(insert(world, child, [(10, 1)]))
    client.run(insert(world, parent, [(1,)]))
    assert list(run_deferred(client.deferred)) == []
    client.run(insert(world, child, [(11, 2)]))
    with pytest.raises(ForeignKeyViolation):
        list(run_deferred(client.deferred))


def test_the_child_waits_for_a_parent_that_is_being_deleted(
    world: World, client: Client, family: Any
):
    parent, child = family
    world.foreign_key(child, 2, parent)
    client.run(insert(world, parent, [(1,)]))
    client.commit()
    other = Client(world)
    other.run(delete(world, parent))
    waiting = client.start(insert(world, child, [(10, 1)]))
    assert not waiting.is_done
    other.commit()
    with pytest.raises(ForeignKeyViolation):
        waiting.go_on()


def lock(world: World, table: Any, wait: str, where: Any = None) -> physical.LockRows:
    scan, _ = world.scan(table, -7, where=where)
    return physical.LockRows(
        input=scan,
        strength="update",
        wait=wait,
        targets=(physical.RowSource(table, scan.output[-1], None),),
        output=scan.output[:-1],
        types=scan.types[:-1],
    )


def test_locked_rows_make_others_wait_fail_or_skip(world: World, client: Client):
    table = world.table("t", a="int4")
    client.run(insert(world, table, [(1,), (2,)]))
    client.commit()
    other = Client(world)
    assert other.run(lock(world, table, "block", is_("a", 1))) == [(1,)]
    assert client.run(lock(world, table, "skip")) == [(2,)]
    with pytest.raises(LockNotAvailable, match='could not obtain lock on row in relation "t"'):
        client.run(lock(world, table, "nowait"))
    waiting = client.start(lock(world, table, "block", is_("a", 1)))
    assert not waiting.is_done
    other.run(update(world, table, set_to(1, 7), is_("a", 1)))
    other.commit()
    waiting.go_on()
    assert waiting.rows == []


def test_a_locked_row_is_given_in_its_newest_version(world: World, client: Client):
    table = world.table("t", a="int4", b="int4")
    client.run(insert(world, table, [(1, 1)]))
    client.commit()
    other = Client(world)
    other.run(update(world, table, set_to(2, 9)))
    waiting = client.start(lock(world, table, "block", is_("a", 1)))
    other.commit()
    waiting.go_on()
    assert waiting.rows == [(1, 9)]


def index_scan(world: World, table: Any, index: Any, *conditions: Any, **more: Any) -> Any:
    columns = world.columns(table)
    return physical.IndexScan(
        table=table,
        alias="t",
        index=index,
        attributes=tuple(n for n, _ in columns),
        conditions=tuple(
            physical.KeyCondition(position=p, operator=o, value=None if v is None else const(v))
            for p, o, v in conditions
        ),
        output=tuple(number for _, number in columns),
        types=world.types(table, columns),
        **more,
    )


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([(0, "=", 3)], [3]),
        ([(0, "<", 3)], [1, 2]),
        ([(0, "<=", 3)], [1, 2, 3]),
        ([(0, ">", 3)], [4, 5]),
        ([(0, ">=", 3), (0, "<", 5)], [3, 4]),
        ([(0, "null", None)], [None]),
        ([(0, "notnull", None)], [1, 2, 3, 4, 5]),
        ([(0, "<", 1 << 40)], [1, 2, 3, 4, 5]),
        ([(0, ">", 1 << 40)], []),
        ([(0, ">", -(1 << 40))], [1, 2, 3, 4, 5]),
        ([(0, "=", 1 << 40)], []),
    ],
)
def test_index_scan(world: World, client: Client, descending: bool, conditions: Any, expected: Any):
    table = world.table("t", a="int4", b="text")
    index = world.index(table, 1, descending=descending)
    stored = [(n, str(n)) for n in (3, 1, None, 5, 2, 4)]
    client.run(insert(world, table, stored))
    found = [row[0] for row in client.run(index_scan(world, table, index, *conditions))]
    assert found == (expected[::-1] if descending else expected)
    backward = client.run(index_scan(world, table, index, *conditions, backward=True))
    assert [row[0] for row in backward] == found[::-1]


def test_index_entries_of_older_keys_are_passed_over(world: World, client: Client):
    table = world.table("t", a="int4", b="text")
    index = world.index(table, 1)
    client.run(insert(world, table, [(1, "x"), (2, "y")]))
    client.run(update(world, table, set_to(1, 5), is_("a", 1)))
    whole = client.run(index_scan(world, table, index))
    assert whole == [(2, "y"), (5, "x")]
    assert client.run(index_scan(world, table, index, (0, "=", 1))) == []


def test_scan_filters_before_it_loads_the_rest(world: World, client: Client):
    table = world.table("t", a="int4", b="text")
    client.run(insert(world, table, [(n, f"word {n}") for n in range(100)]))
    scan, _ = world.scan(table, where=below("a", 3))
    assert sorted(client.run(scan)) == [(0, "word 0"), (1, "word 1"), (2, "word 2")]


def test_ctid_finds_the_row(world: World, client: Client):
    table = world.table("t", a="int4")
    client.run(insert(world, table, [(7,), (8,)]))
    scan, _ = world.scan(table, -1)
    ids = {row[0]: row[1] for row in client.run(scan)}
    columns = world.columns(table)
    plan = physical.RowIdScan(
        table=table,
        alias="t",
        attributes=(1,),
        row_ids=const(ids[8]),
        output=(columns[0][1],),
        types=world.types(table, columns),
    )
    assert client.run(plan) == [(8,)]


def test_sorting_a_table(world: World, client: Client):
    table = world.table("t", a="int4", b="text")
    client.run(insert(world, table, [(2, "b"), (1, "a")]))
    scan, named = world.scan(table)
    plan = physical.Sort(input=scan, keys=(asc(named["b"]),), output=scan.output, types=scan.types)
    assert client.run(plan) == [(1, "a"), (2, "b")]
