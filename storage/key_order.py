"""The order of keys in a matrix: by their bytes, then by row id.

Rule 1: words of the columns in which keys differ are sorted, eight columns at a time; the words of later columns are
        looked at only where those before are equal.
Rule 2: many words are put into ranges first, which are sorted one by one, with a look before each: who looks may raise.
"""

import numpy as np
import numpy.typing as npt

from storage.native import differing_columns, keys_of, words_of
from storage.word_ranges import RANGE_ROWS, Look, Words, never, put_into_ranges, slices_of

ByteMatrix = npt.NDArray[np.uint8]
Order = npt.NDArray[np.int64]
RowIds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Columns = npt.NDArray[np.int64]

WORD_BYTES = 8
HALF_BITS = 32
LOW_HALF = np.uint64((1 << HALF_BITS) - 1)
PLACES_MAX = 1 << HALF_BITS


def sorted_rows(
    matrix: ByteMatrix, row_ids: RowIds, look: Look = never
) -> tuple[ByteMatrix, RowIds, Order | None]:
    """Keys and row ids of which at least the order is sorted."""
    columns = _differing(matrix, look)
    if len(columns) > WORD_BYTES or not ascend(row_ids):
        return matrix, row_ids, row_order(matrix, row_ids, look)
    words = _words(matrix, None, columns, look)
    if _are_sorted(words, look):
        return matrix, row_ids, None
    if len(matrix) > PLACES_MAX:
        return matrix, row_ids, row_order(matrix, row_ids, look)
    if len(columns) <= WORD_BYTES // 2:
        _sort_with_places(words, look)
        matrix = _keys(matrix[0], columns, words, HALF_BITS, look)
        words &= LOW_HALF
        return matrix, _taken(row_ids, words.view(np.int64)), None
    order = _places(len(words), look)
    for start, stop in put_into_ranges(words, order, look):
        look()
        _sort_range(words[start:stop], order[start:stop])
    return _keys(matrix[0], columns, words, 0, look), _taken(row_ids, order), None


def _differing(matrix: ByteMatrix, look: Look) -> Columns:
    """The columns in which not all keys are alike."""
    found = np.zeros(0, np.int64)
    for some in slices_of(len(matrix) if len(matrix) > 1 else 0):
        first = max(0, some.start - 1)  # slices share a key, so that each tells of the next
        found = np.union1d(found, differing_columns(matrix[first : some.stop]))
        look()
    return found


def _words(matrix: ByteMatrix, rows: Order | None, columns: Columns, look: Look) -> Words:
    """A word of these columns for each of the rows; None: all there are."""
    count = len(matrix) if rows is None else len(rows)
    words = np.empty(count, np.uint64)
    for some in slices_of(count):
        keys = matrix[some] if rows is None else matrix[rows[some]]
        words[some] = words_of(keys, columns)
        look()
    return words


def _keys(first: ByteMatrix, columns: Columns, words: Words, shift: int, look: Look) -> ByteMatrix:
    """The keys with these words, which begin at a bit of what is given."""
    matrix = np.empty((len(words), len(first)), np.uint8)
    for some in slices_of(len(words)):
        matrix[some] = keys_of(first, columns, words[some], shift)
        look()
    return matrix


def _places(count: int, look: Look) -> Order:
    places = np.empty(count, np.int64)
    for some in slices_of(count):
        places[some] = np.arange(some.start, some.stop)
        look()
    return places


def _are_sorted(words: Words, look: Look = never) -> bool:
    for some in slices_of(len(words)):
        look()
        own = words[max(0, some.start - 1) : some.stop]
        if not bool((own[1:] >= own[:-1]).all()):
            return False
    return True


def _sort_with_places(words: Words, look: Look) -> None:
    """Sort words of four bytes, with their places below them; in their own memory, as fresh memory is dear."""
    words <<= np.uint64(HALF_BITS)
    for some in slices_of(len(words)):
        words[some] |= np.arange(some.start, some.stop, dtype=np.uint64)
    for start, stop in put_into_ranges(words, None, look):
        look()
        words[start:stop].sort()


def _sort_range(words: Words, rows: Order) -> None:
    """Sort words with their rows, those of equal ones as they came."""
    if _are_sorted(words):
        return
    by_word = np.argsort(words)
    words[:] = words[by_word]
    rows[:] = rows[_by_place(words, by_word)]


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


def row_order(matrix: ByteMatrix, row_ids: RowIds, look: Look = never) -> Order | None:
    """What sorts the rows; None: they are in order."""
    if len(matrix) < 2:
        return None
    columns = _differing(matrix, look)
    words = _words(matrix, None, columns[:WORD_BYTES], look)
    ids_ascend = ascend(row_ids)
    if ids_ascend and len(columns) <= WORD_BYTES and _are_sorted(words, look):
        return None
    order = _places(len(matrix), look)
    _sort_rows(order, words, matrix, columns[WORD_BYTES:], None if ids_ascend else row_ids, look)
    return order


def _sort_rows(
    rows: Order,
    words: Words,
    matrix: ByteMatrix,
    columns: Columns,
    row_ids: RowIds | None,
    look: Look,
) -> None:
    """Put ascending rows into the order of their words, then of columns, then of row ids; None: of rows."""
    for start, stop in put_into_ranges(words, rows, look):
        look()
        some = rows[start:stop]
        if stop - start <= RANGE_ROWS:
            _sort_few(some, words[start:stop], matrix, columns, row_ids)
        elif len(columns):  # all have the same word
            later = _words(matrix, some, columns[:WORD_BYTES], look)
            _sort_rows(some, later, matrix, columns[WORD_BYTES:], row_ids, look)
        elif row_ids is not None:
            _sort_rows(some, row_ids[some].view(np.uint64), matrix, columns, None, look)


def _sort_few(
    rows: Order, words: Words, matrix: ByteMatrix, columns: Columns, row_ids: RowIds | None
) -> None:
    by_word = np.argsort(words)
    rows[:] = rows[by_word]
    tied = _tied(words[by_word])
    if tied is not None:
        _order_ties(rows, tied, matrix, columns, row_ids)


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
    columns: Columns,
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
