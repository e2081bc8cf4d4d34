"""Rows of parameters: an INSERT of many rows that differ in the numbers of their parameters alone, as one of one row.

    INSERT INTO t (a, b) VALUES ($1, lower($2)), ($3, lower($4)) RETURNING a
    INSERT INTO t (a, b) VALUES ($1, lower($2)) RETURNING a                   text, of two rows

Rule 1: rows are those of drivers: written alike up to the last space, numbered from one on without a gap.
Rule 2: what is odd in a text is left to the text itself, which words its errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from server.oids import INT2, INT4, INT8
from server.sql.row_lists import COLUMNS_MAX, COMMENT, HEAD, HEAD_LENGTH_MAX, TAIL_LENGTH_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS_MIN: Final = 33
"""Fewer rows are planned as they are written: executor.point_rows inserts them one by one."""
PARAMETERS_MAX: Final = 65_535
ROW_LENGTH_MAX: Final = 65_536
_TOKEN: Final = re.compile(
    r"""'[^'\\]*'|"[^"]*"|(?<![\w$])\$[0-9]{1,5}(?![\w$])|[()]|[^'"$()\\]+"""
)
_BETWEEN: Final = re.compile(r"[ \t\n\r\f]*,[ \t\n\r\f]*(?=\()")
_LAST_NUMBER: Final = re.compile(r"[0-9]{1,5}(?![\w$])")


class ParameterRows(NamedTuple):
    """A statement of one row of so many parameters, and how many rows of them there are."""

    text: str
    width: int
    row_count: int


def parameter_rows_of(sql: str) -> ParameterRows | None:
    """The rows of parameters of a text; None where there is nothing to gain or to be sure of."""
    number = _LAST_NUMBER.match(sql, sql.rfind("$") + 1)
    if number is None or not ROWS_MIN <= int(number[0]) <= PARAMETERS_MAX:
        return None
    head = HEAD.match(sql, 0, HEAD_LENGTH_MAX)
    if head is None or COMMENT.search(head[0]):
        return None
    row = _first_row(sql, head.end())
    return None if row is None else _rows(sql, head.end(), *row, int(number[0]))


def _rows(
    sql: str, start: int, pieces: Sequence[str], end: int, total: int
) -> ParameterRows | None:
    """The rows that begin with one of these pieces, up to a number of parameters."""
    width = len(pieces) - 1
    count, rest = divmod(total, width)
    between = _BETWEEN.match(sql, end)
    if rest or count < ROWS_MIN or between is None:
        return None
    every = between[0].join([_template(pieces)] * count) % tuple(range(1, total + 1))
    tail = sql[start + len(every) :]
    if len(tail) > TAIL_LENGTH_MAX or "$" in tail or tail.lstrip().startswith(","):
        return None
    return ParameterRows(sql[:end] + tail, width, count) if sql.startswith(every, start) else None


def _first_row(sql: str, start: int) -> tuple[list[str], int] | None:
    """The text of a row before, between and behind its parameters, and where the row ends."""
    pieces, depth, position = [""], 0, start
    while True:
        token = _TOKEN.match(sql, position)
        if token is None or token.end() - start > ROW_LENGTH_MAX or len(pieces) > COLUMNS_MAX:
            return None
        text, position = token[0], token.end()
        if text[0] == "$":
            if int(text[1:]) != len(pieces):
                return None
            pieces.append("")
            continue
        if text[0] not in "'\"" and COMMENT.search(text):
            return None
        pieces[-1] += text
        depth += (text == "(") - (text == ")")
        if not depth:
            return (pieces, position) if len(pieces) > 1 else None


def _template(pieces: Sequence[str]) -> str:
    return "$%d".join([piece.replace("%", "%%") for piece in pieces])


def merged_types(types: Sequence[int], width: int) -> tuple[int, ...] | None:
    """A type for each column of parameters, of all that were declared; None: they do not go together.

    One that was not declared for a row (0) is that of the others there, as for NULL; of integers it is the widest.
    """
    columns = [set(types[number::width]) - {0} for number in range(width)]
    if all(len(column) < 2 or column.issubset(_INTEGERS) for column in columns):
        return tuple([max(column, key=_width, default=0) for column in columns])
    return None


_INTEGERS: Final = (INT2, INT4, INT8)


def _width(oid: int) -> int:
    return _INTEGERS.index(oid) if oid in _INTEGERS else 0
