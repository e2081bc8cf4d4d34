"""Putting columns and batches together and taking them apart, as operators need it.

Rule 1: columns that are put together may come in different physical forms; the result takes the
        plainest form that loses nothing (decimals keep the digits they are shown with).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.batch import Batch
from server.vector.column import Column, Mask, Positions, Values, unset
from server.vector.late import late_together
from server.vector.parted import PartedColumn, parted_together
from server.vector.rows import column_of, is_constant, objects, plain_values, values_of
from server.vector.texts import TextColumn, concatenated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from server.types.type import Type, TypeReference, Value

BATCH_ROWS: Final = 65536
"""How many rows operators that make batches of their own put into one."""

SMALL_BATCH_ROWS: Final = BATCH_ROWS // 4

PICKS_AT_ONCE: Final = 1 << 20
"""How many rows are picked out of many, in any order, between two looks at whether that is still wanted."""


def plain_objects(column: Column) -> Values:
    """Give the rows as an array whose tolist() is in row form; NULL rows hold anything."""
    if column.scale is not None:
        return objects(plain_values(column))
    return column.decoded().values


def null_column(value_type: Type, count: int) -> Column:
    """Make a column of NULLs."""
    return Column(unset(count, value_type.dtype), np.zeros(count, np.bool_))


def null_batch(types: Sequence[TypeReference], count: int) -> Batch:
    """Make rows of NULLs."""
    return Batch(tuple(null_column(reference.type, count) for reference in types), count)


def concatenate(columns: Sequence[Column], look: Callable[[], None] | None = None) -> Column:
    """Put columns of one type one below the other; look is called now and then, and may raise."""
    parts = [column for column in columns if len(column)] or list(columns[:1])
    if len(parts) == 1:
        return parts[0]
    valid = None
    if any(part.valid is not None for part in parts):
        valid = np.concatenate([part.validity() for part in parts])
    first = parts[0]
    together = _without_values(parts, valid, look)
    if together is not None:
        return together
    forms = {(part.scale, id(part.dictionary)) for part in parts}
    if len(forms) == 1:
        values = np.concatenate([part.values for part in parts])
        return Column(values, valid, first.scale, first.dictionary)
    if all(part.dictionary is not None for part in parts):
        return _with_one_dictionary(parts, valid)
    if any(part.scale is not None for part in parts):
        return Column(np.concatenate([plain_objects(part) for part in parts]), valid)
    return Column(np.concatenate([part.decoded().values for part in parts]), valid)


def _have_scales(parts: Sequence[Column]) -> bool:
    """Whether they are decimals of several scales."""
    scales = {part.scale for part in parts}
    return len(scales) > 1 or any(isinstance(part, PartedColumn) for part in parts)


def _without_values(
    parts: Sequence[Column], valid: Mask | None, look: Callable[[], None] | None
) -> Column | None:
    """Columns whose values need not be made; None if they are others."""
    if any(isinstance(part, TextColumn) for part in parts):
        return concatenated(parts, valid, look)
    if _have_scales(parts):
        return parted_together(parts)
    return late_together(parts, valid)


def _with_one_dictionary(parts: Sequence[Column], valid: Mask | None) -> Column:
    """Coded columns one below the other, over the words of all; words that lie in a store stay there."""
    numbers: dict[Value, int] = {}
    codes, dictionaries = [], []
    for part in parts:
        assert part.dictionary is not None
        words = part.dictionary.values.tolist()
        known = len(numbers)
        new = np.array([numbers.setdefault(word, len(numbers)) for word in words], np.int32)
        if len(numbers) > known:
            firsts = np.unique(new, return_index=True)[1]  # a dictionary may have a word twice
            dictionaries.append(part.dictionary.take(firsts[known - len(numbers) :]))
        if part.valid is not None:
            codes.append(new[np.where(part.valid, part.values, 0)] if words else part.values)
        else:
            codes.append(new[part.values])
    dictionary = concatenate(dictionaries) if dictionaries else Column(objects([]))
    return Column(np.concatenate(codes), valid, None, dictionary)


def concatenate_batches(
    batches: Sequence[Batch], types: Sequence[TypeReference], look: Callable[[], None] | None = None
) -> Batch:
    """Put batches one below the other; types say what no batches at all are made of.

    look is called before each column of many, and within long ones, and may raise.
    """
    if not batches:
        return null_batch(types, 0)
    if len(batches) == 1:
        return batches[0]
    columns = []
    for index in range(len(batches[0].columns)):
        if look is not None:
            look()
        columns.append(concatenate([batch.columns[index] for batch in batches], look))
    return Batch(tuple(columns), sum(batch.count for batch in batches))


def picked(column: Column, positions: Positions, look: Callable[[], None]) -> Column:
    """The rows at the positions; look is called again and again if there are many, and may raise."""
    if len(positions) <= PICKS_AT_ONCE:
        return column.take(positions)
    is_one_value = type(column) is Column and column.valid is None and is_constant(column)
    if is_one_value and len(positions) <= len(column) and positions.min() >= 0:
        return column.slice(0, len(positions))
    pieces = []
    for start in range(0, len(positions), PICKS_AT_ONCE):
        look()
        pieces.append(column.take(positions[start : start + PICKS_AT_ONCE]))
    look()
    return concatenate(pieces)


def picked_rows(batch: Batch, positions: Positions, look: Callable[[], None]) -> Batch:
    """The same of all columns of a batch."""
    columns = tuple(picked(column, positions, look) for column in batch.columns)
    return Batch(columns, len(positions))


def merged(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches in their order, small neighbours put together; without those that have no rows."""
    held: list[Batch] = []
    for batch in batches:
        is_small = batch.count <= SMALL_BATCH_ROWS
        if held and not (is_small and sum(map(len, held)) + batch.count <= BATCH_ROWS):
            yield concatenate_batches(held, ())
            held = []
        if not is_small:
            yield batch
        elif batch.count:
            held.append(batch)
    if held:
        yield concatenate_batches(held, ())


def slices(batch: Batch, row_count: int = BATCH_ROWS) -> Iterator[Batch]:
    """Cut a batch into batches of at most row_count rows."""
    if batch.count <= row_count:
        if batch.count:
            yield batch
        return
    for start in range(0, batch.count, row_count):
        yield batch.slice(start, start + row_count)


def beside(left: Batch, right: Batch) -> Batch:
    """Put the columns of two batches of one length side by side."""
    assert left.count == right.count
    return Batch(left.columns + right.columns, left.count)


def rows_of(batch: Batch) -> list[tuple[Value | None, ...]]:
    """Give the rows of a batch as tuples in row form."""
    if not batch.columns:
        return [()] * batch.count
    return list(zip(*(values_of(column) for column in batch.columns), strict=True))


def batch_of_rows(rows: Sequence[Sequence[Value | None]], types: Sequence[TypeReference]) -> Batch:
    """Make a batch of rows in row form."""
    columns = tuple(
        column_of([row[index] for row in rows], reference.type.dtype)
        for index, reference in enumerate(types)
    )
    return Batch(columns, len(rows))
