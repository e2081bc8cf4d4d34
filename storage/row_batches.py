"""Many rows of a table at once: new versions in arrays behind its last one, and many that end.

Rule 1: new versions, and the marks on those they replace, are one change for each group they go to.
Rule 2: an update or deletion of many rows is for rows nobody else is at, in the order of their ids; whatever
        is in the way, nothing is done then, and the rows are changed one by one.
Rule 3: where there is room among older rows new versions take it, one by one, so that a table that is updated
        again and again does not grow for ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from storage.commit_log import COMMAND_BITS
from storage.kinds import Kind
from storage.native import Change
from storage.outcomes import Status
from storage.row_groups import store_equal_headers
from storage.rowgroup import (
    FREE,
    INNER,
    KEY_CHANGED,
    KEY_KEPT,
    NEWER,
    NULLS_PER_WORD,
    ROW_ID_MASK,
    SLOT_BITS,
    SLOT_MASK,
    VERSION,
    VERSION_BYTES,
    Layout,
    RowGroup,
    Words,
)
from storage.rows import Value, write_column
from storage.strings import StringBlob, StringViews
from storage.transactions import Transaction

if TYPE_CHECKING:
    from storage.table import Table

Columns = Sequence[npt.NDArray[Any] | Sequence[bytes] | StringBlob]
Nulls = Sequence[npt.NDArray[np.bool_] | None]
NewColumn = tuple[Any, npt.NDArray[np.bool_] | None]
RowIds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MovedKeys:
    """Which of many rows get another key in some index, and which of them one that others may refer to."""

    changed: Mask
    lost: Mask

    def flags(self, start: int, stop: int) -> Words:
        """What links to the new versions of some of the rows say of it."""
        changed, lost = self.changed[start:stop], self.lost[start:stop]
        found: Words = np.where(changed, np.uint64(KEY_CHANGED), np.uint64(0))
        found[changed & ~lost] |= np.uint64(KEY_KEPT)
        return found


def with_unused(
    kinds: Sequence[Kind], columns: Columns, nulls: Nulls, count: int
) -> tuple[Columns, Nulls]:
    """Columns of new rows, completed by the NULLs of columns that aborted transactions have left."""
    assert len(columns) == len(nulls) <= len(kinds)
    unused = kinds[len(columns) :]
    if not unused:
        return columns, nulls
    empty = [
        [b""] * count if kind is Kind.BYTES else np.zeros(count, kind.dtype) for kind in unused
    ]
    return (*columns, *empty), (*nulls, *[np.ones(count, np.bool_) for _ in unused])


def with_unused_values(kinds: Sequence[Kind], values: Sequence[Value]) -> Sequence[Value]:
    """The same for one row."""
    if len(values) == len(kinds):
        return values
    assert len(values) < len(kinds)
    return (*values, *(None,) * (len(kinds) - len(values)))


class RowChange:
    """A change of rows: when it fails, what was planned in memory is forgotten."""

    __slots__ = ("_change", "_table")

    def __init__(self, table: "Table", xid: int) -> None:
        self._table = table
        self._change = table.pager.begin_change(xid)

    def __enter__(self) -> Change:
        return self._change

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._change.is_open:
            self._change.abandon()
        if kind is not None:
            self._table.groups.forget()


@dataclass(frozen=True, slots=True)
class NewVersions:
    """Versions to be stored side by side; `following` is None where all are rows of their own."""

    columns: Columns
    nulls: Nulls
    count: int
    following: Words | None = None

    def part(self, start: int, stop: int) -> "NewVersions":
        """Some of them, side by side."""
        nulls = [None if null is None else null[start:stop] for null in self.nulls]
        following = None if self.following is None else self.following[start:stop]
        columns = [values[start:stop] for values in self.columns]
        return NewVersions(columns, nulls, stop - start, following)


def store_versions(
    table: "Table", change: Change, group: RowGroup, stamp: int, new: NewVersions
) -> None:
    """Write versions behind the last one of a group; the caller tells the group when that is done."""
    first = group.used
    for i, values in enumerate(new.columns):
        write_column(table.pager, change, group, i, first, values)
    store_headers(change, group.address, group.layout, first, stamp, new)


def store_headers(
    change: Change, run_address: int, layout: Layout, first: int, stamp: int, new: NewVersions
) -> None:
    """Write headers and null bits of versions side by side: one header where the layout has no room for more."""
    words = np.zeros((layout.null_words + 1, new.count), np.uint64)
    for i, null in enumerate(new.nulls):
        if null is not None:
            words[i // NULLS_PER_WORD] |= null.astype(np.uint64) << np.uint64(i % NULLS_PER_WORD)
    address = run_address + layout.versions + VERSION_BYTES * first
    if layout.is_alike:
        change.write(address, VERSION.pack(stamp, 0, 0, 0))
    elif new.following is None and not words[0].any():
        store_equal_headers(change, address, VERSION.pack(stamp, 0, 0, 0), new.count)
    else:
        versions = np.zeros((new.count, VERSION_BYTES // 8), np.uint64)
        versions[:, 0] = stamp
        versions[:, 2] = 0 if new.following is None else new.following
        versions[:, 3] = words[0]
        change.write(address, versions)
    for word in range(1, len(words)):
        change.write(run_address + layout.nulls_offset(word, first), words[word])


def update_versions(
    table: "Table",
    transaction: Transaction,
    row_ids: RowIds,
    columns: Mapping[int, NewColumn],
    moved: MovedKeys | None = None,
) -> RowIds | None:
    """Give columns of versions new values; the root ids of the rows, None: nothing was done.

    Entries of the keys that have changed are up to the caller.
    """
    if not _are_free(table, transaction, row_ids):
        return None
    if not _go_behind(table, row_ids):
        return _update_each(table, transaction, row_ids, columns, moved)
    stamp = transaction.stamp()
    done = 0
    roots: list[RowIds] = []
    while done < len(row_ids):
        # A group that grows moves: what is read from the old versions is read after that.
        tail = table.groups.tail(stamp >> COMMAND_BITS, len(row_ids) - done)
        old_group = table.groups.with_versions(int(row_ids[done]) >> SLOT_BITS)
        stop = min(len(row_ids), done + tail.capacity - tail.used)
        in_group = int(np.searchsorted(row_ids[done:stop], (old_group.group_no + 1) << SLOT_BITS))
        stop = done + in_group
        new = {
            number: (values[done:stop], None if null is None else null[done:stop])
            for number, (values, null) in columns.items()
        }
        flags = None if moved is None else moved.flags(done, stop)
        part = _update_part(table, transaction, (tail, old_group), row_ids[done:stop], new, flags)
        roots.append(part)
        done = stop
    table.counts.updated_keys += 0 if moved is None else int(moved.changed.sum())
    return np.concatenate(roots)


def _update_each(
    table: "Table",
    transaction: Transaction,
    row_ids: RowIds,
    columns: Mapping[int, NewColumn],
    moved: MovedKeys | None,
) -> RowIds:
    """The same one by one, to wherever there is room."""
    values_of = [values for values, _ in columns.values()]
    rows = as_rows(values_of, [null for _, null in columns.values()], len(row_ids))
    nowhere = np.zeros(len(row_ids), np.bool_)
    changed, lost = (nowhere, nowhere) if moved is None else (moved.changed, moved.lost)
    numbers, quick = tuple(columns), table.paths.update
    found: list[int] = []
    ways = zip(row_ids.tolist(), rows, changed.tolist(), (~lost).tolist(), strict=True)
    for row_id, row, is_changed, is_kept in ways:
        values = dict(zip(numbers, row, strict=False))
        outcome = quick(table, transaction, row_id, values, is_changed, is_kept)
        if outcome is None:
            outcome = table.update_row(transaction, row_id, values, is_changed, is_kept)
        assert outcome.status is Status.DONE, "nobody is in the way, and nobody can have come"
        found.append(outcome.root_id)
    if found:
        _join_steps(table, transaction, len(found))
    return np.array(found, np.int64)


def _join_steps(table: "Table", transaction: Transaction, count: int) -> None:
    """Have the last so many steps of a transaction, each an update of another row, taken back together."""
    undo = transaction.undo
    _, _, old, new, flag = zip(*undo[len(undo) - count :], strict=True)
    del undo[len(undo) - count :]
    row_ids, new_ids = np.array(old, np.int64), np.array(new, np.int64)
    flags = np.fromiter(map(bool, flag), np.bool_, count)
    order = np.argsort(row_ids)
    arrays = row_ids[order], new_ids[order], flags[order]
    undo.append((table, table.UPDATE_APART, 0, 0, arrays))


def end_versions(table: "Table", transaction: Transaction, row_ids: RowIds) -> bool:
    """End versions; False: nothing was done."""
    if not _are_free(table, transaction, row_ids):
        return False
    stamp = transaction.stamp()
    for group, part, slots, ended in versions_by_group(table, row_ids):
        ended[:, 1] = stamp
        with table.changing(stamp) as change:
            store_marks(change, group, slots, ended)
            change.commit()
        group.ended += len(slots)
        group.changed(stamp)
        table.counts.deleted += len(slots)
        transaction.undo.append((table, table.DELETE_MANY, 0, 0, row_ids[part]))
    return True


def free_versions(table: "Table", row_ids: RowIds, *, reserved: bool = False) -> None:
    """Make slots reusable that nothing points to; ascending, and so they are taken. reserved: on a full disk, too."""
    for group, _, slots, old in versions_by_group(table, row_ids):
        freed = np.zeros_like(old)
        freed[:, 2] = FREE
        with table.pager.begin_change(0, reserved=reserved) as change:
            store_marks(change, group, slots, freed)
            change.commit()
        group.ended -= int(np.count_nonzero(old[:, 1]))
        group.holes += int(np.count_nonzero(old[:, 0]))
        group.change_no += 1
        group.free += slots[::-1].tolist()
        table.groups.reusable.add(group.group_no)


def unmark_versions(table: "Table", row_ids: RowIds, stamps: Words, mark: int) -> RowIds:
    """Take a mark off rows that are one version, which the stamp's transaction made; ascending. Which are not so."""
    left: list[RowIds] = []
    for group, part, slots, old in versions_by_group(table, row_ids):
        wanted = stamps[part]
        is_alone = (old[:, 0] == wanted) & (wanted != 0) & (old[:, 2] & ~np.uint64(mark) == 0)
        left.append(row_ids[part][~is_alone])
        if is_alone.any():
            old[:, 2] &= ~np.uint64(mark)
            with table.pager.begin_change(0) as change:
                store_marks(change, group, slots[is_alone], old[is_alone])
                change.commit()
    return np.concatenate(left) if left else row_ids


