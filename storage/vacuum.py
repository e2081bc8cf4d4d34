"""Vacuum: takes back what dead rows still hold, in tables and in indexes.

Rule 1: a slot that index entries may point to is reused only after the entries are gone: dead roots
        are marked, then the indexes are swept, then the slots are free.
Rule 2: what a crash cut off is removed like what is dead; once every table was swept, its xids are
        forgotten. Versions it has appended are free when every chain was swept: what led to them may
        lie behind them.
Rule 3: whoever calls names all indexes of the table. Entries of rows whose keys have changed can
        be told apart only with the key function; without one they stay, and are rechecked for ever.
Rule 4: groups that went cold are sealed in the end, and those open again of which much is empty; see storage/sealing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from storage.chains import MOVED, Version, chain_changed, pruned, read_version, rewrite, walk
from storage.commit_log import ABORTED, COMMAND_BITS, CommitLog
from storage.index import Index, KeysOf
from storage.index_sweep import Suspects, sweep_index
from storage.kinds import Kind
from storage.mvcc import dead
from storage.row_batches import RowIds, free_versions, unmark_versions
from storage.rowgroup import (
    DEAD,
    FREE,
    INNER,
    KEY_CHANGED,
    SLOT_BITS,
    SLOT_MASK,
    RowGroup,
)
from storage.rows import write_values
from storage.sealed_run import Pause
from storage.sealing import NOTHING_TO_SEAL, ToSeal, open_hollow_groups, seal_cold_groups
from storage.strings import LARGE_BYTES_MIN, view_length
from storage.table import Table

Indexes = Sequence[tuple[Index, KeysOf | None]]
SLOTS_AT_ONCE = 1024
ROWS_AT_ONCE = 2048
"""So much is done under the latch at once: a millisecond or two."""


class Engine(Protocol):
    """What vacuum needs of the engine."""

    @property
    def latch(self) -> AbstractContextManager[object]:
        """Held while a group or an index entry is looked at; given back between."""

    @property
    def log(self) -> CommitLog:
        """The outcome of every transaction."""

    def relation(self, relation_id: int) -> Table:
        """The table with this id."""


@dataclass(slots=True)
class Vacuumed:
    """What a vacuum has done, and while it runs, how far it is."""

    phase: str = "scanning heap"
    group_count: int = 0
    groups_done: int = 0
    dead_rows: int = 0
    freed_slots: int = 0
    moved_rows: int = 0
    removed_entries: int = 0
    indexes_done: int = 0
    sealed_groups: int = 0
    opened_groups: int = 0
    kept_slots: int = 0
    """What somebody may still look at, or what only a later vacuum can take."""
    dead_roots: set[int] = field(default_factory=set)
    changed_roots: dict[int, int] = field(default_factory=dict)
    """Rows whose keys have changed, and who made the one version that each has had all the time; 0: it had others."""


def vacuum(
    engine: Engine,
    relation_id: int,
    indexes: Indexes = (),
    done: Vacuumed | None = None,
    pause: Pause = lambda: None,
    chosen: ToSeal = NOTHING_TO_SEAL,
) -> Vacuumed:
    """Sweep one table and all of its indexes; `pause` is called between steps, without the latch.

    In the end the row groups chosen are sealed.
    """
    done = Vacuumed() if done is None else done
    table = engine.relation(relation_id)
    done.group_count = table.group_count
    cut_off = np.array(sorted(engine.log.aborted), np.uint64)
    for group_no in range(done.group_count):
        _sweep_group(engine, table, table.groups[group_no], done, pause)
        done.groups_done += 1
    for group_no in range(done.group_count) if len(cut_off) else ():
        _free_orphans(engine, table, group_no, cut_off, done, pause)
    done.phase = "vacuuming indexes"
    suspects = Suspects.of(done.dead_roots, done.changed_roots)
    for index, key_of in indexes:
        removed = sweep_index(engine.latch, table, index, key_of, suspects, pause)
        done.removed_entries += removed
        done.indexes_done += 1
    done.phase = "vacuuming heap"
    _free_in_steps(engine, table, sorted(done.dead_roots), pause)
    done.freed_slots += len(done.dead_roots)
    if indexes and all(key_of is not None for _, key_of in indexes):
        for roots in _steps(sorted(done.changed_roots)):
            with engine.latch:
                _clear_key_changed(table, roots, done.changed_roots)
            pause()
    done.phase = "performing final cleanup"
    _free_moved(engine, table, done, pause)
    done.opened_groups = open_hollow_groups(engine, table, pause)
    done.sealed_groups = seal_cold_groups(engine, table, chosen, pause)
    with engine.latch:
        done.kept_slots = table.reclaimable_count
    return done


def _sweep_group(
    engine: Engine, table: Table, group: RowGroup, done: Vacuumed, pause: Pause
) -> None:
    """Sweep a group, unless nothing has changed since one in which there was nothing to do."""
    change_no = group.change_no
    if group.swept_at == change_no and not engine.log.aborted:
        return
    if group.is_alike and engine.log.sequence(group.stamp_max >> COMMAND_BITS) == ABORTED:
        with engine.latch:  # a crash has cut off the load: its rows go one by one
            table.groups.with_versions(group.group_no)
    is_clean = True
    for first_slot in range(0, group.used, SLOTS_AT_ONCE):
        with engine.latch:
            now = table.groups[group.group_no]  # it may have moved
            is_clean &= _sweep_slots(engine, table, now, first_slot, done)
        pause()
    if is_clean:
        group.swept_at = change_no


def _sweep_slots(
    engine: Engine, table: Table, group: RowGroup, first_slot: int, done: Vacuumed
) -> bool:
    """Prune the chains that begin in some slots of a group; whether there was nothing to do."""
    stop_slot = min(first_slot + SLOTS_AT_ONCE, group.used)
    left, moved, freed, dead_roots, changed = table.paths.sweep(group, first_slot, stop_slot)
    done.freed_slots += freed
    done.dead_rows += len(dead_roots)
    done.dead_roots.update(dead_roots)
    done.changed_roots.update(changed)
    _note_moved(engine, table, moved, done)
    for slot in _without_moved(table, group, left):
        row_id = group.group_no << SLOT_BITS | slot
        version = read_version(table.groups, row_id)
        if version.next & DEAD:
            done.dead_roots.add(row_id)
        elif not version.next & (INNER | FREE):
            _sweep_row(engine, table, row_id, done)
    return not (left or moved or freed or dead_roots or changed)


def _without_moved(table: Table, group: RowGroup, slots: list[int]) -> list[int]:
    """The slots but those that a version was moved out of; who is not known yet was of a server before this one."""
    if not slots:
        return slots
    places = np.array(slots, np.int64)
    versions = group.versions[places]
    is_moved = (versions[:, 2] & np.uint64(MOVED) == np.uint64(MOVED)) & (versions[:, 0] == 0)
    if not is_moved.any():
        return slots
    known = table.moved
    for row_id in (places[is_moved] + (group.group_no << SLOT_BITS)).tolist():
        known.setdefault(row_id, 0)  # nobody looks
    rest: list[int] = places[~is_moved].tolist()
    return rest


def _note_moved(engine: Engine, table: Table, row_ids: Sequence[int], done: Vacuumed) -> None:
    """These slots are free once all snapshots held now have gone."""
    table.moved.update(dict.fromkeys(row_ids, engine.log.published))
    done.moved_rows += len(row_ids)


def _free_moved(engine: Engine, table: Table, done: Vacuumed, pause: Pause) -> None:
    """Free slots that versions were moved out of, as far as nobody can have their row ids."""
    with engine.latch:
        oldest = min(engine.log.held_sequences(), default=None)
        free = [row_id for row_id, at in table.moved.items() if oldest is None or at < oldest]
    for row_ids in _steps(sorted(free)):
        with engine.latch:
            free_versions(table, row_ids)
            for row_id in row_ids.tolist():
                del table.moved[row_id]
        pause()
    done.freed_slots += len(free)


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
        stamps = [version.xmin for version in after if version.xmin]
        done.changed_roots[root_id] = stamps[0] if len(stamps) == 1 else 0
    if after != before:
        with table.pager.begin_change(0) as change:
            freed = rewrite(groups, change, before, after)
            change.commit()
        chain_changed(groups, before, after, freed)
        done.freed_slots += len(freed)
    if _may_move(engine, table, after):
        _move(engine, table, after[0], newest, done)


def _may_move(engine: Engine, table: Table, chain: list[Version]) -> bool:
    """Whether the version behind a redirect can go into its root.

    A scan must meet it exactly once: both are in one group, of which a view shows one of the two, or nobody scans.
    """
    root, newest = chain[0], chain[-1]
    if len(chain) != 2 or root.xmin or newest.xmax:
        return False
    groups = [table.groups[version.row_id >> SLOT_BITS] for version in chain]
    if groups[0] is not groups[1] and engine.log.held_sequences():
        return False
    xid = newest.xmin >> COMMAND_BITS
    is_settled = xid < engine.log.horizon() and xid not in engine.log.aborted
    if not is_settled or not all(table.groups.is_open(group) for group in groups):
        return False
    return not any(group.shared for group in groups) and not any(
        _is_large(group, column, version.row_id & SLOT_MASK)
        for column, kind in enumerate(groups[0].layout.kinds)
        if kind is Kind.BYTES
        for group, version in zip(groups, chain, strict=True)
    )


def _is_large(group: RowGroup, column: int, slot: int) -> bool:
    return view_length(group.raw_value(column, slot)) >= LARGE_BYTES_MIN


def _move(engine: Engine, table: Table, root: Version, newest: Version, done: Vacuumed) -> None:
    """Move a version into its root; values and null bits stay for those who look at them."""
    group = table.groups[root.row_id >> SLOT_BITS]
    values = table.values(newest.row_id)
    flags = (root.next | newest.next) & KEY_CHANGED
    left = Version(newest.row_id, 0, 0, MOVED | root.row_id, newest.nulls)
    with table.changing(0) as change:
        slot = root.row_id & SLOT_MASK
        nulls = write_values(table.pager, change, group, slot, values)[0]
        filled = Version(root.row_id, newest.xmin, 0, flags, nulls)
        rewrite(table.groups, change, [root, newest], [filled, left])
        change.commit()
    chain_changed(table.groups, [root, newest], [filled, left], ())
    group.stamp_max = max(group.stamp_max, newest.xmin)
    table.paths.newest.pop(root.row_id, None)
    _note_moved(engine, table, [newest.row_id], done)


def without_aborted(chain: list[Version], aborted: set[int]) -> list[Version]:
    """A chain without what an unfinished transaction appended, or marked as over."""
    for i, version in enumerate(chain):
        if version.xmax and version.xmax >> COMMAND_BITS in aborted:
            following = INNER | chain[0].row_id if version.next & INNER else 0
            if any(each.next & KEY_CHANGED for each in chain[i:]):
                following |= KEY_CHANGED  # index entries of what is cut off may still be there
            last = Version(version.row_id, version.xmin, 0, following, version.nulls)
            return [*chain[:i], last]
    return chain


def _free_orphans(
    engine: Engine,
    table: Table,
    group_no: int,
    cut_off: npt.NDArray[np.uint64],
    done: Vacuumed,
    pause: Pause,
) -> None:
    """Inner versions of transactions that a crash cut off; every chain has been swept since, so none leads to them."""
    for first_slot in range(0, table.groups[group_no].used, SLOTS_AT_ONCE):
        with engine.latch:
            versions = table.groups[group_no].versions[first_slot : first_slot + SLOTS_AT_ONCE]
            inner = versions[:, 2] & np.uint64(INNER) != 0
            orphans = inner & np.isin(versions[:, 0] >> np.uint64(COMMAND_BITS), cut_off)
            row_ids = np.flatnonzero(orphans) + first_slot + (group_no << SLOT_BITS)
            free_versions(table, row_ids)
        done.freed_slots += len(row_ids)
        pause()


def _steps(row_ids: list[int]) -> Iterator[RowIds]:
    """Some at a time."""
    for start in range(0, len(row_ids), ROWS_AT_ONCE):
        yield np.array(row_ids[start : start + ROWS_AT_ONCE], np.int64)


def _free_in_steps(engine: Engine, table: Table, row_ids: list[int], pause: Pause) -> None:
    for part in _steps(row_ids):
        with engine.latch:
            free_versions(table, part)
        pause()


def _clear_key_changed(table: Table, root_ids: RowIds, stamps: Mapping[int, int]) -> None:
    """Every entry that is left of a row fits its one version, if it has had no other one all the time."""
    table.cleared_count += 1
    wanted = np.array([stamps[root_id] for root_id in root_ids.tolist()], np.uint64)
    for root_id in unmark_versions(table, root_ids, wanted, KEY_CHANGED).tolist():
        before = list(walk(table.groups, root_id))
        if [version.xmin for version in before if version.xmin] != [stamps[root_id]]:
            continue
        after = [replace(version, next=version.next & ~KEY_CHANGED) for version in before]
        with table.pager.begin_change(0) as change:
            rewrite(table.groups, change, before, after)
            change.commit()
