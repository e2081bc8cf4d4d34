"""ClientConnection: pumps bytes between one socket and one session.

It drives the generators of login and session: what they yield goes out, their waits are satisfied by callbacks, their
wish for a message by the next bytes. Nothing here knows SQL or the meaning of a message.

Rule 1: one generator runs at a time; messages that arrive meanwhile wait in the protocol's buffer.
Rule 2: output is written when the client has to act on it (ReadyForQuery, Flush, a question) or when much of it is
        there; a client that does not read stops its own statement, nobody else's.
Rule 3: what comes in while the server is busy is kept up to INPUT_BYTES_MAX; then nothing more is read.
Rule 4: a generator gets SLICE_NS at a time, then the other connections have their turn.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from protocol.connection import Connection
from protocol.errors import ErrorFields, ProtocolError, UnknownPeer, Untranslatable
from protocol.messages import (
    NEED_DATA,
    CancelRequest,
    CopyRows,
    DataRows,
    ErrorResponse,
    Flush,
    Framed,
    GSSENCRequest,
    NoticeResponse,
    SSLRequest,
    StartupMessage,
    Terminate,
)
from protocol.phases import Phase
from server.error_translation import translate
from server.errors import AdminShutdown, CannotConnectNow, SqlError
from server.executor.waits import Wait
from server.net.ahead import more_copy_data, serve_ahead
from server.net.encryption import answer_encryption
from server.net.idle import IdleWatch
from server.net.output import READY_HEAD, Output
from server.net.parked import FLUSH, Parked
from server.net.peers import is_to_end, peer_of
from server.session.block import State
from server.session.login import NEED_MESSAGE, log_in
from server.session.native import serve
from server.session.results import error_fields
from server.statements.copy_stream import NEED_COPY_DATA
from storage.waits import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from server.net.listener import Listener
    from server.net.native import Socket
    from server.session.blocked import Blocked
    from server.session.session import Session
    from server.session.unfinished import Flushing

_LOG = logging.getLogger(__name__)

SLICE_NS = 5_000_000
INPUT_BYTES_MAX = 4 * 1024 * 1024
"""How much may wait to be dealt with before the client has to wait; a message that is longer comes in whole."""


class ClientConnection(asyncio.Protocol):
    """One client's socket."""

    def __init__(self, listener: Listener, pid: int) -> None:
        self.listener = listener
        self.database = listener.database
        self.loop = listener.loop
        self.pid = pid
        self.wire = Connection()
        self.output = Output(self.wire)
        self.session: Session | None = None
        self.transport: Socket | asyncio.Transport | None = None  # the latter with TLS
        self.tls = False
        self._steps: Generator[Any, Any, Any] | None = None
        self._login = False
        self._asks: Any = (
            None  # NEED_MESSAGE or NEED_COPY_DATA while that is what the generator waits for
        )
        self._wait: Wait | None = None
        self._parked = Parked(self, listener.deadlock_watch)
        self._timer: asyncio.TimerHandle | None = None
        self._startup_timer: asyncio.TimerHandle | None = None
        self._idle: IdleWatch | None = None
        self._paused = False
        self.is_switching = False  # to TLS
        self._deaf = False  # reading is paused
        self.is_closed = False
        self._running = False
        self.at_rest: Session | None = None  # that waits for the first byte of its next message

    # Called by the event loop

    def connection_made(self, transport: Socket | asyncio.BaseTransport) -> None:
        """A client has connected, or TLS is established."""
        self.transport = self.output.transport = transport  # type: ignore[assignment]  # uvloop's own
        if self.tls:
            if self.is_closed:  # during the handshake
                transport.close()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        seconds = self.database.settings.integer("authentication_timeout")
        self._startup_timer = self.loop.call_later(seconds, self._startup_took_too_long)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.at_rest is None:
            self._take_in(data)
            return
        try:
            reply, taken = serve(self.at_rest, data)
        except Exception as error:  # noqa: BLE001 - the boundary, as in advance
            self.failed(error)
            return
        if reply:
            assert self.transport is not None
            self.transport.write(reply)
            self.listener.linger.begin()
        self.go_on(data, taken)

    def go_on(self, data: bytes, taken: int) -> None:
        """So much of what came at rest is answered: run what that has left to be done, then deal with the rest."""
        if taken:
            assert self.session is not None
            is_all = taken == len(data)
            if is_all and self.session.unfinished is None:
                return
            data = data[taken:]
            if self._has_more_to_do(data) or is_all:
                return
        self._take_in(data)

    def _take_in(self, data: bytes) -> None:
        self.wire.receive_data(data)
        if self._running or self._wait is not None or self.is_switching or self._paused:
            self._read_less()
        else:
            if self._steps is None and self.session is not None:
                self.session.cancelled = None  # nothing ran that it could have been for
            self.advance(None)

    def _read_less(self) -> None:
        """The server is busy: a client that sends on and on waits as well."""
        if not self._deaf and self.wire.buffered > INPUT_BYTES_MAX and self.transport is not None:
            self._deaf = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        """What had come is dealt with."""
        if self._deaf:
            self._deaf = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    def _has_more_to_do(self, left: bytes) -> bool:
        """Run what the last message that was served has left to be done; what has come after it waits."""
        assert self.session is not None
        if self.session.unfinished is None:
            return False
        if left:
            self.wire.receive_data(left)
        if not self._has_to_flush():
            self.advance(None)
        return True

    def _has_to_flush(self) -> bool:
        """Take what the last message that was served has left to be done, or wait for the flush that this is."""
        assert self.session is not None
        steps, self.session.unfinished = self.session.unfinished, None
        if steps is not None and self._parked.begin(steps):
            return True
        self._steps = None if steps is None else iter(steps)
        return False

    def park(self, wait: Wait) -> None:
        """Go on when `answered` or `take_up` is called."""
        self.at_rest = None
        self._wait = wait
        self.output.flush_before_reply()

    def answered(self, reply: bytes) -> None:
        """What the connection was parked for has come: nothing else is left of the series."""
        self._wait = None
        if self.is_closed:
            return
        assert self.transport is not None
        self.transport.write(reply)
        self.at_rest = self._session_at_rest()
        if self.at_rest is None and not self._paused:
            self.advance(None)

    def take_up(self, steps: Flushing | Blocked) -> None:
        """What the connection was parked for is to be waited for, and the series gone on with, by its steps."""
        self._wait = None
        self._steps = iter(steps)
        self.advance(None)

    def eof_received(self) -> bool:
        """The client has closed its side."""
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        """The socket is gone: end the session and what it runs."""
        if not self.is_switching:
            self.finish()

    def pause_writing(self) -> None:
        """The client does not read: stop until it does."""
        self._paused = True
        self.at_rest = None

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._paused = False
        if not self._running and self._wait is None:
            self.advance(None)

    # Driving the generators

    def advance(self, answer: Any) -> None:
        """Run until something is missing: a message, a completion, room in the socket."""
        self._running = True
        self.at_rest = None
        try:
            self._run(answer)
        except Exception as error:  # noqa: BLE001 - the boundary: it is logged or handed on
            self.failed(error)
        finally:
            self._running = False

    def failed(self, error: Exception) -> None:
        """Tell the client what nothing else has caught, and close."""
        if isinstance(error, UnknownPeer):
            _LOG.info("%s", error)
            self.finish()
            return
        if not isinstance(error, ProtocolError | SqlError):
            _LOG.error("connection %s", self.pid, exc_info=error)
        self._fatal(error_fields(translate(error), "FATAL"))

    def _run(self, answer: Any) -> None:
        started = time.monotonic_ns()
        while not self._has_ended():
            if self._steps is None and self._serve_ahead():
                if self._has_to_flush() or self._is_over(started):
                    return
                continue
            if self._asks is not None or self._steps is None:
                message = self.wire.next_message()
                if message is NEED_DATA:
                    self._read_on()
                    self.output.flush_when_due()
                    self.at_rest = self._session_at_rest()
                    if self._idle is not None:
                        self._idle.begin()
                    return
                answer = self._take(message)
                if self._steps is None:
                    if self.is_switching or self._is_over(started):
                        return
                    continue
            must_wait = self._step(answer)
            answer = None
            if must_wait or self._is_over(started):
                return

    def _has_ended(self) -> bool:
        """Whether nothing is taken up any more; as the session ends when nothing of it runs."""
        if self._steps is None and is_to_end(self.session):
            self._end_idle_session()
        return self.is_closed

    def _step(self, answer: Any) -> bool:
        """Run up to what comes next, and send it: whether to wait now. What cannot be sent fails the statement."""
        assert self._steps is not None
        error: SqlError | None = None
        while True:
            try:
                item = self._steps.send(answer) if error is None else self._steps.throw(error)
            except StopIteration as stop:
                self._ended(stop.value)
                return False
            try:
                return self._give(item)
            except Untranslatable as failed:
                error = translate(failed)

    def _serve_ahead(self) -> bool:
        """Answer statements that go ahead of their Sync, and that, if they are next."""
        if self.wire.phase is Phase.READY:
            self.output.end_cycle()
        reply = serve_ahead(self.wire, self.session)
        if reply is not None:
            self.output.send_framed(reply)
            if self.wire.phase is Phase.EXTENDED and READY_HEAD in reply:
                self.output.end_cycle()
        return reply is not None

    def _session_at_rest(self) -> Session | None:
        """The session, if nothing is under way."""
        if (
            self.wire.phase is Phase.READY
            and self.wire.encoding is None
            and self._steps is None
            and self._asks is None
            and not self._paused
            and not self.is_closed
            and not self.wire.buffered
            and not is_to_end(self.session)
        ):
            return self.session
        return None

    def _is_over(self, started: int) -> bool:
        """Whether it is the others' turn, or the client is to read first."""
        is_done = self._steps is None and not self.wire.buffered
        if not self._paused and (is_done or time.monotonic_ns() - started <= SLICE_NS):
            return False
        self.output.flush()
        if not self._paused:
            self._wait = _TURN
            self.loop.call_soon(self._take_turn)
        return True

    def _take(self, message: Any) -> Any:
        """A message has arrived: it is the answer the generator asked for, or it starts a new one."""
        if self._asks is not None:
            is_copy = self._asks is NEED_COPY_DATA
            self._asks = None
            return more_copy_data(self.wire, message) if is_copy else message
        if self.session is not None:
            if isinstance(message, Terminate):
                self.finish()
                return None
            self.output.must_flush |= type(message) is Flush
            data = self.session.quick(message)
            if data is None:
                self._steps = self.session.handle(message)
            else:
                self.output.send_framed(data)
            return None
        if isinstance(message, StartupMessage) and self.listener.is_closing:
            error = CannotConnectNow("the database system is shutting down")
            self._fatal(error_fields(error, "FATAL"))
        elif isinstance(message, StartupMessage):
            assert self.transport is not None
            peer = peer_of(self.transport, tls=self.tls)
            self._login = True
            self._steps = log_in(self.database, message, peer, self.pid)
        elif isinstance(message, SSLRequest | GSSENCRequest):
            answer_encryption(self, message)
        elif isinstance(message, CancelRequest):
            self.listener.cancel(message)
            self.finish()
        return None

    def _give(self, item: Any) -> bool:
        """Do what the generator yielded; true when it has to wait."""
        kind = type(item)
        if kind is DataRows or kind is CopyRows or kind is Framed:
            self.output.send_framed(item.data)
        elif kind is Wait:
            if item.completion.done:
                return False
            self.output.flush_when_due()
            self._begin_wait(item)
            return True
        elif item is NEED_COPY_DATA or item is NEED_MESSAGE:
            self._asks = item
        else:
            self.output.send(item)
            self.output.must_flush |= kind is NoticeResponse
            if kind is ErrorResponse and item.fields.severity in ("FATAL", "PANIC"):
                self.output.flush()
                self.finish()
                return True
        return False

    def _ended(self, value: Any) -> None:
        self._steps = None
        if self._login:
            self._login = False
            self._start_session(value)

    def _start_session(self, session: Session) -> None:
        if self._startup_timer is not None:
            self._startup_timer.cancel()
        self.session = session
        self._idle = IdleWatch(self.loop, session, self._end_session)
        session.wake = self.wake
        session.mail.box.wake = self.mail_has_come
        self.listener.opened(session)
        for reply in session.start():
            self._give(reply)
        self.output.flush()

    # Waiting

    def _begin_wait(self, wait: Wait) -> None:
        self._wait = wait
        if wait.timeout_ms is not None:
            self._timer = self.loop.call_later(wait.timeout_ms / 1000, self._end_wait, wait)
        wait.completion.on_done(lambda: self.call_soon(self._end_wait, wait))  # on any thread

    def call_soon(self, function: Callable[[Any], None], argument: Any) -> None:
        """On the loop's thread, without waking it up there."""
        if self.loop.is_closed():
            return
        if threading.get_ident() == self.listener.thread_ident:
            self.listener.sockets.call_soon(function, argument)
        else:
            self.loop.call_soon_threadsafe(function, argument)

    def _end_wait(self, wait: Wait) -> None:
        if self._wait is not wait or self.is_closed:
            return
        self._stop_timer()
        self._wait = None
        self.advance(wait.completion.done)

    def mail_has_come(self) -> None:
        """A notification waits to be told to the client. Called on any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        """Tell it at once if nothing runs; else the end of what runs does."""
        session = self.session
        if self.is_closed or session is None or self._steps is not None or self._wait is not None:
            return
        if session.transaction.state is State.IDLE:
            self._steps = session.tell()
            if not self._running and not self._paused:
                self.advance(None)

    def wake(self) -> None:
        """Look again whether to go on: a cancel request has come. Called on any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._wait is FLUSH or self._parked.run():
            return
        if self._wait is not None and self._wait is not _TURN:
            self._end_wait(self._wait)
        elif self._paused and is_to_end(self.session):
            self.finish()  # who reads nothing cannot be told why
        elif self._steps is None or self._asks is not None:
            self._end_idle_session()

    def _end_idle_session(self) -> None:
        """Nothing runs: a request to cancel is void, a request to end the session ends it."""
        if (session := self.session) is not None and self._steps is None:
            session.cancelled = None
        if session is not None and session.ending is not None:
            self._end_session(session.ending)

    def _end_session(self, error: SqlError) -> None:
        self._fatal(error_fields(error, "FATAL"))

    def _take_turn(self) -> None:
        self._wait = None
        if not self._paused and not self.is_closed:
            self.advance(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Encryption and the end

    def _startup_took_too_long(self) -> None:
        if self.session is None:
            self.finish()

    def _fatal(self, fields: ErrorFields) -> None:
        """Tell the client and close."""
        if self.is_closed:
            return
        if self.wire.phase is not Phase.CLOSED:
            self.wire.send(ErrorResponse(fields))
            self.output.flush()
        self.finish()

    def finish(self) -> None:
        """Close everything; may be called more than once."""
        if self.is_closed:
            return
        self.is_closed = True
        self.at_rest = None
        self._stop_timer()
        if self._startup_timer is not None:
            self._startup_timer.cancel()
        if self._idle is not None:
            self._idle.stop()
        if self.transport is not None:
            self.transport.close()
        self.loop.call_soon(self._close_session)

    def _close_session(self, _ended: Completion | None = None) -> None:
        """End the session, when no worker runs for it any more."""
        session, steps = self.session, self._steps
        if session is not None and self._wait is not None and self._wait.what == "Execute":
            completion = self._wait.completion
            if not completion.done:
                session.cancel(AdminShutdown("terminating connection because the client is gone"))
                completion.on_done(lambda: self.call_soon(self._close_session, completion))
                return
        self._parked.leave()
        self._steps = self._wait = None
        self.transport = self.output.transport = None
        if steps is not None:
            steps.close()
        if session is not None:
            session.close()
        self.listener.closed(self, session)


_TURN = Wait(Completion(), what="turn")  # not a wait: the others' turn
