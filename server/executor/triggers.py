"""Firing triggers: before and after rows and statements change.

Rule 1: BEFORE triggers of a row are called one after the other, each with what the one before gave; NULL stops the row.
Rule 2: AFTER triggers are queued where the row is written, and called when the statement has done its work; a
        deferred constraint trigger before the commit.
Rule 4: triggers of a statement are called once a table and event, whatever part of the statement or action of
        a foreign key does it: the BEFORE ones by the first, the AFTER ones behind the last.
Rule 3: WHEN is looked at when the trigger would be called or queued.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.executor.counted_calls import counted, counts_calls
from server.executor.partition_routing import translation
from server.executor.row_order import blindly
from server.executor.table_shape import shape_of
from server.executor.table_triggers import concerns
from server.executor.trigger_functions import TriggerProtocolViolated, fire_builtin
from server.expressions.evaluate import compile_row
from server.planner.standalone import bind_trigger_condition
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from server.catalog.objects import Table
    from server.catalog.routine_objects import UserFunction
    from server.catalog.trigger_objects import Trigger
    from server.executor.context import ExecutionContext
    from server.executor.table_shape import Row, TableShape
    from server.executor.waits import Wait


@dataclass(frozen=True, slots=True)
class Firing:
    """What a trigger function is told. old, new: rows of the table's live columns."""

    trigger: Trigger
    table: Table
    schema_name: str
    event: str
    old: Record | None = None
    new: Record | None = None
    transitions: Transitions | None = None


@dataclass(frozen=True, slots=True)
class Transitions:
    """The rows that a statement has changed, as they were and as they are."""

    table: Table
    types: tuple[Any, ...]
    old: list[Row]
    new: list[Row]


def record_of(shape: TableShape, row: Row) -> Record:
    """A row as the value that a trigger function sees."""
    live = shape.live
    return Record.of([row[number - 1] for number in live.numbers], live.types, live.names)


def row_of(shape: TableShape, record: Record) -> Row:
    """The row of all attributes that a trigger function gave."""
    values: list[Any] = [None] * len(shape.table.columns)
    for number, value in zip(shape.live.numbers, record, strict=True):
        values[number - 1] = value
    return tuple(values)


def fire(context: ExecutionContext, firing: Firing) -> Record | None:
    """Call the function of a trigger."""
    function: UserFunction | None = context.catalog.object(firing.trigger.function)
    if function is None:
        return fire_builtin(context, firing.trigger.function, firing)
    found: Record | None
    if context.counts_calls is not False and counts_calls(context):
        with counted(context, function):
            found = context.surroundings.fire(context, function, firing)
    else:
        found = context.surroundings.fire(context, function, firing)
    return found


def is_wanted(
    context: ExecutionContext,
    shape: TableShape,
    trigger: Trigger,
    rows: tuple[Row | None, Row | None],
) -> bool:
    """Whether WHEN is true for an old and a new row."""
    if trigger.when is None:
        return True
    kept = context.surroundings.kept()
    key = (trigger.oid, trigger.when, shape.table)
    found = kept.get(key)
    width = len(shape.table.columns)
    if found is None:
        environment = context.surroundings.environment()
        bound = bind_trigger_condition(environment, shape.table, trigger)
        layout = {number: number - 1 for number in range(1, 2 * width + 1)}
        found = kept[key] = compile_row(bound, layout)
    old, new = rows
    nothing = (None,) * width
    return found((*(old or nothing), *(new or nothing)), context) is True


def before_row(
    context: ExecutionContext,
    shape: TableShape,
    event: str,
    rows: tuple[Row | None, Row | None],
    changed: Iterable[int] = (),
    timing: str = "before",
) -> Row | None:
    """What BEFORE triggers make of a row: the new one (of a delete: the old one), None to leave it alone."""
    old, new = rows
    if new is not None and timing == "before":
        new = _without_generated(shape, new)
    for trigger in shape.triggers.rows(timing, event):
        if not concerns(trigger, event, changed) or not is_wanted(
            context, shape, trigger, (old, new)
        ):
            continue
        firing = Firing(
            trigger,
            shape.table,
            shape.schema_name,
            event,
            None if old is None else record_of(shape, old),
            None if new is None else record_of(shape, new),
        )
        given = fire(context, firing)
        if given is None:
            return None
        if event != "delete":
            new = row_of(shape, given)
    return old if event == "delete" else new


def rows_together(
    context: ExecutionContext,
    shape: TableShape,
    event: str,
    pairs: Sequence[tuple[Row | None, Row]],
    changed: Iterable[int] = (),
) -> list[Row | None] | None:
    """What BEFORE triggers make of several rows of which none is written yet.

    None where each row has to be written before the triggers of the next are called: one of them reads, does more
    than changing its row, or raises. Then nothing has been done.
    """
    return blindly(
        context,
        shape.table.oid,
        lambda: [before_row(context, shape, event, rows, changed) for rows in pairs],
    )


def _without_generated(shape: TableShape, row: Row) -> Row:
    """Generated columns are computed when the BEFORE triggers have had their say."""
    generated = shape.live.generated
    if not generated:
        return row
    return tuple(None if n in generated else value for n, value in enumerate(row, 1))


