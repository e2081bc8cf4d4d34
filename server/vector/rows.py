"""Columns out of row values and back: the bridge between the two forms of every function.

Law: `column_of(values_of(column), dtype)` holds the same rows, though perhaps in another physical
form.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from server.vector.column import Column, Mask, Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCALED_LIMIT = 10**18
OBJECT = np.dtype(object)
_CODE = np.zeros(1, np.int32)


def values_of(column: Column) -> list[Any]:
    """The rows as values in row form, NULL as None."""
    values = plain_values(column)
    if column.valid is None:
        return values
    return [
        value if there else None for value, there in zip(values, column.valid.tolist(), strict=True)
    ]


def plain_values(column: Column) -> list[Any]:
    """The rows as values in row form; what stands in NULL rows is unspecified."""
    if column.dictionary is not None:
        column = column.decoded()
    if column.scale is not None:
        return decimals(column.values, column.scale)
    values: list[Any] = column.values.tolist()
    return values


def decimals(values: Values, scale: int) -> list[Decimal]:
    """Scaled integers as exact decimals that show `scale` digits."""
    if scale == 0:
        return [Decimal(value) for value in values.tolist()]
    unit = Decimal((0, (1,), -scale))
    return [unit * value for value in values.tolist()]


def column_of(values: Sequence[Any], dtype: np.dtype[Any]) -> Column:
    """A plain column of row values; None is NULL."""
    valid = None
    if None in values:
        valid = np.fromiter((value is not None for value in values), np.bool_, len(values))
    if dtype == OBJECT:
        return Column(objects(values), valid)
    if valid is None:
        return Column(np.array(values, dtype))
    return Column(np.array([0 if value is None else value for value in values], dtype), valid)


def objects(values: Sequence[Any]) -> Values:
    """An array of objects; never a two-dimensional one, whatever the values are."""
    array = np.empty(len(values), object)
    if len(values):
        array[:] = values if not isinstance(values[0], list | tuple) else _each(values)
    return array


def _each(values: Iterable[Any]) -> Values:
    rows = list(values)
    array = np.empty(len(rows), object)
    for index, value in enumerate(rows):
        array[index] = value
    return array


def constant_column(value: Any, dtype: np.dtype[Any], count: int) -> Column:
    """A column of one value repeated, without memory of its own: the arrays have a stride of 0.

    Decimals come scaled and strings coded where they can, so that kernels meet one form only.
    """
    if value is None:
        values = np.zeros(1, dtype) if dtype != OBJECT else np.array([None], object)
        return Column(_repeated(values, count), _repeated(np.zeros(1, np.bool_), count))
    if isinstance(value, Decimal):
        return _constant_decimal(value, count)
    if isinstance(value, str):
        return Column(_repeated(_CODE, count), None, None, Column(objects([value])))
    values = objects([value]) if dtype == OBJECT else np.array([value], dtype)
    return Column(_repeated(values, count))


def _repeated(values: Values, count: int) -> Values:
    """An array of one value as one of count values: numpy's broadcast_to, at a third of its price."""
    array = np.ndarray(count, values.dtype, values, strides=(0,))
    array.flags.writeable = False
    return array


def _constant_decimal(value: Decimal, count: int) -> Column:
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -18 <= exponent <= 0:
        scaled = int(value.scaleb(-exponent))
        if -SCALED_LIMIT < scaled < SCALED_LIMIT:
            return Column(_repeated(np.array([scaled]), count), None, -exponent)
    return Column(_repeated(objects([value]), count))


def is_constant(column: Column) -> bool:
    """Whether every row is known to hold the first row's value (as constant_column makes it)."""
    if column.valid is not None or type(column) is not Column:  # other forms are never repeated
        return False
    return column.values.strides == (0,) and len(column) > 0


def constant_value(column: Column) -> Any:
    """The value of a constant column."""
    return plain_values(column.slice(0, 1))[0]


def joint_validity(columns: Sequence[Column]) -> Mask | None:
    """Rows where no column is NULL; None if that is all of them."""
    joint: Mask | None = None
    for column in columns:
        if column.valid is not None:
            joint = column.valid if joint is None else joint & column.valid
    return joint
