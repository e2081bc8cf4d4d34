"""Version chains: from a row's root to its newest version, and the pruning of what nobody sees.

Rule 1: a row is named by its root, the slot index entries point to. Each version leads to the next
        newer one; the newest inner version leads back to the root.
Rule 2: a dead version that is not the root is cut out of the chain and its slot is free at once: no
        index and no other version points to it. A dead root becomes a redirect.
Rule 3: a link that replaces several keeps KEY_CHANGED if one of them had it.
Rule 4: a version that is alone behind a redirect, and that everybody sees, may be moved into its
        root: from the same group, of which a view shows one of the two, or while no snapshot is held.
        The slot it leaves is MOVED, leads to the root, and is free only when every snapshot
        held at that moment has gone: who still has its row id finds the row, who still has a view
        of it finds the values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from storage.commit_log import CommitLog
from storage.mvcc import dead
from storage.native import Change
from storage.row_groups import RowGroups
from storage.rowgroup import (
    FREE,
    INNER,
    KEY_CHANGED,
    KEY_KEPT,
    NEWER,
    REDIRECT,
    ROW_ID_MASK,
    SLOT_BITS,
    SLOT_MASK,
    VERSION,
)

MOVED = NEWER | INNER | REDIRECT
CHAIN_LENGTH_MAX = 16
"""Longer chains are not walked again for pruning until a snapshot has gone."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version header, and where it was found."""

    row_id: int
    xmin: int
    xmax: int
    next: int
    nulls: int

    @property
    def following(self) -> int:
        """The row id in `next`: that of the next newer version, or of the root."""
        return self.next & ROW_ID_MASK

    @property
    def newer(self) -> int | None:
        """The row id of the next newer version."""
        return self.next & ROW_ID_MASK if self.next & NEWER else None

    @property
    def keeps_key(self) -> bool:
        """Whether there is a newer version that has the key which other rows may refer to."""
        return bool(self.next & NEWER) and self.next & (KEY_CHANGED | KEY_KEPT) != KEY_CHANGED


def read_version(groups: RowGroups, row_id: int) -> Version:
    """The header of a slot."""
    group = groups[row_id >> SLOT_BITS]
    xmin, xmax, following, nulls = group.versions[row_id & SLOT_MASK].tolist()
    return Version(row_id, xmin, xmax, following, nulls)


def walk(groups: RowGroups, row_id: int) -> Iterator[Version]:
    """The slot's version and all newer ones; redirects included."""
    current: int | None = row_id
    while current is not None:
        version = read_version(groups, current)
        yield version
        current = version.newer


def root_of(groups: RowGroups, row_id: int) -> int:
    """The root of the row a version belongs to."""
    first = read_version(groups, row_id)
    if not first.next & INNER:
        return row_id
    *_, newest = walk(groups, row_id)
    return newest.following if newest.next & INNER else newest.row_id


def moved_to(groups: RowGroups, row_id: int) -> int:
    """Where a version is now that vacuum has moved into its root; else the row id itself."""
    version = read_version(groups, row_id)
    while not version.xmin and version.newer is not None:
        version = read_version(groups, version.newer)
    return version.row_id


def pruned(log: CommitLog, chain: list[Version]) -> list[Version]:
    """A chain that begins at its root without its dead versions; the newest one always stays."""
    held = log.held_sequences()
    kept: list[Version] = []
    for version in chain[:-1]:
        gone = not version.xmin or dead(log, version.xmin, version.xmax, held)
        if gone and kept:
            kept[-1] = _relinked(kept[-1], version.next)
        elif gone and version.xmin:
            flags = NEWER | REDIRECT | version.next & KEY_CHANGED
            kept.append(Version(version.row_id, 0, 0, flags | version.following, 0))
        else:
            kept.append(version)
    return [*kept, chain[-1]]


def rewrite(
    groups: RowGroups, change: Change, before: list[Version], after: list[Version]
) -> list[int]:
    """Store what differs between two states of a chain; the slots that become free."""
    old = {version.row_id: version for version in before}
    for version in after:
        if old.pop(version.row_id) != version:
            header = VERSION.pack(version.xmin, version.xmax, version.next, version.nulls)
            change.write(version_address(groups, version.row_id), header)
    for row_id in old:
        change.write(version_address(groups, row_id), VERSION.pack(0, 0, FREE, 0))
    return list(old)


def chain_changed(
    groups: RowGroups, before: Iterable[Version], after: Iterable[Version], freed: Iterable[int]
) -> None:
    """Keep the summaries of groups after a chain was rewritten; freed: the slots that became free by that."""
    for versions, sign in ((before, -1), (after, 1)):
        for version in versions:
            group = groups[version.row_id >> SLOT_BITS]
            group.ended += sign * bool(version.xmax)
            group.holes += sign * (not version.xmin)
            group.change_no += 1
    for row_id in freed:
        group = groups[row_id >> SLOT_BITS]
        group.free.append(row_id & SLOT_MASK)
        group.holes += 1
        group.change_no += 1
        groups.reusable.add(group.group_no)


def key_mark(groups: RowGroups, version: Version) -> int:
    """KEY_CHANGED if this version has it; and where its xmax is void, if one that is cut off behind it has."""
    behind = walk(groups, version.row_id) if version.xmax else (version,)
    return KEY_CHANGED if any(each.next & KEY_CHANGED for each in behind) else 0


def version_address(groups: RowGroups, row_id: int) -> int:
    """Where a slot's header lies."""
    return groups[row_id >> SLOT_BITS].version_address(row_id & SLOT_MASK)


def _relinked(version: Version, following: int) -> Version:
    """The version with the link of the one behind it, which is cut out."""
    flags = version.next & ~(ROW_ID_MASK | KEY_KEPT) | following & KEY_CHANGED
    return Version(
        version.row_id,
        version.xmin,
        version.xmax,
        flags | following & ROW_ID_MASK,
        version.nulls,
    )
