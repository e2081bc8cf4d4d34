"""Lock soak: sessions that wait for each other for long, to see that nobody is forgotten.

python -m bench.lock_soak --seconds 600

Workers run short transactions that take row, table and advisory locks, unique keys and foreign keys in any order, with
savepoints, timeouts and cancel requests. Nobody sleeps while holding a lock, and deadlocks are found: so a statement
that takes SECONDS_MAX longer than the slowest commit of a session that waits for nobody was not woken: a disk that
stands still holds up both. In the end nobody may hold or wait for anything.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psycopg

from bench.servers import rustydb

if TYPE_CHECKING:
    from bench.servers import Server

SECONDS_MAX: Final = 20.0
PULSE_SECONDS: Final = 0.1
KEYS: Final = 6
EXPECTED: Final = ("40001", "40P01", "55P03", "57014", "23505", "23503")
SETUP: Final = (
    "create table parent(id int primary key, n int not null default 0)",
    "create table child(id int primary key, parent int references parent deferrable)",
    "create table quiet(id int)",
    "create table pulse(n int)",
    f"insert into parent select i from generate_series(1, {KEYS}) i",
)
STATEMENTS: Final = (
    "update parent set n = n + 1 where id = {key}",
    "update parent set n = n + 1 where id = {key}",
    "update parent set n = n + 1 where id in ({key}, {other})",
    "select * from parent where id = {key} for update",
    "select * from parent where id = {key} for share",
    "select * from parent where id = {key} for key share",
    "select * from parent where id = {key} for no key update skip locked",
    "select * from parent where id = {key} for update nowait",
    "insert into child values ({key}, {other})",
    "insert into child values ({key}, {other}) on conflict (id) do update set parent = {key}",
    "delete from child where id = {key}",
    "lock table quiet in {mode} mode",
    "lock table quiet in {mode} mode nowait",
    "select pg_advisory_xact_lock({key})",
    "select pg_advisory_xact_lock_shared({key})",
    "savepoint s",
    "rollback to s",
)
MODES: Final = (
    "access share",
    "row exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)
SETTINGS: Final = (
    "set lock_timeout = 0",
    "set lock_timeout = 0",
    "set lock_timeout = '5ms'",
    "set statement_timeout = '20ms'",
)
LEFT: Final = "select count(*) from pg_locks where not granted or locktype in ('tuple', 'advisory')"


@dataclass(slots=True)
class Found:
    """What the workers have seen."""

    statement_count: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    longest: str = ""


class Worker:
    """One session: random transactions until the time is over."""

    def __init__(self, server: Server, seed: int, end: float) -> None:
        self.found = Found()
        self._random = random.Random(seed)
        self._end = end
        self._connection = server.connect()
        self._connection.execute("set deadlock_timeout = '50ms'")

    def run(self) -> None:
        """Work."""
        while time.monotonic() < self._end:
            self._transaction()
        self._connection.close()

    def _transaction(self) -> None:
        pick = self._random.choice
        self._say("set statement_timeout = 0")
        self._say(pick(SETTINGS))
        self._say(f"begin isolation level {pick(('read committed', 'repeatable read'))}")
        for _ in range(self._random.randint(1, 5)):
            sql = pick(STATEMENTS).format(
                key=self._random.randint(1, KEYS),
                other=self._random.randint(1, KEYS),
                mode=pick(MODES),
            )
            if not self._say(sql):
                break
        self._say(pick(("commit", "commit", "rollback")))

    def _say(self, sql: str) -> bool:
        """Run a statement; whether it went well."""
        started = time.monotonic()
        state = ""
        try:
            self._connection.execute(sql.encode())
        except psycopg.Error as error:
            state = error.sqlstate or "lost"
            if state not in EXPECTED and not sql.startswith("rollback to"):
                self.found.errors[f"{state} {sql}"] += 1
            self.found.errors[state] += 1
        took_s = time.monotonic() - started
        self.found.statement_count += 1
        if took_s > self.found.longest_s:
            self.found.longest_s, self.found.longest = took_s, sql
        return not state


class Pulse:
    """A session that commits now and then and waits for nobody: how slow the machine has been at worst."""

    def __init__(self, server: Server, end: float) -> None:
        self.longest_s = 0.0
        self._end = end
        self._connection = server.connect()

    def run(self) -> None:
        """Commit until the time is over."""
        while time.monotonic() < self._end:
            started = time.monotonic()
            self._connection.execute("insert into pulse values (1)")
            self.longest_s = max(self.longest_s, time.monotonic() - started)
            time.sleep(PULSE_SECONDS)
        self._connection.close()


def main() -> int:
    """Run the workers; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--workers", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with rustydb() as server:
        with server.connect() as connection:
            for sql in SETUP:
                connection.execute(sql.encode())
        end = time.monotonic() + chosen.seconds
        workers = [Worker(server, chosen.seed + n, end) for n in range(chosen.workers)]
        pulse = Pulse(server, end)
        runs = [*(worker.run for worker in workers), pulse.run]
        threads = [threading.Thread(target=run, daemon=True) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end + SECONDS_MAX + pulse.longest_s - time.monotonic()))
        hung = sum(thread.is_alive() for thread in threads)
        with server.connect() as connection:
            left = connection.execute(LEFT.encode()).fetchone()
    left_count = 0 if left is None else int(str(left[0]))
    return report([worker.found for worker in workers], hung, left_count, pulse.longest_s)


def report(found: list[Found], hung: int, left: int, pulse_s: float) -> int:
    """Say what was found; gives the exit code."""
    errors: Counter[str] = sum((each.errors for each in found), Counter())
    odd = {name: count for name, count in errors.items() if " " in name}
    longest = max(found, key=lambda each: each.longest_s)
    passed = not hung and not left and not odd and longest.longest_s < SECONDS_MAX + pulse_s
    sys.stdout.write(
        f"{'passed' if passed else 'FAILED'}: {sum(each.statement_count for each in found)} statements, "
        f"{dict(errors)}, longest {longest.longest_s:.2f} s ({longest.longest}), "
        f"slowest commit of who waits for nobody {pulse_s:.2f} s, {hung} hung, {left} locks left\n"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
