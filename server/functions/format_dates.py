"""to_char of timestamps and intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from server.errors import InvalidDatetimeFormat
from server.functions.format_templates import (
    MONTHS,
    ROMAN_MONTHS,
    WEEKDAYS,
    Part,
    date_parts,
    ordinal,
)
from server.types.calendar import (
    JULIAN_OF_EPOCH,
    US_PER_DAY,
    US_PER_HOUR,
    US_PER_MINUTE,
    US_PER_SECOND,
    date_of,
    day_of_year,
    weekday_of,
)

if TYPE_CHECKING:
    from server.types.interval_style import Interval
    from server.types.zones import Offset


@dataclass(frozen=True, slots=True)
class Moment:
    """What a template can show."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    us: int
    days: int = 0
    offset: Offset | None = None
    is_interval: bool = False


def moment_of(local_us: int, offset: Offset | None = None) -> Moment:
    """The fields of what clocks show."""
    days, us = divmod(local_us, US_PER_DAY)
    year, month, day = date_of(days)
    return Moment(
        year,
        month,
        day,
        us // US_PER_HOUR,
        us // US_PER_MINUTE % 60,
        us // US_PER_SECOND % 60,
        us % US_PER_SECOND,
        days,
        offset,
    )


def _cut(value: int, unit: int) -> tuple[int, int]:
    sign = -1 if value < 0 else 1
    return sign * (abs(value) // unit), sign * (abs(value) % unit)


def moment_of_interval(interval: Interval) -> Moment:
    """The fields of an interval."""
    months, days, us = interval
    years, months = _cut(months, 12)
    hours, us = _cut(us, US_PER_HOUR)
    minutes, us = _cut(us, US_PER_MINUTE)
    seconds, us = _cut(us, US_PER_SECOND)
    day = _julian(years, months, days) - JULIAN_OF_EPOCH
    return Moment(years, months, days, hours, minutes, seconds, us, day, None, is_interval=True)


def _julian(year: int, month: int, day: int) -> int:
    """PostgreSQL's formula for a Julian day, which takes a month 0 as well."""
    shift = 13 if month <= 2 else 1
    years = year + (4799 if month <= 2 else 4800)
    century = _cut(years, 100)[0]
    whole = years * 365 - 32167 + _cut(years, 4)[0] - century + _cut(century, 4)[0]
    return whole + _cut(7834 * (month + shift), 256)[0] + day


def format_moment(template: str, moment: Moment) -> str:
    """Fill a template."""
    return "".join(_shown(part, moment) for part in date_parts(template))


_PLAIN: Final = {
    "YYYY": ("year", 4),
    "MM": ("month", 2),
    "DD": ("day", 2),
    "HH24": ("hour", 2),
    "HH12": ("hour_12", 2),
    "HH": ("hour_12", 2),
    "MI": ("minute", 2),
    "SS": ("second", 2),
    "MS": ("millisecond", 3),
    "US": ("us", 6),
}
"""Keywords for plain numbers: of which field, and how wide."""


class PlainTemplate(NamedTuple):
    """A template of numbers, each as wide at least as said, with literals before, between and behind them."""

    literals: tuple[bytes, ...]
    names: tuple[str, ...]
    widths: tuple[int, ...]


@lru_cache(maxsize=512)
def plain_template(template: str) -> PlainTemplate | None:
    """What a template shows, if that is plain numbers only."""
    literals: list[bytes] = [b""]
    fields: list[tuple[str, int]] = []
    for part in date_parts(template):
        if not part.keyword:
            literals[-1] += part.text.encode()
        elif part.keyword in _PLAIN and not (part.fill or part.suffix or part.spelled):
            fields.append(_PLAIN[part.keyword])
            literals.append(b"")
        else:
            return None
    names, widths = tuple(name for name, _ in fields), tuple(width for _, width in fields)
    return PlainTemplate(tuple(literals), names, widths)


@lru_cache(maxsize=512)
def granule_us(template: str) -> int:
    """Times of which it may show something else lie at least so far apart, from midnight; 0: it shows the zone."""
    return min((_granule_of(part.keyword) for part in date_parts(template)), default=US_PER_DAY)


def _granule_of(keyword: str) -> int:
    if keyword in _OF_ZONE:
        return 0
    return _GRANULES.get(keyword, 1 if keyword.startswith("FF") else US_PER_DAY)


NOT_OF_INTERVALS: Final = frozenset(
    ("MONTH", "MON", "DAY", "DY", "D", "ID", "AD", "BC", "A.D.", "B.C.", "TZ", "TZH", "TZM", "OF")
)


def _shown(part: Part, moment: Moment) -> str:
    if not part.keyword:
        return part.text
    if moment.is_interval and part.keyword.upper() in NOT_OF_INTERVALS:
        raise InvalidDatetimeFormat(
            "invalid format specification for an interval value",
            hint="Intervals are not tied to specific calendar dates.",
        )
    writer = _WRITERS.get(part.keyword)
    if writer is not None:
        text = writer(moment, part)
    else:
        number, width = _NUMBERS[part.keyword](moment)
        text = str(number) if part.fill else _padded(number, width, part.keyword)
    if part.suffix:
        suffix = ordinal(text.strip())
        text += suffix.upper() if part.suffix == "TH" else suffix
    return text


_SIGNED: Final = frozenset(("HH24", "MI", "SS", "MM", "YYYY", "CC"))
"""Fields that have a place for a sign besides their digits; of others it takes the place of a zero."""


def _padded(number: int, width: int, keyword: str) -> str:
    if number < 0 and keyword in _SIGNED:
        width += 1
    return f"{number:0{width}d}"


def _hour_12(moment: Moment) -> int:
    rest = abs(moment.hour) % 12
    return (-rest if moment.hour < 0 else rest) or 12


def _year(moment: Moment) -> int:
    if moment.is_interval:
        return moment.year
    return moment.year if moment.year > 0 else 1 - moment.year


def _week_start(year: int) -> int:
    """The Julian day that a year of weeks begins with: the Monday of the week that has January 4th."""
    fourth = _int4(_julian(year, 1, 4))
    return _int4(fourth - fourth % 7)


def _week_of(julian: int, start: int) -> int:
    return _cut(_int4(julian - start), 7)[0] + 1


def _year_and_week(moment: Moment) -> tuple[int, int]:
    """The year of weeks and the week, with days of 32 bits as those of intervals go round after 5.8 million years."""
    year, julian = moment.year, _int4(moment.days + JULIAN_OF_EPOCH)
    start = _week_start(year)
    if julian < start:
        year -= 1
        start = _week_start(year)
    week = _week_of(julian, start)
    if week >= 52:
        following = _week_start(year + 1)
        if julian >= following:
            return year + 1, _week_of(julian, following)
    return year, week


def _iso_year(moment: Moment) -> int:
    year, _ = _year_and_week(moment)
    return year if year > 0 or moment.is_interval else 1 - year


def _century(moment: Moment) -> int:
    if moment.is_interval:
        return _cut(moment.year, 100)[0]
    if moment.year > 0:
        return (moment.year - 1) // 100 + 1
    return _cut(moment.year, 100)[0] - 1


def _seconds_of_day(moment: Moment) -> int:
    return (moment.hour * 60 + moment.minute) * 60 + moment.second


def _day_in_year(moment: Moment) -> int:
    if moment.is_interval:
        return _int4(moment.year * 360 + moment.month * 30 + moment.day)
    return day_of_year(moment.year, moment.month, moment.day)


def _int4(days: int) -> int:
    """The number as 32 bits have it: days of a great many years go round."""
    return (days + (1 << 31)) % (1 << 32) - (1 << 31)


def _iso_day_in_year(moment: Moment) -> int:
    julian = _int4(moment.days + JULIAN_OF_EPOCH)
    return _int4(julian - _week_start(_year_and_week(moment)[0]) + 1)


Number = Callable[[Moment], tuple[int, int]]


def _fraction(digits: int) -> Number:
    return lambda moment: (moment.us // 10 ** (6 - digits), digits)


_NUMBERS: Final[dict[str, Number]] = {
    "HH": lambda m: (_hour_12(m), 3 if m.hour < 0 else 2),
    "HH12": lambda m: (_hour_12(m), 3 if m.hour < 0 else 2),
    "HH24": lambda m: (m.hour, 2),
    "MI": lambda m: (m.minute, 2),
    "SS": lambda m: (m.second, 2),
    "MS": lambda m: (m.us // 1000, 3),
    "US": lambda m: (m.us, 6),
    **{f"FF{digits}": _fraction(digits) for digits in range(1, 7)},
    "SSSS": lambda m: (_seconds_of_day(m), 1),
    "SSSSS": lambda m: (_seconds_of_day(m), 1),
    "YYYY": lambda m: (_year(m), 4),
    "YYY": lambda m: (_cut(_year(m), 1000)[1], 4 if _year(m) < 0 else 3),
    "YY": lambda m: (_cut(_year(m), 100)[1], 3 if _year(m) < 0 else 2),
    "Y": lambda m: (_cut(_year(m), 10)[1], 1),
    "IYYY": lambda m: (_iso_year(m), 5 if _year(m) < 0 else 4),
    "IYY": lambda m: (_cut(_iso_year(m), 1000)[1], 4 if _year(m) < 0 else 3),
    "IY": lambda m: (_cut(_iso_year(m), 100)[1], 3 if _year(m) < 0 else 2),
    "I": lambda m: (_cut(_iso_year(m), 10)[1], 1),
    "MM": lambda m: (m.month, 2),
    "DD": lambda m: (m.day, 2),
    "DDD": lambda m: (_day_in_year(m), 3),
    "IDDD": lambda m: (_iso_day_in_year(m), 3),
    "D": lambda m: (weekday_of(m.days) + 1, 1),
    "ID": lambda m: (weekday_of(m.days) or 7, 1),
    "W": lambda m: (_cut(m.day - 1, 7)[0] + 1, 1),
    "WW": lambda m: (_cut(_day_in_year(m) - 1, 7)[0] + 1, 2),
    "IW": lambda m: (_year_and_week(m)[1], 2),
    "CC": lambda m: (_century(m), 2),
    "J": lambda m: (_int4(m.days + JULIAN_OF_EPOCH), 1),
}

Writer = Callable[[Moment, Part], str]


def _name(names: tuple[str, ...], width: int, cut: int | None) -> Callable[..., str]:
    def write(index: int, part: Part) -> str:
        name = names[index][:cut]
        cased = part.keyword
        text = name.upper() if cased.isupper() else name.lower() if cased.islower() else name
        return text if part.fill or part.spelled or cut else text.ljust(width)

    return write


_MONTH, _MON = _name(MONTHS, 9, None), _name(MONTHS, 3, 3)
_DAY, _DY = _name(WEEKDAYS, 9, None), _name(WEEKDAYS, 3, 3)


def _month(writer: Callable[..., str]) -> Writer:
    return lambda moment, part: writer(moment.month - 1, part) if moment.month else ""


def _weekday(writer: Callable[..., str]) -> Writer:
    return lambda moment, part: writer(weekday_of(moment.days), part)


def _roman(moment: Moment, part: Part) -> str:
    if not moment.month and not moment.year:
        return ""
    month = moment.month or (1 if moment.year < 0 else 12)
    text = ROMAN_MONTHS[month - 1 if month > 0 else month]
    text = text.lower() if part.keyword.islower() else text
    return text if part.fill else text.ljust(4)


def _half(moment: Moment, part: Part) -> str:
    letters = "pm" if moment.hour > 0 and moment.hour % 24 >= 12 else "am"
    text = ".".join(letters) + "." if "." in part.keyword else letters
    return text.upper() if part.keyword.isupper() else text


def _era(moment: Moment, part: Part) -> str:
    letters = "bc" if moment.year <= 0 else "ad"
    text = ".".join(letters) + "." if "." in part.keyword else letters
    return text.upper() if part.keyword.isupper() else text


def _comma_year(moment: Moment, part: Part) -> str:
    thousands, rest = _cut(_year(moment), 1000)
    return f"{thousands},{rest:03d}"


def _quarter(moment: Moment, part: Part) -> str:
    return str(_cut(moment.month - 1, 3)[0] + 1) if moment.month else ""


def _zone(moment: Moment, part: Part) -> str:
    if moment.offset is None:
        return ""
    text = moment.offset.abbreviation
    return text.lower() if part.keyword == "tz" else text


def _east(moment: Moment) -> int:
    return 0 if moment.offset is None else moment.offset.seconds_east


def _zone_hours(moment: Moment, part: Part) -> str:
    east = _east(moment)
    return f"{'-' if east < 0 else '+'}{abs(east) // 3600:02d}"


def _zone_minutes(moment: Moment, part: Part) -> str:
    return f"{abs(_east(moment)) // 60 % 60:02d}"


def _offset(moment: Moment, part: Part) -> str:
    minutes = abs(_east(moment)) // 60 % 60
    return _zone_hours(moment, part) + (f":{minutes:02d}" if minutes else "")


_WRITERS: Final[dict[str, Writer]] = {
    **dict.fromkeys(("MONTH", "Month", "month"), _month(_MONTH)),
    **dict.fromkeys(("MON", "Mon", "mon"), _month(_MON)),
    **dict.fromkeys(("DAY", "Day", "day"), _weekday(_DAY)),
    **dict.fromkeys(("DY", "Dy", "dy"), _weekday(_DY)),
    **dict.fromkeys(("AM", "PM", "am", "pm", "A.M.", "P.M.", "a.m.", "p.m."), _half),
    **dict.fromkeys(("AD", "BC", "ad", "bc", "A.D.", "B.C.", "a.d.", "b.c."), _era),
    **dict.fromkeys(("RM", "rm"), _roman),
    **dict.fromkeys(("TZ", "tz"), _zone),
    "Y,YYY": _comma_year,
    "Q": _quarter,
    "TZH": _zone_hours,
    "TZM": _zone_minutes,
    "OF": _offset,
    "FX": lambda moment, part: "",
}
_OF_ZONE: Final = frozenset({"TZ", "tz", "TZH", "TZM", "OF"})
_GRANULES: Final[dict[str, int]] = {
    "MS": 1000,
    "US": 1,
    **dict.fromkeys(("SS", "SSSS", "SSSSS"), US_PER_SECOND),
    "MI": US_PER_MINUTE,
    **dict.fromkeys(("HH", "HH12", "HH24"), US_PER_HOUR),
    **dict.fromkeys(("AM", "PM", "am", "pm", "A.M.", "P.M.", "a.m.", "p.m."), US_PER_HOUR),
}
"""How long what a keyword shows stays the same; a day where nothing else is said."""
