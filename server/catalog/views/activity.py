"""What the server is doing: settings, sessions, prepared statements, cursors, progress, time zones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

from server.catalog.objects import READ_ALL_STATS_OID, ExtensionObject
from server.catalog.privileges import has_privileges_of
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import inet_of, texts
from server.extensions.registry import EXTENSIONS
from server.types.array import make_array
from server.types.interval_style import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.settings import Setting


US_PER_HOUR = 3_600_000_000

# Settings


def plain_value(value: Any) -> str:
    """A setting's value in its base unit, as pg_settings shows it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _setting(setting: Setting, value: Any, source: str) -> Row:
    is_number = setting.kind in ("integer", "real")
    return {
        "name": setting.name,
        "setting": plain_value(value),
        "unit": setting.unit or None,
        "category": setting.category,
        "short_desc": setting.name.replace("_", " "),
        "context": setting.context,
        "vartype": setting.kind,
        "source": source,
        "min_val": plain_value(setting.minimum) if is_number else None,
        "max_val": plain_value(setting.maximum) if is_number else None,
        "enumvals": texts(setting.options) if setting.kind == "enum" else None,
        "boot_val": plain_value(setting.default),
        "reset_val": plain_value(value),
        "pending_restart": False,
    }


def settings_rows(session: Any) -> Iterator[Row]:
    """The rows of pg_settings."""
    for setting, assigned in session.settings.all():
        yield _setting(setting, assigned.value, assigned.source)


# Sessions


NO_PRIVILEGE = "<insufficient privilege>"
SEEN_BY_ALL = frozenset(
    [
        "datid",
        "datname",
        "pid",
        "usesysid",
        "usename",
        "application_name",
        "backend_xid",
        "backend_xmin",
        "query",
    ]
)
"""What everybody may know of a session; the rest is for members of its role and of pg_read_all_stats."""


def _is_seen(session: Any, role_oid: int) -> bool:
    """Whether the current user may know what a session of a role does."""
    view = session.transaction.catalog
    return any(
        has_privileges_of(view, session.user_oid, each) for each in (role_oid, READ_ALL_STATS_OID)
    )


def _shown_session(session: Any, other: Any, **instead: Any) -> Row:
    row = {**_session(session.transaction.catalog, other), **instead}
    if _is_seen(session, other.identity.user_oid):
        return row
    hidden = {name: value for name, value in row.items() if name in SEEN_BY_ALL}
    return {**dict.fromkeys(row), **hidden, "query": NO_PRIVILEGE}


def _session(view: CatalogView, other: Any) -> Row:
    activity, identity = other.activity, other.identity
    running = other.transaction.running
    return {
        "datid": other.database_oid,
        "datname": other.database_name,
        "pid": other.pid,
        "usesysid": identity.user_oid,
        "usename": identity.user,
        "application_name": other.settings.text("application_name"),
        "client_addr": inet_of(identity.client_address),
        "client_port": identity.client_port if identity.client_address else -1,
        "backend_start": activity.started_us,
        "xact_start": running.started_us if running is not None else None,
        "query_start": activity.query_started_us or None,
        "state_change": activity.state_changed_us or None,
        "wait_event_type": "Lock"
        if other.wait_event
        else ("Client" if activity.state != "active" else None),
        "wait_event": other.wait_event or ("ClientRead" if activity.state != "active" else None),
        "state": activity.state,
        "query": activity.query,
        "backend_xid": running.storage.top_xid & LOW_BITS or None if running is not None else None,
        "backend_xmin": None
        if (xmin := other.transaction.backend_xmin) is None
        else xmin & LOW_BITS,
        "backend_type": other.backend_type,
    }


def _sessions(session: Any) -> Iterator[Row]:
    database = session.database
    for other in list(database.sessions.values()) or [session]:
        yield _shown_session(session, other)
    for other in list(database.background.values()):
        query = f"autovacuum: {other.activity.query}"
        yield _shown_session(session, other, client_port=None, query=query)


BUILD_COUNTERS = (
    "lockers_total", "lockers_done", "current_locker_pid", "blocks_total", "blocks_done",
    "tuples_total", "tuples_done", "partitions_total", "partitions_done",
)  # fmt: skip

# Transactions

LOW_BITS = 0xFFFFFFFF


