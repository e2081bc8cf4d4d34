"""Rows that moved to another partition while somebody waited to change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import SerializationFailure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.executor.context import ExecutionContext
    from storage.engine import Departures, Snapshot, Table

DEPARTED = "tuple to be locked was already moved to another partition due to concurrent update"


def has_departed(relation: Table, row_id: Any, context: ExecutionContext) -> bool:
    """Whether a row that was deleted here lives elsewhere now, so that nobody may pass it over."""
    root_id = relation.root(row_id)
    departures: Departures = context.engine.departures
    return departures.has_left(relation.relation_id, root_id, context.snapshot)


def refuse_departed(
    relation: Table, root_ids: Iterable[int], snapshot: Snapshot, context: ExecutionContext
) -> None:
    """Raise if one of the rows, which the snapshot sees, lives elsewhere now."""
    departures: Departures = context.engine.departures
    for root_id in root_ids:
        if departures.has_left(relation.relation_id, root_id, snapshot):
            raise SerializationFailure(DEPARTED)
