"""Names, strings and types as PostgreSQL prints them."""

import re
from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from server.identifiers import quote_literal
from server.sql import nodes
from server.sql.grammar import quoted_keywords

PLAIN_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]*\Z")


def quote_identifier(name: str) -> str:
    """Quote a name unless it is lower case and no keyword that would need quotes."""
    if PLAIN_IDENTIFIER.match(name) and name not in quoted_keywords():
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified_name(parts: Sequence[str]) -> str:
    """Print a name of one or more parts."""
    return ".".join([quote_identifier(part) for part in parts])


TYPE_NAMES: Final = {
    "bit": "bit",
    "bool": "boolean",
    "bpchar": "character",
    "float4": "real",
    "float8": "double precision",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "interval": "interval",
    "numeric": "numeric",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "varbit": "bit varying",
    "varchar": "character varying",
}
# Where the modifier goes into the middle of the name.
MODIFIER_PLACES: Final = {"time", "timestamp", "timestamptz", "timetz"}
# The interval's fields, as PostgreSQL numbers them in its masks.
INTERVAL_FIELDS: Final = {
    1 << 2: "year",
    1 << 1: "month",
    1 << 3: "day",
    1 << 10: "hour",
    1 << 11: "minute",
    1 << 12: "second",
    (1 << 2) | (1 << 1): "year to month",
    (1 << 3) | (1 << 10): "day to hour",
    (1 << 3) | (1 << 10) | (1 << 11): "day to minute",
    (1 << 3) | (1 << 10) | (1 << 11) | (1 << 12): "day to second",
    (1 << 10) | (1 << 11): "hour to minute",
    (1 << 10) | (1 << 11) | (1 << 12): "hour to second",
    (1 << 11) | (1 << 12): "minute to second",
}


def type_text(node: nodes.TypeName) -> str:
    """Print a type with its modifiers and array bounds."""
    parts, modifiers = node.args["parts"], [modifier_text(item) for item in node.args["modifiers"]]
    is_system = parts[0] == "pg_catalog" and len(parts) > 1
    system = parts[-1] if is_system or len(parts) == 1 else ""
    if system == "interval":
        text = interval_text(modifiers)
    elif system in TYPE_NAMES:
        text = system_type_text(system, modifiers)
    else:
        text = qualified_name(parts[1:] if is_system else parts)
        text += f"({','.join(modifiers)})" if modifiers else ""
    text += "%TYPE" if node.args["percent_type"] else ""
    return ("SETOF " if node.args["setof"] else "") + text + "[]" * len(node.args["array_bounds"])


def system_type_text(name: str, modifiers: list[str]) -> str:
    """Print a type that has a name of its own in the standard."""
    text = TYPE_NAMES[name]
    if not modifiers:
        return "bpchar" if name == "bpchar" else '"bit"' if name == "bit" else text
    suffix = f"({','.join(modifiers)})"
    if name in MODIFIER_PLACES:
        first, rest = text.split(" ", 1)
        return f"{first}{suffix} {rest}"
    return text + suffix


def interval_text(modifiers: list[str]) -> str:
    """Print an interval, whose first modifier is a mask of its fields."""
    if not modifiers:
        return "interval"
    fields = INTERVAL_FIELDS.get(int(modifiers[0]), "")
    precision = f"({modifiers[1]})" if len(modifiers) > 1 else ""
    return "interval" + (f" {fields}" if fields else "") + precision


def modifier_text(node: exp.Expression) -> str:
    """Print a type's modifier as it was written."""
    if isinstance(node, nodes.ColumnReference):
        return qualified_name(node.args["parts"])
    if isinstance(node, nodes.StringConstant):
        return quote_literal(node.this)
    return str(node.this)
