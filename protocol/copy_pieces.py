"""The data of CopyData messages that lie one behind the other: clients may send a message a row."""

import struct

HEADER_BYTES = 5
LENGTH_MIN = 4  # a length counts itself
TAG = ord("d")

_HEADER = struct.Struct("!BI")


def join_copy_data(buffer: bytes, start: int, bytes_max: int, length_max: int) -> tuple[bytes, int]:
    """The data of whole messages from start on, about so much of it, and where what was taken ends."""
    pieces: list[bytes] = []
    count = 0
    while len(buffer) - start >= HEADER_BYTES and count < bytes_max:
        tag, length = _HEADER.unpack_from(buffer, start)
        end = start + 1 + length
        if tag != TAG or not LENGTH_MIN <= length <= length_max or end > len(buffer):
            break
        pieces.append(buffer[start + HEADER_BYTES : end])
        count += length
        start = end
    return b"".join(pieces), start
