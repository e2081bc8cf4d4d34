"""Foreign keys: rows refer to rows that are there, and what becomes of them when those go.

Rule 1: a referenced row is locked FOR KEY SHARE, so that it stays until the referring transaction
        has ended.
Rule 2: NO ACTION looks at the end, when another row may have taken the key's place; RESTRICT does
        not look for one.
Rule 3: an action changes rows with the rights of their table's owner: so do the triggers it fires.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from server.catalog.partition_bounds import leaf_for_key, same_columns
from server.errors import FeatureNotSupported, SerializationFailure
from server.executor.columns import batch_of_rows, rows_of
from server.executor.constraint_errors import (
    missing_reference,
    mixed_nulls,
    still_referenced,
)
from server.executor.departed import refuse_departed
from server.executor.key_casts import Wanted, cascaded, key_cast
from server.executor.row_checks import row_checks_of
from server.executor.row_moves import update_or_move
from server.executor.table_shape import Row, TableShape, shape_of
from server.executor.table_writer import TableWriter
from server.executor.triggers import before_row, before_statement, queue_after_statement
from server.executor.waiting import catch_up, doing, wait_for_xid
from server.executor.waits import Wait
from storage.engine import LockMode, RowLock, Status, Turn, lock_referenced

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable, Iterator, Sequence

    from server.catalog.objects import Constraint, Table
    from server.executor.context import ExecutionContext
    from server.types.type import Value
    from storage.engine import Snapshot

CONCURRENT_UPDATE = "could not serialize access due to concurrent update"
CONCURRENT_DELETE = "could not serialize access due to concurrent delete"


@dataclass(frozen=True, slots=True)
class ReferenceCheck:
    """New rows of a table with a foreign key: what they refer to must be there."""

    shape: TableShape
    constraint: Constraint
    row_ids: list[int]
    rows: list[Row]

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Look up and lock the referenced row of each distinct key."""
        looked_up: set[Hashable] = set()
        for row_id, row in zip(self.row_ids, self.rows, strict=True):
            current = self._current(row_id, row, context)
            key = None if current is None else self._key(current)
            if current is None or key is None or key in looked_up:
                continue
            looked_up.add(key)
            if not (yield from self._has_referenced(current, key, context)):
                table: Table = context.catalog.object(self.constraint.referenced_table)
                raise missing_reference(self.shape, self.constraint, table, key, context)

    def _has_referenced(
        self, row: Row, key: Row, context: ExecutionContext
    ) -> Generator[Wait, None, bool]:
        """Lock the row with the key that a row has; false if there is none."""
        numbers = self.constraint.referenced_columns
        while context.catalog.object(self.constraint.oid) is not None:
            table: Table = context.catalog.object(self.constraint.referenced_table)
            cast = key_cast(self.shape, self.constraint, table, context)
            found = key if cast is None else cast.key(row, context)
            if found is None:
                return False
            key = found
            home = leaf_for_key(context.catalog, table, numbers, key)
            if home is None:
                return False
            if (yield from lock_table(context, home[0], LockMode.ROW_SHARE)):
                continue
            constraint = replace(self.constraint, referenced_columns=home[1])
            referenced = shape_of(home[0], context)
            return (yield from _lock_referenced(referenced, constraint, key, context))
        return True

    def _key(self, row: Row) -> Row | None:
        key = tuple(row[number - 1] for number in self.constraint.columns)
        nulls = sum(value is None for value in key)
        if self.constraint.match == "f" and 0 < nulls < len(key):
            raise mixed_nulls(self.shape, self.constraint)
        return None if nulls else key

    def _current(self, row_id: int, row: Row, context: ExecutionContext) -> Row | None:
        """The row as it is by now, as it may have changed again since; None if it is gone."""
        relation = context.engine.relation(self.shape.table.storage_id)
        with context.engine.latch:
            version = relation.version(row_id)
            if not version.xmin:
                return None
            if not (version.xmax and context.snapshot.sees(version.xmax)):
                return row
            newest = relation.find_id(context.snapshot, relation.root(row_id))
            return self.shape.load_row(relation.values(newest)) if newest >= 0 else None


