"""Large objects: values that are read and written piece by piece, under numbers of their own.

The object's owner and privileges are a catalog object; its bytes lie in a relation of its own, as rows
(number of the chunk, bytes). What is missing between chunks is zeros.

Rule 1: a chunk is CHUNK_BYTES long unless it is the last one.
Rule 2: numbers are not OIDs of the catalog: clients choose them, and they may be those of other objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from server.catalog.objects import CatalogObject
from server.errors import SerializationFailure
from storage.engine import Kind, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.engine import Engine, Snapshot, Table, Transaction

CHUNK_BYTES: Final = 8192
"""What libpq's lo_import and lo_export move at once, so that they write each chunk once."""

PAGE_BYTES: Final = 2048
"""The size of what pg_largeobject shows as a row."""

SIZE_MAX: Final = PAGE_BYTES * 0x7FFFFFFF
CHUNK_KINDS: Final = (Kind.INT64, Kind.BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeObject(CatalogObject):
    """A large object; its name is its number."""

    storage_id: int

    @property
    def number(self) -> int:
        """What clients call the OID of the large object."""
        return int(self.name)


def create_storage(transaction: Transaction, value: LargeObject) -> None:
    """Make the relation for a new object's bytes."""
    transaction.create_relation(value.storage_id, CHUNK_KINDS)


class Content:
    """The bytes of one large object, as one snapshot sees them; writing needs a new snapshot afterwards."""

    def __init__(self, engine: Engine, value: LargeObject, snapshot: Snapshot) -> None:
        self._engine = engine
        self._snapshot = snapshot
        self._table: Table = engine.relation(value.storage_id)

    def _chunks(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Numbers and row ids of the chunks there are between two numbers."""
        for view in self._table.scan(self._snapshot):
            numbers = np.asarray(view.column(0)[0])
            wanted = np.flatnonzero((numbers >= first) & (numbers <= last))
            yield from zip(numbers[wanted].tolist(), view.row_ids[wanted].tolist(), strict=True)

    def _bytes_of(self, row_id: int) -> bytes:
        (data,) = self._table.values(row_id, (1,))
        assert isinstance(data, bytes)
        return data

    def size(self) -> int:
        """How many bytes there are."""
        with self._engine.latch:
            last = max(self._chunks(0, SIZE_MAX), default=None)
            return 0 if last is None else last[0] * CHUNK_BYTES + len(self._bytes_of(last[1]))

    def read(self, offset: int, count: int) -> bytes:
        """So many bytes from there on, fewer at the end."""
        count = min(count, self.size() - offset)
        if count <= 0:
            return b""
        first, last = offset // CHUNK_BYTES, (offset + count - 1) // CHUNK_BYTES
        found = bytearray((last - first + 1) * CHUNK_BYTES)
        with self._engine.latch:
            for number, row_id in self._chunks(first, last):
                data = self._bytes_of(row_id)
                start = (number - first) * CHUNK_BYTES
                found[start : start + len(data)] = data
        skipped = offset - first * CHUNK_BYTES
        return bytes(found[skipped : skipped + count])

    def pages(self) -> Iterator[tuple[int, bytes]]:
        """The pages of PAGE_BYTES that have something in them, as pg_largeobject has them."""
        with self._engine.latch:
            chunks = [(number, self._bytes_of(row)) for number, row in self._chunks(0, SIZE_MAX)]
        per_chunk = CHUNK_BYTES // PAGE_BYTES
        for number, data in sorted(chunks):
            for part, start in enumerate(range(0, len(data), PAGE_BYTES)):
                yield number * per_chunk + part, data[start : start + PAGE_BYTES]

    def write(self, transaction: Transaction, offset: int, data: bytes) -> None:
        """Put bytes there."""
        size = self.size()
        end = offset + len(data)
        if not data:
            return
        first, last = offset // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        self._fill_last(transaction, size, first)
        with self._engine.latch:
            there = dict(self._chunks(first, last))
            for number in range(first, last + 1):
                start = number * CHUNK_BYTES
                old = self._bytes_of(there[number]) if number in there else b""
                is_last = max(end, size) <= start + CHUNK_BYTES
                length = max(end, size) - start if is_last else CHUNK_BYTES
                new = bytearray(old.ljust(length, b"\0"))
                low, high = max(offset, start), min(end, start + CHUNK_BYTES)
                new[low - start : high - start] = data[low - offset : high - offset]
                self._put(transaction, number, there.get(number), bytes(new))

    def _fill_last(self, transaction: Transaction, size: int, first: int) -> None:
        """The chunk that was the last one is not any more: make it whole."""
        number, length = divmod(size, CHUNK_BYTES)
        if not length or number >= first:
            return
        with self._engine.latch:
            for _, row_id in self._chunks(number, number):
                data = self._bytes_of(row_id).ljust(CHUNK_BYTES, b"\0")
                self._put(transaction, number, row_id, data)

    def truncate(self, transaction: Transaction, length: int) -> None:
        """Cut off what is behind so many bytes, or add zeros up to there."""
        size = self.size()
        if length > size:
            self.write(transaction, length - 1, b"\0")
            return
        number, rest = divmod(length, CHUNK_BYTES)
        with self._engine.latch:
            for found, row_id in list(self._chunks(number, SIZE_MAX)):
                if found == number and rest:
                    self._put(transaction, found, row_id, self._bytes_of(row_id)[:rest])
                else:
                    self._delete(transaction, row_id)
            last = number if rest else number - 1
            if length and not list(self._chunks(last, last)):  # a hole is the end now
                self._put(transaction, last, None, bytes(length - last * CHUNK_BYTES))

    def _put(self, transaction: Transaction, number: int, row_id: int | None, data: bytes) -> None:
        if row_id is None:
            self._table.insert_row(transaction, (number, data))
            return
        outcome = self._table.update(transaction, self._snapshot, row_id, {1: data})
        _check(outcome.status)

    def _delete(self, transaction: Transaction, row_id: int) -> None:
        _check(self._table.delete(transaction, self._snapshot, row_id).status)


def _check(status: Status) -> None:
    """Writers of one object come one after the other; what a kept snapshot has not seen is in the way, though."""
    if status is not Status.DONE:
        raise SerializationFailure("could not serialize access due to concurrent update")
