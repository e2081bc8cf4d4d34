"""Temporary tables of other sessions can be named with their schema; that is all."""

import pytest

from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def other():
    """A session, and what another one's temporary schema is called."""
    with memory_database() as database:
        owner, other = Client(database), Client(database, pid=2)
        owner.rows("create temp table kept (a int primary key)")
        owner.rows("create temp view seen as select * from kept")
        [(schema,)] = owner.rows(
            "select relnamespace::regnamespace from pg_class where relname = 'kept'"
        )
        other.schema = schema
        yield other
        assert owner.rows("select a from kept") == []
        owner.close()
        other.close()


@pytest.mark.parametrize(
    ("statement", "verb"),
    [
        ("select from {}.kept", "access"),
        ("select from {}.seen", "access"),
        ("insert into {}.kept values (1)", "access"),
        ("update {}.kept set a = 1", "access"),
        ("copy {}.kept to stdout", "access"),
        ("truncate {}.kept", "truncate"),
        ("alter table {}.kept add b int", "alter"),
        ("create index on {}.kept (a)", "create indexes on"),
        ("cluster {}.kept using kept_pkey", "cluster"),
        ("reindex table {}.kept", "reindex"),
        ("reindex index {}.kept_pkey", "reindex"),
    ],
)
def test_refused(other, statement, verb):
    error = other.error(statement.format(other.schema))
    assert error == ("0A000", f"cannot {verb} temporary tables of other sessions")


@pytest.mark.parametrize(
    ("statement", "verb"),
    [
        ("select from kept", "access"),
        ("update kept set a = 1", "access"),
        ("truncate kept", "truncate"),
    ],
)
def test_a_search_path_gives_no_more(other, statement, verb):
    other.rows(f"set search_path = {other.schema}, public")
    assert other.error(statement)[1] == f"cannot {verb} temporary tables of other sessions"


@pytest.mark.parametrize(
    "statement",
    [
        "create table {}.t (a int)",
        "create view {}.v as select 1",
        "create sequence {}.s",
        "select 1 as a into {}.t",
    ],
)
def test_nothing_is_made_there(other, statement):
    error = ("42P16", "cannot create relations in temporary schemas of other sessions")
    assert other.error(statement.format(other.schema)) == error


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (
            "create temp table child () inherits ({}.kept)",
            ("42809", "cannot inherit from temporary relation of another session"),
        ),
        (
            "alter table {}.kept set schema public",
            ("0A000", "cannot move objects into or out of temporary schemas"),
        ),
    ],
)
def test_refused_in_words_of_their_own(other, statement, error):
    assert other.error(statement.format(other.schema)) == error


@pytest.mark.parametrize("verb", ["vacuum", "vacuum full", "analyze"])
def test_passed_over(other, verb):
    assert other.run(f"{verb} {other.schema}.kept")[-2:] == [
        f"CommandComplete(tag='{verb.split()[0].upper()}')",
        "ReadyForQuery(status='I')",
    ]


def test_who_may_look_at_the_owner_may_drop(other):
    other.rows(f"begin; drop table {other.schema}.kept cascade; rollback")
