"""Transactions: stamps, snapshots, savepoints, and the order in which commits appear."""

import threading
from dataclasses import replace

import pytest

from server.clock import SystemClock
from storage.commit_log import CommitLog as PythonLog
from storage.commit_log import has_xid
from storage.commit_queue import BUSY_FLUSH_NS
from storage.commit_queue import CommitQueue as PythonQueue
from storage.engine import Engine
from storage.errors import Failed
from storage.fast_paths import CommitLog
from storage.fast_work import CommitQueue
from storage.locks import Locks
from storage.memory_files import MemoryFiles
from storage.transactions import Transaction
from storage.waits import Completion
from tests.support.small_engine import SMALL
from tests.support.waiting import until


class SlowWal:
    """A log whose flushes end when the test says so."""

    def __init__(self):
        self.end = 100
        self.durable_lsn = 100
        self.flushes = []
        self.asked = []
        self.error = None

    def commit(self, xids, payload):
        self.end += 10
        return self.end

    def abort(self, xids):
        self.end += 10
        return self.end

    def flush_to(self, lsn, *, alone=False):
        completion = Completion()
        self.flushes.append((lsn, completion))
        return completion

    def flush_soon(self, lsn, *, alone):
        self.asked.append((lsn, alone))
        return self.error


@pytest.fixture(params=[CommitLog, PythonLog])
def log(request):
    return request.param()


@pytest.fixture
def wal():
    return SlowWal()


@pytest.fixture(params=[CommitQueue, PythonQueue])
def queue(request, wal, log):
    return request.param(wal, log, Locks())


@pytest.fixture
def begin(log, queue):
    locks = Locks()
    return lambda **options: Transaction(log, locks, queue, **options)


def flush(wal, queue, lsn):
    wal.durable_lsn = lsn
    queue.advance(lsn)
    for wanted, completion in wal.flushes:
        if wanted <= lsn and not completion.done:
            completion.complete()


def test_xids_are_taken_at_the_first_write(begin, log):
    first, second = begin(), begin()
    assert first.xids == ()
    assert second.xid == 3
    assert first.xid == 4
    assert log.oldest_active() == 3


def test_a_commit_is_seen_when_it_is_durable_and_not_before(begin, log, wal, queue):
    writer = begin()
    stamp = writer.stamp()
    before = log.snapshot()
    done = writer.commit()
    assert not done.done
    assert not log.snapshot().sees(stamp)
    flush(wal, queue, wal.end)
    assert done.done
    assert log.snapshot().sees(stamp)
    assert not before.sees(stamp)


def test_commits_appear_in_the_order_of_the_log(begin, log, wal, queue):
    first, second, third = begin(), begin(), begin()
    stamps = [each.stamp() for each in (third, first, second)]
    waiting = third.commit()
    quick = first.commit(synchronous=False)
    last = second.commit()
    assert not quick.done, "an asynchronous commit does not overtake"
    flush(wal, queue, 110)
    assert waiting.done
    assert quick.done
    assert not last.done
    snapshot = log.snapshot()
    assert [snapshot.sees(stamp) for stamp in stamps] == [True, True, False]


def test_an_asynchronous_commit_is_seen_at_once(begin, log):
    writer = begin()
    stamp = writer.stamp()
    assert writer.commit(synchronous=False).done
    assert log.snapshot().sees(stamp)


def test_a_failed_flush_leaves_the_outcome_unknown(begin, log, queue):
    writer, other = begin(), begin()
    stamp, _ = writer.stamp(), other.stamp()
    commits = [writer.commit(), other.commit(synchronous=False)]
    queue.fail(OSError("gone"))
    assert [type(done.error) for done in commits] == [OSError, OSError]
    assert not log.snapshot().sees(stamp)


def test_a_commit_after_a_failure_is_unknown_at_once(begin, log, wal):
    writer = begin()
    stamp = writer.stamp()
    wal.error = OSError("gone")
    assert writer.commit().error is wal.error
    assert not log.snapshot().sees(stamp)


def test_a_flush_that_was_faster_is_not_waited_for(begin, log, wal):
    writer = begin()
    stamp = writer.stamp()
    wal.durable_lsn = 1000
    assert writer.commit().done
    assert log.snapshot().sees(stamp)


@pytest.fixture
def turn(queue):
    """What is called when the turn of the thread that gathers its commits ends."""
    called = []
    queue.is_alone = lambda: False
    queue.gather(called.append)
    return called


def commit_of(begin):
    writer = begin()
    writer.stamp()
    return writer.commit()


def test_commits_of_one_turn_are_flushed_together(begin, wal, queue, turn):
    done = [commit_of(begin) for _ in range(3)]
    assert wal.asked == []
    assert len(turn) == 1
    turn.pop()()
    assert wal.asked == [(wal.end, False)]
    flush(wal, queue, wal.end)
    assert all(each.done for each in done)
    commit_of(begin)
    assert len(turn) == 1


