"""Cores: on which core a thread runs, and how one that helps another gets away from the core of that one.

A system that has just been busy does not look for idle cores when it wakes a thread up: it may put the helpers of a
statement beside the thread that they help, where they take turns for as long as the statement runs, while other cores
have nothing to do.

Rule 1: a thread is told to leave a core, never to stay on one: the system may put it elsewhere at once.
Rule 2: where the system has no such calls, or forbids them, threads run where it puts them.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

UNKNOWN: Final = -1
THIS_THREAD: Final = 0


@cache
def _asks() -> Callable[[], int]:
    """The system's call that tells the core; it takes less time than to give the interpreter away."""
    with suppress(OSError, AttributeError):
        return ctypes.PyDLL(None).sched_getcpu
    return lambda: UNKNOWN


@cache
def _moves() -> Callable[[int, int, Any], int]:
    """The system's call that says on which cores a thread may run; others have the interpreter meanwhile."""
    with suppress(OSError, AttributeError):
        return ctypes.CDLL(None).sched_setaffinity
    return lambda _thread, _size, _cores: UNKNOWN


def core_of_this_thread() -> int:
    """The number of the core that the thread runs on; UNKNOWN where nobody tells."""
    return _asks()()


def leave(cores: Collection[int]) -> bool:
    """Have this thread go on upon another core than these, if there is one; gives whether it was told to."""
    try:
        allowed = os.sched_getaffinity(THIS_THREAD)
    except (OSError, AttributeError):
        return False
    others = allowed.difference(cores)
    if not others or len(others) == len(allowed):
        return False
    is_moved = _restrict(others)
    _restrict(allowed)
    return is_moved


def _restrict(cores: Collection[int]) -> bool:
    """Say on which cores this thread may run."""
    size = max(cores) // 64 * 8 + 8
    mask = sum(1 << core for core in cores).to_bytes(size, "little")
    return _moves()(THIS_THREAD, size, mask) == 0
