"""LeafInsert: the INSERT into one partition of rows that were meant for its parent.

Rule 1: checks, generated columns, NOT NULL and indexes are the partition's own.
Rule 2: ON CONFLICT means the partition's parts of the indexes it names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported
from server.executor.columns import batch_of_rows, concatenate_batches, rows_of
from server.executor.new_rows import (
    SYSTEM_TYPES,
    translated_with_system,
    with_system_columns,
)
from server.executor.partition_routing import Router, translated, translation, violation
from server.executor.row_checks import row_checks_of
from server.executor.row_places import at_row, at_rows
from server.executor.table_writer import TableWriter
from server.executor.triggers import before_row, rows_together
from server.executor.upsert import Upsert

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.catalog.objects import Index, Table
    from server.executor.context import ExecutionContext
    from server.executor.target_checks import TargetChecks
    from server.executor.waits import Wait
    from server.planner import change_plans
    from server.vector.batch import Batch


class LeafInsert:
    """Inserts rows of a parent into one of its partitions."""

    __slots__ = ("_checks", "_parent", "_target_checks", "_upsert", "table")

    def __init__(
        self,
        parent: Table,
        table: Table,
        context: ExecutionContext,
        plan: change_plans.Insert | None = None,
        target_checks: TargetChecks | None = None,
    ) -> None:
        self.table = table
        self._parent = parent
        self._target_checks = target_checks
        self._checks = row_checks_of(table, context)
        self._upsert = None
        if plan is not None and plan.conflict is not None:
            self._upsert = Upsert(_leaf_plan(plan, table, context), self._checks)

    def insert(self, batch: Batch, context: ExecutionContext) -> Generator[Wait, None, Batch]:
        """Insert rows of the parent; gives them as they were stored, as rows of the parent with system columns."""
        writer = TableWriter(self.table, context)
        rows = translated(batch, self._parent, self.table, context)
        if writer.shape.triggers.rows("before", "insert"):
            rows = yield from self._insert_one_by_one(rows, writer, context)
        else:
            rows = yield from self._write(rows, writer, context)
        return translated_with_system(rows, self.table, self._parent, context)

    def _insert_one_by_one(
        self, batch: Batch, writer: TableWriter, context: ExecutionContext
    ) -> Generator[Wait, None, Batch]:
        """Each row's BEFORE triggers see the rows before it; the row must stay in the partition."""
        together, places = self._together(batch, writer, context)
        if together is not None:
            with at_rows(places):
                return (yield from self._write(together, writer, context))
        made: list[Batch] = []
        for place, row in enumerate(rows_of(batch)):
            with at_row(place):
                changed = before_row(context, writer.shape, "insert", (None, row))
                if changed is None:
                    continue
                one = batch_of_rows([changed], writer.shape.types)
                if changed != row:
                    self._check_home(one, writer, context)
                made.append((yield from self._write(one, writer, context)))
        return concatenate_batches(made, (*writer.shape.types, *SYSTEM_TYPES))

    def _together(
        self, batch: Batch, writer: TableWriter, context: ExecutionContext
    ) -> tuple[Batch | None, list[int]]:
        """The rows as BEFORE triggers have them that do not look, and which; None where they are to go one by one."""
        if batch.count == 1:
            return None, []
        pairs = [(None, row) for row in rows_of(batch)]
        given = rows_together(context, writer.shape, "insert", pairs)
        if given is None:
            return None, []
        kept = {place: row for place, row in enumerate(given) if row is not None}
        found = batch_of_rows(list(kept.values()), writer.shape.types)
        is_home = Router(self.table, context).are_home(found, context)
        return (found if is_home else None), list(kept)

    def _check_home(self, batch: Batch, writer: TableWriter, context: ExecutionContext) -> None:
        """Raise if triggers have made a row that belongs elsewhere."""
        if Router(self.table, context).are_home(batch, context):
            return
        shape = writer.shape
        spread = [t.name for t in shape.triggers.rows("before", "insert") if t.parent]
        if not spread:
            raise violation(self.table, batch, 0, context)
        raise FeatureNotSupported(
            "moving row to another partition during a BEFORE FOR EACH ROW trigger is not supported",
            detail=f'Before executing trigger "{spread[0]}", the row was to be in partition '
            f'"{shape.schema_name}.{self.table.name}".',
        )

    def _write(
        self, rows: Batch, writer: TableWriter, context: ExecutionContext
    ) -> Generator[Wait, None, Batch]:
        rows = self._checks.complete(rows, context)
        if self._target_checks is not None:
            self._target_checks.check(rows, self.table, context)
        wrong = self._checks.first_wrong(rows, writer.shape, context)
        if wrong is not None:
            if wrong[0]:  # the mistakes of rows before it come first
                yield from self._write(rows.slice(0, wrong[0]), writer, context)
            raise wrong[1]
        locked: list[int] = []
        if self._upsert is not None:
            rows, locked = yield from self._upsert.run(rows, writer, context)
        else:
            yield from writer.insert(rows)
        return with_system_columns(rows, self.table.oid, context, locked=locked)


def _leaf_plan(
    plan: change_plans.Insert, table: Table, context: ExecutionContext
) -> change_plans.Insert:
    """The plan with the partition in the place of the parent, as far as ON CONFLICT reads it."""
    clause = plan.conflict
    assert clause is not None
    if clause.policies or clause.policies_existing:
        raise FeatureNotSupported(
            "ON CONFLICT on a partitioned table with row level security is not supported"
        )
    numbers = {
        parent: number for number, parent in enumerate(translation(plan.table, table), 1) if parent
    }
    update = clause.update
    if update is not None:
        update = tuple((numbers[number], expression) for number, expression in update)
    moved = replace(
        clause,
        indexes=tuple(_leaf_index(index, table, context) for index in clause.indexes),
        update=update,
        existing=tuple((numbers[number], column) for number, column in clause.existing),
        excluded=tuple((numbers[number], column) for number, column in clause.excluded),
    )
    return replace(plan, table=table, conflict=moved)


def _leaf_index(index: Index, table: Table, context: ExecutionContext) -> Index:
    """The partition's part of an index."""
    pending = [index]
    while pending:
        found = pending.pop()
        if found.table == table.oid:
            return found
        pending.extend(context.catalog.child_indexes_of(found.oid))
    return index
