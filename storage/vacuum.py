"""Vacuum: takes back what dead rows still hold, in tables and in indexes.

Rule 1: a slot that index entries may point to is reused only after the entries are gone: dead roots
        are marked, then the indexes are swept, then the slots are free.
Rule 2: what a crash cut off is removed like what is dead; once every table was swept, its xids are
        forgotten.
Rule 3: whoever calls names all indexes of the table. Entries of rows whose keys have changed can
        be told apart only with the key function; without one they stay, and are rechecked for ever.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from storage.chains import Version, pruned, read_version, rewrite, walk
from storage.commit_log import COMMAND_BITS, CommitLog
from storage.index import Index, KeyOf
from storage.mvcc import dead
from storage.rowgroup import (
    DEAD,
    FREE,
    INNER,
    KEY_CHANGED,
    NEWER,
    SLOT_BITS,
    SLOT_MASK,
    RowGroup,
)
from storage.table import Table

Indexes = Sequence[tuple[Index, KeyOf | None]]


class Engine(Protocol):
    """What vacuum needs of the engine."""

    @property
    def latch(self) -> AbstractContextManager[bool]:
        """Held while a group or an index entry is looked at; given back between."""

    @property
    def log(self) -> CommitLog:
        """The outcome of every transaction."""

    def relation(self, relation_id: int) -> Table:
        """The table with this id."""


@dataclass(slots=True)
class Vacuumed:
    """What a vacuum has done."""

    dead_rows: int = 0
    freed_slots: int = 0
    removed_entries: int = 0
    dead_roots: set[int] = field(default_factory=set)
    changed_roots: set[int] = field(default_factory=set)


def vacuum(engine: Engine, relation_id: int, indexes: Indexes = ()) -> Vacuumed:
    """Sweep one table and all of its indexes."""
    done = Vacuumed()
    table = engine.relation(relation_id)
    for group_no in range(table.group_count):
        with engine.latch:
            _sweep_group(engine, table, table.groups[group_no], done)
    for index, key_of in indexes:
        _sweep_index(engine, table, index, key_of, done)
    with engine.latch:
        _free(table, done.dead_roots)
        done.freed_slots += len(done.dead_roots)
        if indexes and all(key_of is not None for _, key_of in indexes):
            _clear_key_changed(table, done.changed_roots)
        table.dead_count = 0
    return done


def forget_aborted(engine: Engine, xids: Iterable[int]) -> None:
    """These xids have no stamps left: every table was vacuumed since they were aborted."""
    with engine.latch:
        engine.log.aborted.difference_update(xids)


def _sweep_group(engine: Engine, table: Table, group: RowGroup, done: Vacuumed) -> None:
    """Prune the chains that begin in this group, and free what a crash cut off."""
    versions = group.versions[: group.used]
    xmin, xmax, following = versions[:, 0], versions[:, 1], versions[:, 2]
    suspicious = (xmax != 0) | (following & np.uint64(NEWER | DEAD | KEY_CHANGED) != 0)
    if engine.log.aborted:
        gone = np.fromiter(engine.log.aborted, np.uint64)
        suspicious |= np.isin(xmin >> np.uint64(COMMAND_BITS), gone)
    for slot in np.flatnonzero(suspicious).tolist():
        row_id = group.group_no << SLOT_BITS | slot
        version = read_version(table.groups, row_id)
        if version.next & DEAD:
            done.dead_roots.add(row_id)
        elif not version.next & (INNER | FREE):
            _sweep_row(engine, table, row_id, done)
    if engine.log.aborted:
        _free_orphans(engine, table, group, done)


def _sweep_row(engine: Engine, table: Table, root_id: int, done: Vacuumed) -> None:
    log, groups = engine.log, table.groups
    before = list(walk(groups, root_id))
    after = pruned(log, without_aborted(before, log.aborted))
    newest = after[-1]
    is_over = dead(log, newest.xmin, newest.xmax, log.held_sequences())
    if is_over and (len(after) == 1 or (len(after) == 2 and not after[0].xmin)):
        after = [Version(root_id, 0, 0, DEAD, 0)]
        done.dead_roots.add(root_id)
        done.dead_rows += 1
    elif any(version.next & KEY_CHANGED for version in after):
        done.changed_roots.add(root_id)
    if after == before:
        return
    with table.pager.begin_change(0) as change:
        freed = rewrite(groups, change, before, after)
        change.commit()
    table.chain_changed(before, after, freed)
    done.freed_slots += len(freed)


def without_aborted(chain: list[Version], aborted: set[int]) -> list[Version]:
    """A chain without what an unfinished transaction appended, or marked as over."""
    for i, version in enumerate(chain):
        if version.xmax and version.xmax >> COMMAND_BITS in aborted:
            following = INNER | chain[0].row_id if version.next & INNER else 0
            following |= version.next & KEY_CHANGED  # its index entries may still be there
            last = Version(version.row_id, version.xmin, 0, following, version.nulls)
            return [*chain[:i], last]
    return chain


def _free_orphans(engine: Engine, table: Table, group: RowGroup, done: Vacuumed) -> None:
    """Inner versions of unfinished transactions that no chain leads to any more."""
    versions = group.versions[: group.used]
    gone = np.fromiter(engine.log.aborted, np.uint64)
    inner = versions[:, 2] & np.uint64(INNER) != 0
    orphans = inner & np.isin(versions[:, 0] >> np.uint64(COMMAND_BITS), gone)
    row_ids = (np.flatnonzero(orphans) + (group.group_no << SLOT_BITS)).tolist()
    _free(table, row_ids)
    done.freed_slots += len(row_ids)


def _free(table: Table, row_ids: Iterable[int]) -> None:
    """Make slots reusable that nothing points to."""
    for row_id in row_ids:
        before = read_version(table.groups, row_id)
        after = Version(row_id, 0, 0, FREE, 0)
        with table.pager.begin_change(0) as change:
            rewrite(table.groups, change, [before], [after])
            change.commit()
        table.chain_changed([before], [after], ())
        group = table.groups[row_id >> SLOT_BITS]
        group.free.append(row_id & SLOT_MASK)
        table.groups.reusable.add(group.group_no)


def _sweep_index(
    engine: Engine, table: Table, index: Index, key_of: KeyOf | None, done: Vacuumed
) -> None:
    """Remove the entries of dead rows, and those whose key no version of the row has any more."""
    if not done.dead_roots and not done.changed_roots:
        return
    for chunk in index.chunks():
        for key, root_id in chunk:
            stale = root_id in done.dead_roots
            if not stale and key_of is not None and root_id in done.changed_roots:
                stale = not _has_key(table, root_id, key, key_of)
            if stale:
                with engine.latch:
                    done.removed_entries += index.delete(key, root_id)


def _has_key(table: Table, root_id: int, key: bytes, key_of: KeyOf) -> bool:
    return any(
        version.xmin and key_of(table.values(version.row_id)) == key
        for version in walk(table.groups, root_id)
    )


def _clear_key_changed(table: Table, root_ids: Iterable[int]) -> None:
    """Every entry that is left of these rows fits the one version that is left."""
    for root_id in root_ids:
        before = list(walk(table.groups, root_id))
        if sum(1 for version in before if version.xmin) != 1:
            continue
        after = [replace(version, next=version.next & ~KEY_CHANGED) for version in before]
        with table.pager.begin_change(0) as change:
            rewrite(table.groups, change, before, after)
            change.commit()
