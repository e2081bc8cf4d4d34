"""Row lists: an INSERT of many rows of literals, taken as a statement of one row and columns of fields.

    INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y') RETURNING a
    INSERT INTO t (a, b) VALUES ($1, $2) RETURNING a                 text
    is                                                               kinds, a letter a column, as in lexer
    [b"1", b"2"], [b"x", b"y"]                                       columns

Rule 1: the statement of one row, run for each row of the columns, means what the text means. Where that is not
        certain there is no row list: every cell is a literal, and those of a column are of one kind, or numbers of
        which the largest kind takes the others, or NULL.
Rule 2: what is odd in a text has no row list: then the text itself is run, and words its errors.

`row_list_of` is what makes a row list with one of the scanners: `scan_rows` here, or its compiled twin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from server.sql.lexer import BIGINT, INTEGER, NUMERIC, STRING, number_kind

if TYPE_CHECKING:
    from collections.abc import Callable

BOOLEAN: Final = "o"

ROWS_MIN: Final = 8
"""Fewer rows are planned as they are written."""
TEXT_LENGTH_MIN: Final = 48
HEAD_LENGTH_MAX: Final = 4_096
TAIL_LENGTH_MAX: Final = 2_048
COLUMNS_MAX: Final = 1_600

Fields = list[bytes | None]
Scanned = tuple[str, tuple[Fields, ...], int]
"""Kinds, columns, and where the first byte after the rows is."""

HEAD: Final = re.compile(
    r"""
    \s* insert \s+ into \s+
    (?: [^'"();$] | "[^"]*" )+
    (?: \( (?: [^'"();$] | "[^"]*" )* \) (?: [^'"();$] | "[^"]*" )* )?
    (?<! [\w$"] ) values \s* (?= \( )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
COMMENT: Final = re.compile(r"--|/\*")
CELL: Final = re.compile(
    rb"""
    [ \t\n\r\f]*
    (?: (?P<number> -? (?:\d+(?:\.\d*)?|\.\d+) (?:[eE][-+]?\d+)? )
      | (?P<string> '[^']*(?:''[^']*)*' )
      | (?P<word> null | true | false )
    )
    [ \t\n\r\f]* (?P<after> [,)] )
    """,
    re.VERBOSE | re.IGNORECASE,
)
OPENING: Final = re.compile(rb"[ \t\n\r\f]*\(")
NEXT_ROW: Final = re.compile(rb"[ \t\n\r\f]*,(?=[ \t\n\r\f]*\()")
NUMBERS: Final = (INTEGER, BIGINT, NUMERIC)


class RowList(NamedTuple):
    """A statement of one row of parameters, and the fields of its rows, a list a parameter."""

    text: str
    kinds: str
    columns: tuple[Fields, ...]


def row_list_of(sql: str, scan: Callable[[bytes, int], Scanned | None]) -> RowList | None:
    """The row list of a text; None where there is nothing to gain or to be sure of."""
    if len(sql) < TEXT_LENGTH_MIN:
        return None
    head = HEAD.match(sql, 0, HEAD_LENGTH_MAX)
    if head is None or COMMENT.search(head[0]):
        return None
    data = sql.encode()
    found = scan(data, len(head[0].encode()))
    if found is None:
        return None
    kinds, columns, end = found
    tail = data[end:]
    if len(columns[0]) < ROWS_MIN or len(tail) > TAIL_LENGTH_MAX or b"$" in tail:
        return None
    cells = ", ".join([f"${number}" for number in range(1, len(columns) + 1)])
    return RowList(f"{head[0]}({cells}){tail.decode()}", kinds, columns)


def scan_rows(data: bytes, position: int) -> Scanned | None:
    """The rows of literals that begin at a position; None where a row is anything else."""
    columns: list[Fields] = []
    kinds: list[str] = []
    is_first = True
    while True:
        opening = OPENING.match(data, position)
        if opening is None:
            return None
        position, number = opening.end(), 0
        after = b","
        while after == b",":
            cell = CELL.match(data, position)
            if cell is None:
                return None
            if is_first and number < COLUMNS_MAX:
                columns.append([])
                kinds.append("")
            if number == len(columns):
                return None
            kind, field = _read(cell)
            merged = merged_kind(kinds[number], kind)
            if merged is None:
                return None
            kinds[number] = merged
            columns[number].append(field)
            position, after, number = cell.end(), cell["after"], number + 1
        if number != len(columns):
            return None
        is_first = False
        following = NEXT_ROW.match(data, position)
        if following is None:
            return "".join([kind or STRING for kind in kinds]), tuple(columns), position
        position = following.end()


def _read(cell: re.Match[bytes]) -> tuple[str, bytes | None]:
    """The kind of a literal, none for NULL, and its field."""
    number: bytes | None = cell["number"]
    if number is not None:
        return number_kind(number.decode()), number
    string: bytes | None = cell["string"]
    if string is not None:
        return STRING, string[1:-1].replace(b"''", b"'")
    word: bytes = cell["word"].lower()
    return ("", None) if word == b"null" else (BOOLEAN, word[:1])


def merged_kind(kind: str, other: str) -> str | None:
    """The kind of a column in which both are; None: they do not go together."""
    if kind == other or not other:
        return kind
    if not kind:
        return other
    if kind in NUMBERS and other in NUMBERS:
        return NUMBERS[max(NUMBERS.index(kind), NUMBERS.index(other))]
    return None
