"""Members and items of JSON texts where they lie.

Rule 1: are_json only says yes where it is sure: plain numbers, escapes but those of code points, not too deep.
Rule 2: what looks into texts believes that they are JSON. Of several members with a key the last one is meant.
        Where keys have escapes, the text is strange: somebody else has to look.

The specification of native/json_texts.pyx.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.text_views import VIEW, cut_view, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.vector.column import Mask, Values

ABSENT, OBJECT, ARRAY, STRING, NUMBER, LITERAL, NOTHING, ESCAPED, STRANGE = range(9)
"""Kinds of parts; NOTHING is null, ESCAPED a string with escapes, LITERAL true or false."""
DEPTH_MAX: Final = 64
NUMBER_MAX: Final = 100

_STRING = rb'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*"'
_TOKENS: Final = re.compile(
    rb"[ \t\n\r]*("
    + _STRING
    + rb"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![0-9eE])|true|false|null|[\[\]{}:,])"
)
_DECODER: Final = json.JSONDecoder(strict=False)
Part = tuple[int, int, int]


def are_json(store: Values, views: Values) -> Mask:
    """Which texts are surely JSON; of the others somebody else has to tell."""
    return np.fromiter((_is_json(text) for text in texts_of(store, views)), np.bool_, len(views))


def _is_json(text: bytes) -> bool:
    rest, depth = text, 0
    while rest.strip(b" \t\n\r"):
        found = _TOKENS.match(rest)
        if found is None:
            return False
        token = found[1]
        depth += (token in b"[{") - (token in b"]}")
        is_number = token[:1] in b"-0123456789"
        if depth > DEPTH_MAX or (
            is_number and len(token.strip(b"-").replace(b".", b"")) > NUMBER_MAX
        ):
            return False
        rest = rest[found.end() :]
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def member_views(store: Values, views: Values, key: bytes, as_text: bool) -> tuple[Values, Values]:
    """The views of the members with a key, plain strings without their quotes if as text; and their kinds."""

    def find(text: str) -> Part:
        found, strange = (0, 0, ABSENT), False
        for name, part in _members(text):
            strange = strange or name is None
            if name == key.decode():
                found = part
        return (0, 0, STRANGE) if strange else found

    return _parts(store, views, find, as_text)


def item_views(store: Values, views: Values, index: int, as_text: bool) -> tuple[Values, Values]:
    """The same of the items of a number; scalars are strange."""

    def find(text: str) -> Part:
        if text.strip(" \t\n\r")[:1] not in ("[", "{"):
            return 0, 0, STRANGE
        items = list(_items(text))
        return items[index] if -len(items) <= index < len(items) else (0, 0, ABSENT)

    return _parts(store, views, find, as_text)


def _parts(
    store: Values, views: Values, find: Callable[[str], Part], as_text: bool
) -> tuple[Values, Values]:
    made, kinds = bytearray(), np.zeros(len(views), np.uint8)
    for row, text in enumerate(texts_of(store, views)):
        whole = text.decode()
        first, stop, kinds[row] = find(whole)
        if as_text and kinds[row] == STRING:
            first, stop = first + 1, stop - 1
        bounds = len(whole[:first].encode()), len(whole[:stop].encode())
        made += cut_view(views[row].tobytes(), text, *bounds)
    return np.frombuffer(bytes(made), VIEW), kinds


def _blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\n\r":
        at += 1
    return at


def _value(text: str, at: int) -> Part:
    value, stop = _DECODER.raw_decode(text, at)
    if isinstance(value, str):
        return at, stop, ESCAPED if "\\" in text[at:stop] else STRING
    if isinstance(value, dict | list):
        return at, stop, OBJECT if isinstance(value, dict) else ARRAY
    if value is None:
        return at, stop, NOTHING
    return at, stop, LITERAL if isinstance(value, bool) else NUMBER


def _members(text: str) -> Iterator[tuple[str | None, Part]]:
    """Keys, None for those with escapes, and where their values are."""
    at = _blanks(text, 0)
    if text[at : at + 1] != "{":
        return
    at = _blanks(text, at + 1)
    while text[at : at + 1] == '"':
        start, stop, kind = _value(text, at)
        part = _value(text, _blanks(text, _blanks(text, stop) + 1))
        yield (None if kind == ESCAPED else text[start + 1 : stop - 1]), part
        at = _blanks(text, _blanks(text, part[1]) + 1)


def _items(text: str) -> Iterator[Part]:
    at = _blanks(text, 0)
    if text[at : at + 1] != "[":
        return
    at = _blanks(text, at + 1)
    while at < len(text) and text[at] != "]":
        part = _value(text, at)
        yield part
        at = _blanks(text, part[1])
        if text[at : at + 1] == ",":
            at = _blanks(text, at + 1)
