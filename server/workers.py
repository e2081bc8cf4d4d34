"""Workers: threads for what would hold up the event loop. Work is a function.

Its end is a Completion with the result.
"""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from storage.waits import Completion

if TYPE_CHECKING:
    from collections.abc import Callable

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
            self.complete(error)
        else:
            self.complete()


class Workers:
    """A fixed number of threads of lower priority than the one that serves short statements."""

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"worker-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

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

    def _serve(self) -> None:
        # On Linux a thread has a priority of its own: point queries beside a heavy one keep their latency.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE_INCREMENT)
        while (work := self._queue.get()) is not None:
            work.run()

    def close(self) -> None:
        """Let the threads end after what they do now."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
