"""Which message is legal in which phase of a connection, as one table.

Rule 1: the phase changes by messages received and messages sent, and by nothing else.
Rule 2: every tag is decided in every phase; what is not listed is refused and ends the connection.
Rule 3: an error sent in the extended protocol throws away everything up to the next Sync.

    STARTUP -> AUTHENTICATING -> READY <-> EXTENDED -> SKIPPING -> READY
                                   |          |
                                COPY_IN   EXTENDED_COPY_IN          (and the same for COPY_OUT)
"""

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from typing import NamedTuple

from protocol.messages import (
    AuthenticationOk,
    CopyBothResponse,
    CopyDone,
    CopyInResponse,
    CopyOutResponse,
    ErrorResponse,
)


class Phase(IntEnum):
    """Where a connection stands; an integer because those are hashed fast."""

    STARTUP = auto()
    AUTHENTICATING = auto()
    READY = auto()
    EXTENDED = auto()
    SKIPPING = auto()
    COPY_IN = auto()
    EXTENDED_COPY_IN = auto()
    COPY_OUT = auto()
    EXTENDED_COPY_OUT = auto()
    CLOSED = auto()


class Verdict(Enum):
    """What becomes of a message."""

    ACCEPT = auto()
    IGNORE = auto()  # read and dropped, as PostgreSQL does
    HOLD = auto()  # left in the buffer until the phase ends


class Step(NamedTuple):
    """The verdict on a message, and the phase after it."""

    verdict: Verdict
    phase: Phase


# One column per phase. "-" refuses, "." accepts, "i" ignores, "h" holds back;
# R, E, X accept and lead to READY, EXTENDED, CLOSED.
_COLUMNS = (
    Phase.AUTHENTICATING,
    Phase.READY,
    Phase.EXTENDED,
    Phase.SKIPPING,
    Phase.COPY_IN,
    Phase.EXTENDED_COPY_IN,
    Phase.COPY_OUT,
    Phase.EXTENDED_COPY_OUT,
    Phase.CLOSED,
)
_ROWS = {
    "p": ". - - - - - h h h",  # PasswordMessage and the SASL responses
    "Q": "- R R i - - h h h",  # Query
    "P": "- E E i - - h h h",  # Parse
    "B": "- E E i - - h h h",  # Bind
    "D": "- E E i - - h h h",  # Describe
    "E": "- E E i - - h h h",  # Execute
    "C": "- E E i - - h h h",  # Close
    "H": "- E E i i i h h h",  # Flush; while COPY_IN it means nothing
    "S": "- R R R i i h h h",  # Sync; likewise
    "F": "- R R i - - h h h",  # FunctionCall
    # A client learns late that its COPY failed: what it had sent by then is dropped.
    "d": "- i i i . . h h h",  # CopyData
    "c": "- i i i R E h h h",  # CopyDone
    "f": "- i i i R E h h h",  # CopyFail
    "X": "X X X X X X h h h",  # Terminate
}
_MEANINGS: Mapping[str, tuple[Verdict, Phase | None]] = {
    ".": (Verdict.ACCEPT, None),
    "i": (Verdict.IGNORE, None),
    "h": (Verdict.HOLD, None),
    "R": (Verdict.ACCEPT, Phase.READY),
    "E": (Verdict.ACCEPT, Phase.EXTENDED),
    "X": (Verdict.ACCEPT, Phase.CLOSED),
}


def _received() -> dict[Phase, dict[int, Step]]:
    table: dict[Phase, dict[int, Step]] = {phase: {} for phase in Phase}
    for tag, row in _ROWS.items():
        for phase, letter in zip(_COLUMNS, row.split(), strict=True):
            if letter != "-":
                verdict, following = _MEANINGS[letter]
                table[phase][ord(tag)] = Step(verdict, following or phase)
    return table


RECEIVED: Mapping[Phase, Mapping[int, Step]] = _received()
TAGS: frozenset[int] = frozenset(map(ord, _ROWS))

# Messages sent that change the phase; an error of severity FATAL closes it in any phase.
SENT: Mapping[type[object], Mapping[Phase, Phase]] = {
    AuthenticationOk: {Phase.AUTHENTICATING: Phase.READY},
    CopyInResponse: {Phase.READY: Phase.COPY_IN, Phase.EXTENDED: Phase.EXTENDED_COPY_IN},
    CopyBothResponse: {Phase.READY: Phase.COPY_IN},
    CopyOutResponse: {Phase.READY: Phase.COPY_OUT, Phase.EXTENDED: Phase.EXTENDED_COPY_OUT},
    CopyDone: {Phase.COPY_OUT: Phase.READY, Phase.EXTENDED_COPY_OUT: Phase.EXTENDED},
    ErrorResponse: {
        Phase.STARTUP: Phase.CLOSED,
        Phase.AUTHENTICATING: Phase.CLOSED,
        Phase.EXTENDED: Phase.SKIPPING,
        Phase.COPY_IN: Phase.READY,
        Phase.EXTENDED_COPY_IN: Phase.SKIPPING,
        Phase.COPY_OUT: Phase.READY,
        Phase.EXTENDED_COPY_OUT: Phase.SKIPPING,
    },
}


def refusal(phase: Phase, tag: int) -> str:
    """PostgreSQL's words for a message that does not belong here."""
    if phase is Phase.AUTHENTICATING:
        return f"expected password response, got message type {tag}"
    if phase in (Phase.COPY_IN, Phase.EXTENDED_COPY_IN):
        return f"unexpected message type 0x{tag:02X} during COPY from stdin"
    return f"invalid frontend message type {tag}"
