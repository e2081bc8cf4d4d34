"""CREATE INDEX, REINDEX and DROP INDEX CONCURRENTLY: others write to the table meanwhile.

Each takes several transactions, and each of these begins when all have ended who may know nothing of the one before.

    CREATE    the index is in the catalog, without storage     writers mark rows whose keys change
              filled from what a snapshot sees: it is ready     writers enter their rows as well
              what came in between is entered: it is valid      queries use it
    DROP      it is not valid                                   queries use it no more
              it is dead                                        writers leave it alone
              it goes

Rule 1: what a phase has done stays when a later one fails: the index is there, is not valid, and is kept up by writers
        as far as it is ready. DROP INDEX or REINDEX ends that.
Rule 2: a lock outlives the transactions, so that nobody changes or drops the table in between.
Rule 3: REINDEX makes another index beside the one there is, has the two change their storages, and drops the other one.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from server.catalog.objects import Index, Table
from server.catalog.table_activity import IndexProgress
from server.errors import UndefinedObject
from server.executor.missed_rows import MissedRows
from server.executor.waiting import wait_for_xid
from server.executor.waits import Wait
from server.statements.access_methods import with_entries
from server.statements.index_storage import (
    beside_the_loop,
    build_index,
    check_key_count,
    create_storage,
)
from server.statements.names import free_name
from storage.engine import LockMode

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable, Iterator

    from server.statements.statement import StatementContext
    from storage.engine import Snapshot, Transaction

READERS_AND_WRITERS: Final = LockMode.ACCESS_EXCLUSIVE
WRITERS: Final = LockMode.SHARE


@dataclass(frozen=True, slots=True, eq=False)
class LastingLock:
    """The owner of a lock that outlives the transactions of a statement."""

    lock_group: Hashable


def create_beside_writers(context: StatementContext, table: Table, index: Index) -> Iterator[Wait]:
    """CREATE INDEX CONCURRENTLY of an index as it is to be; the table is locked."""
    check_key_count(index)
    with _phases(context, table.oid, "CREATE INDEX CONCURRENTLY") as progress:
        progress.index_oid = index.oid
        context.ddl.put(_unfilled(context, table, index))
        yield from context.next_transaction()
        yield from _build(context, index.oid, progress)
        _, built = _current(context, index.oid)
        context.ddl.put(replace(built, valid=True, filled_xid=context.transaction.xid))


def reindex_beside_writers(context: StatementContext, table: Table, index: Index) -> Iterator[Wait]:
    """REINDEX CONCURRENTLY of one index; the table is locked. In the end a transaction is open."""
    with _phases(context, table.oid, "REINDEX CONCURRENTLY") as progress:
        other = _unfilled(context, table, _copy_of(context, index))
        progress.index_oid = other.oid
        context.ddl.put(other)
        yield from context.next_transaction()
        yield from _build(context, other.oid, progress)
        _change_storages(context, index.oid, other.oid)
        yield from context.next_transaction()
        yield from _drop(context, table.oid, other.oid, progress)


def drop_beside_writers(context: StatementContext, index: Index) -> Iterator[Wait]:
    """DROP INDEX CONCURRENTLY; the table is locked."""
    with _phases(context, index.table, "DROP INDEX CONCURRENTLY") as progress:
        progress.index_oid = index.oid
        context.ddl.put(replace(index, valid=False, clustered=False, replica_identity=False))
        yield from context.next_transaction()
        yield from _drop(context, index.table, index.oid, progress)


@contextmanager
def _phases(context: StatementContext, table_oid: int, command: str) -> Iterator[IndexProgress]:
    """Keep the table locked through all transactions, and show how far they are."""
    session, locks = context.session, context.engine.locks
    owner, tag = LastingLock(session.pid), ("relation", table_oid)
    locks.hold_on(owner, tag, LockMode.SHARE_UPDATE_EXCLUSIVE)
    building = session.database.tables.building
    progress = building[session.pid] = IndexProgress(
        session.pid, session.database_oid, session.database_name, table_oid, command
    )
    try:
        yield progress
    finally:
        del building[session.pid]
        locks.release_since(owner)


def _unfilled(context: StatementContext, table: Table, index: Index) -> Index:
    index = with_entries(context, table, index)
    return replace(index, storage_id=0, valid=False, ready=False, live=True)


def _copy_of(context: StatementContext, index: Index) -> Index:
    """An index like it, which is nobody's constraint or part.

    A key that may be there twice until the transaction ends is kept unique by the index there is.
    """
    constraint = context.catalog.object(index.constraint) if index.constraint else None
    return replace(
        index,
        oid=context.new_oid(),
        name=free_name(context, index.schema, index.name, "", "ccnew"),
        unique=index.unique and not getattr(constraint, "deferrable", False),
        primary=False,
        constraint=0,
        parent=0,
        clustered=False,
        replica_identity=False,
        filenode=0,
    )


def _build(context: StatementContext, oid: int, progress: IndexProgress) -> Iterator[Wait]:
    """From an index that writers know of to one that has all rows and that no snapshot is too old for."""
    table, _ = _current(context, oid)
    progress.phase = "waiting for writers before build"
    yield from _wait_for(context, table.oid, WRITERS)
    progress.phase = "building index"
    filled = yield from _fill(context, oid)
    yield from context.next_transaction()
    progress.phase = "waiting for writers before validation"
    yield from _wait_for(context, table.oid, WRITERS)
    progress.phase = "index validation: scanning table"
    seen = yield from _enter_missed(context, oid, filled)
    xmin = seen.xmin
    del filled, seen  # else they would hold back those who wait for old snapshots
    yield from context.next_transaction()
    progress.phase = "waiting for old snapshots"
    yield from _wait_for_snapshots(context, xmin)


def _fill(context: StatementContext, oid: int) -> Generator[Wait, None, Snapshot]:
    """Give an index its storage with all rows that a snapshot sees, and that snapshot."""
    table, index = _current(context, oid)
    ready = replace(index, storage_id=context.engine.next_id(), ready=True)
    create_storage(context, table, ready)
    snapshot = context.transaction.newest_snapshot()
    yield from build_index(context, table, ready, snapshot)
    context.ddl.put(ready)
    return snapshot


def _enter_missed(
    context: StatementContext, oid: int, filled: Snapshot
) -> Generator[Wait, None, Snapshot]:
    """Enter what was written while the index was filled; the snapshot that shows it."""
    table, index = _current(context, oid)
    now = context.transaction.newest_snapshot()
    if not index.has_entries:
        return now
    execution = context.execution()
    execution.snapshot = None  # it would hold up others who wait for old snapshots
    missed = MissedRows(execution, table, index, filled, now)
    while blocker_xid := (yield from beside_the_loop(context, table, index, missed.enter)):
        yield from wait_for_xid(execution, blocker_xid)
    return now


def _change_storages(context: StatementContext, oid: int, other_oid: int) -> None:
    """The index has what was built for the other one, which gets what the index had, and is dropped with it."""
    _, index = _current(context, oid)
    _, other = _current(context, other_oid)
    context.ddl.put(
        replace(
            index,
            storage_id=other.storage_id,
            filled_xid=context.transaction.xid,
            valid=True,
            ready=True,
            live=True,
        )
    )
    context.ddl.put(
        replace(
            other,
            name=free_name(context, index.schema, index.name, "", "ccold"),
            storage_id=index.storage_id,
            ready=index.ready,
        )
    )


def _drop(
    context: StatementContext, table_oid: int, oid: int, progress: IndexProgress
) -> Iterator[Wait]:
    """An index that queries use no more goes when nobody has it in hand."""
    progress.phase = "waiting for readers before marking dead"
    yield from _wait_for(context, table_oid, READERS_AND_WRITERS)
    _, index = _current(context, oid)
    context.ddl.put(replace(index, ready=False, live=False))
    yield from context.next_transaction()
    progress.phase = "waiting for readers before dropping"
    yield from _wait_for(context, table_oid, READERS_AND_WRITERS)
    _, index = _current(context, oid)
    if index.storage_id:
        context.transaction.drop_index(index.storage_id)
    context.ddl.remove(oid)


def _current(context: StatementContext, oid: int) -> tuple[Table, Index]:
    """The index and its table as they are by now."""
    index = context.catalog.object(oid)
    if not isinstance(index, Index):
        raise UndefinedObject(f"index {oid} was dropped")
    table = context.catalog.object(index.table)
    assert isinstance(table, Table), index.name
    return table, index


def _wait_for(context: StatementContext, table_oid: int, mode: LockMode) -> Iterator[Wait]:
    """Wait for those who have a lock on the table now that conflicts with the mode."""
    locks = context.engine.locks
    done = locks.wait_for_holders(context.transaction, ("relation", table_oid), mode)
    if not done.done:
        yield Wait(done, what="virtualxid")


def _wait_for_snapshots(context: StatementContext, xmin: int) -> Iterator[Wait]:
    """Wait for the transactions of this database that look at an older moment now."""
    awaited = dict(_old_snapshots(context, xmin))
    while True:
        left = dict(_old_snapshots(context, xmin))
        holder = next((each for pid, each in awaited.items() if left.get(pid) is each), None)
        if holder is None:
            return
        done = context.engine.locks.wait_for_end(context.transaction, holder)
        yield Wait(done, what="virtualxid")


def _old_snapshots(context: StatementContext, xmin: int) -> Iterator[tuple[int, Transaction]]:
    """The sessions, by process id, whose snapshots are not newer than the xmin, and their transactions."""
    own = context.session
    for pid, other in list(own.database.sessions.items()):
        running, oldest = other.transaction.running, other.transaction.backend_xmin
        is_here = other is not own and other.database_oid == own.database_oid
        if is_here and running is not None and oldest is not None and oldest <= xmin:
            yield pid, running.storage
