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
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    UNIX_OF_EPOCH_DAYS,
    US_PER_DAY,
    US_PER_SECOND,
    days_of,
    is_valid_timestamp,
    month_length,
)
from server.types.columns import Encoded, Read, encode_rows, finish_plain
from server.types.date_input import decode_timestamp, decode_timestamptz
from server.types.date_style import (
    format_timestamp,
    format_timestamptz,
    offset_text,
    session_zone,
)
from server.types.errors import invalid_modifier, unpack
from server.types.facts import define
from server.types.fields import UNKNOWN_OFFSET
from server.types.integers import modifier_number, send_fixed
from server.types.native import read_timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.types.type import Format, Parse, TextStyle, Type
    from server.vector.column import Column, Values

DECIMALS_MAX: Final = 6
US_PER_QUARTER: Final = 900 * US_PER_SECOND
QUARTERS_BEGIN: Final = days_of(1972, 1, 1) * US_PER_DAY
"""Since then every zone has changed its offset at a quarter of an hour only."""

YEAR_ONE: Final = days_of(1, 1, 1) * US_PER_DAY
YEAR_10000: Final = days_of(9999, 12, 30) * US_PER_DAY
DATE_LENGTH: Final = len("2001-02-03")
POINT: Final = len("2001-02-03 04:05:06")
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
        decimals = modifier_number(arguments[0])
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
    if style.date_style == "ISO" and _is_within(column, YEAR_ONE):
        return _with_nulls([*_iso_texts(_present(column))], column)
    return encode_rows(column, lambda us: format_timestamp(us, style).encode())


def _format_timestamptzs(column: Column, style: TextStyle) -> Encoded:
    zone = session_zone(style)
    first = YEAR_ONE + US_PER_DAY if zone.fixed is not None else QUARTERS_BEGIN
    if style.date_style != "ISO" or not _is_within(column, first):
        return encode_rows(column, lambda us: format_timestamptz(us, style).encode())
    values = _present(column)
    if zone.fixed is not None:
        seconds = zone.fixed.seconds_east
        suffix = offset_text(seconds).encode()
        shown = _iso_texts(values + seconds * US_PER_SECOND)
        return _with_nulls([text + suffix for text in shown], column)
    quarters, places = np.unique(values // US_PER_QUARTER, return_inverse=True)
    starts = (quarters * US_PER_QUARTER).tolist()
    offsets = np.array([zone.at(start).seconds_east for start in starts], np.int64)
    suffixes = [offset_text(offset).encode() for offset in offsets.tolist()]
    texts = _iso_texts(values + offsets[places] * US_PER_SECOND)
    rows: Encoded = [
        text + suffixes[place] for text, place in zip(texts, places.tolist(), strict=True)
    ]
    return _with_nulls(rows, column)


def _present(column: Column) -> Values:
    """Give the values, with one that has a text in place of each NULL."""
    return column.values if column.valid is None else np.where(column.valid, column.values, 0)


def _is_within(column: Column, first: int) -> bool:
    """Tell whether all rows have years of four digits and are not before the first instant."""
    values = _present(column)
    return len(values) > 0 and bool(values.min() >= first and values.max() < YEAR_10000)


def _with_nulls(rows: Encoded, column: Column) -> Encoded:
    if column.valid is not None:
        for position in np.flatnonzero(~column.valid).tolist():
            rows[position] = None
    return rows


def _iso_texts(local_us: Values) -> list[bytes]:
    """Write what clocks show, without the zeros at the end of the decimals."""
    instants = (local_us + UNIX_OF_EPOCH_DAYS * US_PER_DAY).astype("datetime64[us]")
    texts = instants.astype("S26")
    characters = texts.view(np.uint8).reshape(len(texts), 26)
    characters[:, DATE_LENGTH] = ord(" ")
    decimals = characters[:, POINT + 1 :]
    is_end = np.logical_and.accumulate(decimals[:, ::-1] == ord("0"), axis=1)[:, ::-1]
    decimals[is_end] = 0  # which ends the text
    characters[is_end[:, 0], POINT] = 0
    rows: list[bytes] = texts.tolist()
    return rows


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
