"""Names of types, against recorded answers of format_type, and as SQL text writes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.errors import SqlError
from server.types.names import format_type, parse_type

NAMES = json.loads((Path(__file__).parent / "answers" / "format_type.json").read_text())


def read(text: Any) -> Any:
    reference = parse_type(text, lambda _parts: None)
    return reference.type.name, reference.modifier


def test_format_type_is_postgresqls():
    assert [[oid, modifier, format_type(oid, modifier)] for oid, modifier, _ in NAMES] == NAMES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int", ("int4", -1)),
        ("INTEGER", ("int4", -1)),
        ("character varying(10)", ("varchar", 14)),
        ("national character varying (10)", ("varchar", 14)),
        ("char", ("bpchar", 5)),
        ("bpchar", ("bpchar", -1)),
        ('"char"', ("char", -1)),
        ("bit", ("bit", 1)),
        ("bit varying", ("varbit", -1)),
        ("double precision[]", ("_float8", -1)),
        ("int4 array", ("_int4", -1)),
        ("int4[3][]", ("_int4", -1)),
        ("timestamp(3) with time zone", ("timestamptz", 3)),
        ("time without time zone", ("time", -1)),
        ("interval day to second(2)", ("interval", 7176 << 16 | 2)),
        ("interval(3)", ("interval", 0x7FFF << 16 | 3)),
        ("float(24)", ("float4", -1)),
        ("float(25)", ("float8", -1)),
        ("dec(10,2)", ("numeric", 655366)),
        ("pg_catalog.int4", ("int4", -1)),
        ('pg_catalog."varchar"(3)', ("varchar", 7)),
    ],
)
def test_parse_type(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "sqlstate", "message"),
    [
        ("nope", "42704", 'type "nope" does not exist'),
        ("other.int4", "42704", 'type "other.int4" does not exist'),
        ("float(0)", "22023", "precision for type float must be at least 1 bit"),
        ("float(54)", "22023", "precision for type float must be less than 54 bits"),
        ("varchar(0)", "22023", "length for type varchar must be at least 1"),
        ("varchar(99999999)", "22023", "length for type varchar cannot exceed 10485760"),
        ("numeric(0)", "22023", "NUMERIC precision 0 must be between 1 and 1000"),
        ("numeric(1,2000)", "22023", "NUMERIC scale 2000 must be between -1000 and 1000"),
        ("int4(3)", "42601", 'type modifier is not allowed for type "int4"'),
        ("int4 int4", "42601", 'syntax error at or near "int4"'),
        ("varchar(", "42601", "syntax error at end of input"),
        ("", "42601", 'invalid type name ""'),
    ],
)
def test_parse_type_refuses(text, sqlstate, message):
    with pytest.raises(SqlError) as caught:
        read(text)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_lookup_finds_types_of_users():
    found = parse_type("int4", lambda _parts: None).type
    asked = []

    def lookup(parts: Any) -> Any:
        asked.append(list(parts))
        return found

    assert parse_type('public."My Type"', lookup).type is found
    assert asked == [["public", "My Type"]]
