"""Who reads a field of rows: texts of other tables, of domains and of views that say (row).field.

Rule 1: they are found by doing it: what could be bound with the field and cannot be without it reads it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Column, Constraint, Index, Table, UserType
from server.errors import SqlError
from server.planner.domains import domain_tester
from server.planner.environment import BindContext
from server.planner.standalone import bind_over_table
from server.planner.view_text import resolve_stored
from server.statements.dependency_finders import of_default
from server.statements.dependents import Dependent
from server.statements.drop import dropped_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.catalog.objects import CatalogObject
    from server.statements.statement import StatementContext

Reader = tuple[Dependent, "Callable[[], bool]"]
"""What depends on a field if it reads one, and whether it can be bound as the catalog is."""


def field_readers(context: StatementContext, table: Table, column: Column) -> list[Dependent]:
    """What reads a column of a relation, or an attribute of a type, as a field of its rows."""
    readers = [item for item in _candidates(context, table, column.name) if item[1]()]
    if not readers:
        return []
    gone = dropped_column(context.catalog, column)
    columns = tuple(gone if each.number == column.number else each for each in table.columns)
    context.ddl.put(replace(table, columns=columns))
    found = [dependent for dependent, can_bind in readers if not can_bind()]
    context.ddl.put(table)
    return found


def _candidates(context: StatementContext, own: Table, name: str) -> Iterator[Reader]:
    """All whose texts select a field of that name, but for what is part of its relation."""
    has_field = re.compile(rf'\)[\w".]*\."?{re.escape(name)}').search
    for table in context.catalog.objects(Table):
        if table.view_query is not None:
            if own.oid not in table.depends_on and has_field(table.view_query):
                yield Dependent(table, automatic=False), _query_of(context, table)
            continue
        for column in table.live_columns if table.oid != own.oid else ():
            if column.default is not None and has_field(column.default):
                yield of_default(context, table, column), _over(context, table, column.default)
    for holder, home, text in _texts(context):
        if home != own.oid and text is not None and has_field(text):
            yield from _of_text(context, holder, home, text)


def _texts(context: StatementContext) -> Iterator[tuple[CatalogObject, int, str | None]]:
    """Checks and indexes, whose they are, and their texts."""
    for constraint in context.catalog.objects(Constraint):
        yield constraint, constraint.table, constraint.expression
    for index in context.catalog.objects(Index):
        for text in (index.predicate, *(key.expression for key in index.keys)):
            yield index, index.table, text


def _of_text(
    context: StatementContext, holder: CatalogObject, home: int, text: str
) -> Iterator[Reader]:
    """A check or an index over the columns of a table, or a check of a domain."""
    found = context.catalog.object(home)
    dependent = Dependent(holder, automatic=False)
    if isinstance(found, Table):
        yield dependent, _over(context, found, text)
    elif isinstance(found, UserType):
        yield dependent, lambda: _has_checks(context, home)


def _over(context: StatementContext, table: Table, text: str) -> Callable[[], bool]:
    def can_bind() -> bool:
        try:
            bind_over_table(context.environment(), table, text)
        except SqlError:
            return False
        return True

    return can_bind


def _has_checks(context: StatementContext, domain: int) -> bool:
    environment = context.environment()
    try:
        domain_tester(BindContext(environment, base_offset=-1, role=environment.user), domain)
    except SqlError:
        return False
    return True


def _query_of(context: StatementContext, view: Table) -> Callable[[], bool]:
    return lambda: resolve_stored(context.environment(), view) is not None
