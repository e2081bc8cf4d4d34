"""Reads columns of COPY fields whose text has the plainest form of its type.

Every function takes fields, None for NULL, and gives the values, which rows are not NULL, and the
positions of the rows in any other form: the caller reads those by the type's own input function,
which also raises the errors.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from server.types.calendar import US_PER_DAY, US_PER_SECOND, days_of, month_length

if TYPE_CHECKING:
    from collections.abc import Callable

Fields = list[bytes | None]
Read = tuple[npt.NDArray[Any], npt.NDArray[np.bool_], list[int]]

UNKNOWN_OFFSET: Final = -(1 << 31)
INTEGER: Final = re.compile(rb"-?[0-9]{1,18}")
DECIMAL: Final = re.compile(rb"(-?)([0-9]{1,18})(?:\.([0-9]{0,18}))?")
NUMBER: Final = re.compile(rb"-?[0-9]{1,100}(?:\.[0-9]{1,100})?")
FLOAT: Final = re.compile(rb"-?[0-9]{1,40}(?:\.[0-9]{0,40})?(?:e[+-]?[0-9]{1,2})?")
DATE: Final = re.compile(rb"([0-9]{4})-([0-9]{2})-([0-9]{2})")
TIMESTAMP: Final = re.compile(
    DATE.pattern + rb"[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    rb"(?:([+-])([0-9]{2})(?::([0-9]{2}))?)?"
)


def _read_each(fields: Fields, dtype: str, read: Callable[[bytes], Any]) -> Read:
    """Read every field, None from the function meaning another form."""
    values = np.zeros(len(fields), dtype)
    valid = np.ones(len(fields), np.bool_)
    others: list[int] = []
    for position, field in enumerate(fields):
        if field is None:
            valid[position] = False
            continue
        value = read(field)
        if value is None:
            others.append(position)
        else:
            values[position] = value
    return values, valid, others


def read_integers(fields: Fields, bits: int) -> Read:
    """Read whole numbers of that many bits."""
    limit = 1 << bits - 1

    def read(field: bytes) -> int | None:
        if INTEGER.fullmatch(field) is None:
            return None
        value = int(field)
        return value if -limit <= value < limit else None

    return _read_each(fields, "int64", read)


def read_scaled(fields: Fields, precision: int, scale: int) -> Read:
    """Read decimal numbers as multiples of 10**-scale, rounded half away from zero."""
    limit = 10**precision

    def read(field: bytes) -> int | None:
        match = DECIMAL.fullmatch(field)
        if match is None:
            return None
        fraction = match[3] or b""
        value = int(match[2]) * 10**scale + int(fraction[:scale].ljust(scale, b"0") or 0)
        value += fraction[scale : scale + 1] >= b"5"
        return None if value >= limit else -value if match[1] else value

    return _read_each(fields, "int64", read)


def read_numbers(fields: Fields) -> Read:
    """Read decimal numbers of any precision as Decimals; what has a sign and may be zero is left."""

    def read(field: bytes) -> Decimal | None:
        if NUMBER.fullmatch(field) is None:
            return None
        value = Decimal(field.decode())
        return value if value or not value.is_signed() else None

    return _read_each(fields, "O", read)


def read_floats(fields: Fields) -> Read:
    """Read numbers of double precision whose exponent has no more than two digits."""
    return _read_each(
        fields, "float64", lambda field: float(field) if FLOAT.fullmatch(field) else None
    )


def _days(parts: tuple[bytes, ...]) -> int | None:
    year, month, day = int(parts[0]), int(parts[1]), int(parts[2])
    if not year or not 1 <= month <= 12 or not 1 <= day <= month_length(year, month):
        return None
    return days_of(year, month, day)


def read_dates(fields: Fields) -> Read:
    """Read dates of the form 2001-02-03 as days since 2000-01-01."""

    def read(field: bytes) -> int | None:
        match = DATE.fullmatch(field)
        return None if match is None else _days(match.groups())

    return _read_each(fields, "int32", read)


def read_timestamps(fields: Fields, offset_east: int, has_offsets: bool) -> Read:
    """Read timestamps of the form 2001-02-03 04:05:06.789+01 as microseconds since 2000-01-01 UTC.

    offset_east, in seconds, holds where a field has no offset; where it is UNKNOWN_OFFSET, such a
    field is of another form. Without has_offsets it is one that has an offset.
    """

    def read(field: bytes) -> int | None:
        match = TIMESTAMP.fullmatch(field)
        if match is None:
            return None
        parts = match.groups()
        if parts[7] is not None and not has_offsets:
            return None
        days = _days(parts)
        hours, minutes, seconds = int(parts[3]), int(parts[4]), int(parts[5])
        offset = offset_east if parts[7] is None else _offset(*parts[7:])
        if days is None or hours > 23 or minutes > 59 or seconds > 59 or offset == UNKNOWN_OFFSET:
            return None
        us = ((hours * 60 + minutes) * 60 + seconds - offset) * US_PER_SECOND
        return days * US_PER_DAY + us + int((parts[6] or b"").ljust(6, b"0"))

    return _read_each(fields, "int64", read)


def _offset(sign: bytes, hours: bytes, minutes: bytes | None) -> int:
    if int(hours) > 15 or int(minutes or 0) > 59:
        return UNKNOWN_OFFSET
    offset = int(hours) * 3600 + int(minutes or 0) * 60
    return -offset if sign == b"-" else offset
