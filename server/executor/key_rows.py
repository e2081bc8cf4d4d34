"""Rows by the number of their key, and the pairs of rows with equal keys.

Rule 1: a number of -1 means that the row's key equals no other.
Rule 2: rows of one number stand in ascending order; pairs come with their left rows ascending.

The specification of native/key_rows.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.vector.column import Mask, Positions, Values


INT32_MAX: Final = 2**31 - 1


def grouped_rows(codes: Positions, code_count: int) -> tuple[Positions, Positions]:
    """The rows of each number one after the other, and where each number's start.

    Those of number n are rows[starts[n] : starts[n + 1]].
    """
    rows = np.flatnonzero(codes >= 0)
    known = codes[rows]
    starts = np.zeros(code_count + 1, np.int64)
    np.cumsum(np.bincount(known, minlength=code_count), out=starts[1:])
    return starts, rows[np.argsort(known, kind="stable")]


def run_codes(keys: Values) -> Positions | None:
    """Numbers of the runs of equal keys that rows lie in, from 0 on; None: a key is less than the one before it."""
    if (keys[1:] < keys[:-1]).any():
        return None
    codes = np.zeros(len(keys), np.int64)
    np.cumsum(keys[1:] != keys[:-1], out=codes[1:])
    return codes


def first_rows(codes: Positions, known_count: int, count: int) -> Positions:
    """Where each of the numbers known_count ... count - 1 comes first; each of them does come."""
    rows = np.flatnonzero(codes >= known_count)[::-1]
    firsts = np.zeros(count - known_count, np.int64)
    firsts[codes[rows] - known_count] = rows  # the last write is the first row
    return firsts


def dense_codes(values: Values, valid: Mask | None, lowest: int, span: int) -> Positions:
    """How far each integer is above the lowest; -1 if that is not in 0 ... span - 1, or it is NULL."""
    wide = values.astype(np.int64)
    inside = (wide >= lowest) & (wide <= lowest + span - 1)
    if valid is not None:
        inside &= valid
    return np.where(inside, np.where(inside, wide, lowest) - lowest, -1)


def joined_rows(
    codes: Positions, starts: Positions, rows: Positions, first: int, pairs_max: int
) -> tuple[Positions, Positions, int]:
    """Pairs of a row of `codes`, from `first` on, and one of the rows of its number.

    At most pairs_max, or all of one row, and the row to go on with.
    """
    known = codes[first:]
    counts = np.where(known >= 0, starts[known + 1] - starts[known], 0)
    ends = np.cumsum(counts)
    found = np.flatnonzero(counts)
    stop = int(np.searchsorted(ends, pairs_max, side="right"))
    if len(found):
        stop = max(stop, int(found[0]) + 1)
    lengths = counts[:stop]
    total = int(lengths.sum())
    within = np.arange(total) - np.repeat(ends[:stop] - lengths, lengths)
    lefts = np.repeat(np.arange(first, first + stop), lengths)
    places = np.repeat(starts[known[:stop]], lengths) + within
    return lefts, rows[places], first + stop


def single_rows(codes: Positions, code_count: int) -> Values | None:
    """Each number's row and one, 0 where it has none; None if one has several, or 32 bits do not hold them."""
    rows = np.flatnonzero(codes >= 0)
    known = codes[rows]
    if len(codes) >= INT32_MAX or (len(known) and np.bincount(known).max() > 1):
        return None
    row_of = np.zeros(code_count, np.int32)
    row_of[known] = rows + 1
    return row_of


def single_pairs(codes: Positions, row_of: Values) -> tuple[Positions, Positions]:
    """The places whose number has a row, in their order, and these rows."""
    known = np.flatnonzero(codes >= 0)
    rows = row_of[codes[known]].astype(np.int64) - 1
    return known[rows >= 0], rows[rows >= 0]


def packed_rows(
    columns: Sequence[Values], sizes: Sequence[int], count: int
) -> tuple[Positions, Positions]:
    """Rows of codes numbered by first appearance, and where each of them comes first.

    sizes: what is above each column's codes, which are not negative.
    """
    keys = np.zeros(count, np.int64)
    for codes, size in zip(columns, sizes, strict=True):
        keys = keys * size + codes
    _, firsts, numbers = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places[numbers], firsts[order]
