"""Errors of queries in a body: where they came up, as PostgreSQL's SPI tells it.

Rule 1: a position is one in the query, which is told with it (fields p and q of an ErrorResponse).
Rule 2: an error without a position gets a line of CONTEXT that names the query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import SqlError
from server.sql.parse import EXPRESSION_LEAD

if TYPE_CHECKING:
    from types import TracebackType

    from server.plpgsql.tree import Source


class InQuery:
    """A with-block in which a query is planned or run."""

    __slots__ = ("_shift", "_text", "_what")

    def __init__(self, text: str, what: str = "SQL statement", shift: int = 0) -> None:
        """shift: what a position is moved by to be one in the text."""
        self._text = text
        self._what = what
        self._shift = shift

    def __enter__(self) -> None:
        """Nothing is to be prepared."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say where an error came up."""
        if not isinstance(error, SqlError):
            return
        if error.position > 0:
            error.internal_position = error.position + self._shift
            error.internal_query = self._text
            error.position = 0
            return
        line = f'{self._what} "{self._text}"'
        error.context = f"{error.context}\n{line}" if error.context else line


def in_expression(source: Source) -> InQuery:
    """The block for an expression, which is parsed as a query, or for what is assigned."""
    what = "PL/pgSQL assignment" if source.lead else "SQL expression"
    return InQuery(source.lead + source.text, what, len(source.lead) - len(EXPRESSION_LEAD))