def _prepared_transactions(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for gid, item in session.database.engine.prepared.items():
        prepared_us, owner_oid, database_oid = json.loads(item.state.note)
        owner, database = view.object(owner_oid), view.object(database_oid)
        yield {
            "transaction": item.state.xids[0] & LOW_BITS,
            "gid": gid,
            "prepared": prepared_us,
            "owner": "" if owner is None else owner.name,
            "database": "" if database is None else database.name,
        }


# Prepared statements and cursors


def _prepared(session: Any) -> Iterator[Row]:
    for name, item in session.prepared.items():
        if name:
            yield {
                "name": name,
                "statement": item.sql,
                "prepare_time": item.prepared_us,
                "parameter_types": make_array(2206, tuple(kind.oid for kind in item.parameters)),
                "from_sql": getattr(item, "from_sql", True),
                "generic_plans": 0,
                "custom_plans": 0,
            }


def _cursors(session: Any) -> Iterator[Row]:
    for name, portal in session.portals.items():
        yield {
            "name": name,
            "statement": getattr(portal, "source", ""),
            "is_holdable": portal.held,
            "is_binary": getattr(portal, "binary", False),
            "is_scrollable": bool(getattr(portal, "scroll", False)),
            "creation_time": getattr(portal, "created_us", session.activity.query_started_us),
        }


# Time zones


@lru_cache(maxsize=1)
def _zones(moment: datetime) -> tuple[Row, ...]:
    rows = []
    for name in sorted(available_timezones()):
        local = moment.astimezone(ZoneInfo(name))
        offset = local.utcoffset() or timedelta()
        rows.append(
            {
                "name": name,
                "abbrev": local.tzname(),
                "utc_offset": Interval(0, 0, round(offset.total_seconds() * 1_000_000)),
                "is_dst": bool(local.dst()),
            }
        )
    return tuple(rows)


def time_zones(session: Any) -> Iterator[Row]:
    """The time zones there are, as they are in the hour when the transaction began; zones change with an hour."""
    hours = session.moment() // US_PER_HOUR
    yield from _zones(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(hours=hours))


FINAL_PHASE = "performing final cleanup"


def _vacuums(session: Any) -> Iterator[Row]:
    for item in list(session.database.tables.running.values()):
        done = item.done
        yield {
            "pid": item.pid,
            "datid": item.database_oid,
            "datname": item.database,
            "relid": item.table_oid,
            "phase": done.phase,
            "heap_blks_total": done.group_count,
            "heap_blks_scanned": done.groups_done,
            "heap_blks_vacuumed": done.groups_done if done.phase == FINAL_PHASE else 0,
            "index_vacuum_count": done.indexes_done,
            "max_dead_tuples": 0,
            "num_dead_tuples": len(done.dead_roots),
        }


def _index_builds(session: Any) -> Iterator[Row]:
    for item in list(session.database.tables.building.values()):
        if item.command.startswith("DROP"):
            continue
        yield {
            **dict.fromkeys(BUILD_COUNTERS, 0),
            "pid": item.pid,
            "datid": item.database_oid,
            "datname": item.database,
            "relid": item.table_oid,
            "index_relid": item.index_oid,
            "command": item.command,
            "phase": item.phase,
        }


# Extensions


def _available(view: CatalogView) -> Iterator[Row]:
    comment = "PL/pgSQL procedural language"
    yield {
        "name": "plpgsql",
        "default_version": "1.0",
        "installed_version": "1.0",
        "comment": comment,
    }
    versions = {value.name: value.version for value in view.state.of_kind(ExtensionObject)}
    for extension in EXTENSIONS.values():
        yield {
            "name": extension.name,
            "default_version": extension.version,
            "installed_version": versions.get(extension.name),
            "comment": extension.comment,
        }


RELATIONS = (
    SystemRelation(name="pg_settings", live=settings_rows),
    SystemRelation(name="pg_stat_activity", live=_sessions),
    SystemRelation(name="pg_stat_progress_vacuum", live=_vacuums),
    SystemRelation(name="pg_stat_progress_create_index", live=_index_builds),
    SystemRelation(name="pg_prepared_xacts", live=_prepared_transactions),
    SystemRelation(name="pg_prepared_statements", live=_prepared),
    SystemRelation(name="pg_cursors", live=_cursors),
    SystemRelation(name="pg_timezone_names", live=time_zones),
    SystemRelation(name="pg_available_extensions", objects=_available),
)
