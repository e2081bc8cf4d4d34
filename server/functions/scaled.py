"""Arithmetic on scaled columns: exact decimals as int64.

Each operation gives None where the exact result may not fit; the caller then computes with
Decimals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import numeric_math as exact
from server.types.numeric import EXACT
from server.vector.column import Column, Values
from server.vector.decimal_words import combined
from server.vector.late import LateColumn
from server.vector.parted import PartedColumn, parted_column
from server.vector.rows import column_of, is_constant, joint_validity, plain_values
from server.vector.two_words import floats_of, nearest, product
from server.vector.two_words import with_sign as changed_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

LIMIT: Final = 1 << 63
SCALE_MAX: Final = 18
EXACT_POWER_MAX: Final = 22
"""Powers of ten up to this are floats exactly."""
_OBJECT: Final = np.dtype(object)


def magnitude(values: Values) -> int:
    """The greatest absolute value, as a Python integer."""
    if len(values) == 0:
        return 0
    if values.strides == (0,):
        return abs(int(values[0]))
    return max(int(values.max()), -int(values.min()))


def rescaled(column: Column, scale: int) -> Values | None:
    """The values at another, not smaller, scale."""
    assert column.scale is not None
    if scale == column.scale:
        return column.values
    factor = 10 ** (scale - column.scale)
    if factor >= LIMIT or magnitude(column.values) * factor >= LIMIT:
        return None
    if column.values.strides == (0,) and len(column):
        return np.broadcast_to(column.values[:1] * factor, len(column))
    scaled: Values = column.values * factor
    return scaled


def aligned(left: Column, right: Column) -> tuple[Values, Values, int] | None:
    """Both columns at one scale."""
    if left.scale is None or right.scale is None:
        return None
    scale = max(left.scale, right.scale)
    first, second = rescaled(left, scale), rescaled(right, scale)
    return None if first is None or second is None else (first, second, scale)


def flat(column: Column) -> Column:
    """Decimals of several scales at the largest of them; all else, and what does not fit, as it is."""
    if not isinstance(column, PartedColumn) or not column.parts:
        return column
    scales = [part.scale for _, part in column.parts if part.scale is not None]
    scale = max(scales, default=SCALE_MAX)
    if scale > SCALE_MAX or len(scales) < len(column.parts):
        return column
    made = np.zeros(len(column), np.int64)
    for places, part in column.parts:
        values = rescaled(part, scale)
        if values is None:
            return column
        made[places] = values
    return Column(made, column.valid, scale)


def _shown_alike(left: Column, right: Column) -> tuple[Column, Column]:
    """Both as they are, or flat where each result has the digits of the other column at least."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, PartedColumn) and other.scale is not None:
            made = flat(one)
            if made.scale is not None and made.scale <= other.scale:
                return (made, other) if one is left else (other, made)
    return left, right


def add(left: Column, right: Column) -> Column | None:
    """Sum; one that 64 bits do not hold has two words."""
    return _linear(left, right, np.add, exact.add)


def subtract(left: Column, right: Column) -> Column | None:
    """Difference; one that 64 bits do not hold has two words."""
    return _linear(left, right, np.subtract, exact.subtract)


def _linear(
    left: Column, right: Column, operation: Callable[..., Values], row: Callable[..., Any]
) -> Column | None:
    left, right = _shown_alike(left, right)
    for is_left, parted, other in ((True, left, right), (False, right, left)):
        if isinstance(parted, PartedColumn):
            return _linear_parts(parted, other, operation, row, is_left=is_left)
    pair = aligned(left, right)
    if pair is None:
        return combined(left, right, operation)
    first, second, scale = pair
    if magnitude(first) + magnitude(second) >= LIMIT:
        return combined(left, right, operation)
    return Column(operation(first, second), joint_validity((left, right)), scale)


def _linear_parts(
    parted: PartedColumn,
    other: Column,
    operation: Callable[..., Values],
    row: Callable[..., Any],
    *,
    is_left: bool,
) -> Column | None:
    """Sums or differences of decimals of several scales and others, part by part."""
    if other.scale is None and not isinstance(other, LateColumn):
        return None
    parts = []
    for places, part in parted.parts:
        rest = other.take(places)
        pair = (part, rest) if is_left else (rest, part)
        made = _linear(*pair, operation, row)
        parts.append((places, by_rows(row, pair) if made is None else made))
    return parted_column(len(parted), parts)


def multiply(left: Column, right: Column) -> Column | None:
    """Product; the scales add up. One that 64 bits do not hold has two words."""
    if isinstance(left, PartedColumn) or isinstance(right, PartedColumn):
        return _multiplied_parts(left, right)
    if left.scale is None or right.scale is None or not _fits_product(left, right):
        return product(left, right)
    values = left.values * right.values
    return Column(values, joint_validity((left, right)), left.scale + right.scale)


