"""Plays random schedules on two servers and shows where they differ: python -m tests.isolation.compare_schedules.

What differs in every play is held against the known reasons (`schedule_reasons`); what none of them explains is shown,
and the exit code's reason. Several pairs of databases, one on each server, are played in side by side.
"""

import argparse
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from tests.isolation.schedule_play import Event, Play, Stage
from tests.isolation.schedule_reasons import First, first_difference, reason_of
from tests.isolation.schedules import Schedule, schedule
from tests.isolation.wide_schedules import wide_schedule

DEADLOCKS_MS = (100, 600, 1500)
"""Deadlock timeouts of the plays of what differs: on a busy machine who wakes up first is chance."""
FAILED = -2
"""In the place of a session's number: the play itself came to nothing."""
DATABASE = "schedules"


def either(seed: int) -> Schedule:
    """Ten narrow ones, then one of each theme."""
    return (wide_schedule if seed // 10 % 2 else schedule)(seed)


KINDS: dict[str, Callable[[int], Schedule]] = {
    "narrow": schedule,
    "wide": wide_schedule,
    "both": either,
}


@dataclass(slots=True)
class Side:
    """A database of one server, made anew when a play has failed in it."""

    dsn: str
    stage: Stage | None = None

    def played(self, made: Schedule, deadlock_ms: int) -> list[Event]:
        """What the server does with a schedule; a failure is part of it."""
        try:
            self.stage = self.stage or Stage(self.dsn)
            return Play(self.stage, made, deadlock_ms).run()
        except (TimeoutError, psycopg.Error) as error:
            if self.stage is not None:
                self.stage.close()
                self.stage = None
            return [Event(FAILED, type(error).__name__, str(error))]


@dataclass(slots=True)
class Found:
    """What came of a schedule: the difference that there is in every play, and why there may be one."""

    seed: int
    first: First | None = None
    reason: str = ""
    is_unsteady: bool = False


@dataclass(slots=True)
class Score:
    """What came of all."""

    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[int] = field(default_factory=list)
    seeds_of: dict[str, list[int]] = field(default_factory=dict)
    unsteady: int = 0
    played: int = 0

    def add(self, found: Found) -> None:
        """Count one more."""
        self.played += 1
        self.unsteady += found.is_unsteady and found.first is None
        if found.first is None:
            return
        if found.reason:
            self.explained[found.reason] += 1
            self.seeds_of.setdefault(found.reason, []).append(found.seed)
        else:
            self.unexplained.append(found.seed)

    def text(self, seconds: float) -> str:
        """The last lines of a run."""
        lines = [
            f"  explained, {name}: {count}: {self.seeds_of[name]}"
            for name, count in self.explained.most_common()
        ]
        differ = len(self.unexplained) + self.explained.total()
        last = (
            f"schedules {self.played}, different {differ}, unexplained {len(self.unexplained)}: "
            f"{self.unexplained}, {self.unsteady} not in every play, "
            f"{60 * self.played / seconds:.0f} a minute"
        )
        return "\n".join([*lines, last, ""])


def compared(sides: tuple[Side, Side], made: Schedule, seed: int) -> Found:
    """The difference that there is in every play of a schedule; known ones are not looked for again."""
    found = Found(seed)
    for deadlock_ms in DEADLOCKS_MS:
        ours, theirs = (side.played(made, deadlock_ms) for side in sides)
        found.first = first_difference(made, ours, theirs)
        if found.first is None:
            return found
        found.is_unsteady = True
    found.reason = reason_of(found.first)
    return found


def shown(found: Found) -> str:
    """A schedule that differs: its tables, what both did, and where they part."""
    first = found.first
    assert first is not None
    lines = [f"seed {found.seed} {found.reason or 'UNEXPLAINED'}"]
    lines += [f"    {sql}" for sql in first.made.setup]
    lines += [f"    {event}" for event in first.before]
    lines += [f"  we {first.ours}", f"  PG {first.theirs}", ""]
    return "\n".join(lines)


def seeds(text: str) -> list[int]:
    """FIRST:STOP, or numbers with commas."""
    if ":" not in text:
        return [int(each) for each in text.split(",")]
    first, stop = (int(each) for each in text.split(":"))
    return list(range(first, stop))


def pair_database(dsn: str, number: int) -> str:
    """Make a pair's database on one of the servers, if it is not there; how it is reached."""
    name = f"{DATABASE}_{number}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        there = connection.execute("select 1 from pg_database where datname = %s", (name,))
        if there.fetchone() is None:
            connection.execute(f"create database {name}")
    return psycopg.conninfo.make_conninfo(dsn, dbname=name)


def play_all(arguments: argparse.Namespace, tell: Callable[[Found], None]) -> None:
    """Have every pair of databases take schedules until none is left."""
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for seed in seeds(arguments.seeds):
        left.put(seed)
    make, mutex = KINDS[arguments.kind], threading.Lock()

    def work(number: int) -> None:
        ours, theirs = (
            Side(pair_database(each, number)) for each in (arguments.dsn, arguments.oracle)
        )
        while True:
            try:
                seed = left.get_nowait()
            except queue.Empty:
                return
            found = compared((ours, theirs), make(seed), seed)
            with mutex:
                tell(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(arguments.pairs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> int:
    """Run the seeds asked for; exit code 1: a schedule differs and no reason explains it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="0:100", help="FIRST:STOP, or numbers with commas")
    parser.add_argument("--progress", action="store_true", help="say each seed on stderr")
    parser.add_argument("--kind", choices=KINDS, default="both", help="schedules by theme are wide")
    parser.add_argument("--pairs", type=int, default=4, help="how many are played side by side")
    parser.add_argument("--explained", action="store_true", help="show what is explained, too")
    parser.add_argument("--shown", type=int, default=20)
    arguments = parser.parse_args()
    score, started = Score(), time.perf_counter()

    def tell(found: Found) -> None:
        score.add(found)
        if arguments.progress:
            sys.stderr.write(f"{found.seed}\n")
        is_shown = found.first is not None and (arguments.explained or not found.reason)
        if is_shown and len(score.unexplained) + score.explained.total() <= arguments.shown:
            sys.stdout.write(f"{shown(found)}\n")
            sys.stdout.flush()

    play_all(arguments, tell)
    sys.stdout.write(score.text(time.perf_counter() - started))
    return 1 if score.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