def versions_by_group(
    table: "Table", row_ids: RowIds
) -> Iterator[tuple[RowGroup, slice, RowIds, Words]]:
    """Ascending ids by group: the group, which of the ids, their slots, and copies of the versions that are there."""
    group_nos = row_ids >> SLOT_BITS
    for group_no in np.unique(group_nos).tolist():
        group = table.groups.with_versions(group_no)
        start, stop = np.searchsorted(group_nos, (group_no, group_no + 1)).tolist()
        slots = row_ids[start:stop] & SLOT_MASK
        yield group, slice(start, stop), slots, group.versions[slots]


def _go_behind(table: "Table", row_ids: RowIds) -> bool:
    """Whether new versions of these rows belong to the table's end, and have the columns of the old ones."""
    if table.paths.newest:
        return False
    for group_no in np.unique(row_ids >> SLOT_BITS).tolist():
        if len(table.groups[group_no].layout.kinds) != len(table.columns):
            return False
    reusable = (table.groups[group_no] for group_no in table.groups.reusable)
    free_count = sum(len(group.free) for group in reusable if table.groups.is_open(group))
    return free_count < len(row_ids)


def _are_free(table: "Table", transaction: Transaction, row_ids: RowIds) -> bool:
    """Whether every version is the newest of its row, which nobody else has a lock of."""
    if not bool((np.diff(row_ids) > 0).all()):
        return False
    group_nos = row_ids >> SLOT_BITS
    for group_no in np.unique(group_nos).tolist():
        group = table.groups[group_no]
        versions = group.versions[row_ids[group_nos == group_no] & SLOT_MASK]
        is_over = (versions[:, 1] != 0) | ((versions[:, 2] & np.uint64(NEWER)) != 0)
        if bool(is_over.any()) or not bool(versions[:, 0].all()):
            return False
        if table.paths.locks:
            chosen = row_ids[group_nos == group_no]
            if _has_other_locks(table, transaction, _roots(versions, chosen)):
                return False
    return True


