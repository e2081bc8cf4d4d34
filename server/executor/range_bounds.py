"""RANGE frames with an offset, for values that a kernel can compare: the bound of every row at once.

Rule 1: where a bound would leave the type, or a value or the offset is infinite or NaN, nothing is given, and the
        in_range function decides row by row; so it does for offsets that are no fixed distance, as months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import Value
    from server.vector.column import Column, Values

_DAY_US: Final = 86_400_000_000
_BOUNDS: Final = np.iinfo(np.int64)


def compared_values(
    function_oid: int, column: Column, offset: Value, *, subtract: bool
) -> tuple[Values, Values] | None:
    """Values, and the bound of each row's frame, as int64 or float64; None: rule 1."""
    prepare = _PREPARED.get(function_oid)
    if prepare is None or column.dictionary is not None or column.values.dtype == object:
        return None
    prepared = prepare(column, offset)
    if prepared is None:
        return None
    values, distance = prepared
    if values.dtype == np.float64:
        return values, values - distance if subtract else values + distance
    known = values if column.valid is None else values[column.valid]
    if len(known) and (
        int(known.min()) - distance < _BOUNDS.min or int(known.max()) + distance > _BOUNDS.max
    ):
        return None
    with np.errstate(over="ignore"):
        return values, values - distance if subtract else values + distance


def _integers(column: Column, offset: Any) -> tuple[Values, int] | None:
    return None if offset < 0 else (column.values.astype(np.int64), offset)


def _timestamps(column: Column, offset: Any) -> tuple[Values, int] | None:
    values = column.values.astype(np.int64)
    if (values == _BOUNDS.max).any() or (values == _BOUNDS.min).any():
        return None
    return _distance(values, offset)


def _distance(values: Values, offset: Any) -> tuple[Values, int] | None:
    months, days, microseconds = offset
    distance = days * _DAY_US + microseconds
    return None if months or distance < 0 else (values, distance)


def _dates(column: Column, offset: Any) -> tuple[Values, int] | None:
    limits = np.iinfo(np.int32)
    if (column.values == limits.max).any() or (column.values == limits.min).any():
        return None
    return _distance(column.values.astype(np.int64) * _DAY_US, offset)


def _instants(column: Column, offset: Any) -> tuple[Values, int] | None:
    return None if offset[1] else _timestamps(column, offset)  # days are not all of one length


def _floats(column: Column, offset: Any) -> tuple[Values, float] | None:
    values = column.values.astype(np.float64)
    is_plain = bool(np.isfinite(values).all()) and bool(np.isfinite(offset)) and offset >= 0
    return (values, offset) if is_plain else None


_PREPARED: Final[dict[int, Callable[[Column, Any], tuple[Values, Any] | None]]] = {
    **dict.fromkeys(range(4126, 4133), _integers),
    4133: _dates,
    4134: _timestamps,
    4135: _instants,
    4139: _floats,
    4140: _floats,
}
"""What makes plain values and a plain distance, by the OID of the in_range function."""
