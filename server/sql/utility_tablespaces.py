"""CREATE, ALTER and DROP TABLESPACE."""

from dataclasses import dataclass
from typing import Final

from server.sql.context import Context, Utilities
from server.sql.grammar import tree
from server.sql.object_names import object_kind
from server.sql.utility_statement import (
    Option,
    RoleName,
    UtilityStatement,
    options,
    role_name,
    role_names,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTablespace(UtilityStatement):
    """CREATE TABLESPACE."""

    command_tag = "CREATE TABLESPACE"
    name: str
    owner: RoleName | None
    location: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterTablespace(UtilityStatement):
    """ALTER TABLESPACE ... SET, RESET."""

    command_tag = "ALTER TABLESPACE"
    name: str
    options: tuple[Option, ...]
    reset: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTablespace(UtilityStatement):
    """DROP TABLESPACE."""

    command_tag = "DROP TABLESPACE"
    name: str
    if_exists: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAll(UtilityStatement):
    """ALTER ... ALL IN TABLESPACE ... SET TABLESPACE; kind: that of the relations."""

    kind: str
    source: str
    target: str
    owners: tuple[RoleName, ...]

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"ALTER {self.kind.upper()}"


def move_all(_context: Context, message: tree.AlterTableMoveAllStmt) -> MoveAll:
    """Convert ALTER ... ALL IN TABLESPACE."""
    return MoveAll(
        kind=object_kind(message.objtype),
        source=message.orig_tablespacename,
        target=message.new_tablespacename,
        owners=role_names(message.roles),
    )


def create_tablespace(context: Context, message: tree.CreateTableSpaceStmt) -> CreateTablespace:
    """Convert CREATE TABLESPACE."""
    return CreateTablespace(
        name=message.tablespacename,
        owner=role_name(message.owner) if message.HasField("owner") else None,
        location=message.location,
        options=options(context, message.options),
    )


def alter_tablespace(context: Context, message: tree.AlterTableSpaceOptionsStmt) -> AlterTablespace:
    """Convert ALTER TABLESPACE."""
    return AlterTablespace(
        name=message.tablespacename,
        options=options(context, message.options),
        reset=message.is_reset,
    )


def drop_tablespace(_context: Context, message: tree.DropTableSpaceStmt) -> DropTablespace:
    """Convert DROP TABLESPACE."""
    return DropTablespace(name=message.tablespacename, if_exists=message.missing_ok)


UTILITIES: Final[Utilities] = {
    "create_table_space_stmt": create_tablespace,
    "alter_table_space_options_stmt": alter_tablespace,
    "drop_table_space_stmt": drop_tablespace,
    "alter_table_move_all_stmt": move_all,
}
