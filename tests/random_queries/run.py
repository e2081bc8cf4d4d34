"""Asks random queries of this server and of PostgreSQL 15, and shrinks those that get different answers.

python -m tests.random_queries.run --count 1000 [--first SEED]       servers of its own
python -m tests.random_queries.run --dsn DSN --reference DSN ...      two that run
python -m tests.random_queries.run ... --seed 123                     one query, with both answers

Compared are column names and types, rows as multisets, SQLSTATE.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from psycopg import pq

from tests.random_queries.grammar import Maker
from tests.random_queries.tables import statements
from tests.random_queries.tree import shrunk
from tests.support.oracle import running_oracle
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_MS = 10_000
CANCELLED = "57014"
NUMERIC = 1700


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a query."""

    sqlstate: str = ""
    message: str = ""
    columns: tuple[tuple[bytes | None, int], ...] = ()
    rows: tuple[tuple[tuple[bytes | None, ...], int], ...] = ()
    tag: str = ""
    notices: tuple[tuple[str, int], ...] = ()

    def same(self, other: Answer) -> bool:
        """Whether they agree."""
        if (self.sqlstate, self.columns, self.tag) != (other.sqlstate, other.columns, other.tag):
            return False
        return self.rows == other.rows or self.shown_alike() == other.shown_alike()

    def shown_alike(self) -> Counter[tuple[bytes | None, ...]]:
        """The rows with equal numbers written alike: which of them stands for all is nobody's promise."""
        found: Counter[tuple[bytes | None, ...]] = Counter()
        for row, count in self.rows:
            alike = tuple(
                value.rstrip(b"0").rstrip(b".")
                if value and kind == NUMERIC and b"." in value
                else value
                for value, (_, kind) in zip(row, self.columns, strict=True)
            )
            found[alike] += count
        return found

    def __str__(self) -> str:
        if self.sqlstate:
            return f"{self.sqlstate} {self.message}"
        return f"{self.tag} {self.columns} {self.rows[:20]} {self.notices[:20] or ''}"


class Side:
    """A server, reached by libpq."""

    def __init__(self, dsn: str, schema: str = "rq") -> None:
        self.dsn = dsn
        self.schema = schema
        self.connect()

    def connect(self) -> None:
        """Connect, with a limit on time."""
        self.connection = pq.PGconn.connect(self.dsn.encode())
        if self.connection.status != pq.ConnStatus.OK:
            raise ConnectionError(self.connection.error_message.decode())
        self.notices: list[str] = []
        self.connection.notice_handler = self._noticed
        for text in (
            f"set statement_timeout to {TIMEOUT_MS}",
            f"set search_path to {self.schema}",
            "set timezone to 'UTC'",
        ):
            self.connection.exec_(text.encode())

    def _noticed(self, result: pq.abc.PGresult) -> None:
        self.notices.append(
            (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
        )

    def ask(self, sql: str, *, extended: bool = False) -> Answer:
        """What the server says."""
        self.notices.clear()
        text = sql.encode()
        connection = self.connection
        result = connection.exec_params(text, None) if extended else connection.exec_(text)
        if self.connection.status != pq.ConnStatus.OK:
            self.connect()
            return Answer("08006", "the connection was lost")
        if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
            state = result.error_field(pq.DiagnosticField.SQLSTATE) or b"?"
            message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
            return Answer(state.decode(), message.decode(), notices=self._seen())
        width = range(result.nfields)
        rows = Counter(
            tuple(result.get_value(row, column) for column in width)
            for row in range(result.ntuples)
        )
        columns = tuple((result.fname(column), result.ftype(column)) for column in width)
        return Answer(
            columns=columns,
            rows=tuple(sorted(rows.items(), key=repr)),
            tag=(result.command_status or b"").decode(),
            notices=self._seen(),
        )

    def _seen(self) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(Counter(self.notices).items()))


class Contest:
    """Both servers, and how often they agreed."""

    def __init__(self, dsn: str, reference: str) -> None:
        self.sides = (Side(dsn), Side(reference))
        self.agreed = self.errors = self.differed = 0

    def prepare(self) -> None:
        """Make the tables on both."""
        for side in self.sides:
            for text in statements():
                answer = side.ask(text)
                if answer.sqlstate:
                    raise RuntimeError(f"{text}: {answer}")

    def differs(self, sql: str) -> tuple[Answer, Answer] | None:
        """Both answers if they differ; what PostgreSQL takes too long for counts as agreed."""
        theirs = self.sides[1].ask(sql)
        if theirs.sqlstate == CANCELLED:
            return None
        ours = self.sides[0].ask(sql)
        return None if ours.same(theirs) else (ours, theirs)

    def play(self, seed: int) -> bool:
        """Ask one query; writes down how the answers differ."""
        query = Maker(seed).statement()
        found = self.differs(str(query))
        if found is None:
            self.agreed += 1
            return True
        self.differed += 1
        kind = found[0].sqlstate

        def still(sql: str) -> bool:
            now = self.differs(sql)
            return now is not None and now[0].sqlstate == kind

        small = str(shrunk(query, still))
        answers = self.differs(small) or found
        sys.stdout.write(
            f"seed {seed}\n  {small}\n  here       {answers[0]}\n  PostgreSQL {answers[1]}\n"
        )
        sys.stdout.flush()
        return False


@contextmanager
def servers(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Both servers' addresses: as given, or of two that live as long."""
    if arguments.dsn and arguments.reference:
        yield arguments.dsn, arguments.reference
        return
    with TemporaryDirectory(prefix="rustydb-queries-") as name:
        ours = ServerProcess(Path(name)).start()
        with running_oracle() as theirs:
            yield ours.dsn, theirs.dsn
        ours.stop()


def arguments_of(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn")
    parser.add_argument("--reference")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--differences-max", type=int, default=20)
    return parser.parse_args(words)


def main() -> int:
    """1 when there was a difference."""
    arguments = arguments_of()
    with servers(arguments) as (dsn, reference):
        contest = Contest(dsn, reference)
        contest.prepare()
        if arguments.seed is not None:
            sys.stdout.write(f"{Maker(arguments.seed).statement()}\n")
            return 0 if contest.play(arguments.seed) else 1
        started = time.perf_counter()
        for seed in range(arguments.first, arguments.first + arguments.count):
            contest.play(seed)
            if contest.differed >= arguments.differences_max:
                break
        rate = (contest.agreed + contest.differed) / (time.perf_counter() - started)
    total = contest.agreed + contest.differed
    sys.stdout.write(f"{contest.differed} differences in {total} queries, {rate:.0f}/s\n")
    return 1 if contest.differed else 0


if __name__ == "__main__":
    sys.exit(main())
