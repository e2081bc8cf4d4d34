"""Numerics out of many binary fields at once, where they have a precision or all the same display scale.

Rule 1: it gives what receive_numeric gives for each field, or nothing where one is wrong, not finite, shows more digits
        than the column has, or may have more than 64 bits hold.

    field    digit count u16 | weight i16 | sign u16 | display scale u16 | digits to the base of 10,000, u16 each
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.types.numeric import HEADER, precision_and_scale, scaled_by
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

BASE: Final = 10_000
BASE_DIGITS: Final = 4
NEGATIVE: Final = 0x4000
DIGITS_MAX: Final = 18
GROUPS_MAX: Final = 6
POWERS: Final = 10 ** np.arange(DIGITS_MAX + 1, dtype=np.int64)


def scaled_numerics(fields: Sequence[bytes | None], modifier: int) -> Column | None:
    """A column of one scale; None: the fields are for receive_numeric."""
    zero = bytes(HEADER.size)
    given = [zero if field is None else field for field in fields]
    lengths = np.fromiter(map(len, given), np.int64, len(given))
    if not len(lengths) or lengths.min() < HEADER.size:
        return None
    data = np.frombuffer(b"".join(given), np.uint8)
    starts = np.cumsum(lengths) - lengths
    count, weight, sign, shown = (_words(data, starts + 2 * n) for n in range(4))
    weight = weight.astype(np.int16).astype(np.int64)
    limits = _precision_and_scale(modifier, shown, fields)
    if limits is None:
        return None
    precision, scale = limits
    is_plain = (
        (lengths == HEADER.size + 2 * count)
        & (count <= GROUPS_MAX)
        & ((sign == 0) | (sign == NEGATIVE))
        & (shown <= scale)
        & (BASE_DIGITS * (weight + 1) + scale <= DIGITS_MAX)
    )
    if not is_plain.all():
        return None
    total = np.zeros(len(given), np.int64)
    for group in range(int(count.max())):
        rows = np.flatnonzero(count > group)
        digits = _words(data, starts[rows] + HEADER.size + 2 * group)
        power = BASE_DIGITS * (weight[rows] - group) + scale
        below = POWERS[np.clip(-power, 0, BASE_DIGITS)]
        if (digits >= BASE).any() or (digits % below).any():
            return None
        total[rows] += digits // below * POWERS[np.clip(power, 0, DIGITS_MAX)]
    if (total >= 10**precision).any():
        return None
    values = np.where(sign == NEGATIVE, -total, total)
    valid: Any = None
    if None in fields:
        valid = np.fromiter((field is not None for field in fields), np.bool_, len(fields))
    return Column(values, valid, scale)


def _precision_and_scale(
    modifier: int, shown: npt.NDArray[np.int64], fields: Sequence[bytes | None]
) -> tuple[int, int] | None:
    """The digits that values may have, and those behind the point; None: not all have as many."""
    limits, scale = precision_and_scale(modifier), scaled_by(modifier)
    if limits is not None:
        return None if scale is None else (limits[0], scale)
    there = [n for n, field in enumerate(fields) if field is not None]
    if not there:
        return None
    scales = shown[there]
    first = int(scales[0])
    return (DIGITS_MAX, first) if first <= DIGITS_MAX and (scales == first).all() else None


def _words(data: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The 16 bits at each place."""
    return data[places].astype(np.int64) << 8 | data[places + 1]
