"""Triggers: those of one table that may fire, by when they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.catalog.objects import Trigger


class Triggers:
    """The triggers of a table by timing, level and event, in the order of their names."""

    __slots__ = ("_by_moment", "all")

    def __init__(self, triggers: tuple[Trigger, ...]) -> None:
        self.all = triggers
        self._by_moment: dict[tuple[str, bool, str], tuple[Trigger, ...]] = {}
        for trigger in triggers:
            for event in trigger.events:
                moment = (trigger.timing, trigger.for_each_row, event)
                self._by_moment[moment] = (*self._by_moment.get(moment, ()), trigger)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.all)

    def rows(self, timing: str, event: str) -> tuple[Trigger, ...]:
        """Those that fire for each row."""
        return self._by_moment.get((timing, True, event), ())

    def statements(self, timing: str, event: str) -> tuple[Trigger, ...]:
        """Those that fire once a statement."""
        return self._by_moment.get((timing, False, event), ())


def concerns(trigger: Trigger, event: str, changed: Iterable[int]) -> bool:
    """Whether an update of these columns is one that the trigger fires for."""
    if event != "update" or not trigger.columns:
        return True
    return not set(trigger.columns).isdisjoint(changed)
