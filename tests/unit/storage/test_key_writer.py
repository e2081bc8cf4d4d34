"""Rows added and changed with their keys: what the table's and the indexes' own methods would do, or nothing at all."""

import pytest

from storage.check import check
from storage.engine import NOT_INSERTED, KeyColumns, Kind, RowLock, Status, encode_key
from storage.errors import KeyTooLarge
from storage.fast_paths import KeyWriter as ChosenWriter
from storage.key_writer import KeyWriter
from tests.support.small_engine import crashed, small_engine

TABLE, UNIQUE, OTHER, DESCENDING = 20000, 20001, 20002, 20003
KINDS = (Kind.INT32, Kind.INT64, Kind.BYTES)
INDEXES = (
    KeyColumns(UNIQUE, (0,), (Kind.INT32,), is_unique=True, may_be_referred_to=True),
    KeyColumns(OTHER, (2, 1), (Kind.BYTES, Kind.INT64), is_unique=False),
)
BACKWARD = KeyColumns(
    DESCENDING,
    (1, 0),
    (Kind.INT64, Kind.INT32),
    is_unique=True,
    order=((True, False), (True, True)),
)


@pytest.fixture
def world():
    engine, files = small_engine()
    transaction = engine.begin()
    transaction.create_relation(TABLE, KINDS)
    transaction.create_index(UNIQUE, unique=True)
    transaction.create_index(OTHER, unique=False)
    transaction.commit()
    return engine, files


@pytest.fixture(params=[KeyWriter, ChosenWriter], ids=["original", "chosen"])
def writer(request, world):
    return request.param(world[0], TABLE, INDEXES)


def key_of(values, index):
    return encode_key([values[column] for column in index.columns], index.kinds)


def entries(engine):
    return [list(engine.index(index.index_id).range()) for index in INDEXES]


def test_rows_and_keys_are_there_and_survive_a_crash(world, writer):
    engine, files = world
    transaction = engine.begin()
    rows = [[number * 7 % 300, number, b"x" * (number % 40) + b"\0"] for number in range(300)]
    rows += [[None, 1, b"y"], [None, 1, b"y"], [-1, None, None]]
    found = [writer.insert(transaction, row) for row in rows]
    transaction.commit()
    expected = [
        sorted((key_of(row, index), row_id) for row, row_id in zip(rows, found, strict=True))
        for index in INDEXES
    ]
    assert entries(engine) == expected
    again = crashed(engine, files)
    assert entries(again) == expected
    assert check(again) == []
    snapshot = again.begin().snapshot()
    assert [list(again.relation(TABLE).fetch(snapshot, row_id)) for row_id in found] == rows


def test_a_key_that_may_be_taken_leaves_all_undone(world, writer):
    engine, _ = world
    mine, theirs = engine.begin(), engine.begin()
    assert writer.insert(theirs, [1, 1, b"a"]) != NOT_INSERTED
    assert writer.insert(mine, [1, 2, b"b"]) == NOT_INSERTED
    assert mine.top_xid == 0
    theirs.abort()
    assert writer.insert(mine, [1, 2, b"b"]) != NOT_INSERTED
    mine.abort()
    assert entries(engine) == [[], []]


@pytest.mark.parametrize("kind", [KeyWriter, ChosenWriter], ids=["original", "chosen"])
def test_keys_may_lie_in_any_order(world, kind):
    engine, _ = world
    transaction = engine.begin()
    transaction.create_index(DESCENDING, unique=True)
    transaction.commit()
    writer, transaction = kind(engine, TABLE, (*INDEXES, BACKWARD)), engine.begin()
    rows = [[1, 10, b"a"], [2, None, b"b"], [None, 10, b"c"], [3, -5, None]]
    found = [writer.insert(transaction, row) for row in rows]
    assert writer.insert(transaction, [1, 10, b"d"]) == NOT_INSERTED
    assert update(engine, writer, transaction, found[3], second=11).status is Status.DONE
    transaction.commit()
    expected = sorted(
        (encode_key([row[1], row[0]], BACKWARD.kinds, *BACKWARD.order), row_id)
        for row, row_id in zip([*rows, [3, 11, None]], [*found, found[3]], strict=True)
    )
    assert list(engine.index(DESCENDING).range()) == expected
    assert check(engine) == []


def test_a_long_key_is_an_error(world, writer):
    transaction = world[0].begin()
    with pytest.raises(KeyTooLarge):
        writer.insert(transaction, [1, 1, b"x" * 900])
    transaction.abort()
    assert entries(world[0]) == [[], []]


@pytest.fixture
def row_id(world, writer):
    """Of the row (1, 2, a)."""
    transaction = world[0].begin()
    found = writer.insert(transaction, [1, 2, b"a"])
    transaction.commit()
    return found


