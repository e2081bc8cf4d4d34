"""Comparisons of decimals that have not been made: quotients, means, and products of means and constants.

Each row compared with the mean of its group asks for as many decimals as there are rows. As floats they are known to
fifteen digits, and that tells nearly all of them from what they are compared with; the few others are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import numeric_math as exact
from server.functions import scaled
from server.functions.means import Means
from server.functions.quotients import Quotients
from server.vector.column import Column, Mask, Values
from server.vector.late import LateColumn
from server.vector.rows import constant_value, is_constant, joint_validity

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from server.functions.function import CallContext, Kernel

    Compare = Callable[[Any, Any], Any]

NEAR: Final = 1e-12
"""As a part of both values: what is further apart as floats differs as decimals, the same way."""

CLOSE_SHARE_MIN: Final = 64
"""One of so many rows may be too close to tell, at most."""

FLOAT_MAX: Final = 1e200
"""Constants beyond this, or not far enough from zero, are left to decimals."""


@dataclass(frozen=True, slots=True)
class Product:
    """Makes the products of means and a constant."""

    means: Means
    factor: Decimal
    is_left: bool  # the factor

    def __call__(self, sums: Values, counts: Values, valid: Mask | None) -> Values:
        """Make the decimals."""
        made = self.means(sums, counts, valid)
        there = np.flatnonzero(counts)
        for row in there.tolist():
            pair = (self.factor, made[row]) if self.is_left else (made[row], self.factor)
            made[row] = exact.multiply(*pair)
        return made

    def near(self, sums: Values, counts: Values) -> Values:
        """About the same as floats."""
        return self.means.near(sums, counts) * float(self.factor)


def product_kernel(multiply: Kernel) -> Kernel:
    """Products of numerics: those of means and a constant are made when somebody asks; multiply makes all others."""

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        for means, other, is_left in ((left, right, False), (right, left, True)):
            made = _product(means, other, is_left=is_left)
            if made is not None:
                return made
        return multiply(context, left, right, count=count)

    return kernel


def _product(means: Column, other: Column, *, is_left: bool) -> LateColumn | None:
    if not isinstance(means, LateColumn) or not isinstance(means.make, Means):
        return None
    if not is_constant(other):
        return None
    factor: Decimal = constant_value(other)
    if not _is_moderate(factor):
        return None
    return LateColumn(means.parts, Product(means.make, factor, is_left), means.valid)


def compared(compare: Compare, left: Column, right: Column, row: Compare) -> Column | None:
    """Rows of which one side at least is not made yet, row compares two decimals; None: that is not so."""
    if not (_is_late(left) or _is_late(right)):
        return None
    one, other = _near(left), _near(right)
    if one is None or other is None:
        return None
    valid = joint_validity((left, right))
    found = np.asarray(compare(one, other))
    close = np.abs(one - other) <= NEAR * (np.abs(one) + np.abs(other))
    rows = np.flatnonzero(close if valid is None else close & valid)
    if len(rows) * CLOSE_SHARE_MIN > len(found) and _has_quotients(left, right):
        return None  # words of all are compared faster than so many decimals
    if len(rows):
        pairs = left.take(rows), right.take(rows)
        found[rows] = scaled.by_rows(row, pairs, np.dtype(np.bool_)).values
    return Column(found, valid)


def _has_quotients(*columns: Column) -> bool:
    return any(isinstance(column, Quotients) for column in columns)


def _is_late(column: Column) -> bool:
    is_late = isinstance(column, LateColumn) and isinstance(column.make, Means | Product)
    return is_late or isinstance(column, Quotients)


def _near(column: Column) -> Values | None:
    """The rows as floats of fifteen digits; None: they come in another form."""
    if isinstance(column, Quotients):
        return column.near()
    if isinstance(column, LateColumn):
        make: Any = column.make
        return make.near(*column.parts) if _is_late(column) else None
    if column.scale is not None:
        near: Values = column.values / float(10**column.scale)
        return near
    if is_constant(column) and _is_moderate(constant_value(column)):
        return np.full(len(column), float(constant_value(column)))
    return None


def _is_moderate(value: Decimal) -> bool:
    """Whether a float says the value to fifteen digits, and that times a mean as well."""
    return value.is_finite() and (not value or 1 / FLOAT_MAX < abs(value) < FLOAT_MAX)
