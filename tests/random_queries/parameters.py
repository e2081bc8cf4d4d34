"""Literals of a query as parameters of the extended protocol.

Rule 1: a number that may stand for a column's position, or that a type is made with, stays.
"""

from __future__ import annotations

import re
import struct
from datetime import date
from typing import Final

from tests.support.wire import Value

LITERAL: Final = re.compile(
    r"date '(?P<date>[\d-]+)'|(?<!interval )'(?P<text>a|b|ab|)'(?!')"
    r"|(?P<bigint>\b5000000000\b)|(?P<numeric>\b(?:1\.5|0\.0|2\.50)\b)"
    r"|(?<=[=<>+] )(?P<int>-?[0-7]\b)(?![.:])"
)
KINDS: Final = {"date": 1082, "text": 25, "bigint": 20, "numeric": 1700, "int": 23}
EPOCH: Final = date(2000, 1, 1)


def taken_out(sql: str, *, typed: bool) -> tuple[str, tuple[Value, ...]]:
    """The query with parameters for its literals, and their values; typed: with types, in binary if that is simple."""
    values: list[Value] = []

    def parameter(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        values.append(_typed(kind, found[kind]) if typed else Value(found[kind].encode()))
        cast = "::date" if kind == "date" and not typed else ""
        return f"${len(values)}{cast}"

    return LITERAL.sub(parameter, sql), tuple(values)


def _typed(kind: str, text: str) -> Value:
    match kind:
        case "date":
            data = struct.pack("!i", (date.fromisoformat(text) - EPOCH).days)
        case "int":
            data = struct.pack("!i", int(text))
        case "bigint":
            data = struct.pack("!q", int(text))
        case _:
            return Value(text.encode(), KINDS[kind], is_binary=kind == "text")
    return Value(data, KINDS[kind], is_binary=True)
