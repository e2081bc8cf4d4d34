"""pg_stat_statements: which statements run, how often and for how long.

Pages, WAL and times of planning are not counted: their columns hold zeros.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.extensions.extension import Extension

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAN_COLUMNS: Final = "total_plan_time min_plan_time max_plan_time mean_plan_time stddev_plan_time"
TIME_COLUMNS: Final = "total_exec_time min_exec_time max_exec_time mean_exec_time stddev_exec_time"
BLOCK_COLUMNS: Final = (
    "shared_blks_hit shared_blks_read shared_blks_dirtied shared_blks_written local_blks_hit "
    "local_blks_read local_blks_dirtied local_blks_written temp_blks_read temp_blks_written"
)
IO_COLUMNS: Final = "blk_read_time blk_write_time temp_blk_read_time temp_blk_write_time"
JIT_COLUMNS: Final = (
    "jit_functions jit_generation_time jit_inlining_count jit_inlining_time "
    "jit_optimization_count jit_optimization_time jit_emission_count jit_emission_time"
)


def _columns(names: str, kind: str) -> list[tuple[str, str]]:
    return [(name, kind) for name in names.split()]


COLUMNS: Final = (
    ("userid", "oid"),
    ("dbid", "oid"),
    ("toplevel", "bool"),
    ("queryid", "bigint"),
    ("query", "text"),
    ("plans", "int8"),
    *_columns(PLAN_COLUMNS, "float8"),
    ("calls", "int8"),
    *_columns(TIME_COLUMNS, "float8"),
    ("rows", "int8"),
    *_columns(BLOCK_COLUMNS, "int8"),
    *_columns(IO_COLUMNS, "float8"),
    ("wal_records", "int8"),
    ("wal_fpi", "int8"),
    ("wal_bytes", "numeric"),
    *((name, "float8" if name.endswith("_time") else "int8") for name in JIT_COLUMNS.split()),
)
ZEROS: Final[dict[str, Any]] = {"float8": 0.0, "numeric": Decimal(0)}
HIDDEN: Final = "<insufficient privilege>"
SIGN: Final = 1 << 63


def _statements(call: Any, with_text: bool) -> Iterator[tuple[Any, ...]]:
    session = call.execution.session
    sees_all = session.rights.read_all_statistics()
    for (role, database, number), entry in session.database.statement_statistics.entries():
        is_seen = sees_all or role == session.user_oid
        known = {
            "userid": role,
            "dbid": database,
            "toplevel": True,
            "queryid": (number & 2 * SIGN - 1) - 2 * SIGN * bool(number & SIGN)
            if is_seen
            else None,
            "query": (entry.text if is_seen else HIDDEN) if with_text else None,
            "calls": entry.calls,
            "total_exec_time": entry.total_ms,
            "min_exec_time": entry.least_ms,
            "max_exec_time": entry.most_ms,
            "mean_exec_time": entry.mean_ms,
            "stddev_exec_time": entry.deviation_ms,
            "rows": entry.rows,
        }
        yield tuple(known.get(name, ZEROS.get(kind, 0)) for name, kind in COLUMNS)


def _reset(call: Any, role: int, database: int, number: int) -> str:
    number = number + 2 * SIGN if number < 0 else number
    call.execution.session.database.statement_statistics.reset(role, database, number)
    return ""


def _info(call: Any) -> tuple[int, int]:
    statistics = call.execution.session.database.statement_statistics
    return statistics.dropped_count, statistics.reset_us


WORDS: Final = "| volatile strict"
OUTPUTS: Final = ", ".join(f"out {name} {kind}" for name, kind in COLUMNS)
DECLARATIONS: Final = f"""
pg_stat_statements_reset(userid oid default 0, dbid oid default 0, queryid int8 default 0) void {WORDS} = reset
pg_stat_statements_info(out dealloc int8, out stats_reset timestamptz) record {WORDS} = info
pg_stat_statements(showtext boolean, {OUTPUTS}) setof record {WORDS} = statements
"""
PG_STAT_STATEMENTS: Final = Extension(
    name="pg_stat_statements",
    trusted=False,
    version="1.10",
    comment="track planning and execution statistics of all SQL statements executed",
    declarations=DECLARATIONS,
    functions={"reset": _reset, "info": _info, "statements": _statements},
    in_context=frozenset(("reset", "info", "statements")),
    more="""
create view pg_stat_statements as select * from pg_stat_statements(true);
create view pg_stat_statements_info as select * from pg_stat_statements_info();
grant select on pg_stat_statements, pg_stat_statements_info to public;
revoke all on function pg_stat_statements_reset(oid, oid, bigint) from public;
""",
)
