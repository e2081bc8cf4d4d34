"""VACUUM's report and counters, and which tables autovacuum visits."""

from dataclasses import replace

import pytest

from protocol.messages import NoticeResponse, Query
from server.catalog.catalog import CATALOG_RELATION
from server.catalog.objects import Table
from server.catalog.table_activity import Due, TableActivity, due
from server.errors import QueryCanceled
from server.net.autovacuum import (
    due_tables,
    loaded_tables,
    sealing_statement,
    statement_for,
)
from server.session.own_sessions import open_session
from server.statements.vacuum import AUTOVACUUM
from storage.engine import Counts
from storage.memory_files import MemoryFiles
from tests.support.conversation import Client, shown
from tests.support.engine import SMALL, make_database

SETTINGS = {
    "autovacuum_vacuum_threshold": 50,
    "autovacuum_vacuum_scale_factor": 0.2,
    "autovacuum_analyze_threshold": 50,
    "autovacuum_analyze_scale_factor": 0.1,
}
DONE = Counts(inserted=1000)


def visit(counts=DONE, reclaimable=0, options=(), activity=None, *, is_known=True):
    return due(
        activity or TableActivity(at_vacuum=DONE, at_analyze=DONE),
        counts,
        rows=1000,
        reclaimable=reclaimable,
        options=options,
        settings=SETTINGS,
        is_known=is_known,
    )


@pytest.mark.parametrize(
    ("updated", "reclaimable", "expected"),
    [
        (0, 0, Due(vacuum=False, analyze=False)),
        (150, 150, Due(vacuum=False, analyze=False)),
        (151, 151, Due(vacuum=False, analyze=True)),
        (251, 251, Due(vacuum=True, analyze=True)),
        (251, 10, Due(vacuum=False, analyze=True)),
        (0, 999, Due(vacuum=False, analyze=False)),
    ],
)
def test_a_table_is_visited_when_enough_has_changed(updated, reclaimable, expected):
    assert visit(Counts(inserted=1000, updated=updated), reclaimable) == expected


def test_a_small_table_of_which_nothing_is_known_is_analyzed():
    small = Counts(inserted=5)
    assert visit(small, activity=TableActivity(), is_known=False) == Due(vacuum=False, analyze=True)
    assert not visit(small, activity=TableActivity())
    assert not visit(Counts(), activity=TableActivity(), is_known=False)


def test_storage_parameters_of_a_table_come_before_settings():
    changed = Counts(inserted=1000, updated=251)
    assert not visit(changed, 251, ("autovacuum_enabled=false",))
    assert visit(changed, 251, ("autovacuum_vacuum_threshold=100",)).vacuum is False
    assert visit(Counts(inserted=1000, updated=20), 20, ("autovacuum_vacuum_threshold=0",
                 "autovacuum_vacuum_scale_factor=0.01")).vacuum  # fmt: skip


def make_table(client, rows=300):
    client.run("CREATE TABLE t (a int PRIMARY KEY, b text)")
    client.run(f"INSERT INTO t SELECT i, 'x' FROM generate_series(1, {rows}) i")
    client.run("VACUUM ANALYZE t")
    client.run("UPDATE t SET b = 'y'")


def counters(client):
    (row,) = client.rows(
        "SELECT n_tup_ins, n_tup_upd, n_tup_del, n_dead_tup, vacuum_count, autovacuum_count, "
        "autoanalyze_count, n_mod_since_analyze FROM pg_stat_user_tables WHERE relname = 't'"
    )
    return tuple(map(int, row))


def test_autovacuum_does_what_is_due_as_a_session(client, database):
    make_table(client)
    assert counters(client) == (300, 300, 0, 300, 1, 0, 0, 300)
    ((database_oid, view, table, what),) = due_tables(database)
    sql = statement_for(view, table, what)
    assert sql == "VACUUM (ANALYZE) public.t"
    session = open_session(database, database_oid, 77, AUTOVACUUM)
    assert shown(session.handle(Query(sql)))[-2:] == [
        "CommandComplete(tag='VACUUM')",
        "ReadyForQuery(status='I')",
    ]
    session.close()
    assert counters(client) == (300, 300, 0, 0, 1, 1, 1, 0)
    assert list(due_tables(database)) == []


def verbose(client):
    replies = client.send(Query("VACUUM VERBOSE t"))
    return [item.fields for item in replies if isinstance(item, NoticeResponse)]


