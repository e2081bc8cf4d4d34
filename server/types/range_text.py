"""Ranges and multiranges as text: [1,2) and {[1,2),[5,)}, read and written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from server.errors import InvalidTextRepresentation
from server.types.range import Multirange, Range, RangeKind, make_multirange, make_range

if TYPE_CHECKING:
    from server.types.type import TextStyle

SPACES: Final = " \t\n\r\v\f"
MUST_QUOTE: Final = frozenset('"\\()[], \t\n\r\v\f')
EMPTY: Final = "empty"
INSIDE: Final = re.compile(r'(?:[^"\\\])]|\\.|"(?:[^"\\]|\\.)*")*', re.DOTALL)
"""The rest of a range behind its first bracket, up to the closing one."""


def format_range(value: Range, style: TextStyle) -> str:
    """Write the bounds, nothing for an infinite one."""
    if value.is_empty:
        return EMPTY
    write = value.kind.subtype.format
    lower = "" if value.lower is None else _quoted(write(value.lower, style))
    upper = "" if value.upper is None else _quoted(write(value.upper, style))
    first, last = "[" if value.lower_inclusive else "(", "]" if value.upper_inclusive else ")"
    return f"{first}{lower},{upper}{last}"


def _quoted(text: str) -> str:
    if text and MUST_QUOTE.isdisjoint(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'


def format_multirange(value: Multirange, style: TextStyle) -> str:
    """Write the ranges in braces."""
    return "{" + ",".join(format_range(each, style) for each in value.ranges) + "}"


def _malformed(what: str, text: str, detail: str) -> InvalidTextRepresentation:
    return InvalidTextRepresentation(f'malformed {what} literal: "{text}"', detail=detail)


def parse_range(kind: RangeKind, text: str, style: TextStyle) -> Range:
    """Read a range."""
    body = text.lstrip(SPACES)
    if body[:5].lower() == EMPTY:
        if body[5:].strip(SPACES):
            raise _malformed("range", text, 'Junk after "empty" key word.')
        return Range(kind, is_empty=True)
    if body[:1] not in {"[", "("}:
        raise _malformed("range", text, "Missing left parenthesis or bracket.")
    lower, at = _read_bound(text, body, 1)
    if body[at] != ",":
        raise _malformed("range", text, "Missing comma after lower bound.")
    upper, at = _read_bound(text, body, at + 1)
    if body[at] not in "])":
        raise _malformed("range", text, "Too many commas.")
    if body[at + 1 :].strip(SPACES):
        raise _malformed("range", text, "Junk after right parenthesis or bracket.")
    parse = kind.subtype.parse
    return make_range(
        kind,
        None if lower is None else parse(lower, -1, style),
        None if upper is None else parse(upper, -1, style),
        body[0] == "[",
        body[at] == "]",
    )


def _read_bound(text: str, body: str, at: int) -> tuple[str | None, int]:
    """Read a bound's text, None for infinity; gives where the character behind it stands."""
    if body[at : at + 1] in {",", ")", "]"}:
        return None, at
    parts: list[str] = []
    quoted = False
    while quoted or body[at : at + 1] not in {",", ")", "]"}:
        character, following = body[at : at + 1], body[at + 1 : at + 2]
        if not character or (character == "\\" and not following):
            raise _malformed("range", text, "Unexpected end of input.")
        at += 1
        if character == "\\" or (character == '"' and quoted and following == '"'):
            parts.append(following)
            at += 1
        elif character == '"':
            quoted = not quoted
        else:
            parts.append(character)
    return "".join(parts), at


def parse_multirange(kind: RangeKind, text: str, style: TextStyle) -> Multirange:
    """Read ranges in braces."""
    at = _skip_spaces(text, 0)
    if text[at : at + 1] != "{":
        raise _malformed("multirange", text, "Missing left brace.")
    at = _skip_spaces(text, at + 1)
    ranges: list[Range] = []
    closed = text[at : at + 1] == "}"
    while not closed:
        stop = _range_stop(text, at)
        ranges.append(parse_range(kind, text[at:stop], style))
        at = _skip_spaces(text, stop)
        mark = text[at : at + 1]
        if mark not in {",", "}"}:
            detail = "Expected comma or end of multirange." if mark else "Unexpected end of input."
            raise _malformed("multirange", text, detail)
        closed = mark == "}"
        at = at if closed else _skip_spaces(text, at + 1)
    if text[at + 1 :].strip(SPACES):
        raise _malformed("multirange", text, "Junk after closing right brace.")
    return make_multirange(kind, ranges)


def _range_stop(text: str, at: int) -> int:
    """Where the range that starts there ends."""
    if text[at : at + 5].lower() == EMPTY:
        return at + 5
    if text[at : at + 1] not in {"[", "("}:
        detail = "Expected range start." if text[at:] else "Unexpected end of input."
        raise _malformed("multirange", text, detail)
    match = INSIDE.match(text, at + 1)
    if match is None or match.end() >= len(text) or text[match.end()] not in "])":
        raise _malformed("multirange", text, "Unexpected end of input.")
    return match.end() + 1


def _skip_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in SPACES:
        at += 1
    return at
