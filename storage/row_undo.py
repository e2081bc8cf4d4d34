"""Taking back what a transaction that aborts has done to rows, a step at a time, the last one first."""

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from storage.chains import read_version, version_address
from storage.kinds import Kind
from storage.row_batches import Mask, RowIds, free_versions, store_marks, versions_by_group
from storage.rowgroup import FREE, INNER, KEY_CHANGED, SLOT_BITS, SLOT_MASK, VERSION, RowGroup
from storage.sealed_group import SealedGroup
from storage.string_loops import LARGE_BYTES_MIN

if TYPE_CHECKING:
    from storage.table import Table


class Undo(IntEnum):
    """What an undo step of a table takes back."""

    INSERT = 1
    INSERT_MANY = 2
    UPDATE = 3
    DELETE = 4
    UPDATE_MANY = 5
    DELETE_MANY = 6
    UPDATE_APART = 7  # like UPDATE_MANY, of new versions that are anywhere
    LOAD = 8  # like INSERT_MANY, of all rows of a group that was written as a whole


def take_back(table: "Table", operation: int, first: int, second: int, extra: object) -> None:
    """Take back one step, whatever it is."""
    if operation == Undo.UPDATE_MANY:
        assert isinstance(extra, tuple)
        row_ids, flags = extra
        _take_back_updates(table, row_ids, np.arange(first, first + len(row_ids)), flags)
    elif operation == Undo.UPDATE_APART:
        assert isinstance(extra, tuple)
        _take_back_updates(table, *extra)
    elif operation == Undo.UPDATE:
        _take_back_update(table, first, second, flag=bool(extra))
    elif operation == Undo.DELETE_MANY:
        assert isinstance(extra, np.ndarray)
        _take_back_deletes(table, extra)
    elif operation == Undo.DELETE:
        _take_back_delete(table, first)
    elif operation == Undo.LOAD:
        _take_back_load(table, first, second)
    else:
        _take_back_inserts(table, first, second if operation == Undo.INSERT_MANY else 1)


def _take_back_load(table: "Table", first: int, count: int) -> None:
    """Free all slots of a group."""
    group = table.groups[first >> SLOT_BITS]
    if isinstance(group, SealedGroup) and group.is_alike:
        table.groups.free_all(group)
    else:
        _take_back_inserts(table, first, count)


def _take_back_inserts(table: "Table", first: int, count: int) -> None:
    """Free slots side by side, of rows or of versions.

    The last ones of a group become slots that were never used: whoever goes on inserting, as tests do that roll back
    behind each other, finds his rows in the order in which they came.
    """
    group, slot = table.groups[first >> SLOT_BITS], first & SLOT_MASK
    is_end = slot + count == group.used and not group.is_sealed and not _has_large(group, slot)
    with table.pager.begin_change(0, reserved=True) as change:
        address = version_address(table.groups, first)
        change.write(address, VERSION.pack(0, 0, 0 if is_end else FREE, 0) * count)
        change.commit()
    if is_end:
        group.used = slot
    else:
        group.free += reversed(range(slot, slot + count))
        group.holes += count
        table.groups.reusable.add(group.group_no)
    group.change_no += 1


def _has_large(group: RowGroup, slot: int) -> bool:
    """Whether a slot from this one on has a value with pages of its own, which are given back when it is reused."""
    for column, kind in enumerate(group.layout.kinds):
        if kind is Kind.BYTES:
            views = group.column(column)[slot : group.used]
            if len(views) and bool((views.view(np.uint32)[::4] >= LARGE_BYTES_MIN).any()):
                return True
    return False


def _take_back_update(table: "Table", row_id: int, new_row_id: int, *, flag: bool) -> None:
    """Let an old version be the newest again; flag: whether its link said before that the key had changed."""
    new = read_version(table.groups, new_row_id)
    old = read_version(table.groups, row_id)
    # The flag may be older than the update: a crash leaves index entries behind.
    restored = (new.next if old.next & INNER else 0) | int(flag) * KEY_CHANGED
    with table.pager.begin_change(0, reserved=True) as change:
        address = version_address(table.groups, row_id)
        change.write(address + 8, VERSION.pack(0, restored, 0, 0)[:16])
        change.commit()
    _have_not_ended(table.groups[row_id >> SLOT_BITS], 1)
    table.cleared_count += 1
    _take_back_inserts(table, new_row_id, 1)
    table.paths.newest.clear()


def _take_back_delete(table: "Table", row_id: int) -> None:
    with table.pager.begin_change(0, reserved=True) as change:
        change.write_u64(version_address(table.groups, row_id) + 8, 0)
        change.commit()
    _have_not_ended(table.groups[row_id >> SLOT_BITS], 1)


def _have_not_ended(group: RowGroup, count: int) -> None:
    group.ended -= count
    group.change_no += 1


def _take_back_updates(table: "Table", row_ids: RowIds, new_ids: RowIds, flags: Mask) -> None:
    """`_take_back_update` of many rows, by ascending ids, none of which has a new version that is another's old one."""
    order = np.argsort(new_ids)
    following = np.empty(len(new_ids), np.uint64)
    for _, part, _, new in versions_by_group(table, new_ids[order]):
        following[order[part]] = new[:, 2]
    with table.pager.begin_change(0, reserved=True) as change:
        for group, part, slots, old in versions_by_group(table, row_ids):
            is_inner = (old[:, 2] & np.uint64(INNER)) != 0
            marks = np.where(flags[part], np.uint64(KEY_CHANGED), np.uint64(0))
            old[:, 1] = 0
            old[:, 2] = np.where(is_inner, following[part], np.uint64(0)) | marks
            store_marks(change, group, slots, old)
        change.commit()
    for group, _, slots, _ in versions_by_group(table, row_ids):
        _have_not_ended(group, len(slots))
    table.cleared_count += 1
    free_versions(table, new_ids[order], reserved=True)
    table.paths.newest.clear()


def _take_back_deletes(table: "Table", row_ids: RowIds) -> None:
    for group, _, slots, old in versions_by_group(table, row_ids):
        old[:, 1] = 0
        with table.pager.begin_change(0, reserved=True) as change:
            store_marks(change, group, slots, old)
            change.commit()
        _have_not_ended(group, len(slots))
