"""INSERTs of many rows of literals: done by columns, and told as if they had been planned row by row."""

import pytest

from server.session import row_lists, simple_query

SETUP = (
    "CREATE TABLE item (id serial, count int CHECK (count <> 13), name varchar(3))",
    "CREATE UNIQUE INDEX ON item (count)",
)


def rows(*others, count=8):
    return "INSERT INTO item (count, name) VALUES " + ", ".join(
        [*(f"({number}, 'x')" for number in range(count)), *others]
    )


@pytest.fixture
def taken(client, monkeypatch):
    """Whether the last text was run by columns."""
    for sql in SETUP:
        client.run(sql)
    seen = []

    def ready_rows(session, sql):
        ready = yield from row_lists.ready_rows(session, sql)
        seen.append(ready is not None)
        return ready

    monkeypatch.setattr(simple_query, "ready_rows", ready_rows)
    return lambda: seen[-1]


def test_rows_are_inserted_by_columns(client, taken):
    client.run(rows("(null, 'y')", "(-5, null)"))
    assert taken()
    assert client.rows("SELECT * FROM item WHERE id > 7") == [
        ("8", "7", "x"),
        ("9", None, "y"),
        ("10", "-5", None),
    ]


def test_a_plan_is_made_once_and_again_when_the_table_changes(client, taken):
    plans = client.session.database.plans
    client.run(rows())
    known = len(plans._over_rows)
    client.run("DELETE FROM item")
    client.run(rows(count=20))
    assert len(plans._over_rows) == known
    client.run("ALTER TABLE item ADD COLUMN extra int DEFAULT 3")
    client.run("DELETE FROM item")
    client.run(rows())
    assert taken()
    assert client.rows("SELECT DISTINCT extra FROM item") == [("3",)]


@pytest.mark.parametrize(
    ("other", "is_taken"),
    [
        ("(13, 'x')", True),
        ("(3, 'x')", True),
        ("(30, 'long')", True),
        ("(30, 'x'), (30, 'x')", True),
        ("(99999999999, 'x')", True),
        ("('a', 'x')", False),
        ("(30, 5 / 0)", False),
        ("(30)", False),
        ("(30, 'x', 5)", False),
    ],
)
def test_errors_are_those_of_the_text(client, taken, monkeypatch, other, is_taken):
    sql = rows(other)
    found = client.error(sql)
    assert taken() is is_taken
    monkeypatch.setattr(row_lists, "row_list_of", lambda sql, scan: None)
    assert found == client.error(sql)
    assert client.rows("SELECT count(*) FROM item") == [("0",)]


def test_a_failed_block_takes_no_rows(client, taken):
    client.run("BEGIN")
    client.error("SELECT 1 / 0")
    assert client.error(rows())[0] == "25P02"
    client.run("ROLLBACK")


def test_a_parameter_in_a_query_message_is_refused(client):
    assert client.error("SELECT 1; SELECT 5 + $2")[:2] == ("42P02", "there is no parameter $2")


def test_rules_are_run_for_all_rows(client, taken):
    client.run("CREATE TABLE seen (count int, name text)")
    client.run("CREATE RULE noted AS ON INSERT TO item DO ALSO INSERT INTO seen VALUES (new.count)")
    client.run(rows())
    assert not taken()
    assert client.rows("SELECT sum(count) FROM seen") == [("28",)]
    client.run(
        "CREATE RULE moved AS ON INSERT TO seen DO INSTEAD"
        " INSERT INTO item (count, name) VALUES (new.count + 100, new.name)"
    )
    client.run("DROP RULE noted ON item")
    client.run(rows(count=12).replace("item (count, name)", "seen"))
    assert client.rows("SELECT count(*) FROM seen") == [("8",)]
    assert client.rows("SELECT count(*), sum(count) FROM item") == [("20", "1294")]
