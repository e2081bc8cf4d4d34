"""What expressions are made of: values by type, words, forms, and what of the catalog is not called.

NARROW has values that everybody meets; WIDER has more of all: types that few functions take, values
at their limits, settings, enums, rows and domains, and pairs of types that nobody thought of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.random_expressions.edges import EDGES
from tests.random_expressions.forms import FORMS, TYPED, WORDS
from tests.random_expressions.routines import written
from tests.random_expressions.values import VALUES
from tests.random_expressions.wider_forms import WIDER, WIDER_TYPED, WIDER_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

LEFT_OUT: Final = (
    "pg_", "txid_", "current_", "session_", "inet_client", "inet_server", "has_", "lo_", "brin_", "gin", "gist",
    "spg", "bt", "query_to", "table_to", "schema_to", "database_to", "cursor_to", "ts_stat", "ts_rewrite", "ts_debug",
    "ts_parse", "ts_token", "ts_typanalyze", "ts_match_", "to_reg", "now", "statement_timestamp",
    "transaction_timestamp", "clock", "timeofday", "version", "obj_desc", "col_desc", "shobj", "set_config",
    "getdatabase", "getpgusername", "row_security", "make_tsvector", "age", "binary_", "repeat", "lpad", "rpad",
    "generate_series", "mxid", "suppress", "RI_", "format_type", "json_to_record", "jsonb_to_record", "json_populate",
    "jsonb_populate", "to_ascii", "convert", "iso", "utf8", "koi8", "win", "mic", "euc", "sjis", "shift", "big5",
    "gb", "johab", "uhc", "latin", "ascii_to", "numerictypmod", "acl", "make_acl", "lastval", "currval", "nextval",
    "setval", "pow_", "amvalidate", "nameconcat", "fmgr_", "hash_acl", "datetime", "xid", "cid", "tid",
    "gtsvector", "tsquery_phrase_", "xmlvalidate",
)  # fmt: skip
WIDER_LEFT_OUT: Final = (
    "pg_", "txid_current", "txid_status", "current_", "session_", "inet_client", "inet_server", "lo_", "brin_", "gin",
    "gist", "spg", "bt", "query_to", "table_to", "schema_to", "database_to", "cursor_to", "ts_stat", "ts_debug",
    "now", "statement_timestamp", "transaction_timestamp", "clock", "timeofday", "version", "set_config",
    "getdatabase", "getpgusername", "row_security", "make_tsvector", "binary_", "repeat", "lpad", "rpad",
    "generate_series", "mxid", "suppress", "RI_", "json_populate",
    "jsonb_populate", "numerictypmod", "lastval", "currval", "nextval",
    "setval", "amvalidate", "fmgr_", "hashenum", "acldefault", "anycompatiblearray_send", "gtsvector", "xmlvalidate",
    "satisfies_hash", "shell", "random",
)  # fmt: skip
TAKEN: Final = (
    "pg_size_",
    "pg_lsn",
    "pg_char_to",
    "pg_encoding",
    "pg_typeof",
    "btrim",
    "pg_snapshot_",
    "pg_visible",
    "pg_wal_lsn_diff",
    "pg_walfile",
    "pg_collation_is",
    "pg_conversion_is",
    "pg_function_is",
    "pg_opclass_is",
    "pg_operator_is",
    "pg_opfamily_is",
    "pg_table_is",
    "pg_ts_",
    "pg_type_is",
    "pg_indexam_has",
    "pg_index_has",
    "pg_index_column_has",
    "pg_get_userbyid",
    "pg_get_function_",
    "pg_get_constraintdef",
    "pg_get_triggerdef",
    "pg_get_ruledef",
    "pg_describe_object",
    "pg_get_partkeydef",
    "pg_has_role",
)
"""What is called although its name begins like that of others which are not."""


@dataclass(frozen=True, slots=True)
class Material:
    """What expressions are made of; has_pairs: casts and operators between any two types, too."""

    values: Mapping[str, tuple[str, ...]]
    words: Mapping[str, tuple[str, ...]]
    typed: Mapping[str, str]
    forms: tuple[tuple[str, str], ...]
    elements: Mapping[str, str]
    ranged: Mapping[str, tuple[str, str]]
    left_out: tuple[str, ...]
    taken: tuple[str, ...] = ()
    settings: Mapping[str, tuple[str, ...]] | None = None
    made: tuple[str, ...] = ()  # statements that make its types
    has_pairs: bool = False

    def literals(self, kind: str) -> tuple[str, ...]:
        """The literals of a type or of a kind of words."""
        return self.words.get(kind) or self.values.get(kind, self.values["text"])

    def type_of(self, kind: str) -> str:
        """The type of a type or of a kind of words, as SQL."""
        return self.typed.get(kind, "text") if kind in self.words else written(kind)


def _arrays(*kinds: str) -> dict[str, str]:
    return {kind: f"_{kind}" for kind in kinds}


NARROW: Final = Material(
    values=VALUES,
    words=WORDS,
    typed=TYPED,
    forms=FORMS,
    elements=_arrays("int4", "int8", "float8", "numeric", "text", "bool", "date", "jsonb"),
    ranged={
        "int4": ("int4range", "int4multirange"),
        "numeric": ("numrange", "nummultirange"),
        "date": ("daterange", "datemultirange"),
    },
    left_out=LEFT_OUT,
)
WIDER_MATERIAL: Final = Material(
    values={
        kind: (*VALUES.get(kind, ()), *EDGES.get(kind, ()))
        for kind in dict.fromkeys((*VALUES, *EDGES))
    },
    words=WORDS | WIDER_WORDS,
    typed=TYPED | WIDER_TYPED,
    forms=(*FORMS, *WIDER),
    elements={
        **NARROW.elements,
        **_arrays("int2", "float4", "bytea", "uuid", "timestamp", "timestamptz", "time"),
        **_arrays("interval", "varchar", "bpchar", "inet", "mood", "pair", "positive"),
    },
    ranged={
        **NARROW.ranged,
        "int8": ("int8range", "int8multirange"),
        "timestamp": ("tsrange", "tsmultirange"),
        "timestamptz": ("tstzrange", "tstzmultirange"),
    },
    left_out=WIDER_LEFT_OUT,
    taken=TAKEN,
    settings={
        "DateStyle": ("ISO, MDY", "SQL, DMY", "Postgres, MDY", "German", "ISO, YMD"),
        "IntervalStyle": ("postgres", "postgres_verbose", "sql_standard", "iso_8601"),
        "TimeZone": ("'UTC'", "'America/New_York'", "'Asia/Kolkata'", "'<+03>-3'"),
        "extra_float_digits": ("1", "0", "-5", "-15", "3"),
        "bytea_output": ("hex", "escape"),
    },
    made=(
        "create type pg_temp.mood as enum ('sad', 'ok', 'happy')",
        "create type pg_temp.pair as (a int, b text)",
        "create domain pg_temp.positive as int check (value > 0)",
    ),
    has_pairs=True,
)
