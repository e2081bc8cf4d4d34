"""Workers: threads for what would hold up the event loop. Work is a function.

Its end is a Completion with the result.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from queue import SimpleQueue
from traceback import clear_frames
from typing import TYPE_CHECKING, Any

from storage.waits import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NICE_INCREMENT = 5


class Work(Completion):
    """A function to be run on a worker thread; `result` is what it returned, `error` what it raised."""

    __slots__ = ("function", "result")

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__()
        self.function = function
        self.result: Any = None

    def run(self) -> None:
        """Run the function on this thread."""
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
            clear_frames(
                error.__traceback__
            )  # what a failed query has held is free now, not some day as garbage
            self.complete(error)
        else:
            self.complete()


class Workers:
    """A number of threads of lower priority than the one that serves short statements.

    Work that waits for other work on its thread says so by `waiting`: another thread then takes its
    place, so that what it waits for can be done.
    """

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._surplus = 0
        self._threads: list[threading.Thread] = []
        self._apart: list[threading.Thread] = []
        self._busy_count = 0
        for _ in range(count):
            self._start()

    def is_worker(self) -> bool:
        """Whether this thread is one of them, and so may wait."""
        thread = threading.current_thread()
        return thread in self._threads or thread in self._apart

    @property
    def is_busy(self) -> bool:
        """Whether they do something, other than waiting and what was submitted apart."""
        return self._busy_count > 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark the time in which the work on this thread does nothing but wait."""
        if threading.current_thread() in self._apart:
            yield  # it keeps nobody from working
            return
        self._start()
        self._count_busy(-1)
        try:
            yield
        finally:
            self._count_busy(1)
            with self._lock:
                self._surplus += 1

    def _start(self) -> None:
        name = f"worker-{len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _is_surplus(self) -> bool:
        """Whether this thread is one too many; it then is none of them any more."""
        if not self._surplus:
            return False
        with self._lock:
            is_surplus = self._surplus > 0
            if is_surplus:
                self._surplus -= 1
                self._threads.remove(threading.current_thread())
            return is_surplus

    @property
    def thread_count(self) -> int:
        """How many threads there are."""
        return len(self._threads)

    @property
    def has_threads(self) -> bool:
        """Whether work is done beside whoever submits it."""
        return bool(self._threads)

    def submit(self, function: Callable[[], Any]) -> Work:
        """Have a function run; without threads it runs at once."""
        work = Work(function)
        if self._threads:
            self._queue.put(work)
        else:
            work.run()
        return work

    def submit_apart(self, function: Callable[[], Any]) -> Work:
        """Have a function run on a thread of its own: long work that rests now and then would take a worker's place."""
        work = Work(function)
        if not self._threads:
            work.run()
            return work
        thread = threading.Thread(target=self._serve_apart, args=(work,), name="apart", daemon=True)
        with self._lock:
            self._apart.append(thread)
        thread.start()
        return work

    def _serve_apart(self, work: Work) -> None:
        _lower_priority()
        try:
            work.run()
        finally:
            with self._lock:
                self._apart.remove(threading.current_thread())

    def _serve(self) -> None:
        _lower_priority()
        while (work := self._queue.get()) is not None:
            self._count_busy(1)
            try:
                work.run()
            finally:
                self._count_busy(-1)
            if self._is_surplus():
                return

    def _count_busy(self, difference: int) -> None:
        with self._lock:
            self._busy_count += difference

    def close(self) -> None:
        """Let the threads end after what they do now."""
        threads = tuple(self._threads)
        for _ in threads:
            self._queue.put(None)
        for thread in (*threads, *tuple(self._apart)):
            thread.join()


def _lower_priority() -> None:
    """On Linux a thread has a priority of its own: point queries beside a heavy one keep their latency."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE_INCREMENT)
