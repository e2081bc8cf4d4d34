"""Row groups that a filter rules out are not read, open or sealed; what is found is the same."""

import re

import numpy as np
import pytest

from tests.support.conversation import Client
from tests.support.engine import memory_database

GROUP_ROWS = 1 << 16
ROWS = 2 * GROUP_ROWS + 10

FILTERS = [
    ("i < 5", [0]),
    ("i >= 131072", [2]),
    ("i = 70000", [1]),
    ("70000 = i", [1]),
    ("i BETWEEN 65000 AND 66000", [0, 1]),
    ("i IN (3, 131075)", [0, 2]),
    ("i < 3 OR i > 131075", [0, 2]),
    ("NOT i < 65536", [1, 2]),
    ("i * 2 + 1 < 100", [0]),
    ("i * 10000 < 100", [0]),
    ("n < 1.5", [0]),
    ("n >= 1310.72", [2]),
    ("f < 2.5", [0]),
    ("f + 1 < 2.5", [0, 1, 2]),  # nothing is known of calculated floats
    ("d > date '2000-01-01' + 4", []),
    ("d > timestamp '2000-01-02 12:00'", [2]),
    ("i > z", [0, 1, 2]),
    ("i = i", [0, 1, 2]),
    ("z IS NULL", [1]),
    ("i IS NULL", []),
    ("i IS NOT NULL", [0, 1, 2]),
    ("z < 0", [1]),  # not known of an open group with NULLs
    ("i < 5 AND 10 / (f + 1) > 0", [0]),
    ("10 / (f + 1) > 0 AND i < 5", [0, 1, 2]),  # what raises first is an error first
    ("d < 'infinity'", [0, 1, 2]),
]
"""Conditions, and the row groups in which there may be rows for them."""

KNOWN_IF_SEALED = {"z < 0": []}


def make(database):
    """The rows go into storage as arrays."""
    client = Client(database)
    client.run("CREATE TABLE v (i int, n numeric(10, 2), f float8, d date, z int)")
    numbers = np.arange(ROWS)
    groups = numbers // GROUP_ROWS
    storage_id = int(client.rows("SELECT relfilenode FROM pg_class WHERE relname = 'v'")[0][0])
    transaction = database.engine.begin()
    columns = [
        numbers.astype(np.int32),
        numbers,
        numbers / 2,
        groups.astype(np.int32),
        numbers.astype(np.int32),
    ]
    nulls = [None, None, None, None, (groups == 1) & (numbers % 2 == 1)]
    database.engine.relation(storage_id).insert(transaction, columns, nulls, ROWS)
    transaction.commit()
    return client


def warm(client):
    """Zones of open groups are looked for when they are asked for again."""
    for _ in range(2):
        client.rows("SELECT FROM v WHERE i < 0 AND n < 0 AND f < 0 AND d < '2000-01-01' AND z < 0")


@pytest.fixture(scope="module")
def opened():
    with memory_database() as database:
        client = make(database)
        warm(client)
        yield client


@pytest.fixture(scope="module")
def sealed():
    """All but the last group, which is not full."""
    with memory_database() as database:
        client = make(database)
        client.run("SET vacuum_seal_min_age = 0")
        client.run("VACUUM v")
        warm(client)
        yield client


def skipped(client, query):
    lines = "\n".join(line for (line,) in client.rows(f"EXPLAIN (ANALYZE, COSTS OFF) {query}"))
    found = re.search(r"Row Groups Skipped: (\d+)", lines)
    return int(found[1]) if found else 0


@pytest.mark.parametrize(("condition", "groups"), FILTERS)
@pytest.mark.parametrize("kind", ["opened", "sealed"])
def test_groups_that_cannot_have_rows_are_not_read(request, kind, condition, groups):
    client = request.getfixturevalue(kind)
    if kind == "sealed":
        groups = KNOWN_IF_SEALED.get(condition, groups)
    assert skipped(client, f"SELECT i FROM v WHERE {condition}") == 3 - len(groups)
    found = "SELECT count(*), sum(i) FROM {}"
    for source in ("v WHERE {}", "(SELECT i FROM v WHERE {} OFFSET 0) k"):
        query = found.format(source)
        assert client.rows(query.format(condition)) == client.rows(
            query.format(f"({condition}) IS TRUE")
        )


