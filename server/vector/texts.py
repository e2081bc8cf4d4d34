"""TextColumn: texts as views into the store they were read from, made objects only when somebody asks.

Most texts that a scan reads are compared, searched, grouped by or dropped, which needs no str. `values`
are made when they are first asked for. The views hold as long as the snapshot they were read under.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.vector.column import Column, Mask, Values
from server.vector.native import (
    TextCodes,
    gathered_texts,
    numbers_of_rows,
    text_objects,
    words_in_use,
)
from server.vector.rows import objects
from server.vector.text_views import INLINE_BYTES_MAX, VIEW, views_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.vector.column import Positions

SAMPLE_ROWS: Final = 2048
DISTINCT_SHARE_MAX: Final = 0.75
_WORDS = np.dtype(np.complex128)  # as wide as a view, and picked by position much faster than V16


class TextColumn(Column):
    """A column of texts as views."""

    __slots__ = ("_decode", "_made", "coded", "store", "views")

    store: Values
    views: Values
    coded: Column | None
    """The same rows as codes, where they are known and as long as no rows are picked."""
    _decode: Callable[[Values, Values], Values]
    _made: Values | None

    def __init__(
        self,
        store: Values,
        views: Values,
        valid: Mask | None = None,
        decode: Callable[[Values, Values], Values] | None = None,
    ) -> None:
        """Decode makes the array of str, faster than the one here if the caller knows how."""
        for name, value in (
            ("store", store),
            ("views", views),
            ("valid", valid),
            ("scale", None),
            ("dictionary", None),
            ("coded", None),
            ("_decode", decode or _decoded),
            ("_made", None),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.views)

    @property
    def values(self) -> Values:
        """The rows as str."""
        made = self._made
        if made is None:
            made = self._decode(self.store, self.views)
            object.__setattr__(self, "_made", made)
        return made

    def take(self, positions: Values) -> Column:
        """Rows at the positions, in their order; position -1 gives NULL."""
        valid = None if self.valid is None or not len(self) else self.valid[positions]
        if len(positions) and positions.min() < 0:
            there = positions >= 0
            valid = there if valid is None else valid & there
            positions = np.where(there, positions, 0)
            if not len(self):
                return self._like(np.zeros(len(positions), VIEW), valid)
        return self._like(picked(self.views, positions), valid)

    def slice(self, start: int, stop: int) -> Column:
        """Rows start to stop, without a copy."""
        valid = None if self.valid is None else self.valid[start:stop]
        return self._like(self.views[start:stop], valid)

    def decoded(self) -> Column:
        """The same rows."""
        return self

    def masked(self, valid: Mask | None) -> TextColumn:
        """The same rows, NULL where valid says so."""
        return self._like(self.views, valid)

    def with_views(self, views: Values) -> TextColumn:
        """Other texts of the same store, NULL in the same rows."""
        return self._like(views, self.valid)

    def with_codes(self, coded: Column) -> TextColumn:
        """The same rows, which are known as codes, too."""
        made = self._like(self.views, self.valid)
        object.__setattr__(made, "coded", coded)
        return made

    def in_store(self, store: Values, views: Values) -> TextColumn:
        """Other texts, which lie in a store of their own, NULL in the same rows."""
        return TextColumn(store, views, self.valid, self._decode)

    def _like(self, views: Values, valid: Mask | None) -> TextColumn:
        return TextColumn(self.store, views, valid, self._decode)


def picked(views: Values, positions: Values) -> Values:
    """The views at the positions."""
    if not views.flags.c_contiguous:
        return views[positions]
    return views.view(_WORDS)[positions].view(VIEW)


def _decoded(store: Values, views: Values) -> Values:
    return objects(text_objects(store, views))


def text_column(column: Column) -> TextColumn:
    """Texts in whatever form as views."""
    if isinstance(column, TextColumn):
        return column
    if column.dictionary is not None:
        words = text_column(column.dictionary)
        codes = column.values if column.valid is None else np.where(column.valid, column.values, 0)
        if not len(words):
            return TextColumn(*views_of([]), column.valid).take(np.full(len(codes), -1))  # type: ignore[return-value]
        return words.with_views(picked(words.views, codes)).masked(column.valid)
    texts = column.values.tolist()
    if column.valid is not None:
        texts = ["" if text is None else text for text in texts]
    return TextColumn(*views_of([text.encode() for text in texts]), column.valid)


def coded_texts(
    column: TextColumn, distinct_share_max: float = DISTINCT_SHARE_MAX
) -> Column | None:
    """The same rows as codes of their distinct texts; None where those are a greater share of the first rows."""
    numbers, count = TextCodes(False), len(column)
    sample = min(count, SAMPLE_ROWS)
    valid = None if column.valid is None else column.valid[:sample]
    numbers.add(column.store, column.views[:sample], valid)
    if not count or len(numbers) > distinct_share_max * sample:
        return None
    codes = numbers.add(column.store, column.views, column.valid).astype(np.int32)
    firsts = np.zeros(len(numbers), np.int64)
    rows = np.arange(count) if column.valid is None else np.flatnonzero(column.valid)
    firsts[codes[rows]] = rows
    return Column(np.maximum(codes, 0), column.valid, None, column.masked(None).take(firsts))


def concatenated(
    columns: Sequence[Column], valid: Mask | None, look: Callable[[], None] | None = None
) -> TextColumn | None:
    """Texts one below the other; None if some have no store.

    Words of dictionaries that stand in their views as a whole lie in every store. Texts of several stores
    are brought into one.
    """
    first = next(column for column in columns if isinstance(column, TextColumn))
    if any(not isinstance(column, TextColumn) and column.dictionary is None for column in columns):
        return None
    parts = [text_column(column) for column in columns]
    if any(texts.store is not first.store and not _is_inline(texts.views) for texts in parts):
        return first.in_store(
            *gathered_texts([(texts.store, texts.views) for texts in parts], look)
        ).masked(valid)
    return first.with_views(np.concatenate([texts.views for texts in parts])).masked(valid)


def _is_inline(views: Values) -> bool:
    lengths = np.ascontiguousarray(views).view(np.uint32)[::4]
    return not len(lengths) or int(lengths.max()) <= INLINE_BYTES_MAX


class TextNumbers:
    """Numbers of distinct texts, of columns in any form.

    Batch after batch mostly comes with the dictionary of the one before: its words keep their numbers at hand.
    """

    def __init__(self, *, blank: bool) -> None:
        self._codes = TextCodes(blank)
        self._dictionary: Column | None = None
        self._words: Positions = np.zeros(0, np.int64)  # of that dictionary, -1: none yet

    def __len__(self) -> int:
        return len(self._codes)

    def reserve(self) -> int:
        """Take the next number without a text: for NULL."""
        return self._codes.reserve()

    def add(self, column: Column) -> Positions:
        """Give the number of each text, new ones included; -1 for NULL."""
        if column.dictionary is None:
            texts = text_column(column)
            return self._codes.add(texts.store, texts.views, column.valid)
        if column.dictionary is not self._dictionary:
            self._dictionary = column.dictionary
            self._words = np.full(len(column.dictionary), -1, np.int64)
        return _by_words(column, column.dictionary, self._words, self._codes.add)

    def find(self, column: Column) -> Positions:
        """Give the number of each text, -1 where it has none, and for NULL."""
        if column.dictionary is None:
            texts = text_column(column)
            return self._codes.find(texts.store, texts.views, column.valid)
        words = np.full(len(column.dictionary), -1, np.int64)
        return _by_words(column, column.dictionary, words, self._codes.find)


def _by_words(
    column: Column,
    dictionary: Column,
    words: Positions,
    numbers: Callable[[Any, Any, Mask | None], Positions],
) -> Positions:
    """Numbers of coded texts by those of the words; words without one that occur are given theirs."""
    found, are_lacking = numbers_of_rows(column.values, column.valid, words)
    if are_lacking:
        used = words_in_use(column.values, column.valid, len(words)) & (words < 0)
        places = np.flatnonzero(used)
        texts = text_column(dictionary.take(places))
        words[places] = numbers(texts.store, texts.views, None)
        found, _ = numbers_of_rows(column.values, column.valid, words)
    return found
