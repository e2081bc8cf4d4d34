"""Whole rows of COPY's binary format out of bytes; what is not whole, or not right, is left to protocol.copy_binary."""

import struct

FIELD_BYTES_MAX = 0x3FFF_FFFF

_COUNT = struct.Struct("!h")
_SIZE = struct.Struct("!i")

Fields = list[list[bytes | None]]


def take_rows(buffer: bytes, start: int, columns: Fields) -> tuple[int, int]:
    """Append rows to the columns: where the first that was not taken begins, and how many were taken."""
    taken = 0
    while (row := _row(buffer, start, len(columns))) is not None:
        fields, start = row
        for column, field in zip(columns, fields, strict=True):
            column.append(field)
        taken += 1
    return start, taken


def _row(buffer: bytes, place: int, column_count: int) -> tuple[list[bytes | None], int] | None:
    if len(buffer) < place + 2 or _COUNT.unpack_from(buffer, place)[0] != column_count:
        return None
    place += 2
    fields: list[bytes | None] = []
    for _ in range(column_count):
        if len(buffer) < place + 4:
            return None
        (size,) = _SIZE.unpack_from(buffer, place)
        place += 4
        if size == -1:
            fields.append(None)
            continue
        if not 0 <= size <= min(FIELD_BYTES_MAX, len(buffer) - place):
            return None
        fields.append(buffer[place : place + size])
        place += size
    return fields, place
