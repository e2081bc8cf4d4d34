"""LogWriter: one durable write at a time, on a thread of its own. The original of native/log_writer.

Whoever watches `descriptor`, which is readable when a write is done, needs no other thread to be told by: under load
the interpreter's lock is what a flusher written in Python would wait for.

    start --> the write --> descriptor is readable; wait() returns --> collect
"""

import errno
import os
import threading
from contextlib import suppress

IDLE, WANTED, WRITTEN = 0, 1, 2
NOTHING_DONE = -1


class LogWriter:
    """Writes what `start` is given. Safe from any thread."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._condition = threading.Condition()
        self._state = IDLE
        self._closing = False
        self._job: tuple[int, int, bytes] = (0, 0, b"")
        self._error_number = 0

    def start(self, file_descriptor: int, offset: int, data: bytes) -> None:
        """Begin to write all of data there, durably; the last write was collected."""
        with self._condition:
            assert self._state == IDLE, "a write is under way"
            self._job = (file_descriptor, offset, data)
            self._state = WANTED
            self._condition.notify_all()

    def wait(self) -> None:
        """Until no write is under way."""
        with self._condition:
            while self._state == WANTED:
                self._condition.wait()

    def collect(self) -> int:
        """Take the end of a write: 0, the number of its error, or NOTHING_DONE. Only one caller gets it.

        Reads the descriptor.
        """
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)
        with self._condition:
            if self._state != WRITTEN:
                return NOTHING_DONE
            self._state = IDLE
            self._job = (0, 0, b"")
            return self._error_number

    def run(self) -> None:
        """The thread: write until `stop`."""
        while True:
            with self._condition:
                while self._state != WANTED and not self._closing:
                    self._condition.wait()
                if self._state != WANTED:
                    return
                job = self._job
            error_number = _write(*job)
            with self._condition:
                self._error_number = error_number
                self._state = WRITTEN
                self._condition.notify_all()
            os.eventfd_write(self.descriptor, 1)

    def stop(self) -> None:
        """Let the thread end after what is under way."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()


def _write(file_descriptor: int, offset: int, data: bytes) -> int:
    rest = memoryview(data)
    while rest:
        try:
            count = os.pwritev(file_descriptor, [rest], offset, os.RWF_DSYNC)
        except OSError as error:
            return error.errno or errno.EIO
        if not count:
            return errno.EIO
        offset += count
        rest = rest[count:]
    return 0
