"""The layout of a row group: one run of pages, columns as plain arrays, one header a row version.

Rule 1: everything is found by arithmetic from the group's header: capacity and column descriptors.
Rule 2: every array starts at a multiple of 64 bytes of the run, so it is a numpy array over the
        store.
Rule 3: readers get a column by `column` and `take`; only those of an open group alias the store. What becomes of a
        group that went cold is in sealed_group.
Rule 4: a slot that was never used reads as zeros; a slot without a row has xmin 0. So `used` and
        all else in the summary is derived when the group is first touched and never written.
Rule 5: the header and descriptors are written once, when the run is made.

    group header     64 bytes, see HEADER
    descriptors      32 bytes a column, see DESCRIPTOR
    versions         32 bytes a slot: xmin u64 | xmax u64 | next u64 | nulls u64
    more nulls       8 bytes a slot for every further 64 columns
    columns          capacity * width each

    next             flags << 48 | row id
      NEWER          the row id is that of the next newer version
      INNER          no index entry points here; without NEWER the row id is that of the root
      KEY_CHANGED    on the way from this version to the next an indexed value changed
      KEY_KEPT       beside KEY_CHANGED: but none that other rows may refer to; says nothing where it is missing
      REDIRECT       no row here any more, only the way to the oldest version that is left
      DEAD           no row here any more, and no other version: waits for vacuum of the indexes
      FREE           may be reused
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.encodings import Coded, Encoding, picked, plain_array
from storage.kinds import Kind

GROUP_MAGIC = 0x50524752  # "RGRP"
FORMAT_VERSION = 1

# magic, version, columns, relation id, group no, capacity, pages, flags, heap chunk, heap used
HEADER = struct.Struct("<IHHQIIIIQQ16x")
HEAP_FIELDS = struct.Struct("<QQ")
HEAP_FIELDS_OFFSET = 32
DESCRIPTOR = struct.Struct("<BBHIQQQ")  # kind, encoding, flags, -, offset, zone low, zone high
VERSION = struct.Struct("<QQQQ")
VERSION_BYTES = 32

ALIGNMENT = 64
CAPACITY_MIN = 64
CAPACITY_MAX = 1 << 16
SLOT_BITS = 16
SLOT_MASK = (1 << SLOT_BITS) - 1
NULLS_PER_WORD = 64

ROW_ID_MASK = (1 << 48) - 1
NEWER = 1 << 48
INNER = 1 << 49
KEY_CHANGED = 1 << 50
REDIRECT = 1 << 51
DEAD = 1 << 52
FREE = 1 << 53
KEY_KEPT = 1 << 54

assert HEADER.size == 64
assert DESCRIPTOR.size == 32
assert VERSION.size == VERSION_BYTES

Words = npt.NDArray[np.uint64]
Zone = tuple[Any, Any] | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies in a run, as offsets from its first byte."""

    kinds: tuple[Kind, ...]
    capacity: int
    page_count: int
    versions: int
    more_nulls: int
    columns: tuple[int, ...]

    @property
    def null_words(self) -> int:
        """How many words of null bits follow after the one in the version header."""
        return more_null_words(len(self.kinds))

    @property
    def is_alike(self) -> bool:
        """Whether there is one version header for all slots; only sealed groups are so."""
        return self.more_nulls == self.versions + VERSION_BYTES

    def nulls_offset(self, word: int, slot: int) -> int:
        """Where a word of null bits beyond the first lies; word counts from 1."""
        return self.more_nulls + 8 * ((word - 1) * self.capacity + slot)


