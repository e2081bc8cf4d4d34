"""What is checked after a statement or before the commit: foreign keys, deferrable unique keys.

Rule 1: a check sees everything the statement has done: it runs as a command of its own.
Rule 2: checks of a constraint that is deferred wait in context.deferred, a list of the transaction,
        which whoever rolls back to a savepoint cuts to the length it had then.
Rule 3: actions (CASCADE, SET NULL ...) change further rows and so queue further checks, until there
        are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from server.executor.waiting import catch_up, wait_for_xid
from storage.engine import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator, Iterable

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Constraint
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.table_shape import Row, TableShape
    from server.executor.waits import Wait
    from server.vector.batch import Batch
    from server.vector.column import Positions


Stored = tuple[Sequence[Any], Sequence[Any]]
"""Values by attribute as storage has them, and where they are NULL (None: nowhere)."""


class Check(Protocol):
    """Something to be checked or done later."""

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Do it; raise if a constraint is violated."""


def run_after_statement(context: ExecutionContext) -> Generator[Wait, None, None]:
    """Run what the statement has queued, and what that queues in turn."""
    while context.after_statement:
        checks = context.after_statement[:]
        context.after_statement.clear()
        yield from catch_up(context.transaction)
        with context.engine.latch:
            context.transaction.next_command()
            context.snapshot = context.transaction.snapshot()
        for check in checks:
            context.check_cancelled()
            yield from check.run(context)


@dataclass(frozen=True, slots=True, eq=False)
class Deferred:
    """A check that waits for the commit, with the context of the statement that queued it."""

    check: Check
    constraint: Constraint
    context: ExecutionContext


def forget_dropped(deferred: list[Deferred], view: CatalogView) -> None:
    """Take out the checks whose constraints are no more."""
    deferred[:] = [item for item in deferred if view.object(item.constraint.oid) is not None]


def run_deferred(
    deferred: list[Deferred], chosen: Container[int] | None = None
) -> Generator[Wait, None, None]:
    """Run deferred checks: before a commit; those chosen by OID at SET CONSTRAINTS ... IMMEDIATE.

    They are taken out of the list.
    """
    while True:
        due = [item for item in deferred if chosen is None or item.constraint.oid in chosen]
        if not due:
            return
        deferred[:] = [item for item in deferred if item not in due]
        context = due[-1].context
        context.after_statement[:] = [
            item.check for item in due
        ]  # nothing is left of one that failed
        yield from run_after_statement(context)


def queue_insert(
    context: ExecutionContext,
    shape: TableShape,
    row_ids: Iterable[int],
    rows: Callable[[], Sequence[Row]],
    changed_from: Row = (),
    rechecks: list[UniqueRecheck] | None = None,
) -> None:
    """Queue what rows are checked for that are new, or have changed from an older version; rechecks are taken."""

    def check_of(constraint: Constraint) -> Check | None:
        if changed_from:
            was, now = changed_from, rows()[0]
            if constraint.kind == "x" and _is_as_it_was(context, shape, constraint, was, now):
                return None
            if constraint.kind != "x" and _is_settled(constraint, was, now):
                return None
        return _check(shape, constraint, row_ids, rows)

    _queue(context, shape, check_of, rechecks)


def queue_inserts(
    context: ExecutionContext,
    shape: TableShape,
    row_ids: Positions,
    rows: Callable[[], Sequence[Row]],
    stored: Stored,
    rechecks: list[UniqueRecheck] | None = None,
) -> None:
    """As queue_insert, of new rows that may be many. stored: their attributes as storage has them."""
    from server.executor.many_references import MANY_ROWS, many_references

    def check_of(constraint: Constraint) -> Check | None:
        many = None
        if constraint.kind == "f" and len(row_ids) >= MANY_ROWS:
            many = many_references(shape, constraint, row_ids, stored)
        return _check(shape, constraint, row_ids, rows) if many is None else many

    _queue(context, shape, check_of, rechecks)


def _queue(
    context: ExecutionContext,
    shape: TableShape,
    check_of: Callable[[Constraint], Check | None],
    rechecks: list[UniqueRecheck] | None,
) -> None:
    """As PostgreSQL's triggers by name: primary keys, foreign keys, other keys and exclusions, the older first."""
    checks: list[tuple[Constraint, Check]] = []
    for constraint in shape.checked_later:
        check = check_of(constraint)
        if check is not None:
            checks.append((constraint, check))
    if rechecks:
        checks += [(item.constraint, item) for item in rechecks]
        rechecks.clear()
    if len(checks) > 1:
        checks.sort(key=lambda item: (_rank(item[0]), item[0].oid))
    for constraint, check in checks:
        context.queue(check, constraint)


