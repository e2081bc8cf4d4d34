"""Loads: rows that fill whole row groups are written as such, unless their table is never to be sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.table_activity import seal_delay_s
from storage.engine import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext


def rows_at_once(table: Table, context: ExecutionContext, few: int) -> Callable[..., int]:
    """How many rows are written together next, of those that are left if that is told: few, or what fills a group."""
    relation = context.engine.relation(table.storage_id)

    def rows_max(*left: int) -> int:
        most: int = relation.rows_at_once(few, *left)
        return most if most <= few or _may_be_sealed(table, context) else few

    return rows_max


def load(
    table: Table,
    context: ExecutionContext,
    values: Sequence[Any],
    nulls: Sequence[Any],
    count: int,
) -> Load:
    """The groups that rows fill, which are given by stored attribute; none of a table that is not to be sealed."""
    relation = context.engine.relation(table.storage_id)
    is_load = relation.takes_groups(count) and _may_be_sealed(table, context)
    return Load(context.engine, relation, values, nulls, count if is_load else 0)


def _may_be_sealed(table: Table, context: ExecutionContext) -> bool:
    return seal_delay_s(table.options, context.settings) >= 0
