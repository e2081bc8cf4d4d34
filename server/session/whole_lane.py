"""Small statements that only operators run, from their values to their replies in one step.

What such a statement costs beside its operators - messages, a portal, generators that hand batches on - is more than
they cost themselves, where rows are few.

Rule 1: None means that the ordinary flow is to run the statement. Of a query that changes nothing this is so, too,
        when it turns out to take long or to give many rows; after some such turns it is not begun here any more.
Rule 2: what changes something is run to its end; where it has to wait, that end is `session.unfinished`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from protocol.encode import encode
from protocol.messages import CommandComplete
from server.executor.run import execute
from server.executor.waits import Wait
from server.session.blocked import end_series
from server.session.execution import context
from server.session.loop_time import TakesLong
from server.session.results import data_rows
from server.session.unfinished import attempt

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.context import ExecutionContext
    from server.session.lane import Lane
    from server.session.session import Session
    from server.session.unfinished import Steps
    from server.statements.portal import Prepared
    from server.vector.batch import Batch

ROWS_MAX: Final = 2000
"""Of a query with more rows the client has the first ones early."""

LEFT_MAX: Final = 8
"""How many more runs may have been left than were not, counting one that was as two."""


class Running:
    """A statement under way: its steps, and the rows that it has given."""

    __slots__ = ("_formats", "_found", "_lane", "_made", "_session", "_steps", "wait")

    def __init__(
        self, session: Session, lane: Lane, made: ExecutionContext, formats: tuple[int, ...]
    ) -> None:
        self._session = session
        self._lane = lane
        self._made = made
        self._formats = formats
        self._steps: Iterator[Wait | Batch] = execute(lane.planned, made, lane.program)
        self._found: list[Batch] = []
        self.wait: Wait | None = None

    def go_on(self, rows_max: int = 0) -> bool:
        """Run to the next wait or the end; False: there are more rows than so many."""
        self.wait, left = None, rows_max
        for item in self._steps:
            if isinstance(item, Wait):
                self.wait = item
                return True
            self._found.append(item)
            left -= item.count
            if rows_max and left < 0:
                return False
        return True

    def close(self) -> None:
        """Run no more."""
        self._steps.close()  # type: ignore[attr-defined]  # it is a generator

    def reply(self) -> bytes:
        """The rows and CommandComplete."""
        planned, session = self._lane.planned, self._session
        if not planned.returns_rows:
            return self._lane.complete(self._made.row_count)
        rows = [
            encode(data_rows(batch, planned.types, self._formats, session.style))
            for batch in self._found
        ]
        count = sum(batch.count for batch in self._found)
        return b"".join([*rows, encode(CommandComplete(planned.completion_tag(count)))])


def run_whole(
    session: Session, lane: Lane, parameters: tuple[Any, ...], formats: tuple[int, ...]
) -> bytes | Running | None:
    """Run a statement, the transaction having begun and its locks being held; or begin it, if it has to wait."""
    planned, transaction = lane.planned, session.transaction
    assert transaction.running is not None
    if transaction.running.storage.is_ahead or lane.left_count > LEFT_MAX:
        return None
    made = context(session, parameters)
    running = Running(session, lane, made, formats)
    if planned.writes or planned.volatile:
        running.go_on()
        return running.reply() if running.wait is None else running
    made.cancelled = session.check_on_loop
    try:
        is_done = session.loop_time.within(lambda: running.go_on(ROWS_MAX))
    except TakesLong:
        is_done = False
    made.cancelled = session.check_cancelled
    if not is_done or running.wait is not None:
        running.close()
        lane.left_count += 2
        return None
    lane.left_count = max(lane.left_count - 1, 0)
    return running.reply()


def rest_of(
    session: Session,
    prepared: Prepared,
    head: bytes,
    running: Running,
    sql: str | None,
    synced: bool,
) -> Steps:
    """What is left of a series whose statement has to wait."""
    if (yield from attempt(session, head, _waited(running), synced)):
        yield from end_series(session, prepared, head, running.reply(), sql, synced)


def _waited(running: Running) -> Generator[Any, Any, None]:
    try:
        while running.wait is not None:
            yield running.wait
            running.go_on()
    finally:
        running.close()
