"""Key filters: rows without a partner are left out below, and only those."""

import numpy as np
import pytest

from server.executor import native, present_keys
from server.executor.key_filter import TRIAL_ROWS, key_filter
from server.vector.column import Column
from storage.engine import Framed


@pytest.mark.parametrize("rows_with_keys", [present_keys.rows_with_keys, native.rows_with_keys])
@pytest.mark.parametrize("lowest", [-3, 0, 2**62, -(2**63)])
def test_rows_with_keys(rows_with_keys, lowest):
    present = np.array([1, 0, 1], np.uint8)
    values = np.array(
        [lowest, lowest + 1, lowest + 2, lowest + 3, 7, -(2**63), 2**63 - 1], np.int64
    )
    expected = [i for i, value in enumerate(values.tolist()) if value in (lowest, lowest + 2)]
    assert rows_with_keys(values, None, lowest, present).tolist() == expected
    valid = np.arange(len(values)) != expected[0]
    assert rows_with_keys(values, valid, lowest, present).tolist() == expected[1:]


@pytest.mark.parametrize("rows_with_keys", [present_keys.rows_with_keys, native.rows_with_keys])
@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("code", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_rows_with_keys_of_codes(rows_with_keys, count, code):
    rng = np.random.default_rng(count)
    present = rng.integers(0, 2, 500).astype(np.uint8)
    codes = rng.integers(0, 256, count).astype(code)
    valid = rng.random(count) < 0.9
    framed = Framed(codes, -20, 3, np.dtype(np.int32))
    numbers = framed.decoded()
    assert numbers.tolist() == (codes.astype(np.int64) * 3 - 20).tolist()
    for there in (None, valid):
        expected = rows_with_keys(numbers, there, 7, present).tolist()
        assert rows_with_keys(framed, there, 7, present).tolist() == expected
        assert rows_with_keys(numbers.astype(np.int16), there, 7, present).tolist() == expected


def test_a_filter_of_no_keys_lets_nothing_pass():
    known = key_filter(Column(np.array([5], np.int32), np.array([False])))
    assert known.positions(np.array([0, 5], np.int32), None).tolist() == []


def test_a_filter_that_leaves_out_little_stops_looking():
    keys = Column(np.arange(TRIAL_ROWS, dtype=np.int64))
    known = key_filter(keys)
    assert len(known.positions(keys.values, None)) == TRIAL_ROWS
    assert known.is_idle
    assert known.positions(keys.values, None) is None


@pytest.mark.parametrize("highest", [20, 1 << 20])
def test_row_groups_with_keys(highest):
    known = key_filter(Column(np.array([3, 7, highest], np.int64)))
    zones = [
        (0, 2),
        (0, 3),
        (4, 6),
        (5, 7),
        (8, highest - 1),
        (highest, highest),
        (highest + 1, 2**62),
        None,
    ]
    is_listed = highest == 20
    assert known.may_have(zones).tolist() == [
        False, True, not is_listed, True, not is_listed, True, False, True,
    ]  # fmt: skip


def test_no_row_group_has_a_key_of_none():
    known = key_filter(Column(np.array([5], np.int32), np.array([False])))
    assert known.may_have([(0, 9), None]).tolist() == [False, True]
    assert known.may_have([]).tolist() == []


@pytest.mark.parametrize(
    "column",
    [
        Column(np.array([0, 1 << 30], np.int64)),
        Column(np.array([0.5])),
        Column(np.array([1], np.int64), None, 2),
    ],
    ids=["far apart", "float", "decimal"],
)
def test_keys_without_a_filter(column):
    assert key_filter(column) is None


SOURCES = [
    "big",
    "(SELECT k, count(*) AS id FROM big GROUP BY k)",
    "(SELECT k, count(*) AS id FROM big GROUP BY ROLLUP (k))",
    "(SELECT b.id, o.k FROM big b LEFT JOIN big o ON b.id = o.id + 1)",
    "(SELECT k, row_number() OVER (ORDER BY id) AS id FROM big)",
    "(SELECT id, k FROM big ORDER BY id DESC LIMIT 50)",
]


@pytest.mark.parametrize("join", ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
@pytest.mark.parametrize("source", SOURCES)
def test_answers_are_those_of_a_join_that_cannot_tell(client, source, join):
    client.run("CREATE TABLE big (id int, k int)")
    client.run(
        "INSERT INTO big SELECT i, CASE WHEN i % 7 > 0 THEN i % 100 END FROM generate_series(1, 500) i"
    )
    client.run("CREATE TABLE few (id int, k int)")
    client.run("INSERT INTO few VALUES (1, 3), (2, 50), (3, 50), (4, NULL), (5, 1000)")
    query = f"SELECT s.id, s.k, few.id FROM {source} s {join} few ON s.k = few.k ORDER BY 1, 2, 3"
    # A key that is no integer has no filter.
    assert client.rows(query) == client.rows(query.replace("= few.k", "= few.k::numeric"))


def test_semi_and_anti_joins(client):
    client.run("CREATE TABLE big (id int, k int)")
    client.run("INSERT INTO big SELECT i, i % 100 FROM generate_series(1, 500) i")
    client.run("CREATE TABLE few (k int)")
    client.run("INSERT INTO few VALUES (3), (50)")
    assert client.rows("SELECT count(*) FROM big WHERE k IN (SELECT k FROM few)") == [("10",)]
    assert client.rows("SELECT count(*) FROM big WHERE k NOT IN (SELECT k FROM few)") == [("490",)]
    missing = "SELECT count(*) FROM big WHERE NOT EXISTS (SELECT FROM few WHERE few.k = big.k)"
    assert client.rows(missing) == [("490",)]
