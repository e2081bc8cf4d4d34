"""Encodings: how the values of a column lie in a row group.

Rule 1: numbers are on disk (column descriptors, blocks): they are never renumbered.
Rule 2: the columns of an open group are PLAIN arrays over the store, which can be written to. Those of a
        sealed one are blocks: readers get arrays of their own, in any thread, and nothing is written.
Rule 3: a block says all about itself and holds offsets, not addresses. A value is found by its slot alone,
        so a row is read without its neighbours; what packs tighter (bits, general compression) would not allow that.

    block        64 bytes, see BLOCK; then by encoding
    PLAIN        the array
    FRAME        codes of 0, 1, 2, 4 or 8 bytes: value = base + step * code
    DICTIONARY   codes of 0, 1 or 2 bytes, then at `second` a block of the words they stand for
    PACKED       lengths of 1 or 2 bytes; at `second` where every 64th text starts (u32); at `third` the texts
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.errors import Corruption
from storage.kinds import Kind
from storage.native import framed_numbers, packed_views

Bytes = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]
Slots = npt.NDArray[np.int64]

# encoding, code bytes, -, count, base, step, second, third, size
BLOCK = struct.Struct("<BBHIqqIIQ24x")
TEXTS_A_START = 64
NO_CODE = np.zeros(1, np.uint8)
CODE_DTYPES: dict[int, "np.dtype[Any]"] = {width: np.dtype(f"u{width}") for width in (1, 2, 4, 8)}

assert BLOCK.size == 64


class Encoding(IntEnum):
    """How a column's array or block is to be read."""

    PLAIN = 0
    FRAME = 1
    DICTIONARY = 2
    PACKED = 3


@dataclass(frozen=True, slots=True)
class Block:
    """The first bytes of a block, and where it lies."""

    address: int
    encoding: Encoding
    code_bytes: int
    count: int
    base: int
    step: int
    second: int
    third: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Framed:
    """Numbers as a FRAME block has them: base + step * code, modulo the width of the dtype."""

    codes: Values
    base: int
    step: int
    dtype: "np.dtype[Any]"

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, places: Any) -> "Framed":
        return Framed(self.codes[places], self.base, self.step, self.dtype)

    def decoded(self, slots: Slots | None = None) -> Values:
        """The numbers, or those at some places."""
        if not self.codes.strides[0]:
            modulus = 1 << 8 * self.dtype.itemsize
            count = len(self) if slots is None else len(slots)
            unsigned = CODE_DTYPES[self.dtype.itemsize]
            return np.full(count, self.base % modulus, unsigned).view(self.dtype)
        return framed_numbers(self.codes, self.base, self.step, self.dtype, slots)


@dataclass(frozen=True, slots=True, eq=False)
class Worded:
    """Values as a DICTIONARY block has them: words[code]."""

    codes: Values
    words: Values

    def __len__(self) -> int:
        return len(self.codes)


Coded = Framed | Worded


def read_header(store: Bytes, address: int) -> Block:
    """The header of the block at an address."""
    fields = BLOCK.unpack(store[address : address + BLOCK.size].tobytes())
    encoding, code_bytes, _, *rest = fields
    if encoding not in READERS or (code_bytes and code_bytes not in CODE_DTYPES):
        raise Corruption("row group", address, "unknown encoding")
    return Block(address, Encoding(encoding), code_bytes, *rest)


def read_block(store: Bytes, block: Block, kind: Kind, slots: Slots | None = None) -> Values:
    """The values of a block, or of some of its slots, in an array of the kind's dtype; of BYTES views."""
    return READERS[block.encoding](store, block, kind, slots)


def read_coded(store: Bytes, block: Block, kind: Kind, slots: Slots | None = None) -> Coded | None:
    """What a block has in place of values; None: it has no codes."""
    if block.encoding is Encoding.FRAME:
        return _framed(store, block, kind, slots)
    if block.encoding is Encoding.DICTIONARY:
        return _worded(store, block, kind, slots)
    return None


def plain_array(store: Bytes, address: int, kind: Kind, count: int) -> Values:
    """The array that lies at an address, as it is."""
    return store[address : address + kind.width * count].view(kind.dtype)


def picked(values: Values, slots: Values) -> Values:
    """The values at some places; numpy is slow at it with 16 bytes of no type, so they pass for complex numbers."""
    if values.dtype.kind != "V":
        return values.take(slots)
    return values.view(np.complex128).take(slots).view(values.dtype)


def codes_of(store: Bytes, block: Block, slots: Slots | None = None) -> Values:
    """The codes of a block; all are 0, and take no room, where it has none."""
    if not block.code_bytes:
        return np.broadcast_to(NO_CODE, block.count if slots is None else len(slots))
    start = block.address + BLOCK.size
    found = store[start : start + block.code_bytes * block.count]
    codes = found.view(CODE_DTYPES[block.code_bytes])
    return codes if slots is None else codes.take(slots)


def _read_plain(store: Bytes, block: Block, kind: Kind, slots: Slots | None) -> Values:
    values = plain_array(store, block.address + BLOCK.size, kind, block.count)
    return values if slots is None else picked(values, slots)


def _framed(store: Bytes, block: Block, kind: Kind, slots: Slots | None) -> Framed:
    return Framed(codes_of(store, block, slots), block.base, block.step, kind.dtype)


def _worded(store: Bytes, block: Block, kind: Kind, slots: Slots | None) -> Worded:
    words = read_block(store, read_header(store, block.address + block.second), kind)
    return Worded(codes_of(store, block, slots), words)


def _read_frame(store: Bytes, block: Block, kind: Kind, slots: Slots | None) -> Values:
    return _framed(store, block, kind, None).decoded(slots)


def _read_dictionary(store: Bytes, block: Block, kind: Kind, slots: Slots | None) -> Values:
    coded = _worded(store, block, kind, slots)
    return picked(coded.words, coded.codes)


def _read_packed(store: Bytes, block: Block, kind: Kind, slots: Slots | None) -> Values:
    starts = block.address + block.second
    return packed_views(
        store,
        codes_of(store, block),
        store[starts : starts + 4 * start_count(block.count)].view(np.uint32),
        block.address + block.third,
        slots,
    ).view(kind.dtype)


def start_count(count: int) -> int:
    """How many starts a block of that many texts has."""
    return -(-count // TEXTS_A_START)


Reader = Callable[[Bytes, Block, Kind, Slots | None], Values]
READERS: dict[Encoding, Reader] = {
    Encoding.PLAIN: _read_plain,
    Encoding.FRAME: _read_frame,
    Encoding.DICTIONARY: _read_dictionary,
    Encoding.PACKED: _read_packed,
}

assert set(READERS) == set(Encoding)
