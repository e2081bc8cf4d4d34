"""Modes of locks on tables and on rows, what conflicts with what, and what a lock is on."""

from collections.abc import Hashable
from enum import IntEnum
from typing import Protocol

Tag = tuple[str | int, ...]  # ("relation", 16384), ("advisory", 1, 42), ("xid", 731)


class LockMode(IntEnum):
    """PostgreSQL's table lock modes, weakest first."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8


def bits(*modes: int) -> int:
    """The set of some modes."""
    return sum(1 << mode for mode in modes)


# Manual 13.3.1, table 13.2: bit sets of the modes that conflict with each mode.
CONFLICTS: dict[int, int] = {
    LockMode.ACCESS_SHARE: bits(8),
    LockMode.ROW_SHARE: bits(7, 8),
    LockMode.ROW_EXCLUSIVE: bits(5, 6, 7, 8),
    LockMode.SHARE_UPDATE_EXCLUSIVE: bits(4, 5, 6, 7, 8),
    LockMode.SHARE: bits(3, 4, 6, 7, 8),
    LockMode.SHARE_ROW_EXCLUSIVE: bits(3, 4, 5, 6, 7, 8),
    LockMode.EXCLUSIVE: bits(2, 3, 4, 5, 6, 7, 8),
    LockMode.ACCESS_EXCLUSIVE: bits(1, 2, 3, 4, 5, 6, 7, 8),
}


class RowLock(IntEnum):
    """PostgreSQL's row lock modes, weakest first."""

    KEY_SHARE = 1
    SHARE = 2
    NO_KEY_UPDATE = 3
    UPDATE = 4


# Manual 13.3.2, table 13.3.
ROW_CONFLICTS: dict[RowLock, int] = {
    RowLock.KEY_SHARE: bits(4),
    RowLock.SHARE: bits(3, 4),
    RowLock.NO_KEY_UPDATE: bits(2, 3, 4),
    RowLock.UPDATE: bits(1, 2, 3, 4),
}


TableLock = tuple[Tag, LockMode]
"""A lock on a relation, as `Locks.try_all` and `Locks.all_free` want it."""


def table_lock(relation_id: int, mode: LockMode) -> TableLock:
    """The lock on the relation with this id."""
    return ("relation", relation_id), mode


class LockOwner(Protocol):
    """Who holds locks: a transaction, or a session for what outlives transactions."""

    @property
    def lock_group(self) -> Hashable:
        """Owners with equal groups never conflict and are one node in the search for deadlocks."""