def _lock_referenced(
    referenced: TableShape, constraint: Constraint, key: Row, context: ExecutionContext
) -> Generator[Wait, None, bool]:
    """Lock the row with the key FOR KEY SHARE; false if there is none."""
    index = referenced.unique_index_on(constraint.referenced_columns)
    if index is None:
        raise FeatureNotSupported(f'constraint "{constraint.name}" has no unique index to use')
    values = dict(zip(constraint.referenced_columns, key, strict=True))
    encoded = index.encode([values[part.number] for part in index.index.keys])
    relation = context.engine.relation(referenced.table.storage_id)
    tree = context.engine.index(index.storage_id)
    key_of = referenced.key_of(index, context)
    transaction = context.transaction
    is_part = constraint.referenced_table != referenced.table.oid
    before: Snapshot | None = None  # of the first look, if somebody was in the way
    while True:
        with context.engine.latch:
            snapshot = transaction.newest_snapshot() if is_part else transaction.snapshot()
            outcome = lock_referenced(transaction, snapshot, relation, tree, encoded, key_of)
            if outcome is None and before is not None:
                refuse_departed(relation, tree.lookup(encoded), before, context)
        if outcome is None or outcome.status is Status.DONE:
            found_count = int(outcome is not None)
            context.engine.scans[index.storage_id].add(1, found_count, found_count)
            return outcome is not None
        if outcome.status is not Status.BLOCKED:
            raise SerializationFailure(CONCURRENT_UPDATE)
        before = before or snapshot
        turn = Turn.of((relation.relation_id, outcome.root_id), RowLock.KEY_SHARE)
        yield from wait_for_xid(context, outcome.blocker_xid, turn=turn)


@dataclass(frozen=True, slots=True)
class ReferencedChange:
    """A row that others may refer to was deleted (new None) or has another key now."""

    shape: TableShape
    constraint: Constraint
    old: Row
    new: Row | None
    has_left: bool = (
        False  # for another partition, so that the change is one of the table that both belong to
    )

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Do what the constraint says about the rows that refer to the old key.

        As a command of its own: another constraint may have changed the same rows just before.
        """
        yield from catch_up(context.transaction)
        with context.engine.latch:
            context.transaction.next_command()
            context.snapshot = context.transaction.snapshot()
        constraint = self.constraint
        action = constraint.on_delete if self.new is None else constraint.on_update
        key = self._key(self.old)
        table: Table = context.catalog.object(constraint.table)
        mode = LockMode.ROW_SHARE if action in "ar" else LockMode.ROW_EXCLUSIVE
        if (yield from lock_table(context, table, mode)):
            if context.catalog.object(constraint.oid) is None:
                return
            table = context.catalog.object(constraint.table)
        with context.engine.latch:
            newest = context.transaction.newest_snapshot()
        if action == "a" and self._key_is_back(key, newest, context):
            return
        writer = TableWriter(table, context)
        cast = key_cast(writer.shape, constraint, self.shape.table, context)
        wanted = Wanted(dict(zip(constraint.columns, key, strict=True)), cast)
        changes = None if action in "ar" else self._changes(action, writer, context)
        tell = _statement_triggers(self, action, context)
        tell(before_statement)
        for row_id in list(find_rows(writer, wanted, newest, context)):
            if action not in "ar":
                with context.acting_for(table.owner):
                    yield from self._act(row_id, changes, wanted, writer, context)
            elif (yield from _stays(row_id, wanted, writer, context)):
                named = shape_of(_declared_on(constraint, context), context)
                changed, broken = self._told(context)
                raise still_referenced(changed, broken, named, key, context)
        tell(queue_after_statement)
        is_same = action == "d" and changes == wanted.values
        if is_same:  # then nothing has changed, and nothing checks it
            context.queue(replace(self, constraint=_without_action(constraint)), None)

    def _act(
        self,
        row_id: int,
        changes: dict[int, Value | None] | None,
        wanted: Wanted,
        writer: TableWriter,
        context: ExecutionContext,
    ) -> Generator[Wait, None, None]:
        """Change a row that refers to the old key, or delete it, unless it refers to another one by now."""
        if not context.read_committed:
            _check_seen(row_id, writer, context)
        if writer.shape.triggers:
            changes, is_stopped = _triggered(row_id, changes, writer, context)
            if is_stopped:
                return
        if changes is not None:
            changes = _checked(row_id, changes, writer, context)
        named = _declared_on(self.constraint, context)
        while True:
            outcome = yield from (
                writer.delete(row_id)
                if changes is None
                else update_or_move(row_id, changes, named, writer, context)
            )
            if outcome is None or outcome.status in (Status.DONE, Status.SELF_MODIFIED):
                return
            is_gone = outcome.status is Status.DELETED
            if not context.read_committed:
                raise SerializationFailure(CONCURRENT_DELETE if is_gone else CONCURRENT_UPDATE)
            if is_gone or not wanted.fits(writer.shape, writer.read(outcome.new_row_id), context):
                return
            row_id = outcome.new_row_id

    def _key(self, row: Row) -> Row:
        return tuple(row[number - 1] for number in self.constraint.referenced_columns)

    def _told(self, context: ExecutionContext) -> tuple[TableShape, Constraint]:
        """The table that errors say was changed, and the constraint on it."""
        constraint = self.constraint
        if not self.has_left:
            return self.shape, constraint
        while constraint.parent:
            constraint = context.catalog.object(constraint.parent)
        table: Table = context.catalog.object(constraint.referenced_table)
        return shape_of(table, context), constraint

    def _key_is_back(self, key: Row, snapshot: Snapshot, context: ExecutionContext) -> bool:
        """Whether some row has the old key now."""
        table, numbers = self.shape.table, self.constraint.referenced_columns
        referenced = context.catalog.object(self.constraint.referenced_table)
        if referenced.oid != table.oid:
            numbers = same_columns(table, referenced, numbers)
            home = leaf_for_key(context.catalog, referenced, numbers, key)
            if home is None:
                return False
            table, numbers = home
        values = dict(zip(numbers, key, strict=True))
        writer = TableWriter(table, context)
        return next(iter(find_rows(writer, Wanted(values), snapshot, context)), None) is not None

    def _changes(
        self, action: str, writer: TableWriter, context: ExecutionContext
    ) -> dict[int, Value | None] | None:
        """New values of the referring row; None: it is deleted."""
        constraint = self.constraint
        if action == "c":
            if self.new is None:
                return None
            table = writer.shape.table
            key = cascaded(self.shape, self.new, constraint, table, context)
            return dict(zip(constraint.columns, key, strict=True))
        columns = constraint.columns
        if self.new is None and constraint.delete_columns:
            columns = constraint.delete_columns
        if action == "n":
            return dict.fromkeys(columns)
        return self._defaults(columns, writer, context)

    def _defaults(
        self, columns: Sequence[int], writer: TableWriter, context: ExecutionContext
    ) -> dict[int, Value | None]:
        """The defaults of columns, which are those of the table that the constraint was declared on."""
        named, table = _declared_on(self.constraint, context), writer.shape.table
        numbers = columns if named is table else same_columns(table, named, tuple(columns))
        return {
            number: _default(named, own, context)
            for number, own in zip(columns, numbers, strict=True)
        }


def _statement_triggers(
    change: ReferencedChange, action: str, context: ExecutionContext
) -> Callable[[Callable[..., None]], None]:
    """Calls what is about an action's statement: its triggers are those of the table that the key was declared on."""
    constraint = change.constraint
    shape = shape_of(_declared_on(constraint, context), context)
    event = "delete" if change.new is None and action == "c" else "update"
    home = context.catalog.object(constraint.table)
    changed = same_columns(home, shape.table, constraint.columns)
    is_silent = action in "ar" or not shape.triggers
    return lambda call: None if is_silent else call(context, shape, event, changed)