def test_verbose_names_the_session_whose_snapshot_holds_rows_back(clients):
    old, client = clients("old"), clients("new")
    make_table(client, rows=10)
    client.run("VACUUM t")
    old.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    old.rows("SELECT count(*) FROM t")
    client.run("UPDATE t SET b = 'z'")
    first, report = verbose(client)
    assert (first.severity, first.message) == ("INFO", 'vacuuming "postgres.public.t"')
    assert "10 are dead but not yet removable" in report.message
    assert "held by process 1 of user" in report.message
    ((pid,),) = client.rows("SELECT pid FROM pg_stat_activity WHERE backend_xmin IS NOT NULL "
                            "ORDER BY backend_xmin::text::int LIMIT 1")  # fmt: skip
    assert pid == "1"
    old.run("COMMIT")
    _, report = verbose(client)
    assert "0 are dead but not yet removable" in report.message
    assert "held by" not in report.message


def test_verbose_names_who_is_idle_in_a_transaction_that_has_written(clients):
    old, client = clients("old"), clients("new")
    make_table(client, rows=10)
    client.run("CREATE TABLE other (a int)")
    old.run("BEGIN; INSERT INTO other VALUES (1)")
    client.run("UPDATE t SET b = 'z'")
    _, report = verbose(client)
    assert "held by process 1 of user" in report.message
    assert "(idle in transaction)" in report.message


def test_verbose_names_a_prepared_transaction_that_holds_rows_back(clients, database):
    database.settings.assign("max_prepared_transactions", "2", "command line")
    old, client = clients("old"), clients("new")
    make_table(client, rows=10)
    client.run("CREATE TABLE other (a int)")
    old.run("BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION 'forgotten'")
    client.run("UPDATE t SET b = 'z'")
    _, report = verbose(client)
    assert 'held by prepared transaction "forgotten"' in report.message
    old.run("ROLLBACK PREPARED 'forgotten'")
    _, report = verbose(client)
    assert "held by" not in report.message


def test_a_cancelled_vacuum_stops(client):
    make_table(client)
    session = client.session
    steps = session.handle(Query("VACUUM t"))
    session.begin_statement("VACUUM t")
    session.cancel(QueryCanceled("canceling statement due to user request"))
    assert any("57014" in line for line in shown(steps))
    assert client.rows("SELECT count(*) FROM pg_stat_progress_vacuum") == [("0",)]


@pytest.fixture
def cooling(clock):
    """A client and its database, in which small groups may be sealed after five minutes."""
    database = make_database(MemoryFiles(), clock, replace(SMALL, sealed_rows_min=64))
    database.settings.assign("autovacuum_seal_delay", "300", "command line")
    client = Client(database)
    client.run("CREATE TABLE t (a int, b text)")
    client.run("INSERT INTO t VALUES (1, 'x')")  # what follows goes to the same group
    client.run("INSERT INTO t SELECT i, 'x' FROM generate_series(2, 64) i")
    client.run("ANALYZE t")
    yield client, database
    database.close()


def run_due(database):
    """Do what is due; the statements."""
    done = []
    for database_oid, view, table, what in list(due_tables(database)):
        done.append(statement_for(view, table, what))
        session = open_session(database, database_oid, 77, AUTOVACUUM)
        shown(session.handle(Query(done[-1])))
        session.close()
    return done


def is_sealed(database, name="t"):
    (table,) = [
        table
        for view in database.catalog.views.values()
        for table in view.objects(Table)
        if table.name == name
    ]
    return database.engine.relation(table.storage_id).groups[0].is_sealed


def test_row_groups_without_a_change_for_long_are_sealed(cooling, clock):
    client, database = cooling
    assert run_due(database) == []
    clock.advance_ms(299_000)
    assert run_due(database) == []
    clock.advance_ms(1_000)
    assert run_due(database) == ["VACUUM public.t"]
    assert is_sealed(database)
    assert client.rows("SELECT count(*), sum(a) FROM t") == [("64", "2080")]
    clock.advance_ms(1000_000)
    assert run_due(database) == []


def seal_loaded(database):
    """What autovacuum does between its rounds; the statements."""
    done = []
    for database_oid, view, table in loaded_tables(database):
        done.append(sealing_statement(view, table))
        session = open_session(database, database_oid, 78, AUTOVACUUM)
        shown(session.handle(Query(done[-1])))
        session.close()
    return done


LOADED = """
    INSERT INTO loaded VALUES (1, 'x'); INSERT INTO loaded SELECT i, 'x' FROM generate_series(2, 70000) i
"""
AT_ONCE = "INSERT INTO loaded SELECT i, 'x' FROM generate_series(1, 70000) i"


