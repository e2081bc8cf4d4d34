"""COPY's text, csv and binary formats: columns to bytes, and bytes in any pieces to columns.

    decoder = copy_decoder(options, column_names)
    for message in ...: columns = decoder.feed(message.data)     # one list per column
    columns = decoder.finish()

Rule 1: values are bytes or None; encoding them is the types' business, and so is checking UTF-8.
Rule 2: the result does not depend on how the data was cut into pieces.
Rule 3: wrong data raises CopyFormatError, whose line_no goes into the error's context.

The manual's page "COPY" is the authority; what it leaves open was asked of PostgreSQL 15.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from protocol.copy_binary import BinaryDecoder, encode_binary_header
from protocol.copy_encoded import EncodedDecoder
from protocol.copy_fields import copy_escape, copy_escapes, csv_fields
from protocol.copy_lines import CopyLines, failed_line
from protocol.copy_spans import NULL, Spans
from protocol.copy_text import Columns, Dialect, LineEnd, first_line
from protocol.encodings import Encoding, to_client
from protocol.errors import CopyFormatError
from protocol.native import decode_columns, plain_spans


class CopyFormat(Enum):
    """The formats of COPY."""

    TEXT = "text"
    CSV = "csv"
    BINARY = "binary"


class Header(Enum):
    """Whether there is a first line of column names, and whether it is compared."""

    NONE = "none"
    PRESENT = "present"
    MATCH = "match"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """The options of one COPY; flags per column are empty or one for each column."""

    format: CopyFormat = CopyFormat.TEXT
    delimiter: bytes = b"\t"
    null: bytes = b"\\N"
    header: Header = Header.NONE
    quote: bytes = b'"'
    escape: bytes = b'"'
    force_quote: tuple[bool, ...] = ()
    force_not_null: tuple[bool, ...] = ()
    force_null: tuple[bool, ...] = ()
    encoding: Encoding | None = None  # of text and csv, where it is not UTF8

    @classmethod
    def csv(cls, **rest: bytes | Header | tuple[bool, ...]) -> "CopyOptions":
        """Return the defaults of csv, changed by `rest`."""
        return cls(**{"format": CopyFormat.CSV, "delimiter": b",", "null": b"", **rest})  # type: ignore[arg-type]

    @property
    def dialect(self) -> Dialect:
        """Return what splitting a line needs to know."""
        if self.format is CopyFormat.CSV:
            return Dialect(self.delimiter, self.null, self.quote, self.escape)
        return Dialect(self.delimiter, self.null)


class CopyDecoder(Protocol):
    """Takes data in pieces, gives columns of whole rows."""

    @property
    def row_count(self) -> int:
        """How many rows there were so far."""
        ...

    @property
    def lines(self) -> CopyLines | None:
        """Where the rows stood; None: there are no lines."""
        ...

    def feed(self, data: bytes) -> Columns:
        """Take a piece; return the rows that it completes."""
        ...

    def take_plain(self, data: bytes) -> Spans | None:
        """Take a piece whose rows are all plain; None: nothing was taken, feed it."""
        ...

    def finish(self) -> Columns:
        """Return what the end of the data completes."""
        ...


def copy_decoder(options: CopyOptions, column_names: Sequence[str]) -> CopyDecoder:
    """Return the decoder for a format."""
    if options.format is CopyFormat.BINARY:
        return BinaryDecoder(len(column_names))
    decoder = TextDecoder(options, column_names)
    return decoder if options.encoding is None else EncodedDecoder(decoder, options.encoding)


def encode_copy_header(options: CopyOptions, column_names: Sequence[str]) -> bytes:
    """Return what comes before the first row: nothing, a line of names, or a signature."""
    if options.format is CopyFormat.BINARY:
        return encode_binary_header()
    if options.header is Header.NONE:
        return b""
    names: Columns = [[name.encode()] for name in column_names]
    if options.format is CopyFormat.TEXT:
        line = encode_text_rows(names, options)
    else:
        csv = CopyOptions.csv(delimiter=options.delimiter, quote=options.quote)
        line = encode_csv_rows(names, csv)
    return line if options.encoding is None else to_client(line, options.encoding)


def encode_text_rows(columns: Columns, options: CopyOptions) -> bytes:
    """Return rows as lines of text format."""
    escapes = copy_escapes(options.delimiter)
    shown = [
        [options.null if value is None else copy_escape(value, escapes) for value in column]
        for column in columns
    ]
    return b"".join(options.delimiter.join(row) + b"\n" for row in zip(*shown, strict=True))


def encode_csv_rows(columns: Columns, options: CopyOptions) -> bytes:
    """Return rows as lines of csv."""
    shown = csv_fields(columns, options.dialect, options.force_quote)
    return b"".join(options.delimiter.join(row) + b"\n" for row in zip(*shown, strict=True))


class TextDecoder:
    """Decodes text and csv, which differ only in how a line is split."""

    def __init__(self, options: CopyOptions, column_names: Sequence[str]) -> None:
        self.row_count = 0
        self._options = options
        self._dialect = options.dialect
        self._names = list(column_names)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        # A row longer than many pieces must not be looked at again with every piece.
        self._retry_bytes = 1
        self._line_count = 0
        self._line_end: int = LineEnd.UNKNOWN
        self._ended = False
        self._header_due = options.header is not Header.NONE
        self.lines = CopyLines(options.dialect)

    def feed(self, data: bytes) -> Columns:
        """Take a piece; return the rows that it completes."""
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._ended or self._pending_bytes < self._retry_bytes:
            return self._nothing()
        return self._take(last=False)

    def take_plain(self, data: bytes) -> Spans | None:
        """Take a piece whose rows are all plain; None: nothing was taken, feed it."""
        options = self._options
        is_plain = (
            options.null in ((NULL, b"") if options.format is CopyFormat.TEXT else (b"",))
            and not options.force_null
            and not options.force_not_null
            and self._line_end in (LineEnd.UNKNOWN, LineEnd.NEWLINE)
        )
        if not is_plain or self._ended or self._header_due:
            return None
        whole = b"".join([*self._pending, data]) if self._pending else data
        if options.format is CopyFormat.CSV and options.quote in whole:
            return None
        spans = plain_spans(whole, len(self._names), options.delimiter, options.null)
        if spans is None or not spans.row_count:
            return None
        self._note(whole, spans.row_count)
        self._line_end = LineEnd.NEWLINE
        self._line_count += spans.row_count
        self.row_count += spans.row_count
        self._keep(whole, consumed=spans.consumed)
        return spans

    def finish(self) -> Columns:
        """Return what the end of the data completes."""
        return self._nothing() if self._ended else self._take(last=True)

    def _nothing(self) -> Columns:
        if self._ended:
            self._pending.clear()
        return [[] for _ in self._names]

    def _take(self, *, last: bool) -> Columns:
        data = b"".join(self._pending)
        # A header that must match is missed even where there is no data at all.
        missed = last and self._options.header is Header.MATCH
        if self._header_due and (data or missed):
            data = self._skip_header(data, last)
        if self._header_due or self._ended:
            self._keep(data, consumed=0)
            return self._nothing()
        try:
            split = decode_columns(data, self._names, self._dialect, self._line_end, last)
        except CopyFormatError as error:
            error.line = failed_line(data, self._dialect, self._line_end, error.line_no)
            error.line_no += self._line_count
            raise
        self._note(data, split.row_count)
        self._line_count += split.line_count
        self._line_end = split.line_end
        self._ended = split.ended
        self.row_count += split.row_count
        self._keep(data, consumed=split.consumed)
        return self._with_nulls(split.columns)

    def _note(self, data: bytes, row_count: int) -> None:
        self.lines.note(data, self.row_count, row_count, self._line_count, self._line_end)

    def _keep(self, data: bytes, *, consumed: int) -> None:
        rest = data[consumed:]
        self._pending = [rest] if rest else []
        self._pending_bytes = len(rest)
        self._retry_bytes = 1 if consumed else 2 * len(rest)

    def _skip_header(self, data: bytes, last: bool) -> bytes:
        """Return what follows the header line, or the data as it is when that is not whole yet."""
        header = first_line(data, self._dialect, last)
        if header is None:
            return data
        self._header_due = False
        self._line_end = header.line_end
        self._line_count = header.line_count
        self._ended = header.ended
        if self._options.header is Header.MATCH:
            try:
                self._match_header(header.fields)
            except CopyFormatError as error:
                error.line = failed_line(data, self._dialect, LineEnd.UNKNOWN, error.line_no)
                raise
        return data[header.consumed :]

    def _match_header(self, fields: Sequence[bytes | None]) -> None:
        names = self._names
        if len(fields) != len(names):
            raise CopyFormatError(
                f"wrong number of fields in header line: got {len(fields)}, expected {len(names)}",
                line_no=self._line_count,
            )
        for number, (value, name) in enumerate(zip(fields, names, strict=True), 1):
            if value is None:
                null = self._options.null.decode("utf-8", "replace")
                got = f'null value ("{null}")'
            elif value != name.encode():
                shown = value.decode("utf-8", "replace")
                got = f'"{shown}"'
            else:
                continue
            raise CopyFormatError(
                f'column name mismatch in header line field {number}: got {got}, expected "{name}"',
                line_no=self._line_count,
            )

    def _with_nulls(self, columns: Columns) -> Columns:
        """Apply FORCE_NOT_NULL and FORCE_NULL, which with both swap null and the null string."""
        null = self._options.null
        absent = (False,) * len(columns)
        not_nulls = self._options.force_not_null or absent
        nulls = self._options.force_null or absent
        for number, (not_null, force_null) in enumerate(zip(not_nulls, nulls, strict=True)):
            if not_null or force_null:
                stand_in = null if not_null else None
                columns[number] = [
                    stand_in if value is None else None if force_null and value == null else value
                    for value in columns[number]
                ]
        return columns
