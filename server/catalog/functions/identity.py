"""Functions that say who, where and what: user, database, schema, version, process."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any, Final

from protocol.encodings import ENCODINGS, encoding_number
from server.catalog.functions.scope import (
    is_other_temporary,
    names_of,
    session_of,
    temporary_schema,
    view_of,
)
from server.catalog.objects import Role
from server.catalog.views.values import inet_of
from server.functions.declare import row
from server.oids import NAME
from server.settings import VERSION
from server.types.array import Array, make_array

if TYPE_CHECKING:
    from server.functions.function import CallContext
    from server.types.network import Inet

CODE_PAGE_BITS = 64


def version(call: CallContext) -> str:
    """The server's version in a sentence."""
    return (
        f"PostgreSQL {VERSION} (RustyDB) on {platform.machine()}-pc-linux-gnu, "
        f"compiled by CPython {platform.python_version()}, {CODE_PAGE_BITS}-bit"
    )


def _schema_names(call: CallContext, *, implicit: bool) -> list[str]:
    session, view = session_of(call), view_of(call)
    oids = session.search_path() if implicit else session.explicit_search_path()
    found = (view.object(oid) for oid in oids)
    return [value.name for value in found if value is not None]


def _current_schema(call: CallContext) -> str | None:
    return next(iter(_schema_names(call, implicit=False)), None)


def _current_schemas(call: CallContext, implicit: bool) -> Array:
    return make_array(NAME, tuple(_schema_names(call, implicit=implicit)))


def _user_by_id(call: CallContext, oid: int) -> str:
    role = view_of(call).object(oid)
    return role.name if isinstance(role, Role) else f"unknown (OID={oid})"


WIDTHS: Final = (1, 3, 3, 3, 4, 3, 4, 4, *(1,) * 27, 2, 2, 2, 2, 4, 3, 2)
"""How many bytes the characters of encodings have at most, by the numbers of those."""


def _encoding_width(number: int) -> int | None:
    return WIDTHS[number] if 0 <= number < len(WIDTHS) else None


def _encoding_name(number: int) -> str:
    return ENCODINGS[number].name if 0 <= number < len(ENCODINGS) else ""


def _query(call: CallContext) -> str | None:
    text: str = session_of(call).activity.query
    return text or None


def _address(call: CallContext) -> Inet | None:
    return inet_of(session_of(call).identity.client_address)


def _port(call: CallContext) -> int | None:
    identity = session_of(call).identity
    port: int = identity.client_port
    if not identity.client_address or identity.client_address.startswith("/"):
        return None
    return port


def _server_port(call: CallContext) -> int | None:
    if _address(call) is None:
        return None
    port: int = session_of(call).settings.integer("port")
    return port


def _typeof(call: CallContext, value: Any) -> int:
    return call.arguments[0].oid


def _format_type(call: CallContext, oid: int | None, modifier: int | None) -> str | None:
    if oid is None:
        return None
    from server.catalog.visibility import type_text

    names = names_of(call)
    return type_text(names.view, names.path, oid, modifier)


def _start_time(call: CallContext) -> int:
    started: int = session_of(call).database.started_us
    return started


FUNCTIONS = (
    row("89 version() text stable context", version, "the server's version"),
    row(
        "861 current_database() name stable context",
        lambda call: session_of(call).database_name,
        "the name of the database",
    ),
    row("745 current_user() name stable context", lambda call: session_of(call).user, "the user"),
    row(
        "746 session_user() name stable context",
        lambda call: session_of(call).session_user,
        "who logged in",
    ),
    row(
        "1402 current_schema() name stable context",
        _current_schema,
        "the schema new objects go to",
    ),
    row("1403 current_schemas(bool) _name stable context", _current_schemas, "the search path"),
    row("817 current_query() text volatile lax context", _query, "the text of the query"),
    row(
        "2026 pg_backend_pid() int4 stable context",
        lambda call: session_of(call).pid,
        "the number of the session",
    ),
    row(
        "3163 pg_trigger_depth() int4 stable context",
        lambda call: session_of(call).trigger_depth,
        "how many triggers are being run, one inside the other",
    ),
    row("1642 pg_get_userbyid(oid) name stable context", _user_by_id, "the name of a role"),
    row("1597 pg_encoding_to_char(int4) name stable", _encoding_name, "the name of an encoding"),
    row(
        "2319 pg_encoding_max_length(int4) int4",
        _encoding_width,
        "how many bytes a character of an encoding has at most",
    ),
    row("1264 pg_char_to_encoding(name) int4 stable", encoding_number, "an encoding by name"),
    row("1039 getdatabaseencoding() name stable", lambda: "UTF8", "the database's encoding"),
    row(
        "810 pg_client_encoding() name stable context",
        lambda call: session_of(call).settings.text("client_encoding"),
        "the client's encoding",
    ),
    row("2196 inet_client_addr() inet stable lax context", _address, "the client's address"),
    row("2197 inet_client_port() int4 stable lax context", _port, "the client's port"),
    row("2198 inet_server_addr() inet stable lax context", _address, "the server's address"),
    row("2199 inet_server_port() int4 stable lax context", _server_port, "the server's port"),
    row("1619 pg_typeof(any) regtype stable lax context", _typeof, "the type of a value"),
    row("1081 format_type(oid, int4) text stable lax context", _format_type, "a type's SQL name"),
    row(
        "2854 pg_my_temp_schema() oid stable context",
        temporary_schema,
        "the session's temporary schema, 0 for none",
    ),
    row(
        "2855 pg_is_other_temp_schema(oid) bool stable context",
        is_other_temporary,
        "whether a schema is another session's temporary one",
    ),
    row(
        "2560 pg_postmaster_start_time() timestamptz stable context",
        _start_time,
        "when the server started",
    ),
    row(
        "2034 pg_conf_load_time() timestamptz stable context",
        _start_time,
        "when the configuration was read",
    ),
)
