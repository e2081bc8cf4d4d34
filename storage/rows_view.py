"""RowsView: rows picked by id, of any row groups, in the order asked for.

Rule 1: the rules of ScanView hold, whose reading half this has.
Rule 2: a column that all groups have is read in one pass; one that is younger than some of them, group by group.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from storage.commit_log import Snapshot
from storage.fast_paths import gathered
from storage.kinds import Kind
from storage.relation import ColumnHeader
from storage.rowgroup import NULLS_PER_WORD, SLOT_BITS, SLOT_MASK, RowGroup
from storage.scan import ColumnValues, Places, ScanView, Valid
from storage.strings import StringViews

Stamps = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]


class RowsView:
    """Rows picked by id; `positions` says which of the ids asked for were seen."""

    __slots__ = ("_are_sealed", "_columns", "_group_at", "_groups", "_slots", "_store", "count", "positions", "row_ids",
                 "selection", "snapshot")  # fmt: skip

    def __init__(
        self,
        store: npt.NDArray[np.uint8],
        group_of: Callable[[int], RowGroup],
        columns: Sequence[ColumnHeader],
        snapshot: Snapshot | None,
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
        numbers, self._group_at = _numbered(row_ids >> SLOT_BITS)
        self._groups = [group_of(number) for number in numbers]
        self._slots = row_ids & SLOT_MASK
        self._are_sealed = np.array([group.is_sealed for group in self._groups], np.bool_)

    def __len__(self) -> int:
        return self.count

    def stamps(self) -> Stamps:
        """The xmin and xmax stamps of the versions."""
        xmin, xmax = np.zeros(self.count, np.uint64), np.zeros(self.count, np.uint64)
        for place, group in enumerate(self._groups):
            rows = np.flatnonzero(self._group_at == place)
            xmin[rows], xmax[rows] = self._view(group, self._slots[rows]).stamps()
        return xmin, xmax

    def column(self, column: int, places: Places = None) -> tuple[ColumnValues, Valid]:
        """Values and validity (None: no NULLs) of the rows, or of those at some places among them."""
        groups = self._groups
        slots = self._slots if places is None else self._slots[places]
        if len(groups) == 1:
            return self._view(groups[0], slots).column(column)
        group_at = self._group_at if places is None else self._group_at[places]
        if any(column >= len(group.layout.kinds) for group in groups):
            return self._by_group(column, group_at, slots)
        kind = self._columns[column].kind
        values = gathered(
            self._store,
            np.array([group.address + group.layout.columns[column] for group in groups], np.uint64),
            self._are_sealed,
            group_at,
            slots,
            kind,
        )
        valid = self._valid(column, group_at, slots)
        return StringViews(self._store, values) if kind is Kind.BYTES else values, valid

    def codes(self, column: int, places: Places = None) -> None:
        """Rows of several groups have no codes in common."""
        del column, places

    def _valid(
        self, column: int, group_at: npt.NDArray[np.int64], slots: npt.NDArray[np.int64]
    ) -> Valid:
        word, bit = divmod(column, NULLS_PER_WORD)
        valid = None
        for place, group in enumerate(self._groups):
            if group.may_be_null(self._store, column):
                valid = np.ones(len(slots), np.bool_) if valid is None else valid
                rows = np.flatnonzero(group_at == place)
                words = group.null_words(self._store, word)[slots[rows]]
                valid[rows] = words & np.uint64(1 << bit) == 0
        return None if valid is None or valid.all() else valid

    def _by_group(
        self, column: int, group_at: npt.NDArray[np.int64], slots: npt.NDArray[np.int64]
    ) -> tuple[ColumnValues, Valid]:
        kind = self._columns[column].kind
        values = np.zeros(len(slots), kind.dtype)
        valid = np.ones(len(slots), np.bool_)
        for place, group in enumerate(self._groups):
            rows = np.flatnonzero(group_at == place)
            found, found_valid = self._view(group, slots[rows]).column(column)
            values[rows] = found.views if isinstance(found, StringViews) else found
            if found_valid is not None:
                valid[rows] = found_valid
        result = StringViews(self._store, values) if kind is Kind.BYTES else values
        return result, None if valid.all() else valid

    def _view(self, group: RowGroup, slots: npt.NDArray[np.int64]) -> ScanView:
        return ScanView(self._store, group, self._columns, self.snapshot, group.used, slots)


def _numbered(group_nos: npt.NDArray[np.int64]) -> tuple[list[int], npt.NDArray[np.int64]]:
    """The different group numbers in order, and the place of each among them."""
    there = np.zeros(int(group_nos.max(initial=0)) + 1, np.bool_)
    there[group_nos] = True
    place_of = np.cumsum(there) - 1
    return np.flatnonzero(there).tolist(), place_of[group_nos]
