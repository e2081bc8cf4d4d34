"""Ctrl-C in psql: whatever the statement does - sleep, compute, wait for a lock - it ends."""

import shutil
import signal
import subprocess
import threading

import psycopg
import pytest

from tests.support.waiting import until

PSQL = shutil.which("psql")
STATEMENTS = (
    "select pg_sleep(60)",
    "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where a < b",
    "lock table contended",
)


def wait_until_active(connection, sql):
    """Wait until another session runs the statement."""
    query = "select count(*) from pg_stat_activity where state = 'active' and query like %s"
    until(lambda: connection.execute(query, (f"{sql}%",)).fetchone()[0], lambda: sql)


@pytest.mark.skipif(PSQL is None, reason="psql is not installed")
@pytest.mark.parametrize("sql", STATEMENTS)
def test_interrupt_ends_the_statement(server, sql):
    with server.connect(autocommit=True) as holder:
        holder.execute("create table if not exists contended(a int)")
        holder.execute("begin; lock table contended")
        with subprocess.Popen(
            [PSQL, "-X", "-At", "-d", server.dsn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            process.stdin.write(f"begin;\n{sql};\n")
            process.stdin.flush()
            wait_until_active(holder, sql)
            process.send_signal(signal.SIGINT)
            # The measured time is a few milliseconds; the test only wants it to end.
            _, errors = process.communicate(timeout=20)
        holder.execute("rollback")
        holder.execute("drop table contended")
    assert "canceling statement due to user request" in errors


@pytest.mark.parametrize(
    ("setting", "block", "sqlstate"),
    [
        ("idle_session_timeout", "", "57P05"),
        ("idle_in_transaction_session_timeout", "begin; select 1", "25P03"),
    ],
)
def test_a_client_that_says_nothing_for_too_long_is_told_so(server, setting, block, sqlstate):
    with server.connect(autocommit=True) as silent, server.connect(autocommit=True) as other:
        pid = silent.info.backend_pid
        silent.execute(f"set {setting} = 50; {block}")
        query = "select from pg_stat_activity where pid = %s"
        until(lambda: not other.execute(query, (pid,)).fetchall())
        with pytest.raises(psycopg.Error) as failure:
            silent.execute("select 1")
    assert failure.value.sqlstate == sqlstate


def test_notices_are_told_while_the_statement_runs(server):
    """What a body raises is there before it waits for anything, or has gone on for long."""
    with server.connect(autocommit=True) as holder, server.connect(autocommit=True) as other:
        told = threading.Semaphore(0)
        other.add_notice_handler(lambda diagnostic: told.release())
        holder.execute("select pg_advisory_lock(56)")
        body = "raise notice 'one'; raise notice 'two'; perform pg_advisory_xact_lock(56)"
        runner = threading.Thread(target=other.execute, args=(f"do $$ begin {body}; end $$",))
        runner.start()
        try:
            assert told.acquire(timeout=10)
            assert told.acquire(timeout=10)
        finally:
            holder.execute("select pg_advisory_unlock(56)")
            runner.join()
