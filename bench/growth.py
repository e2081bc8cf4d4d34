"""make bench-growth: how cost grows with data and with clients, and what memory and disk it takes.

TPC-H at several scale factors beside DuckDB, pgbench -S from 1 to 512 clients beside PostgreSQL 15; the memory of an
idle server and of an idle connection, the size of TPC-H's files. With --record each figure becomes a line of
history.jsonl, which `make bench-plot` draws.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from bench import tpch
from bench.run import DATA, measure_pair, record, say
from bench.servers import has_postgres, postgres, rustydb
from bench.workloads import QUICK, Size, Workload, initialise, pgbench, tpch_files

if TYPE_CHECKING:
    from bench.servers import Server

SCALES: Final = (0.1, 1.0, 3.0)
CLIENTS: Final = (1, 8, 32, 128, 512)
CONNECTIONS: Final = 200
IDLE_SECONDS_MAX: Final = 60
CONNECTION_SETTING: Final = "max_connections=600"


def main() -> int:
    """Measure what was asked for; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="append the figures to history.jsonl")
    parser.add_argument("--only", default="", help="data, clients or memory")
    parser.add_argument("--runs", type=int, default=3, help="runs a side")
    parser.add_argument("--scales", type=float, nargs="*", default=SCALES, help="scale factors")
    chosen = parser.parse_args()
    size = replace(QUICK, seconds=5, scale=10, runs=chosen.runs)
    figures: list[dict[str, Any]] = []
    if chosen.only in "clients":
        figures += clients_figures(size)
    if chosen.only in "memory":
        figures += memory_figures()
    if chosen.only in "data":
        figures += [data_figure(scale, size) for scale in chosen.scales]
    if chosen.record:
        record(figures)
    return 0


def data_figure(scale: float, size: Size) -> dict[str, Any]:
    """The 22 queries at one scale factor, and what loading takes."""
    data = tpch_files(DATA, scale)
    with tempfile.TemporaryDirectory() as folder, rustydb() as server:
        started = time.perf_counter()
        tpch.load_rustydb(server, data)
        load_s = time.perf_counter() - started
        duck = tpch.load_duckdb(Path(folder) / "tpch.duckdb", data)
        found = tpch.compare(server, duck, size)
        duck.close()
        disk = directory_bytes(server.directory)
    ours, theirs = (sum(pair[side] for pair in found.values()) for side in (0, 1))
    say(
        f"growth TPC-H SF{scale:<20g} {ours:14,.3f} {theirs:14,.3f} s       {ours / theirs:6.2f}x DuckDB's time"
    )
    return {
        "workload": f"growth TPC-H SF{scale:g}",
        "unit": "s",
        "scale": scale,
        "rustydb": round(ours, 4),
        "duckdb": round(theirs, 4),
        "time_ratio": round(ours / theirs, 3),
        "load_s": round(load_s, 2),
        "disk_bytes": disk,
    }


def clients_figures(size: Size) -> list[dict[str, Any]]:
    """Point reads of more and more clients."""
    if not has_postgres():
        say("PostgreSQL is not installed: no ratios")
        return []
    figures = []
    with rustydb(CONNECTION_SETTING) as ours, postgres(CONNECTION_SETTING) as theirs:
        for server in (ours, theirs):
            initialise(server, size)
        for clients in CLIENTS:
            threads = "2" if clients > 1 else "1"
            arguments = ("-S", "-M", "prepared", "-c", str(clients), "-j", threads)
            longer = replace(
                size, seconds=max(size.seconds, clients // 20)
            )  # connecting takes long
            workload = Workload(f"growth pgbench -S c={clients}", "tps", pgbench(*arguments))
            figures.append(measure_pair(workload, ours, theirs, longer) | {"clients": clients})
    return figures


def memory_figures() -> list[dict[str, Any]]:
    """What an idle server holds, each idle connection more, and TPC-H SF1 on disk."""
    figures = []
    with rustydb(CONNECTION_SETTING) as server, ExitStack() as stack:
        wait_until_idle(server)
        idle = resident_kb(server)
        figures.append({"workload": "memory idle", "unit": "kB", "rustydb": idle})
        connections = [
            stack.enter_context(psycopg.connect(server.dsn, autocommit=True))
            for _ in range(CONNECTIONS)
        ]
        for connection in connections:
            connection.execute("SELECT 1")
        each = (resident_kb(server) - idle) / CONNECTIONS
        figures.append({"workload": "memory per idle connection", "unit": "kB", "rustydb": each})
    figures.append(disk_figure())
    for figure in figures:
        say(f"{figure['workload']:32} {figure['rustydb']:14,.1f} {figure['unit']}")
    return figures


def disk_figure() -> dict[str, Any]:
    """TPC-H SF1 with its keys in files of both servers, vacuumed, without their logs."""
    data = tpch_files(DATA, 1.0)
    figure: dict[str, Any] = {"workload": "disk TPC-H SF1", "unit": "bytes"}
    for start in (rustydb, postgres) if has_postgres() else (rustydb,):
        with start() as server:
            tpch.load_rustydb(server, data)
            figure[server.name.lower()] = database_bytes(server)
    if "postgresql" in figure:
        figure["ratio"] = round(figure["rustydb"] / figure["postgresql"], 3)
        say(f"disk TPC-H SF1: {figure['ratio']}x PostgreSQL's")
    return figure


def database_bytes(server: Server) -> int:
    """What the database takes once it is vacuumed (groups of rows are sealed, their old pages given back)."""
    with server.connect() as connection:
        connection.execute("VACUUM")
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(str(row[0]))


def directory_bytes(directory: Path) -> int:
    """What the files of a directory take on disk."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def wait_until_idle(server: Server) -> None:
    """Wait until what the server does after its start, beside its clients, is done: a second without CPU time."""
    deadline = time.monotonic() + IDLE_SECONDS_MAX
    used = -1.0
    while used != (used := cpu_seconds(server)) and time.monotonic() < deadline:
        time.sleep(1)


def cpu_seconds(server: Server) -> float:
    """The CPU time that the server's process has taken, in whole hundredths."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kb(server: Server) -> int:
    """The memory of the server's process that is its own or mapped and touched."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("a process has a size")


if __name__ == "__main__":
    sys.exit(main())
