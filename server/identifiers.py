"""Identifiers and literals as SQL text: what quote_ident and quote_literal print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

IDENTIFIER_BYTES_MAX = 63
BY_OID: Final = "pg_oid"
"""The schema under which stored texts name a user's function by OID; no schema is called so, as pg_ is reserved."""

TYPE_BY_OID: Final = "pg_type_oid"
"""The schema under which stored texts name a user's type by OID."""

OPERATOR_BY_OID: Final = "pg_operator_oid"
"""What stands in stored texts before the OID of a user's operator, and its name."""

_BY_OID = re.compile(rf'\b{BY_OID}\."(\d+)"')
_OPERATOR_BY_OID = re.compile(rf'\b{OPERATOR_BY_OID}\."(\d+)"')
_ANY_BY_OID = re.compile(rf'\b({BY_OID}|{TYPE_BY_OID}|{OPERATOR_BY_OID})\."(\d+)"')
_CONSTANT_OID = re.compile(r"'(\d+)'::(reg[a-z]+)")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")

# Words that PostgreSQL's grammar does not take as a column name without quotes (the manual's appendix "SQL Key
# Words": reserved ones, and those that cannot be a function or type name).
KEYWORDS = frozenset(
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "between",
        "bigint",
        "binary",
        "bit",
        "boolean",
        "both",
        "case",
        "cast",
        "char",
        "character",
        "check",
        "coalesce",
        "collate",
        "collation",
        "column",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "dec",
        "decimal",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "exists",
        "extract",
        "false",
        "fetch",
        "float",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "greatest",
        "group",
        "grouping",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "inout",
        "int",
        "integer",
        "intersect",
        "interval",
        "into",
        "is",
        "isnull",
        "join",
        "lateral",
        "leading",
        "least",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "national",
        "natural",
        "nchar",
        "none",
        "normalize",
        "not",
        "notnull",
        "null",
        "nullif",
        "numeric",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "out",
        "outer",
        "overlaps",
        "overlay",
        "placing",
        "position",
        "precision",
        "primary",
        "real",
        "references",
        "returning",
        "right",
        "row",
        "select",
        "session_user",
        "setof",
        "similar",
        "smallint",
        "some",
        "substring",
        "symmetric",
        "table",
        "tablesample",
        "then",
        "time",
        "timestamp",
        "to",
        "trailing",
        "treat",
        "trim",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "varchar",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
        "xmlattributes",
        "xmlconcat",
        "xmlelement",
        "xmlexists",
        "xmlforest",
        "xmlnamespaces",
        "xmlparse",
        "xmlpi",
        "xmlroot",
        "xmlserialize",
        "xmltable",
    ]
)


def quote_identifier(name: str) -> str:
    """The name as SQL text, in double quotes where it needs them."""
    if _PLAIN.match(name) and name not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


_LISTED = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s,"][^\s,]*))\s*')


def split_identifiers(text: str) -> list[str] | None:
    """The names of a list separated by commas, unquoted and folded; None when it is not written as one."""
    names: list[str] = []
    position = 0
    while text.strip():
        found = _LISTED.match(text, position)
        if found is None:
            return None
        quoted, plain = found.groups()
        names.append(folded(plain) if quoted is None else quoted.replace('""', '"'))
        position = found.end()
        if position == len(text):
            break
        if text[position] != ",":
            return None
        position += 1
    return names


def folded(name: str) -> str:
    """The name as it is when it was not quoted: letters of ASCII are small, others stay, and it is cut to what fits."""
    lowered = name.lower() if name.isascii() else "".join(map(_small, name))
    return truncate_identifier(lowered)


def _small(character: str) -> str:
    return character.lower() if character.isascii() else character


def quote_literal(text: str) -> str:
    """The text as a constant of standard SQL, in which backslashes mean themselves."""
    return "'" + text.replace("'", "''") + "'"


def truncate_identifier(name: str, bytes_max: int = IDENTIFIER_BYTES_MAX) -> str:
    """The name cut to what a name can hold, at a character's border."""
    data = name.encode()
    return name if len(data) <= bytes_max else data[:bytes_max].decode(errors="ignore")


def generated_name(first: str, second: str, label: str) -> str:
    """`first_second_label`, with the longer part cut until the whole fits: how indexes and sequences get names."""
    room = IDENTIFIER_BYTES_MAX - (len(label.encode()) + 1 if label else 0)
    room -= 1 if second else 0
    first_bytes, second_bytes = len(first.encode()), len(second.encode())
    while first_bytes + second_bytes > room:
        if first_bytes > second_bytes:
            first_bytes -= 1
        else:
            second_bytes -= 1
    parts = [truncate_identifier(first, first_bytes)]
    if second:
        parts.append(truncate_identifier(second, second_bytes))
    if label:
        parts.append(label)
    return "_".join(parts)


def xml_name(name: str, *, is_full: bool = True, escapes_period: bool = False) -> str:
    """A name of SQL as one of XML: what XML does not allow is written _x0020_."""
    parts: list[str] = []
    for at, character in enumerate(name):
        if _must_escape(name, at, character, is_full, escapes_period):
            parts.append(f"_x{ord(character):04X}_")
        else:
            parts.append(character)
    return "".join(parts)


def _must_escape(name: str, at: int, character: str, is_full: bool, escapes_period: bool) -> bool:
    if character == ":":
        return at == 0 or is_full
    if character == "_":
        return name[at + 1 : at + 2] == "x"
    if is_full and at == 0 and name[:3].lower() == "xml":
        return True
    if escapes_period and character == ".":
        return True
    starts = character.isalpha() or character == "_"
    return not starts if at == 0 else not (starts or character.isdigit() or character in ".-")


def routine_by_oid(oid: int) -> str:
    """A users' function as stored texts name it, whatever it is called and wherever it is."""
    return f'{BY_OID}."{oid}"'


def type_by_oid(oid: int) -> str:
    """A users' type as stored texts name it."""
    return f'{TYPE_BY_OID}."{oid}"'


def routine_oids(text: str) -> list[int]:
    """The users' functions that a stored text names, each once."""
    return [int(digits) for digits in dict.fromkeys(_BY_OID.findall(text))]


def operator_oids(text: str) -> list[int]:
    """The users' operators that a stored text names, each once."""
    return [int(digits) for digits in dict.fromkeys(_OPERATOR_BY_OID.findall(text))]


def renumbered(text: str, number: Callable[[int], int]) -> str:
    """A stored text in which what it names by OID, also as a constant of a reg type, is named by another one."""
    text = _ANY_BY_OID.sub(lambda found: f'{found[1]}."{number(int(found[2]))}"', text)
    return _CONSTANT_OID.sub(lambda found: f"'{number(int(found[1]))}'::{found[2]}", text)
