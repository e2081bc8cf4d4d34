"""Parts of texts that stay where they lie: views into the store that the texts are views into.

The specification of native/cut_texts.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.text_views import VIEW, cut_view, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.vector.column import Values

    Bounds = Callable[[bytes], tuple[int, int]]


def part_views(store: Values, views: Values, separator: bytes, number: int) -> Values:
    """The views of the parts of that number between separators, counted from 1, or from the end if negative."""

    def bounds(text: bytes) -> tuple[int, int]:
        parts = text.split(separator) if separator else [text]
        index = number - 1 if number > 0 else len(parts) + number
        if not 0 <= index < len(parts):
            return 0, 0
        first = sum(len(part) + len(separator) for part in parts[:index])
        return first, first + len(parts[index])

    return _cut(store, views, bounds)


def split_views(store: Values, views: Values, separator: bytes) -> tuple[Values, Values]:
    """The views of all parts between separators, text by text, and how many each text has; the empty one has none."""
    made, counts = bytearray(), []
    for view, text in zip(views, texts_of(store, views), strict=True):
        parts = (text.split(separator) if separator else [text]) if text else []
        first = 0
        for part in parts:
            made += cut_view(view.tobytes(), text, first, first + len(part))
            first += len(part) + len(separator)
        counts.append(len(parts))
    return np.frombuffer(bytes(made), VIEW), np.array(counts, np.int64)


def end_views(store: Values, views: Values, count: int, kept: bool) -> Values:
    """The views of the last characters of texts, or of all but those."""

    def bounds(text: bytes) -> tuple[int, int]:
        whole = text.decode()
        place = len(whole[: max(len(whole) - count, 0)].encode())
        return (place, len(text)) if kept else (0, place)

    return _cut(store, views, bounds)


def ranged_views(store: Values, views: Values, firsts: Values, counts: Values) -> Values:
    """The views of as many characters of each text, from a character of it on, counted from 0."""
    made = bytearray()
    rows = zip(views, texts_of(store, views), firsts.tolist(), counts.tolist(), strict=True)
    for view, text, start, count in rows:
        whole = text.decode()
        first = len(whole[:start].encode())
        stop = first + len(whole[start : start + max(count, 0)].encode())
        made += cut_view(view.tobytes(), text, first, stop)
    return np.frombuffer(bytes(made), VIEW)


def trimmed_views(
    store: Values, views: Values, characters: bytes, left: bool, right: bool
) -> Values:
    """The views of the texts without characters, of ASCII, at their ends."""

    def bounds(text: bytes) -> tuple[int, int]:
        rest = text.lstrip(characters) if left and characters else text
        first = len(text) - len(rest)
        return first, first + len(rest.rstrip(characters) if right and characters else rest)

    return _cut(store, views, bounds)


def _cut(store: Values, views: Values, bounds: Bounds) -> Values:
    made = bytearray()
    for number, text in enumerate(texts_of(store, views)):
        made += cut_view(views[number].tobytes(), text, *bounds(text))
    return np.frombuffer(bytes(made), VIEW)
