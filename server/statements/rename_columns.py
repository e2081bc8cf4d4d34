"""RENAME of columns, attributes of types and constraints: children and typed tables follow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Column, Constraint, Table
from server.errors import (
    DependentObjectsStillExist,
    DuplicateColumn,
    DuplicateObject,
    FeatureNotSupported,
    InvalidTableDefinition,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    WrongObjectType,
)
from server.planner.scope import SYSTEM_COLUMNS
from server.statements.alter_inheritance import refuse_inherited_rename
from server.statements.field_readers import field_readers
from server.statements.field_texts import keeping_fields
from server.statements.names import claim_name, find_relation, refuse_system, relation_named
from server.statements.ownership import require_owner
from server.statements.table_texts import keeping_texts
from server.statements.view_texts import keeping_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.sql import utility_objects as tree
    from server.statements.dependents import Dependent
    from server.statements.statement import StatementContext


def rename_column(context: StatementContext, statement: tree.Rename) -> Iterator[Any]:
    """RENAME COLUMN."""
    table = relation_named(context, statement.name.parts)
    refuse_system(table)
    require_owner(context, table)
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    if not isinstance(table, Table):
        raise FeatureNotSupported("columns of this relation cannot be renamed")
    if table.of_type:
        raise WrongObjectType("cannot rename column of typed table")
    column = _column(table, statement.part)
    if table.kind in "rp":
        if statement.only and context.catalog.has_children(table.oid):
            raise InvalidTableDefinition(
                f'inherited column "{column.name}" must be renamed in child tables too'
            )
        refuse_inherited_rename(context, table, column)
    for member in context.catalog.family_of(table):
        yield from context.lock_relation(member.oid, "access exclusive", member.name)
        _rename_in(context, member, statement.part, statement.new_name)


def rename_attribute(context: StatementContext, statement: tree.Rename) -> Iterator[Any]:
    """RENAME ATTRIBUTE of a composite type; tables of the type follow with CASCADE."""
    found = find_relation(context, statement.name.parts)
    if not isinstance(found, Table):
        raise UndefinedTable(f'relation "{".".join(statement.name.parts)}" does not exist')
    if found.kind != "c":
        raise WrongObjectType(f'"{found.name}" is not a composite type')
    require_owner(context, found)
    _column(found, statement.part)
    typed = typed_tables(context, found)
    if typed and not statement.cascade:
        raise typed_table_error(found)
    for member in (found, *typed):
        yield from context.lock_relation(member.oid, "access exclusive", member.name)
        _rename_in(context, member, statement.part, statement.new_name)


def typed_tables(context: StatementContext, composite: Table) -> list[Table]:
    """The tables that are OF a composite type."""
    tables = context.catalog.objects(Table)
    return [each for each in tables if each.of_type and each.of_type == composite.row_type]


def typed_table_error(composite: Table) -> DependentObjectsStillExist:
    """The error where tables of a type stand in the way of changing it."""
    return DependentObjectsStillExist(
        f'cannot alter type "{composite.name}" because it is the type of a typed table',
        hint="Use ALTER ... CASCADE to alter the typed tables too.",
    )


def _column(table: Table, name: str) -> Column:
    if name in SYSTEM_COLUMNS:
        raise FeatureNotSupported(f'cannot rename system column "{name}"')
    column = table.column_named(name)
    if column is None:
        raise UndefinedColumn(f'column "{name}" does not exist')
    return column


def _rename_in(context: StatementContext, table: Table, old: str, name: str) -> None:
    """Give a column of one table another name."""
    if name in SYSTEM_COLUMNS and table.kind != "c":
        raise DuplicateColumn(f'column name "{name}" conflicts with a system column name')
    if table.column_named(name) is not None:
        raise DuplicateColumn(f'column "{name}" of relation "{table.name}" already exists')
    renamed = tuple(
        replace(item, name=name) if item.name == old and not item.dropped else item
        for item in table.columns
    )
    readers = _readers(context, table, old)
    views = frozenset(each.object.oid for each in readers if isinstance(each.object, Table))
    with (
        keeping_views(context, table.oid, views),
        keeping_texts(context, table.oid),
        keeping_fields(context, readers),
    ):
        context.ddl.put(replace(table, columns=renamed))


def _readers(context: StatementContext, table: Table, name: str) -> list[Dependent]:
    """What selects a column as a field of rows, by its name."""
    column = table.column_named(name)
    return [] if column is None else field_readers(context, table, column)


def rename_constraint(context: StatementContext, statement: tree.Rename) -> Iterator[Any]:
    """RENAME CONSTRAINT."""
    table = relation_named(context, statement.name.parts)
    require_owner(context, table)
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    for constraint in context.catalog.constraints_of(table.oid):
        if constraint.name == statement.part:
            yield from _rename_found(context, statement, table, constraint)
            return
    raise UndefinedObject(f'constraint "{statement.part}" for table "{table.name}" does not exist')


def _rename_found(
    context: StatementContext, statement: tree.Rename, table: Any, constraint: Constraint
) -> Iterator[Any]:
    name = statement.new_name
    if constraint.kind == "c" and not constraint.no_inherit:
        if statement.only and context.catalog.has_children(table.oid):
            raise InvalidTableDefinition(
                f'inherited constraint "{constraint.name}" must be renamed in child tables too'
            )
        if constraint.inherited:
            raise InvalidTableDefinition(f'cannot rename inherited constraint "{constraint.name}"')
    if any(each.name == name for each in context.catalog.constraints_of(table.oid)):
        raise DuplicateObject(f'constraint "{name}" for relation "{table.name}" already exists')
    context.ddl.put(replace(constraint, name=name))
    index = context.catalog.object(constraint.index)
    if constraint.kind in ("p", "u", "x") and index is not None:
        yield from claim_name(context, table.schema, name)
        context.ddl.put(replace(index, name=name))
    if constraint.kind == "c" and not constraint.no_inherit:
        yield from _rename_below(context, table.oid, constraint.name, name)


def _rename_below(context: StatementContext, oid: int, name: str, new_name: str) -> Iterator[Any]:
    """The children have the CHECK of their parent under its name."""
    for child in context.catalog.children_of(oid):
        yield from context.lock_relation(child.oid, "access exclusive", child.name)
        for constraint in context.catalog.constraints_of(child.oid):
            if constraint.name == name and constraint.kind == "c" and constraint.inherited:
                context.ddl.put(replace(constraint, name=new_name))
        yield from _rename_below(context, child.oid, name, new_name)
