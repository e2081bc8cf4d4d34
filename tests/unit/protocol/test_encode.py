"""Backend messages, byte for byte."""

from typing import get_args

import pytest

from protocol import messages
from protocol.encode import ENCODERS, ERROR_FIELD_CODES, encode
from protocol.errors import ErrorFields


def test_every_backend_message_has_an_encoder():
    assert set(get_args(messages.BackendMessage)) == ENCODERS.keys()


def test_every_error_field_is_sent():
    names = {name for _, name in ERROR_FIELD_CODES}
    assert names == set(ErrorFields.__dataclass_fields__)


@pytest.mark.parametrize(
    ("message", "data"),
    [
        (messages.AuthenticationOk(), b"R\0\0\0\x08\0\0\0\0"),
        (messages.AuthenticationCleartextPassword(), b"R\0\0\0\x08\0\0\0\3"),
        (messages.AuthenticationSASL(("A", "B")), b"R\0\0\0\x0d\0\0\0\x0aA\0B\0\0"),
        (messages.AuthenticationSASLContinue(b"x"), b"R\0\0\0\x09\0\0\0\x0bx"),
        (messages.AuthenticationSASLFinal(b"x"), b"R\0\0\0\x09\0\0\0\x0cx"),
        (messages.ParameterStatus("a", "b"), b"S\0\0\0\x08a\0b\0"),
        (messages.BackendKeyData(1, -1), b"K\0\0\0\x0c\0\0\0\1\xff\xff\xff\xff"),
        (
            messages.NegotiateProtocolVersion(3, 0, ("_pq_.x",)),
            b"v\0\0\0\x13\0\3\0\0\0\0\0\1_pq_.x\0",
        ),
        (messages.ReadyForQuery("T"), b"Z\0\0\0\5T"),
        (
            messages.RowDescription((messages.FieldDescription("c", 1, 2, 23, 4, -1, 0),)),
            b"T\0\0\0\x1a\0\1c\0\0\0\0\1\0\2\0\0\0\x17\0\4\xff\xff\xff\xff\0\0",
        ),
        (messages.ParameterDescription((23,)), b"t\0\0\0\x0a\0\1\0\0\0\x17"),
        (messages.ParseComplete(), b"1\0\0\0\4"),
        (messages.BindComplete(), b"2\0\0\0\4"),
        (messages.CloseComplete(), b"3\0\0\0\4"),
        (messages.NoData(), b"n\0\0\0\4"),
        (messages.PortalSuspended(), b"s\0\0\0\4"),
        (messages.EmptyQueryResponse(), b"I\0\0\0\4"),
        (messages.CommandComplete("SELECT 1"), b"C\0\0\0\x0dSELECT 1\0"),
        (messages.NotificationResponse(7, "c", "p"), b"A\0\0\0\x0c\0\0\0\7c\0p\0"),
        (messages.FunctionCallResponse(None), b"V\0\0\0\x08\xff\xff\xff\xff"),
        (messages.FunctionCallResponse(b"x"), b"V\0\0\0\x09\0\0\0\1x"),
        (messages.CopyInResponse(0, (0, 0)), b"G\0\0\0\x0b\0\0\2\0\0\0\0"),
        (messages.CopyOutResponse(1, (1,)), b"H\0\0\0\x09\1\0\1\0\1"),
        (messages.CopyBothResponse(0, ()), b"W\0\0\0\7\0\0\0"),
        (messages.CopyData(b"ab"), b"d\0\0\0\6ab"),
        (messages.CopyDone(), b"c\0\0\0\4"),
        (messages.DataRows(b"framed"), b"framed"),
        (messages.CopyRows(b"framed"), b"framed"),
    ],
)
def test_bytes(message, data):
    assert encode(message) == data


def test_error_response():
    fields = ErrorFields(sqlstate="42P01", message="no\0 \ud800", position=15, table="t")
    body = b"SERROR\0VERROR\0C42P01\0Mno ?\0P15\0tt\0\0"
    for tag, kind in ((b"E", messages.ErrorResponse), (b"N", messages.NoticeResponse)):
        assert encode(kind(fields)) == tag + (len(body) + 4).to_bytes(4) + body
