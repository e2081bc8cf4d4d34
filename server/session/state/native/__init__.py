"""The compiled twin of session_state; see server/session/state."""
