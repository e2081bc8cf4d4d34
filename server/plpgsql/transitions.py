"""Transition tables: what REFERENCING OLD TABLE and NEW TABLE name, read as the rows of WITH queries are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.executor.columns import batch_of_rows
from server.executor.common_tables import SharedRows
from server.planner.bind_with import CommonTable
from server.planner.plan import OutputColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.executor.triggers import Transitions
    from server.planner.environment import BindContext
    from server.plpgsql.frame import Frame

OLD, NEW = -1, -2
"""The numbers of the two, where WITH queries have theirs from 1."""

NOTHING: Final[Mapping[int, SharedRows]] = {}


def reads_transitions(frame: Frame) -> bool:
    """Whether there are any."""
    return frame.firing is not None and frame.firing.transitions is not None


def name_transitions(frame: Frame, context: BindContext) -> None:
    """Let a text name the transition tables of the trigger."""
    firing = frame.firing
    if firing is None or firing.transitions is None:
        return
    for name, number in ((firing.trigger.old_table, OLD), (firing.trigger.new_table, NEW)):
        if name:
            columns = tuple(
                OutputColumn(
                    context.new_column(), context.type(column.type, column.modifier), column.name
                )
                for column in firing.table.live_columns
            )
            context.transition_tables[name] = CommonTable(name, number, columns)


def transition_rows(frame: Frame) -> Mapping[int, SharedRows]:
    """The rows of the transition tables."""
    firing = frame.firing
    if firing is None or firing.transitions is None:
        return NOTHING
    found = firing.transitions
    return {OLD: _shared(found, found.old), NEW: _shared(found, found.new)}


def _shared(found: Transitions, rows: list[tuple[object, ...]]) -> SharedRows:
    numbers = [column.number - 1 for column in found.table.live_columns]
    types = [found.types[number] for number in numbers]
    values = [tuple(row[number] for number in numbers) for row in rows]
    return SharedRows(iter([batch_of_rows(values, types)]))