JOINED = [
    ("VALUES (5), (17)", [0]),
    ("VALUES (70000)", [1]),
    ("VALUES (3), (131075)", [0, 2]),
    ("VALUES (-9), (500000)", [0, 1, 2]),  # the span is too wide for single keys
    ("VALUES (-9), (-3)", []),
    ("VALUES (NULL::int)", []),
]
"""Keys of the other side of a join, and the row groups in which they may be."""


@pytest.mark.parametrize(("keys", "groups"), JOINED)
@pytest.mark.parametrize("kind", ["opened", "sealed"])
def test_groups_without_the_keys_of_a_join_are_not_read(request, kind, keys, groups):
    client = request.getfixturevalue(kind)
    query = f"SELECT i FROM v JOIN ({keys}) k (x) ON i = x"
    assert skipped(client, query) == 3 - len(groups)
    found = client.rows(f"SELECT count(*), sum(i) FROM ({query}) j")
    assert found == client.rows(f"SELECT count(*), sum(i) FROM v WHERE i IN ({keys})")


@pytest.mark.parametrize("kind", ["opened", "sealed"])
def test_a_left_join_reads_all_groups(request, kind):
    client = request.getfixturevalue(kind)
    query = "SELECT i, x FROM v LEFT JOIN (VALUES (5)) k (x) ON i = x"
    assert skipped(client, query) == 0
    assert client.rows(f"SELECT count(*), count(x) FROM ({query}) j") == [(str(ROWS), "1")]


@pytest.mark.parametrize("kind", ["opened", "sealed"])
def test_what_raises_in_a_group_that_could_be_left_out_is_raised(request, kind):
    client = request.getfixturevalue(kind)
    for condition in ("i * 100000 < 0", "i * 100000 < 0 AND i < 0"):
        assert client.error(f"SELECT count(*) FROM v WHERE {condition}")[0] == "22003"
    assert client.rows("SELECT count(*) FROM v WHERE i < 0 AND i * 100000 < 0") == [("0",)]


@pytest.mark.parametrize("kind", ["opened", "sealed"])
def test_least_and_greatest_values_are_those_of_the_rows_that_are_there(request, kind, monkeypatch):
    client = request.getfixturevalue(kind)
    query = "SELECT min(i), max(i), max(n), min(d) FROM v"
    expected = ("0", "131081", "1310.81", "2000-01-01")
    assert client.rows(query) == [expected]
    client.run("BEGIN")
    client.run("DELETE FROM v WHERE i IN (0, 131081)")
    assert client.rows(query) == [("1", "131080", "1310.80", "2000-01-01")]
    client.run("ROLLBACK")
    assert client.rows(query) == [expected]
    assert client.rows("SELECT min(z), max(z), count(z) FROM v") == [("0", "131081", "98314")]


@pytest.mark.parametrize("kind", ["opened", "sealed"])
def test_parameters_and_outer_columns_rule_out_groups_run_by_run(request, kind):
    client = request.getfixturevalue(kind)
    client.run("PREPARE p AS SELECT count(*), min(i) FROM v WHERE i > $1 AND i < $1 + 3")
    assert [client.rows(f"EXECUTE p ({bound})") for bound in (-1, 131079, 70000, 200000)] == [
        [("2", "0")], [("2", "131080")], [("2", "70001")], [("0", None)],
    ]  # fmt: skip
    client.run("DEALLOCATE p")
    query = "SELECT x, (SELECT min(i) FROM v WHERE i > x OFFSET 0) FROM (VALUES (1), (70000), (200000)) k (x)"
    assert client.rows(query) == [("1", "2"), ("70000", "70001"), ("200000", None)]


def test_zones_follow_what_is_changed(opened):
    """A value outside of what the zone was is found at once."""
    opened.run("BEGIN")
    opened.run("UPDATE v SET i = -5 WHERE i = 70000")
    assert opened.rows("SELECT i FROM v WHERE i < 0") == [("-5",)]
    opened.run("ROLLBACK")


def test_a_column_younger_than_the_groups_rules_out_nothing(opened):
    opened.run("BEGIN")
    opened.run("ALTER TABLE v ADD COLUMN y int DEFAULT 7")
    assert opened.rows("SELECT count(*) FROM v WHERE y = 7") == [(str(ROWS),)]
    assert opened.rows("SELECT count(*) FROM v WHERE y = 8") == [("0",)]
    opened.run("ALTER TABLE v ADD COLUMN w int")
    assert opened.rows("SELECT count(*) FROM v WHERE w IS NULL") == [(str(ROWS),)]
    opened.run("ROLLBACK")
