"""CREATE VIEW, and tables made of queries: CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.collations import collation_text
from server.catalog.objects import CatalogObject, Column, Table
from server.catalog.visibility import type_text
from server.errors import (
    DuplicateColumn,
    DuplicateTable,
    FeatureNotSupported,
    InvalidTableDefinition,
    SqlSyntaxError,
    WrongObjectType,
)
from server.executor.modify import insert_columns
from server.executor.waits import Wait
from server.oids import TEXT, UNKNOWN
from server.planner.bind_view_target import check_option, updatable_reason
from server.planner.standalone import require_type_usage
from server.sql import nodes
from server.sql import utility_objects as objects_tree
from server.sql import utility_tables as tree
from server.sql.utility_statement import UtilityStatement
from server.sql.utility_transactions import Execute
from server.statements.access_methods import require_table_method
from server.statements.collations import derived_collation
from server.statements.column_types import refuse_pseudo_type
from server.statements.names import claim_relation, claim_relation_name, target_schema
from server.statements.ownership import require_owner, require_temporary
from server.statements.prepared import bound_parameters, inner_statement, prepared_named
from server.statements.statement import Run, StatementContext, Utility
from server.statements.storage_parameters import (
    TABLE_PARAMETERS,
    VIEW_PARAMETERS,
    new_toast,
    storage_parameters,
)
from server.statements.tables import PERSISTENCE_LETTERS, store_table
from server.statements.tablespaces import place
from server.statements.view_texts import query_fields

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.context import ExecutionContext
    from server.planner.planned import PlannedStatement


def result_columns(
    context: StatementContext, planned: PlannedStatement, names: tuple[str, ...]
) -> tuple[Column, ...]:
    """Columns of a relation that a query's result makes."""
    if len(names) > len(planned.names):
        raise SqlSyntaxError("too many column names were specified")
    chosen = (*names, *planned.names[len(names) :])
    columns: list[Column] = []
    environment = context.environment()
    for number, (name, reference) in enumerate(zip(chosen, planned.own_types, strict=True), 1):
        if any(column.name == name for column in columns):
            raise DuplicateColumn(f'column "{name}" specified more than once')
        oid = TEXT if reference.oid == UNKNOWN else reference.oid
        require_type_usage(environment, reference)
        if oid == reference.oid:
            refuse_pseudo_type(name, reference.type)
        columns.append(
            Column(
                number=number,
                name=name,
                type=oid,
                modifier=reference.modifier,
                collation=derived_collation(reference, name),
            )
        )
    return tuple(columns)


def uses_of(planned: PlannedStatement) -> tuple[int, ...]:
    """The relations and functions that a query names, without children that are read along with them."""
    return (*dict.fromkeys(access.relation for access in planned.access), *planned.uses)


def view_options(statement: objects_tree.CreateView) -> tuple[str, ...]:
    """Options as they are kept; WITH CHECK OPTION is one of them."""
    options = storage_parameters(statement.options, VIEW_PARAMETERS)
    if statement.check_option:
        options = (*options, f"check_option={statement.check_option}")
    return options


def _refuse_check_option(context: StatementContext, view: Table) -> None:
    assert view.view_query is not None
    reason = updatable_reason(context.environment(), view)
    if reason:
        raise FeatureNotSupported(
            "WITH CHECK OPTION is supported only on automatically updatable views", hint=reason
        )


def create_view(context: StatementContext, statement: objects_tree.CreateView) -> Run:
    """CREATE [OR REPLACE] VIEW."""
    inner = inner_statement(context, statement.query)
    assert isinstance(inner.tree, nodes.Query)
    inner.tree.set("of_view", True)
    planned = yield from context.plan(inner, checks_access=False)
    schema, name = _home_of(context, statement, uses_of(planned))
    if context.catalog.relation_named(schema, name) is None:  # else it is locked itself
        yield from claim_relation_name(context, schema, name, has_type=True)
    columns = result_columns(context, planned, statement.column_names)
    assert not isinstance(statement.query, UtilityStatement)
    existing = context.catalog.relation_named(schema, name)
    if existing is not None and not statement.replace:
        raise DuplicateTable(f'relation "{name}" already exists')
    view = Table(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        kind="v",
        columns=columns,
        row_type=context.new_oid(),
        array_type=context.new_oid(),
        **query_fields(context, statement.query, columns, planned),
        view_path=context.search_path(),
        options=view_options(statement),
        persistence="t" if schema == context.session.temporary_schema else "p",
    )
    if check_option(view):
        _refuse_check_option(context, view)
    if existing is not None:
        view = yield from _in_place_of(context, existing, view)
    context.ddl.put(view)
    return "CREATE VIEW"


def _home_of(
    context: StatementContext, statement: objects_tree.CreateView, uses: tuple[int, ...]
) -> tuple[int, str]:
    """The schema and name of a view, which is temporary if it is said to be or reads what is."""
    is_temporary = _is_temporary(context, statement, uses)
    parts = statement.relation
    if is_temporary and len(parts) == 1:
        parts = ("pg_temp", *parts)
    schema, name = target_schema(context, parts, statement.offset)
    is_own = schema == context.session.temporary_schema
    if is_temporary and not is_own:
        raise InvalidTableDefinition("cannot create temporary relation in non-temporary schema")
    if is_own:
        require_temporary(context)
    return schema, name