def _declared_on(constraint: Constraint, context: ExecutionContext) -> Table:
    """The table with a constraint, or the one that it is a partition of where the constraint comes from there."""
    while constraint.parent:
        constraint = context.catalog.object(constraint.parent)
    table: Table = context.catalog.object(constraint.table)
    return table


def _triggered(
    row_id: int,
    changes: dict[int, Value | None] | None,
    writer: TableWriter,
    context: ExecutionContext,
) -> tuple[dict[int, Value | None] | None, bool]:
    """What BEFORE triggers make of the changes of a referring row, and whether they stop them."""
    old = writer.read(row_id)
    if changes is None:
        return None, before_row(context, writer.shape, "delete", (old, None)) is None
    new = tuple(changes.get(number, value) for number, value in enumerate(old, 1))
    given = before_row(context, writer.shape, "update", (old, new), changes)
    if given is None:
        return None, True
    return changes | {
        number: value
        for number, (before, value) in enumerate(zip(new, given, strict=True), 1)
        if before is not value
    }, False


def _checked(
    row_id: int,
    changes: dict[int, Value | None],
    writer: TableWriter,
    context: ExecutionContext,
) -> dict[int, Value | None]:
    """The changes of a referring row and of its generated columns; raises if it may not be like that."""
    new = tuple(changes.get(n, value) for n, value in enumerate(writer.read(row_id), 1))
    checks = row_checks_of(writer.shape.table, context)
    batch = checks.complete(batch_of_rows([new], writer.shape.types), context)
    checks.check(batch, writer.shape, context)
    if checks.is_empty:
        return changes
    (made,) = rows_of(batch)
    generated = {column.number for column in writer.shape.table.live_columns if column.generated}
    return changes | {number: made[number - 1] for number in generated}


