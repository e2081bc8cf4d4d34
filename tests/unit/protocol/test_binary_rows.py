"""Rows of COPY's binary format, in both twins."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import binary_rows, native

TAKE = pytest.mark.parametrize("take", [binary_rows.take_rows, native.take_rows])
FIELDS = st.one_of(st.none(), st.binary(max_size=5))


def row(*fields):
    data = struct.pack("!h", len(fields))
    for field in fields:
        data += struct.pack("!i", -1) if field is None else struct.pack("!i", len(field)) + field
    return data


ROWS = row(b"1", None) + row(b"", b"abc") + row(b"3", b"x")


@TAKE
@pytest.mark.parametrize(
    ("data", "end", "taken"),
    [
        (b"", 0, 0),
        (ROWS, len(ROWS), 3),
        (ROWS[:-1], len(ROWS) - 12, 2),
        (ROWS[:3], 0, 0),
        (ROWS + b"\xff\xff", len(ROWS), 3),
        (row(b"1"), 0, 0),
        (row(b"1", b"2", b"3"), 0, 0),
        (b"\0\2\0\0\0\1x\xff\xff\xff\xfe", 0, 0),
        (b"\0\2\0\0\0\1x\x7f\xff\xff\xff", 0, 0),
        (b"\0\2\0\0\0\1x\x40\0\0\0", 0, 0),
    ],
)
def test_takes_what_is_whole_and_right(take, data, end, taken):
    columns = [[], []]
    assert take(data, 0, columns) == (end, taken)
    assert columns == [[b"1", b"", b"3"][:taken], [None, b"abc", b"x"][:taken]]


@TAKE
def test_begins_where_it_is_told(take):
    columns = [[], []]
    start = len(row(b"1", None))
    assert take(ROWS, start, columns) == (len(ROWS), 2)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=5), st.binary(max_size=9))
def test_twins_agree(given_rows, rest):
    data = b"".join(row(*fields) for fields in given_rows) + rest
    found = []
    for take in (binary_rows.take_rows, native.take_rows):
        columns = [[], []]
        found.append((take(data, 0, columns), columns))
    assert found[0] == found[1]
