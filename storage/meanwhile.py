"""Meanwhile: what is done while a disk is waited for, by the thread that would wait.

Opening a store syncs a dozen times, one after the other, and each may take as long as much else of a start. The
call is made on a thread of its own, and nothing else is done there; what there is to do besides is done here.

Rule 1: the call has ended when wait_for() returns, whatever became of the steps: its error is the caller's.
Rule 2: steps touch no storage; they may be taken in the middle of anything it does.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

Result = TypeVar("Result")

PATIENCE_SECONDS: Final = 0.001
"""Most syncs are over by then: a step would take longer than they do, and is of more use in one that takes long."""


class Meanwhile:
    """Steps of one thread, and how it waits."""

    def __init__(self) -> None:
        self._steps: Iterator[object] = iter(())
        self._thread: int | None = None

    @contextmanager
    def taking(self, steps: Iterable[object]) -> Iterator[None]:
        """Have this thread take the steps while it waits for disks."""
        self._steps, self._thread = iter(steps), threading.get_ident()
        try:
            yield
        finally:
            self._steps, self._thread = iter(()), None

    def wait_for(self, call: Callable[[], Result]) -> Result:
        """What a call of the system gives."""
        if self._thread is None or self._thread != threading.get_ident():
            return call()
        waiting = _Call(call)
        waiting.start()
        waiting.join(PATIENCE_SECONDS)
        try:
            while waiting.is_alive():
                next(self._steps)
        except StopIteration:
            self._thread = None  # the next calls are made here
        finally:
            waiting.join()
        return waiting.result()


class _Call(threading.Thread, Generic[Result]):
    """One call, and what came of it."""

    def __init__(self, call: Callable[[], Result]) -> None:
        super().__init__(name="storage sync")
        self._call = call
        self._given: list[Result] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call."""
        try:
            self._given.append(self._call())
        except BaseException as error:  # noqa: BLE001 - for who waits
            self._error = error

    def result(self) -> Result:
        """What the call gave, or raised."""
        if self._error is not None:
            raise self._error
        return self._given[0]
