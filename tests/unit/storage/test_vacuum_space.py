"""Vacuum gives space back: versions move into their roots, slots and entries of dead rows are used again."""

import random

import numpy as np
import pytest

from storage.chains import MOVED, read_version, walk
from storage.check import check
from storage.engine import Kind, ManyKeys, MovedKeys, RowLock, Status
from storage.keys import encode_key
from storage.rowgroup import FREE
from storage.vacuum import Vacuumed, vacuum
from tests.support.small_engine import crashed, small_engine

TABLE, INDEX = 20000, 20001
KINDS = (Kind.INT64, Kind.BYTES)
LONG = b"a value longer than inline"


@pytest.fixture
def engine():
    made, files = small_engine()
    made.files = files
    transaction = made.begin()
    transaction.create_relation(TABLE, KINDS)
    transaction.create_index(INDEX)
    transaction.commit()
    yield made
    assert check(made) == []


@pytest.fixture
def table(engine):
    return engine.relation(TABLE)


def key_of(values):
    return encode_key((values[0],), (Kind.INT64,))


def add(engine, table, *rows):
    transaction = engine.begin()
    roots = [table.insert_row(transaction, row) for row in rows]
    for row, root in zip(rows, roots, strict=True):
        engine.index(INDEX).insert(transaction, key_of(row), root)
    transaction.commit()
    return roots


def update(engine, table, root, values):
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    row_id = table.find(snapshot, root).row_id
    assert table.update(transaction, snapshot, row_id, values).status is Status.DONE
    transaction.commit()


def rows(engine, table):
    snapshot = engine.begin().snapshot()
    return sorted(table.values(row_id) for view in table.scan(snapshot) for row_id in view.row_ids)


def test_rows_updated_once_are_back_in_their_roots_after_vacuum(engine, table):
    roots = add(engine, table, *((i, LONG + b"%d" % i) for i in range(20)))
    for root in roots:
        update(engine, table, root, {1: LONG})
    used = table.groups[0].used
    done = vacuum(engine, TABLE, [(engine.index(INDEX), key_of)])
    assert (done.moved_rows, done.kept_slots) == (20, 0)
    assert all(len(list(walk(table.groups, root))) == 1 for root in roots)
    assert rows(engine, table) == [(i, LONG) for i in range(20)]
    add(engine, table, *((100 + i, LONG) for i in range(20)))
    assert table.groups[0].used == used


def test_a_snapshot_keeps_what_it_can_lead_to(engine, table):
    (root,) = add(engine, table, (1, LONG))
    update(engine, table, root, {1: None})
    reader = engine.begin(keep_snapshot=True)
    snapshot = reader.snapshot()
    (view,) = table.scan(snapshot)
    (row_id,) = view.row_ids.tolist()
    assert row_id != root
    vacuum(engine, TABLE)
    left = read_version(table.groups, row_id)
    assert left.next & MOVED == MOVED
    values, valid = view.column(1)
    assert valid.tolist() == [False]
    assert table.find(snapshot, row_id).row_id == root
    assert table.root(row_id) == root
    del values, view
    del snapshot
    reader.abort()
    vacuum(engine, TABLE)
    assert read_version(table.groups, row_id).next == FREE


@pytest.mark.parametrize("act", ["update", "delete", "lock"])
def test_who_learned_a_row_id_before_it_moved_changes_the_row_all_the_same(engine, table, act):
    (root,) = add(engine, table, (1, LONG))
    update(engine, table, root, {1: b"first"})
    writer = engine.begin()
    snapshot = writer.snapshot()
    row_id = table.find(snapshot, root).row_id
    vacuum(engine, TABLE)
    assert table.find(snapshot, root).row_id == root
    if act == "update":
        outcome = table.update(writer, snapshot, row_id, {1: b"second"})
    elif act == "delete":
        outcome = table.delete(writer, snapshot, row_id)
    else:
        outcome = table.lock_row(writer, snapshot, row_id, RowLock.UPDATE)
    assert outcome.status is Status.DONE
    writer.commit()
    expected = {"update": [(1, b"second")], "delete": [], "lock": [(1, b"first")]}
    assert rows(engine, table) == expected[act]


def fetch(engine, table, root):
    return table.fetch(engine.begin().snapshot(), root)


