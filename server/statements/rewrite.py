"""Writing all rows of a table anew: ALTER TYPE, ADD COLUMN with a computed default.

The rows go from the old storage to a new one by INSERT ... SELECT of our own, under the table's exclusive lock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from server.executor.exclusions import ExclusionCheck
from server.executor.table_shape import shape_of
from server.identifiers import quote_identifier
from server.statements.access_methods import with_entries
from server.statements.index_storage import build_index, create_storage, with_new_storage
from server.statements.internal import internal_query, qualified_name
from server.statements.names import free_name
from server.statements.tables import store_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from server.catalog.objects import Constraint, Index, Table
    from server.executor.waits import Wait
    from server.statements.statement import StatementContext


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a column's values of a new type are made: SQL text over the row as it was."""

    text: str


def rewrite_table(
    context: StatementContext,
    table: Table,
    computed: Mapping[int, str],
    *,
    old: Table | None = None,
    conversions: Mapping[int, Conversion] = MappingProxyType({}),
    order: str = "",
) -> Iterator[Wait]:
    """Give the table a new storage with all its rows.

    computed: SQL text by attribute number. old: the table before, where columns change their types;
    conversions says how, by attribute number. order: what the rows are sorted by.
    """
    yield from context.session.rewriting(context, table.oid)
    source = old or table
    name = free_name(context, table.schema, "pg_rewrite", str(table.oid), "")
    scratch = replace(
        source,
        oid=context.new_oid(),
        name=name,
        row_type=0,
        array_type=0,
        parents=(),
        bound=None,
        row_security=False,
    )
    context.ddl.put(scratch)
    target = replace(
        table,
        storage_id=context.engine.next_id(),
        columns=tuple(replace(column, missing=None) for column in table.columns),
    )
    store_table(context, replace(target, row_security=False))
    watching = (*context.catalog.triggers_of(table.oid), *context.catalog.rules_of(table.oid))
    for each in watching:  # they are about what clients do with the rows
        context.ddl.remove(each.oid)
    filled_later, keys = _put_off_indexes(context, target)
    sql = _insertion(context, target, scratch.name, computed, conversions)
    yield from internal_query(context, f"{sql} ORDER BY {order}" if order else sql)
    for each in (target, *watching, *filled_later, *keys):
        context.ddl.put(each)
    for index in filled_later:
        yield from build_index(context, target, index)
    for key in keys:
        if key.kind == "x":
            execution = context.execution()
            yield from ExclusionCheck(shape_of(target, execution), key).run(execution)
    context.transaction.drop_relation(source.storage_id)
    context.ddl.remove(scratch.oid)


def _insertion(
    context: StatementContext,
    target: Table,
    source: str,
    computed: Mapping[int, str],
    conversions: Mapping[int, Conversion],
) -> str:
    """The INSERT ... SELECT that fills a table from another one of its schema."""
    names, texts = [], []
    for column in target.live_columns:
        if column.generated:
            continue
        quoted = quote_identifier(column.name)
        names.append(quoted)
        if column.number in conversions:
            texts.append(f"({conversions[column.number].text})")  # assigned: too long is an error
        else:
            texts.append(computed.get(column.number, quoted))
    return (
        f"INSERT INTO {qualified_name(context, target.schema, target.name)} ({', '.join(names)}) "
        f"OVERRIDING SYSTEM VALUE SELECT {', '.join(texts)} "
        f"FROM ONLY {qualified_name(context, target.schema, source)}"
    )


def _put_off_indexes(
    context: StatementContext, table: Table
) -> tuple[list[Index], list[Constraint]]:
    """Give indexes new storage and take them and their constraints away, as all keys are quickly sorted in the end.

    Those by whose keys rows of the table refer to others of it are filled as rows come, and so are not among them.
    """
    constraints = context.catalog.constraints_of(table.oid)
    needed = {each.index for each in constraints if each.referenced_table == table.oid}
    later: list[Index] = []
    for index in context.catalog.indexes_of(table.oid):
        changed = with_new_storage(context, with_entries(context, table, index))
        create_storage(context, table, changed)
        if index.oid in needed and not index.computes:
            context.ddl.put(changed)
        else:
            later.append(changed)
            context.ddl.remove(index.oid)
    oids = {index.oid for index in later}
    keys = [each for each in constraints if each.kind in "pux" and each.index in oids]
    for key in keys:
        context.ddl.remove(key.oid)
    return later, keys
