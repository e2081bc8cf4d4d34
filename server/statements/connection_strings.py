"""Connection strings as libpq reads them: name = value pairs, or a URI. Only their form is looked at."""

from __future__ import annotations

import re
from typing import Final

from server.errors import SqlSyntaxError

NAMES: Final = frozenset(
    (
        *("service", "user", "password", "passfile", "channel_binding", "connect_timeout"),
        *("dbname", "host", "hostaddr", "port", "client_encoding", "options", "application_name"),
        *("fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval"),
        *("keepalives_count", "tcp_user_timeout", "sslmode", "sslcompression", "sslcert"),
        *("sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "gssencmode", "krbsrvname"),
        *("gsslib", "replication", "target_session_attrs"),
    )
)
PAIR: Final = re.compile(
    r"\s*([^\s=]*)\s*(=?)\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))", re.DOTALL
)


def check_connection(text: str) -> None:
    """Raise SqlSyntaxError for what is no connection string."""
    if text.startswith(("postgresql://", "postgres://")):
        return
    place = 0
    while text[place:].strip():
        found = PAIR.match(text, place)
        assert found is not None, text
        name, equals = found.group(1), found.group(2)
        if not equals:
            raise _invalid(f'missing "=" after "{name}" in connection info string')
        if name not in NAMES:
            raise _invalid(f'invalid connection option "{name}"')
        place = found.end()


def _invalid(reason: str) -> SqlSyntaxError:
    return SqlSyntaxError(f"invalid connection string syntax: {reason}\n")
