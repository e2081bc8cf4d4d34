"""The errors of constraints, in PostgreSQL's words and with its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import (
    CheckViolation,
    ForeignKeyViolation,
    InsufficientPrivilege,
    NotNullViolation,
    UniqueViolation,
)
from server.executor.told_rows import failing_row, key_of_row, key_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.catalog.objects import Constraint, Table
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.table_shape import Row, TableShape


def not_null_violation(
    shape: TableShape, number: int, row: Row, context: ExecutionContext
) -> NotNullViolation:
    """A NULL in a column that has NOT NULL."""
    column = shape.table.column(number)
    return NotNullViolation(
        f'null value in column "{column.name}" of relation "{shape.table.name}" '
        "violates not-null constraint",
        detail=failing_row(shape, row, context),
        schema=shape.schema_name,
        table=shape.table.name,
        column=column.name,
    )


def policy_violation(
    table: str, policy: str, *, using: bool = False, row: str = "new row"
) -> InsufficientPrivilege:
    """The error for a row that a policy of row level security refuses."""
    which = f' "{policy}"' if policy else ""
    how = " (USING expression)" if using else ""
    return InsufficientPrivilege(
        f'{row} violates row-level security policy{which}{how} for table "{table}"'
    )


def check_violation(
    shape: TableShape, name: str, row: Row, context: ExecutionContext
) -> CheckViolation:
    """A row for which a check is false."""
    return CheckViolation(
        f'new row for relation "{shape.table.name}" violates check constraint "{name}"',
        detail=failing_row(shape, row, context),
        schema=shape.schema_name,
        table=shape.table.name,
        constraint=name,
    )


def unique_violation(
    shape: TableShape, index: IndexShape, values: Row, context: ExecutionContext
) -> UniqueViolation:
    """A key that another row has."""
    names = [
        shape.table.column(key.number).name if key.number else str(key.expression)
        for key in index.index.keys
    ]
    references = [part.reference for part in index.parts]
    text = key_text(names, values, references, context.style)
    key = key_of_row(shape, [each.number for each in index.index.keys], text, context)
    return UniqueViolation(
        f'duplicate key value violates unique constraint "{index.index.name}"',
        detail=f"Key {key} already exists." if key else "",
        schema=shape.schema_name,
        table=shape.table.name,
        constraint=index.index.name,
    )


def missing_reference(
    shape: TableShape,
    constraint: Constraint,
    referenced: Table,
    values: Row,
    context: ExecutionContext,
) -> ForeignKeyViolation:
    """A foreign key without the row it refers to."""
    key = _constraint_key(shape, constraint.columns, values, context)
    return ForeignKeyViolation(
        f'insert or update on table "{shape.table.name}" violates foreign key constraint '
        f'"{constraint.name}"',
        detail=f'Key{key} is not present in table "{referenced.name}".',
        schema=shape.schema_name,
        table=shape.table.name,
        constraint=constraint.name,
    )


def mixed_nulls(shape: TableShape, constraint: Constraint) -> ForeignKeyViolation:
    """MATCH FULL with some columns NULL and others not."""
    return ForeignKeyViolation(
        f'insert or update on table "{shape.table.name}" violates foreign key constraint '
        f'"{constraint.name}"',
        detail="MATCH FULL does not allow mixing of null and nonnull key values.",
        schema=shape.schema_name,
        table=shape.table.name,
        constraint=constraint.name,
    )


def still_referenced(
    referenced: TableShape,
    constraint: Constraint,
    referencing: TableShape,
    values: Row,
    context: ExecutionContext,
) -> ForeignKeyViolation:
    """A row that cannot go, because others refer to it."""
    key = _constraint_key(referenced, constraint.referenced_columns, values, context)
    return ForeignKeyViolation(
        f'update or delete on table "{referenced.table.name}" violates foreign key constraint '
        f'"{constraint.name}" on table "{referencing.table.name}"',
        detail=f'Key{key} is still referenced from table "{referencing.table.name}".',
        schema=referencing.schema_name,
        table=referencing.table.name,
        constraint=constraint.name,
    )


def _constraint_key(
    shape: TableShape, numbers: Sequence[int], values: Row, context: ExecutionContext
) -> str:
    """The key with a blank before it, if it may be told."""
    names = [shape.table.column(number).name for number in numbers]
    types = [shape.types[number - 1] for number in numbers]
    text = key_text(names, values, types, context.style)
    return f" {text}" if key_of_row(shape, numbers, text, context) else ""
