"""Which tables VACUUM and ANALYZE are about, and how their locks are had: some tables are skipped instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.catalog.partition_bounds import leaves_of
from server.errors import DuplicateColumn, UndefinedColumn
from server.statements.names import is_of_others, relation_named
from server.statements.ownership import owns
from storage.engine import LockMode

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.waits import Wait
    from server.sql import utility_session as tree
    from server.statements.statement import StatementContext

MODES = {
    "share update exclusive": LockMode.SHARE_UPDATE_EXCLUSIVE,
    "access exclusive": LockMode.ACCESS_EXCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class Target:
    """A table; of those that the statement does not name nothing is said when they are skipped."""

    table: Table
    is_named: bool
    columns: tuple[str, ...] = ()  # to analyse; none: all


def targets(context: StatementContext, statement: tree.Vacuum) -> Iterator[Target]:
    """The tables of a statement: those it names, with their partitions, or all."""
    if not statement.targets:
        for table in list(context.catalog.objects(Table)):
            if table.kind in ("r", "m") and table.storage_id:
                yield Target(table, is_named=False)
    verb = "analyze" if statement.analyze_only else "vacuum"
    for target in statement.targets:
        found = relation_named(context, target.relation, target.offset)
        if isinstance(found, Table) and found.kind in ("r", "m", "p") and not owns(context, found):
            _skip_foreign(context, found, verb)
        elif isinstance(found, Table) and found.kind == "p":
            yield Target(found, is_named=True, columns=target.columns)
            for leaf in leaves_of(context.catalog, found):
                yield Target(leaf, is_named=False, columns=target.columns)
        elif isinstance(found, Table) and found.kind in ("r", "m") and found.storage_id:
            yield Target(found, is_named=True, columns=target.columns)
        elif (
            isinstance(found, Table) and found.provider and (found.kind != "t" or verb == "vacuum")
        ):
            continue
        else:
            context.warn(
                "01000",
                f'skipping "{found.name}" --- cannot {verb} non-tables or special system tables',
            )


def check_columns(table: Table, target: Target) -> None:
    """Raise for a column that the table has not, or that was named twice."""
    for place, name in enumerate(target.columns):
        if table.column_named(name) is None:
            raise UndefinedColumn(f'column "{name}" of relation "{table.name}" does not exist')
        if name in target.columns[:place]:
            raise DuplicateColumn(
                f'column "{name}" of relation "{table.name}" appears more than once'
            )


def locked(
    context: StatementContext, target: Target, verb: str, mode: str, *, waits: bool
) -> Generator[Wait, None, Table | None]:
    """The table as it is when its lock is had; None: it is skipped."""
    name = target.table.name
    if not waits:
        locks, owner = context.engine.locks, context.transaction
        if not locks.try_table(owner, target.table.oid, MODES[mode]):
            if target.is_named:
                context.warn("55P03", f'skipping {verb} of "{name}" --- lock not available')
            return None
    elif target.is_named:
        yield from context.look_at_relation(target.table.oid, name)
    yield from context.lock_relation(target.table.oid, mode, name)
    table = context.catalog.object(target.table.oid)
    if table is None:
        if target.is_named:
            context.warn("42P01", f'skipping {verb} of "{name}" --- relation no longer exists')
        return None
    assert isinstance(table, Table)
    if not owns(context, table):
        _skip_foreign(context, table, verb)
        return None
    return None if is_of_others(context, table) else table


def _skip_foreign(context: StatementContext, table: Table, verb: str) -> None:
    who = "superuser" if table.provider else "table or database owner"
    context.warn("01000", f'skipping "{table.name}" --- only {who} can {verb} it')
