"""Large work that is done in portions, between which others get their turn: what is left of a rollback, and builds.

A database without threads takes everything back at once. Here sessions leave it to workers all the same, who do a
portion of it when the simulation says so, or somebody waits for the end.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from server.session import taking_back
from server.session.taking_back import Left
from server.workers import Work, Workers
from storage import btree_build

ROWS = 2500
"""So many, with their entries in an index, are more than a session takes back itself."""
BUILD_PAGES = 2


class PortionWorkers(Workers):
    """Workers who do what they are given at once, but take back only when they are told to."""

    def __init__(self) -> None:
        super().__init__(0)
        self._left: deque[Left] = deque()

    def submit(self, function: Callable[[], Any]) -> Work:
        """Do it, or keep it until somebody says `take_back`."""
        owner = getattr(function, "__self__", None)
        if not isinstance(owner, Left):
            return super().submit(function)
        self._left.append(owner)
        return Work(function)

    def take_back(self) -> bool:
        """One portion of a transaction that was left; whether there was one."""
        if not self._left:
            return False
        self._left.popleft().go_on(portions=1)
        return True


@contextmanager
def small_portions() -> Iterator[None]:
    """Trees are built by two pages at a time, and rollbacks are left to the workers of a database without threads."""
    before = btree_build.BUILD_PAGES, taking_back.has_workers
    btree_build.BUILD_PAGES, taking_back.has_workers = BUILD_PAGES, lambda _database: True
    try:
        yield
    finally:
        btree_build.BUILD_PAGES, taking_back.has_workers = before
