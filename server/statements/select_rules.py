"""CREATE RULE ... ON SELECT: an empty table becomes a view, or a view gets another query."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.errors import (
    FeatureNotSupported,
    InvalidObjectDefinition,
    ObjectNotInPrerequisiteState,
    WrongObjectType,
)
from server.sql import nodes
from server.statements.internal import first_row, internal_query, qualified_name
from server.statements.prepared import inner_statement
from server.statements.view_texts import query_fields

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.planner.planned import PlannedStatement
    from server.sql.utility_rules import CreateRule
    from server.statements.statement import Run, StatementContext

RETURN_RULE = "_RETURN"


def create_select_rule(context: StatementContext, statement: CreateRule, table: Table) -> Run:
    """The only rule there is ON SELECT: INSTEAD, unconditional, and named _RETURN."""
    if statement.where is not None:
        raise FeatureNotSupported("event qualifications are not implemented for rules on SELECT")
    if not statement.actions:
        raise FeatureNotSupported(
            "INSTEAD NOTHING rules on SELECT are not implemented", hint="Use views instead."
        )
    if len(statement.actions) > 1:
        raise FeatureNotSupported("multiple actions for rules on SELECT are not implemented")
    (query,) = statement.actions
    if not isinstance(query, nodes.Query) or not statement.instead:
        raise FeatureNotSupported("rules on SELECT must have action INSTEAD SELECT")
    _refuse_kind(table)
    planned = yield from context.plan(inner_statement(context, query), checks_access=False)
    if planned.writes:
        raise FeatureNotSupported(
            "rules on SELECT must not contain data-modifying statements in WITH"
        )
    _check_columns(context, table, planned)
    if table.kind == "v" and not statement.replace:
        raise ObjectNotInPrerequisiteState(f'"{table.name}" is already a view')
    if statement.name != RETURN_RULE:
        raise InvalidObjectDefinition(f'view rule for "{table.name}" must be named "{RETURN_RULE}"')
    if table.kind != "v":
        yield from _refuse_used(context, table)
        context.transaction.drop_relation(table.storage_id)
    columns = tuple(
        replace(column, not_null=False, default=None, identity="", generated="")
        for column in table.columns
    )
    view = replace(
        table,
        kind="v",
        columns=columns,
        storage_id=0,
        **query_fields(context, query, columns, planned),
        view_path=context.search_path(),
        options=(),
    )
    for constraint in context.catalog.constraints_of(table.oid):
        context.ddl.remove(constraint.oid)
    context.ddl.put(view)
    return "CREATE RULE"


def _refuse_kind(table: Table) -> None:
    if table.kind == "p":
        raise WrongObjectType(f'cannot convert partitioned table "{table.name}" to a view')
    if table.is_partition:
        raise WrongObjectType(f'cannot convert partition "{table.name}" to a view')


def _check_columns(context: StatementContext, table: Table, planned: PlannedStatement) -> None:
    """The query gives the columns of the relation."""
    if len(table.live_columns) != len(table.columns):
        raise FeatureNotSupported("cannot convert relation containing dropped columns to view")
    pairs = zip(table.columns, planned.names, planned.types, strict=False)
    for number, (column, name, kind) in enumerate(pairs, 1):
        entry = f"SELECT rule's target list entry {number} has different"
        if column.name != name:
            raise InvalidObjectDefinition(
                f'{entry} column name from column "{column.name}"',
                detail=f'SELECT target entry is named "{name}".',
            )
        if column.type != kind.oid:
            wanted = context.catalog.type(column.type).sql_name
            raise InvalidObjectDefinition(
                f'{entry} type from column "{column.name}"',
                detail=f"SELECT target entry has type {kind.type.sql_name}, but column has type {wanted}.",
            )
        if -1 != column.modifier != kind.modifier != -1:
            raise InvalidObjectDefinition(f'{entry} size from column "{column.name}"')
    if len(planned.names) != len(table.columns):
        which = "many" if len(planned.names) > len(table.columns) else "few"
        raise InvalidObjectDefinition(f"SELECT rule's target list has too {which} entries")


def _refuse_used(context: StatementContext, table: Table) -> Run:
    """Only a table that has nothing and is nobody's relative can become a view."""
    name = qualified_name(context, table.schema, table.name)
    row = first_row((yield from internal_query(context, f"SELECT 1 FROM ONLY {name} LIMIT 1")))
    catalog = context.catalog
    obstacles = (
        (row, "is not empty"),
        (catalog.triggers_of(table.oid), "has triggers"),
        (catalog.indexes_of(table.oid), "has indexes"),
        (catalog.children_of(table.oid), "has child tables"),
        (table.parents, "has parent tables"),
        (table.row_security, "has row security enabled"),
        (catalog.policies_of(table.oid), "has row security policies"),
    )
    for what, why in obstacles:
        if what:
            raise ObjectNotInPrerequisiteState(
                f'could not convert table "{table.name}" to a view because it {why}'
            )
    return ""
