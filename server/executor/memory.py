"""Memory: what operators may hold, and how much that is which they hold.

Rule 1: an operator that can go to disk does so beyond what one operation may hold: work_mem for a sort, work_mem by
        hash_mem_multiplier for tables of keys.
Rule 2: what a statement holds in all is limited as well; beyond that it fails, and nobody else does.
Rule 3: sizes are those of arrays; of objects they are estimates.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from server.errors import OutOfMemory
from server.vector.late import LateColumn
from server.vector.parted import PartedColumn
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.executor.process_memory import ProcessMemory
    from server.vector.batch import Batch
    from server.vector.column import Column, Values

    IsStored = Callable[[Values], bool]

SAMPLE_ROWS: Final = 32
WATCHED_BYTES_MIN: Final = 1 << 24
"""What a statement must hold to be among those of which the heaviest gives up when the server is full."""
UNLIMITED: Final = 1 << 62
CONTAINER_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
INLINE_BYTES_MAX: Final = 12


class Memory:
    """What the operators of a statement hold and may hold."""

    __slots__ = (
        "__weakref__", "_is_watched", "_process", "hash_bytes", "limit_bytes", "sort_bytes", "used_bytes",
    )  # fmt: skip

    def __init__(
        self,
        sort_bytes: int = UNLIMITED,
        hash_bytes: int = UNLIMITED,
        limit_bytes: int = UNLIMITED,
        process: ProcessMemory | None = None,
    ) -> None:
        self.sort_bytes = sort_bytes
        self.hash_bytes = hash_bytes
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._process = process
        self._is_watched = False

    def copy(self) -> Memory:
        """The same limits with nothing held."""
        return Memory(self.sort_bytes, self.hash_bytes, self.limit_bytes, self._process)

    def look(self) -> None:
        """Raise OutOfMemory if the server has more than it may, and this statement holds the most of it."""
        if self._is_watched and self._process is not None and self._process.asks_for(self):
            raise OutOfMemory(
                "out of memory",
                detail=f"The server has no room for more beside a statement that holds {self.used_bytes} bytes.",
            )

    def add(self, byte_count: int) -> None:
        """So many bytes more, or fewer, are held."""
        self.used_bytes += byte_count
        if self.used_bytes > WATCHED_BYTES_MIN and not self._is_watched:
            self._is_watched = True
            if self._process is not None:
                self._process.join(self)

    def hold(self) -> Held:
        """Begin to count what one operation holds."""
        return Held(self)


class Held:
    """The bytes one operation holds, for the length of a with block."""

    __slots__ = ("_memory", "byte_count")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.byte_count = 0

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self.reset(0)

    def add(self, byte_count: int) -> None:
        """Hold more; raises OutOfMemory beyond the limit of the statement."""
        self.reset(self.byte_count + byte_count)

    def reset(self, byte_count: int) -> None:
        """Hold so much now; raises OutOfMemory beyond the limit of the statement."""
        memory, more = self._memory, byte_count - self.byte_count
        if more > 0 and memory.used_bytes + more > memory.limit_bytes:
            raise OutOfMemory(
                "out of memory",
                detail=f"Failed on request of size {more} in a statement that holds {memory.used_bytes} bytes.",
                hint='The parameter "statement_memory_limit" says how much it may hold.',
            )
        memory.add(more)
        self.byte_count = byte_count


def batch_bytes(batch: Batch, is_stored: IsStored | None) -> int:
    """How much memory it takes to hold the rows; of texts that lie in the store only the views count."""
    return sum(_column_bytes(column, is_stored) for column in batch.columns)


def _column_bytes(column: Column, is_stored: IsStored | None) -> int:
    byte_count = 0 if column.valid is None else len(column)
    if isinstance(column, TextColumn):
        byte_count += column.views.nbytes
        if is_stored is None or not is_stored(column.store):
            byte_count += _text_bytes(column.views)
        return byte_count
    if isinstance(column, LateColumn):
        return byte_count + sum(part.nbytes for part in column.parts)
    if isinstance(column, PartedColumn):
        return byte_count + sum(
            positions.nbytes + _column_bytes(part, is_stored) for positions, part in column.parts
        )
    if column.values.dtype.kind == "O":
        return byte_count + _object_bytes(column.values)
    return byte_count + column.values.nbytes


def _text_bytes(views: Values) -> int:
    """What texts take that do not stand in their views."""
    lengths = np.ascontiguousarray(views).view(np.uint32)[::4]
    return int(lengths[lengths > INLINE_BYTES_MAX].sum())


def _object_bytes(values: Values) -> int:
    """References, and objects as large as some of them are on average."""
    step = max(1, len(values) // SAMPLE_ROWS)
    sample = values[::step].tolist()
    return values.nbytes + sum(map(sys.getsizeof, sample)) * step


@cache
def machine_bytes() -> int:
    """The memory of the machine, or of the container if that is less."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # "max": no limit
        found = min(found, int(CONTAINER_LIMIT.read_text()))
    return found
