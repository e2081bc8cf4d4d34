"""Table: the row versions of one relation.

Rule 1: a change of a row writes a new version and marks the old one; nothing committed is
        overwritten.
Rule 2: every change leaves an undo step with the transaction before anybody else can look.
Rule 3: a new version takes a free slot of the old one's group, else any free slot, else the table's
        end.
Rule 4: who is told BLOCKED waits for that xid and starts again from the row id its snapshot saw:
        ids learned from UPDATED are good only until the next wait, pruning may take them.
Rule 5: all methods are called under the engine's latch, but views may be read by any thread.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from storage.chains import (
    Version,
    moved_to,
    read_version,
)
from storage.columns import add_column, missing_runs
from storage.commit_log import COMMAND_BITS, CommitLog, Snapshot
from storage.conflicts import Conflicts
from storage.fast_paths import RowPaths
from storage.kinds import Kind
from storage.lock_modes import RowLock
from storage.locks import Locks
from storage.native import Change
from storage.outcomes import Counts, Live, Outcome, Status
from storage.pages import Pager
from storage.relation import ColumnHeader, RelationHeader
from storage.row_batches import (
    Columns,
    MovedKeys,
    NewColumn,
    NewVersions,
    Nulls,
    RowChange,
    as_rows,
    end_versions,
    store_versions,
    update_versions,
    with_unused,
    with_unused_values,
)
from storage.row_changes import end_version, replace_version, store_version
from storage.row_groups import TAIL_ROWS_MIN, RowGroups
from storage.row_paths import NOT_FOUND
from storage.row_undo import Undo, take_back
from storage.rowgroup import (
    CAPACITY_MAX,
    SLOT_BITS,
    SLOT_MASK,
    RowGroup,
)
from storage.rows import (
    Value,
    release_strings,
)
from storage.rows_view import RowsView
from storage.scan import ScanView
from storage.transactions import Transaction

if TYPE_CHECKING:
    from storage.loading import Load

FEW_ROWS = 8
"""So many rows are faster inserted one by one than by arrays."""


class Table:
    """The rows of one relation."""

    __slots__ = (
        "cleared_count", "conflicts", "counts", "groups", "locks", "log", "moved", "pager", "paths", "relation_id",
    )  # fmt: skip

    UPDATE_MANY: ClassVar[int] = Undo.UPDATE_MANY
    DELETE_MANY: ClassVar[int] = Undo.DELETE_MANY
    UPDATE_APART: ClassVar[int] = Undo.UPDATE_APART

    def __init__(self, pager: Pager, log: CommitLog, locks: Locks, header: RelationHeader) -> None:
        self.pager = pager
        self.log = log
        self.locks = locks
        self.groups = RowGroups(pager, header)
        self.relation_id = header.relation_id
        self.counts = Counts()
        self.cleared_count = 0  # how often rows have ceased to be KEY_CHANGED
        self.moved: dict[int, int] = {}  # slots vacuum moved a version out of, and when
        self.paths = RowPaths(self.groups, log, locks.rows_of(header.relation_id))
        self.conflicts = Conflicts(self.groups, self.paths, log, locks, header.relation_id)
        self.groups.on_group = self.paths.set_group
        self.groups.on_forget = self.paths.forget

    @property
    def header(self) -> RelationHeader:
        """The relation's header as it is in the store."""
        return self.groups.header

    @property
    def is_off_log(self) -> bool:
        """Whether nothing of its rows is logged, and a crash leaves none."""
        return self.groups.header.is_off_log

    @property
    def columns(self) -> tuple[ColumnHeader, ...]:
        """Kind and missing value of each column."""
        return self.groups.header.columns

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kind of each column."""
        return self.groups.kinds

    @property
    def group_count(self) -> int:
        """How many row groups there are."""
        return len(self.groups)

    @property
    def page_count(self) -> int:
        """How many pages the table takes, without those of values that have pages of their own."""
        return self.groups.page_count

    @property
    def large_page_count(self) -> int:
        """The pages of values that have pages of their own."""
        return self.groups.large_page_count

    @property
    def row_estimate(self) -> int:
        """About how many rows there are: slots in use less those known to be empty or over. It proves nothing.

        Groups not read yet count as full: only the last one is expected not to be.
        """
        return sum(
            CAPACITY_MAX if group is None else max(0, group.used - group.holes - group.ended)
            for group in self.groups.known_but_last()
        )

    @property
    def may_have_rows(self) -> bool:
        """Whether anybody may see a row; the estimate leaves out those that were ended by who came to nothing."""
        return any(group is None or group.used for group in self.groups.known_but_last())

    @property
    def reclaimable_count(self) -> int:
        """Slots that vacuum could free, or could once transactions have ended, about."""
        return sum(
            max(0, group.ended + group.holes - len(group.free))
            for group in self.groups.known
            if group is not None
        )

    # Reading ---------------------------------------------------------------------------------

    def scan(
        self,
        snapshot: Snapshot,
        columns: Sequence[int] | None = None,
        groups: Iterable[int] | None = None,
    ) -> Iterator[ScanView]:
        """What the snapshot sees, one view a row group; only groups with rows to see."""
        del columns  # all are at hand; a view reads what is asked of it
        for group_no in range(len(self.groups)) if groups is None else groups:
            view = self.view(snapshot, group_no)
            if view.count:
                yield view

    def view(self, snapshot: Snapshot, group_no: int) -> ScanView:
        """What the snapshot sees of one row group."""
        group = self.groups[group_no]
        used = group.used
        selection = self._selection(snapshot, group, used)
        return ScanView(self.pager.store, group, self.columns, snapshot, used, selection)

    def fetch(
        self, snapshot: Snapshot, root_id: int, columns: Sequence[int] | None = None
    ) -> tuple[Value, ...] | None:
        """The values of the row's version that the snapshot sees."""
        return self.paths.fetch(snapshot, root_id, columns)

    def find(self, snapshot: Snapshot, root_id: int) -> Version | None:
        """The version of a row that the snapshot sees."""
        row_id = self.paths.find(snapshot, root_id)
        return None if row_id == NOT_FOUND else read_version(self.groups, row_id)

    def find_id(self, snapshot: Snapshot, root_id: int) -> int:
        """The row id of the version of a row that the snapshot sees; negative: there is none."""
        return self.paths.find(snapshot, root_id)

    def fetch_many(
        self,
        snapshot: Snapshot,
        ids: npt.NDArray[np.int64],
        columns: Sequence[int] | None = None,
    ) -> RowsView:
        """The versions of many rows that the snapshot sees, in the order of ids."""
        del columns
        row_ids, positions = self.paths.find_many(snapshot, np.asarray(ids, np.int64))
        group_of = self.groups.__getitem__
        return RowsView(self.pager.store, group_of, self.columns, snapshot, row_ids, positions)

    def versions_view(self, row_ids: npt.NDArray[np.int64]) -> RowsView:
        """Exactly these versions, visible or not; the latch must be held until their values are read."""
        places = np.arange(len(row_ids))
        group_of = self.groups.__getitem__
        return RowsView(self.pager.store, group_of, self.columns, None, row_ids, places)

    def values(self, row_id: int, columns: Sequence[int] | None = None) -> tuple[Value, ...]:
        """The values of exactly this version, visible or not."""
        return self.paths.values(row_id, columns)

    def version(self, row_id: int) -> Version:
        """The header of exactly this version."""
        return read_version(self.groups, row_id)

    def are_untouched(self, row_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of these versions are there, and neither changed nor deleted by anybody."""
        group_nos, slots = row_ids >> SLOT_BITS, row_ids & SLOT_MASK
        found = np.zeros(len(row_ids), np.bool_)
        for group_no in np.unique(group_nos).tolist():
            places = np.flatnonzero(group_nos == group_no)
            versions = self.groups[group_no].versions[slots[places]]
            found[places] = (versions[:, 0] != 0) & (versions[:, 1] == 0)
        return found

    def root(self, row_id: int) -> int:
        """The root id of the row a version belongs to."""
        return self.paths.root(row_id)

    def key_changed(self, root_id: int) -> bool:
        """Whether index entries of this row must be compared with the version found."""
        return self.paths.key_changed(root_id)

    def keys_changed(self, root_ids: npt.NDArray[np.int64]) -> list[int]:
        """The places of the rows for which `key_changed` says so."""
        return self.paths.keys_changed(root_ids)

    def live(self, transaction: Transaction, root_id: int, has_key: Callable[[int], bool]) -> Live:
        """Whether the row is there, with a key that nobody else may have; has_key tells that of a version."""
        return self.conflicts.live(transaction, root_id, has_key)

    def is_replaced(self, transaction: Transaction, row_id: int) -> bool:
        """Whether a committed transaction has made a newer version than this one."""
        return self.conflicts.is_replaced(transaction, row_id)

    def live_versions(self, transaction: Transaction, root_id: int) -> list[Live]:
        """All versions of a row that are not, or may not be, over; whoever asks looks at their values himself."""
        return self.conflicts.live_versions(transaction, root_id)

    def without_ended(self, transaction: Transaction, root_ids: list[int]) -> list[int]:
        """The rows without those that are plainly over, at little cost for each."""
        return self.conflicts.without_ended(transaction, root_ids)

    def zone(self, group_no: int, column: int) -> tuple[Any, Any] | None:
        """Least and greatest value among all slots of a group; None: not known or no values.

        Values of versions that are gone may widen it; NULLs do not count.
        """
        return self.groups[group_no].zone(self.pager.store, column)

    def may_be_null(self, group_no: int, column: int) -> bool:
        """Whether a row of a group may be NULL in a column."""
        group = self.groups[group_no]
        is_there = column < len(group.layout.kinds)
        return not is_there or group.may_be_null(self.pager.store, column)

    def takes_groups(self, count: int) -> bool:
        """Whether so many rows at the end fill a group that may be sealed at once."""
        return count >= self.pager.sealed_rows_min and self.groups.are_full

    def rows_at_once(self, few: int, count: int = CAPACITY_MAX) -> int:
        """How many of count rows are best inserted together: what fills a new group, else a few."""
        if self.groups.are_full:
            return CAPACITY_MAX if count >= CAPACITY_MAX else few
        return min(few, CAPACITY_MAX - self.groups[len(self.groups) - 1].used)

    # Inserting -------------------------------------------------------------------------------

    def insert_row(self, transaction: Transaction, values: Sequence[Value]) -> int:
        """Add a row; its row id, which is its root id."""
        row_id = self._insert_row(transaction, values)
        if transaction.tracked is not None:
            transaction.tracked.write_rows(self.relation_id, (row_id,))
        return row_id

    def _insert_row(self, transaction: Transaction, values: Sequence[Value]) -> int:
        values = with_unused_values(self.kinds, values)
        self.counts.inserted += 1
        quick = self.paths.insert(self, transaction, values)
        if quick is not None:
            return quick
        stamp = transaction.stamp()
        group, slot = self.groups.place(stamp >> COMMAND_BITS, 0)
        store_version(self, stamp, (group, slot), values, 0)
        row_id = group.group_no << SLOT_BITS | slot
        transaction.undo.append((self, Undo.INSERT, row_id, 0, None))
        return row_id

    def insert(
        self,
        transaction: Transaction,
        columns: Columns,
        nulls: Nulls,
        count: int,
        load: "Load | None" = None,
    ) -> npt.NDArray[np.int64]:
        """Add many rows at the table's end, a few wherever there is room; their row ids. load: of the same rows."""
        columns, nulls = with_unused(self.kinds, columns, nulls, count)
        if count <= FEW_ROWS:
            rows = as_rows(columns, nulls, count)
            return np.array([self.insert_row(transaction, row) for row in rows], np.int64)
        self.counts.inserted += count
        stamp = transaction.stamp()
        row_ids = np.empty(count, np.int64)
        new = NewVersions(columns, nulls, count)
        done = 0
        while done < count:
            if load and self.groups.are_full:
                group, first = load.add(stamp), 0
                part = group.used
            else:
                load = None
                group = self.groups.tail(stamp >> COMMAND_BITS, count - done)
                first, part = group.used, min(count - done, group.capacity - group.used)
                self._fill(stamp, group, new.part(done, done + part))
            start = (group.group_no << SLOT_BITS) + first
            row_ids[done : done + part] = np.arange(start, start + part)
            step = Undo.LOAD if group.is_sealed else Undo.INSERT_MANY
            transaction.undo.append((self, step, start, part, None))
            done += part
        if transaction.tracked is not None:
            transaction.tracked.write_rows(self.relation_id, row_ids.tolist())
        return row_ids

    def _fill(self, stamp: int, group: RowGroup, new: NewVersions) -> None:
        """Put rows behind the last one of a group."""
        used = group.used + new.count
        with self.changing(stamp) as change:
            store_versions(self, change, group, stamp, new)
            change.commit()
        group.changed(stamp, used=used)
        if used >= TAIL_ROWS_MIN:
            self.groups.filled.add(group.group_no)

    # Changing --------------------------------------------------------------------------------

    def delete(self, transaction: Transaction, snapshot: Snapshot, row_id: int) -> Outcome:
        """End the version the snapshot saw."""
        outcome = self._delete(transaction, row_id)
        if transaction.tracked is not None and outcome.status is Status.DONE:
            transaction.tracked.write_rows(self.relation_id, (self.root(outcome.new_row_id),))
        return outcome

    def _delete(self, transaction: Transaction, row_id: int) -> Outcome:
        quick = self.paths.delete(self, transaction, row_id)
        if quick is not None:
            self.counts.deleted += 1
            return quick
        return end_version(self, transaction, row_id)

    def update(
        self,
        transaction: Transaction,
        snapshot: Snapshot,
        row_id: int,
        values: Sequence[Value] | Mapping[int, Value],
        key_changed: bool = False,
        key_kept: bool = False,
    ) -> Outcome:
        """Replace the version the snapshot saw by a new one: all values, or some by column.

        With key_changed the caller adds entries (new key, root_id) to the indexes concerned; key_kept: none of these
        is one that other rows may refer to.
        """
        outcome = self.update_row(transaction, row_id, values, key_changed, key_kept)
        if transaction.tracked is not None and outcome.status is Status.DONE:
            transaction.tracked.write_rows(self.relation_id, (outcome.root_id,))
        return outcome

    def update_row(
        self,
        transaction: Transaction,
        row_id: int,
        values: Sequence[Value] | Mapping[int, Value],
        key_changed: bool,
        key_kept: bool,
    ) -> Outcome:
        """`update`, without telling who watches."""
        if not isinstance(values, Mapping):
            values = with_unused_values(self.kinds, values)
        quick = self.paths.update(self, transaction, row_id, values, key_changed, key_kept)
        if quick is not None:
            return quick
        return replace_version(self, transaction, row_id, values, key_changed, key_kept)

    def update_many(
        self,
        transaction: Transaction,
        row_ids: npt.NDArray[np.int64],
        columns: Mapping[int, NewColumn],
        moved: MovedKeys | None = None,
    ) -> npt.NDArray[np.int64] | None:
        """Give columns new values in many rows; their root ids, None: do it row by row, nothing was done.

        The caller adds entries for the keys that have changed.
        """
        roots = update_versions(self, transaction, row_ids, columns, moved)
        if roots is not None and transaction.tracked is not None:
            transaction.tracked.write_rows(self.relation_id, roots.tolist())
        return roots

    def delete_many(self, transaction: Transaction, row_ids: npt.NDArray[np.int64]) -> bool:
        """End many versions that the snapshot saw; False: do it row by row, nothing was done."""
        done = end_versions(self, transaction, row_ids)
        if done and transaction.tracked is not None:
            roots = [self.root(row_id) for row_id in row_ids.tolist()]
            transaction.tracked.write_rows(self.relation_id, roots)
        return done

    def overwrite(self, row_id: int, values: Sequence[Value]) -> None:
        """Replace the values of a version in place, whoever sees it; this is for sequences.

        Only columns of fixed width without NULLs. Durable with the next commit of anybody.
        """
        group = self.groups[row_id >> SLOT_BITS]
        slot = row_id & SLOT_MASK
        with self.changing(0) as change:
            for column, value in enumerate(values):
                data = np.array([value], group.layout.kinds[column].dtype).tobytes()
                change.write(group.value_address(column, slot), data)
            lsn = change.commit()
        if not self.is_off_log:
            self.pager.wal.awaited_lsn = lsn

    def lock_row(
        self, transaction: Transaction, snapshot: Snapshot, row_id: int, mode: RowLock
    ) -> Outcome:
        """Lock a row as SELECT FOR ... does."""
        row_id = moved_to(self.groups, row_id)
        refused = self.conflicts.check(transaction, row_id, mode)
        if refused is not None:
            return refused
        transaction.stamp()
        root_id = self.paths.root(row_id)
        self.locks.lock_row(transaction, self.relation_id, root_id, mode)
        return Outcome(Status.DONE, new_row_id=row_id, root_id=root_id)

    def truncate(self, transaction: Transaction, snapshot: Snapshot) -> int:
        """Delete all rows the snapshot sees; under an exclusive lock, so nobody is in the way."""
        count = 0
        for view in self.scan(snapshot):
            for row_id in view.row_ids.tolist():
                count += self.delete(transaction, snapshot, row_id).status is Status.DONE
        return count

    def add_column(self, transaction: Transaction, kind: Kind, missing: Value) -> int:
        """Add a column which existing rows have with the missing value; its number.

        It stays when the transaction aborts, unused: who gives rows need not know of those at the end.
        """
        header = add_column(self.pager, transaction.xid, self.groups.header, kind, missing)
        self.groups.set_columns(header)
        return len(header.columns) - 1

    def release_groups(self, change: Change) -> None:
        """Give back the pages of all rows."""
        for group in self.groups:
            release_strings(self.pager, change, group)
            first_page = group.address // self.pager.page_bytes
            self.pager.release(change, first_page, group.layout.page_count)

    def release_pages(self, change: Change) -> None:
        """Give back all pages but the header's, because the relation goes."""
        self.release_groups(change)
        for first_page, page_count in missing_runs(self.header, self.pager.page_bytes):
            self.pager.release(change, first_page, page_count)

    # Taking back -----------------------------------------------------------------------------

    def undo(self, operation: int, first: int, second: int, extra: object) -> None:
        """Take back one step of a transaction that aborts."""
        take_back(self, operation, first, second, extra)

    # Within ----------------------------------------------------------------------------------

    def _selection(
        self, snapshot: Snapshot, group: RowGroup, used: int
    ) -> npt.NDArray[np.int64] | None:
        """The used slots seen; None: all. Remembered where every snapshot sees the same."""
        change_no = group.change_no
        settled = group.stamp_max >> COMMAND_BITS < snapshot.xmin
        if settled and not group.ended and not group.holes and not self.log.aborted:
            return None
        if settled and group.selection is not None and group.selection[0] == change_no:
            return group.selection[1]
        selection = self.paths.visible_slots(snapshot, group, used)
        if settled:  # what a crash has cut off is so for everybody
            group.selection = (change_no, selection)
        return selection

    def changing(self, stamp: int) -> RowChange:
        """A change of rows by the stamp's transaction."""
        return RowChange(self, stamp >> COMMAND_BITS)
