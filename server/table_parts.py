"""TableParts: a table whose rows lie in many modules, of which few run until somebody asks for another row."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Key = TypeVar("Key")
Row = TypeVar("Row")


class TableParts(Mapping[Key, Row]):
    """A mapping of several parts, each of which is made when none before it has the row that is asked for."""

    def __init__(self, *parts: Callable[[], Mapping[Key, Row]]) -> None:
        self._parts = list(parts)
        self._rows: dict[Key, Row] = {}
        self._making = threading.Lock()

    def __getitem__(self, key: Key) -> Row:
        while key not in self._rows and self._next_part():
            pass
        return self._rows[key]

    def __iter__(self) -> Iterator[Key]:
        while self._next_part():
            pass
        return iter(self._rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _next_part(self) -> bool:
        with self._making:
            if not self._parts:
                return False
            rows = self._parts[0]()
            assert not self._rows.keys() & rows.keys(), "a row is in two parts"
            self._rows = {**self._rows, **rows}
            del self._parts[0]
            return True
