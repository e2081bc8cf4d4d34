"""Updates and deletions of many rows: the same rows as one by one, or nothing done."""

import random

import numpy as np
import pytest

from storage.check import check
from storage.engine import Kind, MovedKeys, RowLock, Status
from storage.vacuum import vacuum
from tests.support.small_engine import small_engine

TABLE = 20000
KINDS = (Kind.INT32, Kind.BYTES, Kind.BOOL, Kind.FIXED16)


@pytest.fixture
def engine():
    made, _ = small_engine()
    transaction = made.begin()
    transaction.create_relation(TABLE, KINDS)
    transaction.commit()
    yield made
    assert check(made) == []


@pytest.fixture
def table(engine):
    return engine.relation(TABLE)


def some_rows(chance, count):
    return [
        (
            None if chance.random() < 0.2 else chance.randrange(1000),
            None if chance.random() < 0.2 else b"v" * chance.choice([0, 3, 12, 13, 90]),
            chance.random() < 0.5,
            bytes([chance.randrange(256)]) * 16,
        )
        for _ in range(count)
    ]


def add(engine, rows):
    transaction = engine.begin()
    roots = [engine.relation(TABLE).insert_row(transaction, row) for row in rows]
    transaction.commit()
    return roots


def seen(engine, snapshot=None):
    table = engine.relation(TABLE)
    snapshot = snapshot or engine.begin().snapshot()
    return {
        table.root(row_id): table.values(row_id)
        for view in table.scan(snapshot)
        for row_id in view.row_ids.tolist()
    }


def current_ids(engine):
    views = engine.relation(TABLE).scan(engine.begin().snapshot())
    return np.sort(np.concatenate([view.row_ids for view in views]))


def numbers(values):
    null = np.array([value is None for value in values])
    return {0: (np.array([value or 0 for value in values], np.int32), null)}


