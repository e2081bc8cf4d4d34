"""REFRESH MATERIALIZED VIEW: its query is run again.

Plainly it gets new storage, and nobody reads it meanwhile. CONCURRENTLY the new rows are put into a table of the
transaction's own and held against those that are there: what is no more is deleted, what is new is inserted, and who
reads goes on. The rows are told apart by a unique index, and are the same if they are so to the bit: a number that has
got another scale is another one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Index, Table
from server.errors import (
    CardinalityViolation,
    FeatureNotSupported,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    WrongObjectType,
)
from server.identifiers import quote_identifier
from server.sql import utility_objects as tree
from server.sql.parse import parse_statements
from server.statements.drop import remove_object
from server.statements.internal import first_row, internal_query, qualified_name
from server.statements.names import relation_named
from server.statements.ownership import require_owner
from server.statements.statement import Run, StatementContext, Utility
from server.statements.tables import store_table
from server.statements.truncate import empty_table
from server.statements.views import fill

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.waits import Wait

SAME_IF_EQUAL = frozenset((16, 17, 18, 20, 21, 23, 25, 26, 1043, 1082, 1083, 1114, 1184, 2950))
"""The types whose values are the same when they are equal, if no collation says otherwise."""
FLOATS = frozenset((700, 701))
"""Their text may leave out digits."""


def refresh(context: StatementContext, statement: tree.RefreshView) -> Run:
    """REFRESH MATERIALIZED VIEW."""
    found = relation_named(context, statement.relation, statement.offset)
    if not isinstance(found, Table) or found.kind != "m":
        raise WrongObjectType(f'"{found.name}" is not a materialized view')
    require_owner(context, found)
    mode = "exclusive" if statement.concurrently else "access exclusive"
    yield from context.lock_relation(found.oid, mode, found.name)
    if statement.concurrently:
        key = _key_of(context, statement, found)
        yield from _refresh_beside_readers(context, found, key)
        return "REFRESH MATERIALIZED VIEW"
    empty_table(context, replace(found, populated=statement.with_data))
    table = context.catalog.object(found.oid)
    assert isinstance(table, Table)
    if statement.with_data:
        yield from _fill_from_query(context, table, table)
    return "REFRESH MATERIALIZED VIEW"


def _fill_from_query(context: StatementContext, view: Table, target: Table) -> Any:
    """Put the rows of a view's query into a table."""
    assert view.view_query is not None
    (inner,) = parse_statements(view.view_query)
    with context.session.rights.lent(view.owner, restricted=True):
        planned = yield from context.plan(inner)
        yield from fill(context, target, planned, context.execution())


def _key_of(context: StatementContext, statement: tree.RefreshView, view: Table) -> Index:
    """What CONCURRENTLY asks for: rows, and a unique index that tells them apart."""
    if not statement.with_data:
        raise SqlSyntaxError("CONCURRENTLY and WITH NO DATA options cannot be used together")
    if not view.populated:
        raise FeatureNotSupported(
            "CONCURRENTLY cannot be used when the materialized view is not populated"
        )
    for index in context.catalog.indexes_of(view.oid):
        if _tells_apart(index):
            return index
    home = context.catalog.object(view.schema)
    shown = f"{quote_identifier(home.name)}." if home is not None else ""
    raise ObjectNotInPrerequisiteState(
        f'cannot refresh materialized view "{shown}{quote_identifier(view.name)}" concurrently',
        hint="Create a unique index with no WHERE clause on one or more columns of the "
        "materialized view.",
    )


def _tells_apart(index: Index) -> bool:
    plain = all(key.number for key in index.keys)
    return index.unique and index.valid and index.predicate is None and plain


def _refresh_beside_readers(context: StatementContext, view: Table, key: Index) -> Iterator[Wait]:
    fresh = _own_table(context, view)
    yield from _fill_from_query(context, view, fresh)
    old = qualified_name(context, view.schema, view.name)
    new = qualified_name(context, fresh.schema, fresh.name)
    same = " AND ".join((*_same_key(view, key), *_same_values(view, key)))
    yield from _refuse_twins(context, view, new, same)
    for change in (
        f"DELETE FROM {old} a WHERE NOT EXISTS (SELECT 1 FROM {new} b WHERE {same})",
        f"INSERT INTO {old} SELECT a.* FROM {new} a "
        f"WHERE NOT EXISTS (SELECT 1 FROM {old} b WHERE {same})",
    ):
        yield from internal_query(context, change, maintains=True)
    remove_object(context, fresh)


def _own_table(context: StatementContext, view: Table) -> Table:
    """An empty table with the view's columns that nobody else sees, and which is gone with the statement."""
    context.session.ensure_temporary_schema()
    table = Table(
        oid=context.new_oid(),
        name=f"pg_temp_{view.oid}",
        owner=context.user_oid,
        schema=context.session.temporary_schema,
        columns=view.columns,
        row_type=context.new_oid(),
        array_type=context.new_oid(),
        storage_id=context.engine.next_id(),
        persistence="t",
    )
    store_table(context, table)
    return table


def _same_key(view: Table, key: Index) -> Iterator[str]:
    for part in key.keys:
        name = quote_identifier(view.column(part.number).name)
        yield f"a.{name} = b.{name}"


def _same_values(view: Table, key: Index) -> Iterator[str]:
    """That two rows are the same to the bit, column by column, so that no row has to be put together for it.

    Values that are equal without being the same, as 1.0 and 1.00, look different.
    """
    known = {part.number for part in key.keys}
    for column in view.live_columns:
        name = quote_identifier(column.name)
        is_plain = column.type in SAME_IF_EQUAL and not column.collation
        if (is_plain and column.number not in known) or column.type in FLOATS:
            yield f"a.{name} IS NOT DISTINCT FROM b.{name}"
        if not is_plain:
            yield f"a.{name}::text IS NOT DISTINCT FROM b.{name}::text"


def _refuse_twins(
    context: StatementContext, view: Table, new: str, same: str
) -> Generator[Wait, None, None]:
    """Raise if two new rows are the same: which of them is there already could not be said."""
    row = first_row(
        (
            yield from internal_query(
                context,
                f"SELECT a::text FROM {new} a WHERE a IS NOT NULL AND EXISTS "
                f"(SELECT 1 FROM {new} b WHERE {same} AND b.ctid <> a.ctid) LIMIT 1",
            )
        )
    )
    if row is not None:
        raise CardinalityViolation(
            f'new data for materialized view "{view.name}" contains duplicate rows without any '
            "null columns",
            detail=f"Row: {row[0]}",
        )


UTILITIES = (Utility(node=tree.RefreshView, run=refresh),)
