"""Proving that the rows of a table obey a constraint that is being added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import CheckViolation, ForeignKeyViolation, NotNullViolation
from server.identifiers import quote_identifier
from server.statements.internal import first_row, internal_query, qualified_name, schema_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Column, Constraint, Table
    from server.executor.waits import Wait
    from server.statements.statement import StatementContext


def has_rows(context: StatementContext, table: Table) -> bool:
    """Whether there may be rows to look at."""
    return bool(table.storage_id) and context.engine.relation(table.storage_id).may_have_rows


def verify_check(context: StatementContext, table: Table, constraint: Constraint) -> Iterator[Wait]:
    """Raise CheckViolation if a row is against a CHECK."""
    if not has_rows(context, table):
        return
    name = qualified_name(context, table.schema, table.name)
    sql = f"SELECT 1 FROM ONLY {name} WHERE NOT ({constraint.expression}) LIMIT 1"
    if first_row((yield from internal_query(context, sql))) is not None:
        raise CheckViolation(
            f'check constraint "{constraint.name}" of relation "{table.name}" is violated by some row',
            schema=schema_name(context, table.schema),
            table=table.name,
            constraint=constraint.name,
        )


def verify_not_null(context: StatementContext, table: Table, column: Column) -> Iterator[Wait]:
    """Raise NotNullViolation if a row has NULL in the column."""
    if not has_rows(context, table):
        return
    name = qualified_name(context, table.schema, table.name)
    sql = f"SELECT 1 FROM ONLY {name} WHERE {quote_identifier(column.name)} IS NULL LIMIT 1"
    if first_row((yield from internal_query(context, sql))) is not None:
        raise NotNullViolation(
            f'column "{column.name}" of relation "{table.name}" contains null values',
            schema=schema_name(context, table.schema),
            table=table.name,
            column=column.name,
        )


def verify_foreign_key(
    context: StatementContext, table: Table, target: Table, constraint: Constraint
) -> Iterator[Wait]:
    """Raise ForeignKeyViolation if a row refers to nothing."""
    if not has_rows(context, table):
        return
    mine = [quote_identifier(table.column(number).name) for number in constraint.columns]
    theirs = [
        quote_identifier(target.column(number).name) for number in constraint.referenced_columns
    ]
    texts = ", ".join(f"f.{name}::text" for name in mine)
    match = " AND ".join(f"f.{a} = p.{b}" for a, b in zip(mine, theirs, strict=True))
    if constraint.match == "s":
        known = " AND ".join(f"f.{name} IS NOT NULL" for name in mine)
    else:
        known = "(" + " OR ".join(f"f.{name} IS NOT NULL" for name in mine) + ")"
    sql = (
        f"SELECT {texts} FROM ONLY {qualified_name(context, table.schema, table.name)} f "
        f"WHERE {known} AND NOT EXISTS (SELECT 1 FROM "
        f"{qualified_name(context, target.schema, target.name)} p WHERE {match}) LIMIT 1"
    )
    row = first_row((yield from internal_query(context, sql)))
    if row is None:
        return
    keys = ", ".join(table.column(number).name for number in constraint.columns)
    values = ", ".join("null" if value is None else str(value) for value in row)
    raise ForeignKeyViolation(
        f'insert or update on table "{table.name}" violates foreign key constraint "{constraint.name}"',
        detail=f'Key ({keys})=({values}) is not present in table "{target.name}".',
        schema=schema_name(context, table.schema),
        table=table.name,
        constraint=constraint.name,
    )
