"""The state of a session and of its transaction, and what waits: chooses, once, between originals and compiled twins.

Apart from server/session/native, whose modules need what is made of these.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.session.state.session_state import (
        Activity,
        Modes,
        Running,
        SessionState,
        TransactionState,
    )
    from server.session.state.short_waits import FlushWait, RowWait
else:
    from server.session.state.native.session_state import (
        Activity,
        Modes,
        Running,
        SessionState,
        TransactionState,
    )
    from server.session.state.native.short_waits import FlushWait, RowWait

__all__ = [
    "Activity",
    "FlushWait",
    "Modes",
    "RowWait",
    "Running",
    "SessionState",
    "TransactionState",
]
