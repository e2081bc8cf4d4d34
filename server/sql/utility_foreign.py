"""Foreign data: wrappers, servers, user mappings, foreign tables."""

from dataclasses import dataclass
from typing import Any, Final

from server.sql.context import Context, Utilities
from server.sql.grammar import Node, tree
from server.sql.utility_statement import (
    Name,
    Option,
    RoleName,
    UtilityStatement,
    options,
    role_name,
)
from server.sql.utility_tables import CreateTable, create_table


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineWrapper(UtilityStatement):
    """CREATE and ALTER FOREIGN DATA WRAPPER; functions are the options handler and validator."""

    is_new: bool
    name: str
    functions: tuple[Option, ...]
    options: tuple[Option, ...]

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"{'CREATE' if self.is_new else 'ALTER'} FOREIGN DATA WRAPPER"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateServer(UtilityStatement):
    """CREATE SERVER."""

    command_tag = "CREATE SERVER"
    name: str
    kind: str
    version: str
    wrapper: str
    if_not_exists: bool
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterServer(UtilityStatement):
    """ALTER SERVER ... VERSION, OPTIONS."""

    command_tag = "ALTER SERVER"
    name: str
    version: str
    has_version: bool
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineMapping(UtilityStatement):
    """CREATE, ALTER and DROP USER MAPPING."""

    verb: str
    role: RoleName
    server: str
    lenient: bool  # IF NOT EXISTS, IF EXISTS
    options: tuple[Option, ...] = ()

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"{self.verb} USER MAPPING"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateForeignTable(UtilityStatement):
    """CREATE FOREIGN TABLE; column_options: by the name of the column."""

    command_tag = "CREATE FOREIGN TABLE"
    table: CreateTable
    server: str
    options: tuple[Option, ...]
    column_options: tuple[tuple[str, tuple[Option, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportForeignSchema(UtilityStatement):
    """IMPORT FOREIGN SCHEMA."""

    command_tag = "IMPORT FOREIGN SCHEMA"
    server: str
    schema: Name


def _wrapper(*, is_new: bool) -> Any:
    def convert(context: Context, message: Any) -> DefineWrapper:
        return DefineWrapper(
            is_new=is_new,
            name=message.fdwname,
            functions=options(context, message.func_options),
            options=options(context, message.options),
        )

    return convert


def create_server(context: Context, message: tree.CreateForeignServerStmt) -> CreateServer:
    """Convert CREATE SERVER."""
    return CreateServer(
        name=message.servername,
        kind=message.servertype,
        version=message.version,
        wrapper=message.fdwname,
        if_not_exists=message.if_not_exists,
        options=options(context, message.options),
    )


def alter_server(context: Context, message: tree.AlterForeignServerStmt) -> AlterServer:
    """Convert ALTER SERVER."""
    return AlterServer(
        name=message.servername,
        version=message.version,
        has_version=message.has_version,
        options=options(context, message.options),
    )


def _mapping(verb: str, lenient: str) -> Any:
    def convert(context: Context, message: Any) -> DefineMapping:
        given = () if verb == "DROP" else options(context, message.options)
        return DefineMapping(
            verb=verb,
            role=role_name(message.user),
            server=message.servername,
            lenient=bool(lenient and getattr(message, lenient)),
            options=given,
        )

    return convert


def create_foreign_table(
    context: Context, message: tree.CreateForeignTableStmt
) -> CreateForeignTable:
    """Convert CREATE FOREIGN TABLE."""
    return CreateForeignTable(
        table=create_table(context, message.base_stmt),
        server=message.servername,
        options=options(context, message.options),
        column_options=tuple(_column_options(context, message.base_stmt.table_elts)),
    )


def _column_options(context: Context, items: Any) -> list[tuple[str, tuple[Option, ...]]]:
    found = []
    for item in items:
        node: Node = item
        if node.WhichOneof("node") == "column_def" and node.column_def.fdwoptions:
            column = node.column_def
            found.append((column.colname, options(context, column.fdwoptions)))
    return found


def import_schema(_context: Context, message: tree.ImportForeignSchemaStmt) -> ImportForeignSchema:
    """Convert IMPORT FOREIGN SCHEMA."""
    return ImportForeignSchema(server=message.server_name, schema=(message.local_schema,))


UTILITIES: Final[Utilities] = {
    "create_fdw_stmt": _wrapper(is_new=True),
    "alter_fdw_stmt": _wrapper(is_new=False),
    "create_foreign_server_stmt": create_server,
    "alter_foreign_server_stmt": alter_server,
    "create_user_mapping_stmt": _mapping("CREATE", "if_not_exists"),
    "alter_user_mapping_stmt": _mapping("ALTER", ""),
    "drop_user_mapping_stmt": _mapping("DROP", "missing_ok"),
    "create_foreign_table_stmt": create_foreign_table,
    "import_foreign_schema_stmt": import_schema,
}
