"""round and trunc of numerics over columns: to so many decimals, or to powers of ten with fewer than none.

Law 1: each gives what numeric_math gives row by row.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions import numeric_math as exact
from server.functions import scaled
from server.functions.float_numerics import rounded_floats
from server.functions.quotients import means_in_words
from server.types.numeric import EXACT
from server.vector.column import Column
from server.vector.parted import PartedColumn
from server.vector.rows import joint_validity
from server.vector.two_words import cut, nearest, next_down, next_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext
    from server.vector.column import Values

_PLACES_MIN: Final = -scaled.SCALE_MAX


def round_kernel(context: CallContext, column: Column, digits: Column, *, count: int) -> Column:
    """round(numeric, integer)."""
    places, column = _places_of(digits), means_in_words(column)
    found = None if places is None else _rounded(column, places)
    if found is None:
        return scaled.by_rows(exact.round_scale, (scaled.flat(column), digits))
    return Column(found.values, joint_validity((column, digits)), found.scale)


def round_whole_kernel(context: CallContext, column: Column, *, count: int) -> Column:
    """round(numeric)."""
    column = means_in_words(column)
    found = _rounded(column, 0)
    return scaled.by_rows(round_whole, (scaled.flat(column),)) if found is None else found


def cut_kernel(context: CallContext, column: Column, digits: Column, *, count: int) -> Column:
    """trunc(numeric, integer)."""
    places, column = _places_of(digits), means_in_words(column)
    found = None
    if places is not None:
        found = _changed(column, places, _cut_to, lambda value: exact.truncate_scale(value, places))
    if found is None:
        return scaled.by_rows(exact.truncate_scale, (scaled.flat(column), digits))
    return Column(found.values, joint_validity((column, digits)), found.scale)


def whole_numbers(column: Column) -> Column | None:
    """A column rounded to integers of 64 bits; None where that has to be done row by row."""
    return _changed(column, 0, _rounded_to, round_whole)


def round_whole(value: Decimal) -> Decimal:
    """A number rounded to an integer, half away from zero."""
    return exact.round_scale(value, 0)


def _places_of(digits: Column) -> int | None:
    """The places that all rows ask for; None: they do not agree, or ask for too many."""
    places = scaled.one_value(digits) if digits.scale is None else None
    return None if places is None or not _PLACES_MIN <= places <= scaled.SCALE_MAX else places


def _rounded(column: Column, places: int) -> Column | None:
    found = _changed(column, places, _rounded_to, _rounder(places))
    if found is None and places >= 0 and not isinstance(column, PartedColumn):
        floats = rounded_floats(column, places)
        if floats is None and column.scale is None:
            return scaled.by_rows(_rounder(places), (column,))
        return floats
    return found


def _changed(
    column: Column,
    places: int,
    change: Callable[[Column, int], Column | None],
    row: Callable[[Decimal], Decimal],
) -> Column | None:
    """What a change makes of a column, part by part if it has parts of several scales."""
    if not isinstance(column, PartedColumn):
        return change(column, places)
    made = scaled.at_one_scale(column, max(places, 0), lambda part: change(part, places), row)
    return change(scaled.flat(column), places) if made is None else made


def _rounder(places: int) -> Callable[[Decimal], Decimal]:
    """exact.round_scale to always the same decimals."""
    unit = Decimal((0, (1,), -places))

    def rounded(value: Decimal) -> Decimal:
        if places < 0 or not value.is_finite() or value.adjusted() > scaled.SCALE_MAX:
            return exact.round_scale(value, places)
        found = value.quantize(unit, context=EXACT)
        return found or found.copy_abs()

    return rounded


def _rounded_to(column: Column, places: int) -> Column | None:
    """A scaled column rounded half away from zero; None where it has to be done row by row."""
    return _divided(nearest(column, places) or column, places, is_cut=False)


def _cut_to(column: Column, places: int) -> Column | None:
    """A scaled column cut towards zero; None where it has to be done row by row."""
    if column.scale is None:
        down, up = next_down(column), next_up(column)
        if down is None or up is None or down.scale is None:
            return None
        if places > down.scale:
            return cut(column, places)
        column = Column(np.where(down.values < 0, up.values, down.values), down.valid, down.scale)
    return _divided(column, places, is_cut=True)


def _divided(column: Column, places: int, *, is_cut: bool) -> Column | None:
    """The numbers without the digits behind some place, or with zeros up to it."""
    if column.scale is None or places > scaled.SCALE_MAX:
        return None
    if places >= column.scale:
        longer = scaled.rescaled(column, places)
        return None if longer is None else Column(longer, column.valid, places)
    unit, whole = 10 ** (column.scale - places), 10 ** max(-places, 0)
    most = scaled.magnitude(column.values) + (unit if places < 0 else 0)
    if max(unit, most) >= scaled.LIMIT:
        return None
    size: Values = np.abs(column.values)
    quotient = size // unit
    if not is_cut:
        quotient += size - quotient * unit >= unit // 2
    quotient *= whole
    return Column(np.where(column.values < 0, -quotient, quotient), column.valid, max(places, 0))
