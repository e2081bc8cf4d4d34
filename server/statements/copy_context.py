"""The CONTEXT of an error in COPY FROM: the table, the line, and what of it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from protocol.copy_lines import CopyLines
    from server.errors import SqlError

SHOWN_BYTES_MAX: Final = 100


def shown(text: bytes) -> str:
    """Text in quotes, cut where it is long."""
    if len(text) <= SHOWN_BYTES_MAX:
        return f'"{text.decode(errors="replace")}"'
    stop = SHOWN_BYTES_MAX
    while stop and text[stop] & 0xC0 == 0x80:  # within a character
        stop -= 1
    return f'"{text[:stop].decode(errors="replace")}..."'


class CopyContext:
    """Says where in the data an error is; rows are counted from 0."""

    __slots__ = ("_lines", "_table")

    def __init__(self, table: str, lines: CopyLines | None) -> None:
        self._table = table
        self._lines = lines

    def at_line(self, error: SqlError, line_no: int, text: bytes | None = None) -> SqlError:
        """Set, or add to, the context of an error that is about a whole line."""
        found = f"COPY {self._table}, line {line_no}"
        if text is not None:
            found += f": {shown(text)}"
        error.context = f"{error.context}\n{found}" if error.context else found
        return error

    def at_row(self, error: SqlError, row: int, *, tells_line: bool = True) -> SqlError:
        """As at_line, of the line of a row."""
        line = None if self._lines is None else self._lines.line_of(row)
        if line is None:
            return self.at_line(error, row + 1)
        return self.at_line(error, line.line_no, line.text if tells_line else None)

    def at_field(
        self, error: SqlError, row: int, column: str, field: bytes | None, *, is_shown: bool
    ) -> SqlError:
        """Set the context of an error that is about a field."""
        self.at_row(error, row, tells_line=False)
        error.context += f", column {column}"
        if field is None:
            error.context += ": null input"
        elif is_shown:
            error.context += f": {shown(field)}"
        return error
