from collections.abc import Callable, Sequence
from typing import Any

from server.executor.point_read import PartSource
from storage.engine import KeyReader, TableLock

class KeySeries:
    def __init__(
        self,
        reader: KeyReader,
        parameter_limits: Sequence[int],
        sources: Sequence[PartSource],
        columns: Sequence[int],
        locks: Sequence[TableLock],
        all_free: Callable[[object, tuple[TableLock, ...]], bool],
        description: Callable[[tuple[int, ...]], bytes],
        tags: tuple[bytes, bytes],
    ) -> None: ...

def serve(session: Any, data: bytes) -> tuple[bytes, int]: ...
