"""Frames a whole batch of columns as DataRow messages; with the tag of CopyData they are rows of COPY's binary format.

    'D' | length int32 | column count int16 | for each column: length int32 (-1: null), value

Rule 1: this file is the specification; protocol.native.rows is the same, compiled.
Rule 2: columns are read, never written, and may be views of a page.
Rule 3: where `valid` is False, the value beside it is not looked at.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from protocol.text_values import (
    date_text,
    decimal_binary,
    decimal_text,
    float4_text,
    float8_text,
    timestamp_text,
)

Encoder = Callable[[Any, int], bytes]

DATA_ROW = b"D"
COPY_DATA = b"d"

_NULL = struct.pack("!i", -1)
_INT32 = struct.Struct("!i")
_ROW_HEADER = struct.Struct("!cIH")


class ColumnKind(IntEnum):
    """The physical form of a column's values, which decides how they are written."""

    BOOL = 0
    INT16 = 1
    INT32 = 2
    INT64 = 3
    UINT32 = 4  # oid, xid
    FLOAT4 = 5
    FLOAT8 = 6
    DATE = 7  # int32, days since 2000-01-01
    TIMESTAMP = 8  # int64, microseconds since 2000-01-01
    TIMESTAMPTZ = 9  # the same, shown in UTC
    DECIMAL = 10  # int64, scaled by a power of ten
    BYTES = 11  # str or bytes or None, encoded already
    DICTIONARY = 12  # int32 codes into a list of bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeColumn:
    """One column of a batch, and the format the client asked for."""

    kind: ColumnKind
    values: npt.NDArray[Any] | Sequence[Any]
    valid: npt.NDArray[np.bool_] | None = None
    binary: bool = False
    scale: int = 0
    dictionary: Sequence[bytes] = ()


def encode_rows(columns: Sequence[EncodeColumn], row_count: int, tag: bytes = DATA_ROW) -> bytes:
    """Return the messages of `row_count` rows."""
    return frame_rows([encode_column(column) for column in columns], row_count, tag)


def frame_rows(
    columns: Sequence[Sequence[bytes | None]], row_count: int, tag: bytes = DATA_ROW
) -> bytes:
    """Return the messages of values that are encoded already, a list per column."""
    assert all(len(column) == row_count for column in columns)
    if not columns:
        return _ROW_HEADER.pack(tag, 6, 0) * row_count
    messages = []
    for row in zip(*columns, strict=True):
        body = b"".join(
            _NULL if value is None else _INT32.pack(len(value)) + value for value in row
        )
        messages.append(_ROW_HEADER.pack(tag, len(body) + 6, len(columns)) + body)
    return b"".join(messages)


def encode_column(column: EncodeColumn) -> list[bytes | None]:
    """Return the values of one column as the client is to see them."""
    encoder = BINARY_ENCODERS[column.kind] if column.binary else TEXT_ENCODERS[column.kind]
    values = column.values.tolist() if isinstance(column.values, np.ndarray) else column.values
    extra: Any = column.dictionary if column.kind is ColumnKind.DICTIONARY else column.scale
    if column.valid is None:
        return [None if value is None else encoder(value, extra) for value in values]
    return [
        encoder(value, extra) if valid and value is not None else None
        for value, valid in zip(values, column.valid.tolist(), strict=True)
    ]


def _bool_text(value: bool, _extra: int) -> bytes:
    return b"t" if value else b"f"


def _integer_text(value: int, _extra: int) -> bytes:
    return b"%d" % value


def _object_bytes(value: str | bytes, _extra: int) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _packed(form: str) -> Encoder:
    pack = struct.Struct(form).pack
    return lambda value, _extra: pack(value)


TEXT_ENCODERS: dict[ColumnKind, Encoder] = {
    ColumnKind.BOOL: _bool_text,
    ColumnKind.INT16: _integer_text,
    ColumnKind.INT32: _integer_text,
    ColumnKind.INT64: _integer_text,
    ColumnKind.UINT32: _integer_text,
    ColumnKind.FLOAT4: lambda value, _extra: float4_text(value),
    ColumnKind.FLOAT8: lambda value, _extra: float8_text(value),
    ColumnKind.DATE: lambda value, _extra: date_text(value),
    ColumnKind.TIMESTAMP: lambda value, _extra: timestamp_text(value),
    ColumnKind.TIMESTAMPTZ: lambda value, _extra: timestamp_text(value, "+00"),
    ColumnKind.DECIMAL: decimal_text,
    ColumnKind.BYTES: _object_bytes,
    ColumnKind.DICTIONARY: lambda code, dictionary: dictionary[code],  # type: ignore[index]
}
BINARY_ENCODERS: dict[ColumnKind, Encoder] = {
    ColumnKind.BOOL: _packed("!?"),
    ColumnKind.INT16: _packed("!h"),
    ColumnKind.INT32: _packed("!i"),
    ColumnKind.INT64: _packed("!q"),
    ColumnKind.UINT32: _packed("!I"),
    ColumnKind.FLOAT4: _packed("!f"),
    ColumnKind.FLOAT8: _packed("!d"),
    ColumnKind.DATE: _packed("!i"),
    ColumnKind.TIMESTAMP: _packed("!q"),
    ColumnKind.TIMESTAMPTZ: _packed("!q"),
    ColumnKind.DECIMAL: decimal_binary,
    ColumnKind.BYTES: _object_bytes,
    ColumnKind.DICTIONARY: TEXT_ENCODERS[ColumnKind.DICTIONARY],
}
assert TEXT_ENCODERS.keys() == BINARY_ENCODERS.keys() == set(ColumnKind)
