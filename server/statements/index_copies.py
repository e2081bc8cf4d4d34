"""An index made after another table's, with its constraint: LIKE copies one, a partition gets its part of one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.index_names import column_names
from server.catalog.objects import Constraint, Index, Table
from server.errors import InvalidTableDefinition
from server.statements.index_storage import build_index, make_index
from server.statements.names import claim_relation_name, free_name

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.waits import Wait
    from server.statements.statement import StatementContext


_LABELS = {"": "idx", "p": "pkey", "u": "key", "x": "excl"}
"""What names of indexes end in, by the kind of their constraint."""


def refuse_second_primary(context: StatementContext, table: Table) -> None:
    """Raise InvalidTableDefinition for a table that has a primary key."""
    if any(item.kind == "p" for item in context.catalog.constraints_of(table.oid)):
        raise InvalidTableDefinition(
            f'multiple primary keys for table "{table.name}" are not allowed'
        )


def copy_index(
    context: StatementContext,
    table: Table,
    wanted: Index,
    *,
    is_part: bool = False,
    has_comments: bool = False,
) -> Generator[Wait, None, tuple[Table, Index]]:
    """Make an index whose columns are the table's already and the rest another one's: that table as it is now, and it.

    is_part: the other one is a partitioned table's, of which the new one is a part.
    """
    constraint = context.catalog.object(wanted.constraint) if wanted.constraint else None
    assert constraint is None or isinstance(constraint, Constraint)
    if wanted.primary:
        refuse_second_primary(context, table)
    name = _free_name(context, table, wanted, constraint)
    yield from claim_relation_name(context, table.schema, name)
    made = replace(
        wanted,
        oid=context.new_oid(),
        name=name,
        owner=table.owner,
        schema=table.schema,
        table=table.oid,
        storage_id=0 if table.kind == "p" else context.engine.next_id(),
        constraint=0 if constraint is None else context.new_oid(),
        parent=wanted.oid if is_part else 0,
        comment=wanted.comment if has_comments else None,
    )
    table = _with_not_null(context, table, made)
    make_index(context, table, made)
    if constraint is not None:
        context.ddl.put(
            replace(
                constraint,
                oid=made.constraint,
                name=name,
                owner=table.owner,
                schema=table.schema,
                table=table.oid,
                columns=tuple(key.number for key in made.keys),
                index=made.oid,
                parent=constraint.oid if is_part else 0,
                inherited=int(is_part),
                local=not is_part,
                comment=constraint.comment if has_comments else None,
            )
        )
    yield from build_index(context, table, made)
    return table, made


def _free_name(
    context: StatementContext, table: Table, index: Index, constraint: Constraint | None
) -> str:
    """As PostgreSQL names an index, or the constraint that it is for, when nobody says how."""
    label = _LABELS["" if constraint is None else constraint.kind]
    second = "" if index.primary else "_".join(column_names(context.catalog, table, index))
    return free_name(context, table.schema, table.name, second, label)


def _with_not_null(context: StatementContext, table: Table, index: Index) -> Table:
    """The columns of a primary key are NOT NULL."""
    if not index.primary:
        return table
    numbers = {key.number for key in index.keys}
    columns = tuple(
        replace(column, not_null=True) if column.number in numbers else column
        for column in table.columns
    )
    if columns == table.columns:
        return table
    table = replace(table, columns=columns)
    context.ddl.put(table)
    return table
