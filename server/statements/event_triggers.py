"""CREATE and ALTER EVENT TRIGGER, and statements that run between the events they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.event_triggers import (
    EVENT_TRIGGER_TYPE,
    EVENTS,
    OTHER_TAGS,
    REWRITING_TAGS,
    SUPPORTED_TAGS,
    EventTrigger,
)
from server.catalog.privileges import is_superuser
from server.errors import (
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidObjectDefinition,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
)
from server.sql import utility_events as tree
from server.statements.names import claim_name
from server.statements.ownership import require_owner
from server.statements.routine_names import exact_function
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from server.sql.object_names import ObjectName


def event_trigger_named(context: StatementContext, kind: str, name: ObjectName) -> EventTrigger:
    """An event trigger; raises UndefinedObject."""
    del kind
    return _named(context, name.parts[-1])


def _named(context: StatementContext, name: str) -> EventTrigger:
    found = context.catalog.object_named(EventTrigger, name)
    if found is None:
        raise UndefinedObject(f'event trigger "{name}" does not exist')
    return found


def create_event_trigger(context: StatementContext, statement: tree.CreateEventTrigger) -> Run:
    """CREATE EVENT TRIGGER."""
    yield from claim_name(context, 0, statement.name)
    if not is_superuser(context.catalog, context.user_oid):
        raise InsufficientPrivilege(
            f'permission denied to create event trigger "{statement.name}"',
            hint="Must be superuser to create an event trigger.",
        )
    if statement.event not in EVENTS:
        raise SqlSyntaxError(f'unrecognized event name "{statement.event}"')
    tags = _tags(statement)
    if context.catalog.object_named(EventTrigger, statement.name) is not None:
        raise DuplicateObject(f'event trigger "{statement.name}" already exists')
    made = EventTrigger(
        oid=context.new_oid(),
        name=statement.name,
        owner=context.user_oid,
        event=statement.event,
        function=_function(context, statement),
        tags=tags,
    )
    context.ddl.put(made)
    return statement.command_tag


def _tags(statement: tree.CreateEventTrigger) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    for number, (variable, values) in enumerate(statement.filters):
        if variable != "tag":
            raise SqlSyntaxError(f'unrecognized filter variable "{variable}"')
        if number:
            raise SqlSyntaxError(f'filter variable "{variable}" specified more than once')
        for value in values:
            _check_tag(statement.event, value)
        found = tuple(value.upper() for value in values)
    return found


def _check_tag(event: str, value: str) -> None:
    tag = value.upper()
    if tag not in SUPPORTED_TAGS | OTHER_TAGS:
        raise SqlSyntaxError(f'filter value "{value}" not recognized for filter variable "tag"')
    allowed = REWRITING_TAGS if event == "table_rewrite" else SUPPORTED_TAGS
    if tag not in allowed:
        kind = "event triggers" if event != "table_rewrite" else "table_rewrite event triggers"
        raise FeatureNotSupported(f"{kind} are not supported for {tag}")


def _function(context: StatementContext, statement: tree.CreateEventTrigger) -> int:
    found = exact_function(context, statement.function, ((),))
    name = ".".join(statement.function)
    if found is None:
        raise UndefinedFunction(f"function {name}() does not exist")
    if found.result != EVENT_TRIGGER_TYPE:
        raise InvalidObjectDefinition(f"function {name} must return type event_trigger")
    return found.oid


def alter_event_trigger(context: StatementContext, statement: tree.AlterEventTrigger) -> Run:
    """ALTER EVENT TRIGGER."""
    yield from ()
    found = _named(context, statement.name)
    require_owner(context, found)
    context.ddl.put(replace(found, enabled=statement.state))
    return statement.command_tag


def check_event_trigger_owner(context: StatementContext, value: Any, owner: int) -> None:
    """Event triggers belong to superusers."""
    if isinstance(value, EventTrigger) and not is_superuser(context.catalog, owner):
        raise InsufficientPrivilege(
            f'permission denied to change owner of event trigger "{value.name}"',
            hint="The owner of an event trigger must be a superuser.",
        )


UTILITIES = (
    Utility(node=tree.CreateEventTrigger, run=create_event_trigger),
    Utility(node=tree.AlterEventTrigger, run=alter_event_trigger),
)
