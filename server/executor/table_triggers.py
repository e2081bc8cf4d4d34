"""Triggers: those of one table that may fire, by when they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.catalog.catalog_view import CatalogView
    from server.catalog.trigger_objects import Trigger
    from server.executor.context import ExecutionContext


class Triggers:
    """The triggers of a table by timing, level and event, in the order of their names.

    is_noted: a trigger of a table above has a transition table, which rows of this one may belong to.
    """

    __slots__ = ("_by_moment", "all", "is_noted")

    def __init__(self, triggers: tuple[Trigger, ...], *, is_noted: bool = False) -> None:
        self.all = triggers
        self.is_noted = is_noted
        self._by_moment: dict[tuple[str, bool, str], tuple[Trigger, ...]] = {}
        for trigger in triggers:
            for event in trigger.events:
                moment = (trigger.timing, trigger.for_each_row, event)
                self._by_moment[moment] = (*self._by_moment.get(moment, ()), trigger)

    def __bool__(self) -> bool:
        """Whether anybody is to know of changed rows."""
        return self.is_noted or bool(self.all)

    def rows(self, timing: str, event: str) -> tuple[Trigger, ...]:
        """Those that fire for each row."""
        return self._by_moment.get((timing, True, event), ())

    def statements(self, timing: str, event: str) -> tuple[Trigger, ...]:
        """Those that fire once a statement."""
        return self._by_moment.get((timing, False, event), ())


def triggers_of(table: Table, context: ExecutionContext) -> Triggers:
    """The triggers of a table that fire in the session's role."""
    catalog, states = context.catalog, context.firing_states
    own = tuple(each for each in catalog.triggers_of(table.oid) if each.enabled in states)
    return Triggers(own, is_noted=_noted_above(table, catalog, states))


def _noted_above(table: Table, catalog: CatalogView, states: str) -> bool:
    """Whether a trigger of a table above sees the rows of a statement."""
    for oid in table.parents:
        if any(
            (each.old_table or each.new_table) and each.enabled in states
            for each in catalog.triggers_of(oid)
        ):
            return True
        above = catalog.object(oid)
        assert isinstance(above, Table)
        if _noted_above(above, catalog, states):
            return True
    return False


def concerns(trigger: Trigger, event: str, changed: Iterable[int]) -> bool:
    """Whether an update of these columns is one that the trigger fires for."""
    if event != "update" or not trigger.columns:
        return True
    return not set(trigger.columns).isdisjoint(changed)
