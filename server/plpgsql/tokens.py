"""Tokens of PL/pgSQL: SQL's, and the few of its own (:= .. << >> #).

Text of SQL is not taken apart: a stretch between two tokens is handed on as it was written.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

from server.errors import SqlSyntaxError

TOKEN: Final = re.compile(
    r"""
      (?P<space>    [ \t\n\r\f\v]+ | --[^\n\r]* )
    | (?P<comment>  /\* )
    | (?P<string>   (?:[eE]'(?:[^'\\]|\\.|'')*' | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*') )
    | (?P<dollar>   \$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?)\$ )
    | (?P<param>    \$\d+ )
    | (?P<quoted>   (?:[uU]&)?"(?:[^"]|"")*" )
    | (?P<word>     [A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]* )
    | (?P<number>   (?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][-+]?\d+)? )
    | (?P<mark>     := | => | \.\. | :: | [;,()\[\].:] )
    | (?P<operator> (?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?])+ )
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


class Token(NamedTuple):
    """kind: word, quoted, string, number, param, mark, operator or end; value: what a name means."""

    kind: str
    text: str
    value: str
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Whether it may be an identifier."""
        return self.kind in {"word", "quoted"}


def tokenize(text: str) -> list[Token]:
    """Split a text into tokens, the last of which is the end; raises 42601."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise SqlSyntaxError(f'syntax error at or near "{text[position]}"')
        kind, start, position = match.lastgroup, match.start(), match.end()
        if kind == "tag":
            kind = "dollar"
        if kind == "space":
            continue
        if kind == "comment":
            position = _after_comment(text, position)
            continue
        if kind == "dollar":
            position = _after_dollar(text, match)
            kind = "string"
        written = text[start:position]
        if kind == "operator":
            written = _operator(written)
            position = start + len(written)
        assert kind is not None
        tokens.append(Token(kind, written, _value(kind, written), start, position))
    tokens.append(Token("end", "", "", len(text), len(text)))
    return tokens


def _after_comment(text: str, position: int) -> int:
    depth = 1
    while depth:
        edge = COMMENT_EDGE.search(text, position)
        if edge is None:
            raise SqlSyntaxError("unterminated /* comment")
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position


def _after_dollar(text: str, match: re.Match[str]) -> int:
    end = text.find(match[0], match.end())
    if end < 0:
        raise SqlSyntaxError("unterminated dollar-quoted string")
    return end + len(match[0])


def _operator(written: str) -> str:
    """Cut the sign off that belongs to what follows, as SQL's scanner does; << and >> stand alone."""
    if written.startswith(("<<", ">>")):
        return written[:2]
    while len(written) > 1 and written[-1] in "+-" and not set(written) & set("~!@#%^&|`?"):
        written = written[:-1]
    return written


def _value(kind: str, written: str) -> str:
    if kind == "word":
        return written.lower()
    if kind == "quoted":
        return written[written.index('"') + 1 : -1].replace('""', '"')
    return written


class Lines:
    """Where the lines of a text begin: offsets to line numbers from 1."""

    def __init__(self, text: str) -> None:
        """Look for line feeds; a body that begins with one has its BEGIN on line 2."""
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def number(self, offset: int) -> int:
        """The line that holds this offset."""
        return bisect_right(self._starts, offset)
