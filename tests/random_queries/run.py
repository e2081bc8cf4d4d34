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
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from psycopg import pq

from tests.random_queries.grammar import Maker
from tests.random_queries.tables import statements
from tests.random_queries.tree import shrunk
from tests.random_queries.ways import WAYS
from tests.random_queries.wide import WideMaker
from tests.support.oracle import running_oracle
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.random_queries.ways import Way

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

    def ask_by(self, way: Way, sql: str) -> Answer:
        """What the server says to a query that is put to it in some way."""
        try:
            for text in way.before:
                answer = self.ask(text.replace("{}", sql))
                if answer.sqlstate:
                    return answer
            found: Answer | None = None
            for text in way.asked:
                answer = self.ask(text.replace("{}", sql), extended=way.extended)
                if answer.sqlstate:
                    return answer
                rows = answer.rows if found is None else (*found.rows, *answer.rows)
                found = replace(answer, rows=rows)
            assert found is not None
            return found
        finally:
            notices = list(self.notices)
            for text in way.after:
                self.ask(text)
            self.notices = notices

    def _seen(self) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(Counter(self.notices).items()))


class Contest:
    """Both servers, and how often they agreed."""

    def __init__(self, dsn: str, reference: str) -> None:
        self.sides = (Side(dsn), Side(reference))
        self.agreed = self.errors = self.differed = 0
        self.slow: Counter[bool] = Counter()  # by whether PostgreSQL took too long, too

    def prepare(self) -> None:
        """Make the tables on both."""
        for side in self.sides:
            for text in statements():
                answer = side.ask(text)
                if answer.sqlstate:
                    raise RuntimeError(f"{text}: {answer}")

    def differs(self, sql: str, way: str = "simple") -> tuple[Answer, Answer] | None:
        """Both answers if they differ; what takes too long is counted apart."""
        theirs = self.sides[1].ask_by(WAYS[way], sql)
        ours = self.sides[0].ask_by(WAYS[way], sql)
        if CANCELLED in (ours.sqlstate, theirs.sqlstate):
            self.slow[theirs.sqlstate == CANCELLED] += 1
            return None
        self.errors += bool(theirs.sqlstate)
        alike = ours.same(theirs) and ours.notices == theirs.notices
        return None if alike else (ours, theirs)

    def play(self, seed: int, *, wide: bool = False) -> bool:
        """Ask one query; writes down how the answers differ."""
        query = (WideMaker if wide else Maker)(seed).statement()
        way = Random(seed).choice(list(WAYS)) if wide else "simple"
        found = self.differs(str(query), way)
        if found is None:
            self.agreed += 1
            return True
        self.differed += 1
        kind = found[0].sqlstate

        def still(sql: str) -> bool:
            now = self.differs(sql, way)
            return now is not None and now[0].sqlstate == kind

        small = str(shrunk(query, still))
        answers = self.differs(small, way) or found
        sys.stdout.write(
            f"seed {seed} {way}\n  {small}\n  here       {answers[0]}\n  PostgreSQL {answers[1]}\n"
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
    parser.add_argument(
        "--wide", action="store_true", help="more kinds of queries, in several ways"
    )
    parser.add_argument("--sealed", action="store_true", help="with the tables sealed here")
    parser.add_argument("--differences-max", type=int, default=20)
    return parser.parse_args(words)


def main() -> int:
    """1 when there was a difference."""
    arguments = arguments_of()
    with servers(arguments) as (dsn, reference):
        contest = Contest(dsn, reference)
        contest.prepare()
        if arguments.sealed:
            contest.sides[0].ask("set vacuum_seal_min_age to 0")
            contest.sides[0].ask("vacuum")
        if arguments.seed is not None:
            maker = WideMaker if arguments.wide else Maker
            sys.stdout.write(f"{maker(arguments.seed).statement()}\n")
            return 0 if contest.play(arguments.seed, wide=arguments.wide) else 1
        started = time.perf_counter()
        for seed in range(arguments.first, arguments.first + arguments.count):
            contest.play(seed, wide=arguments.wide)
            if contest.differed >= arguments.differences_max:
                break
        rate = (contest.agreed + contest.differed) / (time.perf_counter() - started)
    total = contest.agreed + contest.differed
    sys.stdout.write(
        f"{contest.differed} differences in {total} queries, {rate:.0f}/s; errors on both {contest.errors}, "
        f"too slow here {contest.slow[False]}, on both {contest.slow[True]}\n"
    )
    return 1 if contest.differed else 0


if __name__ == "__main__":
    sys.exit(main())