@pytest.mark.parametrize("seed", range(8))
def test_rows_change_and_the_rest_stays(engine, table, seed):
    chance = random.Random(seed)
    roots = add(engine, some_rows(chance, chance.choice([3, 100, 700])))
    wanted = seen(engine)
    for _ in range(4):
        ids = current_ids(engine)
        ids = np.sort(chance.sample(ids.tolist(), max(1, len(ids) // chance.choice([1, 2, 9]))))
        values = [chance.choice([None, 1, 77]) for _ in ids]
        texts = [b"x" * chance.choice([0, 5, 40]) for _ in ids]
        old, transaction = engine.begin().snapshot(), engine.begin()
        before = dict(wanted)
        columns = numbers(values) | ({1: (texts, None)} if chance.random() < 0.5 else {})
        assert table.update_many(transaction, ids, columns) is not None
        assert seen(engine) == before
        if chance.random() < 0.3:
            transaction.abort()
        else:
            for row_id, value, text in zip(ids.tolist(), values, texts, strict=True):
                root = table.root(row_id)
                row = wanted[root]
                wanted[root] = (value, text if 1 in columns else row[1], *row[2:])
            transaction.commit()
        assert seen(engine, old) == before
        assert seen(engine) == wanted
        assert [table.fetch(engine.begin().snapshot(), root) for root in roots] == [
            wanted[root] for root in roots
        ]
        del old
        if chance.random() < 0.3:
            vacuum(engine, TABLE)


def test_large_values_are_copied(engine, table):
    big = b"big" * 30000
    add(engine, [(1, big, True, bytes(16))] * 3)
    transaction = engine.begin()
    assert table.update_many(transaction, current_ids(engine), numbers([5, 6, 7])) is not None
    transaction.commit()
    assert sorted(row[:2] for row in seen(engine).values()) == [(5, big), (6, big), (7, big)]


@pytest.mark.parametrize("way", ["updated", "deleted", "locked", "own", "descending", "twice"])
def test_what_is_in_the_way_leaves_all_as_it_was(engine, table, way):
    add(engine, some_rows(random.Random(1), 40))
    before, ids = seen(engine), current_ids(engine)
    other, transaction = engine.begin(), engine.begin()
    row_id = int(ids[17])
    if way == "updated":
        assert table.update(other, other.snapshot(), row_id, {0: 1}).status is Status.DONE
    elif way == "deleted":
        assert table.delete(other, other.snapshot(), row_id).status is Status.DONE
    elif way == "locked":
        table.lock_row(other, other.snapshot(), row_id, RowLock.KEY_SHARE)
    elif way == "own":
        assert table.update(transaction, transaction.snapshot(), row_id, {0: 1})
    elif way == "descending":
        ids = ids[::-1]
    else:
        ids = np.sort(np.append(ids, row_id))
    undone = len(transaction.undo)
    assert table.update_many(transaction, ids, numbers([9] * len(ids))) is None
    assert len(transaction.undo) == undone
    assert seen(engine) == before
    other.abort()
    transaction.abort()
    assert seen(engine) == before


@pytest.mark.parametrize("is_shared", [False, True])
def test_locks_of_the_transaction_itself_are_in_nobodys_way(engine, table, is_shared):
    add(engine, some_rows(random.Random(5), 40))
    first = engine.begin()
    assert table.update_many(first, current_ids(engine)[:20], numbers([7] * 20)) is not None
    first.commit()
    ids = current_ids(engine)
    other, transaction = engine.begin(), engine.begin()
    for row_id in ids.tolist():
        table.lock_row(transaction, transaction.snapshot(), row_id, RowLock.NO_KEY_UPDATE)
    if is_shared:
        table.lock_row(other, other.snapshot(), int(ids[35]), RowLock.KEY_SHARE)
    updated = table.update_many(transaction, ids, numbers([9] * len(ids)))
    assert (updated is None) == is_shared
    transaction.abort()
    other.abort()


def test_free_slots_are_taken_one_by_one(engine, table):
    roots = add(engine, some_rows(random.Random(2), 60))
    transaction = engine.begin()
    assert table.update_many(transaction, current_ids(engine), numbers([1] * 60)) is not None
    transaction.abort()
    used = table.groups[0].used
    transaction = engine.begin()
    assert table.update_many(transaction, current_ids(engine), numbers([1] * 60)).tolist() == roots
    transaction.commit()
    assert table.groups[0].used == used
    assert [row[0] for row in seen(engine).values()] == [1] * 60


def own_ids(engine, transaction):
    views = engine.relation(TABLE).scan(transaction.statement_snapshot())
    return np.sort(np.concatenate([view.row_ids for view in views]))


def test_what_went_to_free_slots_is_taken_back_in_one_step_a_statement(engine, table):
    add(engine, some_rows(random.Random(7), 160))
    transaction = engine.begin()
    table.delete_many(transaction, current_ids(engine)[::2])
    transaction.commit()
    vacuum(engine, TABLE)
    before, free_count = seen(engine), len(table.groups[0].free)
    assert free_count == 80
    writer = engine.begin()
    ids = own_ids(engine, writer)[::2]
    assert table.update_many(writer, ids, numbers([1] * 40)) is not None
    assert len(writer.undo) == 1
    first = seen(engine, writer.statement_snapshot())
    mark = writer.savepoint()
    again = np.sort(own_ids(engine, writer)[::-1][:40])
    assert table.update_many(writer, again, numbers([2] * 40)) is not None
    assert seen(engine, writer.statement_snapshot()) != first
    writer.rollback_to(mark)
    assert seen(engine, writer.statement_snapshot()) == first
    assert table.update_many(writer, again, numbers([3] * 40)) is not None
    assert seen(engine) == before
    writer.abort()
    assert seen(engine) == before
    assert len(table.groups[0].free) == free_count
    assert table.groups[0].ended == 0
    assert table.update_many(engine.begin(), ids[:0], numbers([])) is not None


def test_rows_get_columns_added_since(engine, table):
    add(engine, some_rows(random.Random(3), 40))
    transaction = engine.begin()
    table.add_column(transaction, Kind.INT64, 5)
    transaction.commit()
    transaction = engine.begin()
    assert table.update_many(transaction, current_ids(engine), numbers([1] * 40)) is not None
    transaction.commit()
    assert {(row[0], row[4]) for row in seen(engine).values()} == {(1, 5)}


@pytest.mark.parametrize("has_room", [False, True])
def test_rows_that_get_other_keys_are_marked(engine, table, has_room):
    roots = add(engine, some_rows(random.Random(4), 60))
    if has_room:
        transaction = engine.begin()
        table.update_many(transaction, current_ids(engine), numbers([1] * 60))
        transaction.abort()
    place = np.arange(60)
    moved = MovedKeys(place % 2 == 0, place % 4 == 0)
    transaction = engine.begin()
    assert table.update_many(transaction, current_ids(engine), numbers([2] * 60), moved) is not None
    assert [table.key_changed(root) for root in roots] == moved.changed.tolist()
    kept = [table.version(root).keeps_key for root in roots]
    assert kept == (~moved.lost).tolist()
    assert table.counts.updated_keys == 30
    transaction.abort()
    assert not any(table.key_changed(root) for root in roots)


def test_rows_end_together(engine, table):
    roots = add(engine, some_rows(random.Random(5), 1000))
    before, old = seen(engine), engine.begin().snapshot()
    gone = current_ids(engine)[::3]
    transaction = engine.begin()
    assert table.delete_many(transaction, gone)
    transaction.abort()
    assert seen(engine) == before
    transaction = engine.begin()
    assert table.delete_many(transaction, gone)
    transaction.commit()
    assert seen(engine, old) == before
    assert sorted(seen(engine)) == sorted(set(roots) - set(gone.tolist()))
    assert table.counts.deleted == 2 * len(gone)
    assert not table.delete_many(engine.begin(), gone)


@pytest.mark.parametrize("way", ["updated", "deleted", "locked"])
def test_what_is_in_the_way_leaves_rows_there(engine, table, way):
    add(engine, some_rows(random.Random(6), 40))
    before, ids, other = seen(engine), current_ids(engine), engine.begin()
    if way == "updated":
        table.update(other, other.snapshot(), int(ids[3]), {0: 1})
    elif way == "deleted":
        table.delete(other, other.snapshot(), int(ids[3]))
    else:
        table.lock_row(other, other.snapshot(), int(ids[3]), RowLock.KEY_SHARE)
    assert not table.delete_many(engine.begin(), ids)
    other.abort()
    assert seen(engine) == before
