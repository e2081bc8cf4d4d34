"""date: days since 2000-01-01."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from server.errors import DatetimeFieldOverflow
from server.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    UNIX_OF_EPOCH_DAYS,
    days_of,
    is_valid_date,
    month_length,
)
from server.types.columns import Encoded, encode_rows, parse_plain
from server.types.date_input import decode_date
from server.types.date_style import format_date
from server.types.errors import unpack
from server.types.facts import define
from server.types.integers import send_fixed
from server.types.native import read_dates

if TYPE_CHECKING:
    from server.types.type import TextStyle
    from server.vector.column import Column

ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
FORM: Final = struct.Struct("!i")
FOUR_DIGIT_YEARS: Final = (days_of(1, 1, 1), days_of(9999, 12, 31))


def parse_date(text: str, _modifier: int, style: TextStyle) -> int:
    """Read a date in any of the forms of PostgreSQL."""
    match = ISO.fullmatch(text)
    if match is not None:
        year, month, day = int(match[1]), int(match[2]), int(match[3])
        if year and 1 <= month <= 12 and 1 <= day <= month_length(year, month):
            return days_of(year, month, day)
    return decode_date(text, style)


def receive_date(data: bytes, _modifier: int) -> int:
    """Read the binary form."""
    days: int = unpack(FORM, data)[0]
    if days in {DATE_INFINITY, DATE_MINUS_INFINITY} or is_valid_date(days):
        return days
    raise DatetimeFieldOverflow("date out of range")


def _format_column(column: Column, style: TextStyle) -> Encoded:
    days = column.values
    first, last = FOUR_DIGIT_YEARS
    if style.date_style != "ISO" or column.valid is not None or not len(days):
        return _format_distinct(column, style)
    if days.min() < first or days.max() > last:
        return _format_distinct(column, style)
    dates = (days.astype(np.int64) + UNIX_OF_EPOCH_DAYS).astype("datetime64[D]")
    rows: Encoded = dates.astype("S10").tolist()
    return rows


def _format_distinct(column: Column, style: TextStyle) -> Encoded:
    """Write each date once: columns have many rows of few dates."""
    known: dict[int, bytes] = {}

    def encode(days: int) -> bytes:
        text = known.get(days)
        if text is None:
            text = known[days] = format_date(days, style).encode()
        return text

    return encode_rows(column, encode)


DATE_TYPES: Final = (
    define(
        "date",
        dtype=np.dtype(np.int32),
        storage_kind="INT32",
        parse=parse_date,
        format=format_date,
        receive=receive_date,
        send=FORM.pack,
        format_column=_format_column,
        send_column=send_fixed(">i4"),
        parse_column=parse_plain(read_dates, parse_date, np.dtype(np.int32)),
    ),
)
