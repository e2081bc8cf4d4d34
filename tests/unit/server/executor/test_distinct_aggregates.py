"""Aggregates of distinct values: what the same aggregates of the distinct rows give."""

import pytest

from tests.support.conversation import Client
from tests.support.engine import memory_database

VALUES = [
    "i % 70",
    "nullif(i % 7, 3)",
    "case i % 4 when 0 then 'NaN' when 1 then '-0' else (i % 2)::float8 end",
    "case when i % 5 <> 0 then 'text ' || i % 9 end",
    "(i % 30) / 4.0",
]
AGGREGATES = ["count(distinct v)", "min(distinct v), count(distinct v), max(distinct v)"]
BATCH_ROWS = 65_536


@pytest.fixture(scope="module")
def client():
    with memory_database() as database:
        made = Client(database)
        yield made
        made.close()


def given(value, count):
    return f"(select {value} v, i % 3 g from generate_series(1, {count}) i) t"


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("aggregates", AGGREGATES)
@pytest.mark.parametrize("count", [0, 1, 300])
def test_each_value_counts_once(client, value, aggregates, count):
    rows, plain = given(value, count), aggregates.replace("distinct ", "")
    asked = f"select {aggregates} from {rows}"
    assert client.rows(asked) == client.rows(
        f"select {plain} from (select distinct v from {rows}) d"
    )
    asked = f"select g, {aggregates} from {rows} group by g order by g"
    expected = f"select g, {plain} from (select distinct g, v from {rows}) d group by g order by g"
    assert client.rows(asked) == client.rows(expected)


@pytest.mark.parametrize("count", [BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1])
def test_values_of_an_earlier_batch_do_not_count_again(client, count):
    rows = f"generate_series(1, {count}) i"
    assert client.rows(f"select count(distinct i % 1000), max(distinct i) from {rows}") == [
        ("1000", str(count))
    ]
    found = client.rows(f"select i % 2, count(distinct i % 1000) from {rows} group by 1 order by 1")
    assert found == [("0", "500"), ("1", "500")]


def test_sets_and_filters_have_values_of_their_own(client):
    found = client.rows(
        "select g, count(distinct v), count(distinct v) filter (where v > 10) "
        f"from {given('i % 20', 120)} group by grouping sets ((g), ()) order by g"
    )
    assert found == [("0", "20", "9"), ("1", "20", "9"), ("2", "20", "9"), (None, "20", "9")]