def _roots(versions: Words, row_ids: RowIds) -> Words:
    """The first version of each row."""
    inner = (versions[:, 2] & np.uint64(INNER)) != 0
    return np.where(inner, versions[:, 2] & np.uint64(ROW_ID_MASK), row_ids.astype(np.uint64))


def _has_other_locks(table: "Table", transaction: Transaction, roots: Words) -> bool:
    """Whether a lock of one of these rows is somebody else's."""
    locks, own = table.paths.locks, transaction.lock_group
    return any(
        holder.lock_group != own for root in roots.tolist() for holder in list(locks.get(root, ()))
    )


def _update_part(
    table: "Table",
    transaction: Transaction,
    groups: tuple[RowGroup, RowGroup],
    row_ids: RowIds,
    columns: Mapping[int, NewColumn],
    moved: Words | None,
) -> RowIds:
    """Update versions of one group to ones of the last group, in one change; the root ids of the rows."""
    tail, old_group = groups
    stamp = transaction.stamp()
    slots = row_ids & SLOT_MASK
    old = old_group.versions[slots]
    roots = _roots(old, row_ids)
    first_id = (tail.group_no << SLOT_BITS) + tail.used
    new_ids = np.arange(first_id, first_id + len(row_ids), dtype=np.uint64)
    kept = [
        columns[i] if i in columns else _column_of(table, old_group, i, slots)
        for i in range(len(table.columns))
    ]
    new = NewVersions(
        [values for values, _ in kept],
        [null for _, null in kept],
        len(row_ids),
        np.uint64(INNER) | roots,
    )
    flags = old[:, 2] & np.uint64(INNER | KEY_CHANGED)
    was_changed = (old[:, 2] & np.uint64(KEY_CHANGED)) != 0
    old[:, 1] = stamp
    old[:, 2] = np.uint64(NEWER) | flags | new_ids
    if moved is not None:
        old[:, 2] |= moved
    with table.changing(stamp) as change:
        store_versions(table, change, tail, stamp, new)
        store_marks(change, old_group, slots, old)
        change.commit()
    tail.changed(stamp, used=tail.used + len(row_ids))
    old_group.ended += len(row_ids)
    old_group.changed(stamp)
    table.counts.updated += len(row_ids)
    transaction.undo.append((table, table.UPDATE_MANY, first_id, 0, (row_ids, was_changed)))
    return roots.astype(np.int64)


