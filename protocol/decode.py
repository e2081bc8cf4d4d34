"""Bytes to frontend messages: one function per message type, listed in DECODERS.

A message is   tag byte | length int32 (counts itself, not the tag) | body.

Rule 1: no count or length from the wire is believed before it was compared with what has arrived.
Rule 2: the body must be used up exactly; a trailing byte is as wrong as a missing one.
Rule 3: everything raises ProtocolError; a bad body is not fatal: the frame around it is whole.

Decoders take (buffer, start, end) instead of a slice, so that a message is copied once.
"""

import struct
from collections.abc import Callable

from protocol.errors import ProtocolError, invalid_byte_sequence
from protocol.messages import (
    Bind,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Describe,
    Execute,
    Flush,
    FrontendMessage,
    FunctionCall,
    Parse,
    PasswordMessage,
    Query,
    SASLInitialResponse,
    SASLResponse,
    Sync,
    Terminate,
)

Decoder = Callable[[bytes, int, int], FrontendMessage]

_UINT16 = struct.Struct("!H")
_INT32 = struct.Struct("!i")
_UINT32 = struct.Struct("!I")
_NULL_LENGTH = -1


def decode(tag: int, buffer: bytes, start: int, end: int) -> FrontendMessage:
    """Return the message of type `tag` whose body is buffer[start:end]."""
    decoder = DECODERS.get(tag)
    if decoder is None:
        raise invalid_type(tag)
    return decoder(buffer, start, end)


def invalid_type(tag: int) -> ProtocolError:
    """Return the refusal of a message type, after which nothing can be understood."""
    return ProtocolError(f"invalid frontend message type {tag}", fatal=True)


def decode_query(buffer: bytes, start: int, end: int) -> Query:
    """Query: sql."""
    sql, position = _text(buffer, start, end)
    _finish(position, end)
    return Query(sql)


def decode_parse(buffer: bytes, start: int, end: int) -> Parse:
    """Parse: name, sql, count int16, type oids."""
    name, position = _text(buffer, start, end)
    sql, position = _text(buffer, position, end)
    count, position = _count(buffer, position, end)
    oids, position = _integers("I", count, buffer, position, end)
    _finish(position, end)
    return Parse(name, sql, oids)


def decode_bind(buffer: bytes, start: int, end: int) -> Bind:
    """Bind: portal, statement, formats, parameters, result formats, each with a count int16."""
    portal, position = _text(buffer, start, end)
    statement, position = _text(buffer, position, end)
    formats, parameters, position = _values(buffer, position, end, "bind message")
    count, position = _count(buffer, position, end)
    result_formats, position = _integers("h", count, buffer, position, end)
    _finish(position, end)
    return Bind(portal, statement, formats, parameters, result_formats)


def decode_describe(buffer: bytes, start: int, end: int) -> Describe:
    """Describe: kind byte, name."""
    return Describe(*_kind_and_name(buffer, start, end, "DESCRIBE"))


def decode_execute(buffer: bytes, start: int, end: int) -> Execute:
    """Execute: portal, max_rows int32; below zero means all, like zero."""
    portal, position = _text(buffer, start, end)
    max_rows, position = _int32(buffer, position, end)
    _finish(position, end)
    return Execute(portal, max(max_rows, 0))


def decode_close(buffer: bytes, start: int, end: int) -> Close:
    """Close: kind byte, name."""
    return Close(*_kind_and_name(buffer, start, end, "CLOSE"))


def decode_flush(_buffer: bytes, start: int, end: int) -> Flush:
    """Flush: nothing."""
    _finish(start, end)
    return _FLUSH


def decode_sync(_buffer: bytes, start: int, end: int) -> Sync:
    """Sync: nothing."""
    _finish(start, end)
    return _SYNC


def decode_terminate(_buffer: bytes, _start: int, _end: int) -> Terminate:
    """Terminate: nothing; who leaves is not corrected on the way out."""
    return _TERMINATE


def decode_copy_data(buffer: bytes, start: int, end: int) -> CopyData:
    """CopyData: bytes."""
    return CopyData(buffer[start:end])


def decode_copy_done(_buffer: bytes, start: int, end: int) -> CopyDone:
    """CopyDone: nothing."""
    _finish(start, end)
    return _COPY_DONE


def decode_copy_fail(buffer: bytes, start: int, end: int) -> CopyFail:
    """CopyFail: message."""
    message, position = _text(buffer, start, end)
    _finish(position, end)
    return CopyFail(message)


def decode_function_call(buffer: bytes, start: int, end: int) -> FunctionCall:
    """FunctionCall: oid, formats, arguments, result format int16."""
    _need(buffer, start, end, 4)
    (function_oid,) = _UINT32.unpack_from(buffer, start)
    formats, arguments, position = _values(buffer, start + 4, end, "function call message")
    result_format, position = _count(buffer, position, end)
    _finish(position, end)
    return FunctionCall(function_oid, formats, arguments, result_format)


