"""Wal: appends records, groups commits, says when they are durable.

Rule 1: append() is called under the engine's latch; everything else by anyone.
Rule 2: a listener must not wait for the latch: who holds the latch may wait for a flush.
Rule 3: one flush at a time. While one is under way later committers gather, and the next flush
        takes them all: that is group commit. The writer has what is to be next already, so that it
        begins as one ends. Listeners are told one flush after the other, in LSN order.
Rule 4: a flush that fails stops storage; who waits for it learns "unknown", never "aborted".
Rule 5: ordinary records leave the last prepared segment alone; it is for what must be written on a
        full disk too: aborts and checkpoints (reserved=True).

Rule 6: who has to block until a flush is done makes or finishes it by itself (flush_now): nobody relies on a thread
        that might be waiting for the one that blocks.

    append --> LogBuffer --take--> write + fdatasync (flusher thread, LogWriter, or inline when alone)
"""

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from storage.errors import DiskFull
from storage.failure import FailStop
from storage.log_reader import LogReader
from storage.log_record import WalRecord
from storage.log_segments import LogSegments
from storage.native import LogBuffer, LogWriter
from storage.options import Options
from storage.waits import Completion, completed

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSHING_SECONDS = 0.002  # to wait for another thread's flush before a look at the writer's


class Wal:
    """The write-ahead log, open for appending at the buffer's end."""

    def __init__(
        self, segments: LogSegments, buffer: LogBuffer, options: Options, failure: FailStop
    ) -> None:
        self.buffer = buffer
        self.segments = segments
        self.failure = failure
        self.listeners: list[Callable[[int], None]] = []
        self.flush_count = 0
        self._options = options
        self._reserve_bytes = options.wal_spare_segments * options.wal_segment_bytes
        self._flushing = threading.Lock()
        self._preparing = threading.Lock()
        self._mutex = threading.Lock()
        self._pace_bytes = (
            0  # what was lately appended from one look of prepare_ahead() to the next
        )
        self._looked_lsn = buffer.end_lsn
        self.short: Callable[[], None] = lambda: None  # told when less than a segment is ahead
        self.awaited_lsn = 0
        """What lies before it has to be durable before anybody's commit is told: values of sequences are nobody's."""
        self._waiters: list[tuple[int, Completion]] = []
        self._wanted_lsn = 0  # by those who wait without a completion
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._writer: LogWriter | None = None
        self._handing = threading.Lock()  # to the writer; never while waiting for anything
        self._telling = threading.Lock()  # that something is durable; taken before _handing
        self._is_handed = False  # the writer has something, and with it _flushing
        buffer.crowded = self._make_room
        failure.on_failure(self._stop)
        self._set_limit()

    @property
    def end_lsn(self) -> int:
        """The LSN the next record will get."""
        return self.buffer.end_lsn

    @property
    def durable_lsn(self) -> int:
        """Everything below is on disk."""
        return self.buffer.durable_lsn

    def append(self, kind: int, xid: int, payload: bytes, reserved: bool = False) -> int:
        """Adds a record and returns the LSN after it; DiskFull when there is no room for it."""
        return self.buffer.append(kind, xid, payload, reserved)

    def flush_to(self, lsn: int, *, alone: bool = False) -> Completion:
        """Done once everything below lsn is durable.

        With alone=True the caller says that nobody else is about to commit: then this thread
        flushes at once, which saves two thread switches.
        """
        assert lsn <= self.buffer.end_lsn, "flush of what was not appended"
        if lsn <= self.buffer.durable_lsn:
            return completed()
        if self.failure.error is not None:
            return completed(self.failure.failed())
        if (alone or self._thread is None) and self._flushing.acquire(blocking=False):
            return self._flush_inline()
        completion = Completion()
        with self._mutex:
            self._waiters.append((lsn, completion))
        self._want_flush()
        self._check_waiters()
        return completion

    def flush_soon(self, lsn: int, *, alone: bool) -> BaseException | None:
        """`flush_to` for who is a listener, and is told of a failure; what speaks against it at once."""
        if lsn <= self.buffer.durable_lsn:
            return None
        if (
            self.failure.error is None
            and (alone or self._thread is None)
            and self._flushing.acquire(blocking=False)
        ):
            return self._flush_inline().error
        self._wanted_lsn = max(self._wanted_lsn, lsn)
        self._want_flush()
        return self._told()

    def _told(self) -> BaseException | None:
        """What those learn who come after a failure."""
        return None if self.failure.error is None else self.failure.failed()

    def flush_now(self, lsn: int) -> None:
        """Have everything below lsn durable on return, or raise Failed."""
        while self.durable_lsn < lsn:
            self.failure.check()
            writer = self._writer
            if writer is not None and self._is_handed:
                self._start_write(writer)
                writer.wait()
                self.finish_write()
            elif self._flushing.acquire(timeout=FLUSHING_SECONDS):
                error = self._flush_inline().error
                if error is not None:
                    raise error

    def hand_over(self, writer: LogWriter) -> None:
        """From now on the writer flushes; `finish_write` is to be called whenever its descriptor is readable."""
        self._writer = writer

    def take_back(self) -> None:
        """Nobody watches the writer any more: what is under way is finished here, the rest is the flusher thread's."""
        writer, self._writer = self._writer, None
        while writer is not None and self._is_handed:
            writer.wait()
            self._finish_write(writer)
        self._wanted.set()

    def finish_write(self) -> None:
        """If the writer has written: tell everybody, and go on with what has come meanwhile."""
        if self._writer is not None:
            self._finish_write(self._writer)

    def read(self, from_lsn: int) -> Iterator[WalRecord]:
        """The durable records from one that starts at from_lsn."""
        durable_lsn = self.durable_lsn
        for record in LogReader(self.segments.files, self._options, from_lsn):
            if record.end_lsn > durable_lsn:
                return
            yield record

    def start(self) -> None:
        """Starts the flusher thread."""
        self._thread = threading.Thread(target=self._run, name="wal flusher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Flushes what is left, unless storage has stopped, and ends the thread."""
        if self._thread is not None:
            self._closing = True
            self._wanted.set()
            self._thread.join()
            self._thread = None
        if self.failure.error is None:
            self.flush_now(self.end_lsn)
        self.segments.close()

    def prepare_ahead(self) -> None:
        """Prepares segments until there is room for a segment's worth of ordinary records.

        And for what is appended until the next look: else who loads much has to prepare them himself.
        """
        with self._preparing:
            appended = self.end_lsn - self._looked_lsn
            self._looked_lsn += appended
            pace = max(appended, self._pace_bytes // 2)
            self._pace_bytes = min(pace, self._options.max_wal_size // 8)
            ahead = self._options.wal_segment_bytes + self._reserve_bytes + self._pace_bytes
            while self.segments.prepared_lsn < self.end_lsn + ahead:
                self.segments.prepare()
        self._set_limit()

    def recycle(self, lsn: int) -> None:
        """Gives up what lies below lsn; only after a checkpoint at or after it is durable."""
        with self._preparing:
            try:
                spare_count = 1 + self._options.wal_spare_segments + self._recyclable_count()
                self.segments.recycle(lsn, spare_count, self.end_lsn)
            except OSError as error:
                raise self.failure.fail(error) from error
        self._set_limit()

    def _recyclable_count(self) -> int:
        """Keeps a quarter of max_wal_size prepared: what the log is likely to need again."""
        return self._options.max_wal_size // self._options.wal_segment_bytes // 4

    def _set_limit(self) -> None:
        """Where append() has to ask: at the end of the room, or when a flush is overdue."""
        if self.failure.error is not None:
            self.buffer.limit_lsn = 0
            return
        room_lsn = self.segments.prepared_lsn - self._reserve_bytes
        flush_lsn = self.buffer.durable_lsn + self._options.wal_buffer_bytes
        self.buffer.limit_lsn = min(room_lsn, flush_lsn)

    def _make_room(self, byte_count: int, reserved: bool) -> None:
        """Lets the buffer append byte_count bytes, or raises DiskFull."""
        self.failure.check()
        end_lsn = self.end_lsn + byte_count
        with self._preparing:
            try:
                while self.segments.prepared_lsn - self._reserve_bytes < end_lsn:
                    self.segments.prepare()
            except DiskFull:
                if not reserved or self.segments.prepared_lsn < end_lsn:
                    raise
        ahead = self.segments.prepared_lsn - self._reserve_bytes - end_lsn
        if ahead < self._options.wal_segment_bytes:
            self.short()
        if self.buffer.byte_count > 2 * self._options.wal_buffer_bytes:
            self.flush_now(self.end_lsn)
        elif self.buffer.byte_count > self._options.wal_buffer_bytes:
            self._want_flush()
        self._set_limit()

    def _flush_inline(self) -> Completion:
        """Flushes on this thread, which holds _flushing."""
        try:
            self._flush()
        except OSError as error:
            return completed(self.failure.fail(error))
        finally:
            self._flushing.release()
        return completed()

    def _flush(self) -> None:
        """Writes and syncs all that was appended; the caller holds _flushing."""
        lsn, data = self.buffer.take()
        end_lsn = lsn + len(data)
        if data:
            durably = self._options.protocol.sync_wal_at_commit
            self.segments.write(lsn, data, durably=durably)
            self.flush_count += 1
        self._flushed(end_lsn)

    def _flushed(self, end_lsn: int) -> None:
        """Everything below is durable: say so; the caller holds _flushing."""
        self.buffer.durable_lsn = end_lsn
        self._set_limit()
        for listener in self.listeners:
            listener(end_lsn)
        self._complete_waiters(end_lsn)

    def _want_flush(self) -> None:
        """Somebody has appended what is to be flushed: by the writer, else by the flusher thread."""
        if self._writer is None or not self._start_write(self._writer):
            self._wanted.set()

    def _start_write(self, writer: LogWriter) -> bool:
        """Have the writer write all that was appended, now or after what it does; False: it cannot."""
        with self._handing:
            if self._is_handed and not self.buffer.byte_count:
                return True
            if not self._is_handed and not self._flushing.acquire(blocking=False):
                return False
            place = self._place() if writer.has_room else None
            if place is not None:
                lsn, data = self.buffer.take()
                writer.start(*place, data, lsn + len(data))
                self._is_handed = True
            elif not self._is_handed:
                self._flushing.release()
            return place is not None

    def _place(self) -> tuple[int, int] | None:
        """Where all that was appended belongs, if the writer can write it."""
        if self.failure.error is not None or not self._options.protocol.sync_wal_at_commit:
            return None
        byte_count = self.buffer.byte_count
        return self.segments.place(self.buffer.end_lsn - byte_count, byte_count)

    def _finish_write(self, writer: LogWriter) -> None:
        try:
            with self._telling:
                end_lsn = writer.collect()
                if writer.error_number:
                    number = writer.error_number
                    self.failure.fail(OSError(number, os.strerror(number)))
                elif end_lsn:
                    self.flush_count += 1
                    self._flushed(end_lsn)
        except Exception as error:
            self.failure.fail(error)
            raise
        finally:
            self._let_go(writer)
        if self._waiters and not self._is_handed and self.failure.error is None:
            self._want_flush()  # they came too late to be told

    def _let_go(self, writer: LogWriter) -> None:
        """If the writer has nothing to write any more, others may."""
        with self._handing:
            if self._is_handed and (writer.is_idle or self.failure.error is not None):
                self._is_handed = False
                self._flushing.release()

    def _complete_waiters(self, lsn: int) -> None:
        if not self._waiters:
            return
        with self._mutex:
            done = [completion for wanted, completion in self._waiters if wanted <= lsn]
            self._waiters = [waiter for waiter in self._waiters if waiter[0] > lsn]
        for completion in done:
            completion.complete()

    def _check_waiters(self) -> None:
        """Fails those that came between a failure and its telling."""
        if self.failure.error is not None:
            self._fail_waiters(self.failure.error)

    def _stop(self, error: BaseException) -> None:
        """Nothing is appended any more: every append() asks for room, and is refused."""
        self.buffer.limit_lsn = 0
        self._fail_waiters(error)

    def _fail_waiters(self, _error: BaseException) -> None:
        with self._mutex:
            waiters, self._waiters = self._waiters, []
        for _, completion in waiters:
            completion.complete(self.failure.failed())

    def _run(self) -> None:
        """The flusher thread: sleeps until somebody wants a flush."""
        while not self._closing and self.failure.error is None:
            self._wanted.wait()
            self._wanted.clear()
            with self._flushing:
                try:
                    self._flush()
                except OSError as error:
                    self.failure.fail(error)
                except Exception as error:
                    self.failure.fail(error)
                    raise
