"""Rules of crash safety that are no switch: each is broken by hand, and the simulation has to notice.

Beside those of test_simulation, which storage.options.Protocol can switch off. README.md says which rule stands
where, and which test notices its absence.
"""

import struct
from dataclasses import replace

import pytest

from storage import change, control, log_reader, log_record, pages, recovery, replay, store
from storage.checkpoint import Checkpointer
from storage.errors import Corruption, DiskFull
from storage.hollows import Hollows
from storage.log_segments import LogSegments
from storage.segments import PageSegments
from storage.unlogged_pages import UnloggedPages
from storage.writeback import WriteBack
from tests.crash import simulation
from tests.crash.disk import CrashingFile, CrashingFiles
from tests.crash.simulation import PAGE_BYTES, Plan, Simulation, run_seed

SEEDS = 3000
CONCLUDE = Checkpointer._conclude
GROW = PageSegments.grow
SETTLE = WriteBack._settle
LENGTH_AND_SUM = struct.Struct("<II")


def one_block_only(patch):
    patch.setattr(control, "_block_offset", lambda _control: 0)


def tail_left_as_it_is(patch):
    patch.setattr(store, "write_tail_again", lambda *_: None)


def directory_not_synced(patch):
    patch.setattr(CrashingFiles, "sync_directory", lambda files, _directory: files.faults.tick())


def recycled_before_the_control_block(patch):
    def conclude(checkpointer, *, clean):
        checkpointer._pager.wal.recycle(checkpointer._redo_lsn)
        CONCLUDE(checkpointer, clean=clean)

    patch.setattr(Checkpointer, "_conclude", conclude)


def redo_point_at_the_end(patch):
    """Recovery starts behind what was changed while the checkpoint was under way."""

    def conclude(checkpointer, *, clean):
        checkpointer._redo_lsn = checkpointer._pager.wal.end_lsn
        CONCLUDE(checkpointer, clean=clean)

    patch.setattr(Checkpointer, "_conclude", conclude)


def grown_without_sync(patch):
    def grow(segments, page_count):
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(CrashingFile, "datasync", lambda _file: None)
            GROW(segments, page_count)

    patch.setattr(PageSegments, "grow", grow)


def not_refilled(patch):
    """Pages whose room was given back are used as if they had it."""
    patch.setattr(PageSegments, "refill", lambda *_: None)


def hollows_forgotten(patch):
    """After a restart all that is free is taken to have room."""
    patch.setattr(Hollows, "adopt", lambda *_: None)


def segments_not_prepared(patch):
    """Segments of the log are named before they are zeros and durable."""

    def prepare_file(segments):
        segments.files.open("wal/new", create=True).allocate(segments._segment_bytes)

    patch.setattr(LogSegments, "_prepare_file", prepare_file)


