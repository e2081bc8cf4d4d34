"""Transaction block states as one table.

Rule 1: a statement never inspects the state; it asks next_state().
Rule 2: ReadyForQuery reports STATUS[state] and nothing else.

             BEGIN             error             ROLLBACK, COMMIT
    IDLE ------------> OPEN ----------> FAILED ------------------> IDLE
      |                 ^
      | statement       | BEGIN
      v                 |
    IMPLICIT -----------+        an implicit block ends with its last statement, or at Sync

The manual's "Message Flow" says what an implicit block of several statements is.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from server.errors import BY_SQLSTATE

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """Where a session stands between transactions."""

    __hash__ = object.__hash__  # Enum's own is a call of Python

    IDLE = "idle"
    IMPLICIT = "implicit"  # a transaction that a statement started and that ends with it
    OPEN = "open"  # inside BEGIN
    FAILED = "failed"  # inside BEGIN, after an error


class Event(Enum):
    """What moves a block from state to state."""

    __hash__ = object.__hash__

    STATEMENT = "statement"
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    RELEASE = "release"
    ROLLBACK_TO = "rollback to"
    ERROR = "error"
    END = "end"  # the last statement of an implicit block is done, or Sync


STATUS: Mapping[State, str] = {
    State.IDLE: "I",
    State.IMPLICIT: "I",
    State.OPEN: "T",
    State.FAILED: "E",
}

NEXT: Mapping[tuple[State, Event], State] = {
    (State.IDLE, Event.STATEMENT): State.IMPLICIT,
    (State.IDLE, Event.BEGIN): State.OPEN,
    (State.IDLE, Event.COMMIT): State.IDLE,  # with a warning
    (State.IDLE, Event.ROLLBACK): State.IDLE,  # with a warning
    (State.IDLE, Event.ERROR): State.IDLE,
    (State.IDLE, Event.END): State.IDLE,
    (State.IMPLICIT, Event.STATEMENT): State.IMPLICIT,
    (State.IMPLICIT, Event.BEGIN): State.OPEN,
    (State.IMPLICIT, Event.COMMIT): State.IDLE,  # with a warning
    (State.IMPLICIT, Event.ROLLBACK): State.IDLE,  # with a warning
    (State.IMPLICIT, Event.ERROR): State.IDLE,
    (State.IMPLICIT, Event.END): State.IDLE,
    (State.OPEN, Event.STATEMENT): State.OPEN,
    (State.OPEN, Event.BEGIN): State.OPEN,  # with a warning
    (State.OPEN, Event.COMMIT): State.IDLE,
    (State.OPEN, Event.ROLLBACK): State.IDLE,
    (State.OPEN, Event.SAVEPOINT): State.OPEN,
    (State.OPEN, Event.RELEASE): State.OPEN,
    (State.OPEN, Event.ROLLBACK_TO): State.OPEN,
    (State.OPEN, Event.ERROR): State.FAILED,
    (State.OPEN, Event.END): State.OPEN,
    (State.FAILED, Event.COMMIT): State.IDLE,
    (State.FAILED, Event.ROLLBACK): State.IDLE,
    (State.FAILED, Event.ROLLBACK_TO): State.OPEN,
    (State.FAILED, Event.ERROR): State.FAILED,
    (State.FAILED, Event.END): State.FAILED,
}

_NO_BLOCK = "can only be used in transaction blocks"
ABORTED = "current transaction is aborted, commands ignored until end of transaction block"

REFUSED: Mapping[tuple[State, Event], tuple[str, str]] = {
    (State.IDLE, Event.SAVEPOINT): ("25P01", f"SAVEPOINT {_NO_BLOCK}"),
    (State.IDLE, Event.RELEASE): ("25P01", f"RELEASE SAVEPOINT {_NO_BLOCK}"),
    (State.IDLE, Event.ROLLBACK_TO): ("25P01", f"ROLLBACK TO SAVEPOINT {_NO_BLOCK}"),
    (State.IMPLICIT, Event.SAVEPOINT): ("25P01", f"SAVEPOINT {_NO_BLOCK}"),
    (State.IMPLICIT, Event.RELEASE): ("25P01", f"RELEASE SAVEPOINT {_NO_BLOCK}"),
    (State.IMPLICIT, Event.ROLLBACK_TO): ("25P01", f"ROLLBACK TO SAVEPOINT {_NO_BLOCK}"),
    (State.FAILED, Event.STATEMENT): ("25P02", ABORTED),
    (State.FAILED, Event.BEGIN): ("25P02", ABORTED),
    (State.FAILED, Event.SAVEPOINT): ("25P02", ABORTED),
    (State.FAILED, Event.RELEASE): ("25P02", ABORTED),
}
"""What a state does not allow: SQLSTATE and message."""


def next_state(state: State, event: Event) -> State:
    """Where the event leads; raises the SqlError of REFUSED."""
    found = NEXT.get((state, event))
    if found is not None:
        return found
    sqlstate, message = REFUSED[state, event]
    raise BY_SQLSTATE[sqlstate](message)
