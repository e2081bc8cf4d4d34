"""The keys of many rows as arrays: a matrix with the bytes of a key a row.

Rule 1: the bytes are those of `encode_key`. Shorter keys are followed by zeros: as no key begins with another one, that
        changes neither their order nor which are equal.
Rule 2: an order sorts by key, then by row id, as a tree does; None: the rows are in it already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from storage.decimal_keys import ScaledDecimals
from storage.keys import NULL_FIRST, NULL_LAST, VALUE, ByteMatrix, encode_column
from storage.kinds import Kind
from storage.native import differing_columns, keys_of, number_keys, repeated_keys, words_of
from storage.strings import StringViews

Order = npt.NDArray[np.int64]
RowIds = npt.NDArray[np.int64]
Lengths = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

WORD_BYTES = 8
HALF_BITS = 32
LOW_HALF = np.uint64((1 << HALF_BITS) - 1)
PLACES_MAX = 1 << HALF_BITS
ROWS_AT_ONCE = 1 << 16
EVEN_KEY_BYTES_MAX = 255
PARTS_MAX = 16
KEY_BYTES_MAX = 64
"""Longer keys would be mostly zeros, and are to be sorted as strings."""


@dataclass(frozen=True, slots=True)
class DecimalTexts:
    """Decimals that are kept as text."""

    views: StringViews

    def encoded(self) -> tuple[ByteMatrix, Lengths] | None:
        """As ScaledDecimals.encoded."""
        return number_keys(*self.views.to_blob())


@dataclass(frozen=True, slots=True)
class KeyMatrix:
    """Keys, or parts of keys, one a row; lengths: how many bytes of each row, None for all."""

    matrix: ByteMatrix
    lengths: Lengths | None = None

    @classmethod
    def join(cls, matrices: Sequence["KeyMatrix"]) -> "KeyMatrix":
        """The rows of several, one after the other."""
        width = max(each.matrix.shape[1] for each in matrices)
        if all(each.lengths is None and each.matrix.shape[1] == width for each in matrices):
            return cls(np.concatenate([each.matrix for each in matrices]))
        padded = [
            np.pad(each.matrix, ((0, 0), (0, width - each.matrix.shape[1]))) for each in matrices
        ]
        return cls(
            np.concatenate(padded), np.concatenate([each.each_length() for each in matrices])
        )

    def each_length(self) -> Lengths:
        """The length of every row."""
        if self.lengths is not None:
            return self.lengths
        return np.full(len(self.matrix), self.matrix.shape[1], np.int64)

    def followed_by(self, other: "KeyMatrix") -> "KeyMatrix":
        """Every row with the same row of the other one behind it."""
        if self.lengths is None:
            matrix = np.concatenate([self.matrix, other.matrix], axis=1)
            if other.lengths is None:
                return KeyMatrix(matrix)
            return KeyMatrix(matrix, other.lengths + self.matrix.shape[1])
        width = other.matrix.shape[1]
        matrix = np.pad(self.matrix, ((0, 0), (0, width)))
        places = self.lengths[:, np.newaxis] + np.arange(width)
        np.put_along_axis(matrix, places, other.matrix, axis=1)
        return KeyMatrix(matrix, self.lengths + other.each_length())


def encode_matrix(
    columns: Sequence[Any],
    nulls: Sequence[Mask | None],
    kinds: Sequence[Kind],
    descending: Sequence[bool],
    nulls_first: Sequence[bool],
) -> KeyMatrix | None:
    """`encode_keys` of stored columns as a matrix, None where keys are too long for one."""
    made: KeyMatrix | None = None
    for i, values in enumerate(columns):
        if isinstance(values, StringViews):
            part = _encode_strings(values, descending[i])
        elif isinstance(values, ScaledDecimals | DecimalTexts):
            part = _encode_decimals(values, descending[i])
        elif isinstance(values, np.ndarray):
            part = _encode_fixed(values, kinds[i], descending[i])
        else:
            return None
        null = nulls[i]
        if part is not None and null is not None and null.any():
            part = _with_nulls(part, null, NULL_FIRST if nulls_first[i] else NULL_LAST)
        if part is not None:
            made = part if made is None else made.followed_by(part)
        if part is None or made is None or made.matrix.shape[1] > KEY_BYTES_MAX:
            return None
    return made


def _encode_fixed(values: npt.NDArray[Any], kind: Kind, descending: bool) -> KeyMatrix | None:
    part = encode_column(values, None, kind, descending, False)
    return KeyMatrix(part) if isinstance(part, np.ndarray) else None


def _encode_strings(values: StringViews, descending: bool) -> KeyMatrix | None:
    """Parts of a marker, the string and two zeros; None where one is long, or has zeros itself."""
    if int(values.lengths().max(initial=0)) > KEY_BYTES_MAX:
        return None
    blob, offsets = values.to_blob()
    if not blob.all():
        return None
    lengths = np.diff(offsets)
    longest = int(lengths.max(initial=0))
    matrix = np.zeros((len(lengths), longest + 3), np.uint8)
    matrix[:, 0] = VALUE[0]
    places = np.arange(longest + 2)
    matrix[:, 1:-2][places[:-2] < lengths[:, np.newaxis]] = blob
    if descending:
        matrix[:, 1:][places < lengths[:, np.newaxis] + 2] ^= 0xFF
    return KeyMatrix(matrix, lengths + 3)


def _encode_decimals(values: ScaledDecimals | DecimalTexts, descending: bool) -> KeyMatrix | None:
    encoded = values.encoded()
    if encoded is None:
        return None
    digits, lengths = encoded
    matrix = np.concatenate([np.full((len(digits), 1), VALUE[0], np.uint8), digits], axis=1)
    if descending:
        places = np.arange(digits.shape[1])
        matrix[:, 1:][places < lengths[:, np.newaxis]] ^= 0xFF
    return KeyMatrix(matrix, lengths + 1)


def _with_nulls(part: KeyMatrix, null: Mask, marker: bytes) -> KeyMatrix:
    """The parts, those of NULLs replaced by the marker."""
    matrix, lengths = part.matrix.copy(), part.each_length().copy()
    matrix[null] = 0
    matrix[null, 0] = marker[0]
    lengths[null] = 1
    return KeyMatrix(matrix, lengths)


class KeyRows(Sequence[bytes]):
    """Keys of one length in the order of some rows, without an object each: what kernels read is the matrix."""

    __slots__ = ("matrix",)

    def __init__(self, matrix: ByteMatrix) -> None:
        self.matrix = np.ascontiguousarray(matrix)

    @overload
    def __getitem__(self, place: int) -> bytes: ...

    @overload
    def __getitem__(self, place: slice) -> "KeyRows": ...

    def __getitem__(self, place: int | slice) -> "bytes | KeyRows":
        """A key, or some of them."""
        if isinstance(place, slice):
            return KeyRows(self.matrix[place])
        key: bytes = self.matrix[place].tobytes()
        return key

    def __len__(self) -> int:
        return len(self.matrix)

    def in_order(self, row_ids: RowIds) -> "tuple[KeyRows, RowIds]":
        """Keys and row ids sorted by key, then by row id."""
        matrix, row_ids, order = _sorted(self.matrix, row_ids)
        return (
            (KeyRows(matrix), row_ids)
            if order is None
            else (KeyRows(matrix[order]), row_ids[order])
        )


@dataclass(frozen=True, slots=True)
class SortedKeys:
    """Keys with their row ids, and the order that sorts them by key, then by row id."""

    matrix: ByteMatrix
    lengths: Lengths | None  # None: all keys are as long as the matrix is wide
    row_ids: RowIds
    order: Order | None

    @classmethod
    def sort(cls, keys: KeyMatrix, row_ids: RowIds) -> "SortedKeys":
        """Sort; what is in order already is left alone."""
        matrix = np.ascontiguousarray(keys.matrix)
        if keys.lengths is not None:
            return cls(matrix, keys.lengths, row_ids, _order(matrix, row_ids))
        matrix, row_ids, order = _sorted(matrix, row_ids)
        return cls(matrix, None, row_ids, order)

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def are_even(self) -> bool:
        """Whether leaves of them are even: short keys of one length."""
        return self.lengths is None and 0 < self.matrix.shape[1] <= EVEN_KEY_BYTES_MAX

    def parts(self) -> "list[SortedKeys]":
        """The same cut where keys of another length begin, if that is seldom, as beside NULLs: each part is even."""
        if self.lengths is None or not len(self):
            return [self]
        order = np.arange(len(self)) if self.order is None else self.order
        lengths = self.lengths[order]
        cuts = [0, *(np.flatnonzero(lengths[1:] != lengths[:-1]) + 1).tolist(), len(self)]
        if len(cuts) > PARTS_MAX:
            return [self]
        return [
            SortedKeys(
                np.ascontiguousarray(self.matrix[order[start:stop], : int(lengths[start])]),
                None,
                self.row_ids[order[start:stop]],
                None,
            )
            for start, stop in pairwise(cuts)
        ]

    def pair(self, place: int) -> tuple[bytes, int]:
        """The key and row id at a place of the order."""
        row = place if self.order is None else int(self.order[place])
        length = None if self.lengths is None else int(self.lengths[row])
        return self.matrix[row, :length].tobytes(), int(self.row_ids[row])

    def leaf_cuts(self, room: int, overhead: int) -> npt.NDArray[np.int64]:
        """Where leaves begin that have so much room each, and the end; overhead: what a key takes besides its bytes."""
        count, width = self.matrix.shape
        if self.lengths is None:
            return np.append(np.arange(0, count, room // (overhead + width)), count)
        placed = self.lengths if self.order is None else self.lengths[self.order]
        ends = np.cumsum(placed + overhead)
        cuts, filled = [0], 0
        while cuts[-1] < count:
            cuts.append(int(np.searchsorted(ends, filled + room, "right")))
            filled = int(ends[cuts[-1] - 1])
        return np.array(cuts, np.int64)

    def repeated(self) -> npt.NDArray[np.int64]:
        """The places where a key equals the one before."""
        return repeated_keys(self.matrix, self.order)


def _sorted(matrix: ByteMatrix, row_ids: RowIds) -> tuple[ByteMatrix, RowIds, Order | None]:
    """Keys and row ids of which at least the order is sorted."""
    columns = differing_columns(matrix) if len(matrix) > 1 else np.zeros(0, np.int64)
    if len(columns) > WORD_BYTES or not _ascend(row_ids):
        return matrix, row_ids, _order(matrix, row_ids)
    words = words_of(matrix, columns)
    if bool((words[1:] >= words[:-1]).all()):
        return matrix, row_ids, None
    if len(matrix) > PLACES_MAX:
        return matrix, row_ids, _order(matrix, row_ids)
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


def _ascend(row_ids: RowIds) -> bool:
    return bool((row_ids[1:] > row_ids[:-1]).all())


def _order(matrix: ByteMatrix, row_ids: RowIds) -> Order | None:
    """What sorts the rows; None: they are in order."""
    if len(matrix) < 2:
        return None
    columns = differing_columns(matrix)
    starts = range(0, max(1, len(columns)), WORD_BYTES)
    words = [words_of(matrix, columns[start : start + WORD_BYTES]) for start in starts]
    ids_ascend = _ascend(row_ids)
    if len(words) == 1 and ids_ascend and bool((words[0][1:] >= words[0][:-1]).all()):
        return None
    order = np.argsort(words[0])
    placed = words[0][order]
    if bool((placed[1:] > placed[:-1]).all()):
        return order
    keys = list(reversed(words))
    return np.lexsort(keys if ids_ascend else [row_ids, *keys])
