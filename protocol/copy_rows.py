"""Whole batches of columns as COPY sends them in text and csv format: a CopyData message a row.

In binary format these are the messages of protocol.rows with another tag.

Rule 1: this file is the specification; protocol.native.copy_rows is the same, compiled.
"""

import struct
from collections.abc import Sequence

from protocol.copy_fields import copy_escape, copy_escapes, csv_fields
from protocol.copy_text import Dialect
from protocol.rows import EncodeColumn, encode_column

_HEADER = struct.Struct("!cI")


def encode_text_rows(
    columns: Sequence[EncodeColumn],
    row_count: int,
    delimiter: bytes = b"\t",
    null: bytes = b"\\N",
) -> bytes:
    """Return rows in text format; columns must not be binary."""
    escapes = copy_escapes(delimiter)
    shown = [
        [null if value is None else copy_escape(value, escapes) for value in text]
        for text in _texts(columns, row_count)
    ]
    return _framed_lines(shown, row_count, delimiter)


def encode_csv_rows(
    columns: Sequence[EncodeColumn],
    row_count: int,
    dialect: Dialect,
    force_quote: Sequence[bool] = (),
) -> bytes:
    """Return rows in csv format; columns must not be binary. force_quote: none, or one for each column."""
    shown = csv_fields(_texts(columns, row_count), dialect, force_quote)
    return _framed_lines(shown, row_count, dialect.delimiter)


def _texts(columns: Sequence[EncodeColumn], row_count: int) -> list[list[bytes | None]]:
    assert not any(column.binary for column in columns)
    assert all(len(column.values) == row_count for column in columns)
    return [encode_column(column) for column in columns]


def _framed_lines(shown: Sequence[Sequence[bytes]], row_count: int, delimiter: bytes) -> bytes:
    lines = [delimiter.join(column[row] for column in shown) + b"\n" for row in range(row_count)]
    return b"".join(_HEADER.pack(b"d", len(line) + 4) + line for line in lines)
