r"""COPY's binary format.

    "PGCOPY\n\377\r\n\0" | flags int32 | extension length int32 | extension
    each row: field count int16 | each field: length int32 (-1: null), bytes
    trailer: -1 int16

Rule 1: a length is compared with what may come before its bytes are waited for.
Rule 2: the signature's odd bytes are there to catch transfers that change line ends or eight bits.
"""

import struct
from collections.abc import Sequence

from protocol.binary_rows import FIELD_BYTES_MAX
from protocol.errors import CopyFormatError
from protocol.native import take_rows

Columns = list[list[bytes | None]]

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
TRAILER = b"\xff\xff"
_HEADER_BYTES = len(SIGNATURE) + 8
_WITH_OIDS = 1 << 16
_CRITICAL_FLAGS = 0xFFFF_0000
_UINT32 = struct.Struct("!I")
_INT32 = struct.Struct("!i")
_INT16 = struct.Struct("!h")
_EOF = "unexpected EOF in COPY data"


def encode_binary_header() -> bytes:
    """Return what comes before the first row."""
    return SIGNATURE + bytes(8)


class _Incomplete(Exception):
    """The data ends within a row."""


class BinaryDecoder:
    """Decodes binary data that comes in any pieces."""

    lines = None

    def __init__(self, column_count: int) -> None:
        self.row_count = 0
        self._column_count = column_count
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        # A row longer than many pieces must not be looked at again with every piece.
        self._retry_bytes = 1
        self._header_done = False
        self._ended = False

    def feed(self, data: bytes) -> Columns:
        """Take a piece; return the rows that it completes."""
        columns: Columns = [[] for _ in range(self._column_count)]
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes < self._retry_bytes:
            return columns
        buffer = b"".join(self._pending)
        position = 0 if self._header_done else self._header(buffer)
        if self._header_done:
            position = self._rows(buffer, position, columns)
        rest = buffer[position:]
        self._pending = [rest] if rest else []
        self._pending_bytes = len(rest)
        self._retry_bytes = 1 if position else 2 * len(rest)
        return columns

    def take_plain(self, data: bytes) -> None:
        """Take nothing: there is no text."""
        del data

    def finish(self) -> Columns:
        """Check that the data ended where it may: after the trailer, or at least after a row."""
        self._retry_bytes = 0
        columns = self.feed(b"")
        if not self._header_done:
            seen = b"".join(self._pending)
            raise CopyFormatError(_header_complaint(seen))
        if self._pending_bytes:
            raise CopyFormatError(_EOF, line_no=self.row_count + 1)
        return columns

    def _header(self, buffer: bytes) -> int:
        if buffer[: len(SIGNATURE)] != SIGNATURE[: len(buffer)]:
            raise CopyFormatError("COPY file signature not recognized")
        if len(buffer) < _HEADER_BYTES:
            return 0
        (flags,) = _UINT32.unpack_from(buffer, len(SIGNATURE))
        if flags & _WITH_OIDS:
            raise CopyFormatError("invalid COPY file header (WITH OIDS)")
        if flags & _CRITICAL_FLAGS:
            raise CopyFormatError("unrecognized critical flags in COPY file header")
        (extension_bytes,) = _INT32.unpack_from(buffer, len(SIGNATURE) + 4)
        if extension_bytes < 0:
            raise CopyFormatError("invalid COPY file header (missing length)")
        if len(buffer) < _HEADER_BYTES + extension_bytes:
            return 0
        self._header_done = True
        return _HEADER_BYTES + int(extension_bytes)

    def _rows(self, buffer: bytes, position: int, columns: Columns) -> int:
        """Append whole rows; return where the first row that is not whole begins."""
        if not self._ended:
            position, taken = take_rows(buffer, position, columns)
            self.row_count += taken
        while position < len(buffer):
            if self._ended:
                raise CopyFormatError("received copy data after EOF marker")
            try:
                row, following = self._row(buffer, position)
            except _Incomplete:
                return position
            except CopyFormatError as error:
                error.line_no = self.row_count + 1
                raise
            position = following
            if row is not None:
                self.row_count += 1
                for column, value in zip(columns, row, strict=True):
                    column.append(value)
        return position

    def _row(self, buffer: bytes, position: int) -> tuple[Sequence[bytes | None] | None, int]:
        """Return the fields of a row, None for the trailer, and where the next one begins."""
        if len(buffer) < position + 2:
            raise _Incomplete
        (count,) = _INT16.unpack_from(buffer, position)
        position += 2
        if count == -1:
            self._ended = True
            return None, position
        if count != self._column_count:
            raise CopyFormatError(f"row field count is {count}, expected {self._column_count}")
        row: list[bytes | None] = []
        for _ in range(count):
            if len(buffer) < position + 4:
                raise _Incomplete
            (size,) = _INT32.unpack_from(buffer, position)
            position += 4
            if size == -1:
                row.append(None)
                continue
            if not 0 <= size <= FIELD_BYTES_MAX:
                raise CopyFormatError("invalid field size")
            if len(buffer) < position + size:
                raise _Incomplete
            row.append(buffer[position : position + size])
            position += size
        return row, position


def with_header(framed: bytes) -> bytes:
    """Rows framed as messages with the header in the first of them, where clients expect it."""
    (length,) = _UINT32.unpack_from(framed, 1)
    header = encode_binary_header()
    return framed[:1] + _UINT32.pack(length + len(header)) + header + framed[5:]


def _header_complaint(seen: bytes) -> str:
    """Return what PostgreSQL calls a header cut short at this point."""
    if len(seen) < len(SIGNATURE):
        return "COPY file signature not recognized"
    if len(seen) < len(SIGNATURE) + 4:
        return "invalid COPY file header (missing flags)"
    if len(seen) < _HEADER_BYTES:
        return "invalid COPY file header (missing length)"
    return "invalid COPY file header (wrong length)"
