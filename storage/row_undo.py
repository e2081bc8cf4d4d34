"""Taking back what a transaction that aborts has done to rows, a step at a time, the last one first."""

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from storage.chains import read_version, version_address
from storage.rowgroup import FREE, INNER, KEY_CHANGED, SLOT_BITS, VERSION

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


def take_back(table: "Table", operation: int, first: int, second: int, extra: object) -> None:
    """Take back one step, whatever it is."""
    if operation == Undo.UPDATE_MANY:
        assert isinstance(extra, tuple)
        flags = list(zip(*(part.tolist() for part in extra), strict=True))
        for place, (row_id, flag) in reversed(list(enumerate(flags))):
            _take_back_update(table, row_id, first + place, flag=flag)
    elif operation == Undo.UPDATE:
        _take_back_update(table, first, second, flag=bool(extra))
    elif operation == Undo.DELETE_MANY:
        assert isinstance(extra, np.ndarray)
        for row_id in extra.tolist():
            _take_back_delete(table, row_id)
    elif operation == Undo.DELETE:
        _take_back_delete(table, first)
    else:
        _take_back_insert(table, first, second if operation == Undo.INSERT_MANY else 1)


def _take_back_insert(table: "Table", first: int, count: int) -> None:
    with table.pager.begin_change(0, reserved=True) as change:
        address = version_address(table.groups, first)
        change.write(address, VERSION.pack(0, 0, FREE, 0) * count)
        change.commit()
    table.freed(range(first, first + count))


def _take_back_update(table: "Table", row_id: int, new_row_id: int, *, flag: bool) -> None:
    """Let the old version be the newest again; flag: its link said before that the key had changed."""
    with table.pager.begin_change(0, reserved=True) as change:
        new = read_version(table.groups, new_row_id)
        old = read_version(table.groups, row_id)
        # The flag may be older than the update: a crash leaves index entries behind.
        restored = (new.next if old.next & INNER else 0) | int(flag) * KEY_CHANGED
        address = version_address(table.groups, row_id)
        change.write(address + 8, VERSION.pack(0, restored, 0, 0)[:16])
        table.cleared_count += 1
        change.write(version_address(table.groups, new_row_id), VERSION.pack(0, 0, FREE, 0))
        change.commit()
    _is_newest_again(table, row_id)
    table.freed((new_row_id,))
    table.paths.newest.clear()


def _take_back_delete(table: "Table", row_id: int) -> None:
    with table.pager.begin_change(0, reserved=True) as change:
        change.write_u64(version_address(table.groups, row_id) + 8, 0)
        change.commit()
    _is_newest_again(table, row_id)


def _is_newest_again(table: "Table", row_id: int) -> None:
    group = table.groups[row_id >> SLOT_BITS]
    group.ended -= 1
    group.change_no += 1
