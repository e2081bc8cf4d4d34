"""The twin of replay_records() in storage/replay.py: redo without a Python object for each change."""

from libc.stdint cimport uint64_t

from storage.native.change cimport PageTable, redo_raw
from storage.native.log_record cimport (
    COMPRESSED,
    Header,
    Place,
    as_log_place,
    as_record,
    payload_of,
    place_of,
    record_end,
    step,
)

from storage.native.change import redo

cdef enum:
    CHANGE_KIND = 1


def replay_records(
    PageTable table not None, bytes data not None, uint64_t start, place, uint64_t until_lsn,
    set xids not None,
):
    """Redoes the changes among the records from a position in data on; see storage/replay.py."""
    cdef const unsigned char *base = <const unsigned char *><const char *>data
    cdef uint64_t size = len(data), count = 0, last_xid = 0
    cdef Place at = place_of(place)
    cdef const Header *header
    others = []
    while at.lsn < until_lsn:
        header = step(base, &start, size, &at)
        if header == NULL:
            break
        count += 1
        if header.kind != CHANGE_KIND:
            others.append(as_record(header))
            continue
        if header.flags & COMPRESSED:
            redo(table, payload_of(header), header.lsn, record_end(header))
        else:
            redo_raw(
                table, <const unsigned char *>header + sizeof(Header),
                header.length - sizeof(Header), header.lsn, record_end(header),
            )
        if header.xid != last_xid and header.xid:
            last_xid = header.xid
            xids.add(last_xid)
    return as_log_place(&at), count, others