def _default(table: Table, number: int, context: ExecutionContext) -> Value | None:
    from server.expressions.evaluate import compile_row

    text = table.column(number).default
    if text is None:
        return None
    assert context.bind_expression is not None
    expression = context.bind_expression(table, text)
    return compile_row(expression, {})((), context)


def _without_action(constraint: Constraint) -> Constraint:
    """The constraint as it is where rows that still refer to the old key are an error."""
    return replace(constraint, on_delete="a", on_update="a")


def lock_table(
    context: ExecutionContext, table: Table, mode: LockMode
) -> Generator[Wait, None, bool]:
    """Lock a table that the statement does not name, with its indexes; true if the catalog is another now.

    It may be without a wait for this lock: the statement has waited for a row, and who had it has changed the table.
    """
    has_waited = False
    for oid in (table.oid, *(index.oid for index in context.catalog.indexes_of(table.oid))):
        completion = context.engine.locks.lock_table(context.transaction, oid, mode)
        if not completion.done:
            has_waited = True
            yield Wait(completion, what="relation")
    if context.surroundings is None:
        return has_waited
    current = context.surroundings.environment().catalog
    if not has_waited and current.version == context.catalog.version:
        return False
    context.catalog = current
    context.shapes = {}  # those of the statement's own catalog are shared
    return True


def _stays(
    row_id: int, wanted: Wanted, writer: TableWriter, context: ExecutionContext
) -> Generator[Wait, None, bool]:
    """Whether a row refers to the old key for good: who is changing it is waited for."""
    while True:
        with context.engine.latch:
            outcome = writer.relation.lock_row(
                context.transaction, context.snapshot, row_id, RowLock.KEY_SHARE
            )
        if outcome.status is Status.DONE:
            return True
        if outcome.status is Status.BLOCKED:
            where = doing("locking", writer.shape.table.name, row_id)
            yield from wait_for_xid(context, outcome.blocker_xid, where)
            continue
        if outcome.status is Status.SELF_MODIFIED:
            return False
        if not context.read_committed:
            raise SerializationFailure(CONCURRENT_UPDATE)
        if outcome.status is Status.DELETED:
            return False
        if not wanted.fits(writer.shape, writer.read(outcome.new_row_id), context):
            return False
        row_id = outcome.new_row_id


def _check_seen(row_id: int, writer: TableWriter, context: ExecutionContext) -> None:
    """Fail for a row that the transaction's snapshot does not have: it must not change what it cannot see."""
    with context.engine.latch:
        is_seen = context.snapshot.sees(writer.relation.version(row_id).xmin)
    if not is_seen:
        raise SerializationFailure(CONCURRENT_UPDATE)


def find_rows(
    writer: TableWriter, wanted: Wanted, snapshot: Snapshot, context: ExecutionContext
) -> Iterator[int]:
    """The row ids of the versions that hold what is wanted and that the snapshot sees."""
    shape = writer.shape
    index = shape.index_led_by(tuple(wanted.values)) if wanted.can_look_up else None
    if index is not None:
        values = wanted.prefix()
        if values is None:
            return
        prefix = index.encode([values[key.number] for key in index.index.keys[: len(values)]])
        with context.engine.latch:
            roots = context.engine.index(index.storage_id).lookup(prefix)
            versions = [writer.relation.find(snapshot, root) for root in roots]
        fetched_count = sum(version is not None for version in versions)
        context.engine.scans[index.storage_id].add(1, len(roots), fetched_count)
        for version in versions:
            if version is not None and wanted.fits(shape, writer.read(version.row_id), context):
                yield version.row_id
        return
    counts = context.engine.scans[writer.relation.relation_id]
    counts.add(1, 0, 0)
    for group_no in range(writer.relation.group_count):
        context.check_cancelled()
        with context.engine.latch:
            view = writer.relation.view(snapshot, group_no)
        counts.add(0, view.count, 0)
        if view.count:
            rows = rows_of(shape.load_batch(view))
            ids: Sequence[Any] = view.row_ids.tolist()
            for row_id, row in zip(ids, rows, strict=True):
                if wanted.fits(shape, row, context):
                    yield row_id
