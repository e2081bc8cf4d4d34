"""What the DETAIL of an error may tell of a row: no more than the user could read, or has just written himself.

Rule: of a table whose policies hold for the user nothing is told, as the row may be one that they hide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.privileges import has_column_privilege, has_privilege
from server.planner.row_security import is_row_security_active

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.table_shape import Row, TableShape
    from server.types.type import TextStyle, TypeReference, Value

VALUE_BYTES_MAX: Final = 64
"""How much of a value "Failing row contains" shows."""


def failing_row(shape: TableShape, row: Row, context: ExecutionContext) -> str:
    """Failing row contains (1, null, x). Nothing where nothing may be told."""
    table = shape.table
    columns = table.live_columns
    texts = {
        column.number: _clipped(
            _text(row[column.number - 1], shape.types[column.number - 1], context.style)
        )
        for column in columns
    }
    if may_read(context, table):
        return f"Failing row contains ({', '.join(texts.values())})."
    if _hides_rows(context, table):
        return ""
    told = _written(context, table) | {
        column.number for column in columns if may_read(context, table, (column.number,))
    }
    shown = [column for column in columns if column.number in told]
    if not shown:
        return ""
    names = ", ".join(column.name for column in shown)
    return f"Failing row contains ({names}) = ({', '.join(texts[c.number] for c in shown)})."


def key_of_row(
    shape: TableShape, numbers: Sequence[int], key: str, context: ExecutionContext
) -> str:
    """A key of the table over columns, 0 for an expression; empty where it must not be told."""
    return key if may_read(context, shape.table, numbers) else ""


def may_read(context: ExecutionContext, table: Table, numbers: Sequence[int] = ()) -> bool:
    """Whether the user could read the rows of a table, or these columns of all of them."""
    if context.surroundings is None:
        return True
    environment = context.surroundings.environment()
    if is_row_security_active(environment, table):
        return False
    view, user = environment.catalog, environment.user
    if has_privilege(view, user, table, "r"):
        return True
    if not numbers or 0 in numbers:
        return False
    return all(has_column_privilege(view, user, table, number, "r") for number in numbers)


def _hides_rows(context: ExecutionContext, table: Table) -> bool:
    return is_row_security_active(context.surroundings.environment(), table)


def _written(context: ExecutionContext, table: Table) -> set[int]:
    """The columns that the statement itself has given values for."""
    return {
        number
        for access in context.accesses
        if access.relation == table.oid and set(access.privileges) & set("aw")
        for number in access.columns
    }


def key_text(
    names: Sequence[str], values: Row, references: Sequence[TypeReference], style: TextStyle
) -> str:
    """(a, b)=(1, x)."""
    texts = [_text(value, ref, style) for value, ref in zip(values, references, strict=True)]
    return f"({', '.join(names)})=({', '.join(texts)})"


def _text(value: Value | None, reference: TypeReference, style: TextStyle) -> str:
    return "null" if value is None else reference.type.format(value, style)


def _clipped(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= VALUE_BYTES_MAX:
        return text
    return encoded[:VALUE_BYTES_MAX].decode(errors="ignore") + "..."
