"""Columns out of binary fields: the values that the type receives one by one, or its error."""

import struct
from decimal import Decimal

import pytest

from server.errors import SqlError
from server.executor.storage_columns import store_columns
from server.statements.copy_received import received
from server.types.numeric import receive_numeric, send_numeric
from server.types.numeric_received import scaled_numerics
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
    "timestamptz": packed("!q", 0, -(10**15), None),
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


DECIMALS = ("0", "1.5", "-1.50", "12345.67", "-0.01", "99999.99", "0.1", "10000", "90000.00", "-5")


@pytest.mark.parametrize("limits", [(7, 2), (9, 4), (18, 2), (12, 6)])
def test_numerics_with_a_precision(limits):
    modifier = (limits[0] << 16 | limits[1]) + 4
    reference = TypeReference(TYPE_BY_NAME["numeric"], modifier)
    fields = [
        send_numeric(Decimal(text)) for text in DECIMALS if limits != (12, 6) or len(text) < 9
    ]
    fields.insert(3, None)
    expected = [None if field is None else receive_numeric(field, modifier) for field in fields]
    column = received(reference, fields, PLAIN_STYLE)
    assert column.scale == limits[1]
    assert list(map(str, values_of(column))) == list(map(str, expected))


@pytest.mark.parametrize(
    "texts",
    [
        ("1.50", "-0.25", "0.00", "99999999999.99", "1000.00", "0.01"),
        ("1", "-5", "0", "10000", "1234567890123456"),
        ("0.000001", "-1.500000"),
    ],
)
def test_numerics_of_one_scale(texts):
    reference = TypeReference(TYPE_BY_NAME["numeric"], -1)
    fields = [None, *(send_numeric(Decimal(text)) for text in texts), None]
    column = scaled_numerics(fields, -1)
    assert column is not None
    assert list(map(str, values_of(column))) == ["None", *texts, "None"]
    assert store_columns([column], [reference])[0][0] is not None


@pytest.mark.parametrize("texts", [(), ("1.5", "1.50"), ("NaN", "1"), ("1234567890123456789", "1")])
def test_numerics_of_several_scales(texts):
    assert scaled_numerics([send_numeric(Decimal(text)) for text in texts], -1) is None


ODD_DECIMALS = (
    "NaN",
    "1.005",  # more digits than the column shows
    "123456789012",
    "-99999999",
)


@pytest.mark.parametrize("text", ODD_DECIMALS)
def test_odd_numerics_are_received_one_by_one(text):
    modifier = (7 << 16 | 2) + 4
    reference = TypeReference(TYPE_BY_NAME["numeric"], modifier)
    fields = [send_numeric(Decimal("1.25")), send_numeric(Decimal(text))]
    assert scaled_numerics(fields, modifier) is None
    try:
        expected = [receive_numeric(field, modifier) for field in fields]
    except SqlError as error:
        with pytest.raises(SqlError, match=str(error)):
            received(reference, fields, PLAIN_STYLE)
    else:
        column = received(reference, fields, PLAIN_STYLE)
        assert list(map(str, values_of(column))) == list(map(str, expected))


@pytest.mark.parametrize("cut", range(10))
def test_a_numeric_that_is_cut_is_refused(cut):
    modifier = (7 << 16 | 2) + 4
    field = send_numeric(Decimal("1.25"))
    assert scaled_numerics([field, field[:cut]], modifier) is None
    assert scaled_numerics([field, field + b"x"], modifier) is None
    groups = field[:8] + b"\x27\x10" + field[10:]
    assert scaled_numerics([groups], modifier) is None


def test_infinite_days_are_received_one_by_one():
    reference = TypeReference(TYPE_BY_NAME["date"], -1)
    column = received(reference, packed("!i", 5, 2**31 - 1, -(2**31), None), PLAIN_STYLE)
    assert list(values_of(column)) == [5, 2**31 - 1, -(2**31), None]
    with pytest.raises(SqlError):
        received(reference, packed("!i", 5, 2**31 - 2), PLAIN_STYLE)
