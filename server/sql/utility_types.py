"""Types and domains."""

from dataclasses import dataclass
from typing import Final

from server.sql import nodes
from server.sql.constraints import Constraint, column_constraints, constraint
from server.sql.context import Context, definition_of, names, relation_parts
from server.sql.expressions import type_name
from server.sql.grammar import tree
from server.sql.utility_statement import (
    Name,
    Option,
    SourceExpression,
    UtilityStatement,
    optional_expression,
    options,
)
from server.sql.utility_tables import Column, column


@dataclass(frozen=True, slots=True)
class CreateEnum(UtilityStatement):
    """CREATE TYPE AS ENUM."""

    command_tag = "CREATE TYPE"
    name: Name
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlterEnum(UtilityStatement):
    """ALTER TYPE ADD VALUE, or RENAME VALUE when there is an old label."""

    command_tag = "ALTER TYPE"
    name: Name
    old_label: str
    new_label: str
    neighbour: str
    after: bool
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class CreateComposite(UtilityStatement):
    """CREATE TYPE AS (...)."""

    command_tag = "CREATE TYPE"
    name: Name
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class CreateRange(UtilityStatement):
    """CREATE TYPE AS RANGE."""

    command_tag = "CREATE TYPE"
    name: Name
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class AlterType(UtilityStatement):
    """ALTER TYPE SET (...)."""

    command_tag = "ALTER TYPE"
    name: Name
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class CreateDomain(UtilityStatement):
    """CREATE DOMAIN."""

    command_tag = "CREATE DOMAIN"
    name: Name
    type: nodes.TypeName
    collation: Name
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterDomain(UtilityStatement):
    """ALTER DOMAIN; the action is one of `DOMAIN_ACTIONS`, its operand in the field it needs."""

    command_tag = "ALTER DOMAIN"
    name: Name
    action: str
    default: SourceExpression | None = None
    constraint: Constraint | None = None
    constraint_name: str = ""
    if_exists: bool = False
    cascade: bool = False


DOMAIN_ACTIONS: Final = {
    "T": "default",
    "N": "drop_not_null",
    "O": "set_not_null",
    "C": "add_constraint",
    "X": "drop_constraint",
    "V": "validate_constraint",
}


def create_enum(_context: Context, message: tree.CreateEnumStmt) -> CreateEnum:
    """Convert CREATE TYPE AS ENUM."""
    return CreateEnum(names(message.type_name), names(message.vals))


def alter_enum(_context: Context, message: tree.AlterEnumStmt) -> AlterEnum:
    """Convert ALTER TYPE ADD VALUE and RENAME VALUE."""
    return AlterEnum(
        names(message.type_name),
        message.old_val,
        message.new_val,
        message.new_val_neighbor,
        message.new_val_is_after,
        message.skip_if_new_val_exists,
    )


def create_composite(context: Context, message: tree.CompositeTypeStmt) -> CreateComposite:
    """Convert CREATE TYPE AS (...)."""
    columns = tuple(column(context, item.column_def) for item in message.coldeflist)
    return CreateComposite(relation_parts(message.typevar), columns)


def create_range(context: Context, message: tree.CreateRangeStmt) -> CreateRange:
    """Convert CREATE TYPE AS RANGE."""
    return CreateRange(names(message.type_name), options(context, message.params))


def alter_type(context: Context, message: tree.AlterTypeStmt) -> AlterType:
    """Convert ALTER TYPE SET."""
    return AlterType(names(message.type_name), options(context, message.options))


def create_domain(context: Context, message: tree.CreateDomainStmt) -> CreateDomain:
    """Convert CREATE DOMAIN."""
    has_collation = message.HasField("coll_clause")
    return CreateDomain(
        names(message.domainname),
        type_name(context, message.type_name),
        names(message.coll_clause.collname) if has_collation else (),
        column_constraints(context, message.constraints),
    )


def alter_domain(context: Context, message: tree.AlterDomainStmt) -> AlterDomain:
    """Convert ALTER DOMAIN."""
    action = DOMAIN_ACTIONS[message.subtype]
    adds = action == "add_constraint"
    definition = definition_of(message)
    return AlterDomain(
        name=names(message.type_name),
        action=action,
        default=optional_expression(context, definition) if action == "default" else None,
        constraint=constraint(context, definition.constraint) if adds else None,
        constraint_name=message.name,
        if_exists=message.missing_ok,
        cascade=message.behavior == tree.DROP_CASCADE,
    )


UTILITIES: Final = {
    "create_enum_stmt": create_enum,
    "alter_enum_stmt": alter_enum,
    "composite_type_stmt": create_composite,
    "create_range_stmt": create_range,
    "alter_type_stmt": alter_type,
    "create_domain_stmt": create_domain,
    "alter_domain_stmt": alter_domain,
}
