"""interval: months, days and microseconds.

Rule 1: intervals compare as if a month had 30 days and a day 24 hours.
Rule 2: the modifier holds the fields in its upper half and the decimals of the seconds in its
        lower one; all bits set mean all fields and all decimals.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    DatetimeFieldOverflow,
    InternalError,
    IntervalFieldOverflow,
    InvalidDatetimeFormat,
    InvalidParameterValue,
)
from server.types.calendar import US_PER_DAY, US_PER_HOUR, US_PER_MINUTE
from server.types.date_fields import BadFormat
from server.types.date_reader import FieldOverflow
from server.types.errors import invalid_modifier, unpack
from server.types.facts import define
from server.types.integers import modifier_number
from server.types.interval_reader import INT4_LIMIT, IntervalReader, Quantities, read_iso
from server.types.interval_style import WRITERS, Interval, parts_of
from server.types.text import OBJECTS
from server.types.timestamps import DECIMALS_MAX, round_us

if TYPE_CHECKING:
    from server.types.type import TextStyle

FORM: Final = struct.Struct("!qii")
ALL_FIELDS: Final = 0x7FFF
ALL_DECIMALS: Final = 0xFFFF
ORDER_BIAS: Final = 1 << 100

MONTH, YEAR, DAY, HOUR, MINUTE, SECOND = 1 << 1, 1 << 2, 1 << 3, 1 << 10, 1 << 11, 1 << 12
FIELDS: Final = {
    "year": YEAR,
    "month": MONTH,
    "day": DAY,
    "hour": HOUR,
    "minute": MINUTE,
    "second": SECOND,
    "year to month": YEAR | MONTH,
    "day to hour": DAY | HOUR,
    "day to minute": DAY | HOUR | MINUTE,
    "day to second": DAY | HOUR | MINUTE | SECOND,
    "hour to minute": HOUR | MINUTE,
    "hour to second": HOUR | MINUTE | SECOND,
    "minute to second": MINUTE | SECOND,
}
FIELD_NAMES: Final = {bits: name for name, bits in FIELDS.items()}
SMALLEST_US: Final = {
    YEAR: None,
    MONTH: None,
    YEAR | MONTH: None,
    DAY: None,
    HOUR: US_PER_HOUR,
    DAY | HOUR: US_PER_HOUR,
    MINUTE: US_PER_MINUTE,
    DAY | HOUR | MINUTE: US_PER_MINUTE,
    HOUR | MINUTE: US_PER_MINUTE,
}
"""What the time is cut to, by the fields; None: there is no time."""


def parse_interval(text: str, modifier: int, style: TextStyle) -> Interval:
    """Read an interval in any of the forms of PostgreSQL."""
    fields = FIELD_NAMES.get(modifier >> 16 & ALL_FIELDS, "") if modifier >= 0 else ""
    try:
        total = _read(text, fields, style.interval_style == "sql_standard")
    except BadFormat:
        raise InvalidDatetimeFormat(f'invalid input syntax for type interval: "{text}"') from None
    except FieldOverflow:
        raise IntervalFieldOverflow(f'interval field value out of range: "{text}"') from None
    months = total.years * 12 + total.months
    if not -INT4_LIMIT <= months < INT4_LIMIT:
        raise DatetimeFieldOverflow("interval out of range")
    return coerce_interval(Interval(months, total.days, total.us), modifier)


def _read(text: str, fields: str, is_sql_standard: bool) -> Quantities:
    try:
        return IntervalReader(text, fields, is_sql_standard).read()
    except BadFormat:
        return read_iso(text)


def format_interval(value: Interval, style: TextStyle) -> str:
    """Write an interval."""
    return WRITERS[style.interval_style](parts_of(value))


def receive_interval(data: bytes, modifier: int) -> Interval:
    """Read the binary form."""
    us, days, months = unpack(FORM, data)
    return coerce_interval(Interval(months, days, us), modifier)


def send_interval(value: Interval) -> bytes:
    """Write the binary form."""
    return FORM.pack(value.microseconds, value.days, value.months)


US_LIMIT: Final = 1 << 63


def coerce_interval(value: Interval, modifier: int, _explicit: bool = False) -> Interval:
    """Cut what is smaller than the fields of the modifier, and round to its decimals."""
    if modifier < 0:
        return value
    months, days, us = value
    fields, decimals = modifier >> 16 & ALL_FIELDS, modifier & ALL_DECIMALS
    if fields in SMALLEST_US:
        unit = SMALLEST_US[fields]
        us = 0 if unit is None else _cut(us, unit)
    if fields in {YEAR, MONTH, YEAR | MONTH}:
        days = 0
    if fields == YEAR:
        months = _cut(months, 12)
    if decimals == ALL_DECIMALS:
        return Interval(months, days, us)
    rounded = round_us(us, decimals)
    if not -US_LIMIT <= rounded < US_LIMIT:  # PostgreSQL's 64 bits go round on the way
        rounded = _rounded_around(us, decimals)
    return Interval(months, days, rounded)


def _rounded_around(us: int, decimals: int) -> int:
    """Round what is within a half of the end of 64 bits: adding the half turns the sign."""
    unit: int = 10 ** (DECIMALS_MAX - decimals)
    size = abs(us) + unit // 2 if us > -US_LIMIT else us + unit // 2
    turned = size - 2 * US_LIMIT if size >= US_LIMIT else size
    cut = -(-turned // unit) * unit
    return cut if us >= 0 else -cut


def _cut(value: int, unit: int) -> int:
    """Cut towards zero."""
    return value // unit * unit if value >= 0 else -(-value // unit * unit)


def check_modifier(modifier: int) -> None:
    """Refuse a modifier that modifier_in does not make."""
    if modifier < 0:
        return
    fields, decimals = modifier >> 16 & ALL_FIELDS, modifier & ALL_DECIMALS
    if fields not in FIELD_NAMES and fields != ALL_FIELDS:
        raise InternalError(f"unrecognized interval typmod: {modifier}")
    if decimals != ALL_DECIMALS and decimals > DECIMALS_MAX:
        raise InvalidParameterValue(
            f"interval({decimals}) precision must be between 0 and {DECIMALS_MAX}"
        )


def modifier_in(arguments: tuple[Any, ...]) -> int:
    """Pack fields, as a number or in words, and decimals; a lone number below 7 is decimals."""
    if not 1 <= len(arguments) <= 2:
        raise invalid_modifier()
    fields = arguments[0]
    if isinstance(fields, str):
        fields = FIELDS[fields] if fields in FIELDS else modifier_number(fields)
    if fields not in FIELD_NAMES and fields != ALL_FIELDS:
        if len(arguments) == 2 or not 0 <= fields <= DECIMALS_MAX:
            raise InvalidParameterValue("invalid INTERVAL type modifier")
        return ALL_FIELDS << 16 | int(fields)
    decimals = modifier_number(arguments[1]) if len(arguments) == 2 else ALL_DECIMALS
    if decimals < 0:
        raise InvalidParameterValue(f"INTERVAL({decimals}) precision must not be negative")
    if decimals != ALL_DECIMALS:
        decimals = min(decimals, DECIMALS_MAX)
    return int(fields) << 16 | decimals


def modifier_out(modifier: int) -> str:
    """Write fields and decimals."""
    if modifier < 0:
        return ""
    name = FIELD_NAMES.get(modifier >> 16 & ALL_FIELDS, "")
    decimals = modifier & ALL_DECIMALS
    shown = "" if decimals == ALL_DECIMALS else f"({decimals})"
    return (f" {name}" if name else "") + shown


def sort_key(value: Interval) -> int:
    """Give the length in microseconds."""
    return (value.months * 30 + value.days) * US_PER_DAY + value.microseconds


def _load(stored: bytes, _modifier: int) -> Interval:
    us, days, months = FORM.unpack(stored)
    return Interval(months, days, us)


INTERVAL_TYPES: Final = (
    define(
        "interval",
        dtype=OBJECTS,
        storage_kind="FIXED16",
        parse=parse_interval,
        format=format_interval,
        receive=receive_interval,
        send=send_interval,
        modifier_in=modifier_in,
        modifier_out=modifier_out,
        coerce=coerce_interval,
        store_value=lambda value, _modifier: send_interval(value),
        load_value=_load,
        sort_key=sort_key,
        key_value=lambda value: (sort_key(value) + ORDER_BIAS).to_bytes(16),
    ),
)
