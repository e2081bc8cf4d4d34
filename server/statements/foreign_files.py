"""Foreign tables of file_fdw: which options they have, and their rows, out of files as COPY reads them.

Rule 1: options are those of COPY FROM besides `filename`; FORCE_NULL and FORCE_NOT_NULL are options of columns.
Rule 2: who names a file has to be allowed to read files of the server; whoever may read the table then reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from protocol.copy_format import CopyDecoder, copy_decoder
from protocol.errors import CopyFormatError
from server.catalog.privileges import (
    EXECUTE_PROGRAM_OID,
    READ_SERVER_FILES_OID,
    has_privileges_of,
)
from server.errors import (
    BY_SQLSTATE,
    FeatureNotSupported,
    InsufficientPrivilege,
    SqlError,
    SqlSyntaxError,
)
from server.planner.domains import domain_tester
from server.planner.environment import BindContext
from server.sql.utility_statement import Option
from server.statements.copy_context import CopyContext
from server.statements.copy_options import copy_options
from server.statements.copy_received import received
from server.statements.opened_files import opened_to_read
from server.types.type import TypeReference
from server.vector.batch import Batch
from server.vector.rows import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Column as TableColumn
    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.vector.column import Column

BYTES_AT_ONCE: Final = 64 * 1024
TABLE_OPTIONS: Final = (
    *("filename", "program", "format", "header", "delimiter", "quote", "escape", "null"),
    "encoding",
)
GENERATED: Final = -1
"""The place of a column that is in no file: it is null."""
COLUMN_OPTIONS: Final = ("force_not_null", "force_null")
TRUE_WORDS: Final = ("true", "on", "yes", "1", "t", "y")
FALSE_WORDS: Final = ("false", "off", "no", "0", "f", "n")


class InvalidOptionName(SqlError, sqlstate="HV00D"):
    """fdw_invalid_option_name."""


class ValueNeeded(SqlError, sqlstate="HV002"):
    """fdw_dynamic_parameter_value_needed."""


def check_options(view: CatalogView, user: int, kind: str, options: Sequence[str]) -> None:
    """Raise for options that an object of a kind (table, column, or other) cannot have."""
    given = dict(text.split("=", 1) for text in options)
    allowed = {"table": TABLE_OPTIONS, "column": COLUMN_OPTIONS}.get(kind, ())
    for name in given:
        if name not in allowed:
            hint = "There are no valid options in this context."
            if allowed:
                hint = f"Valid options in this context are: {', '.join(allowed)}"
            raise InvalidOptionName(f'invalid option "{name}"', hint=hint)
    if kind == "column":
        for name, value in given.items():
            _truth(name, value)
    if kind == "table":
        _check_source(view, user, given)
        _copy_options(given, (), {})


def _check_source(view: CatalogView, user: int, given: Mapping[str, str]) -> None:
    sources = (
        ("filename", READ_SERVER_FILES_OID, "pg_read_server_files"),
        ("program", EXECUTE_PROGRAM_OID, "pg_execute_server_program"),
    )
    for name, role, role_name in sources:
        if name in given and not has_privileges_of(view, user, role):
            raise InsufficientPrivilege(
                f"only superuser or a role with privileges of the {role_name} role may specify "
                f"the {name} option of a file_fdw foreign table"
            )
    if "filename" in given and "program" in given:
        raise SqlSyntaxError("conflicting or redundant options")
    if "filename" not in given and "program" not in given:
        raise ValueNeeded("either filename or program is required for file_fdw foreign tables")


def _truth(name: str, value: str) -> bool:
    word = value.lower()
    if word not in (*TRUE_WORDS, *FALSE_WORDS):
        raise SqlSyntaxError(f"{name} requires a Boolean value")
    return word in TRUE_WORDS


def _copy_options(
    given: Mapping[str, str], names: Sequence[str], forced: Mapping[str, tuple[str, ...]]
) -> Any:
    """The options as those of COPY, with the columns that have one of their own."""
    listed: dict[str, Any] = {
        name: value for name, value in given.items() if name not in ("filename", "program")
    }
    listed |= {name: columns for name, columns in forced.items() if columns}
    options = [Option(name, value) for name, value in listed.items()]
    return copy_options(options, names, is_from=True, client_encoding=None)


@dataclass(slots=True)
class _Reader:
    """The columns that are asked for, by their place in the file, and where in it one is."""

    table: Table
    columns: Sequence[TableColumn]
    places: Sequence[int]
    types: Sequence[TypeReference]
    tests: Sequence[Any]
    decoder: CopyDecoder
    execution: ExecutionContext
    where: CopyContext
    row_no: int = 0

    def batch(self, fields: Sequence[Sequence[bytes | None]]) -> Batch:
        """Values of the fields of some rows."""
        found = []
        count = len(fields[0]) if fields else 0
        for place, kind, test in zip(self.places, self.types, self.tests, strict=True):
            texts: list[bytes | None] = list(fields[place] if place != GENERATED else ())
            texts += [None] * (count - len(texts))
            try:
                found.append(self._values(texts, kind, test))
            except SqlError:
                self._refuse_first(texts, self.columns[place].name, kind, test)
                raise
        self.row_no += count
        return Batch(tuple(found), count)

    def _values(self, texts: list[bytes | None], kind: TypeReference, test: Any) -> Column:
        style = self.execution.style
        if self.decoder.lines is None:
            column = received(kind, texts, style)
        else:
            column = kind.type.parse_column(texts, kind.modifier, style)
        if test is not None:
            for value in values_of(column):
                test(value, self.execution)
        return column

    def _refuse_first(
        self, texts: list[bytes | None], name: str, kind: TypeReference, test: Any
    ) -> None:
        """Raise for the first field that is wrong, and say where it is."""
        for row, text in enumerate(texts):
            try:
                self._values([text], kind, test)
            except SqlError as error:
                shown = self.decoder.lines is not None
                raise self.where.at_field(
                    error, self.row_no + row, name, text, is_shown=shown
                ) from None


def file_rows(execution: ExecutionContext, table: Table, numbers: Sequence[int]) -> Iterator[Batch]:
    """The rows of a foreign table of file_fdw: the columns with these numbers."""
    given = dict(text.split("=", 1) for text in table.foreign_options)
    if "program" in given:
        raise FeatureNotSupported("programs as files of foreign tables are not supported")
    reader = _reader(execution, table, numbers, given)
    with opened_to_read(given["filename"]) as file:
        try:
            while chunk := file.read(BYTES_AT_ONCE):
                execution.check_cancelled()
                fields = reader.decoder.feed(chunk)
                if fields and fields[0]:
                    yield reader.batch(fields)
            yield reader.batch(reader.decoder.finish())
        except CopyFormatError as error:
            raise _located(error, table.name) from error


def _reader(
    execution: ExecutionContext, table: Table, numbers: Sequence[int], given: Mapping[str, str]
) -> _Reader:
    columns = [column for column in table.live_columns if not column.generated]
    names = [column.name for column in columns]
    forced: dict[str, list[str]] = {name: [] for name in COLUMN_OPTIONS}
    for column in columns:
        for name, value in (text.split("=", 1) for text in column.foreign_options):
            if _truth(name, value):
                forced[name].append(column.name)
    listed = {name: tuple(found) for name, found in forced.items()}
    decoder = copy_decoder(_copy_options(given, names, listed), names)
    by_number = {column.number: place for place, column in enumerate(columns)}
    places = [by_number.get(number, GENERATED) for number in numbers]
    view = execution.catalog
    wanted = [table.column(number) for number in numbers]
    binding = BindContext(execution.surroundings.environment())
    return _Reader(
        table=table,
        columns=columns,
        places=places,
        types=[TypeReference(view.type(column.type), column.modifier) for column in wanted],
        tests=[domain_tester(binding, column.type) for column in wanted],
        decoder=decoder,
        execution=execution,
        where=CopyContext(table.name, decoder.lines),
    )


def _located(error: CopyFormatError, table: str) -> SqlError:
    fields = error.fields
    found = BY_SQLSTATE[fields.sqlstate](fields.message, detail=fields.detail, hint=fields.hint)
    if error.line_no:
        CopyContext(table, None).at_line(found, error.line_no, error.line)
    return found
