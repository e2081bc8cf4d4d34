"""Plans over system relations, which hold through DDL on tables."""

import pytest

from server.session import execution
from tests.support.conversation import Client
from tests.support.engine import memory_database

QUESTION = "SELECT count(*) FROM pg_class c WHERE relname LIKE 'kept%' AND c.relkind = 'r'"


@pytest.fixture
def client():
    with memory_database() as database:
        yield Client(database)


@pytest.fixture
def planned(monkeypatch):
    """The texts that were planned."""
    texts = []
    plan_statement = execution.plan_statement

    def noted(statement, *arguments):
        texts.append(statement.source)
        return plan_statement(statement, *arguments)

    monkeypatch.setattr(execution, "plan_statement", noted)
    return texts


def asked(client, planned, sql=QUESTION):
    planned.clear()
    return client.rows(sql), sql in planned


def test_ddl_on_tables_leaves_plans(client, planned):
    assert asked(client, planned) == ([("0",)], True)
    for number, ddl in enumerate(
        [
            "CREATE TABLE kept_one (a int PRIMARY KEY)",
            "CREATE TABLE kept_two (a serial, b int REFERENCES kept_one)",
            "CREATE INDEX ON kept_two (b)",
        ]
    ):
        client.run(ddl)
        assert asked(client, planned) == ([(str(min(number + 1, 2)),)], False)


@pytest.mark.parametrize(
    ("ddl", "undone"),
    [
        ("CREATE TABLE c (a int)", "DROP TABLE c"),
        ("CREATE TABLE relname (a int)", "DROP TABLE relname"),
        (
            "CREATE FUNCTION like_(a text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION like_",
        ),
        ("CREATE TYPE mood AS ENUM ('happy')", "DROP TYPE mood"),
        ("CREATE SCHEMA other", "DROP SCHEMA other"),
    ],
)
def test_what_may_change_a_name_makes_plans_anew(client, planned, ddl, undone):
    asked(client, planned)
    client.run(ddl)
    assert asked(client, planned)[1]
    client.run(undone)
    client.run("CREATE TABLE another (a int)")


def test_plans_over_tables_of_users_go_with_every_ddl(client, planned):
    client.run("CREATE TABLE own (a int)")
    sql = "SELECT count(*) FROM own, pg_class WHERE relname = 'own'"
    assert asked(client, planned, sql)[1]
    client.run("CREATE TABLE another (a int)")
    assert asked(client, planned, sql)[1]


@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("taken", "'taken'"),
        ("taken", "E'tak\\x65n'"),
        ("taken", "U&'tak\\0065n'"),
        ("taken", "$$taken$$"),
        ("taken", "$x$taken$x$"),
        ("taken", "'tak'\n'en'"),
        ("taken", "/* ' */ 'taken'"),
        ('"it\'s"', "'\"it''s\"'"),
        ('"a""b"', '\'"a""b"\''),
        ('"a-b"', "'\"a-b\"'"),
        ('"Äb"', "'ÄB'"),
        ("a" * 63, f"'{'a' * 70}'"),
        (f'"{"a " * 31}a"', f"'\"{'a ' * 40}\"'"),
    ],
)
def test_no_plan_outlives_a_relation_however_its_name_is_spelt(client, name, literal):
    sql = f"SELECT count(*) FROM pg_class WHERE oid = {literal}::regclass"
    for _ in range(2):
        client.run(f"CREATE TABLE {name} (a int)")
        assert client.rows(sql) == [("1",)]
        client.run(f"DROP TABLE {name}")


def test_no_plan_outlives_a_name_that_is_taken_however_it_is_spelt(client):
    sql = 'SELECT count(*) > 100 FROM U&"pg_\\0070roc"'
    assert client.rows(sql) == [("t",)]
    client.run("CREATE TEMPORARY TABLE pg_proc (a int)")
    assert client.rows(sql) == [("f",)]
