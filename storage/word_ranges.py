"""Words put into ranges, each below the next: a sort of many is then sorts of few, which the caches hold.

Rule 1: rows of a range keep the order that they came in.
Rule 2: what is between two looks is work on some ten thousand rows, however many there are.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.native import count_bins, move_to_ranges

Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Look = Callable[[], None]
Range = tuple[int, int]

RANGE_ROWS = 1 << 16
"""About so many rows are a range; there are more only of one word."""
SHARE_ROWS = RANGE_ROWS // 2
"""What bins are put together to: the last one may be as large again."""
BIN_BITS = 12


def never() -> None:
    """A look for whoever cannot be called off."""


def slices_of(count: int) -> Iterator[slice]:
    """Places some ten thousand at a time."""
    for start in range(0, count, RANGE_ROWS):
        yield slice(start, min(start + RANGE_ROWS, count))


def put_into_ranges(words: Words, rows: Rows | None, look: Look) -> Iterator[Range]:
    """Where the ranges are: places of words, which are moved in their own memory, as are rows with them.

    A range has few rows, or one word. look is called again and again, and may raise.
    """
    count = len(words)
    low, high = _least_and_greatest(words, look) if count > RANGE_ROWS else (0, 0)
    if low == high:
        yield 0, count
        return
    shift = max(0, (high - low).bit_length() - BIN_BITS)
    counts = np.zeros(1 << BIN_BITS, np.int64)
    for some in slices_of(count):
        count_bins(words[some], low, shift, counts)
        look()
    cuts, range_of_bin = _ranges(counts)
    _move(words, rows, (low, shift), range_of_bin, cuts[:-1].copy(), look)
    for start, stop in pairwise(cuts.tolist()):
        part = words[start:stop], None if rows is None else rows[start:stop]
        for first, last in put_into_ranges(*part, look):
            yield start + first, start + last


def _least_and_greatest(words: Words, look: Look) -> tuple[int, int]:
    low, high = int(words[0]), int(words[0])
    for some in slices_of(len(words)):
        low, high = min(low, int(words[some].min())), max(high, int(words[some].max()))
        look()
    return low, high


def _ranges(counts: Rows) -> tuple[Rows, Rows]:
    """Where ranges of neighbouring bins begin, and the end; and the range of each bin."""
    ends = np.cumsum(counts)
    share = (ends - counts) // SHARE_ROWS
    is_full = counts >= SHARE_ROWS  # a range of its own: it may be of one word
    begins = np.ones(len(counts), np.bool_)
    begins[1:] = (share[1:] != share[:-1]) | is_full[1:] | is_full[:-1]
    return np.append((ends - counts)[begins], ends[-1:]), np.cumsum(begins) - 1


def _move(
    words: Words,
    rows: Rows | None,
    bins: tuple[int, int],
    range_of_bin: Rows,
    places: Rows,
    look: Look,
) -> None:
    given, given_rows = _copy(words, look), None if rows is None else _copy(rows, look)
    for some in slices_of(len(words)):
        moved = None if given_rows is None else given_rows[some]
        move_to_ranges((given[some], moved), bins, range_of_bin, places, (words, rows))
        look()


def _copy(values: npt.NDArray[Any], look: Look) -> npt.NDArray[Any]:
    """Fresh memory is as dear as work on what is in it."""
    made = np.empty_like(values)
    for some in slices_of(len(values)):
        made[some] = values[some]
        look()
    return made
