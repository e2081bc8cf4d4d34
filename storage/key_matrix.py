"""The keys of many rows as arrays: a matrix with the bytes of a key a row.

Rule 1: the bytes are those of `encode_key`. Shorter keys are followed by zeros: as no key begins with another one, that
        changes neither their order nor which are equal.
Rule 2: an order sorts by key, then by row id, as a tree does; None: the rows are in it already.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from storage.decimal_keys import ScaledDecimals
from storage.key_order import Order, RowIds, row_order, sorted_rows
from storage.keys import NULL_FIRST, NULL_LAST, VALUE, ByteMatrix, encode_column
from storage.kinds import Kind
from storage.native import number_keys, repeated_keys
from storage.strings import StringViews
from storage.word_ranges import Look, never, slices_of

Lengths = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

EVEN_KEY_BYTES_MAX = 255
PARTS_MAX = 16
KEY_BYTES_MAX = 64
"""Keys up to this length are a matrix however many of its bytes are zeros behind shorter ones."""
FILLED_SHARE_MIN = 0.5
"""Of a wider matrix so much is to be keys; others are to be sorted as strings."""
CUT_KEYS = 1 << 17
"""For so many keys at a time it is found where leaves begin: more than go into one."""
MATRIX_BYTES_MAX = 1 << 29
"""So big is the matrix of all keys of an index at most, unless they are short."""


@dataclass(frozen=True, slots=True)
class DecimalTexts:
    """Decimals that are kept as text."""

    views: StringViews

    def encoded(self) -> tuple[ByteMatrix, Lengths] | None:
        """As ScaledDecimals.encoded."""
        return number_keys(*self.views.to_blob())


@dataclass(frozen=True, slots=True)
class PartList:
    """Parts one by one, as `encode_keys` takes them; NULLs stand for anything."""

    parts: Sequence[Any]

    def encoded(self, kind: Kind, null: Mask | None, descending: bool) -> "KeyMatrix | None":
        """Them as a matrix, whatever stands for NULLs."""
        if kind is Kind.BYTES and all(type(part) is bytes for part in self.parts):
            blob = np.frombuffer(b"".join(self.parts), np.uint8)
            if blob.all():
                return _matrix_of_strings(blob, _lengths_of(self.parts), descending)
        encoded = encode_column(self.parts, null, kind, descending, False)
        if not isinstance(encoded, list):
            return KeyMatrix(encoded)
        lengths = _lengths_of(encoded)
        longest = int(lengths.max(initial=0))
        if not _is_dense(longest, lengths):
            return None
        matrix = np.zeros((len(encoded), longest), np.uint8)
        there = np.arange(longest) < lengths[:, np.newaxis]
        matrix[there] = np.frombuffer(b"".join(encoded), np.uint8)
        return KeyMatrix(matrix, None if bool(there.all()) else lengths)


def _lengths_of(strings: Sequence[bytes]) -> Lengths:
    return np.fromiter(map(len, strings), np.int64, len(strings))


@dataclass(frozen=True, slots=True)
class KeyMatrix:
    """Keys, or parts of keys, one a row; lengths: how many bytes of each row, None for all."""

    matrix: ByteMatrix
    lengths: Lengths | None = None

    @classmethod
    def join(cls, matrices: Sequence["KeyMatrix"], look: Look = never) -> "KeyMatrix | None":
        """The rows of several, one after the other; None: that is mostly zeros, and too big. look may raise."""
        width = max(each.matrix.shape[1] for each in matrices)
        count = sum(map(len, matrices))
        if width > KEY_BYTES_MAX and width * count > MATRIX_BYTES_MAX:
            return None
        are_even = all(each.lengths is None and each.matrix.shape[1] == width for each in matrices)
        joined = np.empty((count, width), np.uint8)
        lengths = None if are_even else np.empty(count, np.int64)
        start = 0
        for each in matrices:
            stop, own_width = start + len(each), each.matrix.shape[1]
            joined[start:stop, :own_width] = each.matrix
            joined[start:stop, own_width:] = 0
            if lengths is not None:
                lengths[start:stop] = each.each_length()
            start = stop
            look()
        return cls(joined, lengths)

    def __len__(self) -> int:
        return len(self.matrix)

    def each_length(self) -> Lengths:
        """The length of every row."""
        if self.lengths is not None:
            return self.lengths
        return np.full(len(self.matrix), self.matrix.shape[1], np.int64)

    @property
    def is_dense(self) -> bool:
        """Whether it is small, or not mostly zeros."""
        return self.lengths is None or _is_dense(self.matrix.shape[1], self.lengths)

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
        part = _encode_column(values, kinds[i], nulls[i], descending[i], nulls_first[i])
        if part is not None:
            made = part if made is None else made.followed_by(part)
        if part is None or made is None or not made.is_dense:
            return None
    return made


def _encode_column(
    values: Any, kind: Kind, null: Mask | None, descending: bool, nulls_first: bool
) -> KeyMatrix | None:
    """The parts of one column."""
    part: KeyMatrix | None = None
    if isinstance(values, StringViews):
        part = _encode_strings(values, descending)
    elif isinstance(values, ScaledDecimals | DecimalTexts):
        part = _encode_decimals(values, descending)
    elif isinstance(values, PartList):
        part = values.encoded(kind, null, descending)
    elif isinstance(values, np.ndarray):
        part = _encode_fixed(values, kind, descending)
    if part is None or null is None or not null.any():
        return part
    return _with_nulls(part, null, NULL_FIRST if nulls_first else NULL_LAST)


def _is_dense(width: int, lengths: Lengths) -> bool:
    """Whether keys of these lengths are worth a matrix of the width."""
    return width <= KEY_BYTES_MAX or int(lengths.sum()) >= FILLED_SHARE_MIN * width * len(lengths)


def _encode_fixed(values: npt.NDArray[Any], kind: Kind, descending: bool) -> KeyMatrix | None:
    part = encode_column(values, None, kind, descending, False)
    return KeyMatrix(part) if isinstance(part, np.ndarray) else None


def _encode_strings(values: StringViews, descending: bool) -> KeyMatrix | None:
    """Parts of a marker, the string and two zeros; None where one is long, or has zeros itself."""
    lengths = values.lengths().astype(np.int64)
    if not _is_dense(int(lengths.max(initial=0)), lengths):
        return None
    blob, _ = values.to_blob()
    return _matrix_of_strings(blob, lengths, descending) if blob.all() else None


def _matrix_of_strings(blob: ByteMatrix, lengths: Lengths, descending: bool) -> KeyMatrix | None:
    """Parts of strings without zeros that stand end to end; None where one is long."""
    longest = int(lengths.max(initial=0))
    if not _is_dense(longest, lengths):
        return None
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


def joined_ids(parts: Sequence[RowIds], look: Look) -> RowIds:
    """Row ids one part after the other; look may raise."""
    joined = np.empty(sum(map(len, parts)), np.int64)
    start = 0
    for each in parts:
        joined[start : start + len(each)] = each
        start += len(each)
        look()
    return joined


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
        matrix, row_ids, order = sorted_rows(self.matrix, row_ids)
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
    def sort(cls, keys: KeyMatrix, row_ids: RowIds, look: Look = never) -> "SortedKeys":
        """Sort; what is in order already is left alone. look is called again and again, and may raise."""
        matrix = np.ascontiguousarray(keys.matrix)
        if keys.lengths is not None:
            return cls(matrix, keys.lengths, row_ids, row_order(matrix, row_ids, look))
        matrix, row_ids, order = sorted_rows(matrix, row_ids, look)
        return cls(matrix, None, row_ids, order)

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def are_even(self) -> bool:
        """Whether leaves of them are even: short keys of one length."""
        return self.lengths is None and 0 < self.matrix.shape[1] <= EVEN_KEY_BYTES_MAX

    def parts(self) -> "Iterator[SortedKeys]":
        """The same cut where keys of another length begin, if that is seldom, as beside NULLs: each part is even."""
        cuts = self._length_cuts()
        if len(cuts) < 2 or len(cuts) > PARTS_MAX:
            yield self
            return
        order = np.arange(len(self)) if self.order is None else self.order
        for start, stop in pairwise(cuts):
            rows = order[start:stop]
            width = int(self.each_length_at(slice(start, start + 1))[0])
            matrix = np.ascontiguousarray(self.matrix[rows, :width])
            yield SortedKeys(matrix, None, self.row_ids[rows], None)

    def some(self, start: int, stop: int) -> "SortedKeys":
        """Keys of one length at places of the order."""
        rows = slice(start, stop) if self.order is None else self.order[start:stop]
        return SortedKeys(self.matrix[rows], None, self.row_ids[rows], None)

    def _length_cuts(self) -> list[int]:
        """Where keys of another length begin, and the end; empty if all are alike."""
        if self.lengths is None or not len(self):
            return []
        cuts, before = [0], int(self.each_length_at(slice(0, 1))[0])
        for some in slices_of(len(self)):
            lengths = self.each_length_at(some)
            changes = np.flatnonzero(np.append(before, lengths[:-1]) != lengths)
            cuts += (changes[:PARTS_MAX] + some.start).tolist()
            if len(cuts) > PARTS_MAX:
                break
            before = int(lengths[-1])
        return [*cuts, len(self)]

    def each_length_at(self, places: slice) -> Lengths:
        """The lengths of keys at places of the order."""
        if self.lengths is None:
            return np.full(places.stop - places.start, self.matrix.shape[1], np.int64)
        return self.lengths[places if self.order is None else self.order[places]]

    @property
    def longest(self) -> int:
        """The length of the longest key."""
        return self.matrix.shape[1] if self.lengths is None else int(self.lengths.max(initial=0))

    def row_ids_at(self, places: npt.NDArray[np.int64]) -> RowIds:
        """The row ids at places of the order."""
        return self.row_ids[places if self.order is None else self.order[places]]

    def pair(self, place: int) -> tuple[bytes, int]:
        """The key and row id at a place of the order."""
        row = place if self.order is None else int(self.order[place])
        length = None if self.lengths is None else int(self.lengths[row])
        return self.matrix[row, :length].tobytes(), int(self.row_ids[row])

    def leaf_cuts(self, room: int, overhead: int, look: Look = never) -> npt.NDArray[np.int64]:
        """Where leaves begin that have so much room each, and the end; overhead: what a key takes besides its bytes."""
        count, width = self.matrix.shape
        if self.lengths is None:
            return np.append(np.arange(0, count, room // (overhead + width)), count)
        keys_max = room // overhead + 1
        cuts, start, ends = [0], 0, np.zeros(0, np.int64)  # ends: of keys from start on
        while cuts[-1] < count:
            first = cuts[-1] - start
            if first + keys_max > len(ends) and start + len(ends) < count:
                look()
                start, first = cuts[-1], 0
                some = slice(start, min(count, start + CUT_KEYS + keys_max))
                ends = np.cumsum(self.each_length_at(some) + overhead)
            filled = int(ends[first - 1]) if first else 0
            cuts.append(start + int(ends.searchsorted(filled + room, "right")))
        return np.array(cuts, np.int64)

    def repeated(self, look: Look = never) -> npt.NDArray[np.int64]:
        """The places where a key equals the one before."""
        found = [np.zeros(0, np.int64)]
        for some in slices_of(len(self)):
            look()
            first = max(0, some.start - 1)  # slices share a key
            if self.order is None:
                found.append(repeated_keys(self.matrix[first : some.stop], None) + first)
            else:
                keys = self.matrix[self.order[first : some.stop]]
                found.append(repeated_keys(keys, None) + first)
        return np.concatenate(found)
