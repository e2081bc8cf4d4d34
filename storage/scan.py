"""ScanView: what a snapshot sees of one row group, or of rows picked by id.

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
from storage.kinds import Kind
from storage.relation import HAS_MISSING, MISSING_NULL, ColumnHeader
from storage.rowgroup import INNER, NULLS_PER_WORD, SLOT_BITS, RowGroup
from storage.strings import StringViews

ColumnValues = npt.NDArray[Any] | StringViews
Valid = npt.NDArray[np.bool_] | None


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
        snapshot: Snapshot,
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

    def column(self, column: int) -> tuple[ColumnValues, Valid]:
        """Values and validity (None: no NULLs) of the rows seen."""
        if column >= len(self._group.layout.kinds):
            return missing_column(self._store, self._columns[column], self.count)
        values = self._group.take(column, self.slot_count, self.selection)
        valid = self._valid(column)
        if self._group.layout.kinds[column] is Kind.BYTES:
            return StringViews(self._store, values), valid
        return values, valid

    def raw_column(self, column: int) -> tuple[ColumnValues, Valid] | None:
        """Values and validity of all slots, seen or not, for kernels that take a selection.

        None when the group does not have the column.
        """
        if column >= len(self._group.layout.kinds):
            return None
        whole = ScanView(
            self._store, self._group, self._columns, self.snapshot, self.slot_count, None
        )
        return whole.column(column)

    def _valid(self, column: int) -> Valid:
        word, bit = divmod(column, NULLS_PER_WORD)
        words = self._group.null_words(self._store, word)[: self.slot_count]
        mask = np.uint64(1 << bit)
        if not self._group.may_be_null(self._store, column):
            return None
        valid: npt.NDArray[np.bool_] = (self._picked(words) & mask) == 0
        return valid

    def _picked(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values if self.selection is None else values[self.selection]


class RowsView:
    """Rows picked by id, in the order asked for; has the reading half of ScanView.

    `positions` says which of the ids asked for were seen.
    """

    __slots__ = ("_columns", "_parts", "_store", "count", "positions", "row_ids", "selection",
                 "snapshot")  # fmt: skip

    def __init__(
        self,
        store: npt.NDArray[np.uint8],
        groups: dict[int, RowGroup],
        columns: Sequence[ColumnHeader],
        snapshot: Snapshot,
        row_ids: npt.NDArray[np.int64],
        positions: npt.NDArray[np.int64],
    ) -> None:
        self._store = store
        self._columns = columns
        self.snapshot = snapshot
        self.row_ids = row_ids
        self.positions = positions
        self.count = len(row_ids)
        self.selection: npt.NDArray[np.int64] | None = None
        self._parts = _by_group(groups, row_ids, columns, store, snapshot)

    def __len__(self) -> int:
        return self.count

    def stamps(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """The xmin and xmax stamps of the versions."""
        xmin, xmax = np.zeros(self.count, np.uint64), np.zeros(self.count, np.uint64)
        for places, view in self._parts:
            xmin[places], xmax[places] = view.stamps()
        return xmin, xmax

    def column(self, column: int) -> tuple[ColumnValues, Valid]:
        """Values and validity (None: no NULLs) of the rows."""
        if len(self._parts) == 1 and len(self._parts[0][0]) == self.count:
            return self._parts[0][1].column(column)
        kind = self._columns[column].kind
        values = np.zeros(self.count, kind.dtype)
        valid = np.ones(self.count, np.bool_)
        for places, view in self._parts:
            found, found_valid = view.column(column)
            values[places] = found.views if isinstance(found, StringViews) else found
            if found_valid is not None:
                valid[places] = found_valid
        result = StringViews(self._store, values) if kind is Kind.BYTES else values
        return result, None if valid.all() else valid


def _by_group(
    groups: dict[int, RowGroup],
    row_ids: npt.NDArray[np.int64],
    columns: Sequence[ColumnHeader],
    store: npt.NDArray[np.uint8],
    snapshot: Snapshot,
) -> list[tuple[npt.NDArray[np.int64], ScanView]]:
    """For every group: the places of its rows in the result, and a view of just those rows."""
    group_nos = row_ids >> SLOT_BITS
    slots = row_ids & ((1 << SLOT_BITS) - 1)
    parts = []
    for group_no, group in groups.items():
        places = np.flatnonzero(group_nos == group_no)
        view = ScanView(store, group, columns, snapshot, group.used, slots[places])
        parts.append((places, view))
    return parts


def missing_column(
    store: npt.NDArray[np.uint8], column: ColumnHeader, count: int
) -> tuple[ColumnValues, Valid]:
    """What `count` rows older than the column have."""
    assert column.flags & HAS_MISSING
    raw = np.frombuffer(column.missing[: column.kind.width], column.kind.dtype)
    values = np.repeat(raw, count)
    valid = np.zeros(count, np.bool_) if column.flags & MISSING_NULL else None
    return StringViews(store, values) if column.kind is Kind.BYTES else values, valid
