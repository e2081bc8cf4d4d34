"""ALTER DOMAIN: what tables hold already is held against a new constraint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Table, UserType
from server.errors import CheckViolation, FeatureNotSupported, NotNullViolation
from server.identifiers import quote_identifier
from server.planner.domains import check_of
from server.statements.internal import internal_query, qualified_name
from server.vector.rows import values_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.catalog.objects import Column, Constraint
    from server.executor.waits import Wait
    from server.statements.statement import StatementContext
    from server.vector.column import Column as Values


def refuse_null_values(context: StatementContext, domain: UserType) -> Iterator[Wait]:
    """Raise if a table has NULL in a column of the domain."""
    for table, column in _columns_of(context, domain):
        for values in (yield from _values(context, table, column)):
            if values.has_nulls:
                raise NotNullViolation(
                    f'column "{column.name}" of table "{table.name}" contains null values'
                )


def refuse_violating_values(
    context: StatementContext, domain: UserType, constraint: Constraint
) -> Iterator[Wait]:
    """Raise if a value in a column of the domain does not pass a check."""
    _, passes = check_of(context.environment(), domain, constraint)
    execution = context.execution()
    for table, column in _columns_of(context, domain):
        for values in (yield from _values(context, table, column)):
            if any(passes((value,), execution) is False for value in values_of(values)):
                raise CheckViolation(
                    f'column "{column.name}" of table "{table.name}" contains values that '
                    "violate the new constraint"
                )


def _columns_of(context: StatementContext, domain: UserType) -> Iterator[tuple[Table, Column]]:
    """The columns of the domain and of domains over it; arrays and rows of it cannot be checked."""
    direct, containers = _types_over(context, domain)
    for table in list(context.catalog.objects(Table)):
        for column in table.live_columns:
            if column.type in containers and table.kind in "rm":
                raise FeatureNotSupported(
                    f'cannot alter type "{domain.name}" because column '
                    f'"{table.name}.{column.name}" uses it'
                )
            if column.type in direct and table.kind in "rm":
                yield table, column


def _types_over(context: StatementContext, domain: UserType) -> tuple[set[int], set[int]]:
    """The domain with the domains over it, and the types that hold values of them."""
    direct, containers = {domain.oid}, {domain.array_oid}
    while True:
        before = len(direct) + len(containers)
        for other in context.catalog.objects(UserType):
            if other.kind == "d" and other.base_type in direct:
                direct.add(other.oid)
                containers.add(other.array_oid)
            elif other.kind in "drm" and other.base_type in direct | containers:
                containers |= {other.oid, other.array_oid}
        for table in context.catalog.objects(Table):
            if any(column.type in direct | containers for column in table.live_columns):
                containers |= {table.row_type, *_array_of(context, table)}
        if len(direct) + len(containers) == before:
            return direct, containers - {0}


def _array_of(context: StatementContext, table: Table) -> set[int]:
    value = context.catalog.object(table.row_type)
    return {value.array_oid} if isinstance(value, UserType) else {table.array_type}


def _values(
    context: StatementContext, table: Table, column: Column
) -> Generator[Wait, None, list[Values]]:
    yield from context.lock_relation(table.oid, "share", table.name)
    name = qualified_name(context, table.schema, table.name)
    batches = yield from internal_query(
        context, f"SELECT {quote_identifier(column.name)} FROM {name}"
    )
    return [batch.columns[0] for batch in batches if batch.count]
