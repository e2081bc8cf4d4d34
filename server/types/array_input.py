"""How array literals are read: [1:2]={{a,"b c"},{NULL,d}} to a shape and the texts of the items."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from server.errors import (
    ArraySubscriptError,
    InvalidTextRepresentation,
    ProgramLimitExceeded,
)

DIMENSIONS_MAX: Final = 6
SPACES: Final = " \t\n\r\v\f"
BOUNDS: Final = re.compile(r"[ \t\n\r\v\f]*\[([+-]?[0-9]+)(?::([+-]?[0-9]+))?\]")
QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)

Dimensions = tuple[tuple[int, int], ...]
Texts = list[str | None]


def parse_literal(text: str, delimiter: str = ",") -> tuple[Dimensions, Texts]:
    """Read a literal into (length, lower bound) of each dimension and the items, None for NULL."""
    bounds, at = _read_bounds(text)
    if text[at : at + 1] != "{":
        raise _malformed(
            text,
            'Array contents must start with "{".'
            if bounds
            else 'Array value must start with "{" or dimension information.',
        )
    shape, items = _Reader(text, at, delimiter).read()
    if bounds is not None:
        if tuple(length for length, _ in bounds) != shape:
            raise _malformed(text, "Specified array dimensions do not match array contents.")
        return (bounds if items else ()), items
    return tuple((length, 1) for length in shape) if items else (), items


@cache
def _odd(delimiter: bytes) -> re.Pattern[bytes]:
    """What makes the inside of a literal more than items with delimiters between them."""
    mark = re.escape(delimiter)
    begin, end = rb"(?:^|" + mark + rb")", rb"(?=" + mark + rb"|$)"
    return re.compile(
        rb'[{}"\\]|' + begin + rb"(?:(?=\s)|" + end + rb"|(?i:null)" + end + rb")|\s" + end,
        re.DOTALL,
    )


def plain_items(text: bytes, delimiter: bytes) -> list[bytes] | None:
    """The items of a literal of one dimension in which nothing is quoted, NULL or padded; None: it is another one."""
    if text[:1] != b"{" or text[-1:] != b"}":
        return None
    inside = text[1:-1]
    return None if _odd(delimiter).search(inside) else inside.split(delimiter)


def _malformed(text: str, detail: str) -> InvalidTextRepresentation:
    return InvalidTextRepresentation(f'malformed array literal: "{text}"', detail=detail)


def _read_bounds(text: str) -> tuple[Dimensions | None, int]:
    """Read [lower:upper] as often as it comes, and the = behind; give what comes after."""
    at = 0
    bounds: list[tuple[int, int]] = []
    while (match := BOUNDS.match(text, at)) is not None:
        lower, upper = (1, int(match[1])) if match[2] is None else (int(match[1]), int(match[2]))
        if len(bounds) >= DIMENSIONS_MAX:
            raise too_many_dimensions(len(bounds) + 1)
        if upper < lower:
            raise ArraySubscriptError("upper bound cannot be less than lower bound")
        bounds.append((upper - lower + 1, lower))
        at = match.end()
    at = _skip_spaces(text, at)
    if text[at : at + 1] == "[":
        raise _malformed(text, _bounds_detail(text[at:]))
    if not bounds:
        return None, at
    if text[at : at + 1] != "=":
        raise _malformed(text, 'Missing "=" after array dimensions.')
    return tuple(bounds), _skip_spaces(text, at + 1)


def _bounds_detail(rest: str) -> str:
    """Say what is wrong with the bounds that the text starts with."""
    match = re.match(r"\[([+-]?[0-9]+)?(:)?([+-]?[0-9]+)?", rest)
    assert match is not None
    if match[1] is None:
        return '"[" must introduce explicitly-specified array dimensions.'
    if match[2] and match[3] is None:
        return "Missing array dimension value."
    return 'Missing "]" after array dimensions.'


def too_many_dimensions(count: int) -> ProgramLimitExceeded:
    """Make the error for an array, or for subscripts, of more dimensions than there may be."""
    return ProgramLimitExceeded(
        f"number of array dimensions ({count}) exceeds the maximum allowed ({DIMENSIONS_MAX})"
    )


def _skip_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in SPACES:
        at += 1
    return at


class _Reader:
    """Reads one literal. All items stand at one depth, and only {} itself is empty."""

    def __init__(self, text: str, at: int, delimiter: str) -> None:
        self.text = text
        self.at = at
        self.delimiter = delimiter
        self.items: Texts = []
        self.shape: list[int] = []  # the length of each dimension, 0 until its first brace closes
        self.item_depth = 0  # 0: no item was seen
        special = re.escape('{}"\\' + delimiter)
        self.bare = re.compile(rf"(?:[^{special}]|\\.)+", re.DOTALL)

    def read(self) -> tuple[tuple[int, ...], Texts]:
        """Give the shape and the items."""
        lengths: list[int] = []  # items seen so far within each open brace
        expects_item = True
        while True:
            mark = self._next_mark()
            if mark == "{":
                self._open(lengths, expects_item)
            elif mark == "}":
                self._close(lengths, expects_item)
                if not lengths:
                    break
                expects_item = False
            elif mark == self.delimiter:
                if expects_item:
                    raise self._unexpected(mark)
                expects_item = True
            else:
                self._item(lengths, expects_item)
                expects_item = False
        if self.text[self.at :].strip(SPACES):
            raise _malformed(self.text, "Junk after closing right brace.")
        return tuple(self.shape), self.items

    def _next_mark(self) -> str:
        """Give a brace or delimiter and pass it, or "" where an item stands."""
        self.at = _skip_spaces(self.text, self.at)
        mark = self.text[self.at : self.at + 1]
        if not mark:
            raise _malformed(self.text, "Unexpected end of input.")
        if mark not in "{}" and mark != self.delimiter:
            return ""
        self.at += 1
        return mark

    def _open(self, lengths: list[int], expects_item: bool) -> None:
        depth = len(lengths) + 1
        if not expects_item or (self.item_depth and depth > self.item_depth):
            raise self._unexpected("{")
        if depth > DIMENSIONS_MAX:
            raise too_many_dimensions(depth)
        if lengths:
            lengths[-1] += 1
        lengths.append(0)
        if depth > len(self.shape):
            self.shape.append(0)

    def _close(self, lengths: list[int], expects_item: bool) -> None:
        depth = len(lengths)
        length = lengths.pop()
        if expects_item and not (depth == 1 and not self.shape[0] and not length):
            raise self._unexpected("}")
        if self.shape[depth - 1] and self.shape[depth - 1] != length:
            raise _malformed(
                self.text, "Multidimensional arrays must have sub-arrays with matching dimensions."
            )
        self.shape[depth - 1] = length

    def _item(self, lengths: list[int], expects_item: bool) -> None:
        if not expects_item or (self.item_depth and len(lengths) != self.item_depth):
            raise self._unexpected_item()
        self.item_depth = len(lengths)
        lengths[-1] += 1
        self.items.append(self._read_item())

    def _read_item(self) -> str | None:
        if self.text[self.at] == '"':
            return self._read_quoted()
        match = self.bare.match(self.text, self.at)
        if match is None:  # a backslash at the end
            raise _malformed(self.text, "Unexpected end of input.")
        self.at = match.end()
        following = self.text[self.at : self.at + 1]
        if following == "\\":  # the last character
            raise _malformed(self.text, "Unexpected end of input.")
        if following == '"':
            raise self._unexpected_item()
        written = _strip_end(match[0])
        if written.upper() == "NULL":
            return None
        return ESCAPE.sub(r"\1", written) if "\\" in written else written

    def _read_quoted(self) -> str:
        match = QUOTED.match(self.text, self.at)
        if match is None:
            raise _malformed(self.text, "Unexpected end of input.")
        self.at = _skip_spaces(self.text, match.end())
        if self.text[self.at : self.at + 1] not in {"", "}", self.delimiter}:
            raise self._unexpected_item()
        return ESCAPE.sub(r"\1", match[1]) if "\\" in match[1] else match[1]

    def _unexpected(self, mark: str) -> InvalidTextRepresentation:
        return _malformed(self.text, f'Unexpected "{mark}" character.')

    def _unexpected_item(self) -> InvalidTextRepresentation:
        return _malformed(self.text, "Unexpected array element.")


def _strip_end(written: str) -> str:
    """Cut blanks at the end, but not one that a backslash keeps."""
    stripped = written.rstrip(SPACES)
    if len(stripped) == len(written) or not stripped.endswith("\\"):
        return stripped
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return written[: len(stripped) + 1] if backslashes % 2 else stripped
