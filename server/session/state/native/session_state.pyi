from server.session.state.session_state import (
    Activity,
    Modes,
    Running,
    SessionState,
    TransactionState,
)

__all__ = ["Activity", "Modes", "Running", "SessionState", "TransactionState"]
