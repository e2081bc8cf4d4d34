"""pg_locks: who holds or awaits what.

A transaction has two numbers here, as in PostgreSQL: its xid, once it has written, and a virtual one, which is the
session's number and the moment it began at.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Index, Table
from server.catalog.views.physical import fact_of
from server.catalog.views.relation import Row, SystemRelation
from storage.engine import CONFLICTS, LockMode

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOT_BITS, SLOT_MASK = 16, 0xFFFF  # of a ctid: what its page is made of
LOW_BITS = 0xFFFFFFFF
VIRTUAL_COUNT = 1 << 31
SHARED_CLASSES = frozenset((1213, 1260, 1262, 3592, 6100))
"""The catalogs whose objects belong to no database."""
MODES = {
    LockMode.ACCESS_SHARE: "AccessShareLock",
    LockMode.ROW_SHARE: "RowShareLock",
    LockMode.ROW_EXCLUSIVE: "RowExclusiveLock",
    LockMode.SHARE_UPDATE_EXCLUSIVE: "ShareUpdateExclusiveLock",
    LockMode.SHARE: "ShareLock",
    LockMode.SHARE_ROW_EXCLUSIVE: "ShareRowExclusiveLock",
    LockMode.EXCLUSIVE: "ExclusiveLock",
    LockMode.ACCESS_EXCLUSIVE: "AccessExclusiveLock",
}


def _locks(session: Any) -> Iterator[Row]:
    sessions = session.database.sessions
    turns: dict[tuple[int, int], list[LockMode]] = {}  # of those who wait for a row
    told: set[tuple[Any, ...]] = set()  # a session and its transaction may have the same lock
    for other in list(sessions.values()):
        if other.transaction.running is not None:
            number = _virtual(session, other.pid)
            yield {
                "locktype": "virtualxid",
                "virtualxid": number,
                "virtualtransaction": number,
                "pid": other.pid,
                "mode": "ExclusiveLock",
                "granted": True,
                "fastpath": True,
            }
    for status in session.database.engine.locks.holders():
        if status.tag[0] == "virtualxid" and status.granted:
            continue  # every transaction has been told of
        group = status.owner.lock_group
        held = group, status.tag, status.mode
        if held in told:
            continue
        if status.granted:
            told.add(held)
        pid = group if isinstance(group, int) else None
        holder = sessions.get(pid)
        about: Row = {
            "virtualtransaction": _virtual(session, group),
            "pid": pid,
            "mode": MODES[status.mode],
            "granted": status.granted,
            "fastpath": False,
        }
        database = None if holder is None else holder.database_oid
        if status.turn is not None:
            row, mode = status.turn
            is_first = not any(CONFLICTS[mode] >> each & 1 for each in turns.get(row, ()))
            yield {**about, **_awaited_row(session, row, database), "mode": MODES[mode],
                   "granted": is_first}  # fmt: skip
            turns.setdefault(row, []).append(mode)
            if not is_first:
                continue  # those behind the first wait for it to have looked, not for the transaction
        yield {**about, **_target(status.tag, database)}
    yield from _predicate_locks(session)


def _virtual(session: Any, group: Any) -> str:
    """The virtual number of the transaction that a session, or a name of two-phase commit, stands for."""
    other = session.database.sessions.get(group) if isinstance(group, int) else None
    if other is not None:
        running = other.transaction.running
        return f"{group}/{0 if running is None else running.started_us % VIRTUAL_COUNT}"
    prepared = session.database.engine.prepared.get(getattr(group, "gid", None))
    return "-1/0" if prepared is None else f"-1/{prepared.state.xids[0] & LOW_BITS}"


def _awaited_row(session: Any, row: tuple[int, int], database: int | None) -> Row:
    storage_id, root = row
    return {**_read_place(root), "database": database,
            "relation": _by_storage(session).get(storage_id)}  # fmt: skip


def _by_storage(session: Any) -> dict[int, int]:
    return {
        value.storage_id: value.oid
        for value in session.transaction.catalog.state.of_kind(Table, Index)
        if value.storage_id
    }


def _predicate_locks(session: Any) -> Iterator[Row]:
    """What serializable transactions have read; ranges of keys are shown as the first page of their index."""
    found = session.database.engine.dependencies.locks()
    if not found:
        return
    oids = _by_storage(session)
    for storage_id, place, tracked in found:
        oid = oids.get(storage_id)
        pid = tracked.owner if isinstance(tracked.owner, int) else None
        holder = session.database.sessions.get(pid)
        if oid is None or (holder is not None and holder.database_oid != session.database_oid):
            continue
        yield {
            **_read_place(place),
            "database": session.database_oid,
            "relation": oid,
            "virtualtransaction": _virtual(session, tracked.owner),
            "pid": pid,
            "mode": "SIReadLock",
            "granted": True,
            "fastpath": False,
        }


def _read_place(place: int | None) -> dict[str, Any]:
    if place is None:
        return {"locktype": "relation"}
    if place < 0:
        return {"locktype": "page", "page": 1}
    return {"locktype": "tuple", "page": place >> SLOT_BITS, "tuple": (place & SLOT_MASK) + 1}


def _target(tag: Any, database: int | None) -> dict[str, Any]:
    kind = tag[0]
    if kind == "xid":
        return {"locktype": "transactionid", "transactionid": tag[1] & LOW_BITS}
    if kind == "advisory":
        keys = tag[3:]
        is_one = tag[2] == 1
        high, low = (keys[0] >> 32, keys[0]) if is_one else keys
        return {
            "locktype": "advisory",
            "database": tag[1],
            "classid": high & LOW_BITS,
            "objid": low & LOW_BITS,
            "objsubid": 1 if is_one else 2,
        }
    if kind == "relation":
        home = 0 if _is_shared(tag[1]) else database
        return {"locktype": "relation", "database": home, "relation": tag[1]}
    _, class_oid, oid = tag
    return {
        "locktype": "object",
        "database": 0 if class_oid in SHARED_CLASSES else database,
        "classid": class_oid,
        "objid": oid,
        "objsubid": 0,
    }


@lru_cache(maxsize=1000)
def _is_shared(oid: int) -> bool:
    """Whether a relation is a catalog that all databases have in common."""
    fact = fact_of("pg_class", oid)
    return fact is not None and bool(fact["relisshared"])


RELATIONS = (SystemRelation(name="pg_locks", live=_locks),)
