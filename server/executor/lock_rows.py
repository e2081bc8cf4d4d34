"""FOR UPDATE and its weaker forms: locks the rows that go to the client.

Rule 1: READ COMMITTED: of a row that has changed meanwhile the newest version is locked; the query
        is then run again over just the locked versions and the rows that were joined to them, and the
        row is put out as that gives it, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from server.errors import LockNotAvailable, SerializationFailure
from server.executor.columns import batch_of_rows, rows_of
from server.executor.departed import DEPARTED, has_departed
from server.executor.evaluation import layout_of
from server.executor.filter import picks
from server.executor.operator import Builder, Operator
from server.executor.waiting import doing, pass_wait, refuse_outdated, wait_for_row
from server.executor.waits import Wait, is_wait
from server.planner import physical
from server.planner.inverted_plan import InvertedScan
from server.types.type import Value
from storage.engine import Outcome, RowLock, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext

Row = tuple[Value | None, ...]
Scan = physical.TableScan | physical.IndexScan | InvertedScan | physical.RowIdScan

STRENGTHS: Final = {
    "key share": RowLock.KEY_SHARE,
    "share": RowLock.SHARE,
    "no key update": RowLock.NO_KEY_UPDATE,
    "update": RowLock.UPDATE,
}

ROW_ID: Final = -7


class LockRows(Operator):
    """Locks rows of one or more tables as they pass."""

    __slots__ = ("_kept", "_output", "_pinned", "_targets")

    plan: physical.LockRows

    def __init__(self, plan: physical.LockRows, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        self._targets = _placed(plan.targets, plan.input, layout)
        self._pinned = _placed(plan.pinned, plan.input, layout)
        self._output = picks(plan.output, plan.input.output)
        self._kept = tuple(layout[column] for column in plan.kept)

    def run(self, context: ExecutionContext) -> Iterator[Any]:
        """Yield the rows that could be locked; Wait in between."""
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
                continue
            for row in rows_of(batch):
                locked = yield from self._locked(row, context)
                if locked is not None:
                    made = batch_of_rows([locked], self.plan.input.types)
                    yield made if self._output is None else made.select(self._output)

    def _locked(self, row: Row, context: ExecutionContext) -> Any:
        """Lock what a row is made of; the row to put out, None for none."""
        versions: dict[physical.Plan, int | None] = {}
        has_changed = False
        for target in self._targets:
            row_id: Any = row[target.row_id]
            if row_id is not None:
                outcome = yield from self._lock(target.table_of(row, context), row_id, context)
                if outcome is None:
                    return None
                has_changed = has_changed or outcome.new_row_id != row_id
                row_id = outcome.new_row_id
            versions |= target.versions(row, row_id)
        return self._run_again(row, versions, context) if has_changed else row

    def _lock(self, table: Table, row_id: int, context: ExecutionContext) -> Any:
        """Lock a row in its newest version; None if it is gone or to be passed over."""
        relation = context.engine.relation(table.storage_id)
        mode = STRENGTHS[self.plan.strength]
        target = row_id
        while True:
            with context.engine.latch:
                outcome: Outcome = relation.lock_row(
                    context.transaction, context.snapshot, target, mode
                )
            if outcome.status is Status.DONE:
                return outcome
            if outcome.status is Status.BLOCKED:
                refuse_outdated(context, relation, target, mode)
                if self.plan.wait == "skip":
                    return None
                if self.plan.wait == "nowait":
                    raise LockNotAvailable(
                        f'could not obtain lock on row in relation "{table.name}"'
                    )
                where = doing("locking", table.name, target)
                blocker_xid = outcome.blocker_xid
                waits = wait_for_row(context, relation, target, mode, blocker_xid, where)
                yield from self._wait(waits, context)
                target = row_id
                continue
            if outcome.status is Status.SELF_MODIFIED:
                return None
            is_gone = outcome.status is Status.DELETED
            has_left = is_gone and has_departed(relation, row_id, context)
            if not context.read_committed:
                raise SerializationFailure("could not serialize access due to concurrent update")
            if has_left:
                raise SerializationFailure(DEPARTED)
            if is_gone:
                return None
            target = outcome.new_row_id

    def _wait(self, waits: Iterator[Wait], context: ExecutionContext) -> Iterator[Wait]:
        """Of a query within the statement the operators above know no Wait: it is waited for here."""
        for wait in waits:
            if self.plan.is_inside:
                pass_wait(context, wait)
            else:
                yield wait

    def _run_again(
        self, row: Row, versions: dict[physical.Plan, int | None], context: ExecutionContext
    ) -> Row | None:
        """The row that the query gives over just these versions and what was joined to them."""
        for pinned in self._pinned:
            versions |= pinned.versions(row, row[pinned.row_id])
        context.overrides.update(versions)
        try:
            for batch in self.inputs[0].batches(context):
                for found in rows_of(batch):
                    if all(found[place] == row[place] for place in self._kept):
                        return found
        finally:
            for scan in versions:
                del context.overrides[scan]
        return None


@dataclass(frozen=True, slots=True)
class Placed:
    """A table of the query with the scans of its family and the places of row id and table OID in a row."""

    table: Table
    row_id: int
    table_oid: int | None
    scans: Mapping[int, physical.Plan]  # by table OID

    def _oid(self, row: Row) -> Any:
        return self.table.oid if self.table_oid is None else row[self.table_oid]

    def table_of(self, row: Row, context: ExecutionContext) -> Table:
        """The table of the family that the row is of."""
        oid = self._oid(row)
        found: Any = self.table if oid == self.table.oid else context.catalog.object(oid)
        table: Table = found
        return table

    def versions(self, row: Row, row_id: Any) -> dict[physical.Plan, int | None]:
        """What each scan is to give when the query is run again for the row: this version, or nothing."""
        own = None if row_id is None else self.scans.get(self._oid(row))
        return {scan: row_id if scan is own else None for scan in self.scans.values()}


def _placed(
    sources: tuple[physical.RowSource, ...], plan: physical.Plan, layout: Mapping[int, int]
) -> tuple[Placed, ...]:
    """The tables whose scans are in the plan: one that a false condition has taken away has no rows."""
    found = []
    for source in sources:
        scans = {scan.table.oid: scan for scan in find_scans(plan, source.row_id)}
        if scans:
            oid = None if source.table_oid is None else layout[source.table_oid]
            found.append(Placed(source.table, layout[source.row_id], oid, scans))
    return tuple(found)


def find_scans(plan: physical.Plan, column: int) -> Iterator[Scan]:
    """The scans below that put out this column as the row id: one for each table of a family."""
    if isinstance(plan, Scan):
        numbered = zip(plan.output, plan.attributes, strict=True)
        if (column, ROW_ID) in numbered:
            yield plan
    for field in fields(plan):
        value = getattr(plan, field.name)
        for node in value if isinstance(value, tuple) else (value,):
            if isinstance(node, physical.Plan):
                yield from find_scans(node, column)
