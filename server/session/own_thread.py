"""OwnThread: runs a statement whose functions may have to wait in the middle of an expression.

The thread and the session take turns, so that nothing of a session is touched by two threads at a
time: the session resumes the thread and goes on when that has an item, which may be a Wait.

    session   resume() ....................... item -> client or satisfy()   resume() ...
    thread    runs the statement, offers item  ..............................  goes on
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.errors import SqlError
from server.executor.waits import Wait
from storage.waits import Completion

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.statement_threads import Threads

TURN_S_MAX: Final = 0.002
"""How long the session itself waits for the thread before it lets the event loop do so."""


class Stopped(BaseException):
    """The statement is given up: its thread unwinds."""


class Resumed(Protocol):
    """A session, which has no more than one thread at a time to run for it."""

    own_thread: OwnThread | None


class OwnThread:
    """A statement's steps on a thread of their own."""

    def __init__(self, steps: Iterator[Any], threads: Threads, *, deferring: bool) -> None:
        self._steps = steps
        self._threads = threads
        self._deferring = deferring  # there is an event loop that may wait for the thread
        self._answers: SimpleQueue[BaseException | None] = SimpleQueue()
        self._turn = Completion()
        self._item: Any = None
        self._is_over = False
        self._failure: BaseException | None = (
            None  # not of the turn: who waits for that is not who is to see it
        )
        self._thread: threading.Thread | None = None

    def items(self, session: Resumed) -> Generator[Any, Any, None]:
        """What the statement yields; its own Waits and those for the thread itself.

        While it is the thread's turn, the session says so.
        """
        answer: BaseException | None = None
        outer = session.own_thread
        self._thread = self._threads.start(self._serve)
        try:
            while True:
                turn = self._turn = Completion()
                outer, session.own_thread = session.own_thread, self
                self._answers.put(answer)
                answer = None
                yield from self._until(turn)
                session.own_thread = outer
                if self._failure is not None:
                    raise self._failure
                if self._item is None:
                    return
                answer = yield from self._passed_on()
        finally:
            while not self._is_over:
                self._stop()
            session.own_thread = outer

    def _passed_on(self) -> Generator[Any, Any, Exception | None]:
        """Yield the item; gives the error that has come of it, which is the thread's, whose body may handle it."""
        failures: list[SqlError] = []
        item = self._item
        try:
            yield replace(item, failures=failures) if isinstance(item, Wait) else item
        except Exception as error:  # noqa: BLE001 - the statement on the thread is to fail with it
            return error
        return failures[0] if failures else None

    def _until(self, turn: Completion) -> Iterator[Wait]:
        if not turn.wait(TURN_S_MAX if self._deferring else None):
            yield Wait(turn, what="Execute")

    def _stop(self) -> None:
        """Unwind the thread, which sees a cancel flag at its next batch if it runs."""
        with suppress(SqlError):
            self._turn.wait()
            if self._is_over:
                return
            turn = self._turn = Completion()
            self._answers.put(Stopped())
            turn.wait()

    def is_here(self) -> bool:
        """Whether the caller runs on this thread."""
        return threading.current_thread() is self._thread

    def wait(self, wait: Wait) -> None:
        """Called on the thread: have the session wait; raises what comes of it."""
        self._offer(wait)

    def _offer(self, item: Any) -> None:
        self._item = item
        self._turn.complete()
        answer = self._answers.get()
        if answer is not None:
            raise answer

    def _serve(self) -> None:
        failure: BaseException | None = None
        try:
            answer = self._answers.get()
            if answer is not None:
                raise answer
            for item in self._steps:
                self._offer(item)
        except Stopped:
            failure = None
        except BaseException as error:  # noqa: BLE001 - handed to the session
            failure = error
        self._close()
        self._item = None
        self._failure, self._is_over = failure, True
        self._turn.complete()

    def _close(self) -> None:
        close = getattr(self._steps, "close", None)
        if close is not None:
            close()
