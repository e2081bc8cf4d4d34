"""Store: log, pages and checkpoints opened together, and the thread that keeps them in shape.

Rule 1: open() returns after redo, with the log durable to its end. A store that was just recovered is one
        whose last checkpoint lies as far back as its redo point: images, released runs and the log are
        treated so, and a crash before the next checkpoint redoes both lives. The housekeeper makes that
        checkpoint soon; open() itself where the log is long, so that lives which end early cannot make
        it ever longer, and where the disk is full.
Rule 2: the housekeeper thread writes back, checkpoints, prepares WAL segments and grows the store
        ahead of need; whatever it has not done in time the foreground does itself.
Rule 3: nobody but open(), the housekeeper and shutdown makes checkpoints; others ask and get a Completion.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from storage import directory
from storage.checkpoint import Checkpointer, encode_checkpoint
from storage.control import Control, ControlFile, check_sizes
from storage.errors import DiskFull, Failed, StorageError
from storage.failure import FailStop
from storage.fast_latch import Latch
from storage.files import NO_ROOM, Files
from storage.log_segments import LogSegments
from storage.native import LogBuffer
from storage.options import Options
from storage.pages import Pager
from storage.records import Kind
from storage.recovery import Recovered, find_end, replay, write_tail_again
from storage.segments import PageSegments, segment_count
from storage.waits import Completion
from storage.wal import Wal
from storage.writeback import WriteBack

RECOVERED_SECONDS = 0.5
"""So long after recovery its checkpoint begins: whoever has waited for the store goes first."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the upper half tells storage, and is told.

    restore is called after redo and before anything is written; it may read pages, not change them.
    state is called under the latch at each checkpoint; recovery gets back what it returns.
    """

    restore: Callable[["Store", Recovered], None] = lambda _store, _recovered: None
    state: Callable[[], bytes] = lambda: b""
    panic: Callable[[BaseException], None] = lambda _error: None
    progress: Callable[[int, int], None] | None = None


class Store:
    """The lower half of storage, open."""

    def __init__(self, files: Files, options: Options, hooks: Hooks, latch: Latch) -> None:
        self.files = files
        self.options = options
        self.latch = latch
        self.failure = FailStop()
        self.failure.on_failure(hooks.panic)
        self._hooks = hooks
        self.was_stopped = True
        """Whether the store was closed in order when it was last in use, or is new."""
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closing = False
        self._requests: list[Completion] = []
        self._mutex = threading.Lock()

    @classmethod
    def create(
        cls,
        files: Files,
        options: Options,
        *,
        store_id: int,
        hooks: Hooks | None = None,
        latch: Latch | None = None,
    ) -> Self:
        """Makes a new store in an empty directory; store_id is random and never 0."""
        assert 0 < store_id < 1 << 64
        made = cls(files, options, hooks or Hooks(), latch or Latch())
        directory.make(files)
        try:
            made._create(store_id)
            directory.seal(files)
            made._start()
        except OSError as error:
            made._release()
            raise made._refusal(error) from error
        except BaseException:
            made._release()
            raise
        return made

    @classmethod
    def open(
        cls,
        files: Files,
        options: Options,
        *,
        hooks: Hooks | None = None,
        latch: Latch | None = None,
    ) -> Self:
        """Opens a store, recovering it as far as needed."""
        made = cls(files, options, hooks or Hooks(), latch or Latch())
        directory.enter(files)
        try:
            made._recover()
            made._start()
        except OSError as error:
            made._release()
            raise made._refusal(error) from error
        except BaseException:
            made._release()
            raise
        return made

    def checkpoint(self) -> Completion:
        """Asks for a checkpoint that begins after this call; done when it is durable."""
        completion = Completion()
        if self._thread is None:
            self.checkpointer.run()
            completion.complete()
            return completion
        with self._mutex:
            self._requests.append(completion)
        self._wake.set()
        return completion

    def close(self, *, fast: bool = False) -> None:
        """Stops the threads; unless fast or failed, makes a last checkpoint. Then unlocks."""
        if self._thread is not None:
            self._closing = True
            self._wake.set()
            self._thread.join()
            self._thread = None
        try:
            if not fast and self.failure.error is None:
                self.checkpointer.run(clean=True)
            self.wal.close()
        finally:
            self._release()

    # Opening ---------------------------------------------------------------------------------

    def _create(self, store_id: int) -> None:
        options = self.options
        first_lsn = options.wal_segment_bytes
        control = Control(
            page_bytes=options.page_bytes,
            incarnation=1,
            store_id=store_id,
            sequence=0,
            redo_lsn=first_lsn,
            checkpoint_lsn=first_lsn,
            durable_lsn=first_lsn,
            wal_segment_bytes=options.wal_segment_bytes,
            page_segment_bytes=options.page_segment_bytes,
            clean=1,
        )
        self.control = ControlFile.create(self.files, control)
        self._assemble(first_lsn, end_lsn=first_lsn, previous_lsn=0)
        self.pager.table.redo_lsn = first_lsn
        self.wal.append(Kind.CHECKPOINT, 0, encode_checkpoint(first_lsn, b""), reserved=True)
        self.pager.format()
        self.pager.load_space()
        self.checkpointer.run()

    def _recover(self) -> None:
        self.control = ControlFile.open(self.files)
        control = self.control.control
        check_sizes(control, self.options)
        self.was_stopped = bool(control.clean)
        segment_count(self.files, self.options)
        end = find_end(self.files, self.options, self.control)
        self.control.claim_incarnation()
        self._assemble(control.redo_lsn, end_lsn=end.end_lsn, previous_lsn=end.last_lsn)
        write_tail_again(self.files, self.options, self.wal.segments, end)
        recovered = replay(
            self.files,
            self.options,
            self.pager,
            control,
            end,
            progress=self._hooks.progress,
        )
        self.pager.load_space()
        self.wal.append(Kind.INCARNATION, 0, b"", reserved=True)
        self._hooks.restore(self, recovered)
        if self._has_long_log or not self._prepare_ahead():
            self.checkpointer.run()

    def _assemble(self, redo_lsn: int, *, end_lsn: int, previous_lsn: int) -> None:
        """Makes the parts, the log ready for appending at end_lsn."""
        files, options, failure = self.files, self.options, self.failure
        log_segments = LogSegments(files, options, failure)
        log_segments.start(redo_lsn, end_lsn + 1)
        control = self.control.control
        buffer = LogBuffer(
            end_lsn=end_lsn, previous_lsn=previous_lsn, incarnation=control.incarnation
        )
        self.wal = Wal(log_segments, buffer, options, failure)
        self.wal.short = self._wake.set
        reservation = files.reserve(options.store_bytes_max)
        segments = PageSegments(files, options, reservation, failure)
        segments.open()
        self.pager = Pager(
            segments,
            self.wal,
            options,
            store_id=control.store_id,
            latch=self.latch,
        )
        self.write_back = WriteBack(self.pager, options)
        self.write_back.add_files(segments.all_files())
        self._relief = WriteBack(self.pager, options)
        self.pager.table.relieve = self._relieve
        self.checkpointer = Checkpointer(
            self.pager, self.write_back, self.control, options, self._hooks.state
        )

    def _start(self) -> None:
        self._prepare_ahead()
        if self.options.threads:
            self.wal.start()
            self._thread = threading.Thread(
                target=self._run, name="storage housekeeper", daemon=True
            )
            self._thread.start()

    def _refusal(self, error: OSError) -> StorageError:
        """What to raise when the store cannot be created or opened."""
        if error.errno in NO_ROOM:
            return DiskFull("no room in the data directory")
        return self.failure.fail(error)

    def _release(self) -> None:
        for name in ("pager", "control"):
            part = getattr(self, name, None)
            if part is not None:
                part.close()
        self.files.unlock()

    # Housekeeping ----------------------------------------------------------------------------

    def _relieve(self) -> None:
        """Writes an eighth of the allowed dirty pages back, within the change that found too many.

        The latch is held all through, so no checkpoint can begin meanwhile.
        """
        with self.latch:
            self._relief.round(max(1, self.pager.dirty_page_count_max // 8))
        self._wake.set()

    def _run(self) -> None:
        """The housekeeper's thread."""
        timeout_seconds = self.options.checkpoint_timeout_seconds
        waited_seconds = 0.0 if self.checkpointer.count else timeout_seconds - RECOVERED_SECONDS
        step_seconds = min(0.1, timeout_seconds)
        while not self._closing and self.failure.error is None:
            if not self._wake.wait(step_seconds):
                waited_seconds += step_seconds
            self._wake.clear()
            overdue = waited_seconds >= timeout_seconds
            try:
                if self._housekeep(overdue=overdue):
                    waited_seconds = 0.0
            except (DiskFull, Failed):
                continue
            except Exception as error:
                self.failure.fail(error)
                raise
        self._answer(self.failure.failed() if self.failure.error is not None else None)

    def _housekeep(self, *, overdue: bool) -> bool:
        """One look around; whether a checkpoint was made."""
        # Transactions that did not wait for their commit are durable soon all the same.
        self.wal.flush_to(self.wal.end_lsn)
        is_full = not self._prepare_ahead()
        if self.pager.dirty_page_count > self.pager.dirty_page_count_max:
            with self.write_back.busy:
                self.write_back.round(self.pager.dirty_page_count_max // 4)
        with self._mutex:
            requests, self._requests = self._requests, []
        idle = self.wal.end_lsn == self.control.control.durable_lsn
        due = self._has_long_log or (overdue and not idle)
        due = due or self.pager.has_released_much
        # On a full disk a checkpoint is what makes room: it lets older segments be used again.
        due = due or (is_full and self._spans_segments())
        if not requests and not due:
            return overdue
        try:
            self.checkpointer.run()
        except (DiskFull, Failed) as error:
            for request in requests:
                request.complete(error)
            raise
        for request in requests:
            request.complete()
        return True

    @property
    def _has_long_log(self) -> bool:
        """Whether a checkpoint is due for the log that it ends, or for what was given up: of use to nobody before."""
        lag_bytes = self.wal.end_lsn - self.checkpointer.redo_lsn
        released_bytes = self.pager.released_page_count * self.options.page_bytes
        return lag_bytes + released_bytes > self.options.max_wal_size // 2

    def _prepare_ahead(self) -> bool:
        """Prepares what will be needed soon; false on a full disk, which others will report."""
        try:
            self.wal.prepare_ahead()
            self.pager.grow_ahead()
        except DiskFull:
            return False
        return True

    def _spans_segments(self) -> bool:
        """Whether a checkpoint now would free a segment of the log."""
        segment_bytes = self.options.wal_segment_bytes
        return self.checkpointer.redo_lsn // segment_bytes < self.wal.end_lsn // segment_bytes

    def _answer(self, error: BaseException | None) -> None:
        with self._mutex:
            requests, self._requests = self._requests, []
        for request in requests:
            request.complete(error or Failed("storage is closed"))
