"""information_schema.triggers: an event of a trigger a row, for those who may do more than read the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Table
from server.catalog.trigger_objects import Trigger
from server.catalog.views.listings import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.views.information_viewer import Viewer
    from server.catalog.views.relation import Row


def listed_triggers(viewer: Viewer) -> Iterator[Row]:
    """Triggers with the order in which they fire."""
    session, view, database = viewer.session, viewer.view, viewer.catalog
    ranks: dict[tuple[int, str, str, bool], int] = {}
    for trigger in sorted(view.objects(Trigger), key=lambda each: (each.table, each.name)):
        table = view.object(trigger.table)
        if not isinstance(table, Table) or not viewer.may_change(table):
            continue
        function = view.object(trigger.function)
        for event in trigger.events:
            if event == "truncate":  # not in the SQL standard
                continue
            moment = (trigger.table, event, trigger.timing, trigger.for_each_row)
            ranks[moment] = ranks.get(moment, 0) + 1
            yield {
                "trigger_catalog": database,
                "trigger_schema": name_of(view, table.schema),
                "trigger_name": trigger.name,
                "event_manipulation": event.upper(),
                "event_object_catalog": database,
                "event_object_schema": name_of(view, table.schema),
                "event_object_table": table.name,
                "action_order": ranks[moment],
                "action_condition": None
                if trigger.when is None or not viewer.owns(table)
                else f"({session.printed(trigger.when, False)})",
                "action_statement": _action(view, trigger, function),
                "action_orientation": "ROW" if trigger.for_each_row else "STATEMENT",
                "action_timing": {"instead": "INSTEAD OF"}.get(
                    trigger.timing, trigger.timing.upper()
                ),
                "action_reference_old_table": trigger.old_table or None,
                "action_reference_new_table": trigger.new_table or None,
            }


def _action(view: CatalogView, trigger: Trigger, function: Any) -> str:
    arguments = ", ".join("'" + each.replace("'", "''") + "'" for each in trigger.arguments)
    name = "" if function is None else function.name
    return f"EXECUTE FUNCTION {name}({arguments})"
