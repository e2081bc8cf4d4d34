"""One page of a tree: its bytes, and the same parsed.

page     magic u16 | level u8 | form u8 | count u16 | heap start u16 | garbage u16
         prefix length u8 | rest length u8 | building u32 | left page u64 | right page u64
slots    u16 each, from byte 32: where the entry starts, in order
entries  from the end of the page downwards
leaf     key length u16 | row id u64 | key
inner    key length u16 | row id u64 | child page u64 | key

An even leaf, as builds make them of keys of one length, has no slots and half the size:

prefix   from byte 32: what all keys begin with
entries  behind it, in order: the rest of the key | row id, 6 bytes, the highest first

Entries may be taken out of it; before one is added it becomes an ordinary leaf, or several.

building is 0 but in a root that is filled from below: then it is the first page of the highest level
there is, so that a build that was cut short can be taken back.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from storage.errors import Corruption

NODE_MAGIC = 0x4254
NODE = struct.Struct("<HBBHHHBBIQQ")
NODE_BYTES = 32
LEVEL_OFFSET = 2
BUILDING_OFFSET = 12
RIGHT_OFFSET = 24
EVEN = 1
ROW_BYTES = 6
SLOT_BYTES = 2
SLOT = struct.Struct("<H")
LEAF_ENTRY = struct.Struct("<HQ")
INNER_ENTRY = struct.Struct("<HQQ")

assert NODE.size == NODE_BYTES


class Entry(NamedTuple):
    """One entry of a page; child is 0 in leaves."""

    key: bytes
    row_id: int
    child: int = 0


@dataclass(slots=True)
class Node:
    """One page, parsed."""

    page_no: int
    level: int
    left: int
    right: int
    entries: list[Entry] = field(default_factory=list)
    is_even: bool = False

    def pack(self, page_bytes: int) -> bytes:
        """The page; the caller has made sure that it fits."""
        page = bytearray(page_bytes)
        if self.is_even and self.entries:
            self._pack_even(page)
            return bytes(page)
        place = page_bytes
        for i, entry in enumerate(self.entries):
            packed = pack_entry(entry, self.level)
            place -= len(packed)
            page[place : place + len(packed)] = packed
            SLOT.pack_into(page, NODE_BYTES + SLOT_BYTES * i, place)
        assert place >= NODE_BYTES + SLOT_BYTES * len(self.entries), "page overflows"
        NODE.pack_into(
            page, 0, NODE_MAGIC, self.level, 0, len(self.entries), place & 0xFFFF, 0, 0, 0, 0,
            self.left, self.right,
        )  # fmt: skip
        return bytes(page)

    def _pack_even(self, page: bytearray) -> None:
        start = alike_bytes(self.entries[0].key, self.entries[-1].key)
        prefix = self.entries[0].key[:start]
        packed = [entry.key[start:] + entry.row_id.to_bytes(ROW_BYTES) for entry in self.entries]
        body = prefix + b"".join(packed)
        assert NODE_BYTES + len(body) <= len(page), "page overflows"
        page[NODE_BYTES : NODE_BYTES + len(body)] = body
        rest = len(self.entries[0].key) - start
        NODE.pack_into(
            page, 0, NODE_MAGIC, 0, EVEN, len(self.entries), 0, 0, start, rest, 0,
            self.left, self.right,
        )  # fmt: skip

    def position(self, key: bytes, row_id: int) -> int:
        """How many entries lie before the pair."""
        low, high = 0, len(self.entries)
        while low < high:
            middle = (low + high) // 2
            entry = self.entries[middle]
            if (entry.key, entry.row_id) < (key, row_id):
                low = middle + 1
            else:
                high = middle
        return low

    def child_position(self, key: bytes, row_id: int) -> int:
        """Which entry leads to the pair: the last one not above it."""
        low, high = 1, len(self.entries)
        while low < high:
            middle = (low + high) // 2
            entry = self.entries[middle]
            if (key, row_id) < (entry.key, entry.row_id):
                high = middle
            else:
                low = middle + 1
        return low - 1

    def used_bytes(self) -> int:
        """Bytes of entries and their slots."""
        fixed = SLOT_BYTES + (INNER_ENTRY.size if self.level else LEAF_ENTRY.size)
        return sum(len(entry.key) + fixed for entry in self.entries)


def alike_bytes(one: bytes, other: bytes) -> int:
    """How many bytes two keys of one length begin with alike."""
    pairs = enumerate(zip(one, other, strict=True))
    return next((place for place, (a, b) in pairs if a != b), len(one))


def pack_entry(entry: Entry, level: int) -> bytes:
    """An entry's bytes in a page of that level."""
    if level:
        return INNER_ENTRY.pack(len(entry.key), entry.row_id, entry.child) + entry.key
    return LEAF_ENTRY.pack(len(entry.key), entry.row_id) + entry.key


def entry_count(page: npt.NDArray[np.uint8], page_no: int) -> int:
    """How many entries a page has."""
    magic, _, _, count, *_ = NODE.unpack_from(page.data)
    if magic != NODE_MAGIC:
        raise Corruption("index", page_no, "not an index page")
    return int(count)


def page_level(page: npt.NDArray[np.uint8]) -> int:
    """How far above the leaves a page is."""
    return int(page[LEVEL_OFFSET])


def read_node(page: npt.NDArray[np.uint8], page_no: int) -> Node:
    """A page, parsed."""
    count = entry_count(page, page_no)
    raw = page.tobytes()
    _, level, form, _, _, _, start, rest, _, left, right = NODE.unpack_from(raw)
    node = Node(page_no, level, left, right)
    if form == EVEN:
        node.is_even = True
        node.entries += _even_entries(raw, count, start, rest)
        return node
    for (place,) in SLOT.iter_unpack(raw[NODE_BYTES : NODE_BYTES + SLOT_BYTES * count]):
        if level:
            length, row_id, child = INNER_ENTRY.unpack_from(raw, place)
            start = place + INNER_ENTRY.size
        else:
            length, row_id = LEAF_ENTRY.unpack_from(raw, place)
            start, child = place + LEAF_ENTRY.size, 0
        node.entries.append(Entry(raw[start : start + length], row_id, child))
    return node


def _even_entries(raw: bytes, count: int, prefix_bytes: int, rest_bytes: int) -> Iterator[Entry]:
    first = NODE_BYTES + prefix_bytes
    prefix = raw[NODE_BYTES:first]
    width = rest_bytes + ROW_BYTES
    for place in range(first, first + width * count, width):
        key_end = place + rest_bytes
        row_id = int.from_bytes(raw[key_end : key_end + ROW_BYTES])
        yield Entry(prefix + raw[place:key_end], row_id)
