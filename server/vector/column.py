"""Column: the values of one column for one batch of rows.

A column carries no SQL type: plans know types, kernels know arrays. It comes in three physical
forms:

    plain       values is an array of the dtype of the type; objects for types without a fixed width
    scaled      values is int64 and scale is s: the exact decimal values / 10**s, every one shown
    with s digits coded       values is an array of int32 positions in `dictionary`, a plain Column
    without NULLs
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The values of one column for one batch of rows.

    Where valid is False the row is NULL and its value is unspecified, so kernels may compute it and
    must not raise on it. valid None means that no row is NULL. Columns are shared between operators
    and may alias pages of the store: neither array is ever written.
    """

    values: Values
    valid: Mask | None = None
    scale: int | None = None
    dictionary: Column | None = None

    def __post_init__(self) -> None:
        """Refuse a mask of another length."""
        assert self.valid is None or len(self.valid) == len(self.values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def has_nulls(self) -> bool:
        """Whether any row is NULL."""
        return self.valid is not None and not bool(self.valid.all())

    def validity(self) -> Mask:
        """Give the mask, made where there is none."""
        return np.ones(len(self), np.bool_) if self.valid is None else self.valid

    def take(self, positions: Values) -> Column:
        """Rows at the positions, in their order; position -1 gives NULL."""
        return take(self, positions)

    def slice(self, start: int, stop: int) -> Column:
        """Rows start to stop, without a copy."""
        valid = None if self.valid is None else self.valid[start:stop]
        return Column(self.values[start:stop], valid, self.scale, self.dictionary)

    def decoded(self) -> Column:
        """The same rows without a dictionary."""
        if self.dictionary is None:
            return self
        if len(self) and self.values.strides == (0,) and len(self.dictionary):  # a constant
            word = self.dictionary.values[self.values[:1]]
            return Column(np.broadcast_to(word, len(self)), self.valid)
        if len(self.dictionary) == 0:
            return Column(np.empty(len(self), object), self.valid)
        codes = self.values if self.valid is None else np.where(self.valid, self.values, 0)
        return Column(self.dictionary.values[codes], self.valid)


def unset(count: int, dtype: np.dtype[Any]) -> Values:
    """What stands in NULL rows: zeros, or None where values are objects."""
    return np.empty(count, dtype) if dtype.kind == "O" else np.zeros(count, dtype)


def take(column: Column, positions: Values) -> Column:
    """Rows of a column at the positions, in their order; position -1 gives NULL."""
    missing = positions < 0
    if not missing.any():
        valid = None if column.valid is None else column.valid[positions]
        return Column(column.values[positions], valid, column.scale, column.dictionary)
    if len(column) == 0:
        values = unset(len(positions), column.values.dtype)
        return Column(values, ~missing, column.scale, column.dictionary)
    values = column.values[np.where(missing, 0, positions)]
    valid = ~missing if column.valid is None else column.valid[positions] & ~missing
    return Column(values, valid, column.scale, column.dictionary)
