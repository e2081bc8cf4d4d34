"""Values of key columns as int64 that are equal where SQL calls the values equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.oids import BPCHAR
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from server.types.type import Type
    from server.vector.column import Column, Positions, Values

TEXT_OIDS: Final = frozenset({25, 1043, BPCHAR})


def is_text(kind: Type) -> bool:
    """Whether values are texts that are equal where their bytes are, but for the blanks of bpchar."""
    return kind.oid in TEXT_OIDS and (kind.collator is None or kind.collator.deterministic)


def is_fixed(column: Column) -> bool:
    """Whether the values are numbers in an array of them."""
    if isinstance(column, TextColumn) or column.dictionary is not None:  # texts stay where they lie
        return False
    return column.values.dtype.kind in "biuf"


def float_keys(values: Values) -> Positions:
    """Floats as int64 that are equal where SQL calls the floats equal."""
    floats = values.astype(np.float64) + 0.0  # -0 + 0 is 0
    floats[np.isnan(floats)] = np.nan
    return floats.view(np.int64)


def integer_keys(column: Column, scale: int | None, *, is_float: bool) -> Positions | None:
    """Rows as the int64 keys of a table of floats or of numbers of a scale, None when only objects can say them."""
    if not is_fixed(column):
        return None
    if is_float or column.values.dtype.kind == "f":
        return float_keys(column.values) if is_float else None
    if column.scale == scale:
        return column.values.astype(np.int64, copy=False)
    if column.scale is None or scale is None or column.scale > scale:
        return None
    factor = 10 ** (scale - column.scale)
    limit = (2**63 - 1) // factor
    values = column.values if column.valid is None else np.where(column.valid, column.values, 0)
    if len(values) and (values.max() > limit or values.min() < -limit):
        return None
    scaled: Positions = values * factor
    return scaled
