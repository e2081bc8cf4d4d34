"""Messages of clients whose encoding is not UTF8."""

import struct

import pytest

from protocol.connection import Connection
from protocol.encode import encode
from protocol.encodings import (
    ENCODINGS,
    PieceDecoder,
    decoded,
    encoded,
    encoding_named,
    is_converted,
)
from protocol.errors import ErrorFields, ProtocolError, Untranslatable
from protocol.messages import (
    CommandComplete,
    ErrorResponse,
    FieldDescription,
    NotificationResponse,
    ParameterStatus,
    Parse,
    RowDescription,
)
from protocol.phases import Phase
from protocol.transcoding import message_to_client, message_to_server

LATIN1 = encoding_named("latin1")


def ready_connection():
    connection = Connection()
    connection.phase = Phase.READY
    connection.send(ParameterStatus("client_encoding", "LATIN1"))
    connection.data_to_send()
    return connection


@pytest.mark.parametrize("encoding", [e for e in ENCODINGS if e.codec], ids=lambda e: e.name)
def test_every_codec_exists_and_leaves_ascii_alone(encoding):
    text = "".join(map(chr, range(1, 128)))
    assert encoded(text, encoding) == text.encode()
    assert decoded(text.encode(), encoding) == text


def test_strings_of_a_message_are_converted_and_nothing_else():
    connection = ready_connection()
    body = b"\xe9\0select '\xfc'\0" + struct.pack("!HI", 1, 0xE9)
    connection.receive_data(b"P" + struct.pack("!I", len(body) + 4) + body)
    assert connection.next_message() == Parse("é", "select 'ü'", (0xE9,))


@pytest.mark.parametrize(
    "message",
    [
        CommandComplete("é"),
        ErrorResponse(ErrorFields(message="é", detail="ü")),
        NotificationResponse(0xE9, "é", "ü"),
        RowDescription(
            (FieldDescription("é", 1, 2, 0xE9, -1, -1, 0), FieldDescription("a", 0, 0, 1, 1, 1, 1))
        ),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_sent_message_has_its_length(message):
    data = message_to_client(encode(message), LATIN1)
    assert len(data) == int.from_bytes(data[1:5]) + 1
    assert len(encode(message)) - len(data) == str(message).count("é") + str(message).count("ü")
    assert b"\xe9" in data


def test_an_error_without_a_form_is_replaced():
    connection = ready_connection()
    connection.send(ErrorResponse(ErrorFields(message="€")))
    assert b"22P05" in connection.data_to_send()


def test_other_messages_without_a_form_raise():
    with pytest.raises(Untranslatable):
        ready_connection().send(CommandComplete("€"))


def test_a_message_without_its_strings_is_left_alone():
    assert message_to_server(ord("P"), b"\xe9\0\xe9", LATIN1) == b"\xe9\0\xe9"


def test_back_to_utf8():
    connection = ready_connection()
    connection.send(ParameterStatus("client_encoding", "UTF8"))
    assert connection.encoding is None
    assert not is_converted(encoding_named("sql-ascii"))


def test_characters_across_pieces():
    decoder = PieceDecoder(encoding_named("sjis"))
    data = "表\\示".encode("cp932")
    assert b"".join(decoder.feed(data[i : i + 1]) for i in range(len(data))).decode() == "表\\示"
    decoder.feed(data[:1])
    with pytest.raises(ProtocolError, match='"SJIS": 0x95'):
        decoder.feed(b"", is_last=True)