def _check(
    shape: TableShape,
    constraint: Constraint,
    row_ids: Iterable[int],
    rows: Callable[[], Sequence[Row]],
) -> Check:
    """What looks at rows one by one."""
    from server.executor.exclusions import ExclusionCheck
    from server.executor.foreign_keys import ReferenceCheck

    ids = list(map(int, row_ids))
    if constraint.kind == "x":
        return ExclusionCheck(shape, constraint, tuple(ids))
    return ReferenceCheck(shape, constraint, ids, list(rows()))


def _rank(constraint: Constraint) -> int:
    """When its turn is; exclusions that cannot be deferred are to seem as if the row had not come that far."""
    return _RANKS[constraint.kind] if constraint.deferrable or constraint.kind == "f" else 0


_RANKS: Final = {"p": 1, "f": 2, "u": 3, "x": 3}


def _is_as_it_was(
    context: ExecutionContext, shape: TableShape, constraint: Constraint, old: Row, new: Row
) -> bool:
    """Whether a changed row excludes what its older version did, which has been looked at.

    PostgreSQL looks again when the row gets new entries, in whichever index: then a rival in progress is waited for.
    """
    index = context.catalog.object(constraint.index)
    if not all(constraint.columns) or index is None or index.predicate is not None:
        return False
    indexed = {number for each in shape.indexes for number in each.attributes}
    numbers = indexed.union(constraint.columns)
    return all(old[number - 1] == new[number - 1] for number in numbers)


def _is_settled(constraint: Constraint, old: Row, new: Row) -> bool:
    """Whether a changed row needs no check of its own: a deferred one of its older version looks at the newest."""
    keys = [(old[number - 1], new[number - 1]) for number in constraint.columns]
    null_count = sum(value is None for _, value in keys)
    if null_count:
        return constraint.match != "f" or null_count == len(keys)
    return all(before == value for before, value in keys)


def queue_removal(
    context: ExecutionContext,
    shape: TableShape,
    old: Row,
    new: Row | None,
    *,
    has_left: bool = False,
) -> None:
    """Queue what becomes of the rows that refer to a row which is deleted, has changed, or has left its partition."""
    from server.executor.foreign_keys import ReferencedChange

    for constraint in shape.references:
        positions = [number - 1 for number in constraint.referenced_columns]
        if any(old[p] is None for p in positions):
            continue
        if new is not None and all(old[p] == new[p] for p in positions):
            continue
        change = ReferencedChange(shape, constraint, old, new, has_left)
        action = constraint.on_delete if new is None else constraint.on_update
        context.queue(change, constraint if action == "a" else None)


def queue_removals(context: ExecutionContext, shape: TableShape, rows: Batch) -> None:
    """As queue_removal, of many rows that were deleted, given with the attributes of the keys others refer to."""
    from server.executor.many_references import many_removals

    for constraint in shape.references:
        removals = many_removals(shape, constraint, rows)
        if removals is not None:
            context.queue(removals, constraint if constraint.on_delete == "a" else None)


@dataclass(frozen=True, slots=True)
class UniqueRecheck:
    """A key of a deferrable unique constraint that at most one row may have.

    enabled: what pg_trigger says of the trigger that looks.
    """

    enabled: ClassVar[str] = "O"
    shape: TableShape
    index: IndexShape
    key: bytes

    @property
    def constraint(self) -> Constraint:
        """The constraint, which is deferrable."""
        assert self.index.constraint is not None
        return self.index.constraint

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Count the rows with the key."""
        relation = context.engine.relation(self.shape.table.storage_id)
        tree = context.engine.index(self.index.storage_id)
        key_of = self.shape.key_of(self.index, context)

        def has_key(row_id: int) -> bool:
            return bool(key_of(relation.values(row_id)) == self.key)

        while True:
            blocker, found = 0, []
            with context.engine.latch:
                for root_id in tree.lookup(self.key):
                    live = relation.live(context.transaction, root_id, has_key)
                    if live.status is Status.BLOCKED:
                        blocker = live.blocker_xid
                    elif live.status is Status.DONE:
                        found.append(self.shape.load_row(relation.values(live.row_id)))
            if len(found) > 1:
                raise self._error(found[0], context)
            if not blocker:
                return
            yield from wait_for_xid(context, blocker)

    def _error(self, row: Row, context: ExecutionContext) -> Exception:
        from server.executor.constraint_errors import unique_violation

        values = self.index.values(row, context)
        return unique_violation(self.shape, self.index, values, context)


def is_deferred(context: ExecutionContext, constraint: Constraint | None) -> bool:
    """Whether checks of this constraint wait for the commit now."""
    if constraint is None or not constraint.deferrable or context.deferred is None:
        return False
    return bool(context.constraint_modes.get(constraint.oid, constraint.deferred))
