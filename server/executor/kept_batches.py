"""KeptBatches: rows that are kept for later; what is more than memory may hold goes to a temporary file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.vector.batch import Batch


class KeptBatches:
    """Batches in their order. Without a context they all stay in memory; with one somebody has to close it."""

    __slots__ = ("_batches", "_context", "_holding", "_spool")

    def __init__(self, context: ExecutionContext | None = None) -> None:
        self._context = context
        self._batches: list[Batch] = []
        self._holding = None if context is None else context.memory.hold()
        self._spool: Spool | None = None

    def __len__(self) -> int:
        """How many batches there are."""
        return len(self._batches) + (0 if self._spool is None else len(self._spool))

    def __getitem__(self, at: int) -> Batch:
        """The batch at a place."""
        if at < len(self._batches):
            return self._batches[at]
        if self._spool is None:
            raise IndexError(at)
        return self._spool.batch(at - len(self._batches))

    def __iter__(self) -> Iterator[Batch]:
        """All batches from the first on."""
        for at in range(len(self)):
            yield self[at]

    def add(self, batch: Batch) -> None:
        """Keep one more."""
        if self._spool is None:
            self._batches.append(batch)
            self._count(batch)
        else:
            self._spool.add(batch)

    def close(self) -> None:
        """Give up what it holds."""
        if self._holding is not None:
            self._holding.reset(0)
        if self._spool is not None:
            self._spool.close()

    def _count(self, batch: Batch) -> None:
        context, holding = self._context, self._holding
        if context is None or holding is None:
            return
        holding.add(context.bytes_of(batch))
        if holding.byte_count > context.memory.sort_bytes and context.temporary_files is not None:
            self._spool = Spool(context.temporary_files.open(), context.engine.is_stored)
