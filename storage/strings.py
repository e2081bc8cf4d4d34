"""Strings: 16-byte views in a column, and the bytes they lead to.

Rule 1: a view of at most 12 bytes holds the value itself; a longer one holds its first four bytes
        and the address of the whole value in the store. Addresses are absolute, so a row group may
        move to a bigger run without touching its heap.
Rule 2: a value above LARGE_BYTES_MIN lies in a run of pages of its own.
Rule 3: space in a heap chunk belongs to one slot. A reused slot writes its new value over its old
        one where that is large enough; other garbage waits for the group to be rewritten.

    view        length u32 | value, up to 12 bytes, zero padded
    view        length u32 | prefix 4 bytes | address u64
    heap chunk  magic u32 | page count u32 | previous chunk's first page u64 | values, 8-byte
    aligned
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.kinds import VIEW_BYTES
from storage.native import gather_blob, gather_bytes, gather_str
from storage.string_loops import (
    INLINE_BYTES_MAX,
    INLINE_VIEW,
    LARGE_BYTES_MIN,
    LONG_VIEW,
    Bytes,
    read_view,
    space,
)

__all__ = [
    "CHUNK_HEADER",
    "CHUNK_MAGIC",
    "CHUNK_PAGES_MAX",
    "INLINE_BYTES_MAX",
    "LARGE_BYTES_MIN",
    "StringBlob",
    "StringViews",
    "inline_view",
    "long_view",
    "read_view",
    "space",
    "view_address",
    "view_length",
]

CHUNK_MAGIC = 0x50414548  # "HEAP"
CHUNK_HEADER = struct.Struct("<IIQ")
CHUNK_PAGES_MAX = 128

assert CHUNK_HEADER.size == 16


def inline_view(value: bytes) -> bytes:
    """The view of a short value."""
    assert len(value) <= INLINE_BYTES_MAX
    return INLINE_VIEW.pack(len(value), value)


def long_view(value: bytes, address: int) -> bytes:
    """The view of a value stored at an address."""
    assert len(value) > INLINE_BYTES_MAX
    return LONG_VIEW.pack(len(value), value[:4], address)


def view_length(view: bytes) -> int:
    """The number of bytes of the value."""
    return int.from_bytes(view[:4], "little")


def view_address(view: bytes) -> int:
    """Where a long value lies."""
    return int.from_bytes(view[8:16], "little")


class StringBlob:
    """A column of byte strings end to end, for insertion.

    Value i is blob[offsets[i]:offsets[i + 1]].

    Slices share the blob.
    """

    __slots__ = ("blob", "offsets")

    def __init__(self, blob: Bytes, offsets: npt.NDArray[np.int64]) -> None:
        self.blob = blob
        self.offsets = np.ascontiguousarray(offsets, np.int64)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, part: slice) -> "StringBlob":
        start, stop, step = part.indices(len(self))
        assert step == 1
        return StringBlob(self.blob, self.offsets[start : stop + 1])

    def to_list(self) -> list[bytes]:
        """Every value."""
        places = self.offsets.tolist()
        return [self.blob[start:stop].tobytes() for start, stop in pairwise(places)]


class StringViews:
    """A column of byte strings as views; decoded only as far as asked for.

    The views may alias pages: they hold as long as the snapshot they were read under.
    """

    __slots__ = ("store", "views")

    def __init__(self, store: Bytes, views: npt.NDArray[Any]) -> None:
        assert views.dtype.itemsize == VIEW_BYTES
        self.store = store
        self.views = views

    def __len__(self) -> int:
        return len(self.views)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.to_list())

    def __getitem__(self, row: int) -> bytes:
        return read_view(self.store, self.views[row].tobytes())

    def take(self, rows: npt.NDArray[Any]) -> "StringViews":
        """The views of some rows (positions or a mask)."""
        return StringViews(self.store, self.views[rows])

    def slice(self, start: int, stop: int) -> "StringViews":
        """The views of a range of rows."""
        return StringViews(self.store, self.views[start:stop])

    def lengths(self) -> npt.NDArray[np.int64]:
        """Bytes of each value."""
        return self._words()[:, 0].astype(np.int64)

    def to_list(self) -> list[bytes]:
        """Every value."""
        return gather_bytes(self.store, self.views)

    def to_bytes(self) -> npt.NDArray[np.object_]:
        """Every value, as an array of bytes objects."""
        return _object_array(self.to_list())

    def to_str(self) -> npt.NDArray[np.object_]:
        """Every value decoded from UTF-8, as an array of str objects."""
        return _object_array(gather_str(self.store, self.views))

    def to_blob(self) -> tuple[Bytes, npt.NDArray[np.int64]]:
        """All values end to end, and the offsets: value i is blob[offsets[i]:offsets[i + 1]]."""
        return gather_blob(self.store, self.views)

    def _words(self) -> npt.NDArray[np.uint32]:
        return np.ascontiguousarray(self.views).view(np.uint32).reshape(-1, 4)


def _object_array(values: list[Any]) -> npt.NDArray[np.object_]:
    result = np.empty(len(values), np.object_)
    result[:] = values
    return result
