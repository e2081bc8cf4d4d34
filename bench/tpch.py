"""TPC-H on RustyDB and DuckDB: schema, loading, the 22 queries in turn on both.

Queries are read from a folder of q01.sql ... q22.sql (TPCH_QUERIES, default bench/tpch/); they are the TPC-H
specification's with its validation parameters. Data comes from tpchgen-cli.
"""

from __future__ import annotations

import math
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.servers import Server
    from bench.workloads import Size

FOLDER = Path(__file__).parent / "tpch"
TABLES = ("region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem")
COPY_BYTES = 1 << 20


def queries() -> Iterator[tuple[str, str]]:
    """Name and text of each query."""
    for path in sorted(FOLDER.glob("q*.sql")):
        yield path.stem, path.read_text("utf-8").strip().rstrip(";")


def load_rustydb(server: Server, data: Path) -> float:
    """Load all tables through COPY; gives the seconds."""
    started = time.perf_counter()
    with server.connect() as connection:
        connection.execute((FOLDER / "schema.sql").read_bytes())
        for table in TABLES:
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY {table} FROM STDIN (DELIMITER '|')") as copy,
            ):
                for chunk in without_last_bar(data / f"{table}.tbl"):
                    copy.write(chunk)
        connection.execute((FOLDER / "keys.sql").read_bytes())
        connection.execute("ANALYZE")
    return time.perf_counter() - started


def without_last_bar(path: Path) -> Iterator[bytes]:
    """A .tbl file in pieces of whole lines, without the bar that ends each line."""
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(COPY_BYTES):
            lines, newline, rest_of_line = (rest + chunk).rpartition(b"\n")
            rest = rest_of_line
            yield (lines + newline).replace(b"|\n", b"\n")
    if rest:
        yield rest.removesuffix(b"|")


def load_duckdb(path: Path, data: Path) -> Any:
    """A DuckDB database with the same tables, two threads."""
    import duckdb

    connection = duckdb.connect(str(path), config={"threads": 2})
    connection.execute((FOLDER / "schema.sql").read_text("utf-8"))
    for table in TABLES:
        connection.execute(
            f"COPY {table} FROM '{data / f'{table}.tbl'}' (DELIMITER '|', HEADER false)"
        )
    connection.execute("ANALYZE")
    return connection


def compare(server: Server, duck: Any, size: Size) -> dict[str, tuple[float, float]]:
    """Median seconds of each query, ours and DuckDB's, measured in turn."""
    result = {}
    with server.connect() as connection:
        for name, text in queries():
            ours, theirs = [], []
            for _ in range(max(2, size.runs) + 1):
                started = time.perf_counter()
                connection.execute(text.encode(), binary=True).fetchall()
                ours.append(time.perf_counter() - started)
                started = time.perf_counter()
                duck.execute(text).fetchall()
                theirs.append(time.perf_counter() - started)
            result[name] = (statistics.median(ours[1:]), statistics.median(theirs[1:]))
    return result


def geometric_mean(values: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))
