"""Backend messages to bytes: one function per message type, listed in ENCODERS.

Rule 1: what is encoded was made by the server, so its limits are asserted, not reported.
Rule 2: text that quotes user data may hold anything; a zero byte or a lone surrogate in it must not
        break the frame.
"""

import struct
from collections.abc import Callable
from typing import Any

from protocol.errors import ErrorFields
from protocol.messages import (
    AuthenticationCleartextPassword,
    AuthenticationOk,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    BackendKeyData,
    BackendMessage,
    BindComplete,
    CloseComplete,
    CommandComplete,
    CopyBothResponse,
    CopyData,
    CopyDone,
    CopyInResponse,
    CopyOutResponse,
    CopyRows,
    DataRows,
    EmptyQueryResponse,
    ErrorResponse,
    Framed,
    FunctionCallResponse,
    NegotiateProtocolVersion,
    NoData,
    NoticeResponse,
    NotificationResponse,
    ParameterDescription,
    ParameterStatus,
    ParseComplete,
    PortalSuspended,
    ReadyForQuery,
    RowDescription,
)

# An encoder takes exactly the type it is listed under, which a table cannot say.
Encoder = Callable[[Any], bytes]

_HEADER = struct.Struct("!cI")
_UINT16 = struct.Struct("!H")
_INT32 = struct.Struct("!i")
_UINT32 = struct.Struct("!I")
_FIELD = struct.Struct("!IhIhih")
_HEADER_BYTES = 4

# The manual's chapter "Error and Notice Message Fields", in PostgreSQL's order of sending.
ERROR_FIELD_CODES: tuple[tuple[bytes, str], ...] = (
    (b"S", "severity"),
    (b"V", "severity"),
    (b"C", "sqlstate"),
    (b"M", "message"),
    (b"D", "detail"),
    (b"H", "hint"),
    (b"P", "position"),
    (b"p", "internal_position"),
    (b"q", "internal_query"),
    (b"W", "where"),
    (b"s", "schema"),
    (b"t", "table"),
    (b"c", "column"),
    (b"d", "datatype"),
    (b"n", "constraint"),
    (b"F", "file"),
    (b"L", "line"),
    (b"R", "routine"),
)


def encode(message: BackendMessage) -> bytes:
    """Return the message as it goes over the wire."""
    return ENCODERS[type(message)](message)


def frame(tag: bytes, body: bytes) -> bytes:
    """Return a tag, a length and the body."""
    return _HEADER.pack(tag, len(body) + _HEADER_BYTES) + body


def encode_authentication_sasl(message: AuthenticationSASL) -> bytes:
    """Code 10, mechanisms, an empty string."""
    return frame(b"R", _INT32.pack(10) + b"".join(map(_text, message.mechanisms)) + b"\0")


def encode_authentication_sasl_continue(message: AuthenticationSASLContinue) -> bytes:
    """Code 11, data."""
    return frame(b"R", _INT32.pack(11) + message.data)


def encode_authentication_sasl_final(message: AuthenticationSASLFinal) -> bytes:
    """Code 12, data."""
    return frame(b"R", _INT32.pack(12) + message.data)


def encode_parameter_status(message: ParameterStatus) -> bytes:
    """Name, value."""
    return frame(b"S", _text(message.name) + _text(message.value))


def encode_backend_key_data(message: BackendKeyData) -> bytes:
    """Process id, secret."""
    return frame(b"K", _INT32.pack(message.pid) + _INT32.pack(message.secret))


def encode_negotiate_protocol_version(message: NegotiateProtocolVersion) -> bytes:
    """Newest version, count, options."""
    names = b"".join(map(_text, message.unrecognized))
    version = _INT32.pack(message.major << 16 | message.minor)
    return frame(b"v", version + _INT32.pack(len(message.unrecognized)) + names)


def encode_ready_for_query(message: ReadyForQuery) -> bytes:
    """Status byte."""
    return _READY[message.status]


def encode_row_description(message: RowDescription) -> bytes:
    """Count, then name, table oid, column, type oid, size, modifier, format of each column."""
    parts = [_UINT16.pack(len(message.fields))]
    for field in message.fields:
        parts.append(_text(field.name))
        parts.append(
            _FIELD.pack(
                field.table_oid,
                field.column_no,
                field.type_oid,
                field.type_size,
                field.type_modifier,
                field.format,
            )
        )
    return frame(b"T", b"".join(parts))


