"""FunctionActivity: how often functions were called, and for how long they ran, as track_functions asks.

Rule 1: only calls that end well are counted; what a function calls is not its own time. Contexts that are kept for a
        transaction see a changed track_functions in the next one.
Rule 2: a call is over before the one is that made it, on the same thread.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_PROCEDURAL: Final = frozenset(("sql", "internal", "c"))


def is_tracked(language: str, tracked: str) -> bool:
    """Whether calls of functions in a language are counted; tracked: track_functions."""
    return tracked == "all" or (tracked == "pl" and language not in NOT_PROCEDURAL)


@dataclass(slots=True)
class FunctionActivity:
    """The calls of one function."""

    calls: int = 0
    total_ns: int = 0
    self_ns: int = 0


class FunctionActivities:
    """The calls of all functions, by OID."""

    def __init__(self) -> None:
        self.found: dict[int, FunctionActivity] = {}
        self._within = _Within()

    @contextmanager
    def timed(self, oid: int) -> Iterator[None]:
        """Count a call, unless it raises: then there is only an entry of the function."""
        activity = self.found.setdefault(oid, FunctionActivity())
        within = self._within
        outer_ns, within.called_ns = within.called_ns, 0
        start_ns = time.monotonic_ns()
        try:
            yield
            took_ns = time.monotonic_ns() - start_ns
            activity.calls += 1
            activity.total_ns += took_ns
            activity.self_ns += took_ns - within.called_ns
        finally:
            within.called_ns = outer_ns + time.monotonic_ns() - start_ns

    def reset(self, oid: int) -> None:
        """Count the calls of a function from now on."""
        if oid in self.found:
            self.found[oid] = FunctionActivity()


class _Within(threading.local):
    """How long the calls took that the running call has made."""

    called_ns = 0
