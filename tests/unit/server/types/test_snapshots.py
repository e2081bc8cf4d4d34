"""pg_snapshot: what is read, and what is not."""

import pytest

from server.errors import SqlError
from server.types.snapshots import parse_snapshot, receive_snapshot, send_snapshot
from server.types.type import TextStyle


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:13:", "12:13:"),
        ("12:18:14,16", "12:18:14,16"),
        ("12:16:14,14", "12:16:14"),
        ("1:9223372036854775807:3", "1:9223372036854775807:3"),
    ],
)
def test_reads(text, value):
    assert parse_snapshot(text, -1, TextStyle()) == value


@pytest.mark.parametrize(
    "text",
    ["31:12:", "0:1:", "12:13:0", "12:16:14,13", "1:9223372036854775808:3", "", "1:2", "1:3:1,"],
)
def test_refuses(text):
    with pytest.raises(SqlError, match="invalid input syntax for type pg_snapshot"):
        parse_snapshot(text, -1, TextStyle())


@pytest.mark.parametrize("text", ["12:13:", "12:18:14,16"])
def test_binary_form_goes_both_ways(text):
    assert receive_snapshot(send_snapshot(text), -1) == text


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (b"", "08P01"),
        (send_snapshot("12:18:14,16")[:-1], "08P01"),
        (send_snapshot("12:18:14") + b"x", "22P03"),
        (send_snapshot("19:18:"), "22P03"),
    ],
)
def test_binary_form_refused(data, state):
    with pytest.raises(SqlError) as raised:
        receive_snapshot(data, -1)
    assert raised.value.sqlstate == state
