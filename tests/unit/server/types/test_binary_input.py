"""Binary values that lie about themselves are refused before anything is made of them."""

import struct

import pytest

from server.errors import SqlError
from server.types.registry import TYPE_BY_NAME

NUMERIC = struct.pack("!HhHH", 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("type_name", "data", "sqlstate", "message"),
    [
        ("int4", b"\0\0\0", "08P01", "insufficient data left in message"),
        ("int4", b"\0\0\0\0\0", "22P03", "incorrect binary data format"),
        ("text", b"a\xff", "22021", 'invalid byte sequence for encoding "UTF8": 0xff'),
        ("text", b"a\0b", "22021", 'invalid byte sequence for encoding "UTF8": 0x00'),
        ("text", b"\xe2\x82", "22021", 'invalid byte sequence for encoding "UTF8": 0xe2 0x82'),
        ("uuid", bytes(15), "08P01", "insufficient data left in message"),
        ("numeric", NUMERIC, "08P01", "insufficient data left in message"),
        ("numeric", NUMERIC + b"\x27\x10", "22P03", 'invalid digit in external "numeric" value'),
        (
            "numeric",
            struct.pack("!HhHH", 0, 0, 7, 0),
            "22P03",
            'invalid sign in external "numeric" value',
        ),
        (
            "numeric",
            struct.pack("!HhHH", 0, 0, 0, 16384),
            "22P03",
            'invalid scale in external "numeric" value',
        ),
        ("timestamp", struct.pack("!q", -(1 << 62)), "22008", "timestamp out of range"),
        ("date", struct.pack("!i", -(1 << 31) + 1), "22008", "date out of range"),
        ("time", struct.pack("!q", -1), "22008", "time out of range"),
        ("timetz", struct.pack("!qi", 0, 1 << 20), "22009", "time zone displacement out of range"),
        ("jsonb", b"\x02{}", "XX000", "unsupported jsonb version number 2"),
        (
            "_int4",
            struct.pack("!iiI", 7, 0, 23),
            "54000",
            "number of array dimensions (7) exceeds the maximum allowed (6)",
        ),
        (
            "_int4",
            struct.pack("!iiIii", 1, 0, 23, 1 << 30, 1),
            "54000",
            "array size exceeds the maximum allowed (134217727)",
        ),
        (
            "_int4",
            struct.pack("!iiIii", 1, 0, 23, 1 << 20, 1),
            "08P01",
            "insufficient data left in message",
        ),
        ("_int4", struct.pack("!iiI", 0, 2, 23), "22P03", "invalid array flags"),
        ("varbit", struct.pack("!i", -1), "22P03", "invalid length in external bit string"),
        ("inet", bytes([9, 0, 0, 4]), "22P03", 'invalid address family in external "inet" value'),
    ],
)
def test_refusals(type_name, data, sqlstate, message):
    with pytest.raises(SqlError) as caught:
        TYPE_BY_NAME[type_name].receive(data, -1)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_numeric_digits_beyond_the_scale_are_cut():
    data = struct.pack("!HhHH2H", 2, 0, 0, 1, 1, 9900)
    assert str(TYPE_BY_NAME["numeric"].receive(data, -1)) == "1.9"
