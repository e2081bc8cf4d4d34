"""Who, where and what: the session, its settings, types of values, and the server.

All of it comes from the execution of the call: `session` (user, database_name, pid, search_path(),
settings), `catalog` and `settings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue, UndefinedObject
from server.functions.declare import row
from server.types.array import Array, make_array
from server.types.names import format_type
from server.types.registry import TYPE_BY_OID

if TYPE_CHECKING:
    from server.functions.function import CallContext

NAME: Final = 19
VERSION: Final = "15.0"
TEMPORARY_PREFIX: Final = "pg_temp"


def _version(context: CallContext) -> str:
    return f"PostgreSQL {VERSION} (RustyDB)"


def _database(context: CallContext) -> str:
    return str(context.execution.session.database_name)


def _user(context: CallContext) -> str:
    return str(context.execution.session.user)


def _session_user(context: CallContext) -> str:
    return str(context.execution.session.session_user)


def _path(context: CallContext) -> list[str]:
    """Names of the schemas on the search path, implicit ones included."""
    catalog = context.execution.catalog
    found = [catalog.object(oid) for oid in context.execution.session.search_path()]
    return [schema.name for schema in found if schema is not None]


def _is_implicit(name: str) -> bool:
    return name == "pg_catalog" or name.startswith(TEMPORARY_PREFIX)


def _schema(context: CallContext) -> str | None:
    return next((name for name in _path(context) if not _is_implicit(name)), None)


def _schemas(context: CallContext, implicit: bool) -> Array:
    names = [name for name in _path(context) if implicit or not _is_implicit(name)]
    return make_array(NAME, tuple(names))


def _backend(context: CallContext) -> int:
    return int(context.execution.session.pid)


def _type_of(context: CallContext, value: Any) -> int:
    return context.arguments[0].oid


def _format_type(context: CallContext, oid: int | None, modifier: int | None) -> str | None:
    if oid is None:
        return None
    if oid in TYPE_BY_OID:
        return format_type(oid, modifier)
    names = context.style.names
    found = None if names is None else names.name_of("regtype", oid)
    return "???" if found is None else found


def _setting(context: CallContext, name: str, missing_ok: bool = False) -> str | None:
    try:
        return str(context.execution.session.settings.show(name))
    except UndefinedObject:
        if missing_ok:
            return None
        raise


def _set_setting(
    context: CallContext, name: str | None, value: str | None, local: bool | None
) -> str | None:
    if name is None:
        raise InvalidParameterValue("SET requires parameter name")
    settings = context.execution.session.settings
    settings.set(name, value, local=bool(local))
    return str(settings.show(name))


def _encoding_name(number: int) -> str:
    return {0: "SQL_ASCII", 6: "UTF8", 8: "LATIN1"}.get(number, "")


def _encoding_number(name: str) -> int:
    return {"UTF8": 6, "UNICODE": 6, "SQL_ASCII": 0, "LATIN1": 8}.get(name.upper(), -1)


def _transaction_id(context: CallContext) -> int:
    return int(context.execution.transaction.xid)


def _server_started(context: CallContext) -> int:
    return int(context.execution.session.database.started_us)


def _random(context: CallContext) -> float:
    return float(context.execution.random.random())


def _seed(context: CallContext, seed: float) -> None:
    if not -1 <= seed <= 1:
        raise InvalidParameterValue(f"setseed parameter {seed:g} is out of allowed range [-1,1]")
    context.execution.random.seed(seed)


_ENCODING = "The server's encoding."

FUNCTIONS: Final = (
    row("89 version() text stable context", _version, "The server's version."),
    row("861 current_database() name stable context", _database, "The database in use."),
    row(
        "745 current_user() name stable context",
        _user,
        "The role that permissions are checked for.",
    ),
    row("746 session_user() name stable context", _session_user, "The role that logged in."),
    row(
        "710 getpgusername() name stable context",
        _user,
        "The role that permissions are checked for.",
    ),
    row("1402 current_schema() name stable context", _schema, "The schema that new objects go to."),
    row(
        "1403 current_schemas(bool) _name stable context",
        _schemas,
        "The schemas searched for names.",
    ),
    row("2026 pg_backend_pid() int4 stable context", _backend, "The session's number."),
    row(
        "1619 pg_typeof(any) regtype stable lax context",
        _type_of,
        "The type of a value.",
    ),
    row(
        "1081 format_type(oid, int4) text stable lax context",
        _format_type,
        "SQL name of a type.",
        "1043, 14 -> character varying(10)",
    ),
    row("2077 current_setting(text) text stable context", _setting, "Value of a setting."),
    row(
        "3294 current_setting(text, bool) text stable context",
        _setting,
        "Value of a setting, perhaps missing.",
    ),
    row(
        "2078 set_config(text, text, bool) text volatile lax context",
        _set_setting,
        "Changes a setting.",
    ),
    row(
        "1597 pg_encoding_to_char(int4) name stable",
        _encoding_name,
        "Name of an encoding.",
        "6 -> UTF8",
    ),
    row(
        "1264 pg_char_to_encoding(name) int4 stable",
        _encoding_number,
        "Number of an encoding.",
        "'UTF8' -> 6",
    ),
    row("1039 getdatabaseencoding() name stable", lambda: "UTF8", _ENCODING, " -> UTF8"),
    row(
        "810 pg_client_encoding() name stable", lambda: "UTF8", "The client's encoding.", " -> UTF8"
    ),
    row(
        "3810 pg_is_in_recovery() bool volatile", lambda: False, "Whether the server only replays."
    ),
    row(
        "2560 pg_postmaster_start_time() timestamptz stable context",
        _server_started,
        "When the server started.",
    ),
    row("2943 txid_current() int8 stable context", _transaction_id, "Number of the transaction."),
    row(
        "5059 pg_current_xact_id() xid8 stable context",
        _transaction_id,
        "Number of the transaction.",
    ),
    row("1598 random() float8 volatile context", _random, "A random number from 0 to 1."),
    row("1599 setseed(float8) void volatile context", _seed, "Where random numbers begin."),
)
