"""Columns out of binary fields: the values that the type receives one by one, or its error."""

import struct

import pytest

from server.errors import SqlError
from server.statements.copy_received import received
from server.types.registry import TYPE_BY_NAME
from server.types.type import PLAIN_STYLE, TypeReference
from server.vector.rows import values_of


def packed(form, *values):
    return [None if value is None else struct.pack(form, value) for value in values]


FIELDS = {
    "int2": packed("!h", 1, -32768, 32767),
    "int4": packed("!i", 1, None, -(2**31)),
    "int8": packed("!q", 2**63 - 1, -1),
    "float4": packed("!f", 0.5, float("inf"), None),
    "float8": packed("!d", 0.1, -0.0, 1e300),
    "text": [b"a", "\u00e4\u20ac".encode(), None, b""],
    "varchar": [b"abc", None],
    "bool": [b"\1", b"\0", None],
    "date": packed("!i", 0, 366, None),
    "timestamp": packed("!q", 0, 10**15),
    "uuid": [bytes(16), None],
}


@pytest.mark.parametrize("name", FIELDS)
def test_gives_what_the_type_receives(name):
    reference = TypeReference(TYPE_BY_NAME[name], -1)
    receive = reference.type.receive
    expected = [None if field is None else receive(field, -1) for field in FIELDS[name]]
    column = received(reference, FIELDS[name], PLAIN_STYLE)
    assert list(values_of(column)) == expected
    assert column.values.dtype == reference.type.dtype


@pytest.mark.parametrize(
    ("name", "modifier", "fields", "sqlstate"),
    [
        ("int4", -1, [b"\0\0\0\1", b"\0\0\1"], "08P01"),
        ("int4", -1, [b"\0\0\0\1", b"\0\0\0\0\1"], "22P03"),
        ("text", -1, [b"a", b"\xff"], "22021"),
        ("text", -1, [b"a", b"a\0"], "22021"),
        ("varchar", 4 + 2, [b"ab", b"abc"], "22001"),
    ],
)
def test_errors_are_those_of_single_values(name, modifier, fields, sqlstate):
    reference = TypeReference(TYPE_BY_NAME[name], modifier)
    with pytest.raises(SqlError) as single:
        reference.type.receive(fields[1], modifier)
    with pytest.raises(SqlError) as column:
        received(reference, fields, PLAIN_STYLE)
    assert str(column.value) == str(single.value)
    assert column.value.sqlstate == single.value.sqlstate == sqlstate
