"""The tables of random queries: small, with NULLs and duplicates."""

from __future__ import annotations

from random import Random
from typing import Final

COLUMNS: Final = (
    ("id", "int"),
    ("a", "int"),
    ("b", "int"),
    ("c", "text"),
    ("d", "numeric"),
    ("e", "date"),
    ("f", "bool"),
    ("g", "bigint"),
)
TABLES: Final = {"t1": 12, "t2": 9, "t3": 20, "t4": 0, "t5": 3}
"""Names, and how many rows each has."""

_VALUES: Final = {
    "int": ("0", "1", "2", "3", "4", "-1", "7"),
    "bigint": ("0", "1", "2", "3", "10", "5000000000"),
    "text": ("''", "'a'", "'b'", "'ab'", "'A'", "'xyz'", "'%_'"),
    "numeric": ("0", "1", "1.5", "2.50", "-3.25", "100"),
    "date": ("'2020-01-01'", "'2020-02-29'", "'2021-12-31'", "'1999-12-31'"),
    "bool": ("true", "false"),
}


def statements(seed: int = 0) -> list[str]:
    """What makes the tables anew."""
    random = Random(seed)
    found = ["drop schema if exists rq cascade", "create schema rq", "set search_path to rq"]
    for table, rows in TABLES.items():
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS[1:])
        found.append(f"create table {table} (id int primary key, {columns})")
        if table in ("t1", "t3"):
            found.append(f"create index on {table} (a)")
        for number in range(1, rows + 1):
            values = [str(number)]
            for _, kind in COLUMNS[1:]:
                is_null = random.random() < 0.2
                values.append("null" if is_null else random.choice(_VALUES[kind]))
            found.append(f"insert into {table} values ({', '.join(values)})")
        found.append(f"analyze {table}")
    return found
