"""The state of a session and of its transaction: chooses, once, between session_state and its compiled twin.

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
else:
    from server.session.state.native.session_state import (
        Activity,
        Modes,
        Running,
        SessionState,
        TransactionState,
    )

__all__ = ["Activity", "Modes", "Running", "SessionState", "TransactionState"]