def _fits_product(left: Column, right: Column) -> bool:
    """Whether 64 bits hold all products for sure."""
    assert left.scale is not None
    assert right.scale is not None
    if left.scale + right.scale > SCALE_MAX:
        return False
    return magnitude(left.values) * magnitude(right.values) < LIMIT


def _multiplied_parts(left: Column, right: Column) -> Column | None:
    """The products of decimals of several scales, part by part."""
    parted, other = (left, right) if isinstance(left, PartedColumn) else (right, left)
    if not isinstance(parted, PartedColumn) or other.scale is None:
        return None
    parts = []
    for places, part in parted.parts:
        factors = other.take(places)
        made = multiply(part, factors)
        parts.append((places, by_rows(exact.multiply, (part, factors)) if made is None else made))
    return parted_column(len(parted), parts)


def with_sign(column: Column, change: Callable[[Values], Values]) -> Column | None:
    """Decimals with another sign; None where they are not all words, or the least one is among them."""
    if isinstance(column, PartedColumn):
        parts = [(places, with_sign(part, change)) for places, part in column.parts]
        made = [(places, part) for places, part in parts if part is not None]
        return parted_column(len(column), made) if len(made) == len(parts) else None
    if column.scale is None:
        return changed_words(column, change)
    if magnitude(column.values) >= LIMIT:
        return None
    return Column(change(column.values), column.valid, column.scale)


def floats(column: Column, row: Callable[[Any], float]) -> Column | None:
    """Decimals as double precision, those that lie too near between two of them by row; None: they are no words."""
    if not isinstance(column, PartedColumn):
        return _floats(column, row)
    values = np.zeros(len(column), np.float64)
    for places, part in column.parts:
        found = _floats(part, row)
        if found is None:
            return None
        values[places] = found.values
    return Column(values, column.valid)


def _floats(column: Column, row: Callable[[Any], float]) -> Column | None:
    scale = column.scale
    if scale is not None and scale <= EXACT_POWER_MAX and magnitude(column.values) < 1 << 53:
        return Column(column.values / 10.0**scale, column.valid)
    found = floats_of(column)
    if found is None:
        return None
    values, strange = found
    rows = np.flatnonzero(strange if column.valid is None else strange & column.valid)
    if len(rows):
        values[rows] = [row(value) for value in plain_values(column.take(rows))]
    return Column(values, column.valid)


def by_rows(
    row: Callable[..., Any], columns: Sequence[Column], dtype: np.dtype[Any] = _OBJECT
) -> Column:
    """Compute with row values where no argument is NULL."""
    valid = joint_validity(columns)
    if valid is None or bool(valid.all()):
        return column_of(list(map(row, *[plain_values(column) for column in columns])), dtype)
    places = np.flatnonzero(valid)
    found = list(map(row, *[plain_values(column.take(places)) for column in columns]))
    results: list[Any] = [None] * len(valid)
    for place, value in zip(places.tolist(), found, strict=True):
        results[place] = value
    return column_of(results, dtype)


def one_value(column: Column) -> int | None:
    """The scaled integer of a constant column."""
    return int(column.values[0]) if is_constant(column) else None


def at_one_scale(
    column: PartedColumn,
    scale: int,
    change: Callable[[Column], Column | None],
    row: Callable[[Decimal], Decimal],
) -> Column | None:
    """What a change makes of the scaled parts, all at one scale, and row of the others; None if one does not fit."""
    values = np.zeros(len(column), np.int64)
    for places, part in column.parts:
        made = change(part)
        if made is not None:
            values[places] = made.values
            continue
        numbers = [int(row(value).scaleb(scale, EXACT)) for value in plain_values(part)]
        if numbers and max(map(abs, numbers)) >= LIMIT:
            return None
        values[places] = numbers
    return Column(values, column.valid, scale)


def round_column(column: Column, precision: int, scale: int) -> Column | None:
    """A scaled column as numeric(precision, scale), rounded half away from zero.

    None where that is not possible with 64 bits, or a value does not fit: the caller finds which.
    """
    if isinstance(column, PartedColumn):
        made = at_one_scale(
            column,
            scale,
            lambda part: round_column(part, precision, scale),
            lambda value: exact.round_scale(value, scale),
        )
        return None if made is None or magnitude(made.values) >= 10**precision else made
    column = nearest(column, scale) or column
    if column.scale is None or not 0 <= scale <= SCALE_MAX or len(column) == 0:
        return None
    values: Values | None = column.values
    if scale >= column.scale:
        values = rescaled(column, scale)
    else:
        unit = 10 ** (column.scale - scale)
        if unit >= LIMIT or magnitude(column.values) >= LIMIT:
            return None
        size = np.abs(column.values)
        quotient = size // unit
        quotient += size - quotient * unit >= unit // 2
        values = np.where(column.values < 0, -quotient, quotient)
    if values is None or magnitude(values) >= 10**precision:
        return None
    return Column(values, column.valid, scale)
