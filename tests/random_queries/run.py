"""Asks random queries of this server and of PostgreSQL 15, and shrinks those that get different answers.

python -m tests.random_queries.run --count 1000 [--first SEED]       servers of its own
python -m tests.random_queries.run --dsn DSN --reference DSN ...      two that run
python -m tests.random_queries.run ... --seed 123                     one query, with both answers
... --kind narrow | wide | every       of every kind: changes, parameters, and views or partitions for tables, too

Compared are column names and types, rows as multisets, SQLSTATE; after changes, what the tables hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from struct import pack, unpack_from
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from server.oids import FIRST_USER_OID, NUMERIC, RECORD
from tests.random_queries import relations
from tests.random_queries.kinds import KINDS, Made
from tests.random_queries.parameters import taken_out
from tests.random_queries.tables import statements
from tests.random_queries.tree import shrunk
from tests.random_queries.ways import SIMPLE
from tests.support.oracle import running_oracle
from tests.support.server import ServerProcess
from tests.support.wire import LOST, Question, Reply, Wire, ask_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.random_queries.ways import Way

TIMEOUT_MS = 2_000  # of a query that many ask: what takes too long on both sides costs no more
PATIENT_MS = 20_000  # of one that was too slow on one side alone
CANCELLED = "57014"
BATCH = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a query."""

    sqlstate: str = ""
    message: str = ""
    columns: tuple[tuple[str, int], ...] = ()
    rows: tuple[tuple[tuple[bytes | None, ...], int], ...] = ()
    tag: str = ""
    notices: tuple[tuple[str, int], ...] = ()

    def same(self, other: Answer) -> bool:
        """Whether they agree."""
        if (self.sqlstate, self.tag) != (other.sqlstate, other.tag):
            return False
        if known(self.columns) != known(other.columns):
            return False
        return self.rows == other.rows or self.shown_alike() == other.shown_alike()

    def shown_alike(self) -> Counter[tuple[bytes | None, ...]]:
        """The rows with equal numbers written alike: which of them stands for all is nobody's promise."""
        found: Counter[tuple[bytes | None, ...]] = Counter()
        kinds = [kind for _, kind in self.columns]
        for row, count in self.rows:
            if len(row) != len(kinds):  # of what was asked after the query
                found[row] += count
                continue
            alike = tuple(
                shown(value, kind) if value else value
                for value, kind in zip(row, kinds, strict=True)
            )
            found[alike] += count
        return found

    def __str__(self) -> str:
        if self.sqlstate:
            return f"{self.sqlstate} {self.message}"
        return f"{self.tag} {self.columns} {self.rows[:20]} {self.notices[:20] or ''}"


def without_scale(value: bytes) -> bytes:
    """A number, as text or in binary, without what only says how many digits are shown."""
    if b"\0" in value:
        return value[:6] + value[8:]
    return value.rstrip(b"0").rstrip(b".") if b"." in value else value


def shown(value: bytes, kind: int) -> bytes:
    """A value without what says nothing: the scale of a number, the OID of what an array of a user's type has."""
    if kind == NUMERIC:
        return without_scale(value)
    if kind == RECORD and value[:1] == b"\0":
        return b"".join(fields_of(value))
    return value[:8] + value[12:] if kind >= FIRST_USER_OID and value[:3] == b"\0\0\0" else value


def fields_of(record: bytes) -> Iterator[bytes]:
    """The fields of a record in binary, of types of users without their OIDs."""
    at = 4
    while at < len(record):
        kind, size = unpack_from("!Ii", record, at)
        end = at + 8 + max(size, 0)
        yield pack("!Ii", min(kind, FIRST_USER_OID), size) + record[at + 8 : end]
        at = end


