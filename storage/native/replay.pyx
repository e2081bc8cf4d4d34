"""The twin of replay_records() in storage/replay.py: redo without a Python object for each change.

Nearly all of it is done without the interpreter, which others may have meanwhile.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from storage.native.change cimport PageTable, Words, push, redo_raw
from storage.native.log_record cimport (
    COMPRESSED,
    Header,
    Place,
    as_log_place,
    as_record,
    ends_alone,
    payload_of,
    place_of,
    record_end,
    step,
)

from storage.native.change import redo

cdef enum:
    CHANGE_KIND = 1
    LATELY = 64  # so many ids are known to have been noted: transactions take turns in the log


cdef struct Noted:
    Words changed
    Words ended
    uint64_t lately[LATELY]


cdef int note(Noted *noted, uint64_t xid) except -1 nogil:
    """A transaction has made a change."""
    if xid and noted.lately[xid % LATELY] != xid:
        noted.lately[xid % LATELY] = xid
        push(&noted.changed, xid)
    return 0


cdef int replay(
    PageTable table, const unsigned char *base, uint64_t start, uint64_t size, Place *at,
    uint64_t until_lsn, Noted *noted, uint64_t *count, list others,
) except -1 nogil:
    """Redoes what there is."""
    cdef const Header *header
    while at.lsn < until_lsn:
        header = step(base, &start, size, at)
        if header == NULL:
            break
        count[0] += 1
        if header.kind == CHANGE_KIND:
            note(noted, header.xid)
            if not header.flags & COMPRESSED:
                redo_raw(
                    table, <const unsigned char *>header + sizeof(Header),
                    header.length - sizeof(Header), header.lsn, record_end(header),
                )
            else:
                with gil:
                    redo(table, payload_of(header), header.lsn, record_end(header))
        elif ends_alone(header):
            push(&noted.ended, header.xid)
        else:
            with gil:
                others.append(as_record(header))
    return 0


cdef add_all(set xids, const Words *words):
    cdef size_t index
    for index in range(words.count):
        xids.add(words.items[index])


def replay_records(
    PageTable table not None, bytes data not None, uint64_t start, place, uint64_t until_lsn,
    set xids not None,
):
    """Redoes the changes among the records from a position in data on; see storage/replay.py."""
    cdef const unsigned char *base = <const unsigned char *><const char *>data
    cdef uint64_t size = len(data), count = 0
    cdef Place at = place_of(place)
    cdef Noted noted
    cdef set ended = set()
    cdef list others = []
    memset(&noted, 0, sizeof(noted))
    table.begin_redo()
    try:
        with nogil:
            replay(table, base, start, size, &at, until_lsn, &noted, &count, others)
    finally:
        table.end_redo()
        add_all(xids, &noted.changed)
        add_all(ended, &noted.ended)
        free(noted.changed.items)
        free(noted.ended.items)
    return as_log_place(&at), count, ended, others
