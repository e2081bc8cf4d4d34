"""The untagged packets."""

import pytest

from protocol.errors import ProtocolError
from protocol.messages import (
    CancelRequest,
    GSSENCRequest,
    NegotiateProtocolVersion,
    SSLRequest,
    StartupMessage,
)
from protocol.startup import decode_startup, negotiation


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (b"\0\0\0\x08\x04\xd2\x16\x2f", SSLRequest()),
        (b"\0\0\0\x08\x04\xd2\x16\x30", GSSENCRequest()),
        (b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\1\0\0\0\2", CancelRequest(1, 2)),
        (b"\0\0\0\x09\0\3\0\0\0", StartupMessage(3, 0, {})),
        (b"\0\0\0\x0c\0\3\0\0a\0\0\0", StartupMessage(3, 0, {"a": ""})),
    ],
)
def test_packets(packet, message):
    assert decode_startup(packet) == message


@pytest.mark.parametrize(
    "packet",
    [
        b"\0\0\0\x09\x04\xd2\x16\x2f\0",
        b"\0\0\0\x0c\x04\xd2\x16\x2e\0\0\0\1",
        b"\0\0\0\x08\0\3\0\0",
        b"\0\0\0\x0c\0\3\0\0a\0b\0",
        b"\0\0\0\x0c\0\3\0\0\xff\0\0\0",
    ],
)
def test_bad_packets_are_fatal(packet):
    with pytest.raises(ProtocolError) as caught:
        decode_startup(packet)
    assert caught.value.fatal


def test_a_cancel_secret_is_not_shown():
    assert "2222" not in repr(CancelRequest(1, 2222))


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (StartupMessage(3, 0, {"user": "me"}), None),
        (StartupMessage(3, 2, {}), NegotiateProtocolVersion(3, 0, ())),
        (StartupMessage(3, 0, {"_pq_.x": "1"}), NegotiateProtocolVersion(3, 0, ("_pq_.x",))),
    ],
)
def test_what_is_newer_is_negotiated(message, answer):
    assert negotiation(message) == answer
