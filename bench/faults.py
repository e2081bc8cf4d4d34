"""Faults for the real process: failing calls, a full disk, flipped bytes, a stopped process, killed clients.

Each is a function of an empty folder that gives what was wrong, or nothing. Those that fail need strace, the
full disk needs to mount a tmpfs; what is not there is left out, and said.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psycopg

from bench.killed_clients import killed_in_each_phase
from bench.servers import Server, free_port, start_rustydb, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1 << 20
DISK_BYTES, LARGER_DISK_BYTES = 96 * MIB, 192 * MIB
ENDS_SECONDS_MAX = 20
NEED_ROOM = (
    "CREATE INDEX ON t (a, b)",
    "CREATE TABLE copied AS SELECT * FROM t",
    "CREATE UNLOGGED TABLE copied AS SELECT * FROM t",
    "CREATE TEMP TABLE copied AS SELECT * FROM t",
    "CREATE MATERIALIZED VIEW seen AS SELECT * FROM t",
    "BEGIN; UPDATE t SET b = repeat('y', 500); ROLLBACK",
    "BEGIN; SAVEPOINT s; UPDATE t SET b = repeat('y', 500); ROLLBACK TO s; ROLLBACK",
    "BEGIN; ALTER TABLE t ALTER a TYPE bigint; ROLLBACK",
    "CREATE DATABASE other",
    "CHECKPOINT",
    "VACUUM FULL t",
)
"""Statements that a full disk may refuse, and that change no row."""
MARK = "a value that is to be found in the file by its bytes"


def failing_log(home: Path) -> str:
    """A synchronous write of WAL that fails ends the server; what it had acknowledged is there after a restart."""
    return _failing_call(home, "pwritev2")


def failing_sync(home: Path) -> str:
    """The same with fdatasync, which checkpoints use."""
    return _failing_call(home, "fdatasync")


def sync_without_room(home: Path) -> str:
    """The same where it finds no room: that is an error like any other."""
    return _failing_call(home, "fdatasync", "ENOSPC")


def failing_write(home: Path) -> str:
    """The same with pwrite, by which pages are written back."""
    return _failing_call(home, "pwrite64")


def _failing_call(home: Path, call: str, error: str = "EIO") -> str:
    if shutil.which("strace") is None:
        return "left out: no strace"
    server = _started(home)
    acknowledged = 0
    with server.connect() as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY)")
        tracer = subprocess.Popen(
            ["strace", "-f", "-q", "-o", "/dev/null", "-p", str(server.process.pid), "-e", f"trace={call}",
             "-e", f"inject={call}:error={error}:when=3+"],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(1)
        try:
            for number in range(1, 2_000):
                connection.execute("INSERT INTO t VALUES (%s)", (number,))
                acknowledged = number
                if number % 100 == 0:
                    connection.execute("CHECKPOINT")
        except psycopg.Error:
            pass
        else:
            return f"{call} failed and nobody noticed"
    try:
        code = server.process.wait(ENDS_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        server.kill()
        return f"the server lives on after {call} failed"
    finally:
        tracer.terminate()
        tracer.wait()
    server.process = start_rustydb(server.directory, server.port).process
    wait_until_ready(server)
    with server.connect() as connection:
        found = connection.execute("SELECT count(*), max(a) FROM t").fetchone()
    server.stop()
    assert found is not None
    count, highest = found
    if code == 0 or count != highest or count not in (acknowledged, acknowledged + 1):
        return f"exit code {code}, {acknowledged} acknowledged, {count} there"
    return ""


def full_disk(home: Path) -> str:
    """A full file system gives 53100, reads go on, and writes do when there is room."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0755", "tmpfs", str(home)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        return "left out: cannot mount a tmpfs"
    try:
        return _full_disk(home)
    finally:
        subprocess.run(["umount", "-l", str(home)], check=False)


def _full_disk(home: Path) -> str:
    server = _started(home, "max_wal_size=32MB")
    try:
        with server.connect() as connection:
            connection.execute("CREATE TABLE t (a int, b text)")
            state, count = _fill(connection)
            if state != "53100":
                return f"SQLSTATE {state}, not 53100"
            found = connection.execute("SELECT count(*), sum(length(b)) FROM t").fetchone()
            if found != (count, count * 500):
                return f"{count} rows acknowledged, {found} read on the full disk"
            if wrong := _others(connection, count):
                return wrong
            larger = f"remount,size={LARGER_DISK_BYTES}"
            subprocess.run(["mount", "-o", larger, str(home)], check=True)
            return _resumes(connection, count)
    finally:
        server.stop()


def _fill(connection: psycopg.Connection[tuple[object, ...]]) -> tuple[str | None, int]:
    """Insert until there is no room: the SQLSTATE, and how many rows were acknowledged."""
    count = 0
    try:
        while count < DISK_BYTES // 500:
            connection.execute(
                "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 1000) i"
            )
            count += 1000
    except psycopg.Error as error:
        return error.sqlstate, count
    return None, count


def _others(connection: psycopg.Connection[tuple[object, ...]], count: int) -> str:
    """What other statements that need room say while there is none, and that none of them harms the rows."""
    for statement in NEED_ROOM:
        try:
            connection.execute(statement)
        except psycopg.Error as error:
            if error.sqlstate != "53100":
                return f"{statement}: {error.sqlstate} {error}"
            connection.execute("ROLLBACK")
        found = connection.execute("SELECT count(*), sum(length(b)) FROM t").fetchone()
        if found != (count, count * 500):
            return f"{found} after {statement}"
    return ""


