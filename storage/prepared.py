"""Prepared transactions: those that have promised to commit and wait, beyond their session, to be told.

Rule 1: a PREPARE record says all that must survive: ids, locks, what a serializable one has read and
        written. From its flush on nothing but COMMIT PREPARED or ROLLBACK PREPARED ends the transaction.
Rule 2: a checkpoint keeps the records of those that are prepared in the engine's state, so recovery finds
        them there or in the log behind it.
Rule 3: a CUT_OFF record is the first word of a rollback: were anything taken back before it, a crash would leave
        a transaction that is still prepared and no longer whole.
Rule 4: after a restart such a transaction holds its locks again before anybody is served. Its undo is gone:
        when it is rolled back, its ids become `aborted` as if a crash had cut it off, and a CUT_OFF record
        says so.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from storage.lock_modes import LockMode, LockOwner, RowLock, Tag
from storage.locks import Locks

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class PreparedGroup:
    """The lock group of a prepared transaction: it belongs to no session, the one that made it included."""

    gid: str


@dataclass(frozen=True, slots=True)
class PreparedState:
    """What a PREPARE record says. `note` is the server's own: who prepared it, when, in which database."""

    gid: str
    xids: tuple[int, ...]
    note: str
    locks: tuple[tuple[Tag, LockMode], ...]
    rows: tuple[tuple[int, int, RowLock], ...]
    dropped: tuple[int, ...] = ()
    reads: tuple[int, ...] | None = None  # None: it was not serializable
    writes: tuple[int, ...] = ()

    def pack(self) -> bytes:
        """The state as bytes."""
        fields: dict[str, Any] = {
            "gid": self.gid,
            "xids": self.xids,
            "note": self.note,
            "locks": self.locks,
            "rows": self.rows,
            "dropped": self.dropped,
            "reads": self.reads,
            "writes": self.writes,
        }
        return json.dumps(fields, separators=(",", ":")).encode()


def read_state(data: bytes) -> PreparedState:
    """What `pack` made bytes of."""
    fields = json.loads(data)
    reads = fields["reads"]
    return PreparedState(
        gid=fields["gid"],
        xids=tuple(fields["xids"]),
        note=fields["note"],
        locks=tuple((tuple(tag), LockMode(mode)) for tag, mode in fields["locks"]),
        rows=tuple((table, root, RowLock(mode)) for table, root, mode in fields["rows"]),
        dropped=tuple(fields["dropped"]),
        reads=None if reads is None else tuple(reads),
        writes=tuple(fields["writes"]),
    )


def pack_all(states: Iterable[PreparedState]) -> bytes:
    """Many states as bytes, for a checkpoint."""
    packed = [state.pack() for state in states]
    return b"".join(_LENGTH.pack(len(data)) + data for data in packed)


def read_all(data: bytes) -> Iterator[PreparedState]:
    """What `pack_all` made bytes of."""
    position = 0
    while position < len(data):
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        yield read_state(data[position : position + length])
        position += length


def surviving(
    kept: bytes, logged: dict[int, bytes], finished: Iterable[int]
) -> dict[str, PreparedState]:
    """The transactions that were prepared when the log ended: of the checkpoint and of the log behind it."""
    done = frozenset(finished)
    states = [*read_all(kept), *map(read_state, logged.values())]
    return {state.gid: state for state in states if state.xids[0] not in done}


def take_locks(locks: Locks, owner: LockOwner, state: PreparedState) -> None:
    """Give a prepared transaction back the locks it had, before anybody else can have one."""
    for tag, mode in state.locks:
        granted = locks.try_acquire(owner, tag, mode)
        assert granted, tag
    for relation_id, root_id, strength in state.rows:
        blocker = locks.lock_row(owner, relation_id, root_id, strength)
        assert blocker is None, (relation_id, root_id)
