"""Ranges of an index, compiled and as specified, and the rows that lie in them."""

import random

import pytest

from storage import btree_search, fast_paths
from storage.engine import BEHIND_ALL, Kind, RangeReader, encode_key, key_after_prefix
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