def _in_place_of(
    context: StatementContext, existing: CatalogObject, view: Table
) -> Generator[Wait, None, Table]:
    """OR REPLACE: the new view as the object that the old one was."""
    if not isinstance(existing, Table) or existing.kind != "v":
        raise WrongObjectType(f'"{view.name}" is not a view')
    yield from context.lock_relation(existing.oid, "access exclusive", existing.name)
    require_owner(context, existing)
    _check_replacement(existing, view.columns, context)
    return replace(
        view,
        oid=existing.oid,
        row_type=existing.row_type,
        array_type=existing.array_type,
        owner=existing.owner,
        acl=existing.acl,
        comment=existing.comment,
    )


def _check_replacement(old: Table, columns: tuple[Column, ...], context: StatementContext) -> None:
    """A view may only grow columns at its end."""
    if len(columns) < len(old.columns):
        raise InvalidTableDefinition("cannot drop columns from view")
    for before, after in zip(old.columns, columns, strict=False):
        if before.name != after.name:
            raise InvalidTableDefinition(
                f'cannot change name of view column "{before.name}" to "{after.name}"',
                hint="Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
            )
        if (before.type, before.modifier) != (after.type, after.modifier):
            types = [_type_text(context, column) for column in (before, after)]
            raise InvalidTableDefinition(
                f'cannot change data type of view column "{before.name}" from {types[0]} to {types[1]}'
            )
        if before.collation != after.collation:
            names = [collation_text(context.catalog, each.collation) for each in (before, after)]
            raise InvalidTableDefinition(
                f'cannot change collation of view column "{before.name}" from "{names[0]}" to "{names[1]}"'
            )


def _type_text(context: StatementContext, column: Column) -> str:
    return type_text(context.catalog, context.search_path(), column.type, column.modifier)


def _is_temporary(
    context: StatementContext, statement: objects_tree.CreateView, uses: tuple[int, ...]
) -> bool:
    """Whether a view is said to be temporary, or has to be as it reads something that is."""
    if statement.persistence == "temporary":
        return True
    home = context.session.temporary_schema
    reads = any(getattr(context.catalog.object(oid), "schema", 0) == home for oid in uses if home)
    if reads and len(statement.relation) == 1:
        context.notice("00000", f'view "{statement.relation[-1]}" will be a temporary view')
    return reads


def create_table_as(context: StatementContext, statement: tree.CreateTableAs) -> Run:
    """CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW."""
    claimed = yield from claim_relation(context, statement)
    if claimed is None:
        return "CREATE MATERIALIZED VIEW" if statement.materialized_view else "CREATE TABLE AS"
    planned, parameters = yield from planned_query(context, statement.query)
    running = context.execution(parameters)
    count = yield from make_table(context, statement, claimed, planned, running)
    if statement.materialized_view:
        return "SELECT " + str(count) if statement.with_data else "CREATE MATERIALIZED VIEW"
    is_run = statement.with_data or isinstance(statement.query, Execute)
    return f"SELECT {count}" if is_run else "CREATE TABLE AS"


def planned_query(
    context: StatementContext, query: Any
) -> Generator[Wait, None, tuple[PlannedStatement, tuple[Any, ...]]]:
    """The plan of a query, or of the prepared one that EXECUTE names, and its parameters."""
    if isinstance(query, Execute):
        prepared = prepared_named(context, query.name)
        assert prepared.statement is not None
        planned = yield from context.plan(prepared.statement, prepared.parameter_types)
        return planned, bound_parameters(context, query, planned)
    planned = yield from context.plan(inner_statement(context, query), context.parameter_types)
    return planned, context.parameters


def make_table(
    context: StatementContext,
    statement: tree.CreateTableAs,
    claimed: tuple[int, str],
    planned: PlannedStatement,
    running: ExecutionContext,
) -> Generator[Wait, None, int]:
    """Make the table of a query and fill it, unless without data; gives how many rows.

    Running: what the query runs in, which is as old as the moment before there was the table.
    """
    schema, name = claimed
    query: Any = statement.query
    is_temporary = schema == context.session.temporary_schema
    is_view = statement.materialized_view
    if is_view and running.parameters:
        raise FeatureNotSupported("materialized views may not be defined using bound parameters")
    columns = result_columns(context, planned, statement.column_names)
    require_table_method(statement.access_method)
    if statement.on_commit and not is_temporary:
        raise InvalidTableDefinition("ON COMMIT can only be used on temporary tables")
    table = Table(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        kind="m" if is_view else "r",
        columns=columns,
        row_type=context.new_oid(),
        array_type=context.new_oid(),
        storage_id=context.engine.next_id(),
        persistence="t" if is_temporary else PERSISTENCE_LETTERS[statement.persistence],
        **(query_fields(context, query, columns, planned) if is_view else {}),
        view_path=context.search_path() if is_view else (),
        temporary_on_commit=statement.on_commit if is_temporary else "",
        options=storage_parameters(statement.options, TABLE_PARAMETERS, toast=True),
        toast=new_toast(statement.options, context.new_oid),
        tablespace=0 if is_temporary else place(context, statement.tablespace),
    )
    store_table(context, replace(table, populated=statement.with_data or not is_view))
    if not statement.with_data:
        return 0
    rights = context.session.rights
    with rights.lent(context.user_oid, restricted=True) if is_view else nullcontext():
        return (yield from fill(context, table, planned, running))


def fill(
    context: StatementContext, table: Table, planned: PlannedStatement, running: ExecutionContext
) -> Generator[Wait, None, int]:
    """Put a query's rows into a table; gives how many."""
    target = context.execution()
    count = 0
    for item in context.run(planned, running):
        if isinstance(item, Wait):
            yield item
            continue
        yield from insert_columns(target, table, item.columns)
        count += item.count
    return count


UTILITIES = (
    Utility(node=objects_tree.CreateView, run=create_view),
    Utility(node=tree.CreateTableAs, run=create_table_as, query=lambda statement: statement.query),
)
