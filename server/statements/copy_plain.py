"""COPY FROM of plain text: fields become what storage keeps without a value of their own in between.

Rule 1: it does what `Loader` does, or nothing: where anything is unusual - a constraint that may fail, a
        field in an odd form, a key that may be taken - the rows are given back as fields.
Rule 2: what was taken is inserted before anything that comes after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import SqlError
from server.executor.loads import rows_at_once
from server.executor.storage_columns import store_columns
from server.executor.table_writer import TableWriter
from server.types.native import integer_spans, number_spans, text_spans
from storage.engine import StringBlob

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from protocol.copy_spans import Spans
    from server.catalog.objects import Column, Table
    from server.executor.context import ExecutionContext
    from server.types.type import TextStyle, TypeReference

Stored = Any
Fields = list[list[bytes | None]]

ROWS_AT_ONCE: Final = 16_384
MODIFIER_OFFSET: Final = 4


class PlainLoader:
    """Rows of a table that are all of plain fields, kept until they are many."""

    __slots__ = (
        "_parts",
        "_pieces",
        "_rows_at_once",
        "_style",
        "_types",
        "_wanted_count",
        "_writer",
        "row_count",
    )

    def __init__(
        self,
        table: Table,
        types: Sequence[TypeReference],
        context: ExecutionContext,
        style: TextStyle,
    ) -> None:
        self._writer = TableWriter(table, context)
        self._types = types
        self._style = style
        self._pieces: list[Spans] = []
        self._parts: list[list[tuple[Stored, Any]]] = []
        self.row_count = 0
        self._rows_at_once = rows_at_once(table, context, ROWS_AT_ONCE)
        self._wanted_count = self._rows_at_once()

    @property
    def is_full(self) -> bool:
        """Whether it is time to insert."""
        return self.row_count >= self._wanted_count

    def portions(self, spans: Spans) -> Iterator[Spans]:
        """Rows in such parts that none goes beyond where it is time to insert."""
        start, end = 0, spans.row_count
        while start < end:
            stop = min(end, start + self._wanted_count - self.row_count)
            yield spans if stop - start == end else spans.part(start, stop)
            start = stop

    def add(self, spans: Spans) -> bool:
        """Take rows; False: they were not taken."""
        if not _is_text(spans.data):
            return False
        part = []
        for number, reference in enumerate(self._types):
            nulls = spans.stops[number] < 0
            stored = self._read(spans, number, reference)
            if stored is None:
                return False
            part.append((stored, nulls if nulls.any() else None))
        self._parts.append(part)
        self._pieces.append(spans)
        self.row_count += spans.row_count
        return True

    def _read(self, spans: Spans, number: int, reference: TypeReference) -> Stored | None:
        read = READERS.get(reference.oid)
        stored = None if read is None else read(spans, number, reference.modifier)
        if stored is not None:
            return stored
        try:
            column = reference.type.parse_column(
                spans.fields(number), reference.modifier, self._style
            )
        except SqlError:
            return None  # the ordinary way knows which line it was
        return store_columns([column], [reference])[0][0]

    def insert(self) -> Fields | None:
        """Insert the rows taken: None; or give them back, one list a column."""
        pieces, parts, count = self._pieces, self._parts, self.row_count
        self._pieces, self._parts, self.row_count = [], [], 0
        columns = [_joined([part[number] for part in parts]) for number in range(len(self._types))]
        values, nulls = [column[0] for column in columns], [column[1] for column in columns]
        is_done = self._writer.insert_stored(values, nulls, count)
        self._wanted_count = self._rows_at_once()
        if is_done:
            return None
        return [
            [field for piece in pieces for field in piece.fields(number)]
            for number in range(len(self._types))
        ]


def plain_loader(
    table: Table,
    columns: Sequence[Column],
    types: Sequence[TypeReference],
    context: ExecutionContext,
    style: TextStyle,
) -> PlainLoader | None:
    """A loader for rows that give every attribute of a table with plain indexes; None for others."""
    numbers = [column.number for column in columns]
    if numbers != [column.number for column in table.columns]:
        return None
    if not TableWriter(table, context).takes_stored():
        return None
    return PlainLoader(table, types, context, style)


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _joined(parts: Sequence[tuple[Stored, Any]]) -> tuple[Stored, Any]:
    """A column of several pieces, and where it is NULL."""
    if len(parts) == 1:
        return parts[0]
    nulls = None
    if any(null is not None for _, null in parts):
        nulls = np.concatenate(
            [np.zeros(len(stored), np.bool_) if null is None else null for stored, null in parts]
        )
    pieces = [stored for stored, _ in parts]
    if isinstance(pieces[0], np.ndarray):
        return np.concatenate(pieces), nulls
    if isinstance(pieces[0], StringBlob):
        return _joined_blobs(pieces), nulls
    return [value for piece in pieces for value in piece], nulls


def _joined_blobs(pieces: Sequence[StringBlob]) -> StringBlob:
    base = 0
    offsets = [np.zeros(1, np.int64)]
    for piece in pieces:
        offsets.append(piece.offsets[1:] + base)
        base += len(piece.blob)
    return StringBlob(np.concatenate([piece.blob for piece in pieces]), np.concatenate(offsets))


def _integers(bits: int) -> Any:
    def read(spans: Spans, number: int, _modifier: int) -> Stored | None:
        return integer_spans(spans.data, spans.starts[number], spans.stops[number], bits)

    return read


def _texts(spans: Spans, number: int, _modifier: int) -> Stored | None:
    return _blob(spans, number, -1, padded=False)


def _bounded(*, padded: bool) -> Any:
    def read(spans: Spans, number: int, modifier: int) -> Stored | None:
        if modifier < MODIFIER_OFFSET:
            return _blob(spans, number, -1, padded=False)
        return _blob(spans, number, modifier - MODIFIER_OFFSET, padded=padded)

    return read


def _numbers(spans: Spans, number: int, modifier: int) -> StringBlob | None:
    if modifier >= MODIFIER_OFFSET:
        return None
    found = number_spans(spans.data, spans.starts[number], spans.stops[number])
    return None if found is None else StringBlob(*found)


def _blob(spans: Spans, number: int, length: int, *, padded: bool) -> StringBlob | None:
    found = text_spans(spans.data, spans.starts[number], spans.stops[number], length, padded)
    return None if found is None else StringBlob(*found)


READERS: Final[dict[int, Any]] = {
    20: _integers(64),
    21: _integers(16),
    23: _integers(32),
    25: _texts,
    1042: _bounded(padded=True),
    1043: _bounded(padded=False),
    1700: _numbers,
}
"""By type OID: stored values out of the fields of a column; None: not all of these have a plain form."""
