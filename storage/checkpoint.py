"""Checkpointer: moves the point where recovery starts, in slices, while changes go on.

Rule 1: begin() fixes the redo point, the dirty pages and the engine's state in one moment under the
        latch; from then on the first change of a page logs its image anew.
Rule 2: the order is fixed: write pages back, sync all files, WAL record, control block. Only when
        the control block is durable are WAL segments recycled and released runs freed.
Rule 3: a checkpoint that is given up half way has cost some images, nothing else.

    begin --> step ... step (a slice of pages each) --> step: sync, record, control --> done
"""

import struct
from collections.abc import Callable
from dataclasses import replace

from storage.control import ControlFile
from storage.options import Options
from storage.pages import Pager
from storage.records import Kind
from storage.writeback import WriteBack

_REDO = struct.Struct("<Q")


def encode_checkpoint(redo_lsn: int, engine_state: bytes) -> bytes:
    """The payload of a CHECKPOINT record."""
    return _REDO.pack(redo_lsn) + engine_state


def decode_checkpoint(payload: bytes) -> tuple[int, bytes]:
    """The redo point and the engine's state."""
    return _REDO.unpack_from(payload)[0], payload[_REDO.size :]


class Checkpointer:
    """Makes checkpoints, one at a time."""

    def __init__(
        self,
        pager: Pager,
        write_back: WriteBack,
        control: ControlFile,
        options: Options,
        engine_state: Callable[[], bytes],
    ) -> None:
        self.count = 0
        self.keep_lsn: Callable[[], int] | None = None
        self._pager = pager
        self._write_back = write_back
        self._control = control
        self._options = options
        self._engine_state = engine_state
        self._pages: list[int] = []
        self._redo_lsn = 0
        self._slice_count = 0
        self._state = b""

    @property
    def redo_lsn(self) -> int:
        """Where recovery would start now."""
        return self._control.control.redo_lsn

    def run(self, *, clean: bool = False) -> None:
        """Makes one checkpoint from beginning to end; waits for another one's write-back."""
        with self._write_back.busy:
            self.begin()
            while not self.step(clean=clean):
                pass

    def begin(self) -> None:
        """Fixes the redo point; the caller holds the write-back until step() returns true."""
        pager = self._pager
        pager.failure.check()
        with pager.latch:
            # Its images would lie before the redo point, its deltas behind it.
            assert not pager.change.is_open, "a change is open although nobody holds the latch"
            self._redo_lsn = pager.wal.end_lsn
            self._state = self._engine_state()
            pager.table.redo_lsn = self._redo_lsn
            pager.released_page_count = 0
            self._pages = self._write_back.begin()

    def step(self, *, clean: bool = False) -> bool:
        """Writes the next slice, or concludes; whether the checkpoint is durable."""
        if self._pages:
            pages = self._pages[: self._options.slice_pages]
            del self._pages[: self._options.slice_pages]
            self._write_back.write_slice(pages)
            self._slice_count += 1
            if self._slice_count % self._options.slices_per_sync == 0:
                # Syncing on the way spares others one long sync at the end, and frees memory.
                self._write_back.finish()
            return False
        self._write_back.finish()
        self._conclude(clean=clean)
        return True

    def _conclude(self, *, clean: bool) -> None:
        """Record, control block, and then what they allow."""
        pager = self._pager
        with pager.latch:
            checkpoint_lsn = pager.wal.end_lsn
            payload = encode_checkpoint(self._redo_lsn, self._state)
            end_lsn = pager.wal.append(Kind.CHECKPOINT, 0, payload, reserved=True)
        pager.wal.flush_now(end_lsn)
        control = replace(
            self._control.control,
            redo_lsn=self._redo_lsn,
            checkpoint_lsn=checkpoint_lsn,
            durable_lsn=end_lsn,
            clean=int(clean),
        )
        try:
            self._control.write(control)
        except OSError as error:
            raise pager.failure.fail(error) from error
        self.count += 1
        with pager.latch:
            pager.checkpointed_lsn = self._redo_lsn
            pager.reclaim()
        keep_lsn = self._redo_lsn if self.keep_lsn is None else self.keep_lsn()
        pager.wal.recycle(min(keep_lsn, self._redo_lsn))
        pager.give_back()