def test_while_there_is_more_to_do_a_flush_waits_for_some_time_after_the_last(begin, wal, queue):
    soon, last, now = [], [], [BUSY_FLUSH_NS]
    queue.is_alone = lambda: False
    queue.clock_ns = lambda: now[0]
    queue.gather(soon.append, last.append)
    commit_of(begin)
    assert last == []
    soon.pop()()
    first = wal.end
    assert wal.asked == [(first, False)]
    now[0] += BUSY_FLUSH_NS - 1
    for _ in range(2):
        commit_of(begin)
    assert soon == []
    assert len(last) == 1
    now[0] += 1
    for _ in range(2):
        commit_of(begin)
    assert len(soon) == 1
    soon.pop()()
    assert wal.asked == [(first, False), (wal.end, False)]
    last.pop()()
    assert len(wal.asked) == 2
    commit_of(begin)
    last.pop()()
    assert wal.asked[2:] == [(wal.end, False)]


class Callbacks:
    """What the thread that gathers commits is to call: the functions, by when."""

    def __init__(self, queue):
        self.soon, self.last, self.later = [], [], []
        self.now_ns = 0
        queue.is_alone = lambda: False
        queue.clock_ns = lambda: self.now_ns
        queue.gather(self.soon.append, self.last.append, self.note)

    def note(self, seconds, function):
        assert seconds > 0
        self.later.append(function)

    def call(self):
        for calls in (self.soon, self.last):
            while calls:
                calls.pop()()


@pytest.fixture
def served(begin, wal, queue):
    """Two have been served by a flush, and one has come too late for it, and waits."""
    callbacks = Callbacks(queue)
    for _ in range(2):
        commit_of(begin)
        callbacks.now_ns += 10 * BUSY_FLUSH_NS
        callbacks.call()
        callbacks.now_ns += BUSY_FLUSH_NS
        late = commit_of(begin)
        callbacks.call()
        assert len(wal.asked) == 1 or not late.done
        flush(wal, queue, wal.end - 10)
        if wal.asked[-1][0] == wal.end:
            flush(wal, queue, wal.end)
    return callbacks


def test_a_flush_waits_for_the_crowd(begin, wal, queue, served):
    count = len(wal.asked)
    assert wal.durable_lsn < wal.end
    assert served.later
    served.call()
    assert len(wal.asked) == count
    commit_of(begin)
    served.call()
    assert wal.asked[count:] == [(wal.end, False)]


def test_a_flush_waits_for_no_crowd_that_does_not_come(wal, queue, served):
    count = len(wal.asked)
    served.later.pop()()
    assert len(wal.asked) == count
    served.now_ns += BUSY_FLUSH_NS
    served.later.pop()()
    served.call()
    assert wal.asked[count:] == [(wal.end, False)]


def test_a_flush_by_another_thread_ends_all_waiting(begin, wal, queue, served):
    commit_of(begin)
    served.call()
    late = commit_of(begin)
    served.call()
    count = len(wal.asked)
    thread = threading.Thread(target=flush, args=(wal, queue, wal.end - 10))
    thread.start()
    thread.join()
    assert wal.asked[count:] == [(wal.end, False)]
    flush(wal, queue, wal.end)
    assert late.done


def test_other_threads_gather_nothing(begin, wal, turn):
    thread = threading.Thread(target=commit_of, args=(begin,))
    thread.start()
    thread.join()
    assert wal.asked == [(wal.end, False)]
    assert turn == []


def test_who_is_alone_does_not_wait_for_the_end_of_the_turn(begin, wal, queue, turn):
    queue.is_alone = lambda: True
    commit_of(begin)
    assert wal.asked == [(wal.end, True)]
    assert turn == []


def test_who_gathers_no_more_flushes_what_there_is(begin, wal, queue, turn):
    commit_of(begin)
    queue.gather(None)
    assert wal.asked == [(wal.end, False)]
    turn.pop()()
    commit_of(begin)
    assert wal.asked == [(110, False), (120, False)]


def test_a_gathered_flush_that_fails_fails_all(begin, wal, turn):
    done = [commit_of(begin) for _ in range(2)]
    wal.error = Failed("no more")
    turn.pop()()
    assert [each.error for each in done] == [wal.error] * 2


def test_what_nobody_waits_for_is_flushed_now_and_then_if_somebody_sweeps_up(begin, wal, queue):
    now_ms = [500]
    queue.is_swept, queue.clock_ns = True, lambda: now_ms[0] * 1_000_000
    for now_ms[0], flushes in ((500, 1), (600, 1), (690, 1), (710, 2), (800, 2), (7000, 3)):
        writer = begin()
        writer.stamp()
        assert writer.commit(synchronous=False).done
        assert len(wal.asked) == flushes
    assert wal.asked[-1] == (wal.end, False)


