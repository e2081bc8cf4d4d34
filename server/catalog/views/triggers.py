"""pg_trigger and pg_event_trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.event_triggers import event_triggers
from server.catalog.trigger_objects import Trigger
from server.catalog.views.internal_triggers import internal_triggers
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import small_vector, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView


FOR_EACH_ROW = 1
TIMING_BITS = {"before": 2, "after": 0, "instead": 64}
EVENT_BITS = {"insert": 4, "delete": 8, "update": 16, "truncate": 32}


COMMAND_BITS = {"insert": 8, "update": 4, "delete": 16}
"""Commands as pg_relation_is_updatable numbers them."""


def instead_events(view: CatalogView, oid: int) -> int:
    """The commands on a view that INSTEAD OF triggers see to, as bits."""
    bits = 0
    for trigger in view.triggers_of(oid):
        if trigger.timing == "instead":
            for event in trigger.events:
                bits |= COMMAND_BITS[event]
    return bits


def type_bits(trigger: Trigger) -> int:
    """When a trigger fires, as pg_trigger.tgtype has it."""
    bits = TIMING_BITS[trigger.timing] | (FOR_EACH_ROW if trigger.for_each_row else 0)
    for event in trigger.events:
        bits |= EVENT_BITS[event]
    return bits


def _triggers(view: CatalogView) -> Iterator[Row]:
    for trigger in view.objects(Trigger):
        yield {
            "oid": trigger.oid,
            "tgrelid": trigger.table,
            "tgparentid": trigger.parent,
            "tgname": trigger.name,
            "tgfoid": trigger.function,
            "tgtype": type_bits(trigger),
            "tgenabled": trigger.enabled,
            "tgisinternal": False,
            "tgconstrrelid": trigger.referenced_table,
            "tgconstrindid": 0,
            "tgconstraint": trigger.constraint,
            "tgdeferrable": trigger.deferrable,
            "tginitdeferred": trigger.deferred,
            "tgnargs": len(trigger.arguments),
            "tgattr": small_vector(trigger.columns),
            "tgargs": b"".join(argument.encode() + b"\0" for argument in trigger.arguments),
            "tgqual": trigger.when,
            "tgoldtable": trigger.old_table or None,
            "tgnewtable": trigger.new_table or None,
        }
    yield from internal_triggers(view)


def _event_triggers(view: CatalogView) -> Iterator[Row]:
    for value in event_triggers(view):
        yield {
            "oid": value.oid,
            "evtname": value.name,
            "evtevent": value.event,
            "evtowner": value.owner,
            "evtfoid": value.function,
            "evtenabled": value.enabled,
            "evttags": texts(value.tags) if value.tags else None,
        }


RELATIONS = (
    SystemRelation(name="pg_event_trigger", objects=_event_triggers),
    SystemRelation(name="pg_trigger", objects=_triggers),
)
