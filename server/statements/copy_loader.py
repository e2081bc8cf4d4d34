"""Loader: puts the decoded rows of COPY FROM into a table, many at once.

Rule 1: an error that one row is to blame for says its line, as PostgreSQL's do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from server.errors import (
    CharacterNotInRepertoire,
    InvalidColumnReference,
    SqlError,
    UniqueViolation,
)
from server.executor.deferred import run_after_statement
from server.executor.modify import Insert
from server.executor.program import Program
from server.executor.row_places import at_rows, by_rows
from server.executor.table_shape import shape_of
from server.executor.table_writer import TableWriter
from server.expressions.evaluate import compile_expression
from server.expressions.expression import Call, columns_used
from server.planner.change_plans import Insert as InsertPlan
from server.planner.domains import domain_tester
from server.planner.environment import BindContext
from server.planner.matching import is_volatile
from server.planner.standalone import bind_defaults, bind_over_table
from server.statements.copy_context import CopyContext
from server.statements.copy_plain import plain_loader
from server.statements.copy_received import received
from server.types.client_text import parameter_binary
from server.types.errors import decode_text
from server.types.type import TypeReference
from server.vector.batch import Batch
from server.vector.rows import values_of
from server.vector.selection import positions_of, true_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocol.copy_format import CopyDecoder
    from server.catalog.objects import Column as TableColumn
    from server.catalog.objects import Table
    from server.executor.waits import Wait
    from server.expressions.expression import Expression
    from server.planner.planned import PlannedStatement
    from server.sql import utility_session as tree
    from server.statements.statement import StatementContext
    from server.vector.column import Column, Positions

ROWS_AT_ONCE = 16_384


def _is_volatile_default(expression: Expression) -> bool:
    """Whether rows have to be written one by one, as what the default reads may be in them; nextval reads none."""
    if isinstance(expression, Call) and expression.function.name == "nextval":
        return False
    return is_volatile(expression)


class Loader:
    """Puts decoded rows into a table, many at once."""

    def __init__(
        self,
        context: StatementContext,
        table: Table,
        columns: tuple[TableColumn, ...],
        planned: PlannedStatement,
        statement: tree.Copy,
        decoder: CopyDecoder,
    ) -> None:
        self.table = table
        self.columns = columns
        self.count = 0
        self._decoder = decoder
        self._is_binary = decoder.lines is None
        self._where_is = CopyContext(table.name, decoder.lines)
        self.execution = context.execution()
        self._style = context.session.style
        self._volatile = False
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
        self._is_gathered = self._may_gather()
        self._insert.before_statement(self.execution)
        self._pending: list[list[bytes | None]] = [[] for _ in columns]
        self._row_no = 0
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
        return self._row_no + plain + (len(self._pending[0]) if self._pending else 0)

    def _missing_columns(self, context: StatementContext) -> list[tuple[int, Any]]:
        given = {column.number for column in self.columns}
        defaults = bind_defaults(context.environment(), self.table)
        missing = [(number, each) for number, each in defaults.items() if number not in given]
        self._volatile |= any(_is_volatile_default(each) for _, each in missing)
        return [(number, compile_expression(each, {})) for number, each in missing]

    def _may_gather(self) -> bool:
        """Whether PostgreSQL would write many rows at once, and so not tell the text of one whose key is taken."""
        shape = shape_of(self.table, self.execution)
        return not (self._volatile or shape.triggers.rows("before", "insert"))

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
        self._volatile |= is_volatile(bound)
        layout = {column.number: column.number - 1 for column in self.table.columns}
        return compile_expression(bound, layout)

    def take(self, data: bytes) -> Iterator[Wait]:
        """Take a piece of the data."""
        plain, decoder = self._plain, self._decoder
        spans = None if plain is None or self._is_binary else decoder.take_plain(data)
        if plain is None or spans is None:
            fields = decoder.feed(data)
            if any(fields):
                yield from self._insert_plain()
                yield from self.load(fields)
            return
        for part in plain.portions(spans):
            if not self._has_pending() and plain.add(part):
                if plain.is_full:
                    yield from self._insert_plain()
            else:
                yield from self._insert_plain()
                yield from self.load([part.fields(number) for number in range(len(self.columns))])

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
        self._taken(count)
        self.count += count

    def _taken(self, count: int) -> None:
        """So many rows more are done with."""
        self._row_no += count
        if self._decoder.lines is not None:
            self._decoder.lines.forget(self._row_no)

    def load(self, columns: list[list[bytes | None]]) -> Iterator[Wait]:
        """Take rows; they are inserted when there are enough."""
        for pending, values in zip(self._pending, columns, strict=True):
            pending.extend(values)
        if self._pending and len(self._pending[0]) >= ROWS_AT_ONCE:
            yield from self._flush()

    def finish(self) -> Iterator[Wait]:
        """Insert what is left, and check what was put off to the end of the statement."""
        columns = self._decoder.finish()
        yield from self._insert_plain()
        yield from self.load(columns)
        yield from self._flush()
        self._insert.after_statement(self.execution)
        yield from run_after_statement(self.execution)

    def _flush(self) -> Iterator[Wait]:
        count = len(self._pending[0]) if self._pending else 0
        if not count:
            return
        columns, failed = self._parsed_columns()
        self._pending = [[] for _ in self.columns]
        if failed is not None:
            yield from self._insert_before(columns, failed)
            raise failed
        yield from self._insert_located(Batch(columns, count))
        self._taken(count)

    def _insert_before(self, columns: tuple[Column, ...], failed: SqlError) -> Iterator[Wait]:
        """Insert the rows before one that has failed, as the mistakes in them come first.

        Keys that are taken are not among these where rows would have been gathered by then.
        """
        if failed.row <= 0:
            return
        rows = Batch(tuple(column.slice(0, failed.row) for column in columns), failed.row)
        try:
            yield from self._insert_located(rows)
        except UniqueViolation:
            if not self._is_gathered:
                raise

    def _insert_located(self, batch: Batch) -> Iterator[Wait]:
        """Insert rows; an error that is about one says its line."""
        try:
            yield from self._insert_batch(batch)
        except SqlError as error:
            if error.row >= 0:
                tells_line = not (self._is_gathered and isinstance(error, UniqueViolation))
                self._where_is.at_row(error, self._row_no + error.row, tells_line=tells_line)
            raise

    def _insert_batch(self, batch: Batch) -> Iterator[Wait]:
        given = dict(zip((column.number for column in self.columns), batch.columns, strict=True))
        empty = Batch((), batch.count)
        for number, default in self._defaults:
            given[number] = default(empty, self.execution)
        count = batch.count
        if self._where is not None:
            full = TableWriter.full_batch_of(self.table, given, count, self.execution)
            places: Positions = self._chosen(full)
            given = {number: column.take(places) for number, column in given.items()}
            count = len(places)
        else:
            places = np.arange(count)
        with at_rows(places):
            yield from self._insert.insert(given, count, self.execution)
        self.count += count

    def _chosen(self, full: Batch) -> Positions:
        """The places of the rows that WHERE lets in."""
        found = by_rows(self._where, full, self.execution)
        places: Positions = positions_of(true_rows(found))
        return places

    def _parsed_columns(self) -> tuple[tuple[Column, ...], SqlError | None]:
        """Values out of the texts, and the error of the first line that is wrong, where there is one."""
        texts = self._pending
        columns: list[Column] = []
        failed: SqlError | None = None
        for position in range(len(self.columns)):
            try:
                columns.append(self._parse(position, texts[position]))
            except SqlError as error:
                failed = self._at_line(error, position, texts)
                # What comes behind it does not matter any more.
                texts = [fields[: max(0, failed.row)] for fields in texts]
                if not failed.row:
                    break
                columns.append(self._parse(position, texts[position]))
        return tuple(columns), failed

    def _parse(self, position: int, texts: list[bytes | None]) -> Column:
        """Values out of texts, tested where they are of a domain."""
        reference = self._types[position]
        column = (
            self._received(reference, texts) if self._is_binary else self._read(reference, texts)
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

    def _at_line(self, error: SqlError, position: int, texts: list[list[bytes | None]]) -> SqlError:
        """The error of the first wrong field of a column, with its context."""
        for number, text in enumerate(texts[position]):
            try:
                self._parse(position, [text])
            except SqlError as found:
                found.row = number
                row = self._row_no + number
                if isinstance(found, CharacterNotInRepertoire):
                    return self._where_is.at_row(found, row, tells_line=False)
                name, is_shown = self.columns[position].name, not self._is_binary
                return self._where_is.at_field(found, row, name, text, is_shown=is_shown)
        return error
