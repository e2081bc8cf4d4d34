"""SQL that statements run on their own behalf: checks of existing rows, rewrites, CREATE TABLE AS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from server.executor.waits import Wait
from server.identifiers import quote_identifier
from server.sql.parse import parse_statements

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.statements.statement import StatementContext
    from server.types.type import TypeReference
    from server.vector.batch import Batch
    from server.vector.column import Column


def internal_query(
    context: StatementContext, sql: str, *, maintains: bool = False
) -> Generator[Wait, None, list[Batch]]:
    """Run one query or data change of our own and give its rows; maintains: it may change a materialized view.

    It is about all rows that there are, also where the transaction looks at an older moment: a rewrite must not lose
    what is newer, and a constraint holds for it.
    """
    batches, _ = yield from typed_query(context, sql, maintains=maintains)
    return batches


def typed_query(
    context: StatementContext, sql: str, *, maintains: bool = False
) -> Generator[Wait, None, tuple[list[Batch], tuple[TypeReference, ...]]]:
    """The same with the types of the columns."""
    (statement,) = parse_statements(sql)
    if maintains:
        assert isinstance(statement.tree, exp.Expression)
        statement.tree.args["table"].set("maintained", True)
    planned = yield from context.plan(statement, checks_access=False)
    execution = context.execution()
    execution.snapshot = context.transaction.newest_snapshot()
    batches = []
    for item in context.run(planned, execution):
        if isinstance(item, Wait):
            yield item
        else:
            batches.append(item)
    return batches, planned.types


def first_row(batches: list[Batch]) -> tuple[Any, ...] | None:
    """The first row of a result in row form, or None."""
    for batch in batches:
        if batch.count:
            return tuple(_value(column.slice(0, 1)) for column in batch.columns)
    return None


def _value(column: Column) -> Any:
    if column.has_nulls:
        return None
    return column.decoded().values[0]


def qualified_name(context: StatementContext, schema_oid: int, name: str) -> str:
    """schema.name as SQL text."""
    return f"{quote_identifier(schema_name(context, schema_oid))}.{quote_identifier(name)}"


def schema_name(context: StatementContext, oid: int) -> str:
    """The name of a schema that is there."""
    schema = context.catalog.object(oid)
    assert schema is not None
    return schema.name
