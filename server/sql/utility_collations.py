"""ALTER COLLATION and ALTER DATABASE ... REFRESH COLLATION VERSION; CREATE COLLATION is a Define."""

from dataclasses import dataclass
from typing import Final

from server.sql.context import Context, names
from server.sql.grammar import tree
from server.sql.utility_statement import Name, UtilityStatement


@dataclass(frozen=True, slots=True)
class AlterCollation(UtilityStatement):
    """ALTER COLLATION ... REFRESH VERSION."""

    command_tag = "ALTER COLLATION"
    name: Name


def alter_collation(_: Context, message: tree.AlterCollationStmt) -> AlterCollation:
    """Convert ALTER COLLATION."""
    return AlterCollation(names(message.collname))


@dataclass(frozen=True, slots=True)
class RefreshDatabase(UtilityStatement):
    """ALTER DATABASE ... REFRESH COLLATION VERSION."""

    command_tag = "ALTER DATABASE"
    name: str


def refresh_database(_: Context, message: tree.AlterDatabaseRefreshCollStmt) -> RefreshDatabase:
    """Convert ALTER DATABASE ... REFRESH COLLATION VERSION."""
    return RefreshDatabase(message.dbname)


UTILITIES: Final = {
    "alter_collation_stmt": alter_collation,
    "alter_database_refresh_coll_stmt": refresh_database,
}
