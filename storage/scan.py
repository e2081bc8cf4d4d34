"""ScanView: what a snapshot sees of one row group.

Rule 1: values are arrays over the store where possible and are never written. They hold as long as
        the snapshot, which the view keeps.
Rule 2: `selection` None means that all slots are seen; a scan of such a group copies nothing.
Rule 3: a column the group does not have reads as its missing value.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.commit_log import Snapshot
from storage.encodings import Coded
from storage.kinds import Kind
from storage.relation import HAS_MISSING, MISSING_NULL, ColumnHeader
from storage.rowgroup import INNER, NULLS_PER_WORD, SLOT_BITS, RowGroup
from storage.strings import StringViews

ColumnValues = npt.NDArray[Any] | StringViews
Valid = npt.NDArray[np.bool_] | None
Places = npt.NDArray[np.int64] | None


class ScanView:
    """The rows of one row group that a snapshot sees.

    `count` rows, in the order of `selection` (slots; None: all slots 0..count).
    """

    __slots__ = ("_columns", "_group", "_store", "count", "selection", "slot_count", "snapshot")

    def __init__(
        self,
        store: npt.NDArray[np.uint8],
        group: RowGroup,
        columns: Sequence[ColumnHeader],
        snapshot: Snapshot | None,
        slot_count: int,
        selection: npt.NDArray[np.int64] | None,
    ) -> None:
        self._store = store
        self._group = group
        self._columns = columns
        self.snapshot = snapshot
        self.slot_count = slot_count
        self.selection = selection
        self.count = slot_count if selection is None else len(selection)

    def __len__(self) -> int:
        return self.count

    @property
    def group_no(self) -> int:
        """Which row group this is."""
        return self._group.group_no

    @property
    def row_ids(self) -> npt.NDArray[np.int64]:
        """The row ids of the versions seen."""
        slots = np.arange(self.count) if self.selection is None else self.selection
        return slots + (self._group.group_no << SLOT_BITS)

    @property
    def all_are_roots(self) -> bool:
        """Whether every version seen is the first of its row, so that row ids are root ids."""
        following = self._picked(self._group.versions[: self.slot_count, 2])
        return not bool((following & np.uint64(INNER)).any())

    def stamps(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """The xmin and xmax stamps of the versions seen."""
        versions = self._group.versions[: self.slot_count]
        return self._picked(versions[:, 0]), self._picked(versions[:, 1])

    def column(self, column: int, places: Places = None) -> tuple[ColumnValues, Valid]:
        """Values and validity (None: no NULLs) of the rows seen, or of those at some places among them."""
        slots = self._slots(places)
        if column >= len(self._group.layout.kinds):
            count = self.slot_count if slots is None else len(slots)
            return missing_column(self._store, self._columns[column], count)
        values = self._group.take(column, self.slot_count, slots)
        valid = self._valid(column, slots)
        if self._group.layout.kinds[column] is Kind.BYTES:
            return StringViews(self._store, values), valid
        return values, valid

    def codes(self, column: int, places: Places = None) -> tuple[Coded, Valid] | None:
        """The same as the codes that the group has in place of values; None: it has none, and `column` is as good.

        Words of texts are views into the store.
        """
        if column >= len(self._group.layout.kinds):
            return None
        slots = self._slots(places)
        coded = self._group.coded(column, self.slot_count, slots)
        return None if coded is None else (coded, self._valid(column, slots))

    def words(self, column: int, words: npt.NDArray[Any]) -> ColumnValues:
        """What the words of codes are: values, or texts."""
        is_text = self._group.layout.kinds[column] is Kind.BYTES
        return StringViews(self._store, words) if is_text else words

    def _slots(self, places: Places) -> Places:
        """The slots of the rows at some places; None: all slots."""
        if places is None or self.selection is None:
            return self.selection if places is None else places
        return self.selection[places]

    def _valid(self, column: int, slots: Places) -> Valid:
        if not self._group.may_be_null(self._store, column):
            return None
        word, bit = divmod(column, NULLS_PER_WORD)
        words = self._group.null_words(self._store, word)[: self.slot_count]
        mask = np.uint64(1 << bit)
        valid: npt.NDArray[np.bool_] = ((words if slots is None else words[slots]) & mask) == 0
        return valid

    def _picked(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values if self.selection is None else values[self.selection]


def missing_column(
    store: npt.NDArray[np.uint8], column: ColumnHeader, count: int
) -> tuple[ColumnValues, Valid]:
    """What `count` rows older than the column have."""
    assert column.flags & HAS_MISSING
    raw = np.frombuffer(column.missing[: column.kind.width], column.kind.dtype)
    values = np.repeat(raw, count)
    valid = np.zeros(count, np.bool_) if column.flags & MISSING_NULL else None
    return StringViews(store, values) if column.kind is Kind.BYTES else values, valid
