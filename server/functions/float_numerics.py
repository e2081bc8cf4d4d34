"""Numerics made of floats: decimals when somebody asks for them, integers of a scale where they are rounded to one.

A numeric of a float has so many digits as the float can be trusted for. Rounding the float itself gives the
same as rounding those digits, but where it is close to the middle between two results: there the decimal
is made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import numeric_math as exact
from server.functions.scaled import SCALE_MAX
from server.types.numeric import round_to
from server.vector.column import Column
from server.vector.late import LateColumn
from server.vector.rows import objects

if TYPE_CHECKING:
    from server.functions.function import CallContext, Kernel
    from server.vector.column import Mask, Values

WHOLE_MAX: Final = 2.0**52


@dataclass(frozen=True, slots=True)
class FloatNumerics:
    """Makes numerics of floats that are known to so many digits."""

    digits: int

    def convert(self, value: float) -> Decimal:
        """The numeric of a float."""
        if not math.isfinite(value):
            return Decimal(value)
        text = f"{value:.{self.digits}g}"
        number = Decimal(text)
        if "e+" in text:  # zeros before the point are not shown
            return round_to(number, 0)
        return number or number.copy_abs()

    def __call__(self, floats: Values, valid: Mask | None) -> Values:
        """Make the decimals."""
        return objects(list(map(self.convert, floats.tolist())))

    def kernel(self) -> Kernel:
        """The conversion of columns."""

        def convert(context: CallContext, floats: Column, *, count: int) -> Column:
            return LateColumn((floats.values,), self, floats.valid)

        return convert

    def rounded(self, floats: Values, valid: Mask | None, scale: int) -> Values | None:
        """The numerics with so many decimals, as integers; None where some are too large for that."""
        given = floats.astype(np.float64)
        if valid is not None:
            given = np.where(valid, given, 0.0)
        sizes = np.abs(given) * 10.0**scale
        if len(sizes) and not float(sizes.max()) < WHOLE_MAX:  # which NaN is not, either
            return None
        whole = np.floor(sizes + 0.5)
        doubts = np.abs(sizes - np.floor(sizes) - 0.5) <= sizes * 10.0 ** (1 - self.digits)
        made: Values = np.where(given < 0, -whole, whole).astype(np.int64)
        for row in np.flatnonzero(doubts).tolist():
            number = exact.round_scale(self.convert(float(given[row])), scale)
            made[row] = int(number.scaleb(scale))
        return made


def rounded_floats(column: Column, scale: int) -> Column | None:
    """A numeric of floats with so many decimals; None where it is something else."""
    if not isinstance(column, LateColumn) or not isinstance(column.make, FloatNumerics):
        return None
    made: Any = None
    if 0 <= scale <= SCALE_MAX:
        made = column.make.rounded(column.parts[0], column.valid, scale)
    return None if made is None else Column(made, column.valid, scale)
