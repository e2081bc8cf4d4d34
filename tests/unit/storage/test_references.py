"""Rows that others refer to: found by key, locked, and changed by others all the same as long as they keep it."""

import pytest

from storage.engine import Kind, RowLock, Status, encode_key, lock_referenced
from storage.fast_paths import KeyReader as ChosenReader
from storage.key_reader import KeyReader
from tests.support.small_engine import small_engine

TABLE, INDEX = 20000, 20001
KINDS = (Kind.INT32, Kind.INT64)


@pytest.fixture
def engine():
    made, _ = small_engine()
    transaction = made.begin()
    transaction.create_relation(TABLE, KINDS)
    transaction.create_index(INDEX, unique=True)
    transaction.commit()
    return made


@pytest.fixture
def table(engine):
    return engine.relation(TABLE)


def key_of(values):
    return encode_key((values[0],), (Kind.INT32,))


def add(engine, number):
    transaction = engine.begin()
    root = engine.relation(TABLE).insert_row(transaction, (number, 0))
    engine.index(INDEX).insert(transaction, key_of((number,)), root)
    transaction.commit()
    return root


def refer(engine, transaction, number):
    table, index = engine.relation(TABLE), engine.index(INDEX)
    return lock_referenced(
        transaction, transaction.snapshot(), table, index, key_of((number,)), key_of
    )


def change(engine, transaction, row_id, values, *, key_changed=False):
    table = engine.relation(TABLE)
    return table.update(transaction, transaction.snapshot(), row_id, values, key_changed)


def test_a_row_is_found_and_kept_until_the_end(engine, table):
    root = add(engine, 7)
    first, second = engine.begin(), engine.begin()
    assert refer(engine, first, 7).root_id == root
    assert refer(engine, first, 8) is None
    blocked = table.delete(second, second.snapshot(), root)
    assert (blocked.status, blocked.blocker_xid) == (Status.BLOCKED, first.xid)
    assert change(engine, second, root, {0: 9}, key_changed=True).status is Status.BLOCKED
    first.commit()
    assert table.delete(second, second.snapshot(), root).status is Status.DONE


def test_columns_beside_the_key_change_meanwhile(engine):
    root = add(engine, 7)
    first, second, third = engine.begin(), engine.begin(), engine.begin()
    assert refer(engine, first, 7).status is Status.DONE
    assert change(engine, second, root, {1: 5}).status is Status.DONE
    assert refer(engine, third, 7).status is Status.DONE
    blocked = change(engine, third, root, {1: 6})
    assert (blocked.status, blocked.blocker_xid) == (Status.BLOCKED, second.xid)


def test_a_changing_key_is_waited_for_and_the_old_one_is_gone(engine):
    root = add(engine, 7)
    first, second = engine.begin(), engine.begin()
    done = change(engine, first, root, {0: 8}, key_changed=True)
    assert done.status is Status.DONE
    engine.index(INDEX).insert(first, key_of((8,)), root)
    blocked = refer(engine, second, 7)
    assert (blocked.status, blocked.blocker_xid) == (Status.BLOCKED, first.xid)
    first.commit()
    assert refer(engine, second, 7) is None
    assert refer(engine, second, 8).status is Status.DONE


def test_what_changed_meanwhile_is_told_with_its_place(engine, table):
    root = add(engine, 7)
    late = engine.begin(keep_snapshot=True)
    late.snapshot()
    first = engine.begin()
    made = change(engine, first, root, {1: 5})
    first.commit()
    told = change(engine, late, root, {1: 6})
    assert (told.status, told.new_row_id, told.root_id) == (
        Status.UPDATED,
        made.new_row_id,
        root,
    )
    ended = engine.begin()
    assert table.delete(ended, ended.snapshot(), made.new_row_id).status is Status.DONE
    ended.commit()
    assert change(engine, late, root, {1: 6}).status is Status.DELETED
    assert change(engine, late, root, {1: 6}).new_row_id == 0


