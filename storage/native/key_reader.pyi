from collections.abc import Sequence

from storage.commit_log import Snapshot
from storage.engine import Engine
from storage.kinds import Kind
from storage.outcomes import Outcome
from storage.rows import Value
from storage.transactions import Transaction

class KeyReader:
    def __init__(
        self,
        engine: Engine,
        table_id: int,
        index_id: int,
        key_columns: Sequence[int],
        kinds: Sequence[Kind],
        columns: Sequence[int],
    ) -> None: ...
    def locate(
        self, snapshot: Snapshot | None, parts: Sequence[Value]
    ) -> tuple[tuple[Value, ...], int] | None: ...
    def fetch(
        self, snapshot: Snapshot | None, parts: Sequence[Value]
    ) -> tuple[Value, ...] | None: ...
    def share(self, transaction: Transaction, parts: Sequence[Value]) -> bool: ...
    def change(
        self, transaction: Transaction, snapshot: Snapshot, row_id: int, values: dict[int, Value]
    ) -> Outcome: ...
