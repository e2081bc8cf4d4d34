"""Connection: whatever arrives, in whatever pieces, means the same or is refused."""

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.connection import Connection
from protocol.errors import ErrorFields, ProtocolError, UnknownPeer
from protocol.messages import (
    NEED_DATA,
    AuthenticationCleartextPassword,
    AuthenticationOk,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    Bind,
    CancelRequest,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    CopyInResponse,
    CopyOutResponse,
    Describe,
    ErrorResponse,
    Execute,
    Flush,
    FunctionCall,
    GSSENCRequest,
    Malformed,
    Parse,
    PasswordMessage,
    Query,
    ReadyForQuery,
    SASLInitialResponse,
    SASLResponse,
    SSLRequest,
    StartupMessage,
    Sync,
    Terminate,
)
from protocol.phases import Phase

SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
GSSENC_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x30"
CANCEL_REQUEST = b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07\xff\xff\xff\xfe"
STARTUP = b"\0\0\0\x17\0\3\0\0user\0me\0a\0\xc3\xa4b\0\0"


def message(tag: bytes, body: bytes = b"") -> bytes:
    return tag + struct.pack("!I", len(body) + 4) + body


def ready() -> Connection:
    connection = Connection()
    connection.receive_data(STARTUP)
    assert connection.next_message() == StartupMessage(3, 0, {"user": "me", "a": "äb"})
    connection.send(AuthenticationOk())
    connection.data_to_send()
    return connection


def drain(connection: Connection) -> list[object]:
    messages: list[object] = []
    while (received := connection.next_message()) is not NEED_DATA:
        messages.append(received)
    return messages


FAILED = ErrorResponse(ErrorFields(message="x", sqlstate="42601"))
EVERY = [
    (message(b"Q", b"SELECT 1\0"), Query("SELECT 1")),
    (message(b"P", b"s\0SELECT $1\0\0\1\0\0\0\x17"), Parse("s", "SELECT $1", (23,))),
    (
        message(b"B", b"p\0s\0\0\1\0\1\0\2\0\0\0\1x\xff\xff\xff\xff\0\2\0\0\0\1"),
        Bind("p", "s", (1,), (b"x", None), (0, 1)),
    ),
    (message(b"D", b"Ss\0"), Describe("S", "s")),
    (message(b"E", b"p\0\0\0\0\5"), Execute("p", 5)),
    (message(b"C", b"Pp\0"), Close("P", "p")),
    (message(b"H"), Flush()),
    (message(b"S"), Sync()),
    (
        message(b"F", b"\0\0\0\7\0\0\0\1\0\0\0\1a\0\1"),
        FunctionCall(7, (), (b"a",), 1),
    ),
    (message(b"X"), Terminate()),
]


@pytest.mark.parametrize(("data", "expected"), EVERY)
def test_every_message(data, expected):
    connection = ready()
    connection.receive_data(data)
    assert drain(connection) == [expected]
    assert connection.buffered == 0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_split_gives_the_same_messages(data):
    connection = ready()
    stream = b"".join(wire for wire, _ in EVERY)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))) | {0, len(stream)})
    received: list[object] = []
    for start, stop in pairwise(cuts):
        connection.receive_data(stream[start:stop])
        received += drain(connection)
    assert received == [expected for _, expected in EVERY]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_arrives_while_the_server_is_busy_keeps_its_place(data):
    connection = ready()
    stream = b"".join(wire for wire, _ in EVERY)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))) | {0, len(stream)})
    received: list[object] = []
    for start, stop in pairwise(cuts):
        connection.receive_data(stream[start:stop])
        for _ in range(
            data.draw(st.integers(0, 3))
        ):  # a busy server takes a few and comes back later
            found = connection.next_message()
            if found is not NEED_DATA:
                received.append(found)
    assert [*received, *drain(connection)] == [expected for _, expected in EVERY]


def test_a_message_consumed_to_its_end_does_not_let_later_data_overtake():
    connection = ready()
    first, second, third, fourth = (message(b"d", bytes((number,)) * 9) for number in range(4))
    connection.phase = Phase.COPY_IN
    connection.receive_data(first + second)
    assert connection.next_message() == CopyData(b"\0" * 9)
    connection.receive_data(third)
    assert connection.next_message() == CopyData(b"\1" * 9)
    connection.receive_data(fourth)
    assert connection.next_message() == CopyData(b"\2" * 9)
    assert connection.next_message() == CopyData(b"\3" * 9)


