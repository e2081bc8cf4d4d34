"""Statements of DDL between their events: what event triggers are called before and after them.

Rule 1: where there are no event triggers, a statement costs one look at the catalog.
Rule 2: what a statement has dropped, made or altered is read off the changes of its transaction's catalog.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from server.catalog.event_triggers import (
    REWRITING_TAGS,
    SUPPORTED_TAGS,
    DroppedObject,
    Event,
    EventTrigger,
    event_triggers,
    firing,
)
from server.catalog.functions.object_identity import class_oid_of, identity_of
from server.catalog.routine_objects import UserFunction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject
    from server.session.scope import StatementScope
    from server.statements.statement import Utility

Steps = Generator[Any, Any, str]


def run_between_events(scope: StatementScope, row: Utility, tree: Any) -> Steps:
    """Run a utility statement with the event triggers that concern it."""
    tag = scope.statement.tag
    triggers = event_triggers(scope.catalog)
    if not triggers or tag not in SUPPORTED_TAGS:
        return (yield from row.run(scope, tree))
    yield from _fire(scope, triggers, Event("ddl_command_start", tag))
    before, view = dict(scope.ddl.changes), scope.catalog
    result = yield from row.run(scope, tree)
    changes = {
        oid: value
        for oid, value in scope.ddl.changes.items()
        if oid not in before or before[oid] is not value
    }
    dropped = tuple(_dropped(scope, view, changes))
    if dropped:
        yield from _fire(scope, triggers, Event("sql_drop", tag, dropped=dropped))
    made = tuple(value for value in changes.values() if value is not None and class_oid_of(value))
    yield from _fire(scope, triggers, Event("ddl_command_end", tag, dropped, _original(made)))
    return result


def fire_rewrite(scope: StatementScope, oid: int) -> Iterator[Any]:
    """Call the triggers of table_rewrite."""
    tag = scope.statement.tag
    triggers = event_triggers(scope.catalog) if tag in REWRITING_TAGS else ()
    if triggers:
        yield from _fire(scope, triggers, Event("table_rewrite", tag, rewritten=oid))


def _original(made: tuple[CatalogObject, ...]) -> tuple[CatalogObject, ...]:
    """What the statement was about: not what belongs to another object of these, nor views that follow it."""
    oids = {value.oid for value in made}
    return tuple(
        value
        for value in made
        if oids.isdisjoint((getattr(value, "table", 0), getattr(value, "relation", 0)))
        and oids.isdisjoint(getattr(value, "depends_on", ()))
    )


def _dropped(
    scope: StatementScope, view: CatalogView, changes: dict[int, CatalogObject | None]
) -> Iterator[DroppedObject]:
    gone = [view.object(oid) for oid, value in changes.items() if value is None]
    for value in gone:
        if value is None or not class_oid_of(value):
            continue
        yield DroppedObject(
            class_oid_of(value),
            value.oid,
            is_original=value is gone[-1],
            is_temporary=getattr(value, "schema", 0) == scope.session.temporary_schema != 0,
            identity=identity_of(view, value),
        )


def _fire(
    scope: StatementScope, triggers: tuple[EventTrigger, ...], event: Event
) -> Generator[Any, Any, None]:
    states = scope.session.basis().environment.firing_states
    chosen = firing(triggers, event.name, event.tag, states)
    if not chosen:
        return
    running = scope.running
    context = scope.execution()

    def steps() -> Iterator[Any]:
        for trigger in chosen:
            function = scope.catalog.object(trigger.function)
            if isinstance(function, UserFunction):
                scope.session.surroundings.fire_event(context, function, event)
        yield from ()

    outer, running.event = running.event, event
    try:
        yield from scope.apart(steps())
    finally:
        running.event = outer
