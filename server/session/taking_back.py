"""Rolling back much: a session leaves a large transaction behind, and workers take it back a portion at a time.

Rule 1: the client has its answer at once. What is left is a transaction in progress that no session has: who needs its
        tables for himself, its rows or its keys waits for it as for any other.
Rule 2: a worker does a few portions and stands in line again, so that statements get their turns.
Rule 3: who goes back to a savepoint waits for that, and nobody else does.
Rule 4: what belongs to the session, or has made or dropped objects, is taken back before the answer: the session's
        next statement may be about it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from server.error_translation import log_internal, translate
from server.executor.waits import Wait
from storage.waits import Completion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.database import Database
    from server.session.session import Session
    from server.session.state import Running
    from storage.engine import Transaction

PORTIONS_AT_ONCE = 2
"""So much is taken back before the answer."""
PORTIONS_A_TURN = 8
GIVE_WAY_SECONDS = 0.0002


def take_back(session: Session, running: Running) -> None:
    """Roll back a transaction; if it is large, workers do most of it."""
    storage = running.storage
    try:
        has_more = _may_be_left(session, running) and _has_more(storage)
    except Exception as error:  # noqa: BLE001 - the rest is void, and the transaction has to end
        tell(error)
        has_more = False
    if has_more:
        storage.leave()
        Left(session.database, storage, session.database_oid).line_up()
    else:
        end(storage)


def end(storage: Transaction) -> None:
    """Roll back what is left of a transaction; it has ended whatever comes of that."""
    try:
        storage.abort()
    except Exception as error:  # noqa: BLE001 - it is void: nobody has to hear of it but the log
        tell(error)


def tell(error: Exception) -> None:
    """Leave a trace of what nobody waits for."""
    log_internal(error, translate(error), "while a transaction was rolled back")


def _has_more(storage: Transaction) -> bool:
    """Whether there is still something to take back, once as much is as the client waits for."""
    return all(storage.take_back_portion() for _ in range(PORTIONS_AT_ONCE))


def _may_be_left(session: Session, running: Running) -> bool:
    made = running.made_catalog
    return (
        len(running.storage.undo) > 0
        and (made is None or not (made.changes or made.rows or made.elsewhere))
        and running.storage.tracked is None
        and not session.temporary_schema
        and has_workers(session.database)
    )


def has_workers(database: Database) -> bool:
    """Whether there is anybody to leave work to."""
    return database.workers.has_threads


def take_back_since(session: Session, running: Running, savepoint: int) -> Iterator[Wait]:
    """Before a transaction goes back to a savepoint: if much was done since, workers take it back meanwhile."""
    storage, database = running.storage, session.database
    if not has_workers(database):
        return
    for _ in range(PORTIONS_AT_ONCE):
        if not storage.take_back_portion(savepoint):
            return
    since = Since(database, storage, savepoint)
    try:
        while since.has_more:
            done = database.workers.submit(since.go_on)
            yield Wait(done, what="Execute")
            if done.error is not None:
                raise done.error
    finally:
        since.stop()


class Since:
    """What a transaction has done since a savepoint, while its session waits for it to be taken back."""

    def __init__(self, database: Database, storage: Transaction, savepoint: int) -> None:
        self.has_more = True
        self._latch = database.engine.latch
        self._storage = storage
        self._savepoint = savepoint

    def go_on(self) -> None:
        """Do some portions, on a worker."""
        for _ in range(PORTIONS_A_TURN):
            with self._latch:
                self.has_more = self.has_more and self._storage.take_back_portion(self._savepoint)
            if not self.has_more:
                return
            time.sleep(GIVE_WAY_SECONDS)

    def stop(self) -> None:
        """The session does not wait any more: nothing is taken back after this."""
        with self._latch:
            self.has_more = False


class Left:
    """A transaction that was left to be taken back."""

    def __init__(self, database: Database, storage: Transaction, database_oid: int) -> None:
        self._database = database
        self._storage = storage
        self._completion = Completion()
        database.taken_back[self._completion] = database_oid

    def line_up(self) -> None:
        """Have a worker do some portions."""
        self._database.workers.submit(self.go_on)

    def go_on(self, portions: int = PORTIONS_A_TURN) -> None:
        """Do some portions, on a worker, and stand in line again."""
        try:
            for _ in range(portions):
                if not self._storage.take_back_portion():
                    break
                time.sleep(GIVE_WAY_SECONDS)
            else:
                self.line_up()
                return
        except Exception as error:  # noqa: BLE001 - the rest is void, and the transaction has to end
            tell(error)
        end(self._storage)
        del self._database.taken_back[self._completion]
        self._completion.complete()
