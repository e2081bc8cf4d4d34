"""SubTransactions: what a transaction can go back to: savepoints, blocks with handlers, the beginning of a statement.

Each is a mark of where every part of the transaction stood - storage, catalog, settings, deferred checks, mail - and
all of them go back together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.errors import InvalidSavepointSpecification
from server.session.block import Event, next_state
from server.session.state import Running, TransactionState
from server.session.taking_back import take_back_since

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.executor.deferred import Deferred
    from server.executor.waits import Wait
    from server.session.session import Session


@dataclass(slots=True)
class Savepoint:
    """A named point to go back to: where each part of the transaction stood.

    kept: the deferred checks of then, once SET CONSTRAINTS has had some of them made. modes: what SET CONSTRAINTS had
    said by then, once it says more; of savepoints that are released that is forgotten, as in PostgreSQL.
    """

    name: str
    storage: int
    catalog: int
    deferred_count: int
    portals: frozenset[str] = frozenset()
    read_only: bool = False
    mail_count: int = 0
    modes: dict[int, bool] | None = None
    kept: tuple[Deferred, ...] | None = None


@dataclass(frozen=True, slots=True)
class StatementMark:
    """Where each part of the transaction stood when a statement began."""

    running: Running
    storage: int
    catalog: int
    undo_count: int
    deferred_count: int
    mail_count: int


class SubTransactions(TransactionState):
    """The part of a session's transaction that nests."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def savepoint(self, name: str) -> None:
        """SAVEPOINT name."""
        self.state = next_state(self.state, Event.SAVEPOINT)
        self._push_savepoint(name)

    def begin_subtransaction(self) -> None:
        """What a block that handles errors of its own runs in; it has no name and ends before its statement."""
        self._push_savepoint("")

    def release_subtransaction(self) -> None:
        """Keep what was done since begin_subtransaction."""
        running = self.running
        assert running is not None
        self._release(running, len(running.savepoints) - 1)

    def roll_back_subtransaction(self) -> None:
        """Undo what was done since begin_subtransaction."""
        running = self.running
        assert running is not None
        position = len(running.savepoints) - 1
        self._roll_back(running, position)
        self._session.settings.rollback()
        running.catalog.release(running.savepoints[position].catalog)
        running.storage.release(running.savepoints[position].storage)
        del running.savepoints[position:]

    def mark_statement(self) -> StatementMark:
        """Where a statement began that may have to be begun again."""
        running = self.running
        assert running is not None
        depth = running.catalog.savepoint()
        token = running.storage.savepoint(statement=True)
        undo_count = len(running.storage.undo)
        deferred_count, mail_count = len(running.deferred), len(running.mail)
        return StatementMark(running, token, depth, undo_count, deferred_count, mail_count)

    def release_mark(self, mark: StatementMark) -> None:
        """Keep what was done since the mark."""
        running = self.running
        if running is mark.running:
            running.storage.release(mark.storage)
            running.catalog.release(mark.catalog)

    def back_to_mark(self, mark: StatementMark) -> None:
        """Undo what was done since the mark, which is forgotten; if that is anything, the locks taken since go, too."""
        running = self.running
        assert running is not None
        if len(running.storage.undo) > mark.undo_count:
            running.storage.rollback_to(mark.storage)
        running.storage.release(mark.storage)
        running.catalog.rollback_to(mark.catalog)
        running.catalog.release(mark.catalog)
        del running.deferred[mark.deferred_count :]
        del running.mail[mark.mail_count :]

    def _push_savepoint(self, name: str) -> None:
        running = self.running
        assert running is not None
        depth = running.catalog.savepoint()
        self._session.settings.begin()
        token = running.storage.savepoint()
        portals = frozenset(self._session.portals)
        running.savepoints.append(
            Savepoint(
                name,
                token,
                depth,
                len(running.deferred),
                portals,
                running.modes.read_only,
                len(running.mail),
            )
        )

    def set_constraints(self, chosen: Iterable[int], *, deferred: bool) -> None:
        """Note when constraints are checked; who goes back to a savepoint has yet to make the checks from before it."""
        running = self.running
        assert running is not None
        if running.savepoints and running.savepoints[-1].modes is None:
            running.savepoints[-1].modes = dict(running.constraint_modes)
        running.constraint_modes.update(dict.fromkeys(chosen, deferred))
        for savepoint in () if deferred else running.savepoints:
            if savepoint.kept is None:
                savepoint.kept = tuple(running.deferred[: savepoint.deferred_count])

    def release(self, name: str) -> None:
        """RELEASE SAVEPOINT name."""
        self.state = next_state(self.state, Event.RELEASE)
        running, position = self._find(name)
        self._release(running, position)

    def _release(self, running: Running, position: int) -> None:
        self._merge_settings(len(running.savepoints) - position)
        savepoint = running.savepoints[position]
        running.storage.release(savepoint.storage)
        running.modes.read_only = savepoint.read_only
        running.catalog.release(savepoint.catalog)
        del running.savepoints[position:]

    def rollback_to(self, name: str) -> Iterator[Wait]:
        """ROLLBACK TO SAVEPOINT name: the savepoint stays."""
        state = next_state(self.state, Event.ROLLBACK_TO)
        running, position = self._find(name)
        yield from take_back_since(self._session, running, running.savepoints[position].storage)
        self.state = state
        self._roll_back(running, position)

    def _roll_back(self, running: Running, position: int) -> None:
        settings = self._session.settings
        for _ in range(len(running.savepoints) - position):
            settings.rollback()
        settings.begin()
        savepoint = running.savepoints[position]
        running.storage.rollback_to(savepoint.storage)
        running.modes.read_only = savepoint.read_only
        del running.mail[savepoint.mail_count :]
        running.catalog.rollback_to(savepoint.catalog)
        _restore_checks(running, savepoint)
        del running.savepoints[position + 1 :]

    def _merge_settings(self, layers: int) -> None:
        for _ in range(layers):
            self._session.settings.commit()

    def _find(self, name: str) -> tuple[Running, int]:
        running = self.running
        for position in reversed(range(len(running.savepoints) if running is not None else 0)):
            assert running is not None
            if running.savepoints[position].name == name:
                return running, position
        raise InvalidSavepointSpecification(f'savepoint "{name}" does not exist')


def go_back_to_innermost(running: Running) -> None:
    """Undo what was done since the last savepoint, which stays; settings are left to what ends the block."""
    innermost = running.savepoints[-1]
    running.storage.rollback_to(innermost.storage)
    running.catalog.rollback_to(innermost.catalog)
    _restore_checks(running, innermost)


def _restore_checks(running: Running, savepoint: Savepoint) -> None:
    """What was to be checked, and when, as it was at a savepoint."""
    if savepoint.kept is None:
        del running.deferred[savepoint.deferred_count :]
    else:
        running.deferred[:] = savepoint.kept
    if savepoint.modes is not None:
        running.constraint_modes.clear()
        running.constraint_modes.update(savepoint.modes)
        savepoint.modes = None
