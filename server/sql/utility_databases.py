"""Databases, extensions and extended statistics: CREATE, ALTER, DROP."""

from dataclasses import dataclass

from sqlglot import exp

from server.sql.context import Context, names
from server.sql.grammar import tree
from server.sql.utility_session import Setting, variable_set
from server.sql.utility_statement import (
    Name,
    Option,
    SourceExpression,
    UtilityStatement,
    option_value,
    options,
)


@dataclass(frozen=True, slots=True)
class CreateDatabase(UtilityStatement):
    """CREATE DATABASE."""

    command_tag = "CREATE DATABASE"
    name: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class DropDatabase(UtilityStatement):
    """DROP DATABASE."""

    command_tag = "DROP DATABASE"
    name: str
    if_exists: bool
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class AlterDatabase(UtilityStatement):
    """ALTER DATABASE with options."""

    command_tag = "ALTER DATABASE"
    name: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class AlterDatabaseSetting(UtilityStatement):
    """ALTER DATABASE ... SET."""

    command_tag = "ALTER DATABASE"
    name: str
    setting: Setting


@dataclass(frozen=True, slots=True)
class CreateExtension(UtilityStatement):
    """CREATE EXTENSION."""

    command_tag = "CREATE EXTENSION"
    name: str
    if_not_exists: bool
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class AlterExtension(UtilityStatement):
    """ALTER EXTENSION UPDATE."""

    command_tag = "ALTER EXTENSION"
    name: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class CreateStatistics(UtilityStatement):
    """CREATE STATISTICS; elements are columns or expressions."""

    command_tag = "CREATE STATISTICS"
    name: Name
    kinds: tuple[str, ...]
    elements: tuple[str | SourceExpression, ...]
    relations: tuple[exp.Expression, ...]
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class AlterStatistics(UtilityStatement):
    """ALTER STATISTICS ... SET STATISTICS."""

    command_tag = "ALTER STATISTICS"
    name: Name
    target: int
    if_exists: bool


def create_database(context: Context, message: tree.CreatedbStmt) -> CreateDatabase:
    """Convert CREATE DATABASE."""
    return CreateDatabase(message.dbname, options(context, message.options))


def drop_database(context: Context, message: tree.DropdbStmt) -> DropDatabase:
    """Convert DROP DATABASE."""
    return DropDatabase(message.dbname, message.missing_ok, options(context, message.options))


def alter_database(context: Context, message: tree.AlterDatabaseStmt) -> AlterDatabase:
    """Convert ALTER DATABASE."""
    return AlterDatabase(message.dbname, options(context, message.options))


def alter_database_setting(
    context: Context, message: tree.AlterDatabaseSetStmt
) -> AlterDatabaseSetting:
    """Convert ALTER DATABASE SET."""
    return AlterDatabaseSetting(message.dbname, variable_set(context, message.setstmt))


def create_extension(context: Context, message: tree.CreateExtensionStmt) -> CreateExtension:
    """Convert CREATE EXTENSION."""
    return CreateExtension(
        message.extname, message.if_not_exists, options(context, message.options)
    )


def alter_extension(context: Context, message: tree.AlterExtensionStmt) -> AlterExtension:
    """Convert ALTER EXTENSION."""
    return AlterExtension(message.extname, options(context, message.options))


def create_statistics(context: Context, message: tree.CreateStatsStmt) -> CreateStatistics:
    """Convert CREATE STATISTICS."""
    elements = [item.stats_elem for item in message.exprs]
    return CreateStatistics(
        names(message.defnames),
        names(message.stat_types),
        tuple(item.name or SourceExpression(context.convert(item.expr)) for item in elements),
        tuple(context.all(message.relations)),
        message.if_not_exists,
    )


def alter_statistics(context: Context, message: tree.AlterStatsStmt) -> AlterStatistics:
    """Convert ALTER STATISTICS."""
    target = option_value(context, message.stxstattarget)
    return AlterStatistics(
        names(message.defnames), target if isinstance(target, int) else -1, message.missing_ok
    )
