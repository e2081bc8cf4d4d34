"""One WAL record as read back, and what makes it valid.

Rule 1: a record counts when its length, LSN, incarnation and checksum are right, and it follows the
        record before it. Bytes of an older life of the segment fail by their LSN, records cut off
        by an earlier recovery by their incarnation.
"""

from typing import NamedTuple

import numpy as np

from storage.checksums import record_checksum
from storage.logbuffer import (
    ALIGNMENT,
    HEADER,
    HEADER_BYTES,
    RECORD_BYTES_MAX,
    padded,
    unpack_payload,
)

INCARNATION_KIND = 2
"""The only kind of record that may start a new incarnation; recovery writes it at the cut."""
END_KINDS = (4, 5)
"""What ends a transaction: with a commit, or without."""
NO_SUBXIDS = bytes(4)
"""What such a record says of a transaction that had no subtransactions, if it says no more."""


class WalRecord(NamedTuple):
    """One record."""

    lsn: int
    end_lsn: int
    kind: int
    xid: int
    previous_lsn: int
    durable_lsn: int
    incarnation: int
    payload: bytes


class LogPlace(NamedTuple):
    """Where the next record is looked for, and what it must follow; None: anything will do."""

    lsn: int
    previous_lsn: int | None
    incarnation: int | None


def place_after(record: WalRecord) -> LogPlace:
    """Where the record after this one is looked for."""
    return LogPlace(record.end_lsn, record.lsn, record.incarnation)


def ends_alone(record: WalRecord) -> bool:
    """Whether a record is the end of a transaction that had no subtransactions, and says no more, as most are."""
    return record.kind in END_KINDS and record.payload == NO_SUBXIDS


def follows(record: WalRecord, place: LogPlace) -> bool:
    """Whether a record that is whole in itself belongs at the place."""
    if place.previous_lsn is not None and record.previous_lsn != place.previous_lsn:
        return False
    if place.incarnation is None:
        return True
    if record.kind == INCARNATION_KIND:
        return record.incarnation > place.incarnation
    return record.incarnation == place.incarnation


def read_record(data: bytes, start: int, lsn: int) -> WalRecord | None:
    """The record with that LSN at a position in data, if a whole one is there."""
    if start + HEADER_BYTES > len(data):
        return None
    fields = HEADER.unpack_from(data, start)
    length, checksum, found, previous_lsn, durable_lsn, xid, incarnation, kind, flags = fields
    if found != lsn or not HEADER_BYTES <= length <= min(RECORD_BYTES_MAX, len(data) - start):
        return None
    if record_checksum(data, start, length) != checksum:
        return None
    payload = unpack_payload(data[start + HEADER_BYTES : start + length], flags)
    end_lsn = lsn + padded(length)
    return WalRecord(lsn, end_lsn, kind, xid, previous_lsn, durable_lsn, incarnation, payload)


def read_records(data: bytes, start: int, place: LogPlace, count_max: int) -> list[WalRecord]:
    """The valid records from a position in data on, as many as follow each other within it."""
    found: list[WalRecord] = []
    base = place.lsn - start
    while len(found) < count_max:
        record = read_record(data, place.lsn - base, place.lsn)
        if record is None or not follows(record, place):
            break
        found.append(record)
        place = place_after(record)
    return found


def skip_records(data: bytes, start: int, place: LogPlace) -> tuple[LogPlace, int, int]:
    """Behind the valid records from a position in data on: where, how many, what they know to be durable."""
    records = read_records(data, start, place, len(data))
    if not records:
        return place, 0, 0
    return place_after(records[-1]), len(records), max(record.durable_lsn for record in records)


def own_places(data: bytes, lsn: int) -> list[int]:
    """The places that the words of a piece of the log name, where a record there had that word as its second.

    A record's second word is its own LSN, whatever else is broken around it. The piece begins at lsn.
    """
    words = np.frombuffer(data, dtype="<u8", count=len(data) // ALIGNMENT)
    first = lsn - ALIGNMENT
    places = np.arange(first, first + len(words) * ALIGNMENT, ALIGNMENT, dtype=np.int64)
    found: list[int] = places[words.view(np.int64) == places].tolist()
    return found
