"""Plays random schedules on two servers and shows where they differ: python -m tests.isolation.compare_schedules.

A step is done, or it waits and for whom; what a step gives is its rows or its error. A session that waits gets its next
step when it has gone on. Who has waited longest is the first to look for a deadlock, on both servers.

What may differ, and why (each in one of some hundred schedules):
- A row that waits for a rival of one of its unique keys is in nobody's way by its others: keys are looked at before the
  row is there. PostgreSQL has made the entries of the indexes before.
- UPDATE of a partition key locks the partitions that its values lead to; PostgreSQL those that a row has come to.
- A deferrable unique key that an UPDATE leaves as it is is not asked again when the row gets entries in other indexes;
  and of two rows that exclude each other the one is told whose check comes first: here every new row has one.
- Two who go on at the same moment do so by chance; PostgreSQL's look for a deadlock before waiting does not know locks
  that were taken on the fast path.
"""

import argparse
import contextlib
import re
import sys
import time
from collections import deque
from dataclasses import dataclass, field

import psycopg
from psycopg import pq

from tests.isolation.schedules import Schedule, schedule
from tests.isolation.wide_schedules import wide_schedule

POLL_S = 0.002
POLLS_MAX = 10_000  # more of them: it hangs
DEADLOCK_MS = 300
AGAIN = (600, 1500)
"""Deadlock timeouts of further plays of what differs: on a busy machine who wakes up first is chance."""
BLOCKED = (
    "select pg_isolation_test_session_is_blocked(%s, %s::int[]) or 0 = any(pg_blocking_pids(%s))"
)
"""By a session of the schedule, or by a prepared transaction, whose process is told as 0."""

EXPLAINED = (
    (r"(\w+namespace\)=\(\w+, )\d+", r"\1..."),
    (r"(constraint \"\w+_fkey)\d*\"", r'\1"'),
)
"""In errors: OIDs; and the foreign keys by which PostgreSQL refers to each partition, which are none here."""


@dataclass(slots=True)
class Player:
    """One session on one server."""

    number: int
    connection: psycopg.Connection
    waiting: str = ""
    results: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """The server's process, or what it says is one."""
        return self.connection.info.backend_pid

    def begin(self, sql: str) -> None:
        """Send a statement."""
        self.results = []
        self.waiting = sql
        self.connection.pgconn.send_query(sql.encode())

    def is_done(self) -> bool:
        """Take what is there; whether that is all."""
        pgconn = self.connection.pgconn
        pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                return True
            self.results.append(shown(result))
        return False


def shown(result: pq.PGresult) -> str:
    """A result in one line; in which order changes give their rows is the plan's business."""
    if result.status == pq.ExecStatus.FATAL_ERROR:
        fields = (pq.DiagnosticField.SQLSTATE, pq.DiagnosticField.MESSAGE_PRIMARY)
        state, message = ((result.error_field(each) or b"").decode() for each in fields)
        detail = (result.error_field(pq.DiagnosticField.MESSAGE_DETAIL) or b"").decode()
        text = f"{state} {message}" + (f" / {detail}" if detail and state != "40P01" else "")
        return error_text(text)
    rows = [
        "(" + ", ".join(cell(result, row, column) for column in range(result.nfields)) + ")"
        for row in range(result.ntuples)
    ]
    tag = (result.command_status or b"").decode()
    return " ".join([tag, *(rows if tag.startswith("SELECT") else sorted(rows))])


def error_text(text: str) -> str:
    """An error without what is a server's own business."""
    for pattern, same in EXPLAINED:
        text = re.sub(pattern, same, text)
    return text


def cell(result: pq.PGresult, row: int, column: int) -> str:
    """A value as text."""
    value = result.get_value(row, column)
    return "null" if value is None else value.decode()


