"""Kernels of mathematics on double precision: the C library's functions over whole columns.

Law 1: a column of finite values inside the domain whose results are finite has what the row form gives,
       to the bit. Any other column goes row by row, as do results that may be underflows: rows raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions.scaled import by_rows
from server.vector.column import Column, Mask, Values
from server.vector.native import angles, of_each, powers
from server.vector.rows import joint_validity

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel

_FLOAT: Final = np.dtype(np.float64)


def _anywhere(values: Values) -> Mask:
    return np.isfinite(values)


def above_zero(values: Values) -> Mask:
    """Where logarithms are finite."""
    return (values > 0) & np.isfinite(values)


def not_negative(values: Values) -> Mask:
    """Where there are square roots."""
    return (values >= 0) & np.isfinite(values)


def of_unit(values: Values) -> Mask:
    """Sines and cosines of angles."""
    return np.abs(values) <= 1


def unary(
    compute: str | Callable[[Values], Values],
    row: Callable[[float], float],
    domain: Callable[[Values], Mask] = _anywhere,
    *,
    is_zero_an_error: bool = False,
) -> Kernel:
    """A function of one argument, by its name in C or as one of numpy's that is exact."""

    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        values = _there(column, column.valid)
        if domain(values).all():
            results = of_each(compute, values) if isinstance(compute, str) else compute(values)
            if np.isfinite(results).all() and not (is_zero_an_error and not results.all()):
                return Column(results, column.valid)
        return by_rows(row, (column,), _FLOAT)

    return kernel


def power(row: Callable[[float, float], float]) -> Kernel:
    """Powers."""

    def kernel(context: CallContext, bases: Column, exponents: Column, *, count: int) -> Column:
        valid = joint_validity((bases, exponents))
        lower, upper = _there(bases, valid), _there(exponents, valid)
        if np.isfinite(lower).all() and np.isfinite(upper).all():
            results = powers(lower, upper)  # nan for roots of negative numbers, 0 for underflows
            if np.isfinite(results).all() and ((results != 0) | (lower == 0)).all():
                return Column(results, valid)
        return by_rows(row, (bases, exponents), _FLOAT)

    return kernel


def angle(context: CallContext, rises: Column, runs: Column, *, count: int) -> Column:
    """Angles of points; there are such of infinities and of what is no number, too."""
    valid = joint_validity((rises, runs))
    return Column(angles(_there(rises, valid), _there(runs, valid)), valid)


def sign(context: CallContext, column: Column, *, count: int) -> Column:
    """-1, 0 or 1; 0 of what is no number."""
    values = column.values
    return Column((values > 0).astype(np.float64) - (values < 0), column.valid)


def _there(column: Column, valid: Mask | None) -> Values:
    """The values, 1 where a row is NULL: every function is defined there."""
    values = column.values if column.dictionary is None else column.decoded().values
    return values if valid is None else np.where(valid, values, 1.0)
