"""Tables: versions, pruning, columns added, values of all sizes, rows in each other's way."""

from types import SimpleNamespace

import numpy as np
import pytest

from storage.chains import walk
from storage.check import check
from storage.engine import Kind, Outcome, RowLock, Status, StringBlob
from storage.keys import encode_key
from storage.vacuum import vacuum
from tests.support.small_engine import crashed, small_engine

TABLE, INDEX = 20000, 20001
KINDS = (Kind.INT64, Kind.BYTES)


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


def add(engine, table, *rows):
    transaction = engine.begin()
    roots = [table.insert_row(transaction, row) for row in rows]
    transaction.commit()
    return roots


def update(engine, table, root, values):
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    row_id = table.find(snapshot, root).row_id
    assert table.update(transaction, snapshot, row_id, values).status is Status.DONE
    transaction.commit()


def fetch(engine, table, root, columns=None):
    return table.fetch(engine.begin().snapshot(), root, columns)


def test_a_hot_row_stays_short_and_its_space_is_used_again(engine, table):
    (root,) = add(engine, table, (0, b"a value longer than inline"))
    for i in range(300):
        update(engine, table, root, {0: i})
    assert len(list(walk(table.groups, root))) <= 3
    assert table.groups[0].used <= 4
    assert table.groups[0].heap_used < 300
    assert fetch(engine, table, root) == (299, b"a value longer than inline")


def test_an_old_snapshot_keeps_one_version_and_not_all(engine, table):
    (root,) = add(engine, table, (0, None))
    old = engine.begin().snapshot()
    for i in range(1, 100):
        update(engine, table, root, {0: i})
    assert len(list(walk(table.groups, root))) <= 4
    assert table.fetch(old, root) == (0, None)
    assert fetch(engine, table, root) == (99, None)


def test_many_updates_by_one_transaction_find_the_newest_quickly(engine, table):
    (root,) = add(engine, table, (0, None))
    transaction = engine.begin()
    for i in range(1, 200):
        transaction.next_command()
        snapshot = transaction.snapshot()
        row_id = table.find(snapshot, root).row_id
        assert table.update(transaction, snapshot, row_id, {0: i}).status is Status.DONE
    assert table.paths.newest
    assert fetch(engine, table, root) == (0, None)
    transaction.commit()
    assert fetch(engine, table, root) == (199, None)
    update(engine, table, root, {0: 200})
    assert fetch(engine, table, root) == (200, None)


def test_rolled_back_versions_leave_nothing(engine, table):
    (root,) = add(engine, table, (1, b"one"))
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    assert table.update(transaction, snapshot, root, {0: 2}).status is Status.DONE
    table.insert_row(transaction, (3, None))
    transaction.abort()
    assert [len(view) for view in table.scan(engine.begin().snapshot())] == [1]
    assert (table.groups[0].used, table.groups[0].free) == (1, [])
    assert fetch(engine, table, root) == (1, b"one")


def test_slots_of_rolled_back_rows_are_taken_in_their_order(engine, table):
    gone = engine.begin()
    for number in range(3):
        table.insert_row(gone, (number, None))
    (stays,) = add(engine, table, (7, None))
    gone.abort()
    assert table.groups[0].free == [2, 1, 0]
    assert add(engine, table, (1, None), (2, None)) == [0, 1]
    assert (stays, table.groups[0].used) == (3, 4)


def test_the_end_stays_where_a_large_value_lies(engine, table):
    gone = engine.begin()
    table.insert_row(gone, (1, b"x" * 100_000))
    gone.abort()
    assert (table.groups[0].used, table.groups[0].free) == (1, [0])


