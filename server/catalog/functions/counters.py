"""pg_stat_get_...: what the statistics views show, by OID; and the functions that reset and flush counters.

Rule 1: a function and the column of a view of the same meaning have one source.
Rule 2: counters are never set to zero: they are what maintenance goes by; what is shown has come since the last
        reset. Nothing is flushed, as all is counted at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.functions.scope import object_of, session_of, view_of
from server.catalog.objects import Database, Index, Table
from server.catalog.routine_objects import UserFunction
from server.catalog.views.counters import (
    NS_PER_MS,
    note_rows,
    reset_counters,
    scans_of,
    table_counters,
)
from server.errors import InvalidParameterValue, NumericValueOutOfRange, WrongObjectType
from server.functions.declare import row

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext

# OID, function without its prefix, column of pg_stat_all_tables
COUNTS: Final = """
1931 tuples_inserted n_tup_ins
1932 tuples_updated n_tup_upd
1933 tuples_deleted n_tup_del
1972 tuples_hot_updated n_tup_hot_upd
1934 blocks_fetched heap_blks_read
1935 blocks_hit heap_blks_hit
2878 live_tuples n_live_tup
2879 dead_tuples n_dead_tup
3054 vacuum_count vacuum_count
3055 autovacuum_count autovacuum_count
3056 analyze_count analyze_count
3057 autoanalyze_count autoanalyze_count
3177 mod_since_analyze n_mod_since_analyze
5053 ins_since_vacuum n_ins_since_vacuum
"""
# OID, function without its prefix, field of Scanned
SCANS: Final = """
1928 numscans scans
1929 tuples_returned returned
1930 tuples_fetched fetched
"""
TIMES: Final = """
2781 last_vacuum_time last_vacuum
2782 last_autovacuum_time last_autovacuum
2783 last_analyze_time last_analyze
2784 last_autoanalyze_time last_autoanalyze
"""
FIXED_KINDS: Final = frozenset(("archiver", "bgwriter", "checkpointer", "slru", "wal"))
OF_OBJECTS: Final = frozenset(("relation", "function", "replslot", "subscription"))
RESET_TARGETS: Final = frozenset(("archiver", "bgwriter", "recovery_prefetch", "wal"))
BLOCK_MAX: Final = 2**32 - 1  # which stands for all


def _counter(column: str, missing: int | None) -> Callable[[CallContext, int], int | None]:
    def read(call: CallContext, oid: int) -> int | None:
        table = object_of(call, oid, Table)
        if table is None:
            return missing
        found: int | None = table_counters(session_of(call), table).get(column)
        return found

    return read


def _scans(part: str) -> Callable[[CallContext, int], int]:
    def read(call: CallContext, oid: int) -> int:
        relation = view_of(call).object(oid)
        if not isinstance(relation, Table | Index):
            return 0
        found: int = getattr(scans_of(session_of(call).database, relation), part)
        return found

    return read


def _have_stats(call: CallContext, kind: str, database: int, oid: int) -> bool:
    view = view_of(call)
    if kind in FIXED_KINDS:
        return True
    if kind == "database":
        return not oid and isinstance(view.object(database), Database)
    if kind not in OF_OBJECTS:
        raise InvalidParameterValue(f'invalid statistics kind: "{kind}"')
    if database != session_of(call).database_oid:
        return False
    if kind == "function":
        return oid in session_of(call).database.functions.found
    return isinstance(view.object(oid), Table | Index) and kind == "relation"


def _reset_shared(_: CallContext, target: str) -> str:
    if target not in RESET_TARGETS:
        raise InvalidParameterValue(
            f'unrecognized reset target: "{target}"',
            hint='Target must be "archiver", "bgwriter", "recovery_prefetch", or "wal".',
        )
    return ""


def _function(part: str, divisor: float) -> Callable[[CallContext, int], float | None]:
    def read(call: CallContext, oid: int) -> float | None:
        activity = session_of(call).database.functions.found.get(oid)
        if activity is None or object_of(call, oid, UserFunction) is None:
            return None
        count: int = getattr(activity, part)
        return count / divisor if divisor else count

    return read


def _reset_function(call: CallContext, oid: int) -> str:
    session = session_of(call)
    session.database.functions.reset(oid)
    session.database.activities[session.database_oid].reset_us = session.clock.now_us()
    return ""


def _done(*_: Any) -> str:
    return ""


def _reset_database(call: CallContext) -> str:
    session = session_of(call)
    note_rows(session.database)
    session.database.activities[session.database_oid].reset(session.clock.now_us())
    view = view_of(call)
    relations: tuple[Table | Index, ...] = (*view.objects(Table), *view.objects(Index))
    for relation in relations:
        reset_counters(session.database, relation)
    for function in view.objects(UserFunction):
        session.database.functions.reset(function.oid)
    return ""


def _reset_relation(call: CallContext, oid: int) -> str:
    """As PostgreSQL does, note the moment for the whole database."""
    session = session_of(call)
    relation = view_of(call).object(oid)
    if isinstance(relation, Table | Index):
        reset_counters(session.database, relation)
    session.database.activities[session.database_oid].reset_us = session.clock.now_us()
    return ""


def _brin_index(call: CallContext, oid: int) -> Index:
    found = view_of(call).object(oid)
    name = "" if found is None else found.name
    if not isinstance(found, Index):
        raise WrongObjectType(f'"{name}" is not an index')
    if found.method != "brin":
        raise WrongObjectType(f'"{name}" is not a BRIN index')
    return found


def _summarized(call: CallContext, oid: int, block: int | None = None) -> int:
    """A brin index summarises nothing here, so there is never anything new to summarise."""
    if block is not None and not 0 <= block <= BLOCK_MAX:
        raise NumericValueOutOfRange(f"block number out of range: {block}")
    _brin_index(call, oid)
    return 0


def _desummarized(call: CallContext, oid: int, block: int) -> str:
    _summarized(call, oid, block)
    return ""


def _listed(lines: str) -> list[tuple[str, str, str]]:
    parts = (line.split() for line in lines.split("\n") if line)
    return [(oid, name, column) for oid, name, column in parts]


FUNCTIONS = (
    *(
        row(
            f"{oid} pg_stat_get_{name}(oid) int8 stable context",
            _scans(part),
            f"{part} of the scans of a table or an index",
        )
        for oid, name, part in _listed(SCANS)
    ),
    *(
        row(
            f"{oid} pg_stat_get_{name}(oid) int8 stable context",
            _counter(column, 0),
            f"{column} of a table",
        )
        for oid, name, column in _listed(COUNTS)
    ),
    *(
        row(
            f"{oid} pg_stat_get_{name}(oid) timestamptz stable context",
            _counter(column, None),
            f"{column} of a table",
        )
        for oid, name, column in _listed(TIMES)
    ),
    *(
        row(f"{oid} pg_stat_get_{name}(oid) {kind} stable context", _function(part, divisor), doc)
        for oid, name, kind, part, divisor, doc in (
            (2978, "function_calls", "int8", "calls", 0, "how often a function was called"),
            (2979, "function_total_time", "float8", "total_ns", NS_PER_MS, "how long it has run"),
            (2980, "function_self_time", "float8", "self_ns", NS_PER_MS, "how long it has itself"),
        )
    ),
    row(
        "6230 pg_stat_have_stats(text, oid, oid) bool volatile context",
        _have_stats,
        "whether there are statistics of a kind about an object",
    ),
    row("2137 pg_stat_force_next_flush() void volatile", _done, "tells all counters at once"),
    row("2230 pg_stat_clear_snapshot() void volatile", _done, "forgets cached statistics"),
    row(
        "2274 pg_stat_reset() void volatile context",
        _reset_database,
        "has the statistics of the database count from now on",
    ),
    row(
        "3775 pg_stat_reset_shared(text) void volatile context",
        _reset_shared,
        "the same, of counters of the whole server",
    ),
    row("2307 pg_stat_reset_slru(text) void volatile lax", _done, "the same, of caches"),
    row(
        "3776 pg_stat_reset_single_table_counters(oid) void volatile context",
        _reset_relation,
        "of one table or index",
    ),
    row(
        "3777 pg_stat_reset_single_function_counters(oid) void volatile context",
        _reset_function,
        "of a function",
    ),
    row(
        "3952 brin_summarize_new_values(regclass) int4 volatile context",
        _summarized,
        "how many ranges of a brin index were summarised",
    ),
    row(
        "3999 brin_summarize_range(regclass, int8) int4 volatile context",
        _summarized,
        "how many ranges of a brin index were summarised",
    ),
    row(
        "4014 brin_desummarize_range(regclass, int8) void volatile context",
        _desummarized,
        "forgets the summary of a range of a brin index",
    ),
    row(
        "2121 pg_column_compression(any) text stable",
        lambda _: None,
        "how a value is compressed: values of columns are not, row groups are encoded",
    ),
)