def test_what_is_ahead_can_be_answered_from_its_bytes():
    connection = ready()
    bind, execute, sync = (wire for wire, _ in (EVERY[2], EVERY[4], EVERY[7]))
    assert connection.ahead() == (b"", 0)
    connection.receive_data(sync + bind[:9])
    data, start = connection.ahead()
    assert data[start:].startswith(sync)
    connection.skip(len(sync), Phase.READY)
    assert connection.ahead() == (b"", 0)
    connection.receive_data(bind[9:] + execute)
    data, start = connection.ahead()
    assert data[start:] == bind + execute
    connection.skip(len(bind), Phase.EXTENDED)
    assert connection.phase is Phase.EXTENDED
    assert drain(connection) == [EVERY[4][1]]


def test_no_length_beyond_its_limit_is_waited_for_ahead():
    connection = ready()
    connection.receive_data(b"S" + struct.pack("!I", 1 << 30))
    assert connection.ahead() == (b"", 0)
    with pytest.raises(ProtocolError):
        connection.next_message()


def feed_all(connection: Connection, data: bytes) -> ProtocolError | None:
    try:
        for start in range(0, len(data), 7):
            connection.receive_data(data[start : start + 7])
            while (received := connection.next_message()) is not NEED_DATA:
                if isinstance(received, SSLRequest | GSSENCRequest):
                    connection.answer_encryption(accept=False)
    except ProtocolError as error:
        return error
    return None


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(list(b"QPBDECHSFdcfXp\0z")), st.sampled_from(Phase))
def test_random_bytes_raise_nothing_but_fatal_protocol_errors(body, tag, phase):
    for data in (body, message(bytes((tag,)), body), bytes((tag,)) + body):
        connection = Connection()
        connection.phase = phase
        error = feed_all(connection, data)
        assert error is None or error.fatal


@pytest.mark.parametrize("length", [0, 1, 2, 3, 2**31, 2**32 - 1])
@pytest.mark.parametrize("tag", [b"Q", b"S", b"B", b"d"])
def test_lying_lengths_are_refused_from_the_header_alone(length, tag):
    connection = ready()
    connection.receive_data(tag + struct.pack("!I", length))
    with pytest.raises(ProtocolError, match="invalid message length") as caught:
        connection.next_message()
    assert caught.value.fatal


@pytest.mark.parametrize("length", [0, 7, 10_001, 2**31, 2**32 - 1])
def test_lying_startup_lengths(length):
    connection = Connection()
    connection.receive_data(struct.pack("!I", length))
    with pytest.raises(UnknownPeer, match="invalid length of startup packet"):
        connection.next_message()


def test_limits_are_by_type():
    connection = ready()
    connection.receive_data(b"S" + struct.pack("!I", 10_001))
    with pytest.raises(ProtocolError, match="invalid message length"):
        connection.next_message()
    connection = ready()
    connection.receive_data(b"Q" + struct.pack("!I", 10_001))
    assert connection.next_message() is NEED_DATA


def test_a_login_message_is_limited():
    connection = Connection()
    connection.receive_data(STARTUP + b"p" + struct.pack("!I", 65_536))
    connection.next_message()
    connection.send(AuthenticationCleartextPassword())
    with pytest.raises(ProtocolError, match="invalid message length"):
        connection.next_message()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (message(b"Q", b"SELECT 1"), "invalid string in message"),
        (message(b"Q", b"a\0b"), "invalid message format"),
        (message(b"P", b"\0x\0"), "insufficient data left in message"),
        (message(b"P", b"\0x\0\xff\xff"), "insufficient data left in message"),
        (message(b"B", b"\0\0\0\0\0\1\0\0\0\5ab"), "insufficient data left in message"),
        (message(b"B", b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0"), "insufficient data left in message"),
        (
            message(b"B", b"\0\0\0\2\0\0\0\0\0\1\0\0\0\0\0\0"),
            "bind message has 2 parameter formats but 1 parameters",
        ),
        (message(b"D", b""), "no data left in message"),
        (message(b"D", b"X\0"), "invalid DESCRIBE message subtype 88"),
        (message(b"C", b"X\0"), "invalid CLOSE message subtype 88"),
        (message(b"E", b"\0\0\0"), "insufficient data left in message"),
        (message(b"S", b"x"), "invalid message format"),
    ],
)
def test_bad_bodies_are_ordinary_errors(data, text):
    connection = ready()
    connection.receive_data(data + message(b"Q", b"\0"))
    bad = connection.next_message()
    assert isinstance(bad, Malformed)
    assert (bad.error.message, bad.error.sqlstate, bad.error.severity) == (text, "08P01", "ERROR")
    assert connection.next_message() == Query("")


