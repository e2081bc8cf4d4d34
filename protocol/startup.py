"""The untagged packets at the start of a connection.

    length int32 | code int32 | body
    length counts itself; 10,000 bytes at most

Rule 1: the length is checked before a byte of the body is waited for; who sends a wrong one gets no answer.
Rule 2: SSLRequest and GSSENCRequest may come once each; the connection counts, not this file.
"""

import struct

from protocol.errors import (
    FEATURE_NOT_SUPPORTED,
    ProtocolError,
    UnknownPeer,
    invalid_byte_sequence,
)
from protocol.messages import (
    CancelRequest,
    GSSENCRequest,
    NegotiateProtocolVersion,
    SSLRequest,
    StartupMessage,
    StartupPacket,
)

PACKET_BYTES_MIN = 8
PACKET_BYTES_MAX = 10_000
MAJOR = 3
MINOR_MAX = 0
CANCEL_REQUEST_CODE = 1234 << 16 | 5678
SSL_REQUEST_CODE = 1234 << 16 | 5679
GSSENC_REQUEST_CODE = 1234 << 16 | 5680
CANCEL_REQUEST_BYTES = 16
PROTOCOL_OPTION_PREFIX = "_pq_."

_UINT32 = struct.Struct("!I")
_INT32_PAIR = struct.Struct("!ii")


def packet_bytes(buffer: bytes, start: int) -> int:
    """Return the size of the packet whose first four bytes are at `start`, or refuse it."""
    (length,) = _UINT32.unpack_from(buffer, start)
    if not PACKET_BYTES_MIN <= length <= PACKET_BYTES_MAX:
        raise UnknownPeer
    return int(length)


def decode_startup(packet: bytes) -> StartupPacket:
    """Return the message in one whole packet, length included."""
    assert len(packet) >= PACKET_BYTES_MIN
    (code,) = _UINT32.unpack_from(packet, 4)
    if code == CANCEL_REQUEST_CODE:
        return _decode_cancel(packet)
    if code in ENCRYPTION_REQUESTS:
        if len(packet) != PACKET_BYTES_MIN:
            raise UnknownPeer
        return ENCRYPTION_REQUESTS[code]
    major, minor = code >> 16, code & 0xFFFF
    if major != MAJOR:
        raise unsupported_version(major, minor)
    return StartupMessage(major, minor, _decode_parameters(packet))


ENCRYPTION_REQUESTS: dict[int, SSLRequest | GSSENCRequest] = {
    SSL_REQUEST_CODE: SSLRequest(),
    GSSENC_REQUEST_CODE: GSSENCRequest(),
}


def unsupported_version(major: int, minor: int) -> ProtocolError:
    """Return the refusal of a protocol version; a repeated SSLRequest is taken for one."""
    return ProtocolError(
        f"unsupported frontend protocol {major}.{minor}: "
        f"server supports {MAJOR}.0 to {MAJOR}.{MINOR_MAX}",
        sqlstate=FEATURE_NOT_SUPPORTED,
        fatal=True,
    )


def negotiation(message: StartupMessage) -> NegotiateProtocolVersion | None:
    """Return what to tell a client that asked for a newer minor version or for unknown options."""
    unknown = tuple(name for name in message.parameters if name.startswith(PROTOCOL_OPTION_PREFIX))
    if message.minor <= MINOR_MAX and not unknown:
        return None
    return NegotiateProtocolVersion(MAJOR, MINOR_MAX, unknown)


def _decode_cancel(packet: bytes) -> CancelRequest:
    if len(packet) != CANCEL_REQUEST_BYTES:
        raise UnknownPeer
    return CancelRequest(*_INT32_PAIR.unpack_from(packet, 8))


def _decode_parameters(packet: bytes) -> dict[str, str]:
    """Pairs of strings, ended by an empty name that must be the packet's last byte."""
    parameters: dict[str, str] = {}
    position = PACKET_BYTES_MIN
    while (stop := packet.find(b"\0", position)) > position:
        value_stop = packet.find(b"\0", stop + 1)
        if value_stop < 0:
            break
        parameters[_text(packet, position, stop)] = _text(packet, stop + 1, value_stop)
        position = value_stop + 1
    if position != len(packet) - 1 or packet[-1] != 0:
        raise ProtocolError(
            "invalid startup packet layout: expected terminator as last byte", fatal=True
        )
    return parameters


def _text(packet: bytes, start: int, stop: int) -> str:
    try:
        return packet[start:stop].decode()
    except UnicodeDecodeError as error:
        raise invalid_byte_sequence(packet, start + error.start, fatal=True) from None