def known(columns: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """Columns with types of users alike: each server gives them OIDs of its own."""
    return tuple((name, min(kind, FIRST_USER_OID)) for name, kind in columns)


def answer_of(reply: Reply) -> Answer:
    """A reply with its rows and notices in an order that says nothing."""
    notices = tuple(sorted(Counter(reply.notices).items()))
    if reply.sqlstate:
        return Answer(reply.sqlstate, reply.message, notices=notices)
    rows = tuple(sorted(Counter(reply.rows).items(), key=repr))
    return Answer(columns=reply.columns, rows=rows, tag=reply.tag, notices=notices)


class Side:
    """A server."""

    def __init__(self, dsn: str, schema: str = "rq") -> None:
        settings = (
            f"set statement_timeout to {TIMEOUT_MS}",
            f"set search_path to {schema}",
            "set synchronous_commit to off",
        )
        self.wire = Wire(dsn, settings)

    def ask(self, sql: str, *, extended: bool = False) -> Answer:
        """What the server says."""
        (reply,) = self.wire.ask([Question(sql, extended)])
        return answer_of(reply)

    def close(self) -> None:
        """Leave."""
        self.wire.close()


def asked_by(way: Way, sql: str) -> list[Question]:
    """The questions that put a query in some way."""
    return [
        *(Question(text.replace("{}", sql)) for text in way.before),
        *(question_of(way, text.replace("{}", sql)) for text in way.asked),
        *(Question(text) for text in way.after),
    ]


def question_of(way: Way, text: str) -> Question:
    """What is asked for an answer that counts."""
    if not way.parameters:
        return Question(text, way.extended)
    typed = way.parameters == "typed"
    text, values = taken_out(text, typed=typed)
    return Question(text, extended=True, binary=typed, values=values)


def answered_by(way: Way, replies: Sequence[Reply]) -> Answer:
    """What the replies to these questions say: the first error, or all rows that were asked for."""
    counted = replies[: len(way.before) + len(way.asked)]
    for reply in counted:
        if reply.sqlstate:
            return answer_of(reply)
    asked = counted[len(way.before) :]
    rows = tuple(row for reply in asked for row in reply.rows)
    tag = " ".join(reply.tag for reply in asked)
    notices = tuple(notice for reply in asked for notice in reply.notices)
    return answer_of(asked[0]._replace(rows=rows, tag=tag, notices=notices))


class Contest:
    """Both servers, and how often they agreed."""

    def __init__(self, dsn: str, reference: str) -> None:
        self.sides = (Side(dsn), Side(reference))
        self.agreed = self.errors = self.differed = 0
        self.slow: Counter[bool] = Counter()  # by whether PostgreSQL took too long, too

    def prepare(self) -> None:
        """Make the tables on both."""
        for side in self.sides:
            for text in (*statements(), *relations.statements()):
                answer = side.ask(text)
                if answer.sqlstate:
                    raise RuntimeError(f"{text}: {answer}")

    def answers(self, asked: Sequence[tuple[str, Way]]) -> list[tuple[Answer, Answer]]:
        """What both say to queries, each put in a way."""
        questions = [asked_by(way, sql) for sql, way in asked]
        flat = [question for each in questions for question in each]
        both = ask_all([side.wire for side in self.sides], [flat, flat])
        found, at = [], 0
        for (_, way), each in zip(asked, questions, strict=True):
            ours, theirs = (answered_by(way, replies[at : at + len(each)]) for replies in both)
            found.append((ours, theirs))
            at += len(each)
        return found

    def patiently(self, sql: str, way: Way, first: tuple[Answer, Answer]) -> tuple[Answer, Answer]:
        """Both answers, asked again with more time if one side alone was too slow."""
        if [each.sqlstate for each in first].count(CANCELLED) != 1:
            return first
        self.allow(PATIENT_MS)
        (answers,) = self.answers([(sql, way)])
        self.allow(TIMEOUT_MS)
        return answers

    def allow(self, timeout_ms: int) -> None:
        """Give both sides that much time for a query."""
        for side in self.sides:
            side.ask(f"set statement_timeout to {timeout_ms}")

    def differs(self, sql: str, way: Way = SIMPLE) -> tuple[Answer, Answer] | None:
        """Both answers if they differ."""
        (answers,) = self.answers([(sql, way)])
        return self.unlike(*self.patiently(sql, way, answers))

    def unlike(self, ours: Answer, theirs: Answer) -> tuple[Answer, Answer] | None:
        """Two answers if they differ; what takes too long is counted apart."""
        if CANCELLED in (ours.sqlstate, theirs.sqlstate):
            self.slow[theirs.sqlstate == CANCELLED] += 1
            return None
        self.errors += bool(theirs.sqlstate)
        alike = ours.same(theirs) and ours.notices == theirs.notices
        return None if alike else (ours, theirs)

    def play(self, seed: int, kind: str = "narrow") -> bool:
        """Ask one query; writes down how the answers differ."""
        return self.play_all([seed], kind)

    def play_all(self, seeds: Sequence[int], kind: str = "narrow") -> bool:
        """Ask a query a seed; writes down how the answers differ."""
        made = [KINDS[kind](seed) for seed in seeds]
        asked = [(str(each.query), each.way) for each in made]
        before = self.differed
        for seed, each, (sql, way), answers in zip(
            seeds, made, asked, self.answers(asked), strict=True
        ):
            found = self.unlike(*self.patiently(sql, way, answers))
            if found is not None and LOST in (found[0].sqlstate, found[1].sqlstate):
                found = self.differs(sql, way)  # somebody has ended a connection, perhaps
            if found is None:
                self.agreed += 1
                continue
            self.differed += 1
            self.told(seed, each, found)
        return self.differed == before

    def told(self, seed: int, made: Made, found: tuple[Answer, Answer]) -> None:
        """Write down how the answers to a query differ, made as small as they still do."""
        kind = found[0].sqlstate

        def still(sql: str) -> bool:
            now = self.differs(sql, made.way)
            return now is not None and now[0].sqlstate == kind

        small = str(shrunk(made.query, still))
        answers = self.differs(small, made.way) or found
        sys.stdout.write(
            f"seed {seed} {made.name}\n  {small}\n  here       {answers[0]}\n  PostgreSQL {answers[1]}\n"
        )
        sys.stdout.flush()


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
    parser.add_argument("--kind", choices=KINDS, default="narrow")
    parser.add_argument("--wide", action="store_const", const="wide", dest="kind")
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
            made = KINDS[arguments.kind](arguments.seed)
            sys.stdout.write(f"{made.name}: {made.query}\n")
            return 0 if contest.play(arguments.seed, arguments.kind) else 1
        started = time.perf_counter()
        seeds = range(arguments.first, arguments.first + arguments.count)
        for at in range(0, len(seeds), BATCH):
            contest.play_all(seeds[at : at + BATCH], arguments.kind)
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
