"""COPY in and out, over the connection or from and to files of the server."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

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
    CharacterNotInRepertoire,
    DuplicateColumn,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidColumnReference,
    ProtocolViolation,
    QueryCanceled,
    SqlError,
    UndefinedColumn,
    UndefinedFile,
    WrongObjectType,
)
from server.executor.deferred import run_after_statement
from server.executor.modify import Insert
from server.executor.program import Program
from server.executor.table_writer import TableWriter
from server.executor.waits import Wait
from server.expressions.evaluate import compile_expression, evaluate_filter
from server.expressions.expression import columns_used
from server.planner.apply_rules import refuse_rules
from server.planner.domains import domain_tester
from server.planner.environment import BindContext
from server.planner.physical import Insert as InsertPlan
from server.planner.row_security import row_security_active
from server.planner.standalone import bind_defaults, bind_over_table
from server.sql import utility_session as tree
from server.sql.parse import parse_statements
from server.statements.copy_options import copy_options
from server.statements.copy_plain import plain_loader
from server.statements.copy_received import received
from server.statements.copy_stream import NEED_COPY_DATA
from server.statements.internal import qualified_name
from server.statements.names import relation_named
from server.statements.ownership import require_privilege
from server.statements.prepared import inner_statement
from server.statements.statement import Run, StatementContext, Utility
from server.types.client_text import parameter_binary
from server.types.errors import decode_text
from server.types.type import TypeReference
from server.vector.batch import Batch
from server.vector.rows import values_of

if TYPE_CHECKING:
    from server.planner.planned import PlannedStatement
    from server.vector.column import Column

ROWS_AT_ONCE = 16_384
FILE_BYTES_AT_ONCE = 64 * 1024
WRITE_ROWS_AT_ONCE = 8_192

READING = (READ_SERVER_FILES_OID, "pg_read_server_files", "from a file")
WRITING = (WRITE_SERVER_FILES_OID, "pg_write_server_files", "to a file")
RUNNING = (EXECUTE_PROGRAM_OID, "pg_execute_server_program", "to or from an external program")

Chunks = Generator[Any, Any, bytes | None]


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
    loader = Loader(context, table, columns, planned, statement)
    loader.is_binary = options.format is CopyFormat.BINARY
    decoder = copy_decoder(options, names)
    try:
        if statement.filename:
            yield from _load_file(loader, decoder, statement.filename)
        else:
            code = 1 if options.format is CopyFormat.BINARY else 0
            yield messages.CopyInResponse(code, (code,) * len(columns))
            yield from _load_stream(loader, decoder)
        yield from loader.finish(decoder.finish())
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
        found.context = f"COPY {table}, line {error.line_no}"
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


def _load_stream(loader: Loader, decoder: Any) -> Generator[Any, Any, None]:
    while True:
        message = yield NEED_COPY_DATA
        if isinstance(message, messages.CopyData):
            yield from loader.take(decoder, message.data)
        elif isinstance(message, messages.CopyDone):
            return
        elif isinstance(message, messages.CopyFail):
            raise QueryCanceled(
                f"COPY from stdin failed: {message.message}",
                context=f"COPY {loader.table.name}, line {loader.line_no + 1}",
            )
        elif not isinstance(message, messages.Flush | messages.Sync):
            raise ProtocolViolation("unexpected message during COPY from stdin")


def _load_file(loader: Loader, decoder: Any, filename: str) -> Generator[Any, Any, None]:
    try:
        file: BinaryIO = Path(filename).open("rb")  # noqa: SIM115
    except OSError as error:
        raise UndefinedFile(
            f'could not open file "{filename}" for reading: {error.strerror}'
        ) from error
    with file:
        while chunk := file.read(FILE_BYTES_AT_ONCE):
            loader.execution.check_cancelled()
            yield from loader.take(decoder, chunk)


class Loader:
    """Puts decoded rows into a table, many at once."""

    def __init__(
        self,
        context: StatementContext,
        table: Table,
        columns: tuple[TableColumn, ...],
        planned: PlannedStatement,
        statement: tree.Copy,
    ) -> None:
        self.table = table
        self.columns = columns
        self.count = 0
        self.is_binary = False
        self.execution = context.execution()
        self._style = context.session.style
        self._types = [
            TypeReference(context.catalog.type(column.type), column.modifier) for column in columns
        ]
        binding = BindContext(context.environment())
        self._tests = [domain_tester(binding, column.type) for column in columns]
        plan = planned.plan
        assert isinstance(plan, InsertPlan)
        self.execution.program = program = Program(plan)
        assert isinstance(program.root, Insert)
        self._insert = program.root
        self._defaults = self._missing_columns(context)
        self._where = self._condition(context, statement)
        self._insert.before_statement(self.execution)
        self._pending: list[list[bytes | None]] = [[] for _ in columns]
        self._line_no = 0
        self._plain = None
        is_routed = table.kind == "p" or table.is_partition
        is_simple = (
            not is_routed
            and statement.where is None
            and not (plan.checks or plan.generated or self._defaults)
        )
        if is_simple and not any(self._tests):
            self._plain = plain_loader(table, columns, self._types, self.execution, self._style)

    @property
    def line_no(self) -> int:
        """The line that was taken last."""
        plain = 0 if self._plain is None else self._plain.row_count
        return self._line_no + plain + (len(self._pending[0]) if self._pending else 0)

    def _missing_columns(self, context: StatementContext) -> list[tuple[int, Any]]:
        given = {column.number for column in self.columns}
        defaults = bind_defaults(context.environment(), self.table)
        return [
            (number, compile_expression(expression, {}))
            for number, expression in defaults.items()
            if number not in given
        ]

    def _condition(self, context: StatementContext, statement: tree.Copy) -> Any:
        if statement.where is None:
            return None
        bound = bind_over_table(context.environment(), self.table, statement.where.source)
        for number in sorted(columns_used(bound)):
            column = self.table.column(number)
            if column.generated:
                raise InvalidColumnReference(
                    "generated columns are not supported in COPY FROM WHERE conditions",
                    detail=f'Column "{column.name}" is a generated column.',
                )
        layout = {column.number: column.number - 1 for column in self.table.columns}
        return compile_expression(bound, layout)

    def take(self, decoder: Any, data: bytes) -> Iterator[Wait]:
        """Take a piece of the data."""
        plain = self._plain
        spans = None if plain is None or self.is_binary else decoder.take_plain(data)
        if plain is None or spans is None:
            fields = decoder.feed(data)
            if any(fields):
                yield from self._insert_plain()
                yield from self.load(fields)
        elif not self._has_pending() and plain.add(spans):
            if plain.is_full:
                yield from self._insert_plain()
        else:
            yield from self._insert_plain()
            yield from self.load([spans.fields(number) for number in range(len(self.columns))])

    def _has_pending(self) -> bool:
        return bool(self._pending) and bool(self._pending[0])

    def _insert_plain(self) -> Iterator[Wait]:
        """Insert what was taken as plain, in whichever way."""
        if self._plain is None or not self._plain.row_count:
            return
        self.execution.check_cancelled()
        count = self._plain.row_count
        fields = self._plain.insert()
        if fields is not None:
            yield from self.load(fields)
            return
        self._line_no += count
        self.count += count

    def load(self, columns: list[list[bytes | None]]) -> Iterator[Wait]:
        """Take rows; they are inserted when there are enough."""
        for pending, values in zip(self._pending, columns, strict=True):
            pending.extend(values)
        if self._pending and len(self._pending[0]) >= ROWS_AT_ONCE:
            yield from self._flush()

    def finish(self, columns: list[list[bytes | None]]) -> Iterator[Wait]:
        """Insert what is left, and check what was put off to the end of the statement."""
        yield from self._insert_plain()
        yield from self.load(columns)
        yield from self._flush()
        self._insert.after_statement(self.execution)
        yield from run_after_statement(self.execution)

    def _flush(self) -> Iterator[Wait]:
        count = len(self._pending[0]) if self._pending else 0
        if not count:
            return
        batch = Batch(tuple(self._parsed(i) for i in range(len(self.columns))), count)
        self._pending = [[] for _ in self.columns]
        self._line_no += count
        given = dict(zip((column.number for column in self.columns), batch.columns, strict=True))
        empty = Batch((), batch.count)
        for number, default in self._defaults:
            given[number] = default(empty, self.execution)
        count = batch.count
        if self._where is not None:
            full = TableWriter.full_batch_of(self.table, given, count, self.execution)
            chosen = evaluate_filter(self._where, full, self.execution)
            given = {number: column.take(chosen) for number, column in given.items()}
            count = len(chosen)
        yield from self._insert.insert(given, count, self.execution)
        self.count += count

    def _parsed(self, position: int) -> Column:
        """One column of values out of their text; an error names line and column as PostgreSQL does."""
        reference = self._types[position]
        texts = self._pending[position]
        try:
            return self._parse(position, texts)
        except SqlError as error:
            raise self._at_line(error, position, reference) from error

    def _parse(self, position: int, texts: list[bytes | None]) -> Column:
        """Values out of texts, tested where they are of a domain."""
        reference = self._types[position]
        column = (
            self._received(reference, texts) if self.is_binary else self._read(reference, texts)
        )
        test = self._tests[position]
        if test is not None:
            for value in values_of(column):
                test(value, self.execution)
        return column

    def _received(self, reference: TypeReference, fields: list[bytes | None]) -> Column:
        encoding = self._style.encoding
        if encoding is not None:
            kind = reference.type
            fields = [
                None if field is None else parameter_binary(field, kind, encoding)
                for field in fields
            ]
        return received(reference, fields, self._style)

    def _read(self, reference: TypeReference, texts: list[bytes | None]) -> Column:
        try:
            return reference.type.parse_column(texts, reference.modifier, self._style)
        except UnicodeDecodeError:
            for text in texts:
                decode_text(text or b"")
            raise

    def _at_line(self, error: SqlError, position: int, reference: TypeReference) -> SqlError:
        for number, text in enumerate(self._pending[position]):
            try:
                self._parse(position, [text])
            except SqlError as found:
                name = self.columns[position].name
                line_no = self._line_no + number + 1
                found.context = f"COPY {self.table.name}, line {line_no}, column {name}"
                if isinstance(found, CharacterNotInRepertoire):
                    found.context = f"COPY {self.table.name}, line {line_no}"
                elif text is not None and not self.is_binary:
                    found.context += f': "{text.decode(errors="replace")}"'
                return found
        return error


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
            kind = (
                "view" if isinstance(table, Table) and table.kind == "v" else "non-table relation"
            )
            is_partitioned = isinstance(table, Table) and table.kind == "p"
            kind = "partitioned table" if is_partitioned else kind
            raise WrongObjectType(
                f'cannot copy from {kind} "{table.name}"',
                hint="Try the COPY (SELECT ...) TO variant."
                if kind in ("view", "partitioned table")
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
    try:
        file: BinaryIO = Path(filename).open("wb")  # noqa: SIM115
    except OSError as error:
        raise UndefinedFile(
            f'could not open file "{filename}" for writing: {error.strerror}'
        ) from error
    with file:
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
