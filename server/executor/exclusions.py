"""Exclusion constraints: no two rows whose keys all answer their operators with true.

Rule 1: with an index whose entries can be asked, new rows are there before others are looked for. So of two
        transactions that write what excludes each other, one finds the other's row, and waits for that one alone.
Rule 2: without, who writes rows of such a table holds a lock of the constraint until its transaction ends, so that
        nobody's rows are missed, and new rows are held against every row of the table. Who deletes a row has no such
        lock: he is waited for when the row is in the way.
Rule 3: what has been committed by then is looked at, whatever the isolation level.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.errors import ExclusionViolation, ObjectNotInPrerequisiteState
from server.executor.columns import rows_of
from server.executor.exclusion_rivals import conflict_of, keys_of, rivals_of
from server.executor.told_rows import key_of_row, key_text
from server.executor.waiting import catch_up, refuse_unseen, wait_for_xid
from server.executor.waits import Wait
from storage.engine import LockMode, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator

    from server.catalog.objects import Constraint
    from server.executor.context import ExecutionContext
    from server.executor.exclusion_rivals import Rivals
    from server.executor.index_keys import IndexShape
    from server.executor.table_shape import Row, TableShape
    from server.types.type import Value

PG_CONSTRAINT_OID = 2606
DEFERRABLE_ARBITER: Final = (
    "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters"
)
OWN: Final = -1
"""In place of the id of a row that the statement has written."""
Keyed = tuple[int, "tuple[Value | None, ...]"]


@dataclass(frozen=True, slots=True)
class ExclusionCheck:
    """Rows that are new, or have changed; without ids all rows are held against each other."""

    shape: TableShape
    constraint: Constraint
    row_ids: tuple[int, ...] | None = None

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Raise ExclusionViolation for two rows that exclude each other."""
        rivals = rivals_of(self.shape, self.constraint, context)
        if rivals is None:
            yield from self._run_alone(context)
        else:
            yield from self._run_beside_others(rivals, context)

    def _run_beside_others(
        self, rivals: Rivals, context: ExecutionContext
    ) -> Generator[Wait, None, None]:
        """Rule 1. Of the rows themselves each is held against those before it."""
        later = set(rivals.roots(self.row_ids))
        for row_id in rivals.all_rows() if self.row_ids is None else self.row_ids:
            context.check_cancelled()
            later.discard(rivals.root(row_id))
            while (found := rivals.of_row(row_id, later)) is not None:
                if not found.blocker_xid:
                    raise self._error(rivals.keys, found.values, found.others, context)
                yield from rivals.wait_for(found)

    def _run_alone(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Rule 2."""
        yield from _lock(context, self.constraint)
        keys = keys_of(self.shape, self.constraint, context)
        excludes = conflict_of(keys, self.constraint, context)
        while (found := self._first_pair(keys, excludes, context)) is not None:
            values, other_id, others_values = found
            if not (yield from _waited_for(self.shape, self.constraint, other_id, context)):
                raise self._error(keys, values, others_values, context)

    def _first_pair(
        self, keys: IndexShape, excludes: Callable[[Row, Row], bool], context: ExecutionContext
    ) -> tuple[Row, int, Row] | None:
        """The key of a row, and the id and the key of another one that excludes it."""
        there = list(_keyed(self.shape, keys, context))
        wanted = None if self.row_ids is None else self._newest(self.row_ids, context)
        for position, (row_id, values) in enumerate(there):
            if wanted is not None and row_id not in wanted:
                continue
            context.check_cancelled()
            others = there[:position] if wanted is None else there
            for other, (other_id, others_values) in enumerate(others):
                is_later = other >= position and wanted is not None and other_id in wanted
                if not is_later and excludes(values, others_values):
                    return values, other_id, others_values
        return None

    def _newest(self, row_ids: tuple[int, ...], context: ExecutionContext) -> frozenset[int]:
        """The rows as they are now: a change that excludes nothing new is not checked itself."""
        relation = context.engine.relation(self.shape.table.storage_id)
        with context.engine.latch:
            snapshot = context.transaction.latest_snapshot()
            return frozenset(relation.find_id(snapshot, relation.root(each)) for each in row_ids)

    def _error(
        self, keys: IndexShape, values: Row, others: Row, context: ExecutionContext
    ) -> ExclusionViolation:
        table = self.shape.table
        names = [
            table.column(key.number).name if key.number else str(key.expression)
            for key in keys.index.keys
        ]
        references = [part.reference for part in keys.parts]
        mine = key_text(names, values, references, context.style)
        theirs = key_text(names, others, references, context.style)
        message = f'conflicting key value violates exclusion constraint "{self.constraint.name}"'
        detail = f"Key {mine} conflicts with existing key {theirs}."
        if self.row_ids is None:
            message = f'could not create exclusion constraint "{self.constraint.name}"'
            detail = f"Key {mine} conflicts with key {theirs}."
        numbers = [key.number for key in keys.index.keys]
        return ExclusionViolation(
            message,
            detail=key_of_row(self.shape, numbers, detail, context),
            schema=self.shape.schema_name,
            table=table.name,
            constraint=self.constraint.name,
        )


class TakenKeys(ABC):
    """What keeps rows out, for ON CONFLICT, which says what it writes."""

    def __init__(self, constraint: Constraint) -> None:
        self.index = constraint.index

    @abstractmethod
    def exclude(self, row: Row) -> Generator[Wait, None, bool]:
        """Whether a row is there that keeps this one out."""

    def add(self, row: Row) -> None:  # noqa: B027 - most find it without being told
        """A row has been written."""


class IndexedKeys(TakenKeys):
    """What an index tells of a constraint: every row is in it, also those written last."""

    def __init__(self, constraint: Constraint, rivals: Rivals) -> None:
        super().__init__(constraint)
        self._rivals = rivals

    def exclude(self, row: Row) -> Generator[Wait, None, bool]:
        """Whether a row is there that keeps this one out; who may yet take it away, or leave it, is waited for."""
        while (found := self._rivals.of_new(row)) is not None:
            if not found.blocker_xid:
                self._rivals.refuse_unseen(found)
                return True
            yield from self._rivals.wait_for(found)
        return False


class DeferrableKeys(TakenKeys):
    """A constraint that cannot be asked now; a row that has met another one before does not come to it."""

    def exclude(self, row: Row) -> Generator[Wait, None, bool]:
        """Raise."""
        yield from ()
        raise ObjectNotInPrerequisiteState(DEFERRABLE_ARBITER)


class ListedKeys(TakenKeys):
    """The keys of all rows of a table under a constraint."""

    def __init__(
        self, shape: TableShape, constraint: Constraint, context: ExecutionContext
    ) -> None:
        """For who holds the lock of the constraint."""
        super().__init__(constraint)
        self._context = context
        self._shape, self._constraint = shape, constraint
        self._keys = keys_of(shape, constraint, context)
        self._excludes = conflict_of(self._keys, constraint, context)
        self._taken = list(_keyed(shape, self._keys, context))

    def exclude(self, row: Row) -> Generator[Wait, None, bool]:
        """Whether a row is there that keeps this one out."""
        values = self._values(row)
        if values is None:
            return False
        while True:
            others = (row_id for row_id, each in self._taken if self._excludes(values, each))
            row_id = next(others, None)
            if row_id is None:
                return False
            if row_id == OWN:
                return True
            place = self._shape, self._constraint, row_id, self._context
            if not (yield from _waited_for(*place)):
                relation = self._context.engine.relation(self._shape.table.storage_id)
                refuse_unseen(self._context, relation, row_id)
                return True
            self._taken = list(_keyed(self._shape, self._keys, self._context))

    def add(self, row: Row) -> None:
        """A row has been written."""
        values = self._values(row)
        if values is not None:
            self._taken.append((OWN, values))

    def _values(self, row: Row) -> Row | None:
        values = self._keys.values(row, self._context)
        return values if None not in values and self._keys.has(row, self._context) else None


def taken_keys(
    shape: TableShape, index_oids: Collection[int], context: ExecutionContext
) -> Generator[Wait, None, list[TakenKeys]]:
    """Those of the constraints that ON CONFLICT asks, with their locks; without indexes it asks all."""
    found: list[TakenKeys] = []
    for constraint in shape.checked_later:
        if constraint.kind != "x" or (index_oids and constraint.index not in index_oids):
            continue
        if constraint.deferrable:
            found.append(DeferrableKeys(constraint))
            continue
        rivals = rivals_of(shape, constraint, context)
        if rivals is not None:
            found.append(IndexedKeys(constraint, rivals))
            continue
        yield from _lock(context, constraint)
        found.append(ListedKeys(shape, constraint, context))
    return found


def _keyed(shape: TableShape, keys: IndexShape, context: ExecutionContext) -> Iterator[Keyed]:
    """The keys of the rows that there are now; with a NULL a key excludes nothing."""
    relation = context.engine.relation(shape.table.storage_id)
    with context.engine.latch:
        for view in relation.scan(context.transaction.latest_snapshot()):
            rows: list[Row] = rows_of(shape.load_batch(view))
            for row_id, row in zip(view.row_ids.tolist(), rows, strict=True):
                values = keys.values(row, context)
                if None not in values and keys.has(row, context):
                    yield row_id, values


def _waited_for(
    shape: TableShape, constraint: Constraint, row_id: int, context: ExecutionContext
) -> Generator[Wait, None, bool]:
    """Wait for who is deleting a row, or is changing it; False: nobody is, and the row stays.

    Meanwhile others may have the lock of the constraint, the one who is waited for among them; what they have written
    is looked at when it is had again.
    """
    relation = context.engine.relation(shape.table.storage_id)
    with context.engine.latch:
        live = relation.live(context.transaction, relation.root(row_id), lambda _: True)
    if live.status is Status.DONE:
        return False
    if live.status is Status.BLOCKED:
        context.engine.locks.release(context.transaction, _tag(constraint), LockMode.EXCLUSIVE)
        yield from wait_for_xid(context, live.blocker_xid)
        yield from _lock(context, constraint)
    yield from catch_up(context.transaction)
    return True


def _tag(constraint: Constraint) -> tuple[str, int, int]:
    return ("object", PG_CONSTRAINT_OID, constraint.oid)


def _lock(context: ExecutionContext, constraint: Constraint) -> Iterator[Wait]:
    completion = context.engine.locks.acquire(
        context.transaction, _tag(constraint), LockMode.EXCLUSIVE
    )
    if not completion.done:
        yield Wait(completion, what="object")
