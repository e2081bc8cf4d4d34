"""Loader: puts the decoded rows of COPY FROM into a table, many at once.

Rule 1: an error that one row is to blame for says its line, as PostgreSQL's do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import (
    CharacterNotInRepertoire,
    InvalidColumnReference,
    SqlError,
)
from server.executor.deferred import run_after_statement
from server.executor.modify import Insert
from server.executor.program import Program
from server.executor.table_writer import TableWriter
from server.expressions.evaluate import compile_expression, evaluate_filter
from server.expressions.expression import columns_used
from server.planner.domains import domain_tester
from server.planner.environment import BindContext
from server.planner.physical import Insert as InsertPlan
from server.planner.standalone import bind_defaults, bind_over_table
from server.statements.copy_plain import plain_loader
from server.statements.copy_received import received
from server.types.client_text import parameter_binary
from server.types.errors import decode_text
from server.types.type import TypeReference
from server.vector.batch import Batch
from server.vector.rows import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Column as TableColumn
    from server.catalog.objects import Table
    from server.executor.waits import Wait
    from server.planner.planned import PlannedStatement
    from server.sql import utility_session as tree
    from server.statements.statement import StatementContext
    from server.vector.column import Column

ROWS_AT_ONCE = 16_384


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
