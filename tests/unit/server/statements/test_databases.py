"""DROP DATABASE and its kin while others are in the database: who has just gone is waited for, FORCE ends the rest."""

import pytest

from protocol.messages import ErrorResponse, Query
from server.statements.databases import PATIENCE_MS
from tests.support.conversation import Client


@pytest.fixture
def owner(database):
    client = Client(database)
    client.send(Query("create database other"))
    client.send(Query("create role guest login; create role maker login createdb"))
    client.send(Query("alter database other owner to maker"))
    return client


def state_of(replies):
    return next((each.fields.sqlstate for each in replies if isinstance(each, ErrorResponse)), "")


@pytest.mark.parametrize(
    "statement",
    [
        "drop database other",
        "alter database other rename to another",
        "alter database other set tablespace pg_default",
    ],
)
def test_waits_for_those_who_go(database, owner, statement):
    guest = Client(database, pid=2, home="other")
    owner.send(Query(statement))
    assert owner.blocked
    guest.close()
    assert state_of(owner.resume()) == ""


def test_who_stays_is_waited_for_a_while(database, owner, clock):
    Client(database, pid=2, home="other")
    going = Client(database, pid=3, home="other")
    owner.send(Query("drop database other"))
    going.close()
    owner.resume()
    assert owner.blocked
    clock.advance_ms(PATIENCE_MS)
    assert state_of(owner.resume(timed_out=True)) == "55006"


def test_a_cancel_ends_the_wait(database, owner):
    Client(database, pid=2, home="other")
    owner.send(Query("set statement_timeout = 10"))
    owner.send(Query("drop database other"))
    owner.database.clock.advance_ms(11)
    assert state_of(owner.resume(timed_out=True)) == "57014"


def test_force_ends_the_others(database, owner):
    guest = Client(database, pid=2, user="guest", home="other")
    owner.send(Query("drop database other with (force)"))
    assert owner.blocked
    assert state_of(guest.send(Query("select 1"))) == "57P01"
    guest.close()
    assert state_of(owner.resume()) == ""


def test_force_needs_the_right_to_end_them(database, owner):
    maker = Client(database, pid=2, user="maker")
    guest = Client(database, pid=3, user="guest", home="other")
    assert state_of(maker.send(Query("drop database other with (force)"))) == "42501"
    assert state_of(guest.send(Query("select 1"))) == ""


def in_template(database, sql):
    client = Client(database, pid=9, home="template1")
    client.rows(sql)
    client.close()


def test_a_database_begins_with_what_its_template_has(database):
    in_template(database, "grant create on schema public to public; create table one (a int)")
    owner = Client(database, pid=2)
    owner.send(Query("create role guest"))
    owner.send(Query("create database d"))
    guest = Client(database, pid=3, user="guest", home="d")
    assert state_of(guest.send(Query("create table public.t (a int)"))) == ""
    assert guest.rows("select relname from pg_class where relname = 'one'") == [("one",)]
    in_template(database, "drop schema public cascade")
    owner.send(Query("create database e"))
    inside = Client(database, pid=5, home="e")
    assert state_of(inside.send(Query("create table public.t (a int)"))) == "3F000"


def test_prepared_transactions_are_in_the_way(database, owner, clock):
    guest = Client(database, pid=2, home="other")
    guest.send(Query("begin; create table t (a int); prepare transaction 'one'"))
    guest.close()
    assert state_of(owner.send(Query("drop database other with (force)"))) == "55006"
    owner.send(Query("drop database other"))
    clock.advance_ms(PATIENCE_MS)
    assert state_of(owner.resume(timed_out=True)) == "55006"
