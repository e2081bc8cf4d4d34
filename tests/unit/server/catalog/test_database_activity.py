"""What pg_stat_database counts."""

from dataclasses import dataclass

from server.catalog.database_activity import DatabaseActivity
from storage.engine import Counts, ScanCounts


@dataclass
class OneSession:
    """What a session counts."""

    started_us: int = 0
    commit_count: int = 0
    rollback_count: int = 0


def test_sessions_that_have_ended_stay_counted():
    activity = DatabaseActivity()
    first, second = OneSession(), OneSession(started_us=10)
    activity.opened(1, first)
    activity.opened(2, second)
    first.commit_count, second.rollback_count = 3, 2
    activity.closed(1, 50)
    activity.closed(1, 50)
    assert activity.shown(60) == {
        "sessions": 2,
        "xact_commit": 3,
        "xact_rollback": 2,
        "session_time": 100,
    }


def test_rows_of_a_table_that_is_gone_stay_counted():
    activity = DatabaseActivity()
    activity.look_at([(1, Counts(inserted=5)), (2, Counts(deleted=1))])
    activity.look_at([(2, Counts(deleted=2)), (3, Counts(inserted=1, updated=4))])
    activity.look_at([(3, Counts(inserted=1, updated=4))])
    assert activity.shown(0) == {"tup_inserted": 6, "tup_updated": 4, "tup_deleted": 2}


def test_a_reset_counts_from_then_on():
    activity = DatabaseActivity()
    session = OneSession(commit_count=7)
    activity.opened(1, session)
    activity.deadlocked()
    activity.wrote_file(100)
    activity.reset(20)
    session.commit_count += 2
    assert activity.shown(25) == {"xact_commit": 2, "session_time": 5}
    assert activity.reset_us == 20


def ends(client):
    activity = client.session.activity
    return activity.commit_count, activity.rollback_count


def test_a_session_counts_how_its_transactions_end(client):
    client.run("create table t (id int primary key)")
    before = ends(client)
    client.run("insert into t values (1)")
    client.run("insert into t values (1)")  # fails
    client.run("begin; insert into t values (2)")
    client.run("rollback")
    client.run("begin")
    client.run("select 1 / 0")
    client.run("commit")
    client.run("begin; savepoint s; select 1 / 0")
    client.run("rollback to s; commit")
    client.run("select 1; select 2")
    client.run("do $$ begin for i in 3..5 loop insert into t values (i); commit; end loop; end $$")
    assert ends(client) == (before[0] + 1 + 1 + 1 + 4, before[1] + 3)


def test_rows_are_counted_once_they_are_dropped(client):
    sql = "select tup_inserted, tup_updated, tup_deleted from pg_stat_database where datname = current_database()"
    first = client.rows(sql)
    client.run("create table t as select generate_series(1, 10) as id")
    client.run("update t set id = 0 where id < 4")
    client.run("delete from t where id = 9")
    counted = client.rows(sql)
    client.run("drop table t")
    assert client.rows(sql) == counted
    differences = [int(now) - int(then) for now, then in zip(counted[0], first[0], strict=True)]
    assert differences == [10, 3, 1]
    client.run("select pg_stat_reset()")
    assert client.rows(sql) == [("0", "0", "0")]


def test_what_was_read_of_an_index_that_is_gone_stays_counted():
    activity, counts = DatabaseActivity(), ScanCounts()
    counts.add(1, 5, 3)
    activity.look_at([], [(7, counts)])
    counts.add(1, 1, 1)
    activity.look_at([], [(7, counts)])
    activity.look_at([])
    assert activity.shown(0) == {"tup_returned": 6, "tup_fetched": 4}
