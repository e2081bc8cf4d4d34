"""Keys of one width as words to sort by, and keys out of sorted words. The original of native/key_words.

Rule 1: a word has the bytes of eight columns in which keys differ, the first one highest; so words order as keys do.
Rule 2: of what all keys have in common the first key tells.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

ByteMatrix = npt.NDArray[np.uint8]
Columns = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
WordRows = tuple[Words, npt.NDArray[np.int64] | None]

WORD_BYTES = 8


def differing_columns(matrix: ByteMatrix) -> Columns:
    """The columns in which not all keys are alike."""
    return np.flatnonzero((matrix != matrix[:1]).any(axis=0))


def words_of(matrix: ByteMatrix, columns: Sequence[int] | Columns) -> Words:
    """A word a key, of eight columns at most."""
    words = np.zeros(len(matrix), np.uint64)
    for column in columns:
        words = (words << np.uint64(8)) | matrix[:, column]
    return words


def keys_of(
    first: ByteMatrix, columns: Sequence[int] | Columns, words: Words, shift: int = 0
) -> ByteMatrix:
    """The keys with these words, which begin at a bit of what is given, and one key that shows the rest."""
    words = words >> np.uint64(shift)
    matrix = np.repeat(first.reshape(1, -1), len(words), axis=0)
    for place, column in enumerate(reversed(np.asarray(columns).tolist())):
        matrix[:, column] = (words >> np.uint64(8 * place)).astype(np.uint8)
    return matrix


def repeated_keys(matrix: ByteMatrix, order: npt.NDArray[np.int64] | None) -> Columns:
    """The places of the order where a key equals the one before."""
    placed = matrix if order is None else matrix[order]
    return np.flatnonzero((placed[1:] == placed[:-1]).all(axis=1)) + 1


def count_bins(words: Words, low: int, shift: int, counts: Columns) -> None:
    """Count words by their distance to the lowest one without so many bits of it."""
    bins = ((words - np.uint64(low)) >> np.uint64(shift)).astype(np.int64)
    counts += np.bincount(bins, minlength=len(counts))


def move_to_ranges(
    given: WordRows, bins: tuple[int, int], range_of_bin: Columns, places: Columns, moved: WordRows
) -> None:
    """Put words, and rows with them, to the next places of the ranges of their bins, which go on from there.

    bins: the lowest word, and how many bits of the distance to it do not matter.
    """
    (words, rows), (moved_words, moved_rows) = given, moved
    low, shift = bins
    numbers = range_of_bin[((words - np.uint64(low)) >> np.uint64(shift)).astype(np.int64)]
    order = np.argsort(numbers, kind="stable")
    counts = np.bincount(numbers, minlength=len(places))
    firsts = places - (np.cumsum(counts) - counts)
    targets = firsts[numbers[order]] + np.arange(len(order))
    moved_words[targets] = words[order]
    if rows is not None and moved_rows is not None:
        moved_rows[targets] = rows[order]
    places += counts
