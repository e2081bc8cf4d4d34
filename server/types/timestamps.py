"""timestamp and timestamptz: microseconds since 2000-01-01, of the clock on the wall and of UTC.

The modifier is the number of decimals of the seconds, 0 to 6.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import DatetimeFieldOverflow, InvalidParameterValue
from server.types.calendar import (
    TIMESTAMP_END,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    US_PER_DAY,
    US_PER_SECOND,
    days_of,
    is_valid_timestamp,
    month_length,
)
from server.types.columns import Encoded, Read, encode_rows, finish_plain
from server.types.date_input import decode_timestamp, decode_timestamptz
from server.types.date_style import (
    date_text,
    format_timestamp,
    format_timestamptz,
    offset_text,
    session_zone,
    time_text,
)
from server.types.errors import invalid_modifier, unpack
from server.types.facts import define
from server.types.fields import UNKNOWN_OFFSET
from server.types.integers import send_fixed
from server.types.native import read_timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.types.type import Format, Parse, TextStyle, Type
    from server.types.zones import Zone
    from server.vector.column import Column

DECIMALS_MAX: Final = 6
US_PER_QUARTER: Final = 900 * US_PER_SECOND  # no zone changes its offset within one since 1972
YEAR_ONE: Final = days_of(1, 1, 1) * US_PER_DAY
FIRST_PLAIN: Final = days_of(1972, 1, 1) * US_PER_DAY
FORM: Final = struct.Struct("!q")
ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(?:([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
INFINITE: Final = frozenset({TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY})


def _parse_iso(text: str) -> tuple[int, int | None] | None:
    """Read the commonest form: what clocks show, and the offset in seconds east."""
    match = ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    valid = year and 1 <= month <= 12 and 1 <= day <= month_length(year, month)
    if not valid or hour > 23 or minute > 59 or second > 59:
        return None
    us = ((hour * 60 + minute) * 60 + second) * US_PER_SECOND + int((match[7] or "").ljust(6, "0"))
    offset = None
    if match[8]:
        hours, minutes = int(match[9]), int(match[10] or 0)
        if hours > 15 or minutes > 59:
            return None
        offset = (hours * 3600 + minutes * 60) * (-1 if match[8] == "-" else 1)
    return days_of(year, month, day) * US_PER_DAY + us, offset


def parse_timestamp(text: str, modifier: int, style: TextStyle) -> int:
    """Read a timestamp; a time zone in it has no meaning."""
    parsed = _parse_iso(text)
    us = decode_timestamp(text, style) if parsed is None else parsed[0]
    return us if modifier < 0 else coerce_timestamp(us, modifier, explicit=False)


def parse_timestamptz(text: str, modifier: int, style: TextStyle) -> int:
    """Read an instant; without a time zone in it, it is of the session's zone."""
    parsed = _parse_iso(text)
    if parsed is None:
        us = decode_timestamptz(text, style)
    else:
        us, offset = parsed
        if offset is None:
            offset = session_zone(style).at_local(us).seconds_east
        us -= offset * US_PER_SECOND
    return us if modifier < 0 else coerce_timestamp(us, modifier, explicit=False)


def receive_timestamp(data: bytes, modifier: int) -> int:
    """Read the binary form."""
    us: int = unpack(FORM, data)[0]
    if us not in INFINITE and not is_valid_timestamp(us):
        raise DatetimeFieldOverflow("timestamp out of range")
    return us if modifier < 0 else coerce_timestamp(us, modifier, explicit=False)


