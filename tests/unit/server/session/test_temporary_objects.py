"""What goes with a session's temporary tables, wherever it lives itself."""

import pytest

from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def database():
    with memory_database() as database:
        yield database


def left(database):
    """The domains, rules and triggers that another session sees."""
    client = Client(database)
    rows = client.rows(
        "select typname from pg_type where typtype = 'd' and typname like 'd%' union all"
        " select rulename from pg_rules where rulename like 'd%' union all"
        " select tgname from pg_trigger union all select conname from pg_constraint where contypid > 0"
    )
    client.rows("create table t (a int)")
    client.rows("alter table t rename to u")  # goes through all rules
    client.rows("drop table u")
    client.close()
    return [name for (name,) in rows]


MADE = (
    "create domain d_of_rows as kept[]",
    "create domain d_of_domain as d_of_rows check (value is not null)",
    "create temp view shown as select * from kept",
    "create rule d_rule as on insert to shown do instead nothing",
    "create function d_function() returns trigger language plpgsql as 'begin return new; end'",
    "create trigger d_trigger before insert on kept for each row execute function d_function()",
)


def test_with_the_session(database):
    client = Client(database)
    client.rows("create temp table kept (a int)")
    for statement in MADE:
        client.rows(statement)
    assert left(database) == [
        "d_of_rows", "d_of_domain", "d_rule", "d_trigger", "d_of_domain_check",
    ]  # fmt: skip
    client.close()
    assert left(database) == []


def test_with_the_transaction(database):
    client = Client(database)
    client.rows("begin")
    client.rows("create temp table kept (a int) on commit drop")
    for statement in MADE[2:]:
        client.rows(statement)
    client.rows("commit")
    assert left(database) == []
    client.close()


@pytest.mark.parametrize("target", ["temp", "all"])
def test_discard_drops_them(database, target):
    client = Client(database)
    client.rows("create temp table kept (id serial primary key)")
    client.rows("create function pg_temp.made() returns int language sql as 'select 1'")
    client.rows(f"discard {target}")
    of_schema = "select count(*) from pg_class c join pg_namespace n on n.oid = relnamespace"
    assert client.rows(f"{of_schema} where nspname like 'pg_temp%'") == [("0",)]
    assert client.rows("select count(*) from pg_proc where proname = 'made'") == [("0",)]
    client.rows("create temp table kept (id int)")


def test_discard_all_is_no_part_of_a_block(database):
    client = Client(database)
    client.rows("begin")
    with pytest.raises(AssertionError, match="25001"):
        client.rows("discard all")


def test_the_first_of_them_goes_with_a_savepoint(database):
    client = Client(database)
    client.rows("begin")
    client.rows("savepoint s")
    client.rows("create temp table kept (id int)")
    client.rows("rollback to s")
    client.rows("create temp table kept (id int)")
    client.rows("commit")
    assert client.rows("select count(*) from kept") == [("0",)]
