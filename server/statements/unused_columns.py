"""Columns that storage keeps of an ADD COLUMN that was rolled back.

Storage keeps attribute n at n - 1, so their numbers are taken: the next column that is added comes
behind them, and in the catalog they are dropped ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Column, Oid, Table
from storage.engine import Kind

if TYPE_CHECKING:
    from server.statements.statement import StatementContext

_TYPE_OF_KIND: dict[Kind, Oid] = {
    Kind.BOOL: 16,
    Kind.INT16: 21,
    Kind.INT32: 23,
    Kind.INT64: 20,
    Kind.FLOAT32: 700,
    Kind.FLOAT64: 701,
    Kind.FIXED16: 2950,
    Kind.BYTES: 17,
}
"""A type whose values are stored so."""


def with_unused_columns(context: StatementContext, table: Table) -> Table:
    """The table with the columns that only storage knows of."""
    if not table.storage_id:
        return table
    kinds = context.engine.relation(table.storage_id).kinds[len(table.columns) :]
    unused = tuple(
        Column(name=f"unused {number}", number=number, type=_TYPE_OF_KIND[kind], dropped=True)
        for number, kind in enumerate(kinds, len(table.columns) + 1)
    )
    return replace(table, columns=(*table.columns, *unused))
