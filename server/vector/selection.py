"""Masks and positions: which rows of a batch something is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.column import Column, Mask, Positions, unset
from server.vector.parted import PartedColumn, parted_column
from server.vector.rows import column_of, values_of
from server.vector.texts import TextColumn, concatenated

if TYPE_CHECKING:
    from collections.abc import Sequence


def true_rows(condition: Column) -> Mask:
    """Rows where a boolean column is true: neither false nor NULL."""
    values: Mask = condition.values
    return values if condition.valid is None else values & condition.valid


def positions_of(mask: Mask) -> Positions:
    """The positions of the rows of a mask."""
    return np.flatnonzero(mask).astype(np.int64, copy=False)


def merge_columns(
    count: int, parts: Sequence[tuple[Positions, Column]], dtype: np.dtype[np.generic]
) -> Column:
    """One column of parts that each fill some positions; positions no part fills are NULL."""
    parts = [(places, column) for places, column in parts if _has_values(column)]
    if len(parts) == 1 and len(parts[0][0]) == count:
        return parts[0][1]
    if not parts:
        return Column(unset(count, dtype), np.zeros(count, np.bool_))
    together = _texts_together(count, parts)
    if together is not None:
        return together
    pieces = _decimal_pieces(parts)
    if len({column.scale for _, column in pieces}) > 1:
        return parted_column(count, pieces)
    columns = [_plain(column) for _, column in parts]
    if len({column.scale for column in columns}) > 1:
        columns = [column_of(values_of(column), np.dtype(object)) for column in columns]
    return _scatter(count, [positions for positions, _ in parts], columns)


def either(mask: Mask, first: Column, second: Column, dtype: np.dtype[np.generic]) -> Column:
    """Rows of the first column where the mask is true, else those of the second."""
    columns = (first, second)
    is_plain = all(type(column) is Column and column.dictionary is None for column in columns)
    if is_plain and first.scale == second.scale and first.values.dtype == second.values.dtype:
        values = np.where(mask, first.values, second.values)
        if first.valid is None and second.valid is None:
            return Column(values, None, first.scale)
        return Column(values, np.where(mask, first.validity(), second.validity()), first.scale)
    rows = (positions_of(mask), positions_of(~mask))
    parts = [(places, column.take(places)) for places, column in zip(rows, columns, strict=True)]
    return merge_columns(len(mask), parts, dtype)


def _has_values(column: Column) -> bool:
    """Whether there is a row that is not NULL."""
    return len(column) > 0 if column.valid is None else bool(column.valid.any())


def _plain(column: Column) -> Column:
    return column.decoded() if column.dictionary is not None else column


def _decimal_pieces(parts: Sequence[tuple[Positions, Column]]) -> list[tuple[Positions, Column]]:
    """Scaled parts, those of several scales taken apart; none if some are in another form."""
    pieces: list[tuple[Positions, Column]] = []
    for positions, column in parts:
        if isinstance(column, PartedColumn):
            pieces += [(positions[places], part) for places, part in column.parts]
        elif column.scale is None:
            return []
        else:
            pieces.append((positions, column))
    return pieces


def _texts_together(count: int, parts: Sequence[tuple[Positions, Column]]) -> Column | None:
    """Parts that are coded, or texts where they lie, merged without making values; None if they are others."""
    columns = [column for _, column in parts]
    if all(column.dictionary is not None for column in columns):
        return _codes_together(count, parts)
    if not any(isinstance(column, TextColumn) for column in columns):
        return None
    valid = None
    if any(column.valid is not None for column in columns):
        valid = np.concatenate([column.validity() for column in columns])
    below = concatenated(columns, valid)
    if below is None:
        return None
    rows = np.full(count, -1, np.int64)
    rows[np.concatenate([positions for positions, _ in parts])] = np.arange(len(below))
    return below.take(rows)


def _codes_together(count: int, parts: Sequence[tuple[Positions, Column]]) -> Column | None:
    """Coded parts over the words of all their dictionaries; None if those are more than rows."""
    dictionaries = {id(column.dictionary): column.dictionary for _, column in parts}
    words = [dictionary for dictionary in dictionaries.values() if dictionary is not None]
    if len(words) > 1 and sum(map(len, words)) > count:
        return None
    starts = np.cumsum([0, *map(len, words)]).tolist()
    offsets = dict(zip(dictionaries, starts, strict=False))
    codes, valid = np.zeros(count, np.int32), np.zeros(count, np.bool_)
    for positions, column in parts:
        own = column.values if column.valid is None else np.where(column.valid, column.values, 0)
        codes[positions] = own + offsets[id(column.dictionary)]
        valid[positions] = True if column.valid is None else column.valid
    together = words[0]
    if len(words) > 1:
        together = Column(np.concatenate([dictionary.values for dictionary in words]))
    return Column(codes, None if bool(valid.all()) else valid, None, together)


def _scatter(count: int, positions: Sequence[Positions], columns: Sequence[Column]) -> Column:
    first = columns[0]
    values = unset(count, first.values.dtype)
    valid = np.zeros(count, np.bool_)
    for places, column in zip(positions, columns, strict=True):
        values[places] = column.values
        valid[places] = True if column.valid is None else column.valid
    return Column(values, None if bool(valid.all()) else valid, first.scale)
