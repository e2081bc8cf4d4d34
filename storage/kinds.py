"""Kinds: the physical forms a stored column can have.

Rule 1: storage knows kinds, never SQL types; the server maps one to the other.
Rule 2: numbers are on disk (column descriptors): they are never renumbered.
Rule 3: every kind has a fixed width in its row group; BYTES is a 16-byte view of a string
        elsewhere.
"""

from enum import IntEnum
from typing import Any

import numpy as np

VIEW_BYTES = 16


class Kind(IntEnum):
    """How the values of one column lie in memory."""

    BOOL = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    FLOAT32 = 5
    FLOAT64 = 6
    FIXED16 = 7
    BYTES = 8

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The numpy type of the column's array; BYTES is its array of views."""
        return DTYPES[self]

    @property
    def width(self) -> int:
        """Bytes a row in the column's array."""
        return DTYPES[self].itemsize


DTYPES: dict[Kind, "np.dtype[Any]"] = {
    Kind.BOOL: np.dtype(np.bool_),
    Kind.INT16: np.dtype(np.int16),
    Kind.INT32: np.dtype(np.int32),
    Kind.INT64: np.dtype(np.int64),
    Kind.FLOAT32: np.dtype(np.float32),
    Kind.FLOAT64: np.dtype(np.float64),
    Kind.FIXED16: np.dtype("V16"),
    Kind.BYTES: np.dtype(f"V{VIEW_BYTES}"),
}

assert set(DTYPES) == set(Kind)
