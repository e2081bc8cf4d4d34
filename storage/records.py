"""Every kind of WAL record, as one table of number, name and how it is redone and described.

Rule 1: numbers are on disk: they are never renumbered or reused.
Rule 2: only CHANGE touches pages. The others tell what became of transactions, or mark the log.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

from storage.change import CHANGE_KIND, describe
from storage.errors import Corruption
from storage.log_record import END_KINDS, INCARNATION_KIND, WalRecord
from storage.native import PageTable, redo

_COUNT = struct.Struct("<I")
_XID = struct.Struct("<Q")


class Kind(IntEnum):
    """The kinds of WAL records."""

    CHANGE = CHANGE_KIND
    INCARNATION = INCARNATION_KIND
    CHECKPOINT = 3
    COMMIT = 4
    ABORT = 5
    PREPARE = 6
    MESSAGE = 7
    CUT_OFF = 8


@dataclass(frozen=True, slots=True)
class RecordKind:
    """What is done with a record of one kind."""

    kind: Kind
    redo: Callable[[PageTable, WalRecord], None]
    describe: Callable[[WalRecord], str]


def _redo_change(table: PageTable, record: WalRecord) -> None:
    redo(table, record.payload, record.lsn, record.end_lsn)


def _redo_nothing(_table: PageTable, _record: WalRecord) -> None:
    """Pages do not know of it."""


def _describe_change(record: WalRecord) -> str:
    return "; ".join(describe(record.payload))


def _describe_end(record: WalRecord) -> str:
    subxids, payload = decode_end(record.payload)
    return f"subxids {list(subxids)} and {len(payload)} bytes"


def _describe_bytes(record: WalRecord) -> str:
    return f"{len(record.payload)} bytes"


RECORD_KINDS: dict[int, RecordKind] = {
    row.kind: row
    for row in (
        RecordKind(Kind.CHANGE, _redo_change, _describe_change),
        RecordKind(Kind.INCARNATION, _redo_nothing, _describe_bytes),
        RecordKind(Kind.CHECKPOINT, _redo_nothing, _describe_bytes),
        RecordKind(Kind.COMMIT, _redo_nothing, _describe_end),
        RecordKind(Kind.ABORT, _redo_nothing, _describe_end),
        RecordKind(Kind.PREPARE, _redo_nothing, _describe_bytes),
        RecordKind(Kind.MESSAGE, _redo_nothing, _describe_bytes),
        RecordKind(Kind.CUT_OFF, _redo_nothing, _describe_end),
    )
}
assert RECORD_KINDS.keys() == set(Kind)
assert END_KINDS == (Kind.COMMIT, Kind.ABORT)


def record_kind(record: WalRecord) -> RecordKind:
    """The row of a record's kind; Corruption when there is none."""
    row = RECORD_KINDS.get(record.kind)
    if row is None:
        raise Corruption("wal", None, f"unknown kind {record.kind} of record at {record.lsn:#x}")
    return row


def encode_end(subxids: Iterable[int], payload: bytes = b"") -> bytes:
    """The payload of COMMIT and ABORT: subtransactions that end too, and what the caller adds."""
    xids = tuple(subxids)
    return _COUNT.pack(len(xids)) + b"".join(map(_XID.pack, xids)) + payload


def decode_end(payload: bytes) -> tuple[tuple[int, ...], bytes]:
    """The subtransactions and the caller's bytes."""
    (count,) = _COUNT.unpack_from(payload)
    end = _COUNT.size + count * _XID.size
    xids = tuple(xid for (xid,) in _XID.iter_unpack(payload[_COUNT.size : end]))
    return xids, payload[end:]


def describe_record(record: WalRecord) -> str:
    """One line for a person."""
    row = record_kind(record)
    return f"{record.lsn:#x} {row.kind.name.lower()} xid {record.xid}: {row.describe(record)}"
