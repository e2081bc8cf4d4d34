"""Random mixes of serializable transactions: is there an order of those that committed that explains what they read
and left, and how many fail beside PostgreSQL? python -m tests.isolation.compare_serializable.

Rule 1: a mix is small enough to try every order of its transactions.
Rule 2: to commit what no order explains is a lie and the exit code; to fail more often than PostgreSQL is a cost.
"""

import argparse
import itertools
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.isolation.compare_schedules import seeds
from tests.isolation.schedule_play import Play, Stage
from tests.isolation.schedules import Schedule, Source

KEYS = range(1, 5)
FIRST_IDS = range(1000, 1009)
SETUP = (
    "create table t (id int primary key, v int)",
    "create table u (id int primary key, k int)",
    "create index on u (k)",
    f"insert into t select i, i from generate_series(1, {KEYS[-1]}) i",
    f"insert into u select i, i % 4 + 1 from generate_series({FIRST_IDS[0]}, {FIRST_IDS[-1]}) i",
)
DEADLOCK_MS = 300
FAILED = re.compile(r"[0-9A-Z]{5} ")


@dataclass(slots=True)
class Tables:
    """What the tables hold: t by id its v, u by id its k."""

    t: dict[int, int] = field(default_factory=lambda: {key: key for key in KEYS})
    u: dict[int, int] = field(default_factory=lambda: {id_: id_ % 4 + 1 for id_ in FIRST_IDS})

    def shown(self) -> dict[str, str]:
        """As a schedule's end shows them."""
        both = {"t": self.t, "u": self.u}
        return {
            name: str(sorted(rows.items(), key=lambda row: f"({row[0]},{row[1]})"))
            for name, rows in both.items()
        }


def _rows(values: list[int]) -> str:
    return " ".join([f"SELECT {len(values)}", *(f"({value})" for value in values)])


def _sum(tables: Tables, low: int, high: int) -> str:
    return _rows([sum(v for key, v in tables.t.items() if low <= key <= high)])


def _add(tables: Tables, change: int, key: int) -> str:
    tables.t[key] += change
    return "UPDATE 1"


def _set(tables: Tables, value: int, key: int) -> str:
    tables.t[key] = value
    return "UPDATE 1"


def _insert(tables: Tables, id_: int, key: int) -> str:
    if id_ in tables.u:
        return "23505"
    tables.u[id_] = key
    return "INSERT 0 1"


def _delete(tables: Tables, key: int) -> str:
    gone = [id_ for id_, k in tables.u.items() if k == key]
    for id_ in gone:
        del tables.u[id_]
    return f"DELETE {len(gone)}"


STATEMENTS: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"select v from t where id = (\d)", lambda tables, key: _rows([tables.t[key]])),
    (r"select sum\(v\) from t where id between (\d) and (\d)", _sum),
    (r"select sum\(v\) from t", lambda tables: _sum(tables, KEYS[0], KEYS[-1])),
    (
        r"select id from u where k = (\d) order by id",
        lambda tables, key: _rows(sorted(id_ for id_, k in tables.u.items() if k == key)),
    ),
    (r"update t set v = v \+ (\d+) where id = (\d)", _add),
    (r"update t set v = (\d+) where id = (\d)", _set),
    (r"insert into u values \((\d+), (\d)\)", _insert),
    (r"delete from u where k = (\d)", _delete),
)


def done(tables: Tables, sql: str) -> str:
    """Do a statement, as a server alone would; its result."""
    for pattern, does in STATEMENTS:
        found = re.fullmatch(pattern, sql)
        if found is not None:
            return does(tables, *map(int, found.groups()))
    raise ValueError(sql)


class Mix(Source):
    """Two to four transactions of a few statements, interleaved at random."""

    def schedule(self) -> tuple[Schedule, list[list[str]]]:
        """The schedule, and the statements of each session."""
        count = self.pick((2, 3, 3, 4))
        bodies = [self._body(session) for session in range(count)]
        order = [session for session, body in enumerate(bodies) for _ in body]
        self.random.shuffle(order)
        left = [iter(body) for body in bodies]
        steps = tuple((session, next(left[session])) for session in order)
        return Schedule(SETUP, count, steps, ("t", "u")), bodies

    def _body(self, session: int) -> list[str]:
        mode = self.pick(("", "", "", "", " read only"))
        statements = [
            self._read() if mode or self.random.random() < 0.55 else self._write(session)
            for _ in range(self.random.randint(1, 4))
        ]
        return [f"begin isolation level serializable{mode}", *statements, "commit"]

    def _read(self) -> str:
        low, high = sorted((self.key(), self.key()))
        return self.pick(
            (
                f"select v from t where id = {low}",
                f"select sum(v) from t where id between {low} and {high}",
                "select sum(v) from t",
                f"select id from u where k = {high} order by id",
            )
        )

    def _write(self, session: int) -> str:
        key = self.key()
        return self.pick(
            (
                f"update t set v = v + {10**session} where id = {key}",
                f"update t set v = {session + 5} where id = {key}",
                f"insert into u values ({session * 100 + self.random.randint(1, 99)}, {key})",
                f"delete from u where k = {key}",
            )
        )


@dataclass(frozen=True, slots=True)
class History:
    """What came of each statement of each session, and what the tables held in the end."""

    results: dict[int, list[str]]
    final: dict[str, str]

    @property
    def failure_count(self) -> int:
        """How many transactions failed for the sake of the others."""
        found = (" ".join(results) for results in self.results.values())
        return sum("40001" in text or "40P01" in text for text in found)


def history(events: list[str]) -> History:
    """Read the events of a play."""
    results: dict[int, list[str]] = {}
    final: dict[str, str] = {}
    for event in events:
        who, what = event.split(": ", 1)
        if not who.isdigit():
            final[who] = what
        elif not (result := what.split(" -> ", 1)[1]).startswith("waits for"):
            results.setdefault(int(who), []).append(result)
    return History(results, final)


def has_order(found: History, bodies: list[list[str]]) -> bool:
    """Whether the committed transactions, one after the other, would have read and left the same."""
    committed = [
        session
        for session, results in found.results.items()
        if results[-1] == "COMMIT" and not any(map(FAILED.match, results))
    ]
    return any(_explains(order, found, bodies) for order in itertools.permutations(committed))


def _explains(order: tuple[int, ...], found: History, bodies: list[list[str]]) -> bool:
    tables = Tables()
    for session in order:
        pairs = zip(bodies[session][1:-1], found.results[session][1:-1], strict=True)
        if any(done(tables, sql) != result for sql, result in pairs):
            return False
    return tables.shown() == found.final


def main() -> int:
    """Play the seeds asked for; exit code 1: something was committed that no order explains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="0:100", help="FIRST:STOP, or numbers with commas")
    arguments = parser.parse_args()
    counts, lies = Counter[str](), []
    stages = {"ours": Stage(arguments.dsn), "PostgreSQL": Stage(arguments.oracle)}
    for seed in seeds(arguments.seeds):
        made, bodies = Mix(seed).schedule()
        counts["transactions"] += made.session_count
        for name, stage in stages.items():
            events = [str(event) for event in Play(stage, made, DEADLOCK_MS).run()]
            found = history(events)
            counts[f"{name} failed"] += found.failure_count
            if not has_order(found, bodies):
                lies.append((name, seed))
                sys.stdout.write("\n".join((f"{name}, seed {seed}: no order", *events, "")))
    sys.stdout.write(f"{dict(counts)}, without an order: {lies}\n")
    return 1 if lies else 0


if __name__ == "__main__":
    sys.exit(main())
