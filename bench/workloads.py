"""Workloads: each takes a server and gives a figure. PAIRED ones run on RustyDB and PostgreSQL in turn."""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from bench.servers import Server

COPY_ROWS = 1_000_000
INDEX_ROWS = 10_000_000
INSERTED_ROWS = 1_000  # by one statement
RECEIVE_BYTES = 1 << 20
READY_FOR_QUERY = b"Z\0\0\0\5I"
TPS = re.compile(r"tps = ([0-9.]+)")
FAILED = re.compile(r"number of failed transactions: (\d+)")


class Failed(Exception):
    """A workload that did not run as it should."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A figure to be measured: higher is better for rates, lower for seconds."""

    name: str
    unit: str  # tps, rows/s, s
    run: Callable[[Server, Size], float]

    @property
    def higher_is_better(self) -> bool:
        """Whether the figure is a rate."""
        return self.unit != "s"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    seconds: int
    scale: int
    copy_rows: int
    runs: int
    tpch_scale: float
    index_rows: int = INDEX_ROWS


FULL = Size(seconds=10, scale=10, copy_rows=COPY_ROWS, runs=5, tpch_scale=1.0)
QUICK = Size(seconds=3, scale=2, copy_rows=100_000, runs=1, tpch_scale=0.1, index_rows=500_000)


def initialise(server: Server, size: Size) -> None:
    """Fill the tables of pgbench."""
    subprocess.run(
        ["pgbench", "-i", "-s", str(size.scale), "-I", "dtgvpf", "-q"],
        env=server.environment(), check=True, capture_output=True,
    )  # fmt: skip


def pgbench(*arguments: str, settings: str = "") -> Callable[[Server, Size], float]:
    """Transactions a second of a pgbench run, in sessions with these settings; any failed transaction is a failure."""

    def run(server: Server, size: Size) -> float:
        command = ["pgbench", "-n", "-T", str(size.seconds), *arguments]
        environment = {**server.environment(), "PGOPTIONS": settings}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        tps, failed = TPS.search(done.stdout), FAILED.search(done.stdout)
        if done.returncode or tps is None or (failed is not None and int(failed[1])):
            raise Failed(f"{' '.join(command)} on {server.name}: {done.stderr[-500:]}")
        return float(tps[1])

    return run


def copy_in(server: Server, size: Size) -> float:
    """Rows a second of COPY FROM STDIN into a table with a primary key, in the shape of pgbench_accounts."""
    filler = " " * 84
    chunks = [
        "".join(
            f"{row}\t{row // 100_000 + 1}\t0\t{filler}\n" for row in range(first, first + 10_000)
        ).encode()
        for first in range(0, size.copy_rows, 10_000)
    ]
    with server.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS copied")
        connection.execute(
            "CREATE TABLE copied (aid int PRIMARY KEY, bid int, abalance int, filler char(84))"
        )
        started = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
            for chunk in chunks:
                copy.write(chunk)
        return size.copy_rows / (time.perf_counter() - started)


def fill_copied(server: Server, size: Size) -> None:
    """See to the table that COPY FROM has filled, for those who read it alone."""
    with server.connect() as connection:
        row = connection.execute("SELECT to_regclass('copied') IS NOT NULL").fetchone()
    if row != (True,):
        copy_in(server, size)


def copy_out(server: Server, size: Size) -> float:
    """Rows a second of COPY TO STDOUT; most of the time goes to psycopg, which hands out row by row."""
    fill_copied(server, size)
    with server.connect() as connection:
        started = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy("COPY copied TO STDOUT") as copy:
            for _ in copy:
                pass
        return size.copy_rows / (time.perf_counter() - started)


def copy_out_raw(server: Server, size: Size) -> float:
    """As copy_out, to a client that does nothing but receive: what the server alone takes."""
    fill_copied(server, size)
    query = b"COPY copied TO STDOUT\0"
    buffer = bytearray(RECEIVE_BYTES)
    with server.connect() as connection, socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.setblocking(True)
        started = time.perf_counter()
        wire.sendall(b"Q" + (len(query) + 4).to_bytes(4, "big") + query)
        end = b""
        while not end.endswith(READY_FOR_QUERY):
            count = wire.recv_into(buffer)
            end = (end + buffer[max(0, count - len(READY_FOR_QUERY)) : count])[
                -len(READY_FOR_QUERY) :
            ]
        return size.copy_rows / (time.perf_counter() - started)


