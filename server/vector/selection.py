"""Masks and positions: which rows of a batch something is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.column import Column, Mask, Positions, unset
from server.vector.parted import parted_column
from server.vector.rows import column_of, values_of

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
    parts = [part for part in parts if len(part[0])]
    if len(parts) == 1 and len(parts[0][0]) == count:
        return parts[0][1]
    if not parts:
        return Column(unset(count, dtype), np.zeros(count, np.bool_))
    columns = [_plain(column) for _, column in parts]
    scales = {column.scale for column in columns}
    if len(scales) > 1 and None not in scales:
        pieces = zip([positions for positions, _ in parts], columns, strict=True)
        return parted_column(count, list(pieces))
    if len(scales) > 1:
        columns = [column_of(values_of(column), np.dtype(object)) for column in columns]
    return _scatter(count, [positions for positions, _ in parts], columns)


def _plain(column: Column) -> Column:
    return column.decoded() if column.dictionary is not None else column


def _scatter(count: int, positions: Sequence[Positions], columns: Sequence[Column]) -> Column:
    first = columns[0]
    values = unset(count, first.values.dtype)
    valid = np.zeros(count, np.bool_)
    for places, column in zip(positions, columns, strict=True):
        values[places] = column.values
        valid[places] = True if column.valid is None else column.valid
    return Column(values, None if bool(valid.all()) else valid, first.scale)
