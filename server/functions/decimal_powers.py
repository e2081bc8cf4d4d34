"""Square roots, logarithms and small powers of numerics over columns.

Law 1: each gives what numeric_math gives row by row; what has no kernel, and what is wrong, is left to the rows.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import numeric_math as exact
from server.functions import scaled
from server.functions.numeric_math import FACTORS_MAX, SIGNIFICANT_DIGITS_MIN
from server.vector.column import Column
from server.vector.exact_math import LEFT, logarithm_table
from server.vector.native import logarithms, square_roots
from server.vector.parted import parted_column
from server.vector.rows import constant_value, is_constant, objects, plain_values
from server.vector.two_words import with_more_digits

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel
    from server.vector.column import Positions, Values

    Row = Callable[[Decimal], Decimal]
    Compute = Callable[[Values, int], tuple[Values, Positions]]

ROWS_MIN: Final = 64
"""For fewer rows it is not worth while to make the table of logarithms."""


def root_kernel(row: Row) -> Kernel:
    """Square roots."""
    return _kernel(
        lambda values, scale: square_roots(values, scale, SIGNIFICANT_DIGITS_MIN), row, least=0
    )


def logarithm_kernel(row: Row, base: int) -> Kernel:
    """Logarithms to a base, 0 for e."""

    def compute(values: Values, scale: int) -> tuple[Values, Positions]:
        return logarithms(values, scale, SIGNIFICANT_DIGITS_MIN, logarithm_table(base))

    return _kernel(compute, row, least=1)


def _kernel(compute: Compute, row: Row, least: int) -> Kernel:
    """A function of numbers that are not below the least, of which each shows digits of its own."""

    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        column = scaled.flat(column)
        if column.scale is None or column.scale > scaled.SCALE_MAX or count < ROWS_MIN:
            return scaled.by_rows(row, (column,))
        there = np.arange(count) if column.valid is None else np.flatnonzero(column.valid)
        values = column.values[there].astype(np.int64, copy=False)
        if len(values) and int(values.min()) < least:
            return scaled.by_rows(row, (column,))
        scales, numbers = compute(values, column.scale)
        left = numbers == LEFT
        parts = []
        for scale in np.unique(scales[~left]).tolist():
            rows = np.flatnonzero((scales == scale) & ~left)
            parts.append((there[rows], Column(numbers[rows], None, scale)))
        rest = there[np.flatnonzero(left)]
        if len(rest):
            made = objects([row(value) for value in plain_values(column.take(rest))])
            parts.append((rest, Column(made)))
        return parted_column(count, parts)

    return kernel


def power_kernel(row: Callable[[Any, Any], Any]) -> Kernel:
    """Powers; those of a few factors, as many for all rows, are multiplied."""

    def kernel(context: CallContext, bases: Column, exponents: Column, *, count: int) -> Column:
        found = None
        if count >= ROWS_MIN and is_constant(exponents):
            exponent: Decimal = constant_value(exponents)
            if exponent.is_finite() and 1 <= exponent <= FACTORS_MAX and not exponent % 1:
                found = _small_powers(scaled.flat(bases), int(exponent))
        return scaled.by_rows(row, (bases, exponents)) if found is None else found

    return kernel


def _small_powers(bases: Column, exponent: int) -> Column | None:
    """Products of so many factors, with as many digits as powers show; None: they may have more, or be too large."""
    if bases.scale is None or bases.scale * exponent > SIGNIFICANT_DIGITS_MIN:
        return None
    product: Column | None = bases
    for _ in range(exponent - 1):
        product = None if product is None else scaled.multiply(product, bases)
    return None if product is None else with_more_digits(product, SIGNIFICANT_DIGITS_MIN)


def ten_logarithm(value: Decimal) -> Decimal:
    """The logarithm to the base 10."""
    return exact.logarithm(Decimal(10), value)
