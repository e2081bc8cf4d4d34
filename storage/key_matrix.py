"""The keys of many rows where all are of one length: a matrix with the bytes of a key a row.

Rule 1: the bytes are those of `encode_key`; NULLs and strings make keys of different lengths, and no matrix.
Rule 2: an order sorts by key, then by row id, as a tree does; None: the rows are in it already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.keys import ByteMatrix, encode_column
from storage.kinds import Kind

Order = npt.NDArray[np.int64]
RowIds = npt.NDArray[np.int64]

WORD_BYTES = 8


def encode_matrix(
    columns: Sequence[Any],
    nulls: Sequence[npt.NDArray[np.bool_] | None],
    kinds: Sequence[Kind],
    descending: Sequence[bool],
) -> ByteMatrix | None:
    """`encode_keys` as a matrix, None where the keys differ in length."""
    parts: list[ByteMatrix] = []
    for i, values in enumerate(columns):
        null = nulls[i]
        if not isinstance(values, np.ndarray) or (null is not None and null.any()):
            return None
        part = encode_column(values, None, kinds[i], descending[i], False)
        if not isinstance(part, np.ndarray):
            return None
        parts.append(part)
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


@dataclass(frozen=True, slots=True)
class SortedKeys:
    """Keys of one length with their row ids, and the order that sorts them by key, then by row id."""

    matrix: ByteMatrix
    row_ids: RowIds
    order: Order | None

    @classmethod
    def sort(cls, matrix: ByteMatrix, row_ids: RowIds) -> "SortedKeys":
        """Sort; what is in order already is left alone."""
        return cls(np.ascontiguousarray(matrix), row_ids, _order(matrix, row_ids))

    def __len__(self) -> int:
        return len(self.matrix)

    def pair(self, place: int) -> tuple[bytes, int]:
        """The key and row id at a place of the order."""
        row = place if self.order is None else int(self.order[place])
        return self.matrix[row].tobytes(), int(self.row_ids[row])

    def repeated(self) -> npt.NDArray[np.int64]:
        """The places where a key equals the one before."""
        if len(self) < 2:
            return np.empty(0, np.int64)
        equal = np.ones(len(self) - 1, np.bool_)
        for word in _words(self.matrix):
            placed = word if self.order is None else word[self.order]
            equal &= placed[1:] == placed[:-1]
        return np.flatnonzero(equal) + 1


def _order(matrix: ByteMatrix, row_ids: RowIds) -> Order | None:
    if len(matrix) < 2:
        return None
    words = _words(matrix)
    ids_ascend = bool((row_ids[1:] > row_ids[:-1]).all())
    if len(words) == 1:
        word = words[0]
        if ids_ascend and bool((word[1:] >= word[:-1]).all()):
            return None
        order = np.argsort(word)
        placed = word[order]
        if bool((placed[1:] > placed[:-1]).all()):
            return order
    keys = list(reversed(words))
    return np.lexsort(keys if ids_ascend else [row_ids, *keys])


def _words(matrix: ByteMatrix) -> list[npt.NDArray[np.uint64]]:
    """Unsigned words that order as the keys do, without the bytes that all keys have in common."""
    differing = np.flatnonzero((matrix != matrix[0]).any(axis=0))
    word_count = max(1, -(-len(differing) // WORD_BYTES))
    padded = np.zeros((len(matrix), word_count * WORD_BYTES), np.uint8)
    padded[:, : len(differing)] = matrix[:, differing]
    big = padded.view(np.dtype(np.uint64).newbyteorder(">"))
    return [big[:, i].astype(np.uint64) for i in range(word_count)]
