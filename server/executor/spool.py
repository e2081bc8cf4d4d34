"""Spool: batches in a temporary file, in their order; and Partitions: batches spread over several of them.

Rule 1: columns are taken apart into arrays, which go to the file as they are; how to put them together again
        stays in memory, and so do short lists of words. Objects are pickled.
Rule 2: texts that lie in the store are left there: only their views are written.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import BATCH_ROWS, concatenate_batches
from server.executor.memory import INLINE_BYTES_MAX, batch_bytes
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.late import LateColumn
from server.vector.rows import objects
from server.vector.text_views import VIEW
from server.vector.texts import TextColumn, text_column
from storage.engine import StringViews

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.memory import IsStored
    from server.executor.temporary_files import TemporaryFile
    from server.vector.column import Mask, Positions, Values

    Maker = Callable[[Sequence[Values], Mask | None], Column]
    Parts = tuple[Sequence[Values], Maker]

ALIGNMENT: Final = 16
WORDS_KEPT_SHARE: Final = 64
"""How many rows there are at least for each word of a list that stays in memory."""


@dataclass(frozen=True, slots=True)
class _Array:
    dtype: np.dtype[Any]
    count: int

    @property
    def byte_count(self) -> int:
        return self.dtype.itemsize * self.count


@dataclass(frozen=True, slots=True)
class _Kept:
    """How to put a column together: of which arrays, the last one being its mask if it has one."""

    arrays: tuple[_Array, ...]
    has_mask: bool
    make: Maker


@dataclass(frozen=True, slots=True)
class _Piece:
    """One batch in the file."""

    place: int
    byte_count: int
    row_count: int
    columns: tuple[_Kept, ...]


class Spool:
    """Batches in a file."""

    __slots__ = ("_file", "_is_stored", "_pieces", "byte_count", "row_count")

    def __init__(self, file: TemporaryFile, is_stored: IsStored) -> None:
        self._file = file
        self._is_stored = is_stored
        self._pieces: list[_Piece] = []
        self.row_count = 0
        self.byte_count = 0  # that holding the rows in memory would take

    def add(self, batch: Batch) -> None:
        """Append a batch."""
        data: list[bytes] = []
        columns = tuple(_write(column, data, self._is_stored) for column in batch.columns)
        written = b"".join(data)
        place = self._file.append(written)
        self._pieces.append(_Piece(place, len(written), batch.count, columns))
        self.row_count += batch.count
        self.byte_count += batch_bytes(batch, self._is_stored)

    def __len__(self) -> int:
        """How many batches have been added."""
        return len(self._pieces)

    def batch(self, number: int) -> Batch:
        """One of the batches."""
        return self._read(self._pieces[number])

    def read(self) -> Iterator[Batch]:
        """The rows, in batches of about BATCH_ROWS; as often as wanted."""
        gathered: list[Batch] = []
        row_count = 0
        for piece in self._pieces:
            if gathered and row_count + piece.row_count > BATCH_ROWS:
                yield concatenate_batches(gathered, ())
                gathered, row_count = [], 0
            gathered.append(self._read(piece))
            row_count += piece.row_count
        if gathered:
            yield concatenate_batches(gathered, ())

    def close(self) -> None:
        """Give the file up, if nobody else has a part of it."""
        self._file.close()

    def sample(self, row_count: int) -> list[Batch]:
        """Some of the rows, from all over."""
        step = max(1, len(self._pieces) * 8 // row_count)
        row_step = max(1, self.row_count // step // row_count)
        batches = (self._read(piece) for piece in self._pieces[::step])
        return [batch.take(np.arange(0, batch.count, row_step)) for batch in batches]

    def _read(self, piece: _Piece) -> Batch:
        data = self._file.read(piece.place, piece.byte_count)
        columns, place = [], 0
        for kept in piece.columns:
            arrays = []
            for array in kept.arrays:
                arrays.append(np.frombuffer(data, array.dtype, array.count, place))
                place += array.byte_count + -array.byte_count % ALIGNMENT
            mask = arrays.pop() if kept.has_mask else None
            columns.append(kept.make(arrays, mask))
        return Batch(tuple(columns), piece.row_count)


def _write(column: Column, data: list[bytes], is_stored: IsStored) -> _Kept:
    arrays, make = _taken_apart(column, is_stored)
    written = list(arrays) if column.valid is None else [*arrays, column.valid]
    for array in written:
        data.append(array.tobytes())
        data.append(bytes(-len(data[-1]) % ALIGNMENT))
    forms = tuple(_Array(array.dtype, len(array)) for array in written)
    return _Kept(forms, column.valid is not None, make)


def _taken_apart(column: Column, is_stored: IsStored) -> Parts:
    """A column as arrays, and what makes it of them."""
    words = column.dictionary
    if words is not None:
        if len(words) * WORDS_KEPT_SHARE <= len(column):
            return (column.values,), lambda arrays, valid: Column(arrays[0], valid, None, words)
        is_text = all(type(word) is str for word in words.values.tolist())
        column = text_column(column) if is_text else column.decoded()
    if isinstance(column, TextColumn):
        return _text_parts(column, is_stored)
    if isinstance(column, LateColumn) and all(part.dtype.kind != "O" for part in column.parts):
        make = column.make
        return column.parts, lambda arrays, valid: LateColumn(arrays, make, valid)
    if column.values.dtype.kind == "O":
        return _object_parts(column.values)
    scale = column.scale
    return (column.values,), lambda arrays, valid: Column(arrays[0], valid, scale)


def _object_parts(values: Values) -> Parts:
    pickled = np.frombuffer(pickle.dumps(values.tolist(), 5), np.uint8)
    # Nobody but this process has ever seen the file.
    return (pickled,), lambda arrays, valid: Column(objects(pickle.loads(arrays[0])), valid)  # noqa: S301


def _text_parts(column: TextColumn, is_stored: IsStored) -> Parts:
    if is_stored(column.store):
        empty = column.slice(0, 0)
        assert isinstance(empty, TextColumn)
        return (column.views,), lambda arrays, valid: empty.with_views(arrays[0]).masked(valid)
    views = np.ascontiguousarray(column.views).view(np.uint64).reshape(-1, 2).copy()
    if column.valid is not None:
        views[~column.valid] = 0
    long = np.flatnonzero((views[:, 0] & np.uint64(0xFFFFFFFF)) > INLINE_BYTES_MAX)
    heap, offsets = StringViews(column.store, views[long].view(VIEW).ravel()).to_blob()
    views[long, 1] = offsets[:-1]
    return (views.view(VIEW).ravel(), np.frombuffer(heap, np.uint8)), _text_of_heap


def _text_of_heap(arrays: Sequence[Values], valid: Mask | None) -> Column:
    views, heap = arrays
    return TextColumn(heap, views, valid, lambda store, found: StringViews(store, found).to_str())


class Partitions:
    """Rows spread over spools of one file, for the length of a with block."""

    __slots__ = ("_file", "parts")

    def __init__(self, context: ExecutionContext, count: int) -> None:
        assert context.temporary_files is not None
        self._file = context.temporary_files.open()
        is_stored = context.engine.is_stored
        self.parts = [Spool(self._file, is_stored) for _ in range(count)]

    def __enter__(self) -> Partitions:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, batch: Batch, numbers: Positions) -> None:
        """Add each row to the part of its number."""
        order = np.argsort(numbers, kind="stable")
        ends = np.cumsum(np.bincount(numbers, minlength=len(self.parts))).tolist()
        moved, start = batch.take(order), 0
        for part, end in zip(self.parts, ends, strict=True):
            if end > start:
                part.add(moved.slice(start, end))
            start = end

    def close(self) -> None:
        """Give the file up."""
        self._file.close()


def taken(batches: list[Batch]) -> Iterator[Batch]:
    """The batches, taken out of the list: nobody holds one any more when the next one is asked for."""
    batches.reverse()
    while batches:
        yield batches.pop()