def update(engine, writer, transaction, row_id, **changes):
    places = {"first": 0, "second": 1, "third": 2}
    named = {places[name]: value for name, value in changes.items()}
    return writer.update(transaction, transaction.statement_snapshot(), row_id, named)


def test_a_changed_row_gets_the_keys_that_moved_and_no_others(world, writer, row_id):
    engine, files = world
    transaction = engine.begin()
    outcome = update(engine, writer, transaction, row_id, first=1, second=None)
    assert outcome.status is Status.DONE
    transaction.commit()
    assert entries(engine) == [
        [(key_of([1], INDEXES[0]), row_id)],
        sorted((key_of([1, second, b"a"], INDEXES[1]), row_id) for second in (2, None)),
    ]
    again = crashed(engine, files)
    assert check(again) == []
    assert again.relation(TABLE).fetch(again.begin().snapshot(), row_id) == (1, None, b"a")


def test_keys_that_moved_are_taken_back(world, writer, row_id):
    engine, _ = world
    before = entries(engine)
    transaction = engine.begin()
    update(engine, writer, transaction, row_id, first=5, third=b"b")
    transaction.abort()
    assert entries(engine) == before


def test_a_change_to_a_key_that_may_be_taken_leaves_all_undone(world, writer, row_id):
    engine, _ = world
    before = engine.begin()
    writer.insert(before, [7, 7, b"a"])
    transaction = engine.begin()
    assert update(engine, writer, transaction, row_id, first=7, third=b"b") is None
    assert transaction.top_xid == 0
    assert update(engine, writer, transaction, row_id, first=None).status is Status.DONE


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"first": 9}, Status.BLOCKED), ({"second": 9}, Status.DONE), ({"first": 1}, Status.DONE)],
)
def test_who_keeps_the_key_of_a_row_stands_in_the_way_of_another_key_alone(
    world, writer, row_id, changes, expected
):
    engine, _ = world
    holder, transaction = engine.begin(), engine.begin()
    engine.relation(TABLE).lock_row(holder, holder.snapshot(), row_id, RowLock.KEY_SHARE)
    outcome = update(engine, writer, transaction, row_id, **changes)
    assert outcome.status is expected
    if expected is Status.BLOCKED:
        assert outcome.blocker_xid == holder.top_xid
        assert entries(engine)[0] == [(key_of([1], INDEXES[0]), row_id)]


def delete(engine, transaction, row_id):
    outcome = engine.relation(TABLE).delete(transaction, transaction.statement_snapshot(), row_id)
    assert outcome.status is Status.DONE


def test_the_key_of_a_row_that_is_no_more_can_be_had(world, writer, row_id):
    engine, files = world
    transaction = engine.begin()
    delete(engine, transaction, row_id)
    second = writer.insert(transaction, [1, 3, b"b"])
    assert second != NOT_INSERTED
    assert writer.insert(transaction, [1, 4, b"c"]) == NOT_INSERTED
    delete(engine, transaction, second)
    transaction.commit()
    transaction = engine.begin()
    third = writer.insert(transaction, [1, 5, b"d"])
    assert third != NOT_INSERTED
    transaction.commit()
    again = crashed(engine, files)
    assert check(again) == []
    assert again.relation(TABLE).fetch(again.begin().snapshot(), third) == (1, 5, b"d")


def test_the_key_of_a_row_that_may_come_back_is_taken(world, writer, row_id):
    engine, _ = world
    theirs, mine = engine.begin(), engine.begin()
    delete(engine, theirs, row_id)
    assert writer.insert(mine, [1, 3, b"b"]) == NOT_INSERTED
    theirs.abort()
    assert writer.insert(mine, [1, 3, b"b"]) == NOT_INSERTED
    point = mine.savepoint()
    delete(engine, mine, row_id)
    mine.rollback_to(point)
    assert writer.insert(mine, [1, 3, b"b"]) == NOT_INSERTED
    point = mine.savepoint()
    update(engine, writer, mine, row_id, second=9)
    assert writer.insert(mine, [1, 3, b"b"]) == NOT_INSERTED
    delete(engine, mine, engine.relation(TABLE).paths.find(mine.statement_snapshot(), row_id))
    mine.release(point)
    assert writer.insert(mine, [1, 3, b"b"]) != NOT_INSERTED
    mine.abort()
    assert len(entries(engine)[0]) == 1


def test_a_row_gets_the_key_of_one_that_is_no_more(world, writer, row_id):
    engine, files = world
    transaction = engine.begin()
    other = writer.insert(transaction, [7, 7, b"a"])
    delete(engine, transaction, other)
    assert update(engine, writer, transaction, row_id, first=7).status is Status.DONE
    transaction.commit()
    assert check(crashed(engine, files)) == []
