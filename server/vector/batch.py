"""Batch: columns of one length, what operators exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.vector.column import Column, Values


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Columns of one length. A batch may have no columns and still have rows."""

    columns: tuple[Column, ...]
    count: int

    def __post_init__(self) -> None:
        """Refuse columns of different lengths."""
        for column in self.columns:  # not all(...): this is done for every batch
            assert len(column) == self.count, "columns differ in length"

    def __len__(self) -> int:
        return self.count

    def take(self, positions: Values) -> Batch:
        """Rows at the positions, in their order; position -1 gives a row of NULLs."""
        return Batch(tuple(column.take(positions) for column in self.columns), len(positions))

    def slice(self, start: int, stop: int) -> Batch:
        """Rows start to stop, without a copy."""
        stop = min(stop, self.count)
        return Batch(tuple(column.slice(start, stop) for column in self.columns), stop - start)

    def select(self, indexes: tuple[int, ...]) -> Batch:
        """The columns at the indexes, in their order."""
        return Batch(tuple(self.columns[index] for index in indexes), self.count)
