"""Recheck: what becomes of a row that UPDATE, DELETE or MERGE has found and somebody has changed since.

Rule 1: READ COMMITTED: the newest version counts, if the condition is true of it. A row that has gone is passed
        over; one that has moved to another partition must not be. Otherwise it is a serialization failure.
Rule 2: a version for which a row is passed over, or which BEFORE triggers are to see, is locked first: else
        somebody could be making the next one.
Rule 3: MERGE chooses again for such a row: it is given an Outdated in place of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from server.errors import CardinalityViolation, SerializationFailure, TriggeredDataChangeViolation
from server.executor.departed import DEPARTED, has_departed
from server.executor.storage_columns import system_values
from server.executor.waiting import doing, wait_for_row
from server.expressions.evaluate import compile_row
from storage.engine import Outcome, RowLock, Status

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from server.executor.context import ExecutionContext
    from server.executor.family import FamilyMember
    from server.executor.table_shape import Row
    from server.executor.table_writer import TableWriter
    from server.executor.waits import Wait
    from server.planner import change_plans


class Outdated(NamedTuple):
    """A row of the input as it is by now: without a row id if it is a match no more."""

    row: Row


class Recheck:
    """The condition of a data change, and where the row id is in the rows it is asked of."""

    __slots__ = ("_condition", "_event", "_is_merge", "_row_id", "_system")

    def __init__(
        self, plan: change_plans.Update | change_plans.Delete, layout: Mapping[int, int], event: str
    ) -> None:
        self._condition = None if plan.recheck is None else compile_row(plan.recheck, layout)
        self._event = event
        self._is_merge = plan.of_merge
        self._row_id = layout[plan.row_id]
        self._system = tuple((number, layout[column]) for number, column in plan.system)

    def row_id(self, row: Row) -> int:
        """The version that a row of the input is about."""
        found: Any = row[self._row_id]
        return int(found)

    def locked(
        self, row: Row, member: FamilyMember, writer: TableWriter, context: ExecutionContext
    ) -> Generator[Wait | Outdated, None, Row | None]:
        """The input's row in its newest version, locked; None if it is not to be changed any more."""
        outcome = yield from _lock(self.row_id(row), member, writer, context)
        if outcome.status is Status.DONE:
            return row
        return (yield from self.newer(row, outcome, member, writer, context, is_locked=True))

    def newer(
        self,
        row: Row,
        outcome: Outcome,
        member: FamilyMember,
        writer: TableWriter,
        context: ExecutionContext,
        *,
        is_locked: bool = False,
    ) -> Generator[Wait | Outdated, None, Row | None]:
        """The input's row with the newest version's values; None if it is not to be changed any more.

        is_locked: the newest version is locked in any case.
        """
        while True:
            event = "update" if is_locked else self._event  # as PostgreSQL calls it before triggers
            self._refuse(row, outcome, event, writer, context)
            if outcome.status is Status.SELF_MODIFIED:
                return None
            renewed = None
            if outcome.status is Status.UPDATED:
                renewed = self._renewed(row, outcome.new_row_id, member, writer)
            fits = renewed is not None and self._fits(renewed, context)
            if renewed is not None and (is_locked or self._is_merge or not fits):
                outcome = yield from _lock(outcome.new_row_id, member, writer, context)
                if outcome.status is not Status.DONE:
                    continue
            if not self._is_merge:
                return renewed if fits else None
            yield Outdated(renewed if renewed is not None and fits else self._unmatched(row))
            return None

    def _refuse(
        self,
        row: Row,
        outcome: Outcome,
        event: str,
        writer: TableWriter,
        context: ExecutionContext,
    ) -> None:
        """Raise for what is an error, whatever the row has become."""
        if outcome.status is Status.SELF_MODIFIED:
            self._refuse_own(event, writer)
            return
        is_gone = outcome.status is Status.DELETED
        has_left = is_gone and has_departed(writer.relation, row[self._row_id], context)
        if not context.read_committed:
            is_updated = has_left or _is_replaced(row[self._row_id], writer, context)
            verb = "delete" if is_gone and not is_updated else "update"
            raise SerializationFailure(f"could not serialize access due to concurrent {verb}")
        if has_left:
            raise SerializationFailure(DEPARTED)

    def _refuse_own(self, event: str, writer: TableWriter) -> None:
        """Raise where a row may not have been changed before by this very command or what it has triggered."""
        if self._is_merge:
            raise CardinalityViolation(
                "MERGE command cannot affect row a second time",
                hint="Ensure that not more than one source row matches any one target row.",
            )
        if writer.shape.triggers.rows("before", self._event):
            raise changed_by_trigger(event)

    def _renewed(self, row: Row, row_id: int, member: FamilyMember, writer: TableWriter) -> Row:
        current = writer.read(row_id)
        values = list(row)
        for number, position in member.old:
            values[position] = current[number - 1]
        values[self._row_id] = row_id
        if self._system:
            version = writer.relation.version(row_id)
            system = system_values(version, member.table.oid)
            for number, position in self._system:
                values[position] = system[number]
        return tuple(values)

    def _fits(self, row: Row, context: ExecutionContext) -> bool:
        return self._condition is None or self._condition(row, context) is True

    def _unmatched(self, row: Row) -> Row:
        place = self._row_id
        return (*row[:place], None, *row[place + 1 :])


def _is_replaced(row_id: Any, writer: TableWriter, context: ExecutionContext) -> bool:
    """Whether the version that the snapshot sees has been updated, before perhaps the row was deleted."""
    with context.engine.latch:
        is_replaced: bool = writer.relation.is_replaced(context.transaction, row_id)
    return is_replaced


def _lock(
    row_id: int, member: FamilyMember, writer: TableWriter, context: ExecutionContext
) -> Generator[Wait, None, Outcome]:
    """Lock a row for what is to be done to it; never BLOCKED."""
    keys = writer.shape.key_attributes
    is_kept = bool(member.assigned) and keys.isdisjoint(member.assigned)
    mode = RowLock.NO_KEY_UPDATE if is_kept else RowLock.UPDATE
    while True:
        with context.engine.latch:
            outcome: Outcome = writer.relation.lock_row(
                context.transaction, context.snapshot, row_id, mode
            )
        if outcome.status is not Status.BLOCKED:
            return outcome
        where = doing(
            "updating" if member.assigned else "deleting", writer.shape.table.name, row_id
        )
        blocker_xid = outcome.blocker_xid
        yield from wait_for_row(context, writer.relation, row_id, mode, blocker_xid, where)


def changed_by_trigger(event: str) -> TriggeredDataChangeViolation:
    """Make the error for a row that what the command has triggered changed before the command could."""
    return TriggeredDataChangeViolation(
        f"tuple to be {event}d was already modified by an operation triggered by "
        "the current command",
        hint="Consider using an AFTER trigger instead of a BEFORE trigger to propagate "
        "changes to other rows.",
    )