def written_by_the_system(patch):
    """Changed pages reach their file when the system likes, as from a shared mapping."""

    def write(life):
        pager = life.store.pager
        pages = life.options.page_segment_bytes // PAGE_BYTES
        for page_no in pager.table.dirty[-3:]:
            content = pager.store[page_no * PAGE_BYTES : (page_no + 1) * PAGE_BYTES].tobytes()
            file = pager.segments._pages[page_no // pages]
            file.pwrite(page_no % pages * PAGE_BYTES, content)

    actions = [write if each is Simulation._prepare else each for each in simulation._ACTIONS]
    patch.setattr(simulation, "_ACTIONS", tuple(actions))


def in_python(patch):
    """The log is read by the originals, of which a part can be exchanged."""
    patch.setattr(log_reader, "read_records", log_record.read_records)
    patch.setattr(recovery, "skip_records", log_record.skip_records)
    patch.setattr(recovery, "replay_records", replay.replay_records)


def checksums_of_records_not_compared(patch):
    in_python(patch)
    patch.setattr(
        log_record,
        "record_checksum",
        lambda data, start, _length: LENGTH_AND_SUM.unpack_from(data, start)[1],
    )


def changes_redone_by_halves(patch):
    """A change that was cut off is redone as far as it is there."""
    in_python(patch)
    redo = replay.redo

    def redo_half(table, payload, start_lsn, end_lsn):
        if len(payload) < 700 or start_lsn // 8 % 3:
            redo(table, payload, start_lsn, end_lsn)

    patch.setattr(replay, "redo", redo_half)


def images_of_torn_pages_only(patch):
    """A page that is whole keeps what it has become since its image was logged."""
    in_python(patch)
    store_image = change._STORE[change.Operation.IMAGE]

    def store(table, payload, address, argument, operands, lsn):
        try:
            table.check(address // table.page_bytes, 1)
        except Corruption:
            store_image(table, payload, address, argument, operands, lsn)

    patch.setitem(change._STORE, change.Operation.IMAGE, store)


class StoredFirst(change.Change):
    """A change that is in memory by the time its record finds no room in the log."""

    def commit(self):
        payload, lsn = bytes(self._payload), self.log.end_lsn
        try:
            return super().commit()
        except DiskFull:
            for code, *operation in change._operations(payload):
                if code != change.Operation.IMAGE:
                    change._STORE[code](self.table, payload, *operation, lsn)
            raise


def stored_before_the_record(patch):
    patch.setattr(pages, "Change", StoredFirst)


def settled_although_changed(patch):
    """Pages that changed between their copy and its sync are taken for clean."""

    def settle(write_back, run):
        table = write_back._pager.table
        now = table.lsns[run.first_page : run.first_page + len(run.lsns)].tolist()
        SETTLE(write_back, replace(run, lsns=now))

    patch.setattr(WriteBack, "_settle", settle)


def free_pages_as_their_checksums_say(patch):
    """A page that was never written by its checksum is taken for zeros."""
    patch.setattr(UnloggedPages, "are_any", False)


def stopped_until_the_checkpoint(patch):
    """The control block of a store that was stopped says so until the first checkpoint of the next life."""

    def claim(file):
        file.write(replace(file.control, incarnation=file.control.incarnation + 1))

    patch.setattr(control.ControlFile, "claim_incarnation", claim)


BROKEN = {
    "pages are mapped privately": (written_by_the_system, 0.0),
    "pages are durable before use": (grown_without_sync, 0.0),
    "room that was given back is taken again before use": (not_refilled, 0.0),
    "what is free may be without room after a restart": (hollows_forgotten, 0.0),
    "names are durable before use": (directory_not_synced, 0.0),
    "log segments are durable before use": (segments_not_prepared, 0.0),
    "a record counts if its checksum is right": (checksums_of_records_not_compared, 0.0),
    "every record is redone": (changes_redone_by_halves, 0.0),
    "the redo point is fixed first": (redo_point_at_the_end, 0.0),
    "control blocks are written in turn": (one_block_only, 0.0),
    "the log is kept until the control block": (recycled_before_the_control_block, 0.0),
    "the end of the log is written again": (tail_left_as_it_is, 0.05),
    "images are redone whatever the page looks like": (images_of_torn_pages_only, 0.0),
    "the record goes before the store": (stored_before_the_record, 0.0),
    "a page that changed since its copy stays dirty": (settled_although_changed, 0.0),
    "free pages may hold what was not logged": (free_pages_as_their_checksums_say, 0.0),
    "a store that is in use again counts as crashed": (stopped_until_the_checkpoint, 0.0),
}
"""What breaks each rule, and the rate of I/O errors that shows it."""


SLOW = {"the end of the log is written again"}


@pytest.mark.parametrize(
    "rule",
    [pytest.param(rule, marks=[pytest.mark.slow] if rule in SLOW else []) for rule in BROKEN],
)
def test_without_the_rule_something_is_lost(monkeypatch, rule):
    breaks, error_rate = BROKEN[rule]
    breaks(monkeypatch)
    plan = Plan(error_rate=error_rate)
    assert any(is_bad(seed, plan) for seed in range(SEEDS))


def is_bad(seed, plan):
    """Whether the seed loses something, or the store cannot even be opened."""
    try:
        return run_seed(seed, plan) is not None
    except (AssertionError, OSError, KeyError, ValueError, IndexError, struct.error):
        return True


def test_the_originals_alone_lose_nothing(monkeypatch):
    """What notices the rules above is not that the log is read in Python."""
    in_python(monkeypatch)
    assert not any(is_bad(seed, Plan()) for seed in range(20))
