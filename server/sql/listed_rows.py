"""Listed rows: FROM (VALUES ...) of many rows of literals, taken as columns of fields in a parameter each.

    UPDATE t SET n = v.n FROM (VALUES (1, 'x'), (2, 'y')) AS v (id, n) WHERE t.id = v.id
    UPDATE t SET n = v.n FROM (SELECT * FROM ROWS FROM (unnest($1), unnest($2)) AS ...) AS v (id, n) WHERE ...

Rule 1: the statement means what the text means: literals of a column are of one kind, or numbers of which the largest
        kind takes the others, and strings alone are text. What is odd is run as it is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from server.sql.row_lists import (
    COMMENT,
    HEAD_LENGTH_MAX,
    TAIL_LENGTH_MAX,
    TEXT_LENGTH_MIN,
    RowList,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.sql.row_lists import Scanned

ROWS_MIN: Final = 64
"""A plan for so few literals is kept without them: see session.literal_plans."""
OPENING: Final = re.compile(r"\(\s*values\s*(?=\()", re.IGNORECASE | re.ASCII)
HEAD: Final = re.compile(
    r"""
    \s* (?: insert | update | delete | select | with | merge ) \b
    (?: [^'";$] | "[^"]*" )*
    (?: (?<! [\w$"] ) (?: from | using | join ) | , ) \s*
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
LOCKS: Final = re.compile(rb"(?i)\bfor\s+(?:no\s+key\s+)?(?:update|share|key)\b")
"""Nothing can lock a row of VALUES by its name."""
END: Final = re.compile(rb"[ \t\n\r\f]*\)")


def listed_rows_of(sql: str, scan: Callable[[bytes, int], Scanned | None]) -> RowList | None:
    """The first list of rows in a text's FROM; None where there is nothing to gain or to be sure of."""
    if len(sql) < TEXT_LENGTH_MIN:
        return None
    opening = OPENING.search(sql, 0, HEAD_LENGTH_MAX)
    head = opening and HEAD.fullmatch(sql, 0, opening.start())
    if opening is None or head is None or COMMENT.search(head[0]):
        return None
    data = sql.encode()
    found = scan(data, len(sql[: opening.end()].encode()))
    if found is None:
        return None
    kinds, columns, end = found
    closing = END.match(data, end)
    if closing is None or len(columns[0]) < ROWS_MIN:
        return None
    tail = data[closing.end() :]
    if len(tail) > TAIL_LENGTH_MAX or b"$" in tail or LOCKS.search(tail):
        return None
    text = f"{head[0]}{_source(len(columns))}{tail.decode()}"
    return RowList(text, kinds, columns)


def _source(width: int) -> str:
    numbers = range(1, width + 1)
    lists = ", ".join([f"pg_catalog.unnest(${number})" for number in numbers])
    names = ", ".join([f"column{number}" for number in numbers])
    return "".join(("(SELECT * FROM ROWS FROM (", lists, ') AS "*VALUES*" (', names, "))"))
