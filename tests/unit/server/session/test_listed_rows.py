"""Lists of rows in FROM as arrays: what statements do and give is as if lists were planned as they are written."""

import pytest

from server.session import row_lists
from server.sql import listed_rows

SETUP = (
    "CREATE TABLE item (id serial PRIMARY KEY, amount int, name text, price numeric(8, 2))",
    "INSERT INTO item (amount, name) SELECT i, 'old' FROM generate_series(1, 30) i",
)


@pytest.fixture(params=[True, False], ids=["lists", "text"])
def taken(request, client, monkeypatch):
    """Of which texts the lists are taken as arrays."""
    for sql in SETUP:
        client.run(sql)
    found = []
    monkeypatch.setattr(listed_rows, "ROWS_MIN", 8)
    original = row_lists.listed_rows_of

    def listed_rows_of(sql, scan):
        made = original(sql, scan) if request.param else None
        found.append(made is not None)
        return made

    monkeypatch.setattr(row_lists, "listed_rows_of", listed_rows_of)
    return lambda: found[-1] or not request.param


def rows(row, count=20, start=1):
    return ", ".join(row.format(number) for number in range(start, start + count))


def test_rows_are_updated(client, taken):
    for start in (1, 5):
        given = rows("({0}, 'n{0}', {0}.5)", 9, start)
        replies = client.run(
            f"UPDATE item SET name = v.name, price = v.price FROM (VALUES {given})"
            " AS v (id, name, price) WHERE v.id = item.id"
        )
        assert replies[0] == "CommandComplete(tag='UPDATE 9')"
        assert taken()
    assert client.rows("SELECT name, price FROM item WHERE id IN (1, 13, 14) ORDER BY id") == [
        ("n1", "1.50"),
        ("n13", "13.50"),
        ("old", None),
    ]


def test_rows_are_inserted_in_their_order(client, taken):
    given = ", ".join(f"({number}, 'n{number}', {30 - number})" for number in range(1, 21))
    sql = (
        f"INSERT INTO item (amount, name) SELECT p0::int, p1::varchar FROM (VALUES {given})"
        " AS given (p0, p1, number) ORDER BY number RETURNING id, amount"
    )
    found = client.rows(sql)
    assert found == [(str(30 + n), str(21 - n)) for n in range(1, 21)]
    assert taken()


@pytest.mark.parametrize(
    ("row", "others"),
    [
        ("{}", "(3000000000), (NULL)"),
        ("{}", "(1.50), (99999999999999999999)"),
        ("'a{}'", "(NULL), ('it''s'), ('')"),
        ("NULL", "(NULL)"),
        ("true", "(false), (NULL)"),
    ],
)
def test_values_and_types(client, taken, row, others):
    sql = f"FROM (VALUES {rows(f'({row})')}, {others}) v"
    found = client.rows(f"SELECT column1, pg_typeof(column1), v, to_json(v) {sql}")
    assert taken()
    assert len({kind for _, kind, _, _ in found}) == 1
    expected = {"(N": "text", "(t": "boolean", "('": "text"}
    kind = expected.get(f"({row}"[:2], "numeric" if "1.50" in others else "bigint")
    assert found[0][1] == kind
    assert found[-1][0] in (None, "99999999999999999999", "")
    assert '"column1":' in found[0][3]


def test_errors_are_those_of_the_text(client, taken):
    given = rows("({0}, 'n{0}')")
    values = f"(VALUES {given}) v"
    del taken
    for sql, state in (
        (f"SELECT nothing FROM {values}", "42703"),
        (f"SELECT column1 = column2 FROM {values}", "42883"),
        (f"SELECT 1 / (column1 - 7) FROM {values}", "22012"),
        (f"SELECT column2::int FROM {values}", "22P02"),
        (f"INSERT INTO item (amount) SELECT column2 FROM {values}", "42804"),
        (f"SELECT * FROM {values} JOIN nothing ON true", "42P01"),
        (f"SELECT * FROM {values}; SELECT 1/0", "22012"),
    ):
        assert client.error(sql)[0] == state
    (line,) = (line for line in client.run(f"SELECT nothing FROM {values}") if "42703" in line)
    assert "position=8" in line


def test_in_a_failed_block(client, taken):
    del taken
    client.run("BEGIN")
    client.run("SELECT 1/0")
    assert client.error(f"SELECT * FROM (VALUES {rows('({0})')}) v")[0] == "25P02"
    client.run("ROLLBACK")


def test_a_name_that_is_cut_is_told_of(client, taken):
    name = "n" * 70
    said = client.run(f"SELECT 1 AS {name} FROM (VALUES {rows('({0})')}) v LIMIT 1")
    assert any("will be truncated" in line for line in said)
    del taken
