"""Text as it is written with standard_conforming_strings off, made text that means the same with it on.

Rule 1: a plain string with a backslash becomes an escape string; everything else stays as it is.
Rule 2: strings with Unicode escapes are refused, as they would mean something else.
"""

from __future__ import annotations

import re
from typing import Final

from server.errors import FeatureNotSupported

_PIECE: Final = re.compile(
    r"""
    --[^\n]*
    | (?P<comment>/\*)
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<unicode>[Uu]&')
    | "(?:[^"]|"")*"
    | [BbXx]'[^']*'
    | (?P<escaped>[Ee])?'(?P<body>(?:[^'\\]|\\.|'')*)'
    | [^\W\d][\w$]*
    | \d[\w.]*
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


def as_standard(sql: str) -> str:
    """The text as it would be written with the setting on."""
    parts: list[str] = []
    position = 0
    while position < len(sql):
        found = _PIECE.match(sql, position)
        assert found is not None, position
        end = found.end()
        if found["comment"]:
            end = _after_comment(sql, end)
        elif found["dollar"]:
            closing = sql.find(found["dollar"], end)
            end = len(sql) if closing < 0 else closing + len(found["dollar"])
        elif found["unicode"]:
            raise FeatureNotSupported(
                "unsafe use of string constant with Unicode escapes",
                detail="String constants with Unicode escapes cannot be used when "
                "standard_conforming_strings is off.",
                position=position + 1,
            )
        elif "\\" in (found["body"] or "") and not found["escaped"]:
            parts.append("E")
        parts.append(sql[position:end])
        position = end
    return "".join(parts)


def _after_comment(sql: str, position: int) -> int:
    """Where a comment ends, in which there may be others."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(sql, position)
        if edge is None:
            return len(sql)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position
