"""Soak: pgbench on a small table for long, to see that throughput stays level and files do not grow without bound.

python -m bench.soak --seconds 3600 --scale 10

Two runs on one server, simple-update and TPC-B, each half of the time. Live size is that of the tables as loaded,
and of the history that was added since. Then somebody keeps a snapshot, and must be named as who holds space back.
Level is also what a transaction costs: processor time of the server, by minute, does not tell who else is at work.
"""

from __future__ import annotations

import argparse
import itertools
import re
import statistics
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from bench.servers import rustydb

if TYPE_CHECKING:
    from pathlib import Path

    from bench.servers import Server

SCRIPTS = ("simple-update", "tpcb-like")
BLOAT_MAX = 2.0
LEVEL_MIN = 0.9
HELD_SECONDS = 5
SAMPLE_SECONDS = 5
MINUTE = 60 // SAMPLE_SECONDS
PROGRESS = re.compile(r"progress: [\d.]+ s, ([\d.]+) tps")


def main() -> int:
    """Run both scripts; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--scale", type=int, default=10)
    parser.add_argument("--naptime", type=int, default=60)
    chosen = parser.parse_args()
    with rustydb(f"autovacuum_naptime={chosen.naptime}") as server:
        load = ["pgbench", "-i", "-q", "-s", str(chosen.scale)]
        subprocess.run(load, env=server.environment(), check=True, capture_output=True)
        loaded = file_bytes(server.directory)
        found = [soak(server, script, chosen.seconds // len(SCRIPTS), loaded) for script in SCRIPTS]
        is_named = names_holder(server)
    bloat, lowest = max(bloat for bloat, _ in found), min(level for _, level in found)
    passed = bloat < BLOAT_MAX and lowest >= LEVEL_MIN and is_named
    say(
        f"{'passed' if passed else 'FAILED'}: at most {bloat:.2f} times the live size, the last minute "
        f"at least {lowest:.2f} of the first in rate and cost, "
        f"who holds space back is {'' if is_named else 'not '}named"
    )
    return 0 if passed else 1


def names_holder(server: Server) -> bool:
    """Whether VACUUM and pg_stat_activity name the session whose old snapshot keeps dead rows."""
    with server.connect() as old, server.connect() as other:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1 FROM pgbench_branches")
        load = ["pgbench", "-n", "-N", "-c", "4", "-T", str(HELD_SECONDS)]
        subprocess.run(load, env=server.environment(), check=True, capture_output=True)
        said: list[str] = []
        other.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        other.execute("VACUUM VERBOSE pgbench_accounts")
        oldest = other.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_xmin IS NOT NULL "
            "ORDER BY backend_xmin::text::bigint LIMIT 1"
        ).fetchone()
        pid = old.info.backend_pid
        say(f"held back: {said[-1].splitlines()[-1] if said else 'nothing said'}")
        return oldest == (pid,) and any(f"held by process {pid} " in line for line in said)


class Meter:
    """Processor time of the server and its transactions, noted every few seconds while a load runs."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._notes: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._note)

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _note(self) -> None:
        with self._server.connect() as connection:
            while True:
                # Every transaction of these scripts writes, and so takes an id.
                found = connection.execute(
                    "SELECT pg_snapshot_xmax(pg_current_snapshot())"
                ).fetchone()
                self._notes.append((self._server.processor_s(), int(str(found and found[0]))))
                if self._over.wait(SAMPLE_SECONDS):
                    return

    def costs(self) -> list[float]:
        """Microseconds of the processor a transaction, by sample."""
        pairs = itertools.pairwise(self._notes)
        return [(b[0] - a[0]) * 1e6 / (b[1] - a[1]) for a, b in pairs if b[1] > a[1]]


def soak(server: Server, script: str, seconds: int, loaded: int) -> tuple[float, float]:
    """Run one script and report: how many times the live size the files are, the last minute to the first."""
    with Meter(server) as meter:
        ran = subprocess.run(
            ["pgbench", "-n", "-b", script, "-c", "8", "-j", "2", "-M", "prepared", "-P", str(SAMPLE_SECONDS),
             "-T", str(seconds)],
            env=server.environment(), check=True, capture_output=True, text=True,
        )  # fmt: skip
    rates = [float(found) for found in PROGRESS.findall(ran.stderr)]
    first, last = level(rates[:MINUTE]), level(rates[-MINUTE:])
    costs = meter.costs()
    cheap, dear = level(costs[:MINUTE]), level(costs[-MINUTE:])
    with server.connect() as connection:
        (history,) = connection.execute(
            "SELECT pg_total_relation_size('pgbench_history')"
        ).fetchone() or (0,)
        visits = connection.execute(
            "SELECT relname, autovacuum_count, n_dead_tup FROM pg_stat_user_tables ORDER BY 1"
        ).fetchall()
    files = file_bytes(server.directory)
    assert isinstance(history, int)
    bloat = files / (loaded + history)
    say(
        f"{script}: {first:.0f} tps in the first minute, {last:.0f} in the last ({last / first:.2f}); "
        f"files {files >> 20} MiB, live {(loaded + history) >> 20} MiB ({bloat:.2f})"
    )
    say(
        f"  processor time a transaction {cheap:.0f} us, in the last minute {dear:.0f} us ({cheap / dear:.2f})"
    )
    say(f"  autovacuum {visits}")
    # Waits show in the rate alone, work in both; beside other load the rate says little, but then nothing is proven.
    return bloat, min(last / first, cheap / dear)


def level(rates: list[float]) -> float:
    """The rate that half of the samples reach."""
    return statistics.median(rates)


def file_bytes(directory: Path) -> int:
    """What the pages take on disk."""
    return sum(path.stat().st_blocks * 512 for path in (directory / "pages").iterdir())


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
