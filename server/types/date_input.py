"""How dates, times and timestamps are read from text: what the readers found, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import (
    DatetimeFieldOverflow,
    InvalidDatetimeFormat,
    InvalidParameterValue,
    InvalidTimeZoneDisplacementValue,
    SqlError,
)
from server.types.calendar import (
    DATE_END,
    DATE_INFINITY,
    DATE_MIN,
    DATE_MINUS_INFINITY,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    UNIX_OF_EPOCH_DAYS,
    US_PER_DAY,
    US_PER_SECOND,
    is_valid_date,
    is_valid_timestamp,
)
from server.types.date_fields import BadFormat
from server.types.date_reader import DateReader, FieldOverflow, UnknownZone, ZoneOverflow
from server.types.time_reader import TimeReader

if TYPE_CHECKING:
    from server.types.type import TextStyle

DATE_MOMENTS: Final = {
    "epoch": -UNIX_OF_EPOCH_DAYS,
    "infinity": DATE_INFINITY,
    "-infinity": DATE_MINUS_INFINITY,
}
TIMESTAMP_MOMENTS: Final = {
    "epoch": -UNIX_OF_EPOCH_DAYS * US_PER_DAY,
    "infinity": TIMESTAMP_INFINITY,
    "-infinity": TIMESTAMP_MINUS_INFINITY,
}
TIMESTAMP_DAYS_MIN: Final = DATE_MIN - 23  # Julian day 0 may have begun already, west of UTC
DATETIME_ERRORS: Final = (BadFormat, FieldOverflow, ZoneOverflow, UnknownZone)


def _read(text: str, sql_name: str, style: TextStyle) -> DateReader:
    try:
        reader = DateReader(text, style)
        reader.read()
    except DATETIME_ERRORS as error:
        raise refusal(error, text, sql_name) from None
    return reader


def refusal(error: Exception, text: str, sql_name: str) -> SqlError:
    """Translate what a reader raises into PostgreSQL's error."""
    if isinstance(error, FieldOverflow):
        hint = 'Perhaps you need a different "datestyle" setting.'
        return DatetimeFieldOverflow(
            f'date/time field value out of range: "{text}"',
            hint=hint if error.order_may_be_wrong else "",
        )
    if isinstance(error, ZoneOverflow):
        return InvalidTimeZoneDisplacementValue(f'time zone displacement out of range: "{text}"')
    if isinstance(error, UnknownZone):
        return InvalidParameterValue(f'time zone "{error}" not recognized')
    return InvalidDatetimeFormat(f'invalid input syntax for type {sql_name}: "{text}"')


def decode_date(text: str, style: TextStyle) -> int:
    """Read a date."""
    reader = _read(text, "date", style)
    if reader.moment:
        return DATE_MOMENTS[reader.moment]
    days = reader.days
    if not is_valid_date(days):
        raise DatetimeFieldOverflow(f'date out of range: "{text}"')
    return days


def decode_timestamp(text: str, style: TextStyle) -> int:
    """Read what clocks show; a time zone is read and passed over."""
    reader = _read(text, "timestamp", style)
    if reader.moment:
        return TIMESTAMP_MOMENTS[reader.moment]
    return _checked(reader.local_us, text)


def decode_timestamptz(text: str, style: TextStyle) -> int:
    """Read an instant."""
    reader = _read(text, "timestamp with time zone", style)
    if reader.moment:
        return TIMESTAMP_MOMENTS[reader.moment]
    _checked_days(reader.days, text)
    return _checked(reader.local_us - reader.offset_east() * US_PER_SECOND, text)


def _checked(us: int, text: str) -> int:
    if not is_valid_timestamp(us):
        raise DatetimeFieldOverflow(f'timestamp out of range: "{text}"')
    return us


def _checked_days(days: int, text: str) -> None:
    """Refuse what is too far for the tables of time zones too."""
    if not TIMESTAMP_DAYS_MIN <= days < DATE_END:
        raise DatetimeFieldOverflow(f'timestamp out of range: "{text}"')


def decode_time(text: str, style: TextStyle) -> int:
    """Read a time of day; date and time zone are read and passed over."""
    return _read_time(text, "time", style).time_us


def decode_timetz(text: str, style: TextStyle) -> tuple[int, int]:
    """Read a time of day and its offset in seconds west of UTC."""
    reader = _read_time(text, "time with time zone", style)
    return reader.time_us, -reader.offset_east()


def _read_time(text: str, sql_name: str, style: TextStyle) -> TimeReader:
    try:
        reader = TimeReader(text, style)
        reader.read()
    except DATETIME_ERRORS as error:
        raise refusal(error, text, sql_name) from None
    return reader