def _resumes(connection: psycopg.Connection[tuple[object, ...]], count: int) -> str:
    deadline = time.monotonic() + ENDS_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            connection.execute("INSERT INTO t VALUES (1, repeat('x', 500))")
        except psycopg.errors.DiskFull:
            time.sleep(0.2)
            continue
        found = connection.execute("SELECT count(*) FROM t").fetchone()
        return "" if found == (count + 1,) else f"{found} rows, not {count + 1}"
    return "writes do not resume"


def flipped_page(home: Path) -> str:
    """A flipped byte in a table's page gives XX001 with file and page; other tables are served."""
    server = _started(home)
    with server.connect() as connection:
        connection.execute(f"CREATE TABLE bad AS SELECT '{MARK}'::text AS b")
        connection.execute("CREATE TABLE good AS SELECT generate_series(1, 1000) AS a")
    server.stop()
    (path,) = sorted((server.directory / "pages").iterdir())[:1]
    _flip(path, path.read_bytes().index(MARK.encode()))
    server.process = start_rustydb(server.directory, server.port).process
    wait_until_ready(server)
    try:
        with server.connect() as connection:
            try:
                connection.execute("SELECT * FROM bad")
            except psycopg.Error as error:
                if (
                    error.sqlstate != "XX001"
                    or "page" not in str(error)
                    or path.name not in str(error)
                ):
                    return f"{error.sqlstate}: {error}"
            else:
                return "a wrong page was read"
            found = connection.execute("SELECT sum(a) FROM good").fetchone()
            return "" if found == (500500,) else f"the other table says {found}"
    finally:
        server.stop()


def flipped_wal(home: Path) -> str:
    """A flipped byte in WAL known to be durable stops the start with one line, and nothing is changed."""
    server = _started(home)
    with server.connect() as connection:
        connection.execute("CREATE TABLE t (b text)")
        for _ in range(50):
            connection.execute(f"INSERT INTO t VALUES ('{MARK}')")
    server.kill()
    (path,) = sorted((server.directory / "wal").glob("0*"))[:1]
    place = path.read_bytes().index(MARK.encode())
    _flip(path, place)
    before = path.read_bytes()
    refused = start_rustydb(server.directory, server.port).process
    try:
        code = refused.wait(ENDS_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        refused.kill()
        return "the server starts over damaged WAL"
    last = server.directory.with_name(server.directory.name + ".log").read_text().splitlines()[-1]
    if code == 0 or "rustydb:" not in last or path.name not in last:
        return f"exit code {code}: {last}"
    if path.read_bytes() != before:
        return "the damaged WAL was changed"
    _flip(path, place)
    server.process = start_rustydb(server.directory, server.port).process
    wait_until_ready(server)
    with server.connect() as connection:
        found = connection.execute("SELECT count(*) FROM t").fetchone()
    server.stop()
    return "" if found == (50,) else f"{found} rows after the byte was mended, not 50"


def stopped(home: Path) -> str:
    """SIGSTOP in the middle of commits, then SIGCONT: clients wait and go on."""
    server = _started(home)
    with server.connect() as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY)")
        for number in range(200):
            if number % 50 == 10:
                server.process.send_signal(signal.SIGSTOP)
                resume = subprocess.Popen(
                    ["sh", "-c", f"sleep 0.3; kill -CONT {server.process.pid}"]
                )
            connection.execute("INSERT INTO t VALUES (%s)", (number,))
        resume.wait()
        found = connection.execute("SELECT count(*) FROM t").fetchone()
    server.stop()
    return "" if found == (200,) else f"{found} rows, not 200"


def killed_clients(home: Path) -> str:
    """Clients that are killed leave no sessions, no locks and no rows."""
    server = _started(home)
    try:
        return killed_in_each_phase(server)
    finally:
        server.stop()


def unlogged(home: Path) -> str:
    """Unlogged tables are empty after a kill and the same after a stop; others stay."""
    server = _started(home)
    with server.connect() as connection:
        connection.execute("CREATE TABLE logged AS SELECT generate_series(1, 1000) a")
        connection.execute("CREATE UNLOGGED TABLE lost (a int PRIMARY KEY)")
    problems = []
    for ends, wanted in ((server.stop, 100_000), (server.kill, 0)):
        with server.connect() as connection:
            connection.execute("TRUNCATE lost")
            connection.execute("INSERT INTO lost SELECT generate_series(1, 100000)")
        ends()
        server.start_again()
        with server.connect() as connection:
            found = connection.execute(
                "SELECT (SELECT count(*) FROM lost), (SELECT count(*) FROM logged)"
            ).fetchone()
            if found != (wanted, 1000):
                problems.append(f"{ends.__name__}: {found}, not {(wanted, 1000)}")
    server.stop()
    return ", ".join(problems)


FAULTS: tuple[Callable[[Path], str], ...] = (
    failing_log,
    failing_sync,
    sync_without_room,
    failing_write,
    full_disk,
    flipped_page,
    flipped_wal,
    stopped,
    killed_clients,
    unlogged,
)


def run_all(home: Path) -> Iterator[tuple[str, str]]:
    """Every fault in a folder of its own: its name and what was wrong."""
    for fault in FAULTS:
        folder = home / fault.__name__
        folder.mkdir()
        yield fault.__name__.replace("_", " "), fault(folder)


def _started(home: Path, *settings: str) -> Server:
    server = start_rustydb(home / "data", free_port(), *settings)
    wait_until_ready(server)
    return server


def _flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x40]))
