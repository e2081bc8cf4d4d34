"""make verify: what the benchmarks do, checked for being right.

pgbench's three scripts in all three protocols with eight clients: no failed transaction, and afterwards the sums of
TPC-B agree. TPC-H's 22 queries at scale 0.1, before and after the tables are sealed: the same rows as DuckDB's on the
same files, floating point figures to nine digits.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from bench import tpch
from bench.chaos import SUMS
from bench.run import DATA
from bench.servers import Server, rustydb
from bench.workloads import FULL, Failed, initialise, pgbench, tpch_files

if TYPE_CHECKING:
    from collections.abc import Iterable

SCRIPTS = ("tpcb-like", "simple-update", "select-only")
PROTOCOLS = ("simple", "extended", "prepared")
TPCH_SCALE = 0.1
DIGITS = 9


def main() -> int:
    """Check both; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="of each run of pgbench")
    parser.add_argument("--scale", type=int, default=10, help="of pgbench")
    chosen = parser.parse_args()
    with rustydb() as server:
        wrong = [
            *wrong_sums(server, chosen.seconds, chosen.scale),
            *wrong_answers(server, tpch_files(DATA, TPCH_SCALE)),
        ]
    sys.stdout.write("\n".join(wrong) + "\n" if wrong else "all as it should be\n")
    return 1 if wrong else 0


def wrong_sums(server: Server, seconds: int, scale: int) -> list[str]:
    """Run every script in every protocol; what went wrong."""
    size = replace(FULL, seconds=seconds, scale=scale)
    initialise(server, size)
    wrong = []
    for protocol in PROTOCOLS:
        for script in SCRIPTS:
            run = pgbench("-b", script, "-M", protocol, "-c", "8", "-j", "2")
            try:
                sys.stdout.write(f"{script:14} {protocol:9} {run(server, size):10.0f} tps\n")
            except Failed as failure:
                wrong.append(str(failure))
    with server.connect() as connection:
        sums = connection.execute(SUMS).fetchone()
    assert sums is not None
    accounts, tellers, branches, history = sums
    sys.stdout.write(f"sums {accounts} {tellers} {branches} {history}\n")
    # simple-update changes no teller and no branch, but it writes the history.
    if accounts != history or tellers != branches:
        wrong.append(f"the sums of TPC-B do not agree: {sums}")
    return wrong


def wrong_answers(server: Server, data: Path) -> list[str]:
    """Ask both for the answers of TPC-H, of tables as they were loaded and once they are sealed; the wrong ones."""
    tpch.load_rustydb(server, data)
    wrong = []
    with tempfile.TemporaryDirectory() as folder, server.connect() as connection:
        duck = tpch.load_duckdb(Path(folder) / "duck.db", data)
        expected = {name: plain(duck.execute(text).fetchall()) for name, text in tpch.queries()}
        duck.close()
        for state in ("loaded", "sealed"):
            if state == "sealed":
                connection.execute("SET vacuum_seal_min_age = 0")
                connection.execute("VACUUM")
            for name, text in tpch.queries():
                ours, theirs = plain(connection.execute(text.encode()).fetchall()), expected[name]
                sys.stdout.write(f"TPC-H {name} {state} {len(ours)} rows\n")
                if ours != theirs:
                    difference = f"{len(ours)} rows here, {len(theirs)} in DuckDB"
                    wrong.append(f"TPC-H {name}, {state}: {difference}")
    return wrong


def plain(rows: Iterable[tuple[object, ...]]) -> list[tuple[str, ...]]:
    """Rows in a form in which equal values look alike, in an order of their own."""
    return sorted(tuple(map(_plain, row)) for row in rows)


def _plain(value: object) -> str:
    if isinstance(value, int | float | Decimal):
        return f"{float(value):.{DIGITS}g}"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    return str(value).rstrip()


if __name__ == "__main__":
    sys.exit(main())
