"""How long one waits: for a point read while long queries run, and for a query to end that was cancelled.

python -m bench.latency [--record] [--scale SF] [--seconds N]

Point reads are pgbench -S -M prepared with 8 clients, while another session runs TPC-H's Q9 and Q18 over and over; what
counts is the time that 99 of 100 stay below. Cancelled is each of the 22 queries, a random moment after it began.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from bench import tpch
from bench.run import DATA, record, say
from bench.servers import has_postgres, postgres, rustydb
from bench.workloads import QUICK, initialise, tpch_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.servers import Server

LONG_QUERIES: Final = ("q09", "q18")
CLIENTS: Final = 8
CANCELLED_TIMES: Final = 5
"""How often each query is cancelled."""
ENDS_SECONDS_MAX: Final = 0.1
"""Within what a cancelled query is to end."""


def main() -> int:
    """Measure both on RustyDB and on PostgreSQL; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="append the figures to history.jsonl")
    parser.add_argument("--scale", type=float, default=1.0, help="scale factor of TPC-H")
    parser.add_argument("--seconds", type=int, default=20, help="how long point reads are measured")
    chosen = parser.parse_args()
    data = tpch_files(DATA, chosen.scale)
    found: list[list[dict[str, Any]]] = []
    for start in (rustydb, postgres) if has_postgres() else (rustydb,):
        with start() as server:
            tpch.load_rustydb(server, data)
            initialise(server, QUICK)
            found.append([beside_long_queries(server, chosen.seconds), cancelled(server)])
    figures = [_merged(pair) for pair in zip(*found, strict=True)]
    for figure in figures:
        say(
            f"{figure['workload']:44} {figure['rustydb']:10.2f} {figure.get('postgresql', 0.0):10.2f} ms"
        )
    if chosen.record:
        record(figures)
    return 0


def _merged(pair: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    figure = {"workload": pair[0]["workload"], "unit": "ms"}
    for each in pair:
        figure[each["server"]] = each["ms"]
    return figure


def beside_long_queries(server: Server, seconds: int) -> dict[str, Any]:
    """Below what 99 of 100 point reads stay while long queries run."""
    with long_queries(server), tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["pgbench", "-n", "-S", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds),
             "--log", f"--log-prefix={folder}/log"],
            env=server.environment(), check=True, capture_output=True,
        )  # fmt: skip
        times = [
            int(line.split()[2])
            for path in Path(folder).glob("log*")
            for line in path.read_text("ascii").splitlines()
        ]
    times.sort()
    say(f"{server.name}: {len(times)} point reads, median {times[len(times) // 2] / 1e3:.2f} ms")
    return _figure(server, "pgbench -S c=8 beside Q9 and Q18, p99", times[len(times) * 99 // 100])


@contextmanager
def long_queries(server: Server) -> Iterator[None]:
    """A session that runs the long queries in turn meanwhile."""
    texts = [text for name, text in tpch.queries() if name in LONG_QUERIES]
    ends = threading.Event()

    def run() -> None:
        with server.connect() as connection:
            while not ends.is_set():
                for text in texts:
                    connection.execute(text.encode()).fetchall()

    session = threading.Thread(target=run)
    session.start()
    try:
        yield
    finally:
        ends.set()
        session.join()


def cancelled(server: Server) -> dict[str, Any]:
    """The longest time from a cancel request to the end of the query, of all queries."""
    chance = random.Random(1)
    longest = 0.0
    with server.connect() as connection:
        for name, text in tpch.queries():
            started = time.perf_counter()
            connection.execute(text.encode()).fetchall()
            takes = time.perf_counter() - started
            for _ in range(CANCELLED_TIMES):
                longest = max(longest, _cancel(connection, name, text, chance.random() * takes))
    return _figure(server, "longest wait for a cancelled query, TPC-H", longest * 1e6)


def _cancel(
    connection: psycopg.Connection[Any], name: str, text: str, after_seconds: float
) -> float:
    """Cancel a query so long after it began; the seconds until it ended."""
    asked = [0.0]

    def ask() -> None:
        asked[0] = time.perf_counter()
        connection.cancel_safe()

    timer = threading.Timer(after_seconds, ask)
    timer.start()
    try:
        connection.execute(text.encode()).fetchall()
    except psycopg.errors.QueryCanceled:
        pass
    else:
        asked[0] = 0.0  # it was faster this time
    took = time.perf_counter() - asked[0] if asked[0] else 0.0
    timer.cancel()
    timer.join()
    if took > ENDS_SECONDS_MAX:
        say(f"{name} ended {took * 1e3:.0f} ms after it was cancelled")
    return took


def _figure(server: Server, workload: str, microseconds: float) -> dict[str, Any]:
    return {
        "server": server.name.lower(),
        "workload": workload,
        "ms": round(microseconds / 1e3, 3),
    }


if __name__ == "__main__":
    sys.exit(main())
