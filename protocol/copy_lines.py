"""CopyLines: where in the data of COPY the rows stood that were given lately, for errors that come to light later.

Rule 1: noting costs nothing but holding the data; lines are told apart only when one is asked for.
"""

from dataclasses import dataclass
from typing import NamedTuple

from protocol.copy_text import Dialect, line_at
from protocol.errors import CopyFormatError


class CopyLine(NamedTuple):
    """A line of the data: its number, counted from 1, and its bytes; None where these cannot be told."""

    line_no: int
    text: bytes | None


@dataclass(frozen=True, slots=True)
class _Piece:
    data: bytes
    first_row: int
    row_count: int
    lines_before: int
    line_end: int


class CopyLines:
    """The lines of rows, which are counted from 0."""

    __slots__ = ("_dialect", "_pieces")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._pieces: list[_Piece] = []

    def note(
        self, data: bytes, first_row: int, row_count: int, lines_before: int, line_end: int
    ) -> None:
        """Rows were taken from the beginning of data; line_end: how lines ended before."""
        if row_count:
            self._pieces.append(_Piece(data, first_row, row_count, lines_before, line_end))

    def forget(self, row: int) -> None:
        """Nobody will ask for rows before this one."""
        pieces = self._pieces
        while pieces and pieces[0].first_row + pieces[0].row_count <= row:
            del pieces[0]

    def line_of(self, row: int) -> CopyLine | None:
        """The line of a row; None of one that was forgotten."""
        for piece in self._pieces:
            if piece.first_row <= row < piece.first_row + piece.row_count:
                return self._walk(piece, row - piece.first_row)
        return None

    def _walk(self, piece: _Piece, count: int) -> CopyLine | None:
        position, line_no, line_end = 0, piece.lines_before, piece.line_end
        while True:
            line = line_at(piece.data, position, self._dialect, line_end)
            if line is None:
                return None
            line_no += line.line_count
            if not count:
                return CopyLine(line_no, line.text)
            position, line_end, count = line.following, line.line_end, count - 1


def failed_line(data: bytes, dialect: Dialect, line_end: int, line_count: int) -> bytes | None:
    """The line that ends as the so-many-th in data; None: it is not one that could be told from the next."""
    position = 0
    try:
        while position < len(data):
            line = line_at(data, position, dialect, line_end)
            if line is None or line.line_count >= line_count:
                return None if line is None else line.text
            position, line_end = line.following, line.line_end
            line_count -= line.line_count
    except CopyFormatError:
        pass
    return None
