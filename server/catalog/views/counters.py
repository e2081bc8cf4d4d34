"""What was counted: scans, changes, calls and blocks by table, index, function, sequence and database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.database_activity import US_PER_MS
from server.catalog.objects import Database, Index, Sequence, Table
from server.catalog.routine_objects import UserFunction
from server.catalog.table_activity import NOT_SCANNED, Scanned, changes_since, counts_since
from server.catalog.views.classes import SYSTEM_SCHEMAS
from server.catalog.views.listings import name_of
from server.catalog.views.relation import SystemRelation
from storage.engine import Counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.catalog.views.relation import Row


def _is_user(value: Table) -> bool:
    return value.schema not in SYSTEM_SCHEMAS


NS_PER_MS = 1e6
HEAP_BLOCKS = ("heap_blks_read", "heap_blks_hit")
INDEX_BLOCKS = ("idx_blks_read", "idx_blks_hit")


def scans_of(database: Any, relation: Table | Index) -> Scanned:
    """What was counted of the scans of a table or an index since its last reset."""
    return _scans(database, relation).since(database.tables.of(relation.oid).scans_at_reset)


def _scans(database: Any, relation: Table | Index) -> Scanned:
    counts = database.engine.scans.get(relation.storage_id)
    return NOT_SCANNED if counts is None else Scanned(counts.scans, counts.returned, counts.fetched)


def _counts(database: Any, table: Table) -> Counts:
    found: Counts = (
        database.engine.relation(table.storage_id).counts if table.storage_id else Counts()
    )
    return found


def reset_counters(database: Any, relation: Table | Index) -> None:
    """Have the counters of a table or an index tell what comes from now on."""
    counts = _counts(database, relation) if isinstance(relation, Table) else Counts()
    database.tables.of(relation.oid).reset(replace(counts), _scans(database, relation))


def _scanned(database: Any, table: Table, indexes: Iterable[Index]) -> Row:
    """How a table was read; what is about its indexes is NULL where it has none."""
    own = scans_of(database, table)
    found = [scans_of(database, index) for index in indexes]
    return {
        "seq_scan": own.scans,
        "seq_tup_read": own.returned,
        "idx_scan": sum(each.scans for each in found) if found else None,
        "idx_tup_fetch": own.fetched + sum(each.fetched for each in found) if found else None,
        **dict.fromkeys(HEAP_BLOCKS, 0),
        **dict.fromkeys(INDEX_BLOCKS, 0 if found else None),
    }


def _maintenance(database: Any, table: Table) -> Row:
    """What was done to a table, and when it was last vacuumed and analysed."""
    activity = database.tables.of(table.oid)
    relation = database.engine.relation(table.storage_id) if table.storage_id else None
    counts = Counts() if relation is None else relation.counts
    shown = counts_since(counts, activity.at_reset)
    return {
        "n_tup_ins": shown.inserted,
        "n_tup_upd": shown.updated,
        "n_tup_hot_upd": shown.updated - shown.updated_keys,
        "n_tup_del": shown.deleted,
        "n_live_tup": 0 if relation is None else relation.row_estimate,
        "n_dead_tup": 0 if relation is None else relation.reclaimable_count,
        "n_mod_since_analyze": changes_since(counts, activity.at_analyze),
        "n_ins_since_vacuum": max(0, counts.inserted - activity.at_vacuum.inserted),
        "last_vacuum": activity.last_vacuum_us,
        "last_autovacuum": activity.last_autovacuum_us,
        "last_analyze": activity.last_analyze_us,
        "last_autoanalyze": activity.last_autoanalyze_us,
        "vacuum_count": activity.vacuum_count,
        "autovacuum_count": activity.autovacuum_count,
        "analyze_count": activity.analyze_count,
        "autoanalyze_count": activity.autoanalyze_count,
    }


def table_counters(session: Any, table: Table) -> Row:
    """What pg_stat_all_tables and its kin count of a table."""
    indexes = session.transaction.catalog.indexes_of(table.oid)
    return {**_scanned(session.database, table, indexes), **_maintenance(session.database, table)}


def _table_rows(session: Any, *, system: bool | None) -> Iterator[Row]:
    view = session.transaction.catalog
    for table in view.objects(Table):
        if table.kind not in "rm" or (system is not None and _is_user(table) == system):
            continue
        yield {
            **table_counters(session, table),
            "relid": table.oid,
            "schemaname": name_of(view, table.schema),
            "relname": table.name,
        }


def _index_rows(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for index in view.objects(Index):
        scans = scans_of(session.database, index)
        yield {
            "idx_scan": scans.scans,
            "idx_tup_read": scans.returned,
            "idx_tup_fetch": scans.fetched,
            "relid": index.table,
            "indexrelid": index.oid,
            "schemaname": name_of(view, index.schema),
            "relname": name_of(view, index.table),
            "indexrelname": index.name,
            **dict.fromkeys(INDEX_BLOCKS, 0),
        }


def _function_rows(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for oid, activity in sorted(session.database.functions.found.items()):
        function = view.object(oid)
        if isinstance(function, UserFunction):
            yield {
                "funcid": oid,
                "schemaname": name_of(view, function.schema),
                "funcname": function.name,
                "calls": activity.calls,
                "total_time": activity.total_ns / NS_PER_MS,
                "self_time": activity.self_ns / NS_PER_MS,
            }


def _sequence_rows(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for value in view.objects(Sequence):
        yield {
            "relid": value.oid,
            "schemaname": name_of(view, value.schema),
            "relname": value.name,
            "blks_read": 0,
            "blks_hit": 0,
        }


DATABASE_COUNTERS = [
    "xact_commit",
    "xact_rollback",
    "blks_read",
    "blks_hit",
    "tup_returned",
    "tup_fetched",
    "tup_inserted",
    "tup_updated",
    "tup_deleted",
    "conflicts",
    "temp_files",
    "temp_bytes",
    "deadlocks",
    "sessions",
    "sessions_abandoned",
    "sessions_fatal",
    "sessions_killed",
    "checksum_failures",
]
DATABASE_TIMES = [
    "blk_read_time",
    "blk_write_time",
    "session_time",
    "active_time",
    "idle_in_transaction_time",
]


def note_rows(database: Any) -> None:
    """Have every database know what was done to its tables so far, and how they were read."""
    engine = database.engine
    for oid, view in tuple(database.catalog.views.items()):
        tables = [table for table in view.objects(Table) if table.storage_id and table.kind in "rm"]
        database.activities[oid].look_at(
            ((table.storage_id, engine.relation(table.storage_id).counts) for table in tables),
            (
                (relation.oid, engine.scans[relation.storage_id])
                for relation in (*tables, *view.objects(Index))
                if relation.storage_id in engine.scans
            ),
        )


def _database_rows(session: Any) -> Iterator[Row]:
    database, now_us = session.database, session.clock.now_us()
    note_rows(database)
    sessions = list(database.sessions.values())
    nothing: Row = {
        **dict.fromkeys(DATABASE_COUNTERS, 0),
        **dict.fromkeys(DATABASE_TIMES, 0.0),
    }
    yield {**nothing, "datid": 0, "datname": None, "numbackends": 0}  # what all databases share
    for value in session.transaction.catalog.objects(Database):
        activity = database.activities[value.oid]
        shown = activity.shown(now_us)
        yield {
            **nothing,
            **shown,
            "session_time": shown.get("session_time", 0) / US_PER_MS,
            "stats_reset": activity.reset_us,
            "datid": value.oid,
            "datname": value.name,
            "numbackends": sum(other.database_oid == value.oid for other in sessions),
        }


def _checkpoints(session: Any) -> Iterator[Row]:
    numbers = [
        "checkpoints_timed",
        "checkpoints_req",
        "buffers_checkpoint",
        "buffers_clean",
        "maxwritten_clean",
        "buffers_backend",
        "buffers_backend_fsync",
        "buffers_alloc",
    ]
    times = ("checkpoint_write_time", "checkpoint_sync_time")
    yield {**dict.fromkeys(numbers, 0), **dict.fromkeys(times, 0.0)}


def _all(session: Any) -> Iterator[Row]:
    return _table_rows(session, system=None)


def _user(session: Any) -> Iterator[Row]:
    return _table_rows(session, system=False)


def _system(session: Any) -> Iterator[Row]:
    return _table_rows(session, system=True)


RELATIONS = (
    SystemRelation(name="pg_stat_all_tables", live=_all),
    SystemRelation(name="pg_stat_user_tables", live=_user),
    SystemRelation(name="pg_stat_sys_tables", live=_system),
    SystemRelation(name="pg_stat_xact_all_tables", live=_all),
    SystemRelation(name="pg_stat_xact_user_tables", live=_user),
    SystemRelation(name="pg_statio_all_tables", live=_all),
    SystemRelation(name="pg_statio_user_tables", live=_user),
    SystemRelation(name="pg_stat_all_indexes", live=_index_rows),
    SystemRelation(name="pg_stat_user_indexes", live=_index_rows),
    SystemRelation(name="pg_statio_all_indexes", live=_index_rows),
    SystemRelation(name="pg_statio_user_indexes", live=_index_rows),
    SystemRelation(name="pg_statio_all_sequences", live=_sequence_rows),
    SystemRelation(name="pg_statio_user_sequences", live=_sequence_rows),
    SystemRelation(name="pg_stat_user_functions", live=_function_rows),
    SystemRelation(name="pg_stat_database", live=_database_rows),
    SystemRelation(name="pg_stat_bgwriter", live=_checkpoints),
)
