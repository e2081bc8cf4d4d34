from collections.abc import Callable

class LogBuffer:
    end_lsn: int
    previous_lsn: int
    durable_lsn: int
    incarnation: int
    limit_lsn: int
    crowded: Callable[[int, bool], None] | None
    def __init__(self, *, end_lsn: int, previous_lsn: int, incarnation: int) -> None: ...
    @property
    def byte_count(self) -> int: ...
    def append(self, kind: int, xid: int, payload: bytes, reserved: bool = False) -> int: ...
    def take(self) -> tuple[int, bytes]: ...
