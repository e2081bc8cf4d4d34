"""make chaos: kill -9 under load, restart, compare with what was acknowledged; then the faults of bench.faults.

Each round: pgbench TPC-B with eight clients and a writer that notes every transaction the server
acknowledged, a kill at a random moment, a restart. Then every noted transaction must be there, the sums of TPC-B
must agree, and at the end the check of the stopped directory must find nothing. Every fifth round a PostgreSQL 15 is
crashed under the same load: so the times from a start to the first answer are those of the same minutes.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from bench.faults import run_all
from bench.servers import (
    Server,
    free_port,
    has_postgres,
    postgres,
    start_rustydb,
    wait_until_ready,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SUMS = """
    SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
           (SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)
"""
WRITERS = 4
POSTGRES_EVERY = 5


class Ledger:
    """Writers that note what was acknowledged, each with numbers of its own that grow.

    What one round has found is counted in later ones, and read once more in the end: with every row read in every
    round two hundred of them took an hour.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.acknowledged: list[tuple[int, int]] = []
        self._next = dict.fromkeys(range(WRITERS), 0)
        self._found = dict.fromkeys(range(WRITERS), (0, 0))
        """By writer: up to which number rows were looked for, and how many there were."""
        self._looked_at = 0
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Write until the server is gone."""
        self._threads = [
            threading.Thread(target=self._write, args=(writer,)) for writer in range(WRITERS)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until every writer has noticed."""
        for thread in self._threads:
            thread.join()

    def _write(self, writer: int) -> None:
        try:
            with self._server.connect() as connection:
                while True:
                    number = self._next[writer] = self._next[writer] + 1
                    connection.execute("INSERT INTO ledger VALUES (%s, %s)", (writer, number))
                    self.acknowledged.append((writer, number))
        except psycopg.Error:
            return

    def lost(self) -> str:
        """What was acknowledged since the last look and is not there, or was and is not any more."""
        fresh = set(self.acknowledged[self._looked_at :])
        is_old = "SELECT count(*) FROM ledger WHERE writer = %s AND number <= %s"
        is_new = "SELECT number FROM ledger WHERE writer = %s AND number > %s"
        with self._server.connect() as connection:
            for writer, (number, count) in self._found.items():
                old = connection.execute(is_old, (writer, number)).fetchone()
                if old != (count,):
                    return f"LOST: writer {writer} has {old} up to {number}, not {count}"
                rows = connection.execute(is_new, (writer, number)).fetchall()
                found = [int(str(each)) for (each,) in rows]
                fresh -= {(writer, each) for each in found}
                self._found[writer] = max([number, *found]), count + len(found)
        self._looked_at = len(self.acknowledged)
        return f"LOST {len(fresh)}: {sorted(fresh)[:5]}" if fresh else ""

    def missing(self) -> set[tuple[int, int]]:
        """What was acknowledged and is not there."""
        with self._server.connect() as connection:
            found = set(connection.execute("SELECT writer, number FROM ledger").fetchall())
        return set(self.acknowledged) - found


def main() -> int:
    """Run the rounds; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--without-faults", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0, help="longest time before a kill")
    chosen = parser.parse_args()
    say(f"seed {chosen.seed}")
    source = random.Random(chosen.seed)
    home = Path(tempfile.mkdtemp(prefix="rustydb-chaos-"))
    bad = run(home / "data", source, chosen)
    if not chosen.without_faults:
        for name, problem in run_all(home):
            say(f"{name}: {problem or 'as promised'}")
            bad = bad or (bool(problem) and not problem.startswith("left out"))
    if bad:
        say(f"FAILED, the directory is kept: {home}")
        return 1
    shutil.rmtree(home)
    say("passed")
    return 0


def run(data: Path, source: random.Random, chosen: argparse.Namespace) -> bool:
    """All rounds on one directory; true if anything was lost or wrong."""
    server = start_rustydb(data, free_port())
    wait_until_ready(server)
    subprocess.run(
        ["pgbench", "-i", "-q", "-s", str(chosen.scale), "-I", "dtgvpf"],
        env=server.environment(), check=True, capture_output=True,
    )  # fmt: skip
    with server.connect() as connection:
        connection.execute(
            "CREATE TABLE ledger (writer int, number int, PRIMARY KEY (writer, number))"
        )
    with peer(chosen.scale) as reference:
        starts, theirs = rounds(server, reference, data, source, chosen)
    if not starts:
        return True
    server.stop()
    say(f"median time to the first answer {statistics.median(starts):.2f} s")
    if theirs:
        say(f"median time to the first answer of PostgreSQL {statistics.median(theirs):.2f} s")
    return not is_clean(data)


def rounds(
    server: Server,
    reference: Server | None,
    data: Path,
    source: random.Random,
    chosen: argparse.Namespace,
) -> tuple[list[float], list[float]]:
    """Seconds to the first answer of both servers; of ours none if anything was lost or wrong."""
    ledger = Ledger(server)
    starts: list[float] = []
    theirs: list[float] = []
    for number in range(1, chosen.rounds + 1):
        load = under_load(server)
        ledger.start()
        time.sleep(source.uniform(0.2, chosen.seconds))
        server.kill()
        load.wait()
        ledger.join()
        server.process = start_rustydb(data, server.port).process
        starts.append(wait_until_ready(server))
        problem = look(server, ledger)
        say(
            f"round {number}: {len(ledger.acknowledged)} acknowledged, first answer after {starts[-1]:.2f} s {problem}"
        )
        if problem:
            server.kill()
            return [], []
        if reference is not None and number % POSTGRES_EVERY == 0:
            load = under_load(reference)
            time.sleep(source.uniform(0.2, chosen.seconds))
            reference.crash()
            load.wait()
            theirs.append(reference.start_again())
            say(f"  PostgreSQL's first answer after {theirs[-1]:.2f} s")
    missing = ledger.missing()
    say(f"in the end: {len(missing)} missing of {len(ledger.acknowledged)}")
    if missing:
        return [], []
    return starts, theirs


def under_load(server: Server) -> subprocess.Popen[bytes]:
    """TPC-B until the server is gone."""
    return subprocess.Popen(
        ["pgbench", "-n", "-c", "8", "-j", "2", "-T", "60", "-M", "prepared"],
        env=server.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@contextmanager
def peer(scale: int) -> Iterator[Server | None]:
    """A PostgreSQL 15 with the same tables, where it is installed."""
    if not has_postgres():
        yield None
        return
    with postgres() as server:
        subprocess.run(
            ["pgbench", "-i", "-q", "-s", str(scale)],
            env=server.environment(), check=True, capture_output=True,
        )  # fmt: skip
        yield server


def look(server: Server, ledger: Ledger) -> str:
    """What is wrong after a restart; empty for nothing."""
    lost = ledger.lost()
    if lost:
        return lost
    with server.connect() as connection:
        sums = connection.execute(SUMS).fetchone()
    if sums is None or len(set(sums)) != 1:
        return f"SUMS DIFFER: {sums}"
    return ""


def is_clean(data: Path) -> bool:
    """Whether the check of the stopped directory finds nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "server", "check", "--data", str(data)],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    say(f"check: {'clean' if done.returncode == 0 else done.stdout[-2000:] + done.stderr[-2000:]}")
    return done.returncode == 0


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
