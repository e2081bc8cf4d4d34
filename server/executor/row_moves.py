"""RowMoves: rows of a partition whose partition key changes, and where they go.

Rule 1: such a row is deleted where it is and inserted where it belongs, with the triggers of both.
Rule 2: who has seen it where it was and waited for it learns that it has left, not that it has gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.executor.columns import batch_of_rows, rows_of
from server.executor.leaf_insert import LeafInsert
from server.executor.partition_routing import Router, routed_columns, violation
from server.executor.triggers import before_row, note_transitions
from storage.engine import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.table_shape import Row
    from server.executor.table_writer import TableWriter
    from server.executor.target_checks import TargetChecks
    from server.executor.waits import Wait
    from server.vector.batch import Batch


class RowMoves:
    """The ways out of one partition, to others below the table that the statement names."""

    __slots__ = ("_leaves", "_named", "_router", "_table", "_target_checks")

    def __init__(
        self,
        table: Table,
        named: Table,
        context: ExecutionContext,
        target_checks: TargetChecks | None = None,
    ) -> None:
        self._table = table
        self._target_checks = target_checks
        self._named = named
        self._router = Router(table, context, named)
        self._leaves: dict[int, LeafInsert] = {}

    def destinations(self, made: Batch, context: ExecutionContext) -> dict[int, LeafInsert]:
        """The rows that do not belong here, by their places, and what inserts them where they do."""
        own = {member.oid for member in context.catalog.family_of(self._named)}
        found: dict[int, LeafInsert] = {}
        for leaf, positions in self._router.route_anywhere(made, own, context):
            if leaf.oid == self._table.oid:
                continue
            if self._named.oid == self._table.oid:
                raise violation(self._table, made, int(positions[0]), context)
            insert = self._leaves.get(leaf.oid)
            if insert is None:
                insert = LeafInsert(self._table, leaf, context, target_checks=self._target_checks)
                self._leaves[leaf.oid] = insert
            found.update(dict.fromkeys(positions.tolist(), insert))
        return found


def is_routed(table: Table, numbers: Iterable[int], context: ExecutionContext) -> bool:
    """Whether rows may belong elsewhere when these attributes change."""
    if not table.is_partition or table.detached_xid:
        return False
    names = {table.column(number).name for number in numbers}
    return not names.isdisjoint(routed_columns(context, table))


def may_go(row_id: int, writer: TableWriter, context: ExecutionContext) -> bool:
    """Whether BEFORE triggers let a row be deleted."""
    if not writer.shape.triggers.rows("before", "delete"):
        return True
    old = writer.read(row_id)
    return before_row(context, writer.shape, "delete", (old, None)) is not None


def move_row(
    row_id: int,
    made: Batch,
    mover: LeafInsert,
    writer: TableWriter,
    context: ExecutionContext,
    arrived: list[Row] | None = None,
) -> Generator[Wait, None, Outcome | None]:
    """Move a row to where it belongs as it is made; None if a trigger keeps it as it is.

    arrived is given the row as it was stored, with system columns, unless a trigger there has stopped it.
    """
    if not may_go(row_id, writer, context):
        return None
    old = writer.read(row_id) if writer.shape.triggers else None
    context.is_moving = not context.is_merge
    try:
        outcome = yield from writer.delete(row_id, rows_of(made)[0])
        if outcome.status is not Status.DONE:
            return outcome
        root_id = writer.relation.root(row_id)
        xid = context.transaction.xid
        context.engine.departures.note(writer.relation.relation_id, root_id, xid)
        stored = rows_of((yield from mover.insert(made, context)))
    finally:
        context.is_moving = False
    if old is not None and not context.is_merge:
        new = stored[0][: len(old)] if stored else None
        note_transitions(context, writer.shape, "update", [(old, new)])
    if arrived is not None:
        arrived += stored
    return outcome


def update_or_move(
    row_id: int,
    changes: dict[int, Any],
    named: Table,
    writer: TableWriter,
    context: ExecutionContext,
) -> Generator[Wait, None, Outcome | None]:
    """Update a row of a table or partition for a statement about `named`, wherever it then belongs."""
    table = writer.shape.table
    if is_routed(table, changes, context):
        new = tuple(changes.get(n, value) for n, value in enumerate(writer.read(row_id), 1))
        made = batch_of_rows([new], writer.shape.types)
        mover = RowMoves(table, named, context).destinations(made, context).get(0)
        if mover is not None:
            return (yield from move_row(row_id, made, mover, writer, context))
    return (yield from writer.update(row_id, changes))
