"""Libraries: compiled modules are loaded while others are still being run.

Half of what it takes to import a compiled module is the system's: its file is mapped, and thousands of addresses in it
are written. A start imports eighty, and nothing of that needs the interpreter. The compiled twin has a thread of its
own load them in the order in which an earlier start has asked for them, so that who imports one finds it loaded.

Rule 1: a library stays where it is when its module is imported, and is not run by being loaded.
Rule 2: who ends the process waits first: a library that is being loaded must not be taken down meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Libraries:
    """Shared libraries that are loaded from now on; here by whoever imports them."""

    def __init__(self, paths: Sequence[bytes]) -> None:
        pass

    def wait(self) -> None:
        """Return when all are loaded."""