def encode_parameter_description(message: ParameterDescription) -> bytes:
    """Count, type oids."""
    oids = b"".join(map(_UINT32.pack, message.type_oids))
    return frame(b"t", _UINT16.pack(len(message.type_oids)) + oids)


def encode_command_complete(message: CommandComplete) -> bytes:
    """Tag."""
    return frame(b"C", _text(message.tag))


def encode_error_response(message: ErrorResponse) -> bytes:
    """Fields, each a code byte and a string, and a zero byte."""
    return frame(b"E", _error_fields(message.fields))


def encode_notice_response(message: NoticeResponse) -> bytes:
    """Return the same with another tag."""
    return frame(b"N", _error_fields(message.fields))


def encode_notification_response(message: NotificationResponse) -> bytes:
    """Process id, channel, payload."""
    return frame(b"A", _INT32.pack(message.pid) + _text(message.channel) + _text(message.payload))


def encode_function_call_response(message: FunctionCallResponse) -> bytes:
    """Length (-1: null), value."""
    if message.value is None:
        return frame(b"V", _INT32.pack(-1))
    return frame(b"V", _INT32.pack(len(message.value)) + message.value)


def encode_copy_in_response(message: CopyInResponse) -> bytes:
    """Format byte, count, a format per column."""
    return frame(b"G", _copy_formats(message))


def encode_copy_out_response(message: CopyOutResponse) -> bytes:
    """Return the same with another tag."""
    return frame(b"H", _copy_formats(message))


def encode_copy_both_response(message: CopyBothResponse) -> bytes:
    """Return the same with another tag."""
    return frame(b"W", _copy_formats(message))


def encode_copy_data(message: CopyData) -> bytes:
    """Bytes."""
    return frame(b"d", message.data)


def encode_framed(message: DataRows | CopyRows | Framed) -> bytes:
    """Return what was framed where it was made."""
    return message.data


def _text(value: str) -> bytes:
    return value.encode("utf-8", "replace").replace(b"\0", b"") + b"\0"


def _error_fields(fields: ErrorFields) -> bytes:
    parts = []
    for code, name in ERROR_FIELD_CODES:
        if value := getattr(fields, name):
            parts.append(code + _text(str(value)))
    parts.append(b"\0")
    return b"".join(parts)


def _copy_formats(message: CopyInResponse | CopyOutResponse | CopyBothResponse) -> bytes:
    count = len(message.column_formats)
    return struct.pack(f"!bH{count}h", message.format, count, *message.column_formats)


def _constant(data: bytes) -> Encoder:
    return lambda _message: data


_READY = {status: frame(b"Z", status.encode()) for status in "ITE"}

ENCODERS: dict[type[object], Encoder] = {
    AuthenticationOk: _constant(frame(b"R", _INT32.pack(0))),
    AuthenticationCleartextPassword: _constant(frame(b"R", _INT32.pack(3))),
    AuthenticationSASL: encode_authentication_sasl,
    AuthenticationSASLContinue: encode_authentication_sasl_continue,
    AuthenticationSASLFinal: encode_authentication_sasl_final,
    ParameterStatus: encode_parameter_status,
    BackendKeyData: encode_backend_key_data,
    NegotiateProtocolVersion: encode_negotiate_protocol_version,
    ReadyForQuery: encode_ready_for_query,
    RowDescription: encode_row_description,
    ParameterDescription: encode_parameter_description,
    ParseComplete: _constant(frame(b"1", b"")),
    BindComplete: _constant(frame(b"2", b"")),
    CloseComplete: _constant(frame(b"3", b"")),
    NoData: _constant(frame(b"n", b"")),
    PortalSuspended: _constant(frame(b"s", b"")),
    CommandComplete: encode_command_complete,
    EmptyQueryResponse: _constant(frame(b"I", b"")),
    ErrorResponse: encode_error_response,
    NoticeResponse: encode_notice_response,
    NotificationResponse: encode_notification_response,
    FunctionCallResponse: encode_function_call_response,
    CopyInResponse: encode_copy_in_response,
    CopyOutResponse: encode_copy_out_response,
    CopyBothResponse: encode_copy_both_response,
    CopyData: encode_copy_data,
    CopyDone: _constant(frame(b"c", b"")),
    DataRows: encode_framed,
    Framed: encode_framed,
    CopyRows: encode_framed,
}
