"""FOR UPDATE and its weaker forms: locks the rows that go to the client.

Rule 1: READ COMMITTED: of a row that has changed meanwhile the newest version is locked; the query
        is then run again over just the locked versions and the rows that were joined to them, and the
        row is put out as that gives it, or not at all.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from server.errors import LockNotAvailable, SerializationFailure
from server.executor.columns import batch_of_rows, rows_of
from server.executor.evaluation import layout_of
from server.executor.filter import picks
from server.executor.operator import Builder, Operator
from server.executor.waiting import wait_for_xid
from server.executor.waits import is_wait
from server.planner import physical
from server.types.type import Value
from storage.engine import Outcome, RowLock, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext

Row = tuple[Value | None, ...]

STRENGTHS: Final = {
    "key share": RowLock.KEY_SHARE,
    "share": RowLock.SHARE,
    "no key update": RowLock.NO_KEY_UPDATE,
    "update": RowLock.UPDATE,
}

ROW_ID: Final = -7


class LockRows(Operator):
    """Locks rows of one or more tables as they pass."""

    __slots__ = ("_kept", "_output", "_pinned", "_scans", "_targets")

    plan: physical.LockRows

    def __init__(self, plan: physical.LockRows, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        found = [(table, column, find_scan(plan.input, column)) for table, column in plan.targets]
        # A table that a false condition has taken out of the plan has no rows to lock.
        kept = [(table, layout[column], scan) for table, column, scan in found if scan is not None]
        self._targets = tuple((table, position) for table, position, _ in kept)
        self._scans = tuple(scan for _, _, scan in kept)
        self._output = picks(plan.output, plan.input.output)
        others = [(find_scan(plan.input, column), layout[column]) for _, column in plan.pinned]
        self._pinned = tuple((scan, place) for scan, place in others if scan is not None)
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
        for (table, position), scan in zip(self._targets, self._scans, strict=True):
            row_id = row[position]
            if row_id is None:
                versions[scan] = None
                continue
            outcome = yield from self._lock(table, row_id, context)
            if outcome is None:
                return None
            versions[scan] = outcome.new_row_id
            has_changed = has_changed or outcome.new_row_id != row_id
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
                if self.plan.wait == "skip":
                    return None
                if self.plan.wait == "nowait":
                    raise LockNotAvailable(
                        f'could not obtain lock on row in relation "{table.name}"'
                    )
                yield from wait_for_xid(context, outcome.blocker_xid)
                target = row_id
                continue
            if outcome.status is Status.SELF_MODIFIED:
                return None
            if not context.read_committed:
                verb = "delete" if outcome.status is Status.DELETED else "update"
                raise SerializationFailure(f"could not serialize access due to concurrent {verb}")
            if outcome.status is Status.DELETED:
                return None
            target = outcome.new_row_id

    def _run_again(
        self, row: Row, versions: dict[physical.Plan, int | None], context: ExecutionContext
    ) -> Row | None:
        """The row that the query gives over just these versions and what was joined to them."""
        for scan, place in self._pinned:
            row_id = row[place]
            assert row_id is None or isinstance(row_id, int)
            versions[scan] = row_id
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


def find_scan(plan: physical.Plan, column: int) -> physical.Plan | None:
    """The scan below that puts out this column as the row id, None for none."""
    if isinstance(plan, physical.TableScan | physical.IndexScan | physical.RowIdScan):
        numbered = zip(plan.output, plan.attributes, strict=True)
        if (column, ROW_ID) in numbered:
            return plan
    for field in fields(plan):
        value = getattr(plan, field.name)
        for node in value if isinstance(value, tuple) else (value,):
            found = find_scan(node, column) if isinstance(node, physical.Plan) else None
            if found is not None:
                return found
    return None
