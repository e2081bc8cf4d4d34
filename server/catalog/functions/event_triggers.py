"""pg_event_trigger_...: what functions of event triggers ask about their event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.event_triggers import Event, event_of
from server.catalog.functions.object_identity import class_oid_of, identity_of
from server.catalog.functions.scope import session_of, view_of
from server.errors import SqlError
from server.functions.declare import row
from server.oids import TEXT
from server.types.array import make_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext, Function

DROPPED: Final = (
    "classid oid, objid oid, objsubid int4, original bool, normal bool, is_temporary bool, object_type text, "
    "schema_name text, object_name text, object_identity text, address_names _text, address_args _text"
)
COMMANDS: Final = (
    "classid oid, objid oid, objsubid int4, command_tag text, object_type text, schema_name text, "
    "object_identity text, in_extension bool, command pg_ddl_command"
)


class EventTriggerProtocolViolated(SqlError, sqlstate="39P03"):
    """event_trigger_protocol_violated."""


def _event(call: CallContext, function: str, wanted: tuple[str, ...], shown: str) -> Event:
    found = event_of(session_of(call).transaction.running)
    if found is None or found.name not in wanted:
        raise EventTriggerProtocolViolated(
            f"{function}() can only be called in {shown} event trigger function"
        )
    return found


def _dropped(call: CallContext) -> Iterator[tuple[Any, ...]]:
    event = _event(call, "pg_event_trigger_dropped_objects", ("sql_drop",), "a sql_drop")
    for each in event.dropped:
        kind, schema, name, identity = each.identity
        address = make_array(TEXT, tuple(part for part in (schema, name) if part))
        yield (
            each.class_oid, each.oid, 0, each.is_original, not each.is_original,
            each.is_temporary, kind, schema, name, identity, address, make_array(TEXT, ()),
        )  # fmt: skip


def _commands(call: CallContext) -> Iterator[tuple[Any, ...]]:
    event = _event(call, "pg_event_trigger_ddl_commands", ("ddl_command_end",), "an")
    view = view_of(call)
    for value in event.changed:
        kind, schema, _, identity = identity_of(view, value)
        yield (class_oid_of(value), value.oid, 0, event.tag, kind, schema, identity, False, None)


def _rewritten(call: CallContext) -> int:
    name = "pg_event_trigger_table_rewrite_oid"
    return _event(call, name, ("table_rewrite",), "a table_rewrite").rewritten


def _reason(call: CallContext) -> int:
    _event(call, "pg_event_trigger_table_rewrite_reason", ("table_rewrite",), "a table_rewrite")
    return 0


FUNCTIONS: Final[tuple[Function, ...]] = (
    row(
        f"3566 pg_event_trigger_dropped_objects() record({DROPPED}) set stable context",
        _dropped,
        "what the statement has dropped",
    ),
    row(
        f"4568 pg_event_trigger_ddl_commands() record({COMMANDS}) set stable context",
        _commands,
        "what the statement has made or altered",
    ),
    row(
        "4566 pg_event_trigger_table_rewrite_oid() oid stable context",
        _rewritten,
        "the table that is written anew",
    ),
    row(
        "4567 pg_event_trigger_table_rewrite_reason() int4 stable context",
        _reason,
        "why a table is written anew",
    ),
)
