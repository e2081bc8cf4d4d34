"""Ranges of an index, compiled and as specified, and the rows that lie in them."""

import random

import pytest

from storage import btree_search, fast_paths
from storage.check import check
from storage.engine import (
    BEFORE_RANGES,
    BEHIND_ALL,
    Kind,
    RangeReader,
    encode_key,
    key_after_prefix,
)
from storage.vacuum import vacuum
from tests.support.small_engine import small_engine

TABLE, INDEX = 20000, 20001


def key(number):
    return encode_key([number], [Kind.INT32])


def key_of(stored):
    return key(stored[0])


@pytest.fixture
def engine():
    made, _ = small_engine()
    transaction = made.begin()
    transaction.create_relation(TABLE, (Kind.INT32, Kind.BYTES))
    transaction.create_index(INDEX, unique=False)
    transaction.commit()
    transaction = made.begin()
    relation, index = made.relation(TABLE), made.index(INDEX)
    for number in range(600):
        row_id = relation.insert_row(transaction, [number // 3, b"r%d" % number])
        index.insert(transaction, key(number // 3), row_id)
    transaction.commit()
    return made


@pytest.mark.parametrize("functions", [btree_search, fast_paths], ids=["original", "chosen"])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("most", [40, 150, 5000])
def test_portions_of_a_range_are_the_range(engine, functions, backward, most):
    pager, root_page = engine.store.pager, engine.index(INDEX).root_page
    pairs = list(engine.index(INDEX).range())
    chance = random.Random(most)
    bounds = [chance.choice(pairs) for _ in range(4)]
    bounds += [(b"", 0), (BEHIND_ALL, 0), (key(5), 0), (key_after_prefix(key(5)), 0)]
    for low, high in zip(bounds, bounds[::-1], strict=True):
        expected = [pair for pair in pairs if low <= pair < high]
        if backward:
            expected.reverse()
        found, start, stop = [], low, high
        while True:
            given = (pager, root_page, start, stop, most)
            part, end = functions.pairs_between(*given, backward=backward)
            assert functions.ids_between(*given, backward=backward) == ([p[1] for p in part], end)
            assert len(part) <= most
            found += part
            if end is None:
                break
            start, stop = (start, end) if backward else (end, stop)
        assert found == expected


@pytest.mark.parametrize("functions", [btree_search, fast_paths], ids=["original", "chosen"])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("most", [1, 7, 5000])
def test_portions_of_many_ranges_are_the_ranges(engine, functions, backward, most):
    pager, root_page = engine.store.pager, engine.index(INDEX).root_page
    pairs = list(engine.index(INDEX).range())
    numbers = sorted(random.Random(most).sample(range(-20, 220), 90))
    ranges = [(key(number), key_after_prefix(key(number))) for number in numbers]
    ranges += [(key(150), key(170)), (key(500), BEHIND_ALL)]
    expected = []
    for low, high in ranges:
        part = [pair for pair in pairs if low <= pair[0] < high]
        expected += reversed(part) if backward else part
    found, position = [], BEFORE_RANGES
    while position[0] < len(ranges):
        given = (pager, root_page, ranges, position, most)
        part, position = functions.pairs_within(*given, backward=backward)
        ids, same = functions.ids_within(*given, backward=backward)
        assert (ids, same) == ([p[1] for p in part], position)
        assert len(part) <= most
        found += part
    assert found == expected


@pytest.mark.parametrize("backward", [False, True])
def test_rows_of_many_ranges_come_in_the_order_of_the_index(engine, backward):
    reader = RangeReader(engine, TABLE, INDEX, (1,))
    snapshot = engine.begin().snapshot()
    ranges = [(key(10), key(11)), (key(12), key(13))]
    numbers = [30, 31, 32, 36, 37, 38]
    if backward:
        ranges.reverse()
        numbers.reverse()
    found = reader.in_order(snapshot, ranges, 6, key_of, backward=backward)
    assert found == ([(b"r%d" % number,) for number in numbers], 6)
    assert reader.in_order(snapshot, ranges, 5, key_of, backward=backward) is None


def test_rows_come_in_the_order_of_the_index_or_of_the_table(engine):
    reader = RangeReader(engine, TABLE, INDEX, (1,))
    snapshot = engine.begin().snapshot()
    low, high = key(10), key(12)
    rows, count, end = reader.few(snapshot, (low, 0), (high, 0), 4, key_of, backward=True)
    assert (rows, count) == ([(b"r35",), (b"r34",), (b"r33",), (b"r32",)], 4)
    rows, count, end = reader.few(snapshot, (low, 0), end, 4, key_of, backward=True)
    assert (rows, count, end) == ([(b"r31",), (b"r30",)], 2, None)
    found = reader.gathered(snapshot, [(high, key(13)), (low, key(11))], 6, key_of)
    assert found == ([(b"r%d" % number,) for number in (30, 31, 32, 36, 37, 38)], 6)
    assert reader.gathered(snapshot, [(high, key(13)), (low, key(11))], 5, key_of) is None


def test_a_row_is_found_by_the_key_it_has(engine):
    reader = RangeReader(engine, TABLE, INDEX, (0, 1))
    relation, index = engine.relation(TABLE), engine.index(INDEX)
    before = engine.begin().snapshot()
    transaction = engine.begin()
    (row_id,) = [root for number, root in index.range(key(4), key(4))][:1]
    relation.update(transaction, transaction.snapshot(), row_id, [5, b"moved"], key_changed=True)
    index.insert(transaction, key(5), row_id)
    transaction.commit()
    after = engine.begin().snapshot()
    whole = [(key(4), key(6))]
    assert len(reader.gathered(before, whole, 99, key_of)[0]) == 6
    assert (5, b"moved") not in reader.gathered(before, whole, 99, key_of)[0]
    assert reader.gathered(after, whole, 99, key_of)[0].count((5, b"moved")) == 1
    rows, _, _ = reader.few(after, (key(4), 0), (key(6), 0), 99, key_of, backward=False)
    assert [row[0] for row in rows] == [4, 4, 5, 5, 5, 5]


def read_all(engine, snapshot, *, backward=False):
    """The first columns of all rows, and how many entries were looked at, a portion after the other."""
    reader = RangeReader(engine, TABLE, INDEX, (0,))
    start, stop = (b"", 0), (BEHIND_ALL, 0)
    found, counts = [], []
    while True:
        rows, count, end = reader.few(snapshot, start, stop, 32, key_of, backward=backward)
        found += [number for (number,) in rows]
        counts.append(count)
        if end is None:
            return found, counts
        start, stop = (start, end) if backward else (end, stop)


def delete_below(engine, transaction, limit):
    relation, snapshot = engine.relation(TABLE), transaction.statement_snapshot()
    for pair_key, row_id in list(engine.index(INDEX).range()):
        if pair_key < key(limit):
            relation.delete(transaction, snapshot, row_id)


@pytest.mark.parametrize("backward", [False, True])
def test_entries_of_rows_that_nobody_will_see_are_taken_out(engine, backward):
    held = engine.begin()
    before = held.snapshot()
    transaction = engine.begin()
    delete_below(engine, transaction, 100)
    inside = transaction.statement_snapshot()
    left = sorted(number // 3 for number in range(300, 600))
    assert sorted(read_all(engine, inside, backward=backward)[0]) == left
    assert len(list(engine.index(INDEX).range())) == 600
    transaction.commit()
    assert sorted(read_all(engine, engine.log.snapshot(), backward=backward)[0]) == left
    assert len(read_all(engine, before, backward=backward)[0]) == 600
    assert len(list(engine.index(INDEX).range())) == 600  # as `before` is held
    held.abort()
    del before, inside
    found, counts = read_all(engine, engine.log.snapshot(), backward=backward)
    assert sorted(found) == left
    assert len(list(engine.index(INDEX).range())) < 340
    again, later = read_all(engine, engine.log.snapshot(), backward=backward)
    assert again == found
    assert sum(later) < 360
    assert sum(counts) < 420
    assert check(engine) == []
    vacuum(engine, TABLE, [(engine.index(INDEX), key_of)])
    assert check(engine) == []
    assert len(list(engine.index(INDEX).range())) == 300


def test_entries_of_rows_that_may_come_back_stay(engine):
    transaction = engine.begin()
    delete_below(engine, transaction, 100)
    read_all(engine, engine.log.snapshot())
    transaction.abort()
    assert len(read_all(engine, engine.log.snapshot())[0]) == 600
