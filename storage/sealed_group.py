"""SealedGroup: a full row group that went cold, its columns encoded, its versions as writable as ever.

Rule 1: versions and null bits lie where they lie in an open group, as plain arrays: rows of a sealed group are
        deleted, updated, pruned and vacuumed like any other, and keep their row ids. Where the headers of all slots
        are alike, as after a load, there is only one of them; who changes a row makes them many first.
Rule 2: values are never written: no slot of it is used again, so new versions go to open groups. Who wants the
        slots back has the group made open again.
Rule 3: descriptors say of each column where its block is, how many NULLs it had and between which values
        all others are. Deleted rows may make that wider than it need be, never narrower.
"""

import struct
import weakref
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.decoded import DecodedColumns, next_ticket
from storage.encoders import Encoded
from storage.encodings import Block, Coded, Encoding, picked, read_block, read_coded, read_header
from storage.errors import Corruption
from storage.kinds import Kind
from storage.rowgroup import (
    DESCRIPTOR,
    FORMAT_VERSION,
    GROUP_MAGIC,
    HEADER,
    VERSION_BYTES,
    Layout,
    RowGroup,
    Words,
    Zone,
    aligned,
    lay_out,
)

SEALED = 1
ALIKE = 2
HAS_ZONE = 1
DEAR_ENCODINGS = frozenset((Encoding.PACKED,))
"""What is kept decoded, since a value is found by going through its neighbours; others are read as fast as an array."""

FEW_SLOTS_SHARE = 16
"""Of one slot in so many it is cheaper to decode those than the column, also where its encoding is dear."""

FLOAT_ZONE = struct.Struct("<d")
INTEGER_ZONE = struct.Struct("<q")
ZONE_BYTES = 8


