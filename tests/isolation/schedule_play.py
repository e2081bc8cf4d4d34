"""A schedule played on one server: what happened, as a list of events.

A step is done, or it waits and for whom; what a step gives is its rows or its error. A session that waits gets its next
step when it has gone on, and nobody gets one while sessions wait for each other in a circle: who of them is told of the
deadlock comes first.
"""

import contextlib
import re
import select
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import pq

from tests.isolation.schedules import Schedule

POLL_S = 0.002
POLLS_MAX = 10_000  # more of them: it hangs
BLOCKED = (
    "select pg_isolation_test_session_is_blocked(%s, %s::int[]) or 0 = any(pg_blocking_pids(%s))"
)
"""By a session of the schedule, or by a prepared transaction, whose process is told as 0."""
BLOCKERS = "select pid, pg_blocking_pids(pid) from unnest(%s::int[]) pid"
STRANGER = -1
"""In the place of a session's number: who is none of the schedule's."""
READY = (
    "set client_min_messages = error; set timezone = 'UTC'; set max_parallel_workers_per_gather = 0"
)
FRESH = "drop schema if exists public cascade; create schema public"
ALONE = ("vacuum",)
"""What setup cannot do in one transaction with the rest."""

SAME = (
    (r"(\w+namespace\)=\(\w+, )\d+", r"\1..."),
    (r"(constraint \"\w+_fkey)\d*\"", r'\1"'),
)
"""In errors: OIDs; and the foreign keys by which PostgreSQL refers to each partition, which are none here."""


Waiting = tuple[tuple[int, str, tuple[int, ...]], ...]
"""Sessions, with what they wait and for whom."""


@dataclass(frozen=True, slots=True)
class Event:
    """A step that was done or waits, a session that went on with it, or what a table holds in the end.

    session: whose; -1: a table's. waits: for whom; waiting: who waited before it.
    """

    session: int
    sql: str
    outcome: str = ""
    waits: tuple[int, ...] = ()
    has_waited: bool = False
    waiting: Waiting = field(default=(), compare=False)

    def __str__(self) -> str:
        if self.session < 0:
            return f"{self.sql}: {self.outcome}"
        if self.waits:
            return f"{self.session}: {self.sql} -> waits for {list(self.waits)}"
        return f"{self.session}: {'...' if self.has_waited else self.sql} -> {self.outcome}"


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

    def is_done(self, within_s: float = 0) -> bool:
        """Take what is there, or comes within so long; whether that is all."""
        pgconn = self.connection.pgconn
        if within_s:
            select.select([pgconn.socket], [], [], within_s)
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
    for pattern, same in SAME:
        text = re.sub(pattern, same, text)
    return text


def cell(result: pq.PGresult, row: int, column: int) -> str:
    """A value as text."""
    value = result.get_value(row, column)
    return "null" if value is None else value.decode()


def has_circle(waits: Mapping[int, tuple[int, ...]]) -> bool:
    """Whether some who wait do so for each other."""
    left = dict(waits)
    while left:
        free = [each for each, others in left.items() if not left.keys() & set(others)]
        if not free:
            return True
        for each in free:
            del left[each]
    return False


class Stage:
    """A database of one server that schedules are played in, one after the other, by the same connections."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.control = self._connected()
        self._connections: list[psycopg.Connection] = []

    def close(self) -> None:
        """Give up all connections."""
        for each in (self.control, *self._connections):
            each.close()

    def _connected(self) -> psycopg.Connection:
        connection = psycopg.connect(self._dsn, autocommit=True)
        connection.execute(READY)
        return connection

    def connections(self, count: int, deadlock_ms: int) -> list[psycopg.Connection]:
        """So many, as if they were new."""
        while len(self._connections) < count:
            self._connections.append(self._connected())
        for each in self._connections:
            each.execute("discard all")
            each.execute(f"{READY}; set deadlock_timeout = {deadlock_ms}")
        return self._connections[:count]

    def set_up(self, made: Schedule) -> None:
        """The tables of a schedule and nothing else; what is vacuumed is sealed by a server that seals."""
        with contextlib.suppress(psycopg.errors.UndefinedObject):
            self.control.execute("set vacuum_seal_min_age to 0")
        self.end_prepared()
        self.control.execute(FRESH)
        self.control.execute("; ".join(sql for sql in made.setup if not sql.startswith(ALONE)))
        for sql in made.setup:
            if sql.startswith(ALONE):
                self.control.execute(sql)

    def end_prepared(self) -> None:
        """What was prepared after its session's last look would keep tables from everybody."""
        left = "select gid from pg_prepared_xacts where database = current_database()"
        for (gid,) in self.control.execute(left).fetchall():
            self.control.execute(f"rollback prepared '{gid}'")