class Play:
    """A schedule on one server."""

    def __init__(self, dsn: str, made: Schedule, deadlock_ms: int = DEADLOCK_MS) -> None:
        self.dsn, self.made, self.deadlock_ms = dsn, made, deadlock_ms
        self.events: list[str] = []
        self.control = psycopg.connect(dsn, autocommit=True)
        self.control.execute("set client_min_messages = error")
        self._clear()
        for sql in made.setup:
            self.control.execute(sql)
        self.players = [self._player(number) for number in range(made.session_count)]
        pids = ",".join(str(player.pid) for player in [*self.players])
        self.pids = "{" + pids + "}"
        self.number_of = {player.pid: player.number for player in self.players}

    def _clear(self) -> None:
        """Nothing is left of the schedule before, and what is vacuumed is sealed by a server that seals."""
        with contextlib.suppress(psycopg.errors.UndefinedObject):
            self.control.execute("set vacuum_seal_min_age to 0")
        self._end_prepared()
        self.control.execute("drop schema if exists public cascade; create schema public")

    def _end_prepared(self) -> None:
        """What was prepared after its session's last look would keep tables from everybody."""
        left = "select gid from pg_prepared_xacts where database = current_database()"
        for (gid,) in self.control.execute(left).fetchall():
            self.control.execute(f"rollback prepared '{gid}'")

    def _player(self, number: int) -> Player:
        connection = psycopg.connect(self.dsn, autocommit=True)
        connection.execute("set client_min_messages = error")
        connection.execute(f"set deadlock_timeout = {self.deadlock_ms}")
        connection.execute("set timezone = 'UTC'")
        return Player(number, connection)

    def run(self) -> list[str]:
        """What happened."""
        left = deque(self.made.steps)
        while left:
            step = self._next(left)
            if step is None:
                self._settle(until_moved=True)
                continue
            number, sql = step
            player = self.players[number]
            player.begin(sql)
            self._first_look(player)
            self._settle()
        while any(player.waiting for player in self.players):
            self._settle(until_moved=True)
        for player in self.players:
            player.connection.close()
        self._end_prepared()
        self._final()
        self.control.close()
        return self.events

    def _next(self, left: deque[tuple[int, str]]) -> tuple[int, str] | None:
        """The first step of a session that is not waiting."""
        for step in left:
            if not self.players[step[0]].waiting:
                left.remove(step)
                return step
        return None

    def _first_look(self, player: Player) -> None:
        sql = player.waiting
        if self._is_done_or_blocked(player):
            player.waiting = ""
            self.events.append(f"{player.number}: {sql} -> {' | '.join(player.results)}")
        else:
            self.events.append(f"{player.number}: {sql} -> waits for {self._blockers(player)}")

    def _settle(self, *, until_moved: bool = False) -> None:
        """Let everybody go on who can; who goes on in which order is chance, if several do."""
        gone_on: list[str] = []
        for _ in range(POLLS_MAX):
            moved = []
            for player in self.players:
                if player.waiting and self._is_done_or_blocked(player):
                    moved.append(f"{player.number}: ... -> {' | '.join(player.results)}")
                    player.waiting = ""
            gone_on += moved
            if not moved and not (until_moved and not gone_on):
                self.events += sorted(gone_on)
                return
            time.sleep(POLL_S)
        raise TimeoutError([player.waiting for player in self.players])

    def _is_done_or_blocked(self, player: Player) -> bool:
        """Wait for one of the two; whether it is done."""
        for _ in range(POLLS_MAX):
            if player.is_done():
                return True
            if self._is_blocked(player) and not player.is_done():
                return False
            time.sleep(POLL_S)
        raise TimeoutError(player.waiting)

    def _is_blocked(self, player: Player) -> bool:
        row = self.control.execute(BLOCKED, (player.pid, self.pids, player.pid)).fetchone()
        return bool(row[0])

    def _blockers(self, player: Player) -> list[int]:
        row = self.control.execute("select pg_blocking_pids(%s)", (player.pid,)).fetchone()
        return sorted({self.number_of.get(pid, -1) for pid in row[0]})

    def _final(self) -> None:
        for table in self.made.shown:
            rows = self.control.execute(f"select * from {table} order by {table}::text").fetchall()
            self.events.append(f"{table}: {rows}")


def played(dsn: str, made: Schedule, deadlock_ms: int) -> list[str]:
    """What a server does with a schedule; a failure of ours is part of it."""
    try:
        return Play(dsn, made, deadlock_ms).run()
    except (TimeoutError, psycopg.Error) as error:
        return [f"{type(error).__name__}: {error}"]


def difference(ours: list[str], theirs: list[str]) -> str:
    """The first difference with what went before; empty: none."""
    if ours == theirs:
        return ""
    same = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    lines = [f"    {event}" for event in theirs[:same]]
    lines += [f"  we {event}" for event in ours[same : same + 1]]
    lines += [f"  PG {event}" for event in theirs[same : same + 1]]
    return "\n".join(lines)


def compared(dsn: str, oracle: str, made: Schedule) -> tuple[str, bool]:
    """The difference that there is in every play of a schedule, and whether there was one in the first."""
    found, differed = "", False
    for deadlock_ms in (DEADLOCK_MS, *AGAIN):
        ours, theirs = (played(each, made, deadlock_ms) for each in (dsn, oracle))
        found = difference(ours, theirs)
        if not found:
            break
        differed = True
    return found, differed


def seeds(text: str) -> list[int]:
    """FIRST:STOP, or numbers with commas."""
    if ":" not in text:
        return [int(each) for each in text.split(",")]
    first, stop = (int(each) for each in text.split(":"))
    return list(range(first, stop))


def main() -> int:
    """Run the seeds asked for; the number of schedules that differ is the exit code's reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="0:100", help="FIRST:STOP, or numbers with commas")
    parser.add_argument("--progress", action="store_true", help="say each seed on stderr")
    parser.add_argument("--wide", action="store_true", help="schedules by theme")
    parser.add_argument("--shown", type=int, default=10)
    arguments = parser.parse_args()
    different: list[int] = []
    unsteady = 0
    asked = seeds(arguments.seeds)
    for seed in asked:
        made = (wide_schedule if arguments.wide else schedule)(seed)
        if arguments.progress:
            sys.stderr.write(f"{seed}\n")
        found, differed = compared(arguments.dsn, arguments.oracle, made)
        unsteady += differed and not found
        if found:
            different.append(seed)
            if len(different) <= arguments.shown:
                setup = "\n".join(f"    {sql}" for sql in made.setup)
                sys.stdout.write(f"seed {seed}\n{setup}\n{found}\n\n")
                sys.stdout.flush()
    sys.stdout.write(f"schedules {len(asked)} different {len(different)}: {different}")
    sys.stdout.write(f", {unsteady} not in every play\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
