"""LISTEN and NOTIFY: who listens to which channel of a database, and what waits to be told to whom.

Rule 1: what a transaction says happens at its commit, in order; a savepoint rolled back takes it along.
Rule 2: the same message said twice in a transaction is told once.
Rule 3: a commit may be published on any thread, so the lists are kept under a lock and a listener's
        `wake` may be called on any thread.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAITING_BYTES_MAX: Final = 1 << 33
HEADER_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Notification:
    """One message: the process that said it, the channel, the payload."""

    pid: int
    channel: str
    payload: str

    @property
    def byte_count(self) -> int:
        """What it takes of the room for those that wait."""
        return HEADER_BYTES + len(self.channel) + len(self.payload)


@dataclass(slots=True, eq=False)
class Mailbox:
    """What one session listens to and has not been told yet."""

    channels: dict[str, None] = field(default_factory=dict)
    arrived: deque[Notification] = field(default_factory=deque)
    wake: Callable[[], None] = lambda: None

    def take(self) -> Iterator[Notification]:
        """What has arrived, oldest first."""
        while self.arrived:
            yield self.arrived.popleft()


class Channels:
    """The channels of all databases."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[tuple[int, str], dict[Mailbox, None]] = {}

    def listen(self, database: int, channel: str, mailbox: Mailbox) -> None:
        """From now on the mailbox gets what is said on the channel."""
        with self._lock:
            mailbox.channels[channel] = None
            self._listeners.setdefault((database, channel), {})[mailbox] = None

    def unlisten(self, database: int, channel: str, mailbox: Mailbox) -> None:
        """The mailbox gets no more of a channel; empty: of any."""
        with self._lock:
            for name in [channel] if channel else list(mailbox.channels):
                mailbox.channels.pop(name, None)
                listeners = self._listeners.get((database, name), {})
                listeners.pop(mailbox, None)
                if not listeners:
                    self._listeners.pop((database, name), None)

    def usage(self) -> float:
        """The part of the room for what waits to be told that is taken, by whom is furthest behind."""
        with self._lock:
            boxes = {id(box): box for boxes in self._listeners.values() for box in boxes}
            behind = [sum(note.byte_count for note in box.arrived) for box in boxes.values()]
        return max(behind, default=0) / WAITING_BYTES_MAX

    def publish(self, database: int, notification: Notification) -> None:
        """Tell all who listen."""
        with self._lock:
            listeners = list(self._listeners.get((database, notification.channel), ()))
            for mailbox in listeners:
                mailbox.arrived.append(notification)
        for mailbox in listeners:
            mailbox.wake()
