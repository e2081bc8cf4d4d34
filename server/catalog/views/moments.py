"""What is of the moment in rows that are otherwise kept."""

from __future__ import annotations

from typing import Any

LOW_BITS = 0xFFFFFFFF
FIRST_XID = 3


def oldest_xid(session: Any) -> int:
    """The oldest transaction whose work somebody may not see: relfrozenxid of every table, as no row needs freezing.

    Transactions have numbers of 64 bits, so that none is ever taken for another. What holds this one back is a
    transaction or a snapshot that has been there for long, as it is in PostgreSQL after VACUUM FREEZE.
    """
    oldest: int = session.database.engine.log.horizon()
    return max(FIRST_XID, oldest & LOW_BITS)
