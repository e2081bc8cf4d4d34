"""Texts where they lie: comparing, searching, cutting and numbering the UTF-8 behind 16-byte views.

    view        length u32 | value, up to 12 bytes, zero padded
    view        length u32 | first 4 bytes | u64 place of the value in the store

Rule 1: bytes are compared as bytes, which orders UTF-8 as its characters.
Rule 2: blank says that blanks at the end mean nothing, as in bpchar.

The specification of native/text_views.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.vector.column import Mask, Positions, Values

VIEW: Final = np.dtype("V16")
INLINE_BYTES_MAX: Final = 12


def texts_of(store: Values, views: Values, blank: bool = False) -> Iterator[bytes]:
    """The bytes behind each view."""
    for view in views.view(np.uint8).reshape(-1, 16) if len(views) else ():
        raw = view.tobytes()
        length = int.from_bytes(raw[:4], "little")
        place = int.from_bytes(raw[8:], "little")
        inline = length <= INLINE_BYTES_MAX
        text = raw[4 : 4 + length] if inline else store[place : place + length].tobytes()
        yield text.rstrip(b" ") if blank else text


def views_of(texts: Sequence[bytes]) -> tuple[Values, Values]:
    """A store of its own for texts, and the views that lead into it."""
    heap, views = bytearray(), bytearray()
    for text in texts:
        views += len(text).to_bytes(4, "little")
        if len(text) <= INLINE_BYTES_MAX:
            views += text.ljust(INLINE_BYTES_MAX, b"\0")
        else:
            views += text[:4] + len(heap).to_bytes(8, "little")
            heap += text
    return np.frombuffer(bytes(heap), np.uint8), np.frombuffer(bytes(views), VIEW)


def cut_view(view: bytes, text: bytes, first: int, stop: int) -> bytes:
    """The view of the bytes from first to stop of a text that has a view."""
    part = text[first:stop]
    made = len(part).to_bytes(4, "little")
    if len(part) <= INLINE_BYTES_MAX:
        return made + part.ljust(INLINE_BYTES_MAX, b"\0")
    place = int.from_bytes(view[8:], "little") + first
    return made + part[:4] + place.to_bytes(8, "little")


def like_views(store: Values, views: Values, pieces: Sequence[bytes]) -> Mask:
    """Which texts are the pieces in their order, with anything between them."""
    return np.fromiter((_is_like(text, pieces) for text in texts_of(store, views)), np.bool_)


def _is_like(text: bytes, pieces: Sequence[bytes]) -> bool:
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    stop = len(text) - len(last)
    if stop < len(first) or not text.startswith(first) or not text.endswith(last):
        return False
    place = len(first)
    for piece in pieces[1:-1]:
        place = text.find(piece, place, stop)
        if place < 0:
            return False
        place += len(piece)
    return True


SMALL_IN_ASCII: Final = ("\u0130".encode(), "\u212a".encode())
"""The letters beyond ASCII whose small forms have letters of ASCII."""


def folded_like_views(store: Values, views: Values, pieces: Sequence[bytes]) -> tuple[Mask, Mask]:
    """The same, capitals of ASCII taken as small letters; and of which texts that is not known.

    If there are letters beyond ASCII in the pieces, of all that have any, otherwise of those in which one becomes a
    letter of ASCII.
    """
    texts = list(texts_of(store, views))
    found = np.array([_is_like(text.lower(), pieces) for text in texts], np.bool_)
    if all(piece.isascii() for piece in pieces):
        strange = [any(letter in text for letter in SMALL_IN_ASCII) for text in texts]
    else:
        strange = [not text.isascii() for text in texts]
    return found, np.array(strange, np.bool_)


def part_positions(store: Values, views: Values, part: bytes) -> Values:
    """Which character of each text a part first begins at, counted from 1; 0 where it is not in it."""
    wanted = part.decode()
    positions = (text.decode().find(wanted) + 1 for text in texts_of(store, views))
    return np.fromiter(positions, np.int32)


def views_among(store: Values, views: Values, words: Sequence[bytes], blank: bool) -> Mask:
    """Which texts are equal to one of the words, that have no blanks at the end if those mean nothing."""
    wanted = frozenset(words)
    return np.fromiter((text in wanted for text in texts_of(store, views, blank)), np.bool_)


def compare_views(store: Values, views: Values, word: bytes, blank: bool) -> Values:
    """How each text compares with a word: -1, 0 or 1."""
    signs = ((text > word) - (text < word) for text in texts_of(store, views, blank))
    return np.fromiter(signs, np.int8)


def sliced_views(store: Values, views: Values, start: int, count: int) -> Values:
    """The views of characters start ... start + count - 1 of each text."""
    made = bytearray()
    for number, text in enumerate(texts_of(store, views)):
        whole = text.decode()
        first = len(whole[:start].encode())
        stop = len(whole[: start + count].encode())
        made += cut_view(views[number].tobytes(), text, first, stop)
    return np.frombuffer(bytes(made), VIEW)


def stripped_views(store: Values, views: Values) -> Values:
    """The views of the texts without blanks at their ends."""
    made = bytearray()
    for view, text in zip(views.tolist(), texts_of(store, views, True), strict=True):
        made += len(text).to_bytes(4, "little")
        if len(text) <= INLINE_BYTES_MAX:
            made += text.ljust(INLINE_BYTES_MAX, b"\0")
        else:
            made += view[4:]
    return np.frombuffer(bytes(made), VIEW)


def character_counts(store: Values, views: Values) -> Values:
    """Characters of each text."""
    return np.fromiter((len(text.decode()) for text in texts_of(store, views)), np.int32)


def text_hashes(store: Values, views: Values) -> Positions:
    """A number for each text, the same one for equal texts."""
    return np.fromiter((hash(text) for text in texts_of(store, views)), np.int64, len(views))


def end_hashes(store: Values, views: Values) -> Positions:
    """A number for each text, the same one for texts of one length that begin and end alike."""
    ends = ((len(text), text[:4], text[-8:]) for text in texts_of(store, views))
    return np.fromiter(map(hash, ends), np.int64, len(views))


class TextCodes:
    """Gives each distinct text the next number; numbers never change.

    What it is given must stay where it is for as long as the table lives.
    """

    def __init__(self, blank: bool) -> None:
        self._blank = blank
        self._codes: dict[bytes, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def reserve(self) -> int:
        """Take the next number without a text: for NULL."""
        self._count += 1
        return self._count - 1

    def add(self, store: Values, views: Values, valid: Mask | None) -> Positions:
        """Give the number of each text, new ones included; -1 where valid is False."""
        codes = np.full(len(views), -1, np.int64)
        for row, text in enumerate(texts_of(store, views, self._blank)):
            if valid is None or valid[row]:
                code = self._codes.setdefault(text, self._count)
                self._count += code == self._count
                codes[row] = code
        return codes

    def find(self, store: Values, views: Values, valid: Mask | None) -> Positions:
        """Give the number of each text, -1 where it has none or valid is False."""
        found: list[Any] = [
            self._codes.get(text, -1) for text in texts_of(store, views, self._blank)
        ]
        codes = np.array(found, np.int64)
        return codes if valid is None else np.where(valid, codes, -1)
