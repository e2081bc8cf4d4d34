"""CopyData messages one behind the other, in both twins."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import copy_pieces, native
from protocol.connection import Connection
from protocol.errors import ProtocolError
from protocol.messages import NEED_DATA, CopyData, CopyDone
from protocol.phases import Phase

JOIN = pytest.mark.parametrize("join", [copy_pieces.join_copy_data, native.join_copy_data])
MAX = 1 << 20


def message(tag, body=b""):
    return tag + struct.pack("!I", len(body) + 4) + body


ROWS = b"".join(message(b"d", b"%d\n" % number) for number in range(9))


@JOIN
@pytest.mark.parametrize(
    ("buffer", "start", "bytes_max", "expected"),
    [
        (b"", 0, MAX, (b"", 0)),
        (ROWS, 0, MAX, (b"0\n1\n2\n3\n4\n5\n6\n7\n8\n", len(ROWS))),
        (ROWS, 7, MAX, (b"1\n2\n3\n4\n5\n6\n7\n8\n", len(ROWS))),
        (ROWS, 0, 7, (b"0\n1\n", 14)),
        (ROWS, 0, 0, (b"", 0)),
        (ROWS[:20], 0, MAX, (b"0\n1\n", 14)),
        (ROWS[:16], 0, MAX, (b"0\n1\n", 14)),
        (message(b"d") * 3 + message(b"c"), 0, MAX, (b"", 15)),
        (message(b"c") + ROWS, 0, MAX, (b"", 0)),
        (b"d\0\0\0\3x" + ROWS, 0, MAX, (b"", 0)),
        (b"d\xff\xff\xff\xff" + ROWS, 0, MAX, (b"", 0)),
        (message(b"d", bytes(MAX)), 0, MAX, (b"", 0)),
    ],
)
def test_takes_what_is_whole_and_right(join, buffer, start, bytes_max, expected):
    assert join(buffer, start, bytes_max, MAX) == expected


def copying():
    connection = Connection()
    connection.phase = Phase.COPY_IN
    return connection


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_split_gives_the_same_data(data):
    connection = copying()
    stream = ROWS + message(b"d", bytes(500)) + ROWS
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))) | {0, len(stream)})
    received = b""
    for start, stop in pairwise(cuts):
        connection.receive_data(stream[start:stop])
        while (found := connection.next_message()) is not NEED_DATA:
            received += found.data + connection.more_copy_data(data.draw(st.integers(0, 600)))
    assert received == b"0\n1\n2\n3\n4\n5\n6\n7\n8\n" + bytes(500) + b"0\n1\n2\n3\n4\n5\n6\n7\n8\n"


def test_what_is_no_copy_data_keeps_its_place():
    connection = copying()
    connection.receive_data(ROWS + message(b"c"))
    assert connection.next_message() == CopyData(b"0\n")
    assert connection.more_copy_data(MAX) == b"1\n2\n3\n4\n5\n6\n7\n8\n"
    assert connection.more_copy_data(MAX) == b""
    assert connection.next_message() == CopyDone()


def test_a_lying_length_is_refused_by_the_next_message():
    connection = copying()
    connection.receive_data(ROWS + b"d\0\0\0\3x")
    connection.next_message()
    connection.more_copy_data(MAX)
    with pytest.raises(ProtocolError):
        connection.next_message()
