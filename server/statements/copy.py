"""COPY in and out, over the connection or from and to files of the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from protocol import messages
from protocol.copy_binary import TRAILER, with_header
from protocol.copy_format import (
    CopyFormat,
    CopyOptions,
    copy_decoder,
    encode_copy_header,
)
from protocol.errors import CopyFormatError
from protocol.native import join_copy_data
from server.catalog.objects import Column as TableColumn
from server.catalog.objects import Table
from server.catalog.privileges import (
    EXECUTE_PROGRAM_OID,
    READ_SERVER_FILES_OID,
    WRITE_SERVER_FILES_OID,
    has_privileges_of,
)
from server.errors import (
    BY_SQLSTATE,
    DuplicateColumn,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidColumnReference,
    ProtocolViolation,
    QueryCanceled,
    SqlError,
    UndefinedColumn,
    WrongObjectType,
)
from server.executor.waits import Wait
from server.planner.apply_rules import refuse_rules
from server.planner.row_security import row_security_active
from server.sql import utility_session as tree
from server.sql.parse import parse_statements
from server.statements.copy_context import CopyContext
from server.statements.copy_loader import Loader
from server.statements.copy_options import copy_options
from server.statements.copy_stream import NEED_COPY_DATA
from server.statements.internal import qualified_name
from server.statements.names import relation_named
from server.statements.opened_files import opened_to_read, opened_to_write
from server.statements.ownership import require_privilege
from server.statements.prepared import inner_statement
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from server.planner.planned import PlannedStatement

FILE_BYTES_AT_ONCE = 64 * 1024
WRITE_ROWS_AT_ONCE = 8_192

COPIED_BY_QUERY = {"v": "view", "p": "partitioned table", "f": "foreign table"}

READING = (READ_SERVER_FILES_OID, "pg_read_server_files", "from a file")
WRITING = (WRITE_SERVER_FILES_OID, "pg_write_server_files", "to a file")
RUNNING = (EXECUTE_PROGRAM_OID, "pg_execute_server_program", "to or from an external program")


def copy(context: StatementContext, statement: tree.Copy) -> Run:
    """COPY."""
    _require_server_files(context, statement)
    if statement.program:
        raise FeatureNotSupported("COPY with a program is not supported")
    if statement.is_from:
        return (yield from copy_from(context, statement))
    return (yield from copy_to(context, statement))


def _require_server_files(context: StatementContext, statement: tree.Copy) -> None:
    """Raise InsufficientPrivilege for who may not read or write files of the server, or run its programs."""
    if not (statement.filename or statement.program):
        return
    role, name, what = READING if statement.is_from else WRITING
    if statement.program:
        role, name, what = RUNNING
    if not has_privileges_of(context.catalog, context.user_oid, role):
        raise InsufficientPrivilege(
            f"must be superuser or have privileges of the {name} role to COPY {what}",
            hint="Anyone can COPY to stdout or from stdin. psql's \\copy command also works for "
            "anyone.",
        )


def chosen_columns(table: Table, names: Sequence[str], *, is_from: bool) -> tuple[TableColumn, ...]:
    """The columns that are copied; generated ones only out, and only when named."""
    if not names:
        return tuple(column for column in table.live_columns if not column.generated)
    chosen: list[TableColumn] = []
    for name in names:
        column = table.column_named(name)
        if column is None:
            raise UndefinedColumn(f'column "{name}" of relation "{table.name}" does not exist')
        if column.generated:
            raise InvalidColumnReference(
                f'column "{name}" is a generated column',
                detail="Generated columns cannot be used in COPY.",
            )
        if column in chosen:
            raise DuplicateColumn(f'column "{name}" specified more than once')
        chosen.append(column)
    return tuple(chosen)


# In


def copy_from(context: StatementContext, statement: tree.Copy) -> Run:
    """COPY table FROM."""
    table = relation_named(context, statement.relation, statement.offset)
    if getattr(table, "persistence", "p") != "t":
        context.session.transaction.refuse_writes("COPY FROM")
    if isinstance(table, Table) and table.kind == "f":
        raise FeatureNotSupported(f'cannot insert into foreign table "{table.name}"')
    if not isinstance(table, Table) or table.kind not in "rp":
        kind = "view" if isinstance(table, Table) and table.kind == "v" else "non-table relation"
        raise WrongObjectType(f'cannot copy to {kind} "{table.name}"')
    columns = chosen_columns(table, statement.columns, is_from=True)
    names = [column.name for column in columns]
    options = copy_options(
        statement.options, names, is_from=True, client_encoding=context.session.style.encoding
    )
    require_privilege(context, table, "a", (column.number for column in columns))
    if table.row_security and row_security_active(context.environment(), table):
        raise FeatureNotSupported(
            "COPY FROM not supported with row-level security",
            hint="Use INSERT statements instead.",
        )
    planned = yield from _insert_plan(context, table)
    decoder = copy_decoder(options, names)
    loader = Loader(context, table, columns, planned, statement, decoder)
    try:
        if statement.filename:
            yield from _load_file(loader, statement.filename)
        else:
            code = 1 if options.format is CopyFormat.BINARY else 0
            yield messages.CopyInResponse(code, (code,) * len(columns))
            yield from _load_stream(loader)
        yield from loader.finish()
    except CopyFormatError as error:
        raise _located(error, table.name) from error
    except QueryCanceled as error:
        error.context = error.context or f"COPY {table.name}, line {max(1, loader.line_no)}"
        raise
    return f"COPY {loader.count}"


def _located(error: CopyFormatError, table: str) -> SqlError:
    fields = error.fields
    found = BY_SQLSTATE[fields.sqlstate](fields.message, detail=fields.detail, hint=fields.hint)
    if error.line_no:
        CopyContext(table, None).at_line(found, error.line_no, error.line)
    return found


def _insert_plan(
    context: StatementContext, table: Table
) -> Generator[Wait, None, PlannedStatement]:
    """The plan of an INSERT into the table: its checks and generated columns are those of COPY too."""
    name = qualified_name(context, table.schema, table.name)
    # COPY knows no rules; the alias keeps its plan apart from that of an INSERT which does.
    (statement,) = parse_statements(f'INSERT INTO {name} AS "*COPY*" DEFAULT VALUES')
    assert isinstance(statement.tree, exp.Expression)
    statement.tree.set("ignores_rules", True)
    return (yield from context.plan(statement))


def _load_stream(loader: Loader) -> Generator[Any, Any, None]:
    while True:
        message = yield NEED_COPY_DATA
        if isinstance(message, messages.CopyData):
            yield from loader.take(message.data)
        elif isinstance(message, messages.CopyDone):
            return
        elif isinstance(message, messages.CopyFail):
            raise QueryCanceled(
                f"COPY from stdin failed: {message.message}",
                context=f"COPY {loader.table.name}, line {loader.line_no + 1}",
            )
        elif not isinstance(message, messages.Flush | messages.Sync):
            raise ProtocolViolation("unexpected message during COPY from stdin")


def _load_file(loader: Loader, filename: str) -> Generator[Any, Any, None]:
    with opened_to_read(filename) as file:
        while chunk := file.read(FILE_BYTES_AT_ONCE):
            loader.execution.check_cancelled()
            yield from loader.take(chunk)


# Out


def copy_to(context: StatementContext, statement: tree.Copy) -> Run:
    """COPY table or query TO."""
    inner: Any
    if statement.query is not None:
        inner = inner_statement(context, statement.query)
        if isinstance(inner.tree, exp.Expression):
            refuse_rules(context.environment(), inner.tree, "COPY")
    else:
        table = relation_named(context, statement.relation, statement.offset)
        if not isinstance(table, Table) or table.kind not in ("r", "m"):
            kind = "non-table relation"
            if isinstance(table, Table) and table.kind in COPIED_BY_QUERY:
                kind = COPIED_BY_QUERY[table.kind]
            raise WrongObjectType(
                f'cannot copy from {kind} "{table.name}"',
                hint="Try the COPY (SELECT ...) TO variant."
                if kind in COPIED_BY_QUERY.values()
                else "",
            )
        columns = chosen_columns(table, statement.columns, is_from=False)
        listed = ", ".join(f'"{column.name}"' for column in columns)
        name = qualified_name(context, table.schema, table.name)
        (inner,) = parse_statements(f"SELECT {listed} FROM ONLY {name}")
    planned = yield from context.plan(inner)
    if not planned.returns_rows:
        raise FeatureNotSupported("COPY query must have a RETURNING clause")
    encoding = context.session.style.encoding
    options = copy_options(
        statement.options, planned.names, is_from=False, client_encoding=encoding
    )
    if statement.filename:
        return (yield from _write_file(context, planned, options, statement.filename))
    code = 1 if options.format is CopyFormat.BINARY else 0
    yield messages.CopyOutResponse(code, (code,) * len(planned.names))
    count = 0
    for item in _encoded(context, planned, options):
        if isinstance(item, Wait):
            yield item
            continue
        rows, data = item
        count += rows
        yield data
    yield messages.CopyDone()
    return f"COPY {count}"


def _write_file(
    context: StatementContext, planned: PlannedStatement, options: CopyOptions, filename: str
) -> Run:
    if not Path(filename).is_absolute():
        raise InvalidColumnReference("relative path not allowed for COPY to file")
    count = 0
    with opened_to_write(filename) as file:
        for item in _encoded(context, planned, options):
            if isinstance(item, Wait):
                yield item
                continue
            rows, message = item
            count += rows
            file.write(_unframed(message))
    return f"COPY {count}"


def _unframed(message: messages.CopyData | messages.CopyRows) -> bytes:
    """The payload of CopyData messages without their frames."""
    data = message.data
    if isinstance(message, messages.CopyData):
        return data
    return join_copy_data(data, 0, len(data), len(data))[0]


def _encoded(
    context: StatementContext, planned: PlannedStatement, options: CopyOptions
) -> Iterator[Any]:
    """Waits, and pairs of a number of rows and the message that holds them."""
    header = encode_copy_header(options, planned.names)
    is_binary = options.format is CopyFormat.BINARY
    if header and not is_binary:
        yield 0, messages.CopyData(header)
    style = context.session.style
    for item in context.run(planned, context.execution(context.parameters)):
        if isinstance(item, Wait):
            yield item
            continue
        for start in range(0, item.count, WRITE_ROWS_AT_ONCE):
            batch = item.slice(start, start + WRITE_ROWS_AT_ONCE)
            message = context.session.copy_rows(batch, planned.types, options, style)
            if is_binary and header and batch.count:
                message, header = messages.CopyRows(with_header(message.data)), b""
            yield batch.count, message
    if is_binary:
        yield 0, messages.CopyData(header + TRAILER)


UTILITIES = (Utility(node=tree.Copy, run=copy, writes=False),)
