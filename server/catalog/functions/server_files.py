"""What functions tell of files of the server and of its settings, in PostgreSQL's terms."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from server.catalog.functions.data_files import stat_moment_us
from server.catalog.functions.scope import session_of, view_of
from server.catalog.objects import Database
from server.catalog.tablespaces import DEFAULT_OID
from server.catalog.views.activity import settings_rows, time_zones
from server.catalog.views.moments import FIRST_XID, LOW_BITS
from server.catalog.views.physical import named_facts
from server.extensions.registry import EXTENSIONS
from server.functions.declare import row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext, Function

AGE_MAX, FIRST_MULTIXACT = 0x7FFFFFFF, 1
SETTING_COLUMNS = (
    "name text, setting text, unit text, category text, short_desc text, extra_desc text, context text, "
    "vartype text, source text, min_val text, max_val text, enumvals _text, boot_val text, "
    "reset_val text, sourcefile text, sourceline int4, pending_restart bool"
)
SETTING_NAMES = tuple(part.split(" ")[0] for part in SETTING_COLUMNS.split(", "))
CONTROL_COLUMNS = (
    "pg_control_version int4, catalog_version_no int4, system_identifier int8, "
    "pg_control_last_modified timestamptz"
)
CONTROL_VERSION, CATALOG_VERSION = 1300, 202209061
"""PostgreSQL 15's."""
FILE_COLUMNS = "name text, size int8, modification timestamptz"


def _settings(call: CallContext) -> Iterator[tuple[Any, ...]]:
    for found in settings_rows(session_of(call)):
        yield tuple(found.get(name) for name in SETTING_NAMES)


def _no_files(*arguments: Any) -> Iterator[tuple[Any, ...]]:
    yield from ()


def _time_zones(call: CallContext) -> Iterator[tuple[Any, ...]]:
    for found in time_zones(session_of(call)):
        yield found["name"], found["abbrev"], found["utc_offset"], found["is_dst"]


def _databases_in(call: CallContext, tablespace: int) -> Iterator[int]:
    """All databases are in the default one: others say where relations would lie."""
    if tablespace == DEFAULT_OID:
        yield from (value.oid for value in view_of(call).objects(Database))


def _extensions(call: CallContext) -> Iterator[tuple[Any, ...]]:
    for fact in named_facts("pg_extension"):
        yield fact["extname"], fact["extversion"], "PL/pgSQL procedural language"
    for extension in EXTENSIONS.values():
        yield extension.name, extension.version, extension.comment


def _age(call: CallContext, xid: int) -> int:
    """Transactions since one, which may be one to come; numbers that stand for none are older than all."""
    if xid < FIRST_XID:
        return AGE_MAX
    newest: int = session_of(call).database.engine.log.next_xid
    age = (newest - xid) & LOW_BITS
    return age if age <= AGE_MAX else age - LOW_BITS - 1


def _control(call: CallContext) -> tuple[int, int, int, int]:
    """What tells a cluster from others: a number that its secret gives, for it is made with it and kept."""
    session = session_of(call)
    database = session.database
    digest = sha256(b"system identifier" + database.mock_secret).digest()
    written_us = stat_moment_us(session, "control") or database.started_us
    return CONTROL_VERSION, CATALOG_VERSION, int.from_bytes(digest[:8]) >> 1, written_us


def _multixact_age(call: CallContext, xid: int) -> int:
    """Multixacts since one: there are none, who lock rows together are known by themselves."""
    del call
    return FIRST_MULTIXACT - xid if xid else AGE_MAX


FUNCTIONS: tuple[Function, ...] = (
    row(
        f"3441 pg_control_system() record({CONTROL_COLUMNS}) volatile context",
        _control,
        "which cluster this is",
    ),
    row(
        f"2084 pg_show_all_settings() record({SETTING_COLUMNS}) set stable context",
        _settings,
        "all settings",
    ),
    row(
        f"3354 pg_ls_waldir() record({FILE_COLUMNS}) set volatile",
        _no_files,
        "the files of the write-ahead log: they are not PostgreSQL's",
    ),
    row(
        f"3353 pg_ls_logdir() record({FILE_COLUMNS}) set volatile",
        _no_files,
        "the files of the server's log: it writes to its standard error",
    ),
    row(
        f"5029 pg_ls_tmpdir() record({FILE_COLUMNS}) set volatile",
        _no_files,
        "temporary files: there are none",
    ),
    row(
        f"5030 pg_ls_tmpdir(tablespace oid) record({FILE_COLUMNS}) set volatile",
        _no_files,
        "temporary files of a tablespace: there are none",
    ),
    row(
        f"5031 pg_ls_archive_statusdir() record({FILE_COLUMNS}) set volatile",
        _no_files,
        "what of the write-ahead log waits to be archived, as files: there are none",
    ),
    row(
        "2856 pg_timezone_names() record(name text, abbrev text, utc_offset interval, is_dst bool) "
        "set volatile context",
        _time_zones,
        "the time zones there are",
    ),
    row(
        "2556 pg_tablespace_databases(oid) oid set stable context",
        _databases_in,
        "the databases in a tablespace",
    ),
    row(
        "3082 pg_available_extensions() record(name name, default_version text, comment text) "
        "set stable context",
        _extensions,
        "the extensions that can be had",
    ),
    row("1181 age(xid) int4 stable context", _age, "how many transactions ago one was"),
    row(
        "3939 mxid_age(xid) int4 stable context", _multixact_age, "how many multixacts ago one was"
    ),
)
