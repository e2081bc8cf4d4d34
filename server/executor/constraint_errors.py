"""The errors of constraints, in PostgreSQL's words and with its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import (
    CheckViolation,
    ForeignKeyViolation,
    InsufficientPrivilege,
    NotNullViolation,
    UniqueViolation,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.catalog.objects import Constraint, Table
    from server.executor.index_keys import IndexShape
    from server.executor.table_shape import Row, TableShape
    from server.types.type import TextStyle, TypeReference, Value

VALUE_BYTES_MAX: Final = 64
"""How much of a value "Failing row contains" shows."""


def not_null_violation(
    shape: TableShape, number: int, row: Row, style: TextStyle
) -> NotNullViolation:
    """A NULL in a column that has NOT NULL."""
    column = shape.table.column(number)
    return NotNullViolation(
        f'null value in column "{column.name}" of relation "{shape.table.name}" '
        "violates not-null constraint",
        detail=failing_row(shape, row, style),
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


def check_violation(shape: TableShape, name: str, row: Row, style: TextStyle) -> CheckViolation:
    """A row for which a check is false."""
    return CheckViolation(
        f'new row for relation "{shape.table.name}" violates check constraint "{name}"',
        detail=failing_row(shape, row, style),
        schema=shape.schema_name,
        table=shape.table.name,
        constraint=name,
    )


def unique_violation(
    shape: TableShape, index: IndexShape, values: Row, style: TextStyle
) -> UniqueViolation:
    """A key that another row has."""
    names = [
        shape.table.column(key.number).name if key.number else str(key.expression)
        for key in index.index.keys
    ]
    references = [part.reference for part in index.parts]
    return UniqueViolation(
        f'duplicate key value violates unique constraint "{index.index.name}"',
        detail=f"Key {key_text(names, values, references, style)} already exists.",
        schema=shape.schema_name,
        table=shape.table.name,
        constraint=index.index.name,
    )


def missing_reference(
    shape: TableShape, constraint: Constraint, referenced: Table, values: Row, style: TextStyle
) -> ForeignKeyViolation:
    """A foreign key without the row it refers to."""
    key = _constraint_key(shape, constraint.columns, values, style)
    return ForeignKeyViolation(
        f'insert or update on table "{shape.table.name}" violates foreign key constraint '
        f'"{constraint.name}"',
        detail=f'Key {key} is not present in table "{referenced.name}".',
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
    style: TextStyle,
) -> ForeignKeyViolation:
    """A row that cannot go, because others refer to it."""
    key = _constraint_key(referenced, constraint.referenced_columns, values, style)
    return ForeignKeyViolation(
        f'update or delete on table "{referenced.table.name}" violates foreign key constraint '
        f'"{constraint.name}" on table "{referencing.table.name}"',
        detail=f'Key {key} is still referenced from table "{referencing.table.name}".',
        schema=referencing.schema_name,
        table=referencing.table.name,
        constraint=constraint.name,
    )


def _constraint_key(
    shape: TableShape, numbers: Sequence[int], values: Row, style: TextStyle
) -> str:
    names = [shape.table.column(number).name for number in numbers]
    return key_text(names, values, [shape.types[number - 1] for number in numbers], style)


def key_text(
    names: Sequence[str], values: Row, references: Sequence[TypeReference], style: TextStyle
) -> str:
    """(a, b)=(1, x)."""
    texts = [_text(value, ref, style) for value, ref in zip(values, references, strict=True)]
    return f"({', '.join(names)})=({', '.join(texts)})"


def failing_row(shape: TableShape, row: Row, style: TextStyle) -> str:
    """Failing row contains (1, null, x)."""
    texts = [
        _clipped(_text(row[column.number - 1], shape.types[column.number - 1], style))
        for column in shape.table.live_columns
    ]
    return f"Failing row contains ({', '.join(texts)})."


def _text(value: Value | None, reference: TypeReference, style: TextStyle) -> str:
    return "null" if value is None else reference.type.format(value, style)


def _clipped(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= VALUE_BYTES_MAX:
        return text
    return encoded[:VALUE_BYTES_MAX].decode(errors="ignore") + "..."