@pytest.mark.parametrize("length", [0, 12, 13, 300, 5000, 65535, 65536, 200_000])
def test_values_of_all_sizes(engine, table, length):
    value = bytes(range(256)) * (length // 256 + 1)
    value = value[:length]
    (root,) = add(engine, table, (1, value))
    transaction = engine.begin()
    (bulk,) = table.insert(transaction, [np.array([2]), [value]], [None, None], 1).tolist()
    transaction.commit()
    assert fetch(engine, table, root) == (1, value)
    assert fetch(engine, table, bulk) == (2, value)
    for size in (length // 2, 0, length, 70_000):
        update(engine, table, root, {1: value[:size]})
        assert fetch(engine, table, root) == (1, value[:size])
    assert crashed_fetch(engine, bulk) == (2, value)


def crashed_fetch(engine, root):
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    again = crashed(engine, engine.files)
    assert check(again) == []
    return fetch(again, again.relation(TABLE), root)


def test_strings_end_to_end(engine, table):
    words = [b"", b"short", b"longer than twelve bytes", b"x" * 5000, b"y" * 70_000]
    offsets = np.cumsum([0, *map(len, words)])
    blob = StringBlob(np.frombuffer(b"".join(words), np.uint8), offsets)
    transaction = engine.begin()
    table.insert(transaction, [np.arange(5), blob], [None, None], 5)
    transaction.commit()
    (view,) = table.scan(engine.begin().snapshot())
    strings, valid = view.column(1)
    assert valid is None
    assert strings.to_list() == words
    assert strings.to_str().tolist() == [word.decode() for word in words]
    assert strings.lengths().tolist() == [len(word) for word in words]
    data, places = strings.take(np.array([2, 1])).to_blob()
    assert data.tobytes() == words[2] + words[1]
    assert places.tolist() == [0, 24, 29]


@pytest.mark.parametrize("missing", [None, 7, b"short", b"longer than twelve bytes"])
def test_columns_added_to_old_rows(engine, table, missing):
    roots = add(engine, table, (1, b"a"), (2, b"b"))
    transaction = engine.begin()
    kind = Kind.INT64 if isinstance(missing, int | None) else Kind.BYTES
    assert table.add_column(transaction, kind, missing) == 2
    transaction.commit()
    assert fetch(engine, table, roots[0]) == (1, b"a", missing)
    assert column_of(engine, table, 2) == [missing, missing]
    other = b"another long value" if kind is Kind.BYTES else 8
    add(engine, table, (3, b"c", other))
    update(engine, table, roots[1], {2: other})
    assert sorted(column_of(engine, table, 2), key=repr) == sorted(
        [missing, other, other], key=repr
    )
    assert fetch(engine, table, roots[0]) == (1, b"a", missing)


def column_of(engine, table, column):
    """The column's values in all rows; NULL first, then in order."""
    found = []
    for view in table.scan(engine.begin().snapshot()):
        values, valid = view.column(column)
        items = values.tolist() if isinstance(values, np.ndarray) else values.to_list()
        found += [item if valid is None or valid[i] else None for i, item in enumerate(items)]
    return sorted(found, key=lambda item: (item is not None, item))


def test_more_columns_than_null_bits_in_a_header(engine):
    kinds = [Kind.INT16] * 70 + [Kind.BOOL, Kind.FLOAT32, Kind.FLOAT64, Kind.FIXED16, Kind.INT32]
    transaction = engine.begin()
    table = engine.relation(TABLE) and transaction.create_relation(20002, kinds)
    row = (*[None if i % 3 else i for i in range(70)], True, 0.5, 1.25, b"0123456789abcdef", -1)
    empty = (None,) * 75
    first, second = (table.insert_row(transaction, each) for each in (row, empty))
    transaction.next_command()
    snapshot = transaction.snapshot()
    assert table.fetch(snapshot, first) == row
    assert table.fetch(snapshot, second) == empty
    assert table.fetch(snapshot, first, (74, 0, 1)) == (-1, 0, None)
    transaction.commit()
    update(engine, table, second, {69: 5})
    assert fetch(engine, table, second, (68, 69, 70)) == (None, 5, None)


def test_a_scan_of_settled_rows_copies_nothing(engine, table):
    transaction = engine.begin()
    table.insert(transaction, [np.arange(1000), [b""] * 1000], [None, None], 1000)
    transaction.commit()
    (view,) = table.scan(engine.begin().snapshot())
    assert view.selection is None
    values, valid = view.column(0)
    assert valid is None
    assert np.shares_memory(values, engine.store.pager.store)
    assert [table.zone(0, 0) for _ in range(2)] == [None, (0, 999)]  # looked for the second time
    held = engine.begin().snapshot()
    transaction = engine.begin()
    assert table.delete(transaction, held, 7).status is Status.DONE
    transaction.commit()
    (view,) = table.scan(engine.begin().snapshot())
    assert len(view) == 999
    assert 7 not in view.row_ids.tolist()
    (view,) = table.scan(held)
    assert len(view) == 1000


def test_rows_fetched_by_id_keep_their_order(engine, table):
    roots = add(engine, table, *((i, b"%d" % i) for i in range(200)))
    wanted = np.array([roots[150], roots[3], roots[3], roots[90]])
    transaction = engine.begin()
    assert table.delete(transaction, transaction.snapshot(), roots[3]).status is Status.DONE
    transaction.next_command()
    view = table.fetch_many(transaction.snapshot(), wanted)
    assert view.column(0)[0].tolist() == [150, 90]
    assert view.positions.tolist() == [0, 3]
    transaction.abort()


def test_two_writers_of_one_row(engine, table):
    (root,) = add(engine, table, (1, None))
    first, second = engine.begin(), engine.begin()
    snapshot = second.snapshot()
    assert table.update(first, first.snapshot(), root, {0: 2}).status is Status.DONE
    outcome = table.update(second, snapshot, root, {0: 3})
    assert outcome.status is Status.BLOCKED
    waiting = engine.locks.wait_for_xid(second, outcome.blocker_xid)
    assert not waiting.done
    first.commit()
    assert waiting.done
    outcome = table.update(second, snapshot, root, {0: 3})
    assert outcome.status is Status.UPDATED
    assert table.values(outcome.new_row_id) == (2, None)
    outcome = table.update(second, snapshot, outcome.new_row_id, {0: 3})
    assert outcome.status is Status.DONE
    assert table.delete(second, snapshot, root).status is Status.SELF_MODIFIED
    second.commit()
    assert fetch(engine, table, root) == (3, None)
    third = engine.begin()
    assert table.delete(third, third.snapshot(), outcome.new_row_id).status is Status.DONE
    third.commit()
    assert table.update(engine.begin(), snapshot, root, {0: 4}).status is Status.DELETED


def test_row_locks_stand_in_the_way_of_changes(engine, table):
    (root,) = add(engine, table, (1, None))
    holder, writer = engine.begin(), engine.begin()
    snapshot = writer.snapshot()
    locked = table.lock_row(holder, holder.snapshot(), root, RowLock.KEY_SHARE)
    assert locked.status is Status.DONE
    assert table.delete(writer, snapshot, root).status is Status.BLOCKED
    assert table.update(writer, snapshot, root, {0: 2}, key_changed=True).status is Status.BLOCKED
    assert table.update(writer, snapshot, root, {0: 2}).status is Status.DONE
    other = engine.begin()
    assert table.lock_row(other, snapshot, root, RowLock.KEY_SHARE).status is Status.DONE
    assert table.lock_row(other, snapshot, root, RowLock.SHARE).status is Status.BLOCKED
    for transaction in (holder, writer, other):
        transaction.commit()


def number_key(values):
    return encode_key(values[:1], (Kind.INT64,))


def insert_unique(index, transaction, table, key, root):
    """Add an entry unless another row has the key: DONE, DUPLICATE or BLOCKED."""
    conflict = index.find_duplicate(transaction, table, key, root, number_key)
    if conflict is not None:
        return conflict
    index.insert(transaction, key, root)
    return Outcome(Status.DONE)


def test_unique_insertion(engine, table):
    index = engine.index(INDEX)

    def insert(transaction, number):
        root = table.insert_row(transaction, (number, None))
        return insert_unique(index, transaction, table, number_key((number,)), root)

    first, second = engine.begin(), engine.begin()
    assert insert(first, 1).status is Status.DONE
    mark = second.savepoint()
    outcome = insert(second, 1)
    assert (outcome.status, outcome.blocker_xid) == (Status.BLOCKED, first.xid)
    second.rollback_to(mark)
    first.commit()
    mark = second.savepoint()
    assert insert(second, 1).status is Status.DUPLICATE
    second.rollback_to(mark)
    snapshot = second.snapshot()
    (root,) = index.lookup(number_key((1,)))
    row_id = table.find(snapshot, root).row_id
    assert table.update(second, snapshot, row_id, {0: 2}, key_changed=True).status is Status.DONE
    index.insert(second, number_key((2,)), root)
    assert insert(second, 1).status is Status.DONE
    assert insert(second, 2).status is Status.DUPLICATE
    second.abort()
    third = engine.begin()
    assert insert(third, 2).status is Status.DONE
    third.abort()


def insert_own(engine, table, transaction, number):
    """A row, with its entry, that nobody asks about."""
    root = table.insert_row(transaction, (number, None))
    engine.index(INDEX).insert(transaction, number_key((number,)), root)
    return root


def leave(engine, table, way):
    """A row with the key 1 in some state; the transaction that keeps it so, if there is one."""
    maker, other = engine.begin(), engine.begin()
    root = insert_own(engine, table, maker, 1)
    if way == "not committed":
        return maker
    maker.commit()
    snapshot = other.snapshot()
    if "deleted by" in way:
        table.delete(other, snapshot, root)
    elif "changed" in way:
        table.update(other, snapshot, root, {0: 2}, key_changed=True)
    if "rolled back" in way:
        other.abort()
    elif "running" not in way:
        other.commit()
    return other if "running" in way else None


STATES = {
    "over": Status.DONE,
    "there": Status.DUPLICATE,
    "not committed": Status.BLOCKED,
    "deleted by another": Status.DONE,
    "deleted by one rolled back": Status.DUPLICATE,
    "deleted by one running": Status.BLOCKED,
    "changed": Status.DONE,
    "changed by one rolled back": Status.DUPLICATE,
    "changed by one running": Status.BLOCKED,
}


@pytest.mark.parametrize("way", STATES)
@pytest.mark.parametrize("is_own", [False, True], ids=["ended", "own"])
def test_rows_that_are_over_cost_little_when_their_key_is_inserted_again(
    engine, table, monkeypatch, way, is_own
):
    looked_at = []
    live = type(table).live

    def counted(self, transaction, root_id, has_key):
        looked_at.append(root_id)
        return live(self, transaction, root_id, has_key)

    monkeypatch.setattr(type(table), "live", counted)
    writer = engine.begin()
    for number in range(40):
        if number == 20 and way != "over":
            running = leave(engine, table, way)
        transaction = writer if is_own else engine.begin()
        root = insert_own(engine, table, transaction, 1)
        transaction.next_command()
        assert table.delete(transaction, transaction.snapshot(), root).status is Status.DONE
        transaction.next_command()
        if not is_own:
            transaction.commit()
    root = table.insert_row(writer, (1, None))
    key = number_key((1,))
    outcome = insert_unique(engine.index(INDEX), writer, table, key, root)
    assert outcome.status is STATES[way]
    assert len(looked_at) <= 2
    if way != "over" and running is not None:
        running.abort()
    writer.abort()


def test_vacuum_gives_back_rows_and_entries(engine, table):
    index = engine.index(INDEX)
    transaction = engine.begin()
    roots = [table.insert_row(transaction, (i, b"x" * 50)) for i in range(100)]
    index.insert_many(transaction, [number_key((i,)) for i in range(100)], roots)
    transaction.commit()
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    for root in roots[:50]:
        assert table.delete(transaction, snapshot, root).status is Status.DONE
    outcome = table.update(transaction, snapshot, roots[60], {0: 1000}, key_changed=True)
    index.insert(transaction, number_key((1000,)), outcome.root_id)
    del snapshot
    transaction.commit()
    done = vacuum(engine, TABLE, [(index, number_key)])
    assert (done.dead_rows, done.removed_entries) == (50, 51)
    assert [root for _, root in index.range()] == [*roots[50:60], *roots[61:], roots[60]]
    assert not table.key_changed(roots[60])
    used = table.groups[0].used
    add(engine, table, *((i, b"y" * 50) for i in range(50)))
    assert table.groups[0].used == used


def test_a_dropped_relation_goes_at_commit(engine, table):
    transaction = engine.begin()
    transaction.drop_relation(TABLE)
    transaction.abort()
    assert TABLE in engine.relation_ids()
    transaction = engine.begin()
    transaction.drop_relation(TABLE)
    transaction.create_relation(30000, KINDS)
    transaction.commit()
    engine.begin()
    assert TABLE not in engine.relation_ids()
    transaction = engine.begin()
    transaction.create_relation(30001, KINDS)
    transaction.abort()
    assert engine.relation_ids() == [INDEX, 30000]


def test_a_crash_removes_relations_that_were_not_committed(engine):
    transaction = engine.begin()
    transaction.create_relation(30001, KINDS)
    dropping = engine.begin()
    dropping.drop_relation(TABLE)
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    again = crashed(engine, engine.files)
    assert again.relation_ids() == [TABLE, INDEX]
    assert check(again) == []
    first = again.next_id()
    last = again
    for _ in range(2):
        last = crashed(last, engine.files)
        assert last.next_id() > first


def test_what_a_crash_has_cut_off_is_looked_for_once_a_group(engine, table):
    transaction = engine.begin()
    table.insert(transaction, [np.arange(1000), [b""] * 1000], [None, None], 1000)
    transaction.commit()
    unfinished = engine.begin()
    row_id = table.insert_row(unfinished, (5000, b""))
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    again = crashed(engine, engine.files)
    assert again.log.aborted
    table = again.relation(TABLE)
    looked = []
    real = table.paths
    paths = SimpleNamespace(
        visible_slots=lambda *given: looked.append(given) or real.visible_slots(*given)
    )
    table.paths = paths
    for _ in range(3):
        (view,) = table.scan(again.begin().snapshot())
        assert view.count == 1000
    assert len(looked) == 1
    table.paths = real
    transaction = again.begin()
    table.delete(transaction, transaction.snapshot(), row_id - 1)
    transaction.commit()
    (view,) = table.scan(again.begin().snapshot())
    assert view.count == 999


def test_an_entry_that_a_committed_version_needs_survives_the_abort_of_who_added_it(engine, table):
    (root,) = add(engine, table, (1, b"x"))
    index, key, other = (
        engine.index(INDEX),
        encode_key([1], [Kind.INT64]),
        encode_key([2], [Kind.INT64]),
    )
    writer, filler = engine.begin(), engine.begin()
    index.insert(writer, other, root)
    index.insert(writer, key, root)
    with engine.latch:
        index.insert_kept(filler, key, root, engine.locks.running() - {filler})
    filler.commit()
    writer.abort()
    assert index.lookup(key) == [root]
    assert index.lookup(other) == []


def test_every_page_is_counted_in_the_size_of_somebody(engine, table):
    pager = engine.store.pager
    before = sum(pages for _, pages in pager.used_runs())
    counted = table.page_count + table.large_page_count + engine.index(INDEX).page_count
    transaction = engine.begin()
    for i in range(3000):
        value = b"large" * 20_000 if i % 1000 == 0 else b"a value longer than inline"
        root = table.insert_row(transaction, (i, value))
        engine.index(INDEX).insert(transaction, encode_key((i,), (Kind.INT64,)), root)
    transaction.commit()
    pager.reclaim()
    assert engine.index(INDEX).tree.page_count() == len(list(engine.index(INDEX).tree.pages()))
    after = sum(pages for _, pages in pager.used_runs())
    counted = table.page_count + table.large_page_count + engine.index(INDEX).page_count - counted
    assert table.large_page_count == 3 * -(-100_000 // pager.page_bytes)
    assert after - before == counted
