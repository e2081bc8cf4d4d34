"""Descriptors: how many files and sockets the process may have open, and who leaves room for whom.

Rule 1: storage is never without one, for it could not go on: temporary files end before that, and clients before these.
"""

from __future__ import annotations

import os
import resource

FOR_STORAGE, FOR_STATEMENTS = 16, 64
"""How many are kept for storage, and with the temporary files of statements; fewer where there are few in all."""


def raise_limit() -> None:
    """Take as many as the system lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _limit() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit if limit != resource.RLIM_INFINITY else 1 << 30


def is_for_storage(descriptor: int) -> bool:
    """Whether a descriptor is one of the last, which are kept for storage."""
    limit = _limit()
    return descriptor >= limit - min(FOR_STORAGE, limit // 8)


def has_room_for_clients() -> bool:
    """Whether another client leaves enough for storage and the statements of those who are in."""
    limit = _limit()
    try:
        lowest_free = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return False
    os.close(lowest_free)
    return lowest_free < limit - min(FOR_STATEMENTS, limit // 3)