def test_what_was_loaded_is_sealed_at_once(cooling):
    client, database = cooling
    client.run("CREATE TABLE loaded (a int, b text)")
    client.run(f"BEGIN; {LOADED}")
    assert seal_loaded(database) == []  # nobody else sees it
    client.run("COMMIT; BEGIN; LOCK TABLE loaded IN SHARE MODE")
    assert seal_loaded(database) == ["VACUUM (SKIP_LOCKED) public.loaded"]
    assert not is_sealed(database, "loaded")  # a lock was in the way: it is tried again
    client.run("COMMIT")
    assert seal_loaded(database) == ["VACUUM (SKIP_LOCKED) public.loaded"]
    assert is_sealed(database, "loaded")
    assert seal_loaded(database) == []
    assert client.rows("SELECT count(*), sum(a) FROM loaded") == [("70000", "2450035000")]


@pytest.mark.parametrize("parameter", ["autovacuum_seal_delay = -1", "autovacuum_enabled = off"])
def test_a_loaded_table_can_be_left_out_of_sealing(cooling, parameter):
    client, database = cooling
    client.run(f"CREATE TABLE loaded (a int, b text) WITH ({parameter})")
    for load in (LOADED, AT_ONCE):
        client.run("TRUNCATE loaded")
        client.run(load)
        assert seal_loaded(database) == []
        client.run("VACUUM loaded")
        assert not is_sealed(database, "loaded")


def test_rows_that_fill_groups_at_once_are_sealed_as_they_come(cooling):
    client, database = cooling
    client.run("CREATE TABLE loaded (a int, b text)")
    client.run(AT_ONCE)
    assert is_sealed(database, "loaded")
    assert seal_loaded(database) == []
    assert client.rows("SELECT count(*), sum(a) FROM loaded") == [("70000", "2450035000")]


def test_a_vacuum_by_hand_seals_what_was_loaded(cooling):
    client, database = cooling
    client.run("CREATE TABLE loaded (a int, b text)")
    client.run(LOADED)
    client.run("VACUUM loaded")
    assert is_sealed(database, "loaded")


def test_tables_that_are_changed_all_the_time_are_not_sealed(cooling, clock):
    client, database = cooling
    for _ in range(10):
        clock.advance_ms(200_000)
        client.run("UPDATE t SET b = 'y' WHERE a = 5")
        run_due(database)
        assert not is_sealed(database)


@pytest.mark.parametrize("parameter", ["autovacuum_seal_delay = -1", "autovacuum_enabled = off"])
def test_a_table_can_be_left_out_of_sealing(cooling, clock, parameter):
    client, database = cooling
    client.run(f"ALTER TABLE t SET ({parameter})")
    for _ in range(3):
        assert run_due(database) == []
        clock.advance_ms(1000_000)


def test_a_vacuum_by_hand_seals_only_if_told_to(cooling, clock):
    client, database = cooling
    run_due(database)
    clock.advance_ms(1000_000)
    list(due_tables(database))
    client.run("VACUUM t")
    assert not is_sealed(database)
    client.run("SET vacuum_seal_min_age = 0")
    client.run("VACUUM t")
    assert is_sealed(database)


def test_dropped_objects_leave_nothing_in_the_catalog(database):
    client = Client(database)
    relation = database.engine.relation(CATALOG_RELATION)
    assert not database.catalog.has_dead_rows
    for _ in range(2):
        while not database.catalog.has_dead_rows:
            client.rows(
                "BEGIN; CREATE TABLE gone (a int PRIMARY KEY, b serial, c serial); DROP TABLE gone; COMMIT"
            )
            for number in range(20):
                client.rows(f"COMMENT ON SCHEMA public IS '{number}'")
        database.catalog.vacuum()
        assert not database.catalog.has_dead_rows
        used = relation.groups[0].used
    client.rows("CREATE TABLE there (a int)")
    assert relation.groups[0].used == used
    database.catalog.load()
    assert client.rows("SELECT * FROM there; COMMENT ON SCHEMA public IS 'last'") == []


def test_a_table_with_rows_that_a_crash_has_left_is_visited(database):
    client = Client(database)
    client.rows("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    client.rows("ANALYZE t")
    assert list(due_tables(database)) == []
    xid = int(client.rows("SELECT xmin FROM t")[0][0])
    database.engine.log.aborted.add(xid)
    database.engine.settled.look()
    (found,) = due_tables(database)
    assert found[2].name == "t"
    assert found[3].vacuum
