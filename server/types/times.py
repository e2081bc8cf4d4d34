"""time and timetz: a time of day, from 00:00:00 to 24:00:00, and one with an offset from UTC."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from server.errors import DatetimeFieldOverflow, InvalidTimeZoneDisplacementValue
from server.types.calendar import US_PER_DAY, US_PER_SECOND
from server.types.date_input import decode_time, decode_timetz
from server.types.date_style import offset_text, time_text
from server.types.errors import unpack
from server.types.facts import define
from server.types.integers import send_fixed
from server.types.text import OBJECTS
from server.types.timestamps import decimals_in, decimals_out, round_us

if TYPE_CHECKING:
    from server.types.type import TextStyle

TIME: Final = struct.Struct("!q")
TIMETZ: Final = struct.Struct("!qi")
STORED: Final = struct.Struct("!qi4x")
SORTED: Final = struct.Struct("!qi")
OFFSET_LIMIT: Final = 16 * 3600


class TimeTz(NamedTuple):
    """A time of day, and its offset from UTC in seconds west."""

    us: int
    seconds_west: int


def parse_time(text: str, modifier: int, style: TextStyle) -> int:
    """Read a time of day."""
    return coerce_time(decode_time(text, style), modifier)


def format_time(us: int, _style: TextStyle) -> str:
    """Write a time of day."""
    return time_text(us)


def receive_time(data: bytes, modifier: int) -> int:
    """Read the binary form."""
    us: int = unpack(TIME, data)[0]
    return coerce_time(_checked(us), modifier)


def _checked(us: int) -> int:
    if not 0 <= us <= US_PER_DAY:
        raise DatetimeFieldOverflow("time out of range")
    return us


def coerce_time(us: int, modifier: int, _explicit: bool = False) -> int:
    """Round to the decimals of the modifier."""
    return us if modifier < 0 else round_us(us, modifier)


def parse_timetz(text: str, modifier: int, style: TextStyle) -> TimeTz:
    """Read a time of day with an offset, by default the session's of today."""
    return coerce_timetz(TimeTz(*decode_timetz(text, style)), modifier)


def format_timetz(value: TimeTz, _style: TextStyle) -> str:
    """Write a time of day with its offset."""
    return time_text(value.us) + offset_text(-value.seconds_west)


def receive_timetz(data: bytes, modifier: int) -> TimeTz:
    """Read the binary form."""
    us, seconds_west = unpack(TIMETZ, data)
    if not -OFFSET_LIMIT < seconds_west < OFFSET_LIMIT:
        raise InvalidTimeZoneDisplacementValue("time zone displacement out of range")
    return coerce_timetz(TimeTz(_checked(us), seconds_west), modifier)


def coerce_timetz(value: TimeTz, modifier: int, _explicit: bool = False) -> TimeTz:
    """Round to the decimals of the modifier."""
    return TimeTz(coerce_time(value.us, modifier), value.seconds_west)


def sort_key(value: TimeTz) -> tuple[int, int]:
    """Order by the instant, then by the offset."""
    return value.us + value.seconds_west * US_PER_SECOND, value.seconds_west


def _key_value(value: TimeTz) -> bytes:
    instant, seconds_west = sort_key(value)
    return SORTED.pack(instant + (1 << 62), seconds_west + (1 << 30)) + bytes(4)


def _load_timetz(stored: bytes, _modifier: int) -> TimeTz:
    return TimeTz(*STORED.unpack(stored))


def _modifier_codecs(word: str, suffix: str) -> dict[str, Any]:
    return {
        "modifier_in": decimals_in(word + suffix.upper()),
        "modifier_out": decimals_out(suffix),
    }


TIME_TYPES: Final = (
    define(
        "time",
        dtype=np.dtype(np.int64),
        storage_kind="INT64",
        parse=parse_time,
        format=format_time,
        receive=receive_time,
        send=TIME.pack,
        send_column=send_fixed(">i8"),
        coerce=coerce_time,
        **_modifier_codecs("TIME({})", " without time zone"),
    ),
    define(
        "timetz",
        dtype=OBJECTS,
        storage_kind="FIXED16",
        parse=parse_timetz,
        format=format_timetz,
        receive=receive_timetz,
        send=lambda value: TIMETZ.pack(*value),
        coerce=coerce_timetz,
        store_value=lambda value, _modifier: STORED.pack(*value),
        load_value=_load_timetz,
        sort_key=sort_key,
        key_value=_key_value,
        **_modifier_codecs("TIME({})", " with time zone"),
    ),
)
