"""Columns of dates, timestamps and decimals as texts in a store, and templates of to_char that show plain numbers.

Law 1: they are what the type writes of each value; None where a column has anything but plain digits to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions.fields import civil
from server.types.calendar import US_PER_DAY, US_PER_HOUR, US_PER_MINUTE, US_PER_SECOND, days_of
from server.vector.late import LateColumn
from server.vector.native import integer_texts, number_texts
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import TextStyle, Type
    from server.vector.column import Column, Values

    Texts = tuple[Values, Values]

FIRST_DAY: Final = days_of(1, 1, 1)
LAST_DAY: Final = days_of(9999, 12, 30)
INT64_MIN: Final = -(1 << 63)


def digit_texts(column: Column, kind: Type, style: TextStyle) -> TextColumn | None:
    """The rows as texts."""
    write = _WRITERS.get(kind.name)
    if write is None or column.dictionary is not None or isinstance(column, LateColumn):
        return None
    values = column.values
    if values.dtype.kind != "i":
        return None
    if column.valid is not None:
        values = np.where(column.valid, values, 0)
    made = write(values.astype(np.int64), column.scale, style)
    return None if made is None else TextColumn(*made, column.valid)


def _integers(values: Values, scale: int | None, style: TextStyle) -> Texts:
    return integer_texts(values)


def _dates(days: Values, scale: int | None, style: TextStyle) -> Texts | None:
    if style.date_style != "ISO" or not _in_four_digits(days):
        return None
    return number_texts(civil(days), (4, 2, 2), (b"", b"-", b"-", b""))


def _timestamps(us: Values, scale: int | None, style: TextStyle) -> Texts | None:
    days, rest = np.divmod(us, US_PER_DAY)
    if style.date_style != "ISO" or not _in_four_digits(days):
        return None
    clock = rest // US_PER_HOUR, rest // US_PER_MINUTE % 60, rest // US_PER_SECOND % 60
    literals = (b"", b"-", b"-", b" ", b":", b":", b"")
    fraction = rest % US_PER_SECOND
    return number_texts((*civil(days), *clock), (4, 2, 2, 2, 2, 2), literals, None, fraction)


def _decimals(values: Values, scale: int | None, style: TextStyle) -> Texts | None:
    if scale is None or (len(values) and int(values.min()) == INT64_MIN):
        return None
    sizes, negative = np.abs(values), values < 0
    if not scale:
        return number_texts((sizes,), (1,), (b"", b""), negative)
    return number_texts(np.divmod(sizes, 10**scale), (1, scale), (b"", b".", b""), negative)


def _in_four_digits(days: Values) -> bool:
    return not len(days) or bool(days.min() >= FIRST_DAY and days.max() <= LAST_DAY)


_WRITERS: Final[dict[str, Callable[[Values, int | None, TextStyle], Texts | None]]] = {
    "int2": _integers,
    "int4": _integers,
    "int8": _integers,
    "date": _dates,
    "timestamp": _timestamps,
    "numeric": _decimals,
}
