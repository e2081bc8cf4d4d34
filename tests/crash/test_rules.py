"""Rules of crash safety that are no switch: each is broken by hand, and the simulation has to notice.

Beside those of test_simulation, which storage.options.Protocol can switch off.
"""

import pytest

from storage import control, store
from storage.checkpoint import Checkpointer
from storage.segments import PageSegments
from tests.crash.disk import CrashingFile, CrashingFiles
from tests.crash.simulation import Plan, run_seed

SEEDS = 600


def one_block_only(_control):
    return 0


def tail_left_as_it_is(*_):
    pass


def directory_not_synced(files, _directory):
    files.faults.tick()


def recycled_before_the_control_block(checkpointer, *, clean):
    keep = checkpointer._redo_lsn
    checkpointer._pager.wal.recycle(keep)
    CONCLUDE(checkpointer, clean=clean)


def grown_without_sync(segments, page_count):
    syncs, CrashingFile.datasync = CrashingFile.datasync, lambda _file: None
    try:
        GROW(segments, page_count)
    finally:
        CrashingFile.datasync = syncs


CONCLUDE = Checkpointer._conclude
GROW = PageSegments.grow
BROKEN = {
    "control blocks are written in turn": (control, "_block_offset", one_block_only, 0.0),
    "the end of the log is written again": (store, "write_tail_again", tail_left_as_it_is, 0.05),
    "names are durable before use": (CrashingFiles, "sync_directory", directory_not_synced, 0.0),
    "the log is kept until the control block": (
        Checkpointer,
        "_conclude",
        recycled_before_the_control_block,
        0.0,
    ),
    "pages are durable before use": (PageSegments, "grow", grown_without_sync, 0.0),
}
"""Where each rule stands, what stands there without it, and the rate of I/O errors that shows it."""


SLOW = {"the end of the log is written again"}


@pytest.mark.parametrize(
    "rule",
    [pytest.param(rule, marks=[pytest.mark.slow] if rule in SLOW else []) for rule in BROKEN],
)
def test_without_the_rule_something_is_lost(monkeypatch, rule):
    place, name, broken, error_rate = BROKEN[rule]
    monkeypatch.setattr(place, name, broken)
    plan = Plan(error_rate=error_rate)
    assert any(is_bad(seed, plan) for seed in range(SEEDS))


def is_bad(seed, plan):
    """Whether the seed loses something, or the store cannot even be opened."""
    try:
        return run_seed(seed, plan) is not None
    except (AssertionError, OSError, KeyError):
        return True
