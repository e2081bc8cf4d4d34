"""The storage of indexes: making it, and filling it from the rows that are there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from server.errors import FeatureNotSupported
from server.executor.index_build import fill_index
from server.executor.waits import Wait
from server.statements.access_methods import with_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from server.catalog.objects import Index, Table
    from server.statements.statement import StatementContext
    from storage.engine import Snapshot

Result = TypeVar("Result")

KEYS_MAX = 32


def check_key_count(index: Index) -> None:
    """Refuse an index of too many columns."""
    if len(index.keys) > KEYS_MAX:
        raise FeatureNotSupported(f"cannot use more than {KEYS_MAX} columns in an index")


def make_index(context: StatementContext, table: Table, index: Index) -> None:
    """Make the index in storage and put it into the catalog, empty."""
    check_key_count(index)
    if index.storage_id:
        create_storage(context, table, index)
    if table.storage_id and context.engine.relation(table.storage_id).group_count:
        index = replace(index, filled_xid=context.transaction.xid)
    context.ddl.put(with_entries(context, table, index))


def create_storage(context: StatementContext, table: Table, index: Index) -> None:
    """Make an index's relation in storage, which is logged if its table's is."""
    context.transaction.create_index(index.storage_id, index.unique, logged=table.is_logged)


def build_index(
    context: StatementContext, table: Table, index: Index, snapshot: Snapshot | None = None
) -> Iterator[Wait]:
    """Fill an index from the rows of its table that the snapshot sees, or from all of a table that nobody changes."""
    index = with_entries(context, table, index)
    if not (index.has_entries and table.storage_id):
        return
    if snapshot is None and not context.engine.relation(table.storage_id).may_have_rows:
        return
    execution = context.execution()
    if snapshot is not None:
        execution.snapshot = None  # it would hold up others who wait for old snapshots
    yield from beside_the_loop(
        context, table, index, lambda: fill_index(execution, table, index, snapshot)
    )


def beside_the_loop(
    context: StatementContext, table: Table, index: Index, work: Callable[[], Result]
) -> Generator[Wait, None, Result]:
    """What work on an index's keys comes to; the server goes on meanwhile, and functions in the keys may wait.

    They run with the rights of the table's owner, who has chosen them.
    """
    if not index.computes:
        done = context.session.database.workers.submit(work)
        yield Wait(done, what="Execute")
        result: Result = done.result
        return result
    results: list[Result] = []

    def steps() -> Iterator[Any]:
        results.append(work())
        yield from ()

    with context.session.rights.lent(table.owner, restricted=True):
        yield from context.apart(steps())
    return results[0]


def rebuild_index(context: StatementContext, table: Table, index: Index) -> Iterator[Wait]:
    """Put a new storage in the place of an index's and fill it; an invalid one is valid then."""
    if not table.storage_id:
        return
    index = with_new_storage(context, index)
    make_index(context, table, index)
    yield from build_index(context, table, index)


def with_new_storage(context: StatementContext, index: Index) -> Index:
    """The index of a table that nobody else has, with the number of a storage that is still to be made.

    As all rows will be entered there, whatever has kept it from being complete is over.
    """
    if index.storage_id:
        context.transaction.drop_index(index.storage_id)
    number = context.engine.next_id()
    return replace(index, storage_id=number, valid=True, ready=True, live=True)