def test_shares_stand_in_the_way_of_updates_only_where_they_are(engine, table):
    root, other = add(engine, 7), add(engine, 8)
    first, second = engine.begin(), engine.begin()
    assert table.lock_row(first, first.snapshot(), root, RowLock.SHARE).status is Status.DONE
    assert change(engine, second, root, {1: 5}).status is Status.BLOCKED
    assert change(engine, second, other, {1: 5}).status is Status.DONE
    assert change(engine, first, root, {1: 5}).status is Status.DONE
    assert change(engine, first, root, {1: 5}).status is Status.SELF_MODIFIED


@pytest.fixture(params=[KeyReader, ChosenReader], ids=["original", "chosen"])
def reader(request, engine):
    return request.param(engine, TABLE, INDEX, (0,), (Kind.INT32,), ())


def held_rows(engine, transaction):
    return engine.locks.lasting(transaction)[1]


def test_a_row_that_is_plainly_there_is_kept_in_one_step(engine, table, reader):
    root = add(engine, 7)
    first, second = engine.begin(), engine.begin()
    assert reader.share(first, (7,))
    assert held_rows(engine, first) == [(TABLE, root, RowLock.KEY_SHARE)]
    assert not reader.share(first, (8,))
    blocked = table.delete(second, second.snapshot(), root)
    assert (blocked.status, blocked.blocker_xid) == (Status.BLOCKED, first.xid)
    assert change(engine, second, root, {1: 5}).status is Status.DONE
    assert reader.share(first, (7,))
    first.commit()
    assert table.delete(second, second.snapshot(), second_version(engine, second, root)).status in (
        Status.DONE,
        Status.SELF_MODIFIED,
    )
    assert not reader.share(engine.begin(), (7,))


def test_what_a_reader_does_is_counted(engine, table, reader):
    def counted():
        counts = engine.scans[INDEX]
        return counts.scans, counts.returned, counts.fetched

    add(engine, 7)
    assert counted() == (0, 0, 0)
    assert reader.fetch(None, (7,)) is not None
    assert reader.locate(engine.begin().snapshot(), (7,)) is not None
    assert counted() == (2, 2, 2)
    assert reader.fetch(None, (8,)) is None
    assert counted() == (3, 2, 2)
    assert reader.share(engine.begin(), (7,))
    assert counted() == (4, 3, 3)
    assert not reader.share(engine.begin(), (8,))
    assert counted() == (4, 3, 3)


def second_version(engine, transaction, root):
    transaction.next_command()
    return engine.relation(TABLE).find_id(transaction.snapshot(), root)


def test_a_version_of_ones_own_needs_no_lock(engine, table, reader):
    root = add(engine, 7)
    first, second = engine.begin(), engine.begin()
    assert change(engine, first, root, {1: 5}).status is Status.DONE
    assert reader.share(first, (7,))
    assert not held_rows(engine, first)
    assert table.delete(second, second.snapshot(), root).status is Status.BLOCKED


@pytest.mark.parametrize("way", ["deleted", "another key", "locked", "made", "aborted", "strict"])
def test_what_is_not_plain_is_left(engine, table, reader, way):
    other, mine = engine.begin(), engine.begin(keep_snapshot=way == "strict")
    root = 0
    if way == "made":
        root = table.insert_row(other, (7, 0))
        engine.index(INDEX).insert(other, key_of((7,)), root)
    else:
        root = add(engine, 7)
    if way == "deleted":
        table.delete(other, other.snapshot(), root)
    elif way == "another key":
        change(engine, other, root, {0: 9}, key_changed=True)
    elif way == "locked":
        table.lock_row(other, other.snapshot(), root, RowLock.UPDATE)
    elif way == "aborted":
        table.delete(other, other.snapshot(), root)
        other.abort()
    assert reader.share(mine, (7,)) == (way == "aborted")
    if way != "aborted":
        assert not held_rows(engine, mine)
