"""Kernels of functions on texts: stored ones are searched, cut and changed where they lie, others one by one.

Rule 1: what compiled code cannot tell of single texts is done for those in Python (with_rows).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.function import TextByText
from server.functions.text_operations import (
    BYTES_MAX,
    _left,
    _md5,
    _position,
    _right,
    _split_part,
    _trim,
    replace,
    substring,
)
from server.types.letters import lower, upper
from server.vector.column import Column
from server.vector.native import (
    character_counts,
    end_views,
    folded_texts,
    gathered_texts,
    joined_texts,
    md5_texts,
    part_positions,
    part_views,
    ranged_views,
    replaced_texts,
    reversed_texts,
    sliced_views,
    stripped_views,
    trimmed_views,
)
from server.vector.rows import constant_value, is_constant, joint_validity
from server.vector.text_views import views_of
from server.vector.texts import TextColumn, picked, text_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.functions.function import CallContext, Kernel
    from server.vector.column import Mask, Values

OBJECT: Final = np.dtype(object)
TRUTHS: Final = np.dtype(np.bool_)
INTEGERS: Final = np.dtype(np.int32)
TO_THE_END: Final = 1 << 31
ASCII: Final = 1 << 7
THREE_BYTES: Final = 1 << 11
LETTERS: Final = 1 << 16
"""Code points from which on UTF-8 has two, three and four bytes."""
NO_LETTERS: Final = np.zeros(0, np.uint16)
SURROGATES: Final = range(0xD800, 0xE000)
"""The capital letter whose small one depends on whether a word ends with it."""


def each(operation: Callable[..., Any], dtype: np.dtype[Any] = OBJECT) -> TextByText:
    """The kernel of an operation on a text and arguments that are mostly constant."""

    def kernel(context: CallContext, texts: Column, *others: Column, count: int) -> Column:
        valid = joint_validity((texts, *others))
        places: Any = slice(None) if valid is None else np.flatnonzero(valid)
        rows = texts.values[places].tolist()
        values = np.empty(count, dtype) if dtype is OBJECT else np.zeros(count, dtype)
        if not rows:
            return Column(values, valid)
        if all(is_constant(column) for column in others):
            constants = [constant_value(column) for column in others]
            found = [operation(text, *constants) for text in rows]
        else:
            columns = [column.values[places].tolist() for column in others]
            found = list(map(operation, rows, *columns))
        values[places] = found
        return Column(values, valid)

    return TextByText(kernel)


def rows_left(texts: TextColumn, strange: Mask) -> Iterator[tuple[int, str]]:
    """Place and text of the rows that compiled code has left to others; not those that are NULL."""
    left = strange if texts.valid is None else strange & texts.valid
    places = np.flatnonzero(left)
    if len(places):
        yield from zip(places.tolist(), texts.take(places).values.tolist(), strict=True)


def with_rows(
    made: TextColumn, texts: TextColumn, strange: Mask, change: Callable[[str], str | None]
) -> TextColumn:
    """What was made of texts, with what a change makes of those that are strange."""
    left = list(rows_left(texts, strange))
    if not left:
        return made
    places = np.array([place for place, _ in left])
    return with_changed(made, places, [change(text) for _, text in left])


def with_changed(made: TextColumn, places: Values, changed: list[str | None]) -> TextColumn:
    """The column with other texts at some places."""
    own = views_of([(text or "").encode() for text in changed])
    store, views = gathered_texts([(made.store, made.views), own])
    rows = np.arange(len(made))
    rows[places] = len(made) + np.arange(len(changed))
    valid = made.validity().copy()
    valid[places] = [text is not None for text in changed]
    return made.in_store(store, picked(views, rows)).masked(None if valid.all() else valid)


def concatenate_kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
    """One text behind the other."""
    valid = joint_validity((left, right))
    if any(isinstance(column, TextColumn) or _is_coded(column) for column in (left, right)):
        return TextColumn(*joined_texts([_texts(left), _texts(right)]), valid)
    left, right = left.decoded(), right.decoded()
    if valid is None:
        return Column(left.values + right.values)
    values = np.empty(count, object)
    values[valid] = left.values[valid] + right.values[valid]
    return Column(values, valid)


def _is_coded(column: Column) -> bool:
    return column.dictionary is not None and not is_constant(column)


def _texts(column: Column) -> tuple[Any, Any]:
    if is_constant(column):
        store, views = views_of([constant_value(column).encode()])
        return store, np.repeat(views, len(column))
    texts = text_column(column)
    return texts.store, texts.views


def substring_kernel(context: CallContext, *columns: Column, count: int) -> Column:
    """Slices of one kind where position and length are constant."""
    texts, bounds = columns[0], columns[1:]
    if not all(is_constant(column) for column in bounds) or not len(texts):
        made = _ranged(texts, *bounds) if isinstance(texts, TextColumn) else None
        return _SUBSTRING_ROWS(context, *columns, count=count) if made is None else made
    start, *length = [constant_value(column) for column in bounds]
    if length and length[0] < 0:
        return _SUBSTRING_ROWS(context, *columns, count=count)
    first = max(start - 1, 0)
    part = slice(first, max(start - 1 + length[0], 0) if length else None)
    if isinstance(texts, TextColumn):
        stop = TO_THE_END if part.stop is None else part.stop
        return texts.with_views(sliced_views(texts.store, texts.views, first, max(stop - first, 0)))
    rows = texts.values.tolist()
    if texts.valid is not None:
        rows = ["" if row is None else row for row in rows]
    values = np.empty(count, object)
    values[:] = [row[part] for row in rows]
    return Column(values, texts.valid)


def _ranged(texts: TextColumn, starts: Column, lengths: Column | None = None) -> Column | None:
    """Slices whose bounds are columns; None if a length is negative."""
    bounds = (starts,) if lengths is None else (starts, lengths)
    valid = joint_validity((texts, *bounds))
    starts_at, *wanted = [_numbers(column, valid) for column in bounds]
    firsts = np.maximum(starts_at - 1, 0)
    if not wanted:
        counts = np.full(len(texts), TO_THE_END)
    elif len(texts) and int(wanted[0].min()) < 0:
        return None
    else:
        counts = starts_at - 1 + wanted[0] - firsts
    return texts.with_views(ranged_views(texts.store, texts.views, firsts, counts)).masked(valid)


def _numbers(column: Column, valid: Mask | None) -> Values:
    """Integers as those of 64 bits; 0 where any argument is NULL."""
    values: Values = np.ascontiguousarray(column.values, np.int64)
    return values if valid is None else np.where(valid, values, 0)


def length_kernel(context: CallContext, texts: Column, *, count: int) -> Column:
    """Characters of each text."""
    if isinstance(texts, TextColumn):
        return Column(character_counts(texts.store, texts.views), texts.valid)
    return _LENGTH_ROWS(context, texts, count=count)


def position_kernel(context: CallContext, texts: Column, parts: Column, *, count: int) -> Column:
    """Where a part begins."""
    if isinstance(texts, TextColumn) and is_constant(parts):
        part = constant_value(parts).encode()
        return Column(part_positions(texts.store, texts.views, part), texts.valid)
    return _POSITION_ROWS(context, texts, parts, count=count)


def rtrim_blanks_kernel(context: CallContext, texts: Column, *, count: int) -> Column:
    """Texts without the blanks at their ends."""
    if isinstance(texts, TextColumn):
        return texts.with_views(stripped_views(texts.store, texts.views))
    return _RTRIM_ROWS(context, texts, count=count)


def replace_kernel(context: CallContext, *columns: Column, count: int) -> Column:
    """Every occurrence replaced."""
    texts, *others = columns
    if isinstance(texts, TextColumn) and len(texts) and all(map(is_constant, others)):
        old, new = [constant_value(column).encode() for column in others]
        longest = int(np.ascontiguousarray(texts.views).view(np.uint32)[::4].max())
        if old and longest * max(len(new), 1) <= BYTES_MAX:
            return texts.in_store(*replaced_texts(texts.store, texts.views, old, new))
    return _REPLACE_ROWS(context, *columns, count=count)


def split_part_kernel(context: CallContext, *columns: Column, count: int) -> Column:
    """One of the parts between separators."""
    texts, *others = columns
    if isinstance(texts, TextColumn) and len(texts) and all(map(is_constant, others)):
        separator, number = [constant_value(column) for column in others]
        if number:
            return texts.with_views(
                part_views(texts.store, texts.views, separator.encode(), number)
            )
    return _SPLIT_PART_ROWS(context, *columns, count=count)


@cache
def _letters(capital: bool) -> Values:
    """By code point the other form of a letter; 0 where that has another length in UTF-8."""
    codes = [code for code in range(ASCII, LETTERS) if code not in SURROGATES]
    change = upper if capital else lower
    changed = change("".join(map(chr, codes)))
    letters = np.zeros(LETTERS, np.uint16)
    for code, other in zip(codes, changed, strict=True):
        if ord(other) >= ASCII and (ord(other) < THREE_BYTES) == (code < THREE_BYTES):
            letters[code] = ord(other)
    return letters


def _case_kernel(capital: bool, change: Callable[[str], str]) -> Kernel:
    rows = each(change)

    def kernel(context: CallContext, texts: Column, *, count: int) -> Column:
        if not isinstance(texts, TextColumn):
            return rows(context, texts, count=count)
        store, views, strange = folded_texts(texts.store, texts.views, capital, NO_LETTERS)
        if strange.any():
            store, views, strange = folded_texts(
                texts.store, texts.views, capital, _letters(capital)
            )
        return with_rows(texts.in_store(store, views), texts, strange, change)

    return kernel


def _text_kernel(operation: Callable[[str], str], made: Callable[..., Any]) -> Kernel:
    """Compiled code makes all texts of those of a store."""
    rows = each(operation)

    def kernel(context: CallContext, texts: Column, *, count: int) -> Column:
        if not isinstance(texts, TextColumn):
            return rows(context, texts, count=count)
        return texts.in_store(*made(texts.store, texts.views))

    return kernel


def _end_kernel(operation: Callable[[str, int], str], from_start: bool) -> Kernel:
    """The first or last characters, or for a negative number all but the last or first."""
    rows = each(operation)

    def kernel(context: CallContext, texts: Column, counts: Column, *, count: int) -> Column:
        if not isinstance(texts, TextColumn):
            return rows(context, texts, counts, count=count)
        if not is_constant(counts):
            return _ends(texts, counts, from_start)
        wanted = constant_value(counts)
        if from_start and wanted >= 0:
            views = sliced_views(texts.store, texts.views, 0, wanted)
        elif wanted < 0 and not from_start:
            first = -wanted if wanted > -TO_THE_END else 0  # as the function does
            views = sliced_views(texts.store, texts.views, first, TO_THE_END)
        else:
            views = end_views(texts.store, texts.views, abs(wanted), not from_start)
        return texts.with_views(views)

    return kernel


def _ends(texts: TextColumn, counts: Column, from_start: bool) -> Column:
    """The first or last characters of texts, as many as a column says."""
    valid = joint_validity((texts, counts))
    wanted = _numbers(counts, valid)
    if from_start and (not len(wanted) or int(wanted.min()) >= 0):
        firsts, kept = np.zeros(len(wanted), np.int64), wanted
    else:
        lengths = character_counts(texts.store, texts.views).astype(np.int64)
        is_whole = False if from_start else wanted <= -TO_THE_END  # as the function does
        kept = np.clip(np.where(wanted < 0, lengths + wanted, wanted), 0, lengths)
        kept = np.where(is_whole, lengths, kept)
        firsts = np.zeros(len(wanted), np.int64) if from_start else lengths - kept
    return texts.with_views(ranged_views(texts.store, texts.views, firsts, kept)).masked(valid)


def _trim_kernel(side: str) -> Kernel:
    rows = each(_trim(side))

    def kernel(context: CallContext, texts: Column, *others: Column, count: int) -> Column:
        if isinstance(texts, TextColumn) and all(map(is_constant, others)):
            characters = constant_value(others[0]) if others else " "
            if characters.isascii():
                left, right = side != "right", side != "left"
                return texts.with_views(
                    trimmed_views(texts.store, texts.views, characters.encode(), left, right)
                )
        return rows(context, texts, *others, count=count)

    return kernel


_LENGTH_ROWS: Final = each(len, INTEGERS)
_POSITION_ROWS: Final = each(_position, INTEGERS)
_SUBSTRING_ROWS: Final = each(substring)
_REPLACE_ROWS: Final = each(replace)
_SPLIT_PART_ROWS: Final = each(_split_part)
_RTRIM_ROWS: Final = each(lambda text: text.rstrip(" "))
LOWER: Final = _case_kernel(False, lower)
UPPER: Final = _case_kernel(True, upper)
LEFT: Final = _end_kernel(_left, True)
RIGHT: Final = _end_kernel(_right, False)
BTRIM, LTRIM, RTRIM = _trim_kernel("both"), _trim_kernel("left"), _trim_kernel("right")
MD5: Final = _text_kernel(_md5, md5_texts)
REVERSE: Final = _text_kernel(lambda text: text[::-1], reversed_texts)
