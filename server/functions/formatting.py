"""to_char, to_date, to_timestamp, to_number: values in and out of templates."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from server.functions.declare import row
from server.functions.format_dates import format_moment, moment_of, moment_of_interval
from server.functions.format_numbers import format_float, format_number, picture_of
from server.functions.instants import INFINITE, to_local, to_utc, zone_of
from server.functions.integer import out_of_range
from server.functions.parse_dates import parse_date, parse_moment
from server.functions.parse_numbers import parse_number
from server.functions.zoned_columns import text_kernel, zoned_text_kernel
from server.types.calendar import US_PER_SECOND

if TYPE_CHECKING:
    from server.functions.function import CallContext
    from server.types.interval_style import Interval

INT4_MAX: Final = (1 << 31) - 1
INT8_MAX: Final = (1 << 63) - 1


def _timestamp(us: int, template: str) -> str | None:
    if us in INFINITE or not template:
        return None
    return format_moment(template, moment_of(us))


def _instant(context: CallContext, us: int, template: str) -> str | None:
    if us in INFINITE or not template:
        return None
    zone = zone_of(context)
    return format_moment(template, moment_of(to_local(us, zone), zone.at(us)))


def _interval(interval: Interval, template: str) -> str | None:
    return format_moment(template, moment_of_interval(interval)) if template else None


def _short(value: int, template: str) -> str:
    """What V moves beyond 32 bits wraps around."""
    moved = value * 10 ** picture_of(template).multiply
    if abs(moved) > INT4_MAX and moved != value:
        wrapped = (moved + INT4_MAX + 1) % (2 * INT4_MAX + 2) - INT4_MAX - 1
        return format_number(Decimal(wrapped), template, moved=True)
    return format_number(Decimal(value), template)


def _long(value: int, template: str) -> str:
    places = picture_of(template).multiply
    if places and abs(value * 10**places) > INT8_MAX:
        raise out_of_range("int8")
    return format_number(Decimal(value), template)


def _double(value: float, template: str) -> str:
    return format_float(value, template, 15)


def _single(value: float, template: str) -> str:
    return format_float(value, template, 6)


def _to_timestamp(context: CallContext, text: str, template: str) -> int:
    local, offset = parse_moment(text, template)
    if offset is not None:
        return local - offset * US_PER_SECOND
    return to_utc(local, zone_of(context))


def _to_number(text: str, template: str) -> Decimal | None:
    return parse_number(text, template) if template else None


def _time_of_day(context: CallContext) -> str:
    now = int(context.execution.clock.now_us())
    zone = zone_of(context)
    moment = moment_of(to_local(now, zone), zone.at(now))
    return format_moment("Dy Mon DD HH24:MI:SS.US YYYY TZ", moment)


FUNCTIONS: Final = (
    row(
        "2049 to_char(timestamp, text) text stable",
        _timestamp,
        "A time by a template.",
        "'2002-04-20 17:31:12.66', 'FMDay, DDth FMMonth YYYY HH12:MI:SS.MS am' -> "
        "Saturday, 20th April 2002 05:31:12.660 pm",
        text_kernel(_timestamp),
    ),
    row(
        "1770 to_char(timestamptz, text) text stable context beside",
        _instant,
        "An instant by a template.",
        "'2002-04-20 17:31:12+00', 'YYYY-MM-DD HH24:MI:SS OF' -> 2002-04-20 17:31:12 +00",
        zoned_text_kernel(_instant),
    ),
    row(
        "1768 to_char(interval, text) text stable",
        _interval,
        "An interval by a template.",
        "'15h 2m 12s', 'HH24:MI:SS' -> 15:02:12",
    ),
    row(
        "1773 to_char(int4, text) text stable",
        _short,
        "A number by a template.",
        "-125, '999' -> -125",
    ),
    row(
        "1774 to_char(int8, text) text stable",
        _long,
        "A number by a template.",
        "1234567, '9,999,999' ->  1,234,567",
    ),
    row(
        "1775 to_char(float4, text) text stable",
        _single,
        "A number by a template.",
        "125.8, '999D9' ->  125.8",
    ),
    row(
        "1776 to_char(float8, text) text stable",
        _double,
        "A number by a template.",
        "-0.1, 'FM9.99' -> -.1",
    ),
    row(
        "1772 to_char(numeric, text) text stable",
        format_number,
        "A number by a template.",
        "-125.8, '999D99S' -> 125.80-",
    ),
    row(
        "1780 to_date(text, text) date stable",
        parse_date,
        "A date read by a template.",
        "'05 Dec 2000', 'DD Mon YYYY' -> 2000-12-05",
    ),
    row(
        "1778 to_timestamp(text, text) timestamptz stable context beside",
        _to_timestamp,
        "An instant read by a template.",
        "'05 Dec 2000 10:20:30', 'DD Mon YYYY HH24:MI:SS' -> 2000-12-05 10:20:30+00",
    ),
    row(
        "1777 to_number(text, text) numeric stable",
        _to_number,
        "A number read by a template.",
        "'12,454.8-', '99G999D9S' -> -12454.8",
    ),
    row("274 timeofday() text volatile context", _time_of_day, "The time as text."),
)
