"""Decimals of several scales and of two words as pairs of integers that order and add as the decimals do.

A number is high / 10**place + low / 10**(place + 18), low being 0 ... 10**18 - 1. Columns that are to be compared or
added are split at one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context
from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.column import Column
from server.vector.late import LateColumn
from server.vector.parted import Part, PartedColumn, parted_column
from server.vector.rows import joint_validity
from server.vector.two_words import TwoWords

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from server.vector.column import Positions, Values

    Combine = Callable[[Values, Values], Values]

LOW_DIGITS: Final = 18
_EXACT: Final = Context(prec=200)
LOW_UNIT: Final = 10**LOW_DIGITS
HIGH_LIMIT: Final = 1 << 61
"""What high parts are below: sums and differences of two have 64 bits."""


@dataclass(frozen=True, slots=True)
class Words:
    """The two integers of each row; what stands for NULL rows means nothing."""

    high: Positions
    low: Positions


def words_at_one_place(columns: Sequence[Column]) -> tuple[list[Words], int] | None:
    """The words of columns and the place that they are split at; None: some are no decimals of one or two words."""
    parts = [_parts(column) for column in columns]
    scales = [_scale(part) for own in parts for _, part in own]
    known = [scale for scale in scales if scale is not None]
    if len(known) < len(scales):
        return None
    place = max(max(known, default=0) - LOW_DIGITS, 0)
    found = []
    for column, own in zip(columns, parts, strict=True):
        made = _together(len(column), own, place)
        if made is None:
            return None
        found.append(made)
    return found, place


def combined(left: Column, right: Column, operation: Combine) -> LateColumn | None:
    """Sums or differences of decimals that have one scale each; None: these are no words, or too large."""
    scales = _scale(left), _scale(right)
    if scales[0] is None or scales[1] is None:
        return None
    made = words_at_one_place([left, right])
    if made is None or max(scales[0], scales[1]) == 0:
        return None
    (own, other), place = made
    scale = max(scales[0], scales[1])
    digits = scale - place
    low = operation(own.low, other.low)
    carried = low // LOW_UNIT
    firsts = operation(own.high, other.high) + carried
    seconds = (low - carried * LOW_UNIT) // 10 ** (LOW_DIGITS - digits)
    is_other_sign = (firsts < 0) & (seconds > 0)
    firsts += is_other_sign
    seconds -= is_other_sign * 10**digits
    return LateColumn((firsts, seconds), TwoWords(scale, digits), joint_validity((left, right)))


def in_words(decimals: Sequence[Decimal | None]) -> PartedColumn | None:
    """Decimals as words, by scale; None: some are not finite, or two words do not hold them."""
    rows: dict[tuple[int, bool], list[tuple[int, int, int]]] = {}
    for row, number in enumerate(decimals):
        if number is None:
            continue
        if not number.is_finite():
            return None
        scale = max(-int(number.as_tuple().exponent), 0)
        digits = int(number.scaleb(scale, _EXACT))
        first, second = divmod(abs(digits), 10 ** min(scale, LOW_DIGITS))
        is_wide = abs(digits) >= HIGH_LIMIT
        if is_wide and (first >= HIGH_LIMIT or not scale):
            return None
        sign = -1 if digits < 0 else 1
        words = (row, sign * first, sign * second) if is_wide else (row, digits, 0)
        rows.setdefault((scale, is_wide), []).append(words)
    parts: list[Part] = []
    for (scale, is_wide), found in rows.items():
        places, firsts, seconds = np.array(found, np.int64).T.copy()
        if is_wide:
            made = TwoWords(scale, min(scale, LOW_DIGITS))
            parts.append((places, LateColumn((firsts, seconds), made)))
        else:
            parts.append((places, Column(firsts, None, scale)))
    return parted_column(len(decimals), parts)


def _parts(column: Column) -> Sequence[tuple[Positions | slice, Column]]:
    return column.parts if isinstance(column, PartedColumn) else ((slice(None), column),)


def _scale(column: Column) -> int | None:
    """How many digits numbers show behind the point; None: they are not words."""
    if isinstance(column, LateColumn):
        return column.make.scale if isinstance(column.make, TwoWords) else None
    return column.scale if column.scale is None or column.scale >= 0 else None


def _together(
    count: int, parts: Sequence[tuple[Positions | slice, Column]], place: int
) -> Words | None:
    high, low = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for rows, part in parts:
        split = _of_two(part, place) if isinstance(part, LateColumn) else _of_one(part, place)
        if split is None:
            return None
        high[rows], low[rows] = split
    return Words(high, low)


def _of_one(column: Column, place: int) -> tuple[Values, Values] | None:
    assert column.scale is not None
    digits = column.scale - place
    if digits <= 0:
        high = _times(column.values, -digits)
        return None if high is None else (high, np.zeros(len(high), np.int64))
    high = column.values // 10**digits
    if not _is_below(high, HIGH_LIMIT):
        return None
    return high, (column.values - high * 10**digits) * 10 ** (LOW_DIGITS - digits)


def _of_two(column: LateColumn, place: int) -> tuple[Values, Values] | None:
    made = column.make
    assert isinstance(made, TwoWords)
    firsts, seconds = column.parts
    digits, raised = made.scale - place, place - (made.scale - made.digits)
    if raised < 0 or digits <= 0:
        return None
    first = _times(firsts, raised)
    if first is None:
        return None
    carried = seconds // 10**digits
    low = (seconds - carried * 10**digits) * 10 ** (LOW_DIGITS - digits)
    return first + carried, low


def _times(values: Values, digits: int) -> Values | None:
    """Values with so many digits more; None: they are too large."""
    factor = 10**digits
    if factor >= HIGH_LIMIT or not _is_below(values, HIGH_LIMIT // factor):
        return None
    made: Values = values * factor
    return made


def _is_below(values: Values, limit: int) -> bool:
    return not len(values) or max(int(values.max()), -int(values.min())) < limit
