"""Conditions of scans through the vector machine: the rows are those of the ordinary evaluation."""

import numpy as np
import pytest

from server.executor.columns import BATCH_ROWS, SMALL_BATCH_ROWS, merged
from server.executor.scan_program import ROWS_MIN
from server.vector.batch import Batch
from server.vector.column import Column

ROWS = 3 * ROWS_MIN

CONDITIONS = [
    "i > 5",
    "i > 5 AND s < 20 AND n <> 1.5",
    "n * 2 >= 3 OR f < 0.5",
    "f = 'NaN'",
    "d BETWEEN '2000-02-01' AND '2000-03-01' AND i < s",
    "NOT (b AND i IS NOT NULL)",
    "i IN (1, 2, 3) AND t LIKE '%7'",
    "i IS NULL",
    "i < 0",
    "true",
    "i = 5 AND 7 >= i",
    "s BETWEEN 3 AND 9 AND s > 4",
    "s < 100000 AND s > -100000",
    "i > 5 AND i < 3",
    "n > 1.2345 AND n <= 1.75000",
    "n = 1.751",
    "n >= 1 AND 2 > n",
    "d < timestamp '2000-02-01 12:00' AND d >= timestamp '2000-01-15 00:00:01'",
    "d = timestamp '2000-02-01'",
    "d < timestamp 'infinity' AND d > date '-infinity'",
    "d <> '2000-02-01'",
    "m > date '2000-02-01' AND m <= date '2000-03-01'",
    "m < date 'infinity'",
    "m >= timestamp '2000-01-31 12:00' AND m < timestamp 'infinity'",
]


@pytest.fixture
def table(client):
    client.run(
        "CREATE TABLE v (i int, s smallint, n numeric(10, 2), f float8, d date, b bool, t text, m timestamp)"
    )
    client.run(
        "INSERT INTO v SELECT nullif(g % 101, 7), g % 50, nullif(g % 9, 3) / 4.0, "
        "CASE g % 5 WHEN 0 THEN 'NaN' ELSE 1.0 / g END, CASE g % 40 WHEN 2 THEN 'infinity' "
        "WHEN 3 THEN '-infinity' ELSE date '2000-01-01' + g % 90 END, "
        "nullif(g % 3, 2)::boolean, 't' || g, CASE g % 40 WHEN 1 THEN 'infinity' "
        "ELSE timestamp '2000-01-01' + g % 90 * interval '12 hours' END "
        f"FROM generate_series(1, {ROWS}) g"
    )
    return client


@pytest.mark.parametrize("condition", CONDITIONS)
def test_rows_are_those_of_the_ordinary_evaluation(table, condition):
    ordinary = table.rows(f"SELECT t FROM v WHERE ({condition}) IS TRUE")
    assert table.rows(f"SELECT t FROM v WHERE {condition}") == ordinary
    few = f"SELECT t FROM v JOIN (VALUES (1), (2), (5)) AS k (i) USING (i) WHERE {condition}"
    assert sorted(table.rows(few)) == sorted(
        table.rows(few.replace(condition, f"({condition}) IS TRUE"))
    )
    assert table.rows(few.replace("(1), (2), (5)", "(7)")) == []


def test_parameters_are_those_of_each_run(table):
    table.run("PREPARE p AS SELECT count(*), min(t) FROM v WHERE i > $1 AND i < $1 + 3")
    counts = [table.rows(f"EXECUTE p ({bound})") for bound in (1, 2, 50, 200)]
    expected = [
        table.rows(f"SELECT count(*), min(t) FROM v WHERE (i > {b} AND i < {b} + 3) IS TRUE")
        for b in (1, 2, 50, 200)
    ]
    assert counts == expected


def test_columns_of_enclosing_queries_are_those_of_each_row(table):
    query = (
        "SELECT x, (SELECT min(t) FROM v WHERE i > x OFFSET 0) FROM (VALUES (1), (50), (99)) k (x)"
    )
    assert table.rows(query) == table.rows(query.replace("i > x", "(i > x) IS TRUE"))


def test_what_cannot_be_computed_is_an_error_of_the_ordinary_evaluation(table):
    table.run("INSERT INTO v (i, n) VALUES (2147483647, 'NaN')")
    assert table.rows("SELECT count(*) FROM v WHERE n = 'NaN'") == [("1",)]
    with pytest.raises(Exception, match="integer out of range"):
        table.rows("SELECT t FROM v WHERE i + 1 > 5")


def batches(*counts: int) -> list[Batch]:
    starts = np.cumsum((0, *counts)).tolist()
    return [
        Batch((Column(np.arange(start, start + count)),), count)
        for start, count in zip(starts, counts, strict=False)
    ]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((), []),
        ((0, 0), []),
        ((1, 0, 2), [3]),
        ((BATCH_ROWS, 1, 1), [BATCH_ROWS, 2]),
        ((1, SMALL_BATCH_ROWS + 1, 1), [1, SMALL_BATCH_ROWS + 1, 1]),
        ((SMALL_BATCH_ROWS,) * 5, [4 * SMALL_BATCH_ROWS, SMALL_BATCH_ROWS]),
    ],
)
def test_small_neighbours_are_put_together_in_their_order(counts, expected):
    found = list(merged(batches(*counts)))
    assert [batch.count for batch in found] == expected
    rows = [value for batch in found for value in batch.columns[0].values.tolist()]
    assert rows == list(range(sum(counts)))
