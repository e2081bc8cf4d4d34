"""Garbage: when the interpreter looks for objects that only hold each other.

It looks whenever many objects have been made, at the new ones and every so often at all. A long text is read, bound
and planned into hundreds of thousands of them, all of which are needed: looking was more than half of the work.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MUTEX: Final = threading.Lock()
_holders: Final[set[object]] = set()


@contextmanager
def not_looked_for() -> Iterator[None]:
    """Nobody looks for garbage until the last who is within has left; for work of a few seconds at most.

    Where looking is switched off already, as in a start, who has done so switches it on again.
    """
    holder = object()
    with _MUTEX:
        if gc.isenabled() or _holders:
            _holders.add(holder)
            gc.disable()
    try:
        yield
    finally:
        with _MUTEX:
            if holder in _holders:
                _holders.discard(holder)
                if not _holders:
                    gc.enable()
