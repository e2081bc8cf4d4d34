"""Messages of clients whose encoding is not the server's: where their strings are, so that these can be converted.

Rule 1: only strings change; counts, OIDs and values are copied.
Rule 2: what has not the form of its message is left as it is: decoding says what is wrong with it.
"""

import struct

from protocol.encodings import Encoding, to_client, to_server

_HEADER = struct.Struct("!cI")
_HEADER_BYTES = 5
_COUNT = struct.Struct("!H")
_FIELD_BYTES = 18  # of RowDescription, behind the name

RECEIVED_STRINGS: dict[int, tuple[int, int]] = {
    ord("Q"): (0, 1),
    ord("P"): (0, 2),
    ord("B"): (0, 2),
    ord("D"): (1, 1),
    ord("E"): (0, 1),
    ord("C"): (1, 1),
    ord("f"): (0, 1),
}
"""Of messages of the client: behind how many bytes their strings begin, and how many they are."""

SENT_STRINGS: dict[int, int] = {ord("E"): 0, ord("N"): 0, ord("C"): 0, ord("S"): 0, ord("A"): 4}
"""Of messages of the server: behind how many bytes there is nothing but strings."""

_ROW_DESCRIPTION = ord("T")


def message_to_server(tag: int, body: bytes, encoding: Encoding) -> bytes:
    """Return the body of a client's message with its strings in UTF-8; raises ProtocolError."""
    start, count = RECEIVED_STRINGS.get(tag, (0, 0))
    stop = start
    for _ in range(count):
        stop = body.find(b"\0", stop) + 1
        if not stop:
            return body
    return body[:start] + to_server(body[start:stop], encoding) + body[stop:]


def message_to_client(data: bytes, encoding: Encoding) -> bytes:
    """Return a whole message of the server with its strings in the encoding; raises ProtocolError."""
    tag = data[0]
    if data.isascii() or (tag not in SENT_STRINGS and tag != _ROW_DESCRIPTION):
        return data
    body = data[_HEADER_BYTES:]
    if tag == _ROW_DESCRIPTION:
        body = _row_description(body, encoding)
    else:
        start = SENT_STRINGS[tag]
        body = body[:start] + to_client(body[start:], encoding)
    return _HEADER.pack(data[:1], len(body) + 4) + body


def _row_description(body: bytes, encoding: Encoding) -> bytes:
    parts = [body[: _COUNT.size]]
    position = _COUNT.size
    while position < len(body):
        stop = body.index(b"\0", position)
        parts.append(to_client(body[position:stop], encoding))
        position = stop + 1 + _FIELD_BYTES
        parts.append(body[stop:position])
    return b"".join(parts)
