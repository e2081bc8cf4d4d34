"""Recovery: brings the pages to what the log says, before anybody is served.

Rule 1: first the log is read to its end and judged, then pages are touched. A log that ends before
        something known to be durable is Corruption: recovery stops, and has changed nothing.
Rule 2: redo is unconditional, from the redo point on, in order. It may be cut off anywhere and
        start again: the log is not changed by it, and every page it writes it would write again.
Rule 3: after redo a new incarnation starts at the cut, and the store is as it was before the crash:
        its redo point stays where it is until the next checkpoint.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field

from storage.change import PageTable
from storage.checkpoint import decode_checkpoint
from storage.control import Control, ControlFile
from storage.errors import Corruption
from storage.files import Files
from storage.log_reader import LogReader
from storage.log_record import WalRecord
from storage.log_segments import LogSegments, segment_name
from storage.native import replay_records, skip_records
from storage.options import Options
from storage.pages import Pager
from storage.records import Kind, decode_end, record_kind


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where the log ends, and what its last checkpoint had to say."""

    end_lsn: int
    last_lsn: int
    durable_lsn: int
    record_count: int
    engine_state: bytes


@dataclass(slots=True)
class Recovered:
    """What recovery learned of transactions.

    A transaction that was active at the redo point, as engine_state tells, or is in `unfinished`,
    and is not in `finished` or `prepared`, was cut off by the crash. One in `cut_off` was prepared,
    and rolled back after a restart: no more is known of its stamps than of those a crash leaves.
    """

    engine_state: bytes
    next_xid: int = 1
    unfinished: set[int] = field(default_factory=set)
    finished: set[int] = field(default_factory=set)
    prepared: dict[int, bytes] = field(default_factory=dict)
    cut_off: set[int] = field(default_factory=set)
    commit_stamps: dict[int, bytes] = field(default_factory=dict)
    record_count: int = 0
    end_lsn: int = 0

    def redo(self, table: PageTable, records: Sequence[WalRecord], ended: Set[int]) -> None:
        """Redoes records that are no changes, and takes them into account; `ended` are further ids that ended."""
        for record in records:
            record_kind(record).redo(table, record)
            self._observe(record)
        self._end(ended - {0})

    def _observe(self, record: WalRecord) -> None:
        if record.xid == 0:
            return
        self.next_xid = max(self.next_xid, record.xid + 1)
        if record.kind in (Kind.COMMIT, Kind.ABORT):
            subxids, stamp = decode_end(record.payload)
            xids = {record.xid, *subxids}
            self._end(xids)
            if stamp:
                self.commit_stamps.update(dict.fromkeys(xids, stamp))
        else:
            self.unfinished.add(record.xid)
        if record.kind == Kind.PREPARE:
            self.prepared[record.xid] = record.payload
        elif record.kind == Kind.CUT_OFF:
            self.prepared.pop(record.xid, None)
            self.cut_off.update((record.xid, *decode_end(record.payload)[0]))

    def _end(self, xids: Set[int]) -> None:
        for xid in self.prepared.keys() & xids:
            del self.prepared[xid]
        self.next_xid = max(self.next_xid, max(xids, default=0) + 1)
        self.unfinished -= xids
        # They may have begun before the redo point too, as only engine_state knows.
        self.finished |= xids


def find_end(files: Files, options: Options, control_file: ControlFile) -> LogEnd:
    """Reads the log from the redo point to its end; Corruption when it should reach further."""
    control = control_file.control
    checkpoint = LogReader(files, options, control.checkpoint_lsn).next()
    if checkpoint is None or checkpoint.kind != Kind.CHECKPOINT:
        name = segment_name(control.checkpoint_lsn // options.wal_segment_bytes)
        detail = f"no checkpoint at {control.checkpoint_lsn:#x}"
        if (
            control_file.is_alone
        ):  # the log is kept for the newest block, and that may be the bad one
            raise Corruption(
                control_file.name, None, f"bad control block, and {detail} of the other"
            )
        raise Corruption(name, None, detail)
    _, engine_state = decode_checkpoint(checkpoint.payload)
    reader = LogReader(files, options, control.redo_lsn)
    count, durable_lsn = 0, control.durable_lsn
    while True:
        place, skipped, known_lsn = skip_records(*reader.window())
        if not skipped and not reader.read_on():
            break
        if skipped:
            reader.move_to(place)
        count, durable_lsn = count + skipped, max(durable_lsn, known_lsn)
    reader.check_torn(control.durable_lsn)
    assert reader.previous_lsn is not None
    return LogEnd(reader.lsn, reader.previous_lsn, durable_lsn, count, engine_state)


def write_tail_again(files: Files, options: Options, segments: LogSegments, end: LogEnd) -> None:
    """Writes and syncs what may be in the page cache only: pages may only follow a durable log.

    A sync alone would not do. When the killed server's last sync failed, the kernel has marked its
    data clean, and would sync it never again.
    """
    reader = LogReader(files, options, end.durable_lsn)
    segments.write(end.durable_lsn, reader.read_bytes(end.durable_lsn, end.end_lsn))


def replay(
    files: Files,
    options: Options,
    pager: Pager,
    control: Control,
    end: LogEnd,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Recovered:
    """Redoes the log, writing pages back when too many are dirty."""
    recovered = Recovered(end.engine_state, end_lsn=end.end_lsn)
    table = pager.table
    table.redo_lsn = control.redo_lsn
    reader = LogReader(files, options, control.redo_lsn)
    while reader.lsn < end.end_lsn:
        place, count, ended, others = replay_records(
            table, *reader.window(), end.end_lsn, recovered.unfinished
        )
        if not count and not reader.read_on():
            break
        if count:
            reader.move_to(place)
        recovered.redo(table, others, ended)
        recovered.record_count += count
        if progress is not None:
            progress(recovered.record_count, end.record_count)
        if table.relieve is not None and pager.dirty_page_count > pager.dirty_page_count_max:
            table.relieve()
    recovered.next_xid = max(recovered.next_xid, max(recovered.unfinished, default=0) + 1)
    if reader.lsn != end.end_lsn:
        name = segment_name(reader.lsn // options.wal_segment_bytes)
        raise Corruption(name, None, f"record at {reader.lsn:#x} changed while it was read")
    return recovered
