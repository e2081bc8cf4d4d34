"""What a session says and hears by NOTIFY and LISTEN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocol.messages import NotificationResponse
from server.errors import InvalidParameterValue
from server.notifications import Mailbox, Notification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.session.session import Session
    from server.session.state import Running

CHANNEL_BYTES_MAX: Final = 63
PAYLOAD_BYTES_MAX: Final = 7999
LISTENS: Final = 0
TELLS: Final = 1
"""A transaction first listens, so that it hears all it tells, whatever came first."""


class Mail:
    """A session's mailbox and what its transaction will do to channels at its commit."""

    __slots__ = ("_session", "_told", "_told_in", "box")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.box = Mailbox()
        self._told: set[tuple[str, str]] = set()
        self._told_in: Running | None = None

    def listen(self, channel: str) -> None:
        """LISTEN."""
        channels, database = self._session.database.channels, self._session.database_oid
        self._at_commit(LISTENS, lambda: channels.listen(database, channel, self.box))

    def unlisten(self, channel: str = "") -> None:
        """UNLISTEN; no channel means all."""
        channels, database = self._session.database.channels, self._session.database_oid
        running = self._session.transaction.running
        if self.box.channels or (running is not None and running.mail):
            self._at_commit(LISTENS, lambda: channels.unlisten(database, channel, self.box))

    def notify(self, channel: str, payload: str) -> None:
        """NOTIFY; raises InvalidParameterValue."""
        if not channel:
            raise InvalidParameterValue("channel name cannot be empty")
        if len(channel.encode()) > CHANNEL_BYTES_MAX:
            raise InvalidParameterValue("channel name too long")
        if len(payload.encode()) > PAYLOAD_BYTES_MAX:
            raise InvalidParameterValue("payload string too long")
        running = self._session.transaction.running
        if self._told_in is not running:
            self._told, self._told_in = set(), running
        told = self._told

        def tell() -> None:
            if (channel, payload) not in told:
                told.add((channel, payload))
                self._session.database.channels.publish(
                    self._session.database_oid,
                    Notification(self._session.identity.pid, channel, payload),
                )

        self._at_commit(TELLS, tell)

    def _at_commit(self, turn: int, callback: Callable[[], None]) -> None:
        self._session.transaction.start_statement().mail.append((turn, callback))

    def deliver(self) -> Iterator[NotificationResponse]:
        """What has arrived, for a client that is not in a transaction block."""
        if not self._session.transaction.in_block:
            for note in self.box.take():
                yield NotificationResponse(note.pid, note.channel, note.payload)

    def close(self) -> None:
        """The session is over."""
        session = self._session
        session.database.channels.unlisten(session.database_oid, "", self.box)