def select_all(server: Server, size: Size) -> float:
    """Rows a second of SELECT * into psycopg in binary, fetched but not made Python values."""
    fill_copied(server, size)
    with server.connect() as connection:
        started = time.perf_counter()
        result = connection.pgconn.exec_params(b"SELECT * FROM copied", None, result_format=1)
        assert result.ntuples == size.copy_rows, result.error_message
        return size.copy_rows / (time.perf_counter() - started)


def create_index(server: Server, size: Size) -> float:
    """Rows a second of CREATE INDEX on numbers in no order."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT reltuples FROM pg_class WHERE relname = 'indexed'"
        ).fetchone()
        if row is None:
            connection.execute(
                "CREATE TABLE indexed AS SELECT g AS id, (g::bigint * 7919 % 10000019)::int AS value"
                f" FROM generate_series(1, {size.index_rows}) g"
            )
            connection.execute("VACUUM ANALYZE indexed")
        started = time.perf_counter()
        connection.execute("CREATE INDEX indexed_value ON indexed (value)")
        seconds = time.perf_counter() - started
        connection.execute("DROP INDEX indexed_value")
        return size.index_rows / seconds


def insert_rows(server: Server, size: Size) -> float:
    """Rows a second of INSERTs of many rows of literals each, into a table with a primary key."""
    statements = [
        "INSERT INTO inserted VALUES "
        + ", ".join(
            f"({row}, {row % 97}, {row}.25, 'row number {row}')"
            for row in range(first, first + INSERTED_ROWS)
        )
        for first in range(0, size.copy_rows // 10, INSERTED_ROWS)
    ]
    with server.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS inserted")
        connection.execute(
            "CREATE TABLE inserted (id int PRIMARY KEY, part int, price numeric, name text)"
        )
        started = time.perf_counter()
        for statement in statements:
            connection.execute(statement.encode())
        return len(statements) * INSERTED_ROWS / (time.perf_counter() - started)


def update_all(server: Server, size: Size) -> float:
    """Rows a second of an UPDATE of every row that COPY has just brought."""
    copy_in(server, size)
    with server.connect() as connection:
        started = time.perf_counter()
        connection.execute("UPDATE copied SET abalance = abalance + 1")
        return size.copy_rows / (time.perf_counter() - started)


PAIRED: tuple[Workload, ...] = (
    *(
        Workload(
            f"pgbench -S -M prepared c={clients}",
            "tps",
            pgbench("-S", "-M", "prepared", "-c", str(clients), "-j", "2" if clients > 1 else "1"),
        )
        for clients in (1, 8, 32)
    ),
    Workload(
        "pgbench -S -M simple c=8", "tps", pgbench("-S", "-M", "simple", "-c", "8", "-j", "2")
    ),
    *(
        Workload(
            f"pgbench TPC-B -M prepared c={clients}",
            "tps",
            pgbench("-M", "prepared", "-c", str(clients), "-j", "2" if clients > 1 else "1"),
        )
        for clients in (1, 8, 32)
    ),
    Workload(
        "pgbench TPC-B -M prepared c=8, synchronous_commit off",
        "tps",
        pgbench("-M", "prepared", "-c", "8", "-j", "2", settings="-c synchronous_commit=off"),
    ),
    *(
        Workload(
            f"pgbench -N -M prepared c={clients}",
            "tps",
            pgbench("-N", "-M", "prepared", "-c", str(clients), "-j", "2"),
        )
        for clients in (8, 32)
    ),
    Workload("pgbench -C -S c=1", "tps", pgbench("-C", "-S", "-c", "1")),
    Workload("COPY FROM, primary key", "rows/s", copy_in),
    Workload("COPY TO", "rows/s", copy_out),
    Workload("COPY TO, raw socket", "rows/s", copy_out_raw),
    Workload("SELECT *, binary", "rows/s", select_all),
    Workload("CREATE INDEX", "rows/s", create_index),
    Workload("INSERT, 1000 rows each", "rows/s", insert_rows),
    Workload("UPDATE, all rows", "rows/s", update_all),
)


def median_seconds(run: Callable[[], object], runs: int) -> float:
    """The median of several runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def query_seconds(
    connection: psycopg.Connection[tuple[object, ...]], text: str, runs: int
) -> float:
    """The median time of a query with its rows fetched."""
    return median_seconds(lambda: connection.execute(text.encode()).fetchall(), runs)


def tpch_files(folder: Path, scale: float) -> Path:
    """TPC-H data as generated by tpchgen-cli, once a scale."""
    target = folder / f"tpch-{scale:g}"
    if not (target / "lineitem.tbl").exists():
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                str(Path(sys.executable).parent / "tpchgen-cli"),
                "-s",
                f"{scale:g}",
                "--output-dir",
                str(target),
            ],
            check=True,
        )
    return target
