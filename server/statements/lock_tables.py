"""LOCK TABLE: a table is locked with its children and partitions, a view with the relations that it reads.

Rule 1: who locks needs the privilege on what he names; on what a view reads its owner needs it. Children need none.
Rule 2: a name means what it means when its lock is there: what was dropped meanwhile is looked up again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.catalog.privileges import has_privilege
from server.errors import InsufficientPrivilege, LockNotAvailable, WrongObjectType
from server.executor.waits import Wait
from server.sql import utility_session as tree
from server.statements.names import relation_named
from server.statements.statement import Run, StatementContext, Utility
from storage.engine import LockMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.sql.utility_statement import Name


PRIVILEGES = {LockMode.ACCESS_SHARE: "r", LockMode.ROW_EXCLUSIVE: "awdD"}
"""What may lock a table in the weaker modes; the others need one that changes rows."""


def lock_table(context: StatementContext, statement: tree.LockTable) -> Run:
    """LOCK TABLE."""
    context.session.transaction.require_block("LOCK TABLE")
    locking = Locking(context, LockMode(statement.mode), nowait=statement.nowait)
    named = zip(statement.relations, statement.offsets, statement.only, strict=True)
    for name, offset, only in named:
        yield from locking.lock_named(name, offset, only=only)
    return "LOCK TABLE"


class Locking:
    """One LOCK TABLE: in which mode, and what is locked already."""

    def __init__(self, context: StatementContext, mode: LockMode, *, nowait: bool) -> None:
        self._context = context
        self._mode = mode
        self._nowait = nowait
        self._views: set[int] = set()

    def lock_named(self, name: Name, offset: int, *, only: bool) -> Iterator[Wait]:
        """Lock a relation by its name, and what hangs on it."""
        while True:
            table = self._table(name, offset)
            self._require(table, self._context.user_oid)
            yield from self._lock(table)
            if self._table(name, offset).oid == table.oid:
                break
        yield from self._lock_below(table, only=only)

    def _table(self, name: Name, offset: int) -> Table:
        table = relation_named(self._context, name, offset)
        if not isinstance(table, Table) or table.kind not in "rpv":
            raise WrongObjectType(f'"{table.name}" is not a table or view')
        return table

    def _require(self, table: Table, role: int) -> None:
        letters = PRIVILEGES.get(self._mode, "wdD")
        view = self._context.catalog
        if not any(has_privilege(view, role, table, letter) for letter in letters):
            kind = "view" if table.kind == "v" else "table"
            raise InsufficientPrivilege(f"permission denied for {kind} {table.name}")

    def _lock(self, table: Table) -> Iterator[Wait]:
        locks, owner = self._context.engine.locks, self._context.transaction
        if self._nowait:
            if not locks.try_acquire(owner, ("relation", table.oid), self._mode):
                raise LockNotAvailable(f'could not obtain lock on relation "{table.name}"')
            return
        completion = locks.lock_table(owner, table.oid, self._mode)
        if not completion.done:
            yield Wait(completion, what="relation")

    def _lock_below(self, table: Table, *, only: bool = False) -> Iterator[Wait]:
        if table.kind == "v":
            yield from self._lock_read(table)
        elif not only:
            for child in self._context.catalog.children_of(table.oid):
                yield from self._lock(child)
                if self._context.catalog.object(child.oid) is not None:
                    yield from self._lock_below(child)

    def _lock_read(self, view: Table) -> Iterator[Wait]:
        """Lock what a view reads."""
        if view.oid in self._views:
            return
        self._views.add(view.oid)
        for oid in view.depends_on:
            table = self._context.catalog.object(oid)
            if isinstance(table, Table) and table.kind in "rpv":
                self._require(table, view.reader(self._context.user_oid))
                yield from self._lock(table)
                yield from self._lock_below(table)


UTILITIES = (Utility(node=tree.LockTable, run=lock_table, writes=False),)