def round_us(us: int, decimals: int) -> int:
    """Round to so many decimals of a second, half away from zero."""
    if decimals >= DECIMALS_MAX:
        return us
    unit: int = 10 ** (DECIMALS_MAX - decimals)
    return (us + unit // 2) // unit * unit if us >= 0 else -((-us + unit // 2) // unit * unit)


def coerce_timestamp(us: int, modifier: int, explicit: bool) -> int:
    """Round to the decimals of the modifier."""
    del explicit  # both kinds of cast round
    return us if modifier < 0 or us in INFINITE else round_us(us, modifier)


def decimals_in(type_name: str) -> Callable[[tuple[Any, ...]], int]:
    """Make the modifier input of a type with decimals of seconds."""

    def modifier_in(arguments: tuple[Any, ...]) -> int:
        if len(arguments) != 1:
            raise invalid_modifier()
        decimals = int(arguments[0])
        if decimals < 0:
            shown = type_name.format(decimals)
            raise InvalidParameterValue(f"{shown} precision must not be negative")
        return min(decimals, DECIMALS_MAX)

    return modifier_in


def decimals_out(suffix: str) -> Callable[[int], str]:
    """Make the modifier output, which puts the words after the type's first one behind it."""
    return lambda modifier: (f"({modifier})" if modifier >= 0 else "") + suffix


def _parse_timestamps(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
    found = read_timestamps(list(texts), 0, has_offsets=False)
    return _finish(found, texts, modifier, lambda text: parse_timestamp(text, modifier, style))


def _parse_timestamptzs(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
    fixed = session_zone(style).fixed
    offset = UNKNOWN_OFFSET if fixed is None else fixed.seconds_east
    found = read_timestamps(list(texts), offset, has_offsets=True)
    return _finish(found, texts, modifier, lambda text: parse_timestamptz(text, modifier, style))


def _finish(
    found: Read, texts: Sequence[bytes | None], modifier: int, parse: Callable[[str], int]
) -> Column:
    values, valid, others = found
    if 0 <= modifier < DECIMALS_MAX:
        values[:] = [round_us(us, modifier) for us in values.tolist()]
    return finish_plain((values, valid, others), texts, parse, np.dtype(np.int64))


def _format_timestamps(column: Column, style: TextStyle) -> Encoded:
    return _format_by_day(column, style, format_timestamp, None)


def _format_timestamptzs(column: Column, style: TextStyle) -> Encoded:
    return _format_by_day(column, style, format_timestamptz, session_zone(style))


def _format_by_day(
    column: Column, style: TextStyle, format_value: Format, zone: Zone | None
) -> Encoded:
    """Write each date once, and look up each offset once for a quarter of an hour."""
    if style.date_style != "ISO":
        return encode_rows(column, lambda us: format_value(us, style).encode())
    dates: dict[int, str] = {}
    offsets: dict[int, tuple[int, str]] = {}

    def encode(us: int) -> bytes:
        suffix = ""
        if zone is not None:
            quarter = us // US_PER_QUARTER
            if quarter not in offsets:
                seconds = zone.at(us).seconds_east
                offsets[quarter] = seconds * US_PER_SECOND, offset_text(seconds)
            offset, suffix = offsets[quarter]
            us += offset
        days, rest = divmod(us, US_PER_DAY)
        date = dates.get(days)
        if date is None:
            date = dates[days] = date_text(days, style)
        return f"{date} {time_text(rest)}{suffix}".encode()

    first_plain = YEAR_ONE if zone is None else FIRST_PLAIN

    def encode_any(us: int) -> bytes:
        is_plain = first_plain <= us < TIMESTAMP_END
        return encode(us) if is_plain else format_value(us, style).encode()

    return encode_rows(column, encode_any)


def _define_timestamp(
    name: str, words: str, parse: Parse, format_value: Format, **codecs: Any
) -> Type:
    return define(
        name,
        dtype=np.dtype(np.int64),
        storage_kind="INT64",
        parse=parse,
        format=format_value,
        receive=receive_timestamp,
        send=FORM.pack,
        send_column=send_fixed(">i8"),
        modifier_in=decimals_in("TIMESTAMP({})" + words.upper()),
        modifier_out=decimals_out(words),
        coerce=coerce_timestamp,
        **codecs,
    )


TIMESTAMP_TYPES: Final = (
    _define_timestamp(
        "timestamp",
        " without time zone",
        parse_timestamp,
        format_timestamp,
        format_column=_format_timestamps,
        parse_column=_parse_timestamps,
    ),
    _define_timestamp(
        "timestamptz",
        " with time zone",
        parse_timestamptz,
        format_timestamptz,
        format_column=_format_timestamptzs,
        parse_column=_parse_timestamptzs,
    ),
)
