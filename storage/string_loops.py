"""The loops over many strings: values behind views, and views for values.

view    length u32 | value, up to 12 bytes, zero padded
view    length u32 | prefix 4 bytes | address u64
"""

import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

VIEW_BYTES = 16
INLINE_BYTES_MAX = 12
LARGE_BYTES_MIN = 1 << 16
ALIGNMENT = 8
INLINE_VIEW = struct.Struct("<I12s")
LONG_VIEW = struct.Struct("<I4sQ")
NEEDS_PAGES = -1

assert INLINE_VIEW.size == LONG_VIEW.size == VIEW_BYTES

Bytes = npt.NDArray[np.uint8]


def space(length: int) -> int:
    """How many heap bytes a value takes."""
    return (length + ALIGNMENT - 1) & ~(ALIGNMENT - 1)


def read_view(store: Bytes, view: bytes) -> bytes:
    """The value behind one view."""
    length = int.from_bytes(view[:4], "little")
    if length <= INLINE_BYTES_MAX:
        return view[4 : 4 + length]
    address = int.from_bytes(view[8:16], "little")
    return store[address : address + length].tobytes()


def gather_bytes(store: Bytes, views: npt.NDArray[Any]) -> list[bytes]:
    """The values behind the views."""
    return [read_view(store, view) for view in np.ascontiguousarray(views).tolist()]


def gather_str(store: Bytes, views: npt.NDArray[Any]) -> list[str]:
    """The values behind the views, decoded from UTF-8."""
    return [value.decode() for value in gather_bytes(store, views)]


def gather_blob(store: Bytes, views: npt.NDArray[Any]) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """All values end to end, and the offsets between them."""
    values = gather_bytes(store, views)
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum([len(value) for value in values], out=offsets[1:])
    return np.frombuffer(b"".join(values), np.uint8), offsets


def measure_strings(values: Iterable[bytes | None]) -> int:
    """Heap bytes that values longer than inline ones take; -1: some need pages of their own."""
    total = 0
    for value in values:
        if value is None:
            continue
        if type(value) is not bytes:
            raise TypeError(f"bytes expected, not {type(value).__name__}")
        if len(value) >= LARGE_BYTES_MIN:
            return NEEDS_PAGES
        if len(value) > INLINE_BYTES_MAX:
            total += space(len(value))
    return total


def pack_strings(
    values: Iterable[bytes | None], heap_bytes: int, address: int
) -> tuple[bytes, bytes]:
    """The views of values, none of them large, and the heap content they point to from address."""
    views: list[bytes] = []
    heap = bytearray()
    for value in values:
        if value is None or len(value) <= INLINE_BYTES_MAX:
            views.append(INLINE_VIEW.pack(len(value or b""), value or b""))
        else:
            views.append(LONG_VIEW.pack(len(value), value[:4], address + len(heap)))
            heap += value
            heap += bytes(-len(value) % ALIGNMENT)
    assert len(heap) == heap_bytes
    return b"".join(views), bytes(heap)


def measure_blob(offsets: npt.NDArray[np.int64]) -> int:
    """`measure_strings` of values that lie end to end."""
    lengths = np.diff(offsets)
    if (lengths >= LARGE_BYTES_MIN).any():
        return NEEDS_PAGES
    long = lengths[lengths > INLINE_BYTES_MAX]
    return int(((long + ALIGNMENT - 1) & ~(ALIGNMENT - 1)).sum())


def blob_views(blob: Bytes, offsets: npt.NDArray[np.int64]) -> bytearray:
    """The views of values that lie end to end; of long ones the address is where they begin there."""
    views = bytearray()
    for start, stop in pairwise(offsets.tolist()):
        value = blob[start:stop].tobytes()
        is_short = len(value) <= INLINE_BYTES_MAX
        views += (
            INLINE_VIEW.pack(len(value), value)
            if is_short
            else LONG_VIEW.pack(len(value), value[:4], start)
        )
    return views


def pack_blob(
    blob: Bytes, offsets: npt.NDArray[np.int64], heap_bytes: int, address: int
) -> tuple[bytes, bytes]:
    """`pack_strings` of values that lie end to end."""
    places = offsets.tolist()
    values = [blob[start:stop].tobytes() for start, stop in pairwise(places)]
    return pack_strings(values, heap_bytes, address)