def test_a_command_does_not_see_its_own_work(begin):
    writer = begin()
    before = writer.snapshot()
    stamp = writer.stamp()
    same = writer.snapshot()
    writer.next_command()
    after = writer.snapshot()
    assert [each.sees(stamp) for each in (before, same, after)] == [False, False, True]


def test_repeatable_read_keeps_its_moment_but_sees_its_own_work(begin, log, wal, queue):
    reader, writer = begin(keep_snapshot=True), begin()
    reader.snapshot()
    stamp = writer.stamp()
    writer.commit()
    flush(wal, queue, wal.end)
    own = reader.stamp()
    reader.next_command()
    snapshot = reader.snapshot()
    assert not snapshot.sees(stamp)
    assert snapshot.sees(own)
    assert begin().snapshot().sees(stamp)


def test_a_savepoint_has_an_xid_of_its_own_and_frees_its_waiters(begin):
    writer, waiter = begin(), begin()
    outer = writer.stamp()
    mark = writer.savepoint()
    inner = writer.stamp()
    assert inner >> 16 != outer >> 16
    waiting = writer.locks.wait_for_xid(waiter, inner >> 16)
    still = writer.locks.wait_for_xid(waiter, outer >> 16)
    writer.rollback_to(mark)
    assert waiting.done
    assert not still.done
    later = writer.stamp()
    assert later > inner
    writer.next_command()
    snapshot = writer.snapshot()
    assert [snapshot.sees(stamp) for stamp in (outer, inner, later)] == [True, False, True]


def test_a_statement_savepoint_costs_no_xid(begin):
    writer = begin()
    first = writer.stamp()
    writer.release(writer.savepoint(statement=True))
    assert writer.stamp() == first


def test_commands_overflow_into_a_further_xid(begin):
    writer = begin()
    stamps = []
    for _ in range(3):
        stamps.append(writer.stamp())
        writer._command = 0xFFFF if len(stamps) == 1 else writer._command
        writer.next_command()
    assert stamps == sorted(stamps)
    assert len(writer.xids) == 2
    assert all(writer.snapshot().sees(stamp) for stamp in stamps)


def test_callbacks(begin, wal, queue):
    told = []
    writer = begin()
    writer.stamp()
    writer.on_commit(lambda: told.append("commit"))
    mark = writer.savepoint()
    writer.on_commit(lambda: told.append("rolled back"))
    writer.rollback_to(mark)
    writer.commit()
    assert told == []
    flush(wal, queue, wal.end)
    assert told == ["commit"]
    loser = begin()
    loser.on_abort(lambda: told.append("abort"))
    loser.abort()
    assert told == ["commit", "abort"]


def test_who_built_on_an_undurable_commit_ends_after_it(begin, wal, queue):
    writer, reader = begin(), begin()
    writer.stamp()
    writer.commit()
    reader.seen_lsn = wal.end
    done = reader.commit()
    assert not done.done
    flush(wal, queue, wal.end)
    assert done.done


def test_the_window_grows_and_moves(log):
    held = log.snapshot()
    xids = [log.assign() for _ in range(5000)]
    for i, xid in enumerate(xids[:-1]):
        log.publish((xid,), 1000 + i)
    assert log.floor == 3
    assert log.sequence(xids[10]) == 1010
    assert log.sequence(xids[-1]) == 0
    snapshot = log.snapshot()
    assert snapshot.sees(xids[-2] << 16)
    assert not held.sees(xids[0] << 16)
    del held, snapshot
    for _ in range(20000):
        log.abort((log.assign(),))
    assert log.horizon() == xids[-1]
    assert log.floor == xids[-1]
    assert log.sequence(xids[-1]) == 0


def test_the_horizon_follows_held_snapshots(log):
    xid = log.assign()
    old = log.snapshot()
    log.publish((xid,), 50)
    log.assign()
    assert log.horizon() == xid
    assert log.held_sequences() == [1]
    assert log.oldest_sequence() == 1
    del old
    assert log.horizon() == xid + 1
    assert log.held_sequences() == []
    assert log.oldest_sequence() == 50


def test_what_nobody_has_waited_for_is_durable_soon():
    engine = Engine.create(MemoryFiles(), replace(SMALL, threads=True))
    engine.queue.clock_ns = SystemClock().monotonic_ns
    try:
        for _ in range(3):
            writer = engine.begin()
            with engine.latch:
                writer.stamp()
                assert writer.commit(synchronous=False).done
        end = engine.store.wal.end_lsn
        until(lambda: engine.store.wal.durable_lsn >= end)
    finally:
        engine.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_an_id_is_found_among_those_of_a_transaction(count):
    xids = tuple(range(10, 10 + 3 * count, 3))
    assert [xid for xid in range(200) if has_xid(xids, xid)] == list(xids)
    for kind in (PythonLog, CommitLog):
        log = kind(next_xid=300)
        log.resume(range(3, 300))
        snapshot = log.snapshot(xids, 1 << 60)
        assert [xid for xid in range(3, 200) if snapshot.sees(xid << 16)] == list(xids)