def before_statement(
    context: ExecutionContext, shape: TableShape, event: str, changed: Iterable[int] = ()
) -> None:
    """Call the BEFORE triggers of a statement, unless they have been."""
    key = (shape.table.oid, event)
    if key in context.announced:
        return
    context.announced[key] = 0
    for trigger in shape.triggers.statements("before", event):
        if concerns(trigger, event, changed) and is_wanted(context, shape, trigger, (None, None)):
            given = fire(context, Firing(trigger, shape.table, shape.schema_name, event))
            if given is not None:
                raise TriggerProtocolViolated("BEFORE STATEMENT trigger cannot return a value")


@dataclass(frozen=True, slots=True)
class FireAfter:
    """AFTER triggers to be called, in this order."""

    firings: tuple[Firing, ...]

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Call them."""
        for firing in self.firings:
            fire(context, firing)
        yield from ()


def queue_after_rows(
    context: ExecutionContext,
    shape: TableShape,
    event: str,
    pairs: Sequence[tuple[Row | None, Row | None]],
    changed: Iterable[int] = (),
) -> None:
    """Queue the AFTER triggers of rows that were written."""
    if not context.is_moving:
        note_transitions(context, shape, event, pairs)
    triggers = shape.triggers.rows("after", event)
    for rows in pairs if triggers else ():
        due = [
            trigger
            for trigger in triggers
            if concerns(trigger, event, changed) and is_wanted(context, shape, trigger, rows)
        ]
        if not due:
            continue
        old, new = (None if row is None else record_of(shape, row) for row in rows)
        for trigger in due:
            transitions = transitions_for(context, shape, event, trigger)
            firing = Firing(trigger, shape.table, shape.schema_name, event, old, new, transitions)
            constraint = context.catalog.object(trigger.constraint) if trigger.constraint else None
            context.queue(FireAfter((firing,)), constraint)


@dataclass(frozen=True, slots=True)
class FireStatement:
    """The AFTER triggers of a statement, unless they have been queued again since."""

    shape: TableShape
    event: str
    changed: frozenset[int]
    number: int

    def run(self, context: ExecutionContext) -> Generator[Wait, None, None]:
        """Call them; what changes the table from now on is announced anew."""
        key = (self.shape.table.oid, self.event)
        if context.announced.get(key) == self.number:
            del context.announced[key]
            for trigger in self.shape.triggers.statements("after", self.event):
                self._fire(trigger, context)
            context.transitions.pop(key, None)
        yield from ()

    def _fire(self, trigger: Trigger, context: ExecutionContext) -> None:
        shape, event = self.shape, self.event
        if concerns(trigger, event, self.changed) and is_wanted(
            context, shape, trigger, (None, None)
        ):
            transitions = transitions_for(context, shape, event, trigger)
            fire(
                context,
                Firing(trigger, shape.table, shape.schema_name, event, transitions=transitions),
            )


def queue_after_statement(
    context: ExecutionContext, shape: TableShape, event: str, changed: Iterable[int] = ()
) -> None:
    """Queue the AFTER triggers of a statement behind all that is queued."""
    if shape.triggers.statements("after", event):
        key = (shape.table.oid, event)
        context.announced[key] = number = context.announced.get(key, 0) + 1
        context.queue(FireStatement(shape, event, frozenset(changed), number), None)


# Transition tables


def has_transitions(shape: TableShape, event: str) -> bool:
    """Whether a trigger wants to see the rows that a statement has changed."""
    return any(
        (trigger.old_table or trigger.new_table) and event in trigger.events
        for trigger in shape.triggers.all
    )


def tells_of_rows(shape: TableShape, event: str) -> bool:
    """Whether anybody is to know of rows that were changed: AFTER triggers for rows, or transition tables."""
    triggers = shape.triggers
    return triggers.is_noted or bool(triggers.rows("after", event)) or has_transitions(shape, event)


def note_transitions(
    context: ExecutionContext,
    shape: TableShape,
    event: str,
    pairs: Sequence[tuple[Row | None, Row | None]],
) -> None:
    """Keep rows for the transition tables of the statement, which may have named a table above."""
    if has_transitions(shape, event):
        found = _transitions(context, shape, event)
        found.old.extend(old for old, _ in pairs if old is not None)
        found.new.extend(new for _, new in pairs if new is not None)
    for oid in shape.table.parents:
        above = shape_of(context.catalog.object(oid), context)
        if not above.triggers and not above.table.parents:
            continue
        numbers = translation(shape.table, above.table)
        moved = [(_moved(old, numbers), _moved(new, numbers)) for old, new in pairs]
        note_transitions(context, above, event, moved)


def _moved(row: Row | None, numbers: Sequence[int]) -> Row | None:
    """A row in the columns of a table above."""
    if row is None:
        return None
    return tuple(row[number - 1] if number else None for number in numbers)


def _transitions(context: ExecutionContext, shape: TableShape, event: str) -> Transitions:
    key = (shape.table.oid, event)
    found: Transitions | None = context.transitions.get(key)
    if found is None:
        found = Transitions(shape.table, shape.types, [], [])
        context.transitions[key] = found
    return found


def transitions_for(
    context: ExecutionContext, shape: TableShape, event: str, trigger: Trigger
) -> Transitions | None:
    """The rows that a trigger with transition tables sees."""
    if not trigger.old_table and not trigger.new_table:
        return None
    return _transitions(context, shape, event)