def test_a_version_of_another_group_moves_only_while_nobody_scans(engine, table):
    count = 65536
    transaction = engine.begin()
    numbers = np.arange(count)
    ids = table.insert(transaction, [numbers, [LONG] * count], [None, None], count)
    transaction.commit()
    root = int(ids[0])
    update(engine, table, root, {1: None})
    (newest,) = [version.row_id for version in walk(table.groups, root) if not version.xmax]
    assert newest >> 16 == 1
    reader = engine.begin(keep_snapshot=True)
    snapshot = reader.snapshot()
    views = table.scan(snapshot)
    assert next(views).count == count - 1
    assert vacuum(engine, TABLE).moved_rows == 0
    assert next(views).count == 1
    del snapshot, views
    reader.abort()
    assert vacuum(engine, TABLE).moved_rows == 1
    assert len(list(walk(table.groups, root))) == 1
    assert fetch(engine, table, root) == (0, None)


def test_what_not_everybody_sees_stays_where_it_is(engine, table):
    (root,) = add(engine, table, (1, LONG))
    old = engine.begin(keep_snapshot=True)
    seen = old.snapshot()
    update(engine, table, root, {1: b"new"})
    done = vacuum(engine, TABLE)
    assert done.moved_rows == 0
    assert done.kept_slots == 1
    assert table.fetch(seen, root) == (1, LONG)
    old.abort()


def test_after_a_crash_slots_that_were_left_are_free_at_once(engine, table):
    (root,) = add(engine, table, (1, LONG))
    update(engine, table, root, {1: b"new"})
    reader = engine.begin(keep_snapshot=True)
    snapshot = reader.snapshot()
    vacuum(engine, TABLE)
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    again = crashed(engine, engine.files)
    after = again.relation(TABLE)
    assert rows(again, after) == [(1, b"new")]
    assert vacuum(again, TABLE).freed_slots == 1
    assert check(again) == []
    assert snapshot.sequence
    reader.abort()


def test_entries_of_keys_that_changed_go_and_the_row_moves_home(engine, table):
    (root,) = add(engine, table, (1, LONG))
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    table.update(transaction, snapshot, root, {0: 2}, key_changed=True)
    engine.index(INDEX).insert(transaction, key_of((2,)), root)
    transaction.commit()
    del snapshot
    indexes = [(engine.index(INDEX), key_of)]
    done = vacuum(engine, TABLE, indexes)
    assert done.removed_entries == 1
    assert not table.key_changed(root)
    assert list(engine.index(INDEX).range()) == [(key_of((2,)), root)]
    assert len(list(walk(table.groups, root))) == 1


def test_places_of_rows_whose_keys_changed(engine, table):
    roots = add(engine, table, *((i, LONG) for i in range(5)))
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    table.update(transaction, snapshot, roots[1], {0: 20}, key_changed=True)
    table.update(transaction, snapshot, roots[2], {1: b"other"}, key_changed=False)
    table.update(transaction, snapshot, roots[4], {0: 50}, key_changed=True)
    transaction.commit()
    assert table.keys_changed(np.array([roots[4], roots[0], *roots])) == [0, 3, 6]
    assert table.keys_changed(np.zeros(0, np.int64)) == []


def test_the_pause_is_taken_without_the_latch(engine, table):
    roots = add(engine, table, *((i, LONG) for i in range(300)))
    transaction = engine.begin()
    for root in roots:
        table.delete(transaction, transaction.snapshot(), root)
    transaction.commit()
    pauses = []
    vacuum(engine, TABLE, [(engine.index(INDEX), key_of)], pause=lambda: pauses.append(1))
    assert len(pauses) >= 4
    assert list(engine.index(INDEX).range()) == []
    assert np.all(table.groups[0].versions[:300, 2] == FREE)


def test_vacuum_sweeps_the_entries_of_rows_with_several_keys(engine, table):
    """Those of keys that no version has any more go, and nothing else; a row is read once for all of its entries."""
    index = engine.index(INDEX)
    asked = []

    def keys_of(values):
        asked.append(values)
        return frozenset(values[1][place : place + 1] for place in range(len(values[1])))

    transaction = engine.begin()
    (root,) = [table.insert_row(transaction, (1, b"abc"))]
    for key in (b"a", b"b", b"c"):
        index.insert(transaction, key, root)
    transaction.commit()
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    assert table.update(transaction, snapshot, root, (1, b"cd"), True).status is Status.DONE
    index.insert(transaction, b"d", root)
    transaction.commit()
    del snapshot
    before = table.cleared_count
    done = vacuum(engine, TABLE, [(index, keys_of)])
    assert done.removed_entries == 2
    assert len(asked) == 1
    assert [pair for chunk in index.chunks() for pair in chunk] == [(b"c", root), (b"d", root)]
    assert not table.key_changed(root)
    assert table.cleared_count > before