class SealedGroup(RowGroup):
    """A row group whose columns are blocks."""

    __slots__ = ("_blocks", "_decoded", "_kept_zones", "_store", "_ticket", "encodings", "is_alike")

    is_sealed = True

    def __init__(
        self,
        store: npt.NDArray[np.uint8],
        address: int,
        layout: Layout,
        group_no: int,
        columns: Sequence[tuple[Encoding, Zone]],
        decoded: DecodedColumns,
    ) -> None:
        self.is_alike = layout.is_alike
        super().__init__(store, address, layout, group_no)
        self.encodings = tuple(encoding for encoding, _ in columns)
        self._kept_zones = tuple(zone for _, zone in columns)
        self._store = store
        self._decoded = decoded
        self._ticket = next_ticket()
        self._blocks: list[Block | None] = [None] * len(columns)

    def _version_array(self, store: npt.NDArray[np.uint8]) -> Words:
        if not self.is_alike:
            return super()._version_array(store)
        start = self.address + self.layout.versions
        header = store[start : start + VERSION_BYTES].tobytes()
        used = read_header(store, self.address + self.layout.columns[0]).count
        return alike_versions(header, used, self.layout.capacity)

    def read_versions(self) -> None:
        """The header that all slots have in common has changed."""
        self.versions = self._version_array(self._store)

    def moved(self, address: int, layout: Layout) -> "SealedGroup":
        """The group with the same blocks at another place, and with a header for each version."""
        columns = list(zip(self.encodings, self._kept_zones, strict=True))
        return SealedGroup(self._store, address, layout, self.group_no, columns, self._decoded)

    def column(self, column: int) -> npt.NDArray[Any]:
        """The values of all slots, decoded; not to be written to."""
        if self.encodings[column] not in DEAR_ENCODINGS:
            return self._decode(column, None)
        return self._decoded.get((self._ticket, column), lambda: self._decode(column, None))

    def take(
        self, column: int, count: int, slots: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[Any]:
        """The values of some slots, or of the first ones; not to be written to."""
        if slots is None:
            return self.column(column)[:count]
        if self.encodings[column] not in DEAR_ENCODINGS:
            return self._decode(column, slots)
        if len(slots) * FEW_SLOTS_SHARE < self.used:
            whole = self._decoded.find((self._ticket, column))
            return self._decode(column, slots) if whole is None else picked(whole, slots)
        return picked(self.column(column), slots)

    def coded(self, column: int, count: int, slots: npt.NDArray[np.int64] | None) -> Coded | None:
        """The same as codes; None: the column has none."""
        found = read_coded(self._store, self._block(column), self.layout.kinds[column], slots)
        if slots is not None or found is None or len(found) == count:
            return found
        return replace(found, codes=found.codes[:count])

    def raw_value(self, column: int, slot: int) -> bytes:
        """The bytes of one value, or view."""
        raw: bytes = self.take(column, self.used, np.array([slot]))[0].tobytes()
        return raw

    def value_address(self, column: int, slot: int) -> int:
        """There is nothing to be written."""
        raise AssertionError("a sealed row group is not written to")

    def extremes(self, store: npt.NDArray[np.uint8], column: int) -> Zone:
        """Least and greatest value when it was sealed."""
        del store
        return self._kept_zones[column] if column < len(self._kept_zones) else None

    def zone(self, store: npt.NDArray[np.uint8], column: int) -> Zone:
        """The same."""
        return self.extremes(store, column)

    def forget(self) -> None:
        """The group is no more: nothing of it need be kept decoded."""
        self._decoded.forget(self._ticket)

    def _decode(self, column: int, slots: npt.NDArray[np.int64] | None) -> npt.NDArray[Any]:
        return read_block(self._store, self._block(column), self.layout.kinds[column], slots)

    def _block(self, column: int) -> Block:
        """The header of a column's block, read once."""
        found = self._blocks[column]
        if found is None:
            address = self.address + self.layout.columns[column]
            found = self._blocks[column] = read_header(self._store, address)
        return found


_ALIKE: weakref.WeakValueDictionary[tuple[bytes, int, int], Words] = weakref.WeakValueDictionary()


def alike_versions(header: bytes, used: int, capacity: int) -> Words:
    """So many equal version headers, and slots never used; groups that have the same share them."""
    found = _ALIKE.get((header, used, capacity))
    if found is None:
        found = np.zeros((capacity, VERSION_BYTES // 8), np.uint64)
        found[:used] = np.frombuffer(header, np.uint64)
        found.flags.writeable = False
        _ALIKE[header, used, capacity] = found
    return found


def lay_out_sealed(
    kinds: Sequence[Kind],
    capacity: int,
    block_bytes: Sequence[int],
    page_bytes: int,
    *,
    is_alike: bool,
) -> Layout:
    """Where everything lies in the run of a sealed group."""
    head = lay_out(kinds, capacity, page_bytes)
    end = head.columns[0] if head.columns else head.page_count * page_bytes
    more_nulls = head.more_nulls
    if is_alike:
        more_nulls = head.versions + VERSION_BYTES
        end = aligned(more_nulls)
    offsets = []
    for size in block_bytes:
        offsets.append(end)
        end = aligned(end + size)
    return Layout(
        kinds=head.kinds,
        capacity=capacity,
        page_count=-(-end // page_bytes),
        versions=head.versions,
        more_nulls=more_nulls,
        columns=tuple(offsets),
    )


def sealed_header_bytes(
    layout: Layout,
    relation_id: int,
    group_no: int,
    columns: Sequence[Encoded],
    null_counts: Sequence[int],
    *,
    is_alike: bool,
) -> bytes:
    """The first bytes of a sealed group's run: header and descriptors."""
    header = HEADER.pack(
        GROUP_MAGIC,
        FORMAT_VERSION,
        len(layout.kinds),
        relation_id,
        group_no,
        layout.capacity,
        layout.page_count,
        SEALED | ALIKE if is_alike else SEALED,
        0,
        0,
    )
    descriptors = []
    for kind, offset, column, nulls in zip(
        layout.kinds, layout.columns, columns, null_counts, strict=True
    ):
        low, high = _pack_zone(kind, column.zone)
        flags = 0 if column.zone is None else HAS_ZONE
        descriptors.append(DESCRIPTOR.pack(kind, column.encoding, flags, nulls, offset, low, high))
    return b"".join([header, *descriptors])


def moved_header_bytes(header: bytes, layout: Layout) -> bytes:
    """The header of a sealed group that has got another layout, and a header for each version."""
    fields = list(HEADER.unpack_from(header))
    fields[6:8] = layout.page_count, SEALED
    descriptors = DESCRIPTOR.iter_unpack(header[HEADER.size :])
    moved = [
        DESCRIPTOR.pack(*descriptor[:4], offset, *descriptor[5:])
        for descriptor, offset in zip(descriptors, layout.columns, strict=True)
    ]
    return b"".join([HEADER.pack(*fields), *moved])


def _zone_format(kind: Kind) -> struct.Struct:
    return FLOAT_ZONE if kind in (Kind.FLOAT32, Kind.FLOAT64) else INTEGER_ZONE


def _pack_zone(kind: Kind, zone: Zone) -> tuple[int, int]:
    if zone is None:
        return 0, 0
    low, high = (_zone_format(kind).pack(value) for value in zone)
    return int.from_bytes(low, "little"), int.from_bytes(high, "little")


def _unpack_zone(kind: Kind, flags: int, low: int, high: int) -> Zone:
    if not flags & HAS_ZONE:
        return None
    unpack = _zone_format(kind).unpack
    return unpack(low.to_bytes(ZONE_BYTES, "little"))[0], unpack(
        high.to_bytes(ZONE_BYTES, "little")
    )[0]


def read_group(
    store: npt.NDArray[np.uint8],
    address: int,
    relation_id: int,
    group_no: int,
    page_bytes: int,
    decoded: DecodedColumns,
) -> RowGroup:
    """The group whose run starts at the address; what is there must fit what is asked for."""
    raw = store[address : address + HEADER.size].tobytes()
    magic, version, column_count, relation, number, capacity, pages, flags, chunk, used = (
        HEADER.unpack(raw)
    )
    if (magic, version, relation, number) != (GROUP_MAGIC, FORMAT_VERSION, relation_id, group_no):
        raise Corruption("row group", address // page_bytes, "unexpected header")
    start = address + HEADER.size
    descriptors = store[start : start + DESCRIPTOR.size * column_count].tobytes()
    fields = list(DESCRIPTOR.iter_unpack(descriptors))
    kinds = tuple(Kind(kind) for kind, *_ in fields)
    layout = lay_out(kinds, capacity, page_bytes)
    found = tuple(offset for _, _, _, _, offset, _, _ in fields)
    group: RowGroup
    if flags & SEALED:
        is_alike = bool(flags & ALIKE)
        head = lay_out_sealed(kinds, capacity, (), page_bytes, is_alike=is_alike)
        layout = Layout(kinds, capacity, pages, head.versions, head.more_nulls, found)
        _check_layout(layout, address, page_bytes)
        columns = [
            (Encoding(encoding), _unpack_zone(kind, zoned, low, high))
            for kind, (_, encoding, zoned, _, _, low, high) in zip(kinds, fields, strict=True)
        ]
        group = SealedGroup(store, address, layout, group_no, columns, decoded)
    else:
        if any(encoding != Encoding.PLAIN for _, encoding, *_ in fields):
            raise Corruption("row group", address // page_bytes, "unknown encoding")
        if found != layout.columns or pages != layout.page_count:
            raise Corruption("row group", address // page_bytes, "layout and descriptors differ")
        group = RowGroup(store, address, layout, group_no)
    group.heap_chunk, group.heap_used = chunk, used
    group.summarise()
    return group


def _check_layout(layout: Layout, address: int, page_bytes: int) -> None:
    """Blocks lie behind the versions, in order, inside of the run."""
    bounds = (layout.more_nulls, *layout.columns, layout.page_count * page_bytes)
    if any(a > b for a, b in pairwise(bounds)):
        raise Corruption("row group", address // page_bytes, "layout and descriptors differ")
