from server.session.state.short_waits import FlushWait, RowWait

__all__ = ["FlushWait", "RowWait"]
