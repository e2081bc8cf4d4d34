"""Session: one client's conversation, without a socket. Decoded messages in, an iterator of replies and waits out.

Rule 1: `handle` is driven by someone: replies are to be sent, a Wait is to be answered (see waiting.py). Closing the
        iterator abandons the statement; throwing an SqlError into it makes that the statement's outcome.
Rule 2: this is one of the two places that catch everything: an error of ours becomes the client's XX000 and is logged,
        and the session lives on.
Rule 3: all state of a client is here: settings, transaction, prepared statements, portals.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from protocol.errors import ErrorFields
from protocol.messages import (
    BackendKeyData,
    ErrorResponse,
    NoticeResponse,
    ParameterStatus,
    ReadyForQuery,
)
from server.error_translation import log_internal, translate
from server.executor.deferred import forget_dropped
from server.executor.waits import Wait
from server.session.events import fire_rewrite
from server.session.flows import flow_of
from server.session.greeting import greeting
from server.session.mail import Mail
from server.session.results import copy_rows, error_fields, row_values
from server.session.rights import AUTHORIZATION, ROLE, Rights
from server.session.routines import SessionSurroundings
from server.session.sequence_use import SequenceUse
from server.session.series import run_savepoint_text, run_series
from server.session.session_facts import SessionFacts
from server.session.short_path import QUICK
from server.session.skeletons import take_over
from server.session.state import Activity, Running
from server.session.temporary import end_session, end_transaction
from server.session.transaction import SessionTransaction
from server.session.waiting import Pace, satisfy, tell_inside, wait_inside
from server.settings import REPORTED
from server.statements.portal import keep_held

if TYPE_CHECKING:
    from protocol.messages import Bind
    from server.database import Database
    from server.errors import SqlError
    from server.planner.planned import PlannedStatement
    from server.session.basis import Basis
    from server.session.own_thread import OwnThread
    from server.session.scope import StatementScope
    from server.session.session_facts import Identity
    from server.session_settings import SessionSettings
    from server.statements.portal import Prepared
    from storage.waits import Completion

_NS_PER_MS = 1_000_000
IDENTITIES = (AUTHORIZATION, ROLE)

Reply = Any
Replies = Generator[Any, Any, None]


class Session(SessionFacts):
    """One client's conversation."""

    def __init__(self, database: Database, identity: Identity, settings: SessionSettings) -> None:
        super().__init__(database, identity, settings)
        self.transaction = SessionTransaction(self)
        self.sequences = SequenceUse(database.sequences)
        self.mail = Mail(self)
        self.rights = Rights(self, identity.user_oid)
        self.copy_rows = copy_rows
        self.row_values = row_values
        self.wake: Callable[[], None] = _nobody_waits  # set by whoever drives the session
        self.ending: SqlError | None = None  # by whose will: no other message is to be taken up
        self.own_thread: OwnThread | None = None  # that runs the statement now
        self.ended_trial: PlannedStatement | None = (
            None  # of this, which is now to be run on its thread
        )
        self.holds_notices = False  # what runs may be undone and begun again
        self.pace = Pace()
        self.backend_type = "client backend"
        self.activity = Activity(self.clock.now_us())
        self.surroundings = SessionSurroundings(self)
        self.temporary_files = database.temporary_files(identity.database_oid)
        self.firing: list[
            Any
        ] = []  # what the statements read and write whose triggers are being run
        self.trigger_depth = 0  # how many trigger functions are being run, one inside the other
        self._raised: Exception | None = None  # by `quick`
        self._told: dict[str, str] = {}  # of reported settings, since the start
        self.lost_portals: dict[str, Prepared] = {}  # that a failed block has taken along

    # Notices

    def notice(
        self,
        sqlstate: str,
        message: str,
        detail: str = "",
        hint: str = "",
        severity: str = "NOTICE",
    ) -> None:
        """Send a notice if client_min_messages lets it through: from a thread of its own at once."""
        if _LEVELS.index(severity) >= _LEVELS.index(self._level()):
            fields = ErrorFields(
                severity=severity, sqlstate=sqlstate, message=message, detail=detail, hint=hint
            )
            self.notices.append(NoticeResponse(fields))
            if not self.holds_notices:
                tell_inside(self)

    def warn(self, sqlstate: str, message: str) -> None:
        """Send a warning before the next reply."""
        self.notice(sqlstate, message, severity="WARNING")

    def _level(self) -> str:
        level = self.settings.text("client_min_messages").upper()
        return "DEBUG" if level.startswith("DEBUG") else level

    # The conversation

    def start(self) -> Iterator[Reply]:
        """What the client is told after authentication."""
        yield from greeting(self.settings.reported())
        self.settings.changed.clear()
        yield BackendKeyData(self.identity.pid, self.identity.secret)
        yield self.ready()

    def ready(self) -> ReadyForQuery:
        """The end of a command cycle."""
        self.show_ready()
        return ReadyForQuery(self.transaction.status)

    def show_ready(self) -> None:
        """Let pg_stat_activity show that nothing runs."""
        self._set_activity(_IDLE_IN[self.transaction.status])

    def quick(self, message: Any) -> bytes | None:
        """The whole reply to a message that is answered at once, in wire form; None: `handle` it.

        An error is kept for `handle`, which is called with the same message next.
        """
        step = QUICK.get(type(message))
        if step is None or self.skipping:
            return None
        try:
            return step(self, message)
        except Exception as error:  # noqa: BLE001 - handed on to where errors become replies
            self._raised = error
            return None

    def run_series(
        self,
        prepared: Prepared,
        message: Bind,
        described: bool,
    ) -> bytes | None:
        """The replies to a whole series, in wire form; None: `handle` its messages. See `unfinished`."""
        return run_series(self, prepared, message, described)

    def run_savepoint_text(self, sql: str) -> bytes | None:
        """The replies to a Query about a savepoint, in wire form; None: `handle` it. See `unfinished`."""
        return run_savepoint_text(self, sql)

    def take_over(self, skeleton: tuple[str, str]) -> Prepared | None:
        """What another session has prepared for a text's skeleton, if this one has never met it."""
        return take_over(self, skeleton)

    def handle(self, message: Any) -> Replies:
        """Reply to one message of the client."""
        flow = flow_of(message)
        if self.skipping and not flow.after_error:
            return
        try:
            if self._raised is not None:
                raise self._take_raised()
            yield from self.driven(flow.run(self, message))
        except Exception as error:  # noqa: BLE001 - the boundary: it is logged or handed on
            yield from self.failed(error)
            self.skipping = flow.extended
        if flow.cycle:
            yield from self.end_cycle()

    def driven(self, steps: Generator[Any, Any, Any]) -> Replies:
        """Pass replies on after the notices that came up before them; make waits obey timeouts and deadlocks.

        A NEED_COPY_DATA is answered by whoever drives the session with the client's next message. An error that comes
        in here at a reply ends the steps at once, not when they are collected: the transaction is failed next.
        """
        try:
            yield from self._replies(steps)
        finally:
            steps.close()

    def _replies(self, steps: Generator[Any, Any, Any]) -> Replies:
        answer: Any = None
        failure: Exception | None = None
        while True:
            try:
                item = steps.send(answer) if failure is None else steps.throw(failure)
            except StopIteration:
                return
            finally:
                # An error that holds this frame, which holds the error, would keep what it has left half done.
                answer, failure = None, None
            if self.notices and not (self.holds_notices and item.__class__ is Wait):
                yield from self.take_notices()
            if item.__class__ is Wait:
                try:
                    yield from satisfy(self, item)
                except Exception as error:  # noqa: BLE001 - whose outcome it is the steps know
                    failure = error
                continue
            answer = yield item

    def _take_raised(self) -> Exception:
        error, self._raised = self._raised, None
        assert error is not None
        return error

    def take_notices(self) -> Iterator[NoticeResponse]:
        """The notices that wait to be sent."""
        taken, self.notices = self.notices, []
        yield from taken

    def end_cycle(self) -> Replies:
        """Commit an implicit transaction, report changed settings, say ReadyForQuery."""
        self.skipping = False
        self.transaction.is_shared = self.transaction.is_pipelined = False
        try:
            yield from self.driven(self.transaction.end_implicit())
        except Exception as error:  # noqa: BLE001 - the session's boundary
            yield from self.failed(error)
        if not self.transaction.in_block:
            self.lost_portals.clear()
            self.close_portals()
        yield from self.take_notices()
        yield from self.changed_settings()
        yield from self.mail.deliver()
        self.stop_clock()
        yield self.ready()

    def tell(self) -> Replies:
        """Notifications for a client that is idle."""
        yield from self.mail.deliver()

    def note_changed_settings(self) -> None:
        """A statement is done that may have changed settings; the client is told at the end of the cycle."""
        if not self.settings.changed.isdisjoint(IDENTITIES):
            self.rights.renew_superuser()
        if self.settings.changed:
            self._style = None

    def changed_settings(self) -> Iterator[ParameterStatus]:
        """ParameterStatus of reported settings that are others than the client was told last."""
        self.note_changed_settings()
        changed, self.settings.changed = self.settings.changed, set()
        for name in REPORTED:
            if name not in changed:
                continue
            text = self.settings.show(name)
            if text != self._told_text(name):
                self._told[name] = text
                yield ParameterStatus(name, text)

    def _told_text(self, name: str) -> str:
        """What the client was told last of a reported setting."""
        found = self._told.get(name)
        return self.settings.reported()[REPORTED.index(name)] if found is None else found

    def failed(self, error: Exception) -> Iterator[Reply]:
        """An error ends the statement, and the transaction with it."""
        known = translate(error)
        log_internal(error, known, f"STATEMENT:  {self.activity.query}")
        yield from self.driven(self.transaction.taking_back())
        self.transaction.fail()
        yield from self.driven(self.transaction.caught_up())
        if self.transaction.running is None:
            self.lost_portals.update({name: each.prepared for name, each in self.portals.items()})
            self.close_portals()
        yield from self.take_notices()
        severity = "FATAL" if known.sqlstate in _FATAL else "ERROR"
        yield ErrorResponse(error_fields(known, severity))

    def close_portals(self) -> None:
        """Forget the portals that do not outlive their transaction."""
        for name, portal in list(self.portals.items()):
            if not portal.held:
                portal.close()
                del self.portals[name]

    def forget_portals(self) -> None:
        """Forget all portals but the one that says so."""
        for name, portal in list(self.portals.items()):
            if not portal.is_running:
                self.portals.pop(name).close()

    def close_portals_since(self, savepoint: str) -> None:
        """Forget the portals made after a savepoint that is rolled back to."""
        running = self.transaction.running
        made = (
            [item.portals for item in running.savepoints if item.name == savepoint]
            if running
            else []
        )
        for name in [name for name in self.portals if made and name not in made[-1]]:
            self.portals.pop(name).close()

    # Statements

    def leave_point_context(self) -> None:
        """The transaction of the point statements has ended: hold nothing of it."""
        context = self.point_context
        if context is not None:
            context.transaction = context.deferred = None

    def begin_statement(self, query: str, basis: Basis | None = None) -> None:
        """A statement starts: clocks and pg_stat_activity. basis: the session's, if it is known."""
        activity = self.activity
        activity.query = query
        activity.state = "active"
        activity.query_started_us = activity.state_changed_us = self.clock.now_us()
        self.begin_clock(basis or self.basis())

    def begin_clock(self, basis: Basis) -> None:
        """Limit the time of what runs next: in a text of several statements that of each."""
        timeout_ms = basis.statement_timeout_ms
        self.deadline_ns = self.clock.monotonic_ns() + timeout_ms * _NS_PER_MS if timeout_ms else 0

    def statement_us(self) -> int:
        """When the statement began: a transaction begins with its first one."""
        activity = self.activity
        return activity.query_started_us if activity.state == "active" else self.clock.now_us()

    def _set_activity(self, state: str) -> None:
        self.activity.state = state
        self.activity.state_changed_us = self.activity.query_started_us

    def stop_clock(self) -> None:
        """No statement runs: statement_timeout does not count."""
        self.deadline_ns = 0
        self.cancelled = None

    def rest(self, state: str) -> None:
        """`stop_clock`, and pg_stat_activity shows the state: a cycle has ended."""
        self.deadline_ns = 0
        self.cancelled = None
        self.activity.state = state
        self.activity.state_changed_us = self.activity.query_started_us

    def cancel(self, error: SqlError) -> None:
        """End what runs now with this error: a cancel request, shutdown, pg_cancel_backend. Safe on any thread."""
        self.cancelled = error
        if error.sqlstate in _SESSION_ENDS:
            self.ending = error
        self.wake()

    def wait_inside(
        self, completion: Completion, what: str, where: str = "", timeout_ms: int | None = None
    ) -> None:
        """Wait in the middle of an expression, obeying timeouts, cancel requests and deadlocks; for functions."""
        wait_inside(self, Wait(completion, timeout_ms, what, where))

    def give_up(self) -> None:
        """A wait is abandoned: leave the queue of the lock."""
        if self.transaction.running is not None:
            self.database.engine.locks.cancel_wait(self.transaction.running.storage)

    def rewriting(self, scope: StatementScope, oid: int) -> Iterator[Wait]:
        """Call the event triggers for a table that is about to be written anew."""
        return fire_rewrite(scope, oid)

    def run_deferred(self, running: Running) -> Iterator[Wait]:
        """What a commit does first: deferred constraints, cursors WITH HOLD, ON COMMIT of temporary tables."""
        forget_dropped(running.deferred, self.transaction.catalog)
        yield from self.database.run_deferred(running)
        yield from keep_held(self.portals, running)
        end_transaction(self, running)

    def close(self) -> None:
        """The client is gone: roll back, release everything."""
        for portal in self.portals.values():
            portal.close()
        self.portals.clear()
        self.transaction.abort()
        self.mail.close()
        end_session(self)
        self.database.engine.locks.release_since(self)


def _nobody_waits() -> None:
    """A session in a test is driven by hand."""


_LEVELS = ("DEBUG", "LOG", "NOTICE", "WARNING", "ERROR", "INFO")  # INFO is always sent
_SESSION_ENDS = frozenset(("57P01", "57P02", "57P04"))  # by somebody else's will
_FATAL = _SESSION_ENDS | {"57P05", "25P03"}
_IDLE_IN = {"I": "idle", "T": "idle in transaction", "E": "idle in transaction (aborted)"}
