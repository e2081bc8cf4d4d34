"""psql end to end: the same script gives what PostgreSQL gives, letter for letter."""

import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")

OBJECTS = """
create schema shop;
set search_path = shop;
create table customer (
    id serial primary key,
    name varchar(40) not null unique,
    born date,
    credit numeric(10,2) default 0.00 check (credit >= 0),
    seen timestamptz default '2024-01-01 12:00+00'
);
create table purchase (
    number bigint generated always as identity primary key,
    customer_id int references customer on delete cascade,
    note text default 'none' not null
);
create index purchase_customer on purchase (customer_id, lower(note) desc);
create view debtor as select id, name from customer where credit > 100;
create sequence ticket increment by 5 start 10;
"""
COMMANDS = [
    r"\d", r"\dt", r"\di", r"\dv", r"\ds", r"\dn shop", r"\d customer", r"\d purchase",
    r"\d debtor", r"\d+ purchase", r"\d ticket", r"\d purchase_customer", r"\dt nothing*",
    r"\du postgres", r"\df shop.*", r"\d nothing",
]  # fmt: skip
SCRIPT = r"""
select 1 as one, null as nothing, 'x' as text;
select nope from customer;
select 1 +;
insert into customer (name) values ('ann'), ('bob');
insert into customer (name) values ('ann');
insert into purchase (customer_id) values (77);
insert into customer (name, credit) values ('eve', -1);
begin;
delete from customer;
select 1/0;
select count(*) from customer;
commit;
select id, name, credit from customer order by id;
drop table nowhere;
drop table if exists nowhere;
copy customer (id, name) to stdout;
copy purchase (customer_id, note) from stdin with (format csv);
1,"a, b"
2,""
\.
select * from purchase order by number;
\x
select id, name from customer where id = 1;
update customer set credit = 200;
table debtor;
drop table customer;
drop table customer cascade;
drop sequence ticket;
drop schema shop cascade;
"""


def psql(dsn, text):
    """All that psql prints, with errors in their places."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PG")
    } | {"PGTZ": "UTC", "LC_ALL": "C.UTF-8"}
    command = ["psql", "-X", "-a", "-f", "-", dsn]
    done = subprocess.run(
        command,
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        timeout=60,
        check=False,
    )
    return done.stdout


@pytest.fixture(scope="module")
def both(server, oracle):
    """The two servers, with the same objects."""
    dsns = [server.dsn, oracle.dsn]
    for dsn in dsns:
        assert "ERROR" not in psql(dsn, OBJECTS)
    yield dsns
    for dsn in dsns:
        psql(dsn, "drop schema shop cascade;")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_print_what_postgresql_prints(both, command):
    ours, theirs = (psql(dsn, f"set search_path = shop;\n{command}\n") for dsn in both)
    assert ours.split("\n") == theirs.split("\n")


def test_a_script_with_errors_prints_what_postgresql_prints(server, oracle):
    ours, theirs = (
        psql(dsn, OBJECTS.replace("shop", "store") + SCRIPT.replace("shop", "store"))
        for dsn in (server.dsn, oracle.dsn)
    )
    assert ours.split("\n") == theirs.split("\n")


def test_databases_are_listed(server):
    listed = psql(server.dsn, r"\l")
    assert "List of databases" in listed
    for name in ("postgres", "template0", "template1"):
        assert f" {name} " in listed


def test_on_error_stop_ends_the_script(server):
    text = r"\set ON_ERROR_STOP on" + "\nselect 1/0;\nselect 'not reached' as t;\n"
    printed = psql(server.dsn, text)
    assert "division by zero" in printed
    assert "(1 row)" not in printed


def test_a_dropped_schema_names_the_same_objects(server, oracle):
    text = OBJECTS.replace("shop", "mall") + "drop schema mall cascade;\n"
    ours, theirs = (psql(dsn, text).split("\n") for dsn in (server.dsn, oracle.dsn))
    assert sorted(ours) == sorted(theirs)
