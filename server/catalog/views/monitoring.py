"""What monitoring asks for: the WAL, its archiver, caches, abbreviations of time zones, versions of extensions.

Rule 1: what this server has none of - an archiver, SLRU caches - is there with zeros, as in a PostgreSQL that does
        without.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import ExtensionObject
from server.catalog.views.relation import Row, SystemRelation
from server.extensions.registry import EXTENSIONS
from server.oids import NAME
from server.types.array import make_array
from server.types.calendar import US_PER_SECOND
from server.types.interval_style import Interval
from server.types.zone_words import DAYLIGHT_WORDS, OFFSETS, ZONES
from server.types.zones import abbreviation_zone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView

WAL_COUNTERS: Final = ("wal_records", "wal_fpi", "wal_buffers_full", "wal_write", "wal_sync")
CACHES: Final = (
    *("CommitTs", "MultiXactMember", "MultiXactOffset", "Notify"),
    *("Serial", "Subtrans", "Xact", "other"),
)
CACHE_COUNTERS: Final = (
    *("blks_zeroed", "blks_hit", "blks_read", "blks_written", "blks_exists"),
    *("flushes", "truncates"),
)


def _wal(session: Any) -> Iterator[Row]:
    """The WAL since the cluster was made; what goes into it is not counted by kind."""
    position = session.database.engine.statistics().get("wal_end_lsn", 0)
    yield {
        **dict.fromkeys(WAL_COUNTERS, 0),
        "wal_bytes": Decimal(position),
        "wal_write_time": 0.0,
        "wal_sync_time": 0.0,
    }


def _archiver(_: Any) -> Iterator[Row]:
    yield {"archived_count": 0, "failed_count": 0}


def _caches(_: Any) -> Iterator[Row]:
    for name in CACHES:
        yield {**dict.fromkeys(CACHE_COUNTERS, 0), "name": name}


def _abbreviations(session: Any) -> Iterator[Row]:
    """What abbreviations of time zones mean now."""
    now_us = session.clock.now_us()
    seconds = dict(OFFSETS)
    for word, name in ZONES.items():
        seconds[word] = abbreviation_zone(word, name).at_local(now_us).seconds_east
    for word in sorted(seconds):
        yield {
            "abbrev": word.upper(),
            "utc_offset": Interval(0, 0, seconds[word] * US_PER_SECOND),
            "is_dst": word in DAYLIGHT_WORDS,
        }


def _versions(view: CatalogView) -> Iterator[Row]:
    installed = {value.name: value.version for value in view.state.of_kind(ExtensionObject)}
    for extension in EXTENSIONS.values():
        yield {
            "name": extension.name,
            "version": extension.version,
            "installed": installed.get(extension.name) == extension.version,
            "superuser": True,
            "trusted": extension.trusted,
            "relocatable": extension.relocatable,
            "schema": extension.schema or None,
            "requires": make_array(NAME, extension.requires) if extension.requires else None,
            "comment": extension.comment,
        }


RELATIONS = (
    SystemRelation(name="pg_stat_wal", live=_wal),
    SystemRelation(name="pg_stat_archiver", live=_archiver),
    SystemRelation(name="pg_stat_slru", live=_caches),
    SystemRelation(name="pg_timezone_abbrevs", live=_abbreviations),
    SystemRelation(name="pg_available_extension_versions", objects=_versions),
)