def decode_password(buffer: bytes, start: int, end: int) -> PasswordMessage:
    """PasswordMessage: password."""
    stop = buffer.find(b"\0", start, end)
    if stop != end - 1:
        raise ProtocolError("invalid password packet size", fatal=True)
    return PasswordMessage(buffer[start:stop])


def decode_sasl_initial(buffer: bytes, start: int, end: int) -> SASLInitialResponse:
    """SASLInitialResponse: mechanism, length int32 (-1: none), bytes."""
    mechanism, position = _text(buffer, start, end)
    length, position = _int32(buffer, position, end)
    if length == _NULL_LENGTH:
        _finish(position, end)
        return SASLInitialResponse(mechanism, None)
    _need(buffer, position, end, length)
    _finish(position + length, end)
    return SASLInitialResponse(mechanism, buffer[position:end])


def decode_sasl_response(buffer: bytes, start: int, end: int) -> SASLResponse:
    """SASLResponse: bytes."""
    return SASLResponse(buffer[start:end])


def _text(buffer: bytes, start: int, end: int) -> tuple[str, int]:
    """Return the terminated string at `start`, and where the next thing starts."""
    stop = buffer.find(b"\0", start, end)
    if stop < 0:
        raise ProtocolError("invalid string in message")
    try:
        return buffer[start:stop].decode(), stop + 1
    except UnicodeDecodeError as error:
        raise invalid_byte_sequence(buffer[:stop], start + error.start) from None


def _need(buffer: bytes, start: int, end: int, size: int) -> None:
    if size < 0 or end - start < size or len(buffer) < end:
        raise ProtocolError("insufficient data left in message")


def _finish(position: int, end: int) -> None:
    if position != end:
        raise ProtocolError("invalid message format")


def _int32(buffer: bytes, start: int, end: int) -> tuple[int, int]:
    _need(buffer, start, end, 4)
    return _INT32.unpack_from(buffer, start)[0], start + 4


def _count(buffer: bytes, start: int, end: int) -> tuple[int, int]:
    _need(buffer, start, end, 2)
    return _UINT16.unpack_from(buffer, start)[0], start + 2


def _integers(
    code: str, count: int, buffer: bytes, start: int, end: int
) -> tuple[tuple[int, ...], int]:
    if count == 0:
        return (), start
    form = f"!{count}{code}"
    size = struct.calcsize(form)
    _need(buffer, start, end, size)
    return struct.unpack_from(form, buffer, start), start + size


def _values(
    buffer: bytes, start: int, end: int, what: str
) -> tuple[tuple[int, ...], tuple[bytes | None, ...], int]:
    """Return formats and values, as Bind and FunctionCall carry them."""
    format_count, position = _count(buffer, start, end)
    formats, position = _integers("h", format_count, buffer, position, end)
    count, position = _count(buffer, position, end)
    if format_count > 1 and format_count != count:
        noun = "parameter" if what.startswith("bind") else "argument"
        raise ProtocolError(f"{what} has {format_count} {noun} formats but {count} {noun}s")
    values: list[bytes | None] = []
    for _ in range(count):
        length, position = _int32(buffer, position, end)
        if length == _NULL_LENGTH:
            values.append(None)
            continue
        _need(buffer, position, end, length)
        values.append(buffer[position : position + length])
        position += length
    return formats, tuple(values), position


def _kind_and_name(buffer: bytes, start: int, end: int, what: str) -> tuple[str, str]:
    if start == end:
        raise ProtocolError("no data left in message")
    kind = buffer[start]
    name, position = _text(buffer, start + 1, end)
    _finish(position, end)
    if kind not in b"SP":
        raise ProtocolError(f"invalid {what} message subtype {kind}")
    return chr(kind), name


_FLUSH = Flush()
_SYNC = Sync()
_TERMINATE = Terminate()
_COPY_DONE = CopyDone()

# What decodes a body, and the type a broken one is reported under.
DECODERS: dict[int, Decoder] = {
    ord("Q"): decode_query,
    ord("P"): decode_parse,
    ord("B"): decode_bind,
    ord("D"): decode_describe,
    ord("E"): decode_execute,
    ord("C"): decode_close,
    ord("H"): decode_flush,
    ord("S"): decode_sync,
    ord("d"): decode_copy_data,
    ord("c"): decode_copy_done,
    ord("f"): decode_copy_fail,
    ord("F"): decode_function_call,
    ord("X"): decode_terminate,
}
KINDS: dict[int, type[object]] = {
    ord("Q"): Query,
    ord("P"): Parse,
    ord("B"): Bind,
    ord("D"): Describe,
    ord("E"): Execute,
    ord("C"): Close,
    ord("H"): Flush,
    ord("S"): Sync,
    ord("d"): CopyData,
    ord("c"): CopyDone,
    ord("f"): CopyFail,
    ord("F"): FunctionCall,
    ord("X"): Terminate,
}
assert KINDS.keys() == DECODERS.keys()
