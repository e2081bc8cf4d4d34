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
