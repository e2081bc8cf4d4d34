"""CASE by the value of a column: the table of branches gives what comparisons one after the other do."""

import pytest

from protocol import messages
from server.expressions import branch_tables, choices, rowwise
from tests.support.conversation import shown

SETUP = (
    "CREATE TABLE item (id int, wide bigint, small smallint, word text, short varchar(5),"
    " padded char(5), day date, at timestamptz, other int)",
    "INSERT INTO item SELECT i, i, i, 'w' || i, 'w' || i, 'w' || i, date '2024-01-01' + i,"
    " timestamptz '2023-12-31' + i * interval '1 day', i % 3 FROM generate_series(1, 40) i",
    "INSERT INTO item (other) VALUES (7), (8)",
)

COLUMNS = {
    "id": "{}",
    "wide": "{}",
    "small": "{}",
    "word": "'w{}'",
    "short": "'w{}'",
    "day": "date '2024-01-01' + {}",
    "at": "timestamptz '2024-01-{}'",
}
OTHERS = {"padded": "'w{} '", "id + 0": "{}", "id::numeric": "{}.0", "id::float8": "{}"}


def case(column, value, results="{}", extra="", otherwise="ELSE -1"):
    whens = [f"WHEN {column} = {value.format(n)} THEN {results.format(n)}" for n in range(3, 20)]
    return f"CASE {' '.join(whens)} {extra} {otherwise} END"


@pytest.fixture(params=[True, False], ids=["table", "compared"])
def tables(request, client, monkeypatch):
    """The tables that are made, if they are, of all the CASEs in a statement."""
    for sql in SETUP:
        client.run(sql)
    found = []

    def branch_table(node):
        found.append(branch_tables.branch_table(node) if request.param else None)
        return found[-1]

    monkeypatch.setattr(choices, "branch_table", branch_table)
    monkeypatch.setattr(rowwise, "branch_table", branch_table)
    return found if request.param else None


def expected(otherwise="-1"):
    return [(str(n) if 3 <= n < 20 else otherwise,) for n in [*range(1, 41), 0, 0]]


@pytest.mark.parametrize("column", [*COLUMNS, *OTHERS])
def test_values_of_all_kinds(client, tables, column):
    value = {**COLUMNS, **OTHERS}[column]
    assert client.rows(f"SELECT {case(column, value)} FROM item") == expected()
    assert client.rows(f"SELECT {case(column, value, otherwise='')} FROM item") == expected(None)
    if tables is not None:
        assert any(tables) == (column in COLUMNS)


def test_the_other_side_and_the_first_of_two(client, tables):
    first = case("id", "{}", extra="WHEN 5 = id THEN 77 WHEN 30 = id THEN 30 WHEN id = 30 THEN 31")
    rows = client.rows(f"SELECT {first} FROM item")
    assert rows[4] == ("5",)
    assert rows[29] == ("30",)
    assert tables is None or any(tables)


def test_nothing_is_equal_to_null(client, tables):
    found = client.rows(
        f"SELECT {case('id', '{}', extra='WHEN id = NULL::int THEN 9')} FROM item WHERE id IS NULL"
    )
    assert found == [("-1",)] * 2
    del tables


@pytest.mark.parametrize(
    "extra", ["WHEN other = 2 THEN 50", "WHEN id > 30 THEN 50", "WHEN id = other THEN 50"]
)
def test_other_conditions_among_them(client, tables, extra):
    rows = client.rows(f"SELECT {case('id', '{}', extra=extra)} FROM item")
    assert ("50",) in rows or "id = other" in extra
    assert rows[4] == ("5",)
    assert tables is None or not any(tables)


def test_only_the_result_of_the_branch_is_computed(client, tables):
    rows = client.rows(f"SELECT {case('id', '{}', '60 / (id - {} + 1)')} FROM item")
    assert rows[4] == ("60",)
    code = client.error(f"SELECT {case('id', '{}', '60 / (id - {})')} FROM item")[0]
    assert code == "22012"
    del tables


def test_words_of_a_coded_column(client, tables):
    client.run("CREATE TABLE coded AS SELECT 'w' || i % 30 AS word FROM generate_series(1, 999) i")
    client.run("INSERT INTO coded VALUES (NULL)")
    sql = f"SELECT sum({case('word', COLUMNS['word'])}) FROM (SELECT DISTINCT word FROM coded) x"
    assert client.rows(sql) == [(str(sum(range(3, 20)) - 14),)]
    sql = f"SELECT count(*) FROM coded WHERE {case('word', COLUMNS['word'])} = -1"
    assert client.rows(sql) == [(str(1 + 2 * 34 + 11 * 33),)]
    del tables


@pytest.mark.parametrize("kind", [20, 23])
def test_parameters(client, tables, kind):
    whens = " ".join(f"WHEN id = ${2 * n + 1} THEN ${2 * n + 2}" for n in range(10))
    sql = f"UPDATE item SET other = CASE {whens} ELSE other END, word = 'x' WHERE id <= 12"
    client.send(messages.Parse("s", sql, (kind, 23) * 10), messages.Sync())
    for start in (1, 3):
        values = [b"%d" % (each + start + extra) for each in range(10) for extra in (0, 100)]
        fields = (*values[:-2], None, b"5")
        replies = client.send(
            messages.Bind("", "s", (), fields, ()), messages.Execute("", 0), messages.Sync()
        )
        assert "CommandComplete(tag='UPDATE 12')" in shown(replies)
    assert client.rows("SELECT other FROM item WHERE id <= 12 ORDER BY id") == [
        (str(each),) for each in (101, 102, *range(103, 112), 0)
    ]
    assert tables is None or any(tables)
