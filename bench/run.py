"""make bench: measure RustyDB beside PostgreSQL 15 and DuckDB in one run and print the ratios.

Runs alternate (ours, theirs, ours, theirs, ...), the median of each side counts: machines are noisy, and both sides
see the same noise. With --record each figure becomes a line of history.jsonl.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import tpch
from bench.servers import Server, has_postgres, postgres, rustydb
from bench.workloads import FULL, PAIRED, QUICK, Failed, Size, Workload, initialise, tpch_files

HISTORY = Path(__file__).parent / "history.jsonl"
DATA = Path(__file__).parent / "data"


def main() -> int:
    """Measure what was asked for; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, one run each: under three minutes"
    )
    parser.add_argument("--record", action="store_true", help="append the figures to history.jsonl")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--runs", type=int, default=0, help="runs a side")
    parser.add_argument("--scale", type=float, default=0, help="scale factor of TPC-H")
    chosen = parser.parse_args()
    size = QUICK if chosen.quick else FULL
    if chosen.runs or chosen.scale:
        size = Size(
            size.seconds,
            size.scale,
            size.copy_rows,
            chosen.runs or size.runs,
            chosen.scale or size.tpch_scale,
            size.index_rows,
        )
    figures = []
    workloads = [item for item in PAIRED if chosen.only in item.name]
    if workloads:
        figures += measure_pairs(workloads, size)
    if chosen.only in "TPC-H":
        figures += measure_tpch(size)
    if chosen.record:
        record(figures)
    return 0


def measure_pairs(workloads: list[Workload], size: Size) -> list[dict[str, Any]]:
    """Run each workload on both servers in turn."""
    if not has_postgres():
        say("PostgreSQL is not installed: no ratios")
        return []
    figures = []
    with rustydb() as ours, postgres() as theirs:
        for server in (ours, theirs):
            initialise(server, size)
        figures += [measure_pair(workload, ours, theirs, size) for workload in workloads]
    return figures


def measure_pair(workload: Workload, ours: Server, theirs: Server, size: Size) -> dict[str, Any]:
    """One workload on both servers in turn; medians and their ratio."""
    sides: tuple[list[float], list[float]] = ([], [])
    for _ in range(size.runs):
        for server, values in zip((ours, theirs), sides, strict=True):
            try:
                values.append(workload.run(server, size))
            except Failed as error:
                say(f"{workload.name}: {error}")
                return {"workload": workload.name, "error": str(error)[:300]}
    mine, other = statistics.median(sides[0]), statistics.median(sides[1])
    ratio = mine / other if workload.higher_is_better else other / mine
    say(
        f"{workload.name:32} {mine:14,.0f} {other:14,.0f} {workload.unit:7} {ratio:6.2f}x PostgreSQL"
    )
    return {
        "workload": workload.name,
        "unit": workload.unit,
        "rustydb": round(mine, 3),
        "postgresql": round(other, 3),
        "ratio": round(ratio, 3),
    }


def measure_tpch(size: Size) -> list[dict[str, Any]]:
    """The 22 queries on RustyDB and DuckDB."""
    data = tpch_files(DATA, size.tpch_scale)
    with tempfile.TemporaryDirectory() as folder, rustydb() as server:
        seconds = tpch.load_rustydb(server, data)
        duck = tpch.load_duckdb(Path(folder) / "tpch.duckdb", data)
        found = tpch.compare(server, duck, size)
        duck.close()
    for name, (mine, other) in found.items():
        say(
            f"TPC-H {name:26} {mine * 1000:14,.1f} {other * 1000:14,.1f} ms      {mine / other:6.2f}x DuckDB's time"
        )
    ours = [pair[0] for pair in found.values()]
    theirs = [pair[1] for pair in found.values()]
    figure = {
        "workload": f"TPC-H SF{size.tpch_scale:g}",
        "unit": "s",
        "rustydb": round(sum(ours), 4),
        "duckdb": round(sum(theirs), 4),
        "time_ratio": round(sum(ours) / sum(theirs), 3),
        "geometric_mean_ratio": round(tpch.geometric_mean([a / b for a, b in found.values()]), 3),
        "load_s": round(seconds, 2),
        "queries": {name: [round(a, 5), round(b, 5)] for name, (a, b) in found.items()},
    }
    say(
        f"TPC-H total {figure['rustydb']} s, DuckDB {figure['duckdb']} s: {figure['time_ratio']}x its time, "
        f"geometric mean {figure['geometric_mean_ratio']}x; loaded in {figure['load_s']} s"
    )
    return [figure]


def record(figures: list[dict[str, Any]]) -> None:
    """Append the figures, one JSON object a line."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
        cwd=HISTORY.parent,
    ).stdout.strip()
    common = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    with HISTORY.open("a", encoding="utf-8") as file:
        for figure in figures:
            file.write(json.dumps(common | figure) + "\n")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
