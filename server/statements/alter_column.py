"""Columns of a table that ALTER TABLE changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.statements.names import (
    column_number,
)

if TYPE_CHECKING:
    from server.catalog.objects import (
        Column,
        Table,
    )


INTEGERS = (20, 21, 23)


def with_column(table: Table, column: Column) -> Table:
    """The table with one column replaced."""
    columns = tuple(column if item.number == column.number else item for item in table.columns)
    return replace(table, columns=columns)


def existing_column(table: Table, name: str) -> Column:
    """A column by name; raises UndefinedColumn."""
    return table.column(column_number(table, name))
