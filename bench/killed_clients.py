"""Clients that are killed in the middle of something: nothing of theirs stays behind but what was promised to stay.

Each phase is a program that says when it is where it should be; it is killed there, as a machine that dies does it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.servers import Server

CONNECT = """
import sys, time, psycopg
connection = psycopg.connect(sys.argv[1], autocommit=True)
def here():
    sys.stdout.write("x")
    sys.stdout.flush()
run = connection.execute
"""
STAY = "here(); time.sleep(60)"
PHASES = {
    "COPY FROM": f"""
with connection.cursor().copy("COPY t FROM STDIN") as copy:
    copy.write("5001\\tq\\n"); {STAY}""",
    "COPY TO": f"""
with connection.cursor().copy("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000000)) TO STDOUT") as copy:
    next(iter(copy)); {STAY}""",
    "half a message": f"""
import os
os.write(connection.pgconn.socket, b"Q\\0\\0\\1\\0SELECT 1"); {STAY}""",
    "rows changed": f"run('BEGIN'); run('UPDATE t SET b = 1 WHERE a = 2'); {STAY}",
    "open cursor": f"""
run('BEGIN'); run('DECLARE x CURSOR FOR SELECT * FROM t FOR UPDATE'); run('FETCH 5 FROM x'); {STAY}""",
    "advisory lock": f"run('SELECT pg_advisory_lock(7)'); {STAY}",
    "temporary table": f"run('CREATE TEMP TABLE mine AS SELECT * FROM t'); {STAY}",
    "asleep": "here(); run('BEGIN; LOCK TABLE t; SELECT pg_sleep(1000)')",
    "long query": """
run("BEGIN; LOCK TABLE t"); here()
run("SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 1000) b WHERE a % 7 = b % 5")""",
    "PL/pgSQL": "here(); run('DO $$BEGIN LOCK TABLE t; LOOP PERFORM 1; END LOOP; END$$')",
    "CREATE INDEX": "here(); run('BEGIN; CREATE INDEX ON t (b); SELECT pg_sleep(1000)')",
    "much rolled back": f"run('BEGIN'); run('INSERT INTO t SELECT g FROM generate_series(10000, 60000) g'); {STAY}",
}
"""What a client does until it is killed."""
GONE_SECONDS_MAX = 20
LEFT = """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
           (SELECT count(*) FROM pg_locks WHERE pid IS DISTINCT FROM pg_backend_pid())
"""


def killed_in_each_phase(server: Server) -> str:
    """What was wrong, or nothing."""
    with server.connect() as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
        connection.execute("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 1000) g")
        before = connection.execute("SELECT * FROM t ORDER BY a").fetchall()
        for name, program in PHASES.items():
            _kill_in(server, program)
            deadline = time.monotonic() + GONE_SECONDS_MAX
            while (left := connection.execute(LEFT).fetchone()) != (0, 0):
                if time.monotonic() > deadline:
                    return f"{name}: sessions and locks {left} are left"
                time.sleep(0.05)
            connection.execute("BEGIN; LOCK TABLE t; ROLLBACK")
            if connection.execute("SELECT * FROM t ORDER BY a").fetchall() != before:
                return f"{name}: rows have changed"
    return ""


def _kill_in(server: Server, program: str) -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CONNECT + program, server.dsn],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert client.stdout is not None
    client.stdout.read(1)
    time.sleep(0.3)
    client.kill()
    client.wait()