def _column_of(table: "Table", group: RowGroup, column: int, slots: RowIds) -> NewColumn:
    """Copies of the values that slots have in a column, and where they are NULL."""
    store = table.pager.store
    null: npt.NDArray[np.bool_] | None = None
    if group.may_be_null(store, column):
        word, bit = divmod(column, NULLS_PER_WORD)
        null = ((group.null_words(store, word)[slots] >> np.uint64(bit)) & np.uint64(1)) != 0
    values = group.take(column, group.used, slots)
    if group.layout.kinds[column] is not Kind.BYTES:
        return values, null
    if null is not None:
        values[null] = np.zeros(1, values.dtype)[0]
    return StringBlob(*StringViews(store, values).to_blob()), null


def store_marks(change: Change, group: RowGroup, slots: RowIds, versions: Words) -> None:
    """Write headers of ascending slots: with what lies between them, unless that is much."""
    first, last = int(slots[0]), int(slots[-1])
    if last - first < 2 * len(slots):
        block = group.versions[first : last + 1].copy()
        block[slots - first] = versions
        change.write(group.version_address(first), block)
        return
    for slot, version in zip(slots.tolist(), versions, strict=True):
        change.write(group.version_address(slot), version)


def as_rows(columns: Columns, nulls: Nulls, count: int) -> list[tuple[Value, ...]]:
    """A few rows of columns as Python values."""
    lists = []
    for values, null in zip(columns, nulls, strict=True):
        if isinstance(values, np.ndarray):
            items = values[:count].tolist()
        else:
            items = values.to_list() if isinstance(values, StringBlob) else list(values)
        if null is not None:
            items = [None if flag else item for item, flag in zip(items, null, strict=False)]
        lists.append(items)
    return list(zip(*lists, strict=False)) if lists else [()] * count
