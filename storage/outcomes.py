"""What becomes of an attempt to change, lock or find a row."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Status(IntEnum):
    """What became of an attempt to change or lock a row."""

    DONE = 0
    BLOCKED = 1
    UPDATED = 2
    DELETED = 3
    SELF_MODIFIED = 4
    DUPLICATE = 5


class Outcome(NamedTuple):
    """The result of changing a row.

    DONE: new_row_id is the new version, root_id what index entries for it must point to.
    BLOCKED: wait for blocker_xid, then start again. UPDATED: new_row_id is the newest version, by
    a committed transaction. DELETED: by a committed one. SELF_MODIFIED: by this transaction.
    DUPLICATE (unique insertion): root_id is the row in the way.
    """

    status: Status
    blocker_xid: int = 0
    new_row_id: int = 0
    root_id: int = 0


class Live(NamedTuple):
    """Whether a row has a version that is not (yet) over, for unique checks.

    DONE: it has, row_id; DELETED: none; BLOCKED: that depends on blocker_xid.
    """

    status: Status
    row_id: int = 0
    blocker_xid: int = 0


class Swept(NamedTuple):
    """What vacuum's look at some slots has done, and what is left to do."""

    left: list[int]
    """Slots that need the long way."""
    moved: list[int]
    """Row ids whose versions went into their roots."""
    freed: int
    dead_roots: list[int]
    """Rows that are over, marked so."""
    changed_roots: list[tuple[int, int]]
    """Rows whose keys have changed, and who made the one version that each has; 0: it has others."""


@dataclass(slots=True)
class Counts:
    """What was done to a table since the server started, undone or not."""

    inserted: int = 0
    updated: int = 0
    updated_keys: int = 0
    deleted: int = 0