class Play:
    """A schedule on one server."""

    def __init__(self, stage: Stage, made: Schedule, deadlock_ms: int) -> None:
        self.made, self.deadlock_ms = made, deadlock_ms
        self.events: list[Event] = []
        self.stage, self.control = stage, stage.control
        connections = stage.connections(made.session_count, deadlock_ms)
        stage.set_up(made)
        self.players = [Player(number, each) for number, each in enumerate(connections)]
        self.pids = "{" + ",".join(str(player.pid) for player in self.players) + "}"
        self.number_of = {player.pid: player.number for player in self.players}

    def run(self) -> list[Event]:
        """What happened."""
        left = deque(self.made.steps)
        while left:
            step, waiting = self._next(left), self._waiting()
            if step is None:
                self._settle(waiting, until_moved=True)
                continue
            number, sql = step
            player = self.players[number]
            player.begin(sql)
            self._first_look(player, waiting)
            self._settle(waiting)
        while any(player.waiting for player in self.players):
            self._settle(self._waiting(), until_moved=True)
        self.stage.end_prepared()
        self.events += self._final()
        return self.events

    def _next(self, left: deque[tuple[int, str]]) -> tuple[int, str] | None:
        """The first step of a session that is not waiting."""
        for step in left:
            if not self.players[step[0]].waiting:
                left.remove(step)
                return step
        return None

    def _first_look(self, player: Player, waiting: Waiting) -> None:
        sql = player.waiting
        if self._is_done_or_blocked(player):
            player.waiting = ""
            event = Event(player.number, sql, " | ".join(player.results), waiting=waiting)
        else:
            waits = self._blockers([player])[player.number]
            event = Event(player.number, sql, waits=waits, waiting=waiting)
        self.events.append(event)

    def _settle(self, waiting: Waiting, *, until_moved: bool = False) -> None:
        """Let everybody go on who can; who goes on in which order is chance, if several do.

        A circle is waited out: who is told of it goes on, unless the server lets others pass.
        """
        gone_on: list[Event] = []
        until = time.perf_counter() + 3 * self.deadlock_ms / 1000
        for _ in range(POLLS_MAX):
            moved = []
            for player in self.players:
                if player.waiting and self._is_done_or_blocked(player):
                    outcome, sql = " | ".join(player.results), player.waiting
                    moved.append(Event(player.number, sql, outcome, (), True, waiting))
                    player.waiting = ""
            gone_on += moved
            if not moved and not (until_moved and not gone_on) and not self._is_stuck(until):
                self.events += sorted(gone_on, key=str)
                return
            if not moved:
                time.sleep(POLL_S)
        raise TimeoutError([player.waiting for player in self.players])

    def _is_stuck(self, until: float) -> bool:
        """Whether there is a deadlock that somebody will be told of."""
        waiting = [player for player in self.players if player.waiting]
        if len(waiting) < 2 or time.perf_counter() > until:
            return False
        return has_circle(self._blockers(waiting))

    def _waiting(self) -> Waiting:
        """Who waits with what for whom."""
        waiting = [player for player in self.players if player.waiting]
        if not waiting:
            return ()
        blockers = self._blockers(waiting)
        return tuple((each.number, each.waiting, blockers[each.number]) for each in waiting)

    def _is_done_or_blocked(self, player: Player) -> bool:
        """Wait for one of the two; whether it is done."""
        within_s = 0.0
        for _ in range(POLLS_MAX):
            if player.is_done(within_s):
                return True
            if self._is_blocked(player) and not player.is_done():
                return False
            within_s = POLL_S
        raise TimeoutError(player.waiting)

    def _is_blocked(self, player: Player) -> bool:
        row = self.control.execute(BLOCKED, (player.pid, self.pids, player.pid)).fetchone()
        return bool(row and row[0])

    def _blockers(self, players: list[Player]) -> dict[int, tuple[int, ...]]:
        """For whom they wait, by the numbers of sessions."""
        rows = self.control.execute(BLOCKERS, ([player.pid for player in players],)).fetchall()
        return {
            self.number_of[pid]: tuple(sorted({self.number_of.get(e, STRANGER) for e in others}))
            for pid, others in rows
        }

    def _final(self) -> Iterator[Event]:
        for table in self.made.shown:
            rows = self.control.execute(f"select * from {table} order by {table}::text").fetchall()
            yield Event(STRANGER, table, str(rows))
