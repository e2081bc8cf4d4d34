"""sslinfo: whether the client's connection is encrypted, and how. Certificates of clients are not asked for."""

from __future__ import annotations

from typing import Final

from server.extensions.extension import Extension

_OWN: Final = "from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()"
_FUNCTIONS: Final = (
    ("ssl_is_used()", "bool", f"select ssl {_OWN}"),
    ("ssl_version()", "text", f"select version {_OWN}"),
    ("ssl_cipher()", "text", f"select cipher {_OWN}"),
    ("ssl_client_cert_present()", "bool", "select false"),
    ("ssl_client_serial()", "numeric", "select null::numeric"),
    ("ssl_client_dn()", "text", "select null::text"),
    ("ssl_issuer_dn()", "text", "select null::text"),
    ("ssl_client_dn_field(text)", "text", "select null::text"),
    ("ssl_issuer_field(text)", "text", "select null::text"),
    (
        "ssl_extension_info(out name text, out value text, out critical boolean)",
        "setof record",
        "select null::text, null::text, null::bool where false",
    ),
)

SSLINFO: Final = Extension(
    name="sslinfo",
    version="1.2",
    comment="information about SSL certificates",
    trusted=False,
    declarations="",
    functions={},
    more="\n".join(
        f"create function {name} returns {result} language sql volatile strict parallel restricted "
        f"as $${body}$$;"
        for name, result, body in _FUNCTIONS
    ),
)