def changed_key(engine, table, root, values):
    """Begin to give a row another key; the transaction."""
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    row_id = table.find(snapshot, root).row_id
    assert table.update(transaction, snapshot, row_id, values, True).status is Status.DONE
    engine.index(INDEX).insert(transaction, key_of(values), root)
    return transaction


@pytest.mark.parametrize("at", ["before", "during"])
def test_a_row_that_changes_while_its_index_is_swept_stays_marked(engine, table, at):
    """The version for whose sake an entry was kept may be gone before vacuum is done, and the entry is still there."""
    (root,) = add(engine, table, (1, b"one"))
    changed_key(engine, table, root, (2, b"two")).commit()
    changed_key(engine, table, root, (1, b"one")).commit()
    open_ones = []
    if at == "before":
        open_ones.append(changed_key(engine, table, root, (2, b"two")))

    done = Vacuumed()

    def disturb():
        if done.phase != "vacuuming indexes":
            return
        while open_ones:
            open_ones.pop().abort()
        if at == "during":
            changed_key(engine, table, root, (3, b"three")).commit()
            changed_key(engine, table, root, (4, b"four")).abort()
            done.phase = "disturbed"

    vacuum(engine, TABLE, [(engine.index(INDEX), key_of)], done, disturb)
    entries = [key for chunk in engine.index(INDEX).chunks() for key, _ in chunk]
    stored = table.values(table.find(engine.begin().snapshot(), root).row_id)
    assert entries != [key_of(stored)]
    assert table.key_changed(root)
    vacuum(engine, TABLE, [(engine.index(INDEX), key_of)])
    entries = [key for chunk in engine.index(INDEX).chunks() for key, _ in chunk]
    assert entries == [key_of(stored)]
    assert not table.key_changed(root)


def keys_of_many(view):
    """What `key_of` gives, of many rows."""
    return [key_of((value,)) for value in view.column(0)[0].tolist()]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("keys", [key_of, ManyKeys(key_of, keys_of_many)], ids=["one", "many"])
def test_many_rows_change_their_keys_and_end(engine, table, seed, keys):
    """However rows were changed together, in the end each has one entry, with the key that it has."""
    chance = random.Random(seed)
    index = engine.index(INDEX)
    add(engine, table, *((chance.randrange(50), LONG) for _ in range(400)))
    for _ in range(6):
        transaction = engine.begin()
        view = next(iter(table.scan(transaction.snapshot())))
        ids = np.sort(chance.sample(view.row_ids.tolist(), view.count // 2))
        if chance.random() < 0.3:
            assert table.delete_many(transaction, ids)
        else:
            change_keys(transaction, table, index, ids, chance)
        if chance.random() < 0.3:
            transaction.abort()
        else:
            transaction.commit()
        held = engine.begin().snapshot() if chance.random() < 0.5 else None
        if chance.random() < 0.5:
            vacuum(engine, TABLE, [(index, keys)])
        del held, view
    engine.begin().abort()
    done = vacuum(engine, TABLE, [(index, keys)])
    vacuum(engine, TABLE, [(index, keys)])
    snapshot = engine.begin().snapshot()
    view = next(iter(table.scan(snapshot)))
    there = sorted((key_of(table.values(i)), table.root(i)) for i in view.row_ids.tolist())
    assert list(index.range()) == there
    assert not any(table.key_changed(root) for _, root in there)
    assert done.kept_slots == 0
    assert np.count_nonzero(table.groups[0].versions[:, 2] == FREE) == len(table.groups[0].free)


def change_keys(transaction, table, index, ids, chance):
    """Give some of the rows other keys, and all of them another value."""
    old = [table.values(row_id)[0] for row_id in ids.tolist()]
    new = [chance.choice([value, chance.randrange(50)]) for value in old]
    changed = np.array(old) != np.array(new)
    columns = {0: (np.array(new, np.int64), None), 1: ([b"other"] * len(ids), None)}
    roots = table.update_many(transaction, ids, columns, MovedKeys(changed, changed))
    pairs = sorted((key_of((new[i],)), int(roots[i])) for i in np.flatnonzero(changed).tolist())
    keys = [key for key, _ in pairs]
    index.insert_moved(transaction, keys, np.array([root for _, root in pairs], np.int64))
