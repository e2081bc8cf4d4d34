r"""Splits COPY data in text and csv format into columns.

Rule 1: this file is the specification; protocol.native.copy_text is the same, compiled.
Rule 2: a row is taken whole or not at all; `consumed` is where the first row not taken begins.
Rule 3: the first line decides how lines end, and the others must do the same.
Rule 4: null is recognised before backslashes are resolved, and in csv never within quotes.
Rule 5: `\.` ends the data; what follows it is dropped.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from protocol.errors import CopyFormatError

Columns = list[list[bytes | None]]


class LineEnd(IntEnum):
    """How lines end; the first one decides."""

    UNKNOWN = 0
    NEWLINE = 1
    RETURN = 2
    RETURN_NEWLINE = 3


class Split(NamedTuple):
    """What a piece of data was split into."""

    columns: Columns
    consumed: int
    row_count: int
    line_count: int  # more than rows when csv values hold newlines
    line_end: int
    ended: bool  # by the end-of-copy marker


@dataclass(frozen=True, slots=True)
class Dialect:
    """How fields are told apart: csv where there is a quote, else text; single bytes but null."""

    delimiter: bytes
    null: bytes
    quote: bytes = b""
    escape: bytes = b""


class FirstLine(NamedTuple):
    """A line split before it is known how many fields it should have."""

    fields: list[bytes | None]
    consumed: int
    line_count: int
    line_end: int
    ended: bool


class _Line(NamedTuple):
    text: bytes
    following: int  # where the next line begins
    line_end: int
    ended: bool = False


class WholeLine(NamedTuple):
    """A line of the data, as PostgreSQL counts lines."""

    text: bytes
    following: int  # where the next line begins
    line_end: int
    line_count: int


_BACKSLASH, _DOT, _NEWLINE, _RETURN = b"\\.\n\r"
_SPECIAL = re.compile(rb"[\\\r\n]")
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.)|$)", re.DOTALL)
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
# By LineEnd: what counts as a line within quotes.
_NEWLINES = (b"\r", b"\n", b"\r", b"\r")


class Words(NamedTuple):
    """What an end of line unlike the first one is called, and the way out."""

    newline: tuple[str, str]
    carriage_return: tuple[str, str]


TEXT_WORDS = Words(
    ("literal newline found in data", 'Use "\\n" to represent newline.'),
    ("literal carriage return found in data", 'Use "\\r" to represent carriage return.'),
)
CSV_WORDS = Words(
    ("unquoted newline found in data", "Use quoted CSV field to represent newline."),
    (
        "unquoted carriage return found in data",
        "Use quoted CSV field to represent carriage return.",
    ),
)


def decode_columns(
    data: bytes, column_names: Sequence[str], dialect: Dialect, line_end: int, last: bool
) -> Split:
    """Split data into columns; with `last`, the end of the data ends a line too."""
    columns: Columns = [[] for _ in column_names]
    position = row_count = line_count = inner_lines = 0
    ended = False
    while position < len(data) and not ended:
        try:
            line = _line(data, position, dialect, line_end, last)
            if line is None:
                break
            text = line.text
            if not line.ended or text:
                inner_lines = text.count(_NEWLINES[line_end]) if dialect.quote else 0
                _add_row(columns, list(_fields(text, dialect)), column_names, not text)
                row_count += 1
                line_count += 1 + inner_lines
        except CopyFormatError as error:
            error.line_no = line_count + 1 + inner_lines
            raise
        position, ended, line_end = line.following, line.ended, line.line_end
        inner_lines = 0
    return Split(columns, position, row_count, line_count, line_end, ended)


def first_line(data: bytes, dialect: Dialect, last: bool) -> FirstLine | None:
    """Split a header line, whose number of fields is yet to be compared."""
    line = _line(data, 0, dialect, LineEnd.UNKNOWN, last)
    if line is None:
        return None
    inner_lines = line.text.count(_NEWLINES[LineEnd.UNKNOWN]) if dialect.quote else 0
    try:
        fields = list(_fields(line.text, dialect))
    except CopyFormatError as error:
        error.line_no = 1 + inner_lines
        raise
    return FirstLine(fields, line.following, 1 + inner_lines, line.line_end, line.ended)


def line_at(data: bytes, start: int, dialect: Dialect, line_end: int) -> WholeLine | None:
    """The line that begins at `start`; None where there is none. The end of the data ends a line too."""
    line = _line(data, start, dialect, line_end, last=True) if start < len(data) else None
    if line is None:
        return None
    inner_lines = line.text.count(_NEWLINES[line_end]) if dialect.quote else 0
    return WholeLine(line.text, line.following, line.line_end, 1 + inner_lines)


def _line(data: bytes, start: int, dialect: Dialect, line_end: int, last: bool) -> _Line | None:
    """Return the line that begins at `start`, or None when more data is needed."""
    if dialect.quote:
        return _csv_line(data, start, dialect, line_end, last)
    return _text_line(data, start, line_end, last)


def _fields(text: bytes, dialect: Dialect) -> Iterator[bytes | None]:
    if dialect.quote:
        return _csv_fields(text, dialect)
    return _text_fields(text, dialect.delimiter, dialect.null)


def _text_line(data: bytes, start: int, line_end: int, last: bool) -> _Line | None:
    position = start
    while match := _SPECIAL.search(data, position):
        position = match.start()
        if data[position] != _BACKSLASH:
            return _end_of_line(data, start, position, line_end, last, TEXT_WORDS)
        if position + 1 == len(data):
            break
        if data[position + 1] == _DOT:
            return _end_marker(data, start, position, line_end, last)
        position += 2
    return _Line(data[start:], len(data), line_end) if last else None


def _csv_line(data: bytes, start: int, dialect: Dialect, line_end: int, last: bool) -> _Line | None:
    if _is_csv_end_marker(data, start, line_end, last):
        return _end_marker(data, start, start, line_end, last)
    quote, escape = dialect.quote, dialect.escape
    in_quote = escaped = False
    toggles = quote == escape
    previous = -1
    for match in re.finditer(b"[\r\n" + re.escape(quote + escape) + b"]", data[start:]):
        position = start + match.start()
        byte = data[position]
        escaped = escaped and position == previous + 1
        previous = position
        if in_quote and not toggles and byte == escape[0]:
            escaped = not escaped
            continue
        if byte == quote[0]:
            in_quote = in_quote if escaped else not in_quote
        elif byte in (_NEWLINE, _RETURN) and not in_quote:
            return _end_of_line(data, start, position, line_end, last, CSV_WORDS)
        escaped = False
    return _Line(data[start:], len(data), line_end) if last else None


def _end_of_line(
    data: bytes, start: int, stop: int, line_end: int, last: bool, words: Words
) -> _Line | None:
    """Return the line that ends at the newline or carriage return at `stop`."""
    text = data[start:stop]
    if data[stop] == _NEWLINE:
        if line_end > LineEnd.NEWLINE:
            raise _unlike_first_line(words.newline)
        return _Line(text, stop + 1, LineEnd.NEWLINE)
    if line_end == LineEnd.RETURN:
        return _Line(text, stop + 1, line_end)
    if line_end == LineEnd.NEWLINE:
        raise _unlike_first_line(words.carriage_return)
    if stop + 1 == len(data) and not last:
        return None
    if data[stop + 1 : stop + 2] == b"\n":
        return _Line(text, stop + 2, LineEnd.RETURN_NEWLINE)
    if line_end == LineEnd.RETURN_NEWLINE:
        raise _unlike_first_line(words.carriage_return)
    return _Line(text, stop + 1, LineEnd.RETURN)


def _unlike_first_line(words: tuple[str, str]) -> CopyFormatError:
    return CopyFormatError(words[0], hint=words[1])


def _end_marker(data: bytes, start: int, stop: int, line_end: int, last: bool) -> _Line | None:
    r"""Return the line that a `\.` at `stop` ends, if a line end follows it."""
    rest = data[stop + 2 : stop + 4]
    if len(rest) < (2 if line_end == LineEnd.RETURN_NEWLINE else 1) and not last:
        return None
    if line_end == LineEnd.RETURN_NEWLINE:
        if rest[:1] == b"\n":
            raise CopyFormatError("end-of-copy marker does not match previous newline style")
        if rest[:1] != b"\r":
            raise CopyFormatError("end-of-copy marker corrupt")
        rest = rest[1:]
    if rest[:1] not in (b"\n", b"\r"):
        raise CopyFormatError("end-of-copy marker corrupt")
    if not _matches(rest[0], line_end):
        raise CopyFormatError("end-of-copy marker does not match previous newline style")
    return _Line(data[start:stop], len(data), line_end, ended=True)


def _is_csv_end_marker(data: bytes, start: int, line_end: int, last: bool) -> bool:
    r"""Whether a line is `\.` and nothing else, or may become so: all else is data in csv."""
    rest = data[start : start + 4]
    if line_end == LineEnd.RETURN_NEWLINE:
        wanted: tuple[bytes, ...] = (b"\\.\r\n", b"\\.\r\r")
    else:
        wanted = (b"\\.\n", b"\\.\r")
        rest = rest[:3]
    if len(rest) == len(wanted[0]) or last:
        return rest in wanted
    return any(marker.startswith(rest) for marker in wanted)


def _matches(byte: int, line_end: int) -> bool:
    if line_end == LineEnd.UNKNOWN:
        return True
    return byte == (_RETURN if line_end == LineEnd.RETURN else _NEWLINE)


def _text_fields(line: bytes, delimiter: bytes, null: bytes) -> Iterator[bytes | None]:
    pattern = re.compile(rb"(?:\\.|[^" + re.escape(delimiter) + rb"\\]|\\$)*", re.DOTALL)
    position = 0
    while True:
        match = pattern.match(line, position)
        assert match is not None, "an empty field matches too"
        raw = match.group()
        yield None if raw == null else _ESCAPE.sub(_unescape, raw)
        position = match.end() + 1
        if match.end() == len(line):
            return


def _unescape(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, letter = match.groups()
    if octal is not None:
        return bytes((int(octal, 8) & 0xFF,))
    if hexadecimal is not None:
        return bytes((int(hexadecimal, 16),))
    return _LETTERS.get(letter, letter) if letter is not None else b""


def _csv_fields(line: bytes, dialect: Dialect) -> Iterator[bytes | None]:
    delimiter, quote, escape = dialect.delimiter[0], dialect.quote[0], dialect.escape[0]
    position = 0
    while True:
        start = position
        value = bytearray()
        quoted = False
        while position < len(line) and line[position] != delimiter:
            if line[position] == quote:
                quoted = True
                position = _quoted(line, position + 1, quote, escape, value)
            else:
                value.append(line[position])
                position += 1
        yield None if not quoted and line[start:position] == dialect.null else bytes(value)
        if position == len(line):
            return
        position += 1


def _quoted(line: bytes, position: int, quote: int, escape: int, value: bytearray) -> int:
    """Append what stands between quotes; return where it ends."""
    while position < len(line):
        byte = line[position]
        following = line[position + 1 : position + 2]
        if byte == escape and following and following[0] in (escape, quote):
            value += following
            position += 2
            continue
        position += 1
        if byte == quote:
            return position
        value.append(byte)
    raise CopyFormatError("unterminated CSV quoted field")


def _add_row(
    columns: Columns, fields: Sequence[bytes | None], names: Sequence[str], empty: bool
) -> None:
    if not columns and empty:
        return
    if len(fields) > len(columns):
        raise CopyFormatError("extra data after last expected column")
    if len(fields) < len(columns):
        raise CopyFormatError(f'missing data for column "{names[len(fields)]}"')
    for column, value in zip(columns, fields, strict=True):
        column.append(value)