def test_text_that_is_not_utf8():
    connection = ready()
    connection.receive_data(message(b"P", b"\0SELECT '\xe2('\0\0\0") + message(b"E", b"\0\0\0\0\0"))
    bad = connection.next_message()
    assert isinstance(bad, Malformed)
    assert bad.kind is Parse
    assert bad.error.sqlstate == "22021"
    assert bad.error.message == 'invalid byte sequence for encoding "UTF8": 0xe2 0x28 0x27'
    connection.send(ErrorResponse(bad.error))
    assert connection.next_message() is NEED_DATA
    connection.receive_data(message(b"S"))
    assert connection.next_message() == Sync()


def test_unknown_type():
    connection = ready()
    connection.receive_data(b"z\0\0\0\4")
    with pytest.raises(ProtocolError, match="invalid frontend message type 122"):
        connection.next_message()


def test_an_error_skips_to_sync_but_not_past_terminate():
    connection = ready()
    connection.receive_data(
        message(b"P", b"\0x\0\0\0") + message(b"Q", b"\0") + message(b"S") + message(b"Q", b"a\0")
    )
    assert connection.next_message() == Parse("", "x")
    connection.send(FAILED)
    assert drain(connection) == [Sync(), Query("a")]
    connection.receive_data(message(b"E", b"\0\0\0\0\0") + message(b"X"))
    assert connection.next_message() == Execute("", 0)
    connection.send(FAILED)
    assert drain(connection) == [Terminate()]


def test_copy_in_takes_copy_messages_only():
    connection = ready()
    connection.receive_data(
        message(b"Q", b"COPY\0") + message(b"d", b"1") + message(b"S") + message(b"c")
    )
    assert connection.next_message() == Query("COPY")
    connection.send(CopyInResponse(0, (0,)))
    assert drain(connection) == [CopyData(b"1"), CopyDone()]
    assert connection.phase is Phase.READY
    connection.send(CopyInResponse(0, (0,)))
    connection.receive_data(message(b"f", b"no\0"))
    assert drain(connection) == [CopyFail("no")]
    connection.send(CopyInResponse(0, (0,)))
    connection.receive_data(message(b"Q", b"\0"))
    with pytest.raises(ProtocolError, match="unexpected message type 0x51 during COPY from stdin"):
        connection.next_message()


def test_copy_data_after_a_failed_copy_is_dropped():
    connection = ready()
    connection.receive_data(message(b"Q", b"COPY\0"))
    drain(connection)
    connection.send(CopyInResponse(0, (0,)))
    connection.send(FAILED)
    connection.receive_data(message(b"d", b"1") + message(b"c") + message(b"Q", b"a\0"))
    assert drain(connection) == [Query("a")]


def test_copy_in_within_the_extended_protocol():
    connection = ready()
    connection.receive_data(message(b"E", b"\0\0\0\0\0"))
    drain(connection)
    connection.send(CopyInResponse(0, ()))
    connection.receive_data(message(b"d", b"1"))
    assert drain(connection) == [CopyData(b"1")]
    connection.send(FAILED)
    connection.receive_data(message(b"d", b"2") + message(b"c") + message(b"S"))
    assert drain(connection) == [Sync()]


def test_nothing_is_read_during_copy_out():
    connection = ready()
    connection.receive_data(message(b"Q", b"COPY\0") + message(b"Q", b"next\0"))
    assert connection.next_message() == Query("COPY")
    connection.send(CopyOutResponse(0, (0,)))
    assert connection.next_message() is NEED_DATA
    connection.send(CopyDone())
    assert connection.next_message() == Query("next")