def more_null_words(column_count: int) -> int:
    """Words of null bits beyond the one in the version header."""
    return max(0, (column_count - 1) // NULLS_PER_WORD)


def lay_out(kinds: Sequence[Kind], capacity: int, page_bytes: int) -> Layout:
    """The arithmetic of rule 1."""
    assert CAPACITY_MIN <= capacity <= CAPACITY_MAX
    versions = aligned(HEADER.size + DESCRIPTOR.size * len(kinds))
    more_nulls = versions + VERSION_BYTES * capacity
    end = more_nulls + 8 * capacity * more_null_words(len(kinds))
    columns = []
    for kind in kinds:
        columns.append(end)
        end = aligned(end + kind.width * capacity)
    return Layout(
        kinds=tuple(kinds),
        capacity=capacity,
        page_count=-(-end // page_bytes),
        versions=versions,
        more_nulls=more_nulls,
        columns=tuple(columns),
    )


def aligned(offset: int) -> int:
    """The next place where an array may start."""
    return (offset + ALIGNMENT - 1) & ~(ALIGNMENT - 1)


def header_bytes(
    layout: Layout, relation_id: int, group_no: int, heap: tuple[int, int] = (0, 0)
) -> bytes:
    """The first bytes of a new run: header and descriptors."""
    header = HEADER.pack(
        GROUP_MAGIC,
        FORMAT_VERSION,
        len(layout.kinds),
        relation_id,
        group_no,
        layout.capacity,
        layout.page_count,
        0,
        *heap,
    )
    descriptors = [
        DESCRIPTOR.pack(kind, Encoding.PLAIN, 0, 0, offset, 0, 0)
        for kind, offset in zip(layout.kinds, layout.columns, strict=True)
    ]
    return b"".join([header, *descriptors])


class RowGroup:
    """One row group as it is in the store now, with a summary of its versions.

    Summary: `used` slots; `stamp_max`, the newest stamp anywhere in the group; `ended`, how many
    slots carry an xmax; `holes`, how many used slots hold no row; `free`, the slots to reuse;
    `change_no` grows with every change; `swept_at` is that of the last vacuum that found nothing to
    do. Whoever writes to the group keeps the summary.
    """

    __slots__ = (
        "_nulls",
        "_plain",
        "_zones",
        "address",
        "change_no",
        "ended",
        "free",
        "group_no",
        "heap_chunk",
        "heap_pages",
        "heap_used",
        "holes",
        "layout",
        "selection",
        "shared",
        "stamp_max",
        "swept_at",
        "used",
        "versions",
    )

    is_sealed = False
    is_alike = False
    """Whether there is but one version header, for all slots: nothing can be written to one of them."""

    def __init__(
        self, store: npt.NDArray[np.uint8], address: int, layout: Layout, group_no: int
    ) -> None:
        self.address = address
        self.layout = layout
        self.group_no = group_no
        self.versions = self._version_array(store)
        self._plain: list[npt.NDArray[Any]] = (
            []
            if self.is_sealed
            else [
                plain_array(store, address + offset, kind, layout.capacity)
                for kind, offset in zip(layout.kinds, layout.columns, strict=True)
            ]
        )
        self.heap_chunk = 0
        self.heap_pages = 0
        self.heap_used = 0
        self.shared: frozenset[int] = frozenset()  # missing values: heap space of no single slot
        self.used = 0
        self.stamp_max = 0
        self.ended = 0
        self.holes = 0
        self.free: list[int] = []
        self.change_no = 0
        self.swept_at = -1
        self.selection: tuple[int, npt.NDArray[np.int64] | None] | None = None
        self._nulls: dict[int, tuple[int, int]] = {}
        self._zones: dict[int, tuple[int, tuple[Zone] | None]] = {}

    def _version_array(self, store: npt.NDArray[np.uint8]) -> Words:
        """The version headers, one a slot."""
        start = self.address + self.layout.versions
        stop = start + VERSION_BYTES * self.layout.capacity
        return store[start:stop].view(np.uint64).reshape(-1, 4)

    @property
    def capacity(self) -> int:
        """How many slots the run has."""
        return self.layout.capacity

    def column(self, column: int) -> npt.NDArray[Any]:
        """The values of all slots."""
        return self._plain[column]

    def take(
        self, column: int, count: int, slots: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[Any]:
        """The values of some slots, or of the first ones."""
        values = self._plain[column]
        return values[:count] if slots is None else picked(values, slots)

    def coded(self, column: int, count: int, slots: npt.NDArray[np.int64] | None) -> Coded | None:
        """The same as codes; None: the column has none."""
        del column, count, slots
        return None

    def raw_value(self, column: int, slot: int) -> bytes:
        """The bytes of one value, or view."""
        raw: bytes = self._plain[column][slot].tobytes()
        return raw

    def version_address(self, slot: int) -> int:
        """Where the slot's version header lies."""
        assert not self.is_alike
        return self.address + self.layout.versions + VERSION_BYTES * slot

    def value_address(self, column: int, slot: int) -> int:
        """Where the slot's value of a column lies."""
        width = self.layout.kinds[column].width
        return self.address + self.layout.columns[column] + width * slot

    def nulls_address(self, word: int, slot: int) -> int:
        """Where a word of null bits beyond the first lies; word counts from 1."""
        return self.address + self.layout.nulls_offset(word, slot)

    def null_words(self, store: npt.NDArray[np.uint8], word: int) -> Words:
        """One word of null bits of all slots."""
        if word == 0:
            return self.versions[:, 3]
        start = self.nulls_address(word, 0)
        return store[start : start + 8 * self.capacity].view(np.uint64)

    def may_be_null(self, store: npt.NDArray[np.uint8], column: int) -> bool:
        """Whether some slot has, or had, NULL in the column; looked up once a change."""
        word, bit = divmod(column, NULLS_PER_WORD)
        known = self._nulls.get(word)
        change_no = self.change_no
        if known is None or known[0] != change_no:
            bits = int(np.bitwise_or.reduce(self.null_words(store, word)[: self.used], initial=0))
            known = self._nulls[word] = (change_no, bits)
        return bool(known[1] >> bit & 1)

    def extremes(self, store: npt.NDArray[np.uint8], column: int) -> Zone:
        """Least and greatest value among all slots; None: of no number, unknown, or none."""
        kinds = self.layout.kinds
        if column >= len(kinds) or kinds[column] in (Kind.BYTES, Kind.FIXED16, Kind.BOOL):
            return None
        values = self._plain[column][: self.used]
        if self.may_be_null(store, column) or not len(values):
            return None
        low, high = values.min(), values.max()
        return None if low != low or high != high else (low.item(), high.item())

    def zone(self, store: npt.NDArray[np.uint8], column: int) -> Zone:
        """The same, remembered; looked for when it is asked for again without a change in between.

        Where rows change all the time it would be looked for each time.
        """
        change_no = self.change_no
        known = self._zones.get(column)
        if known is None or known[0] != change_no:
            self._zones[column] = (change_no, None)
            return None
        if known[1] is None:
            known = self._zones[column] = (change_no, (self.extremes(store, column),))
        assert known[1] is not None
        return known[1][0]

    def changed(self, stamp: int, *, used: int = 0) -> None:
        """Note a write by the stamp's transaction, maybe into new slots up to `used`.

        Threads that read look at `used`, then at `stamp_max`, and remember what they find under the
        `change_no` they read first; so this order, and nothing is remembered that is half true.
        """
        self.stamp_max = max(self.stamp_max, stamp)
        self.used = max(self.used, used)
        self.change_no += 1

    def summarise(self) -> None:
        """Derive the summary from the version headers."""
        versions = self.versions
        occupied = (versions[:, 0] | versions[:, 2]).nonzero()[0]
        self.used = int(occupied[-1]) + 1 if len(occupied) else 0
        live = versions[: self.used]
        xmin, xmax, following = live[:, 0], live[:, 1], live[:, 2]
        self.stamp_max = max(int(xmin.max(initial=0)), int(xmax.max(initial=0)))
        self.ended = int(np.count_nonzero(xmax))
        self.holes = int(np.count_nonzero(xmin == 0))
        # The end of the list is taken first, so low slots are filled first. A slot of zeros below
        # `used` was meant for an insert that never got into the WAL.
        empty = (xmin == 0) & ((following == 0) | (following & np.uint64(FREE) != 0))
        self.free = empty.nonzero()[0][::-1].tolist()
        self.change_no += 1
