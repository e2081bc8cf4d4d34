"""LogWriter: durable writes one after the other, on a thread of its own. The original of native/log_writer.

Whoever watches `descriptor`, which is readable when a write is done, needs no other thread to be told by: under load
the interpreter's lock is what a flusher written in Python would wait for.

Rule 1: what is given while a write is under way is written as soon as that is done, whether its end is seen by then or
        not: a disk has no reason to wait until somebody looks.
Rule 2: what lies one behind the other is one write. So all who come during a write share the next one.
Rule 3: after an error nothing is written any more.

    start --> the write --> descriptor is readable; wait() returns --> collect
"""

import errno
import os
import threading
from contextlib import suppress
from typing import NamedTuple

JOBS_MAX = 64
"""How much may be given before it is collected, in calls of `start`."""


class Job(NamedTuple):
    """What `start` was given."""

    file_descriptor: int
    offset: int
    data: bytes
    end_lsn: int

    def is_before(self, other: "Job") -> bool:
        """Whether the other one goes on where this one ends."""
        return (
            self.file_descriptor == other.file_descriptor
            and self.offset + len(self.data) == other.offset
        )


class LogWriter:
    """Writes what `start` is given. Safe from any thread, as long as one at a time starts."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.error_number = 0
        """Of the write that has failed."""
        self._condition = threading.Condition()
        self._jobs: list[Job] = []
        self._written_count = 0  # of these
        self._writes = 0
        self._closing = False

    @property
    def is_idle(self) -> bool:
        """Whether all that was given is written, and collected."""
        return not self._jobs

    @property
    def has_room(self) -> bool:
        """Whether `start` may be called."""
        return len(self._jobs) < JOBS_MAX

    def start(self, file_descriptor: int, offset: int, data: bytes, end_lsn: int) -> None:
        """Have all of data written there, durably, behind what was given before; there must be room for that."""
        with self._condition:
            assert len(self._jobs) < JOBS_MAX, "too much was given"
            self._jobs.append(Job(file_descriptor, offset, data, end_lsn))
            self._condition.notify_all()

    def wait(self) -> None:
        """Until the write is done that is under way, if there is one."""
        with self._condition:
            writes = self._writes
            while self._is_wanted() and self._writes == writes:
                self._condition.wait()

    def collect(self) -> int:
        """The LSN up to which the log was written since the last call; 0: no write is done. Only one caller gets it.

        Reads the descriptor. What was given before an error is never collected.
        """
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)
        with self._condition:
            end_lsn = self._jobs[self._written_count - 1].end_lsn if self._written_count else 0
            del self._jobs[: self._written_count]
            self._written_count = 0
            return end_lsn

    def run(self) -> None:
        """The thread: write until `stop`."""
        while True:
            with self._condition:
                while not self._is_wanted() and not self._closing:
                    self._condition.wait()
                if not self._is_wanted():
                    return
                jobs = _in_line(self._jobs[self._written_count :])
            error_number = _write(jobs)
            with self._condition:
                if error_number:
                    self.error_number = error_number
                else:
                    self._written_count += len(jobs)
                self._writes += 1
                self._condition.notify_all()
            os.eventfd_write(self.descriptor, 1)

    def stop(self) -> None:
        """Let the thread end after what is under way."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()

    def _is_wanted(self) -> bool:
        return not self.error_number and len(self._jobs) > self._written_count


def _in_line(jobs: list[Job]) -> list[Job]:
    """The first ones, as far as they lie one behind the other."""
    count = 1
    while count < len(jobs) and jobs[count - 1].is_before(jobs[count]):
        count += 1
    return jobs[:count]


def _write(jobs: list[Job]) -> int:
    """0, or the number of the error."""
    file_descriptor, offset = jobs[0].file_descriptor, jobs[0].offset
    rest = memoryview(b"".join(job.data for job in jobs))
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
