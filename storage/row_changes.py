"""One row's change by the long way: what the fast paths leave, because a chain is long, a group is full or sealed.

Rule 1: a version is stored and the one before it linked to it by one change.
Rule 2: a chain is pruned before it grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from storage.chains import (
    CHAIN_LENGTH_MAX,
    chain_changed,
    key_mark,
    moved_to,
    pruned,
    read_version,
    rewrite,
    root_of,
    version_address,
    walk,
)
from storage.commit_log import COMMAND_BITS
from storage.lock_modes import RowLock
from storage.outcomes import Outcome, Status
from storage.row_undo import Undo
from storage.rowgroup import INNER, KEY_CHANGED, KEY_KEPT, NEWER, SLOT_BITS, VERSION
from storage.rows import write_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.rowgroup import RowGroup
    from storage.rows import Value
    from storage.table import Table
    from storage.transactions import Transaction


def end_version(table: Table, transaction: Transaction, row_id: int) -> Outcome:
    """Delete the row that the version belongs to, unless somebody is in the way."""
    row_id = moved_to(table.groups, row_id)
    refused = table.conflicts.check(transaction, row_id, RowLock.UPDATE)
    if refused is not None:
        return refused
    stamp = transaction.stamp()
    group = table.groups.with_versions(row_id >> SLOT_BITS)
    # The mark of a transaction that a crash cut off may be there, and be counted. What that one
    # appended is cut off with it: nobody could tell later that the link means nothing.
    old = read_version(table.groups, row_id)
    replaced = bool(old.xmax)
    following = old.next
    if replaced and old.newer is not None:
        following = key_mark(table.groups, old)
        if old.next & INNER:
            following |= INNER | root_of(table.groups, row_id)
    with table.changing(stamp) as change:
        header = VERSION.pack(old.xmin, stamp, following, old.nulls)
        change.write(version_address(table.groups, row_id), header)
        change.commit()
    group.ended += not replaced
    group.changed(stamp)
    table.counts.deleted += 1
    transaction.undo.append((table, Undo.DELETE, row_id, 0, None))
    return Outcome(Status.DONE, new_row_id=row_id)


def replace_version(
    table: Table,
    transaction: Transaction,
    row_id: int,
    values: Sequence[Value] | Mapping[int, Value],
    key_changed: bool,
    key_kept: bool,
) -> Outcome:
    """Give the row new values, all or some by column, unless somebody is in the way."""
    row_id = moved_to(table.groups, row_id)
    mode = RowLock.UPDATE if key_changed and not key_kept else RowLock.NO_KEY_UPDATE
    refused = table.conflicts.check(transaction, row_id, mode)
    if refused is not None:
        return refused
    if isinstance(values, Mapping):
        merged = list(table.values(row_id))
        for column, value in values.items():
            merged[column] = value
        values = merged
    stamp = transaction.stamp()
    table.groups.with_versions(row_id >> SLOT_BITS)
    old = read_version(table.groups, row_id)
    mark = key_mark(table.groups, old)
    root_id = root_of(table.groups, row_id)
    _prune(table, root_id)
    group, slot = table.groups.place(stamp >> COMMAND_BITS, row_id >> SLOT_BITS)
    new_row_id = group.group_no << SLOT_BITS | slot
    flags = NEWER | old.next & INNER | mark
    if key_changed:
        flags |= KEY_CHANGED | (KEY_KEPT if key_kept else 0)
    old_nulls = read_version(table.groups, row_id).nulls  # the group may have got columns
    link = (row_id, VERSION.pack(old.xmin, stamp, flags | new_row_id, old_nulls))
    store_version(table, stamp, (group, slot), values, INNER | root_id, link)
    old_group = table.groups[row_id >> SLOT_BITS]
    old_group.ended += not old.xmax
    old_group.changed(stamp)
    if root_id in table.paths.newest:
        table.paths.newest[root_id] = new_row_id
    transaction.undo.append((table, Undo.UPDATE, row_id, new_row_id, mark))
    table.counts.updated += 1
    table.counts.updated_keys += key_changed
    return Outcome(Status.DONE, new_row_id=new_row_id, root_id=root_id)


def store_version(
    table: Table,
    stamp: int,
    place: tuple[RowGroup, int],
    values: Sequence[Value],
    following: int,
    link: tuple[int, bytes] | None = None,
) -> None:
    """Write one version into its slot, and the older one's header with it."""
    group, slot = place
    with table.changing(stamp) as change:
        words = write_values(table.pager, change, group, slot, values)
        header = VERSION.pack(stamp, 0, following, words[0])
        change.write(group.version_address(slot), header)
        if link is not None:
            change.write(version_address(table.groups, link[0]), link[1])
        change.commit()
    group.changed(stamp, used=slot + 1)
    if group.free and group.free[-1] == slot:
        group.free.pop()
        group.holes -= 1


def _prune(table: Table, root_id: int) -> None:
    """Cut dead versions out of a row's chain before it grows by another one."""
    if root_id in table.paths.newest:
        return
    chain = list(walk(table.groups, root_id))
    if len(chain) == 1:
        return
    after = pruned(table.log, chain)
    if after != chain:
        with table.pager.begin_change(0) as change:
            freed = rewrite(table.groups, change, chain, after)
            change.commit()
        chain_changed(table.groups, chain, after, freed)
    if len(after) > CHAIN_LENGTH_MAX:
        table.paths.newest[root_id] = chain[-1].row_id