def test_encryption_is_asked_for_once_each():
    connection = Connection()
    connection.receive_data(GSSENC_REQUEST)
    assert connection.next_message() == GSSENCRequest()
    connection.answer_encryption(accept=False)
    connection.receive_data(SSL_REQUEST)
    assert connection.next_message() == SSLRequest()
    connection.answer_encryption(accept=True)
    assert connection.data_to_send() == b"NS"
    connection.receive_data(SSL_REQUEST)
    with pytest.raises(ProtocolError, match=r"unsupported frontend protocol 1234\.5679"):
        connection.next_message()


@pytest.mark.parametrize("accept", [True, False])
def test_bytes_ahead_of_encryption_are_refused(accept):
    connection = Connection()
    connection.receive_data(SSL_REQUEST + STARTUP)
    assert connection.next_message() == SSLRequest()
    with pytest.raises(ProtocolError, match="received unencrypted data after SSL request"):
        connection.answer_encryption(accept=accept)
    assert connection.data_to_send() == b""


def test_cancel_request_ends_the_connection():
    connection = Connection()
    connection.receive_data(CANCEL_REQUEST + STARTUP)
    assert connection.next_message() == CancelRequest(7, -2)
    assert connection.phase is Phase.CLOSED
    assert connection.next_message() is NEED_DATA
    assert connection.buffered == 0


@pytest.mark.parametrize(
    "packet",
    [b"\0\0\0\x09\0\3\0\0x", b"\0\0\0\x0b\0\3\0\0a\0\0", b"\0\0\0\x0a\0\3\0\0\0\0"],
)
def test_startup_without_its_terminator(packet):
    connection = Connection()
    connection.receive_data(packet)
    with pytest.raises(ProtocolError, match="expected terminator as last byte"):
        connection.next_message()


@pytest.mark.parametrize(("code", "shown"), [(2 << 16, "2.0"), (4 << 16 | 1, "4.1")])
def test_other_majors_are_refused(code, shown):
    connection = Connection()
    connection.receive_data(struct.pack("!II", 9, code) + b"\0")
    with pytest.raises(ProtocolError, match=f"unsupported frontend protocol {shown}") as caught:
        connection.next_message()
    assert caught.value.sqlstate == "0A000"


def authenticating(request: Any) -> Connection:
    connection = Connection()
    connection.receive_data(STARTUP)
    connection.next_message()
    connection.send(request)
    return connection


def test_a_password_is_decoded_as_it_was_asked_for():
    connection = authenticating(AuthenticationCleartextPassword())
    connection.receive_data(message(b"p", b"secret\0"))
    received = connection.next_message()
    assert received == PasswordMessage(b"secret")
    assert "secret" not in repr(received)
    connection = authenticating(AuthenticationSASL(("SCRAM-SHA-256",)))
    connection.receive_data(message(b"p", b"SCRAM-SHA-256\0\0\0\0\3abc"))
    assert connection.next_message() == SASLInitialResponse("SCRAM-SHA-256", b"abc")
    connection.send(AuthenticationSASLContinue(b"x"))
    connection.receive_data(message(b"p", b"def"))
    assert connection.next_message() == SASLResponse(b"def")


def test_a_second_startup_during_login_is_refused():
    connection = authenticating(AuthenticationSASL(("SCRAM-SHA-256",)))
    connection.receive_data(STARTUP)
    with pytest.raises(ProtocolError, match="expected password response, got message type 0"):
        connection.next_message()


def test_a_password_nobody_asked_for_is_refused():
    connection = Connection()
    connection.receive_data(STARTUP + message(b"p", b"x\0"))
    connection.next_message()
    with pytest.raises(ProtocolError, match="invalid frontend message type 112"):
        connection.next_message()


def test_a_fatal_error_closes():
    connection = ready()
    connection.receive_data(message(b"Q", b"\0"))
    connection.send(ErrorResponse(ErrorFields(severity="FATAL", message="bye")))
    assert connection.phase is Phase.CLOSED
    assert connection.next_message() is NEED_DATA
    assert connection.data_to_send().startswith(b"E")


def test_output_is_handed_out_once():
    connection = ready()
    connection.send(ReadyForQuery("I"))
    connection.send_framed(b"x")
    assert connection.data_to_send() == b"Z\0\0\0\5Ix"
    assert connection.data_to_send() == b""
