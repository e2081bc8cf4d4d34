"""The order of keys in a matrix: by their bytes, then by row id.

Rule 1: words of the columns in which keys differ are sorted, eight columns at a time; the words of later columns are
        looked at only where those before are equal.
"""

import numpy as np
import numpy.typing as npt

from storage.native import differing_columns, keys_of, words_of

ByteMatrix = npt.NDArray[np.uint8]
Order = npt.NDArray[np.int64]
RowIds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

WORD_BYTES = 8
HALF_BITS = 32
LOW_HALF = np.uint64((1 << HALF_BITS) - 1)
PLACES_MAX = 1 << HALF_BITS
ROWS_AT_ONCE = 1 << 16


def sorted_rows(matrix: ByteMatrix, row_ids: RowIds) -> tuple[ByteMatrix, RowIds, Order | None]:
    """Keys and row ids of which at least the order is sorted."""
    columns = differing_columns(matrix) if len(matrix) > 1 else np.zeros(0, np.int64)
    if len(columns) > WORD_BYTES or not ascend(row_ids):
        return matrix, row_ids, row_order(matrix, row_ids)
    words = words_of(matrix, columns)
    if bool((words[1:] >= words[:-1]).all()):
        return matrix, row_ids, None
    if len(matrix) > PLACES_MAX:
        return matrix, row_ids, row_order(matrix, row_ids)
    if len(columns) <= WORD_BYTES // 2:
        _sort_with_places(words)
        matrix = keys_of(matrix[0], columns, words, HALF_BITS)
        words &= LOW_HALF
        return matrix, _taken(row_ids, words.view(np.int64)), None
    order = np.argsort(words)
    words = words[order]
    order = _by_place(words, order)
    return keys_of(matrix[0], columns, words), _taken(row_ids, order), None


def _sort_with_places(words: Words) -> None:
    """Sort words of four bytes, with their places below them; in their own memory, as fresh memory is dear."""
    words <<= np.uint64(HALF_BITS)
    for start in range(0, len(words), ROWS_AT_ONCE):
        some = words[start : start + ROWS_AT_ONCE]
        some |= np.arange(start, start + len(some), dtype=np.uint64)
    words.sort()


def _by_place(placed: Words, order: Order) -> Order:
    """The order that has led to these words, equal ones as they came."""
    ranks = np.zeros(len(placed), np.uint64)
    np.cumsum(placed[1:] != placed[:-1], out=ranks[1:])
    if int(ranks[-1]) == len(placed) - 1:
        return order
    ranks <<= np.uint64(HALF_BITS)
    ranks |= order.view(np.uint64)
    ranks.sort()
    ranks &= LOW_HALF
    return ranks.view(np.int64)


def _taken(row_ids: RowIds, order: Order) -> RowIds:
    """The row ids in an order, which is used up."""
    first = int(row_ids[0])
    if int(row_ids[-1]) - first == len(row_ids) - 1:
        order += first  # one behind the other
        return order
    return row_ids[order]


def ascend(row_ids: RowIds) -> bool:
    """Whether each is above the one before it."""
    return bool((row_ids[1:] > row_ids[:-1]).all())


def row_order(matrix: ByteMatrix, row_ids: RowIds) -> Order | None:
    """What sorts the rows; None: they are in order."""
    if len(matrix) < 2:
        return None
    columns = differing_columns(matrix)
    words = words_of(matrix, columns[:WORD_BYTES])
    ids_ascend = ascend(row_ids)
    if ids_ascend and bool((words[1:] >= words[:-1]).all()) and len(columns) <= WORD_BYTES:
        return None
    order = np.argsort(words)
    tied = _tied(words[order])
    if tied is not None:
        _order_ties(order, tied, matrix, columns[WORD_BYTES:], None if ids_ascend else row_ids)
    return order


def _tied(words: Words) -> tuple[Order, Order] | None:
    """The places of sorted words that are there several times, and a number for each word; None: all differ."""
    differs = np.ones(len(words) + 1, np.bool_)
    np.not_equal(words[1:], words[:-1], out=differs[1:-1])
    return _repeating(differs)


def _repeating(differs: Mask) -> tuple[Order, Order] | None:
    """Places in groups of more than one, and their groups; differs: where groups begin, and the end."""
    places = np.flatnonzero(~(differs[:-1] & differs[1:]))
    return (places, np.cumsum(differs[:-1], dtype=np.int64)[places]) if len(places) else None


def _order_ties(
    order: Order,
    tied: tuple[Order, Order],
    matrix: ByteMatrix,
    columns: npt.NDArray[np.int64],
    row_ids: RowIds | None,
) -> None:
    """Put rows that are equal up to some columns into the order of the rest, then of row ids; None: that of rows."""
    places, groups = tied
    rows = order[places]
    for start in range(0, len(columns), WORD_BYTES):
        words = words_of(matrix[rows], columns[start : start + WORD_BYTES])
        by_word = np.lexsort((words, groups))
        words, rows = words[by_word], rows[by_word]
        order[places] = rows
        differs = np.ones(len(rows) + 1, np.bool_)
        differs[1:-1] = (words[1:] != words[:-1]) | (groups[1:] != groups[:-1])
        left = _repeating(differs)
        if left is None:
            return
        chosen, groups = left
        places, rows = places[chosen], rows[chosen]
    order[places] = rows[np.lexsort((rows if row_ids is None else row_ids[rows], groups))]
