"""Rows that moved to another partition while somebody waited to change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from storage.engine import Departures, Table

DEPARTED = "tuple to be locked was already moved to another partition due to concurrent update"


def has_departed(relation: Table, row_id: Any, context: ExecutionContext) -> bool:
    """Whether a row that was deleted here lives elsewhere now, so that nobody may pass it over."""
    root_id = relation.root(row_id)
    departures: Departures = context.engine.departures
    return departures.has_left(relation.relation_id, root_id, context.snapshot)
