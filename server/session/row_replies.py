"""Rows of values as DataRow messages, for statements that give few of them. The original of native/row_replies.

Rule 1: kinds and scales, a byte a column, are for the twin alone, which writes what they describe as the column's
        encoder would: a ColumnKind, 16 more in binary; OTHER, or a value of another form, has the encoder asked.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from protocol.rows import ColumnKind
from server.oids import NUMERIC
from server.session.results import fixed_kind
from server.types.numeric import scaled_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.types.type import TextStyle, TypeReference

OTHER: Final = 255
BINARY: Final = 16
_TEXT_OIDS: Final = frozenset((25, 1042, 1043))
_SAME_IN_BINARY: Final = frozenset(
    (
        ColumnKind.INT16,
        ColumnKind.INT32,
        ColumnKind.INT64,
        ColumnKind.DATE,
        ColumnKind.TIMESTAMP,
        ColumnKind.TIMESTAMPTZ,
    )
)
"""Kinds whose binary form is the integer that is stored."""

_IN_TEXT: Final = _SAME_IN_BINARY | {ColumnKind.UINT32, ColumnKind.FLOAT8}

_HEAD: Final = struct.Struct("!cIH")
_LENGTH: Final = struct.Struct("!i")
_NULL: Final = _LENGTH.pack(-1)


def field_kind(
    reference: TypeReference, style: TextStyle, *, is_binary: bool, is_stored: bool
) -> tuple[int, int]:
    """Kind and scale of a column."""
    kind = reference.type
    if kind.oid in _TEXT_OIDS:
        return ColumnKind.BYTES, 0
    if kind.oid == NUMERIC and is_stored and not is_binary:
        scale = scaled_by(reference.modifier)
        return (ColumnKind.BYTES, 0) if scale is None else (ColumnKind.DECIMAL, scale)
    found = fixed_kind(kind, is_binary, style)
    if is_binary:
        return (found + BINARY, 0) if found in _SAME_IN_BINARY else (OTHER, 0)
    return (found, 0) if found in _IN_TEXT else (OTHER, 0)


def frame_rows(
    rows: list[tuple[Any, ...]],
    kinds: bytes,
    scales: bytes,
    encoders: Sequence[Callable[[Any], bytes]],
) -> bytes:
    """DataRow messages of rows."""
    del kinds, scales
    pieces: list[bytes] = []
    for row in rows:
        fields: list[bytes] = []
        for value, encode in zip(row, encoders, strict=True):
            if value is None:
                fields.append(_NULL)
            else:
                data = encode(value)
                fields += (_LENGTH.pack(len(data)), data)
        body = b"".join(fields)
        pieces += (_HEAD.pack(b"D", 6 + len(body), len(row)), body)
    return b"".join(pieces)
