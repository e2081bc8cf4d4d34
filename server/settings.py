"""Setting: one row a configuration parameter. The rows are read from data/settings.tsv, which lists PostgreSQL 15's.

Columns of the file: name, kind, context, unit, default, minimum, maximum, options, category.
Differences of ours - other
defaults, parameters of our own, parsers - are in OVERRIDES and OWN below, nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from server.data_files import data_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SettingValue = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Setting:
    """A configuration parameter. context says who may change it when, as pg_settings.context does."""

    name: str
    kind: str  # bool integer real enum string
    context: str  # internal postmaster sighup backend superuser superuser-backend user
    unit: str
    default: SettingValue
    minimum: float = 0
    maximum: float = 0
    options: tuple[str, ...] = ()
    category: str = ""
    hidden_options: Mapping[str, str] = field(
        default_factory=dict
    )  # accepted spellings and what they mean
    check: Callable[[str], str] | None = None  # canonical form of a string, or raises
    resettable: bool = True
    reported: bool = False  # sent to the client as ParameterStatus
    hidden: bool = False  # not in SHOW ALL and pg_settings
    unsupported: tuple[SettingValue, str] | None = None  # a value that is refused, and why


_BOOLEAN_WORDS = {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}

REPORTED = (
    "server_version",
    "server_encoding",
    "client_encoding",
    "application_name",
    "default_transaction_read_only",
    "in_hot_standby",
    "is_superuser",
    "session_authorization",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
)
"""What a client is told at its start and whenever it changes, in the order PostgreSQL sends it."""

NAME_LISTS = frozenset(
    (
        *("local_preload_libraries", "search_path", "session_preload_libraries"),
        *("shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"),
    )
)
"""Lists of names: SET quotes each of its values where a name needs it."""

RIGHTS_SETTINGS = frozenset(("role", "session_authorization"))
"""What says whose rights a session has."""

PRIVATE_SETTINGS = frozenset(
    (
        *("config_file", "data_directory", "dynamic_library_path", "external_pid_file", "hba_file"),
        *("ident_file", "jit_provider", "krb_server_keyfile", "log_directory", "log_filename"),
        *("primary_conninfo", "session_preload_libraries", "shared_preload_libraries"),
        *("ssl_ciphers", "ssl_dh_params_file", "ssl_ecdh_curve", "ssl_passphrase_command"),
        *("ssl_max_protocol_version", "ssl_min_protocol_version", "unix_socket_directories"),
    )
)
"""What only members of pg_read_all_settings see."""

VERSION = "15.18"
VERSION_NUMBER = 150018

OVERRIDES: Mapping[str, dict[str, Any]] = {
    "server_version": {"default": VERSION},
    "server_version_num": {"default": VERSION_NUMBER},
    "server_encoding": {"default": "UTF8"},
    "client_encoding": {"default": "UTF8"},
    "TimeZone": {"default": "UTC"},
    "log_timezone": {"default": "UTC"},
    "lc_collate": {"default": "C.UTF-8"},
    "lc_ctype": {"default": "C.UTF-8"},
    "lc_messages": {"default": "C.UTF-8"},
    "lc_monetary": {"default": "C.UTF-8"},
    "lc_numeric": {"default": "C.UTF-8"},
    "lc_time": {"default": "C.UTF-8"},
    "default_text_search_config": {"default": "pg_catalog.english"},
    "password_encryption": {"default": "scram-sha-256"},
    "data_checksums": {"default": True},
    "in_hot_standby": {"default": False},
    "is_superuser": {"default": True},
    "session_authorization": {"default": "postgres"},
    "max_stack_depth": {"default": 2048},
    "wal_buffers": {"default": 512},
    "listen_addresses": {"default": "127.0.0.1"},
    "shared_buffers": {"default": 32768},
    "debug_discard_caches": {"default": 0},
    "transaction_isolation": {"resettable": False},
    "transaction_read_only": {"resettable": False},
    "transaction_deferrable": {"resettable": False},
    "jit": {"default": False},
    "unix_socket_directories": {"default": ""},
}

OWN: tuple[Setting, ...] = (
    Setting("is_superuser", "bool", "internal", "", True, category="Preset Options"),
    Setting(
        "session_authorization",
        "string",
        "user",
        "",
        "postgres",
        category="Client Connection Defaults",
        resettable=False,
        hidden=True,
    ),
    Setting(
        "role",
        "string",
        "user",
        "",
        "none",
        category="Client Connection Defaults",
        resettable=False,
        hidden=True,
    ),
    Setting(
        "default_with_oids",
        "bool",
        "user",
        "",
        False,
        category="Version and Platform Compatibility / Previous PostgreSQL Versions",
        hidden=True,
        unsupported=(True, "tables declared WITH OIDS are not supported"),
    ),
    Setting(
        "dirty_bytes_max",
        "integer",
        "postmaster",
        "B",
        1 << 30,
        1 << 20,
        1 << 44,
        category="Resource Usage",
    ),
    Setting(
        "decoded_bytes_max",
        "integer",
        "postmaster",
        "B",
        1 << 28,
        0,
        1 << 44,
        category="Resource Usage",
    ),
    Setting(
        "vacuum_seal_min_age",
        "integer",
        "user",
        "",
        -1,
        -1,
        (1 << 31) - 1,
        category="Client Connection Defaults",
    ),
    Setting(
        "autovacuum_seal_delay",
        "integer",
        "sighup",
        "s",
        300,
        -1,
        (1 << 31) - 1,
        category="Autovacuum",
    ),
    Setting("query_workers", "integer", "postmaster", "", 2, 0, 256, category="Resource Usage"),
    Setting("api_port", "integer", "postmaster", "", 8080, 1, 65535, category="Connections"),
    Setting("monitoring_port", "integer", "postmaster", "", 9090, 1, 65535, category="Connections"),
    *(
        Setting(f"pg_trgm.{name}", "real", "user", "", default, 0, 1, hidden=True)
        for name, default in (
            ("similarity_threshold", 0.3),
            ("word_similarity_threshold", 0.6),
            ("strict_word_similarity_threshold", 0.5),
        )
    ),
    Setting("plpgsql.check_asserts", "bool", "user", "", True, category="Customized Options"),
    *(
        Setting(f"plpgsql.{name}", "string", "user", "", "none", category="Customized Options")
        for name in ("extra_errors", "extra_warnings")
    ),
    Setting(
        "statement_memory_limit",
        "integer",
        "superuser",
        "kB",
        0,
        0,
        2147483647,
        category="Resource Usage / Memory",
    ),
    Setting("result_spin_us", "integer", "sighup", "", 0, 0, 1000, category="Resource Usage"),
)


def _parse_default(kind: str, text: str) -> SettingValue:
    if kind == "bool":
        return text == "on"
    if kind == "integer":
        return int(text or 0)
    if kind == "real":
        return float(text or 0)
    return text


def _number(kind: str, text: str) -> float:
    return (int(text) if kind == "integer" else float(text)) if text else 0


def _read() -> tuple[Setting, ...]:
    """The rows of the data file, with our differences applied."""
    own = {setting.name for setting in OWN}
    rows = []
    for line in data_text("settings.tsv").splitlines():
        name, kind, context, unit, default, low, high, options, category = line.split("\t")
        if name in own:
            continue
        setting = Setting(
            name,
            kind,
            context,
            unit,
            _parse_default(kind, default),
            _number(kind, low),
            _number(kind, high),
            tuple(options.split(",")) if options else (),
            category,
            hidden_options=_BOOLEAN_WORDS if kind == "enum" and "on" in options.split(",") else {},
            reported=name in REPORTED,
        )
        rows.append(replace(setting, **OVERRIDES.get(name, {})))
    return (*rows, *(replace(setting, reported=setting.name in REPORTED) for setting in OWN))


SETTINGS: tuple[Setting, ...] = _read()
"""Every configuration parameter."""
