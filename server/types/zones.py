"""Time zones: names and POSIX rules to offsets and back, for all years a timestamp can have.

Offsets are seconds east of UTC. Years that the zone tables do not reach are looked up one or more
cycles of 400 years away, in which the calendar repeats itself; before the tables begin, the zone's
first offset holds.
"""

from __future__ import annotations

import io
import re
import struct
import zoneinfo
from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Final

from server.types.calendar import DAYS_PER_CYCLE, US_PER_DAY, US_PER_SECOND

US_PER_CYCLE: Final = DAYS_PER_CYCLE * US_PER_DAY
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
LOCAL_EPOCH: Final = EPOCH.replace(tzinfo=None)
TABLES_BEGIN_US: Final = -198 * 366 * US_PER_DAY  # 1802: every zone still has its first offset
TABLES_END_US: Final = (
    500 * 365 * US_PER_DAY
)  # 2499: the cycle before it has but the rules of the last year
POSIX: Final = re.compile(
    r"(?P<name>[^\d,+<-]*|<[^>]*>)(?P<offset>(?P<sign>[+-]?)(?P<hours>\d{1,3})"
    r"(?::(?P<minutes>\d{1,2}))?(?::(?P<seconds>\d{1,2}))?)"
    r"(?:(?P<summer>[^\d,+<-]+|<[^>]*>)(?P<rest>.*))?",
    re.DOTALL,
)
SECONDS_PER_DAY: Final = 86_400
SUMMER_RULES: Final = ",M3.2.0,M11.1.0"
"""What POSIX names without rules mean: those of the United States."""


@dataclass(frozen=True, slots=True)
class Offset:
    """What holds at an instant in a zone."""

    seconds_east: int
    abbreviation: str


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """A time zone; fixed when it never changes its offset."""

    name: str
    rules: zoneinfo.ZoneInfo | None
    fixed: Offset | None = None
    is_ruled: bool = False  # by the same rules always, also before the tables begin

    def at(self, us: int) -> Offset:
        """Give what holds at an instant, in microseconds since 2000-01-01 UTC."""
        if self.fixed is not None:
            return self.fixed
        moment = EPOCH + timedelta(seconds=self._within_tables(us) // US_PER_SECOND)
        return self._offset_of(moment.astimezone(self.rules))

    def at_local(self, local_us: int) -> Offset:
        """Give what holds when clocks in the zone show a time.

        A time that clocks skip or show twice is taken by standard time, as PostgreSQL does.
        """
        if self.fixed is not None:
            return self.fixed
        shown = LOCAL_EPOCH + timedelta(seconds=self._within_tables(local_us) // US_PER_SECOND)
        first = self._offset_of(shown.replace(tzinfo=self.rules))
        second = self._offset_of(shown.replace(tzinfo=self.rules, fold=1))
        return first if first.seconds_east <= second.seconds_east else second

    def _within_tables(self, us: int) -> int:
        if us > TABLES_END_US:
            return us - ((us - TABLES_END_US) // US_PER_CYCLE + 1) * US_PER_CYCLE
        if us < TABLES_BEGIN_US:
            before = (TABLES_BEGIN_US - us) // US_PER_CYCLE + 1
            return us + before * US_PER_CYCLE if self.is_ruled else TABLES_BEGIN_US
        return us

    def _offset_of(self, moment: datetime) -> Offset:
        offset = moment.utcoffset()
        assert offset is not None
        seconds = offset.days * 86400 + offset.seconds
        return Offset(seconds, moment.tzname() or "")


USES_FROM_US, USES_TO_US = -120 * 365 * US_PER_DAY, 40 * 365 * US_PER_DAY
MONTH_US: Final = 30 * US_PER_DAY
UNIVERSAL: Final = {"UTC": "UTC", "GMT": "GMT", "UCT": "UCT", "ZULU": "Zulu"}
UTC_ZONE: Final = Zone("UTC", None, Offset(0, "UTC"))


@lru_cache(maxsize=256)
def zone_named(name: str) -> Zone | None:
    """Find a zone by its name, in any case, or by a POSIX rule; None where there is none."""
    shown = UNIVERSAL.get(name.upper())
    if shown is not None:
        return Zone(shown, None, Offset(0, "GMT" if shown == "GMT" else "UTC"))
    full_name = _full_names().get(name.lower())
    if full_name is not None:
        return Zone(full_name, zoneinfo.ZoneInfo(full_name))
    return _posix_zone(name.upper())


class DaysAwayZone(Zone):
    """A zone whose clocks are whole days away from those of another one, which zone tables cannot say."""

    __slots__ = ("days",)

    days: int

    def at(self, us: int) -> Offset:
        """Give what holds at an instant."""
        return self._moved(Zone.at(self, us + self.days * US_PER_DAY))

    def at_local(self, local_us: int) -> Offset:
        """Give what holds when clocks in the zone show a time."""
        return self._moved(Zone.at_local(self, local_us))

    def _moved(self, found: Offset) -> Offset:
        return replace(found, seconds_east=found.seconds_east + self.days * SECONDS_PER_DAY)


class AbbreviationZone(Zone):
    """What an abbreviation means that has not meant one offset always.

    That is the offset which its zone had when it last used the abbreviation; where it never did, the
    zone's own.
    """

    __slots__ = ("word",)

    word: str

    def at(self, us: int) -> Offset:
        """Give what the abbreviation means at an instant."""
        found = Zone.at(self, us)
        if found.abbreviation == self.word:
            return found
        uses = _uses(self.name, self.word)
        if not uses:
            return found
        return uses[max(bisect_right(uses, us, key=itemgetter(0)) - 1, 0)][1]

    def at_local(self, local_us: int) -> Offset:
        """Give what the abbreviation means when clocks in the zone show a time."""
        return self.at(local_us - Zone.at_local(self, local_us).seconds_east * US_PER_SECOND)


@lru_cache(maxsize=64)
def abbreviation_zone(word: str, name: str) -> Zone:
    """Make the zone of an abbreviation, whose meaning the zone of that name knows."""
    zone = AbbreviationZone(name, zoneinfo.ZoneInfo(name))
    object.__setattr__(zone, "word", word.upper())
    return zone


@lru_cache(maxsize=64)
def _uses(name: str, word: str) -> list[tuple[int, Offset]]:
    """The months in which a zone uses an abbreviation: their first instants and its offsets then."""
    zone = Zone(name, zoneinfo.ZoneInfo(name))
    instants = range(USES_FROM_US, USES_TO_US, MONTH_US)
    found = ((us, zone.at(us)) for us in instants)
    return [(us, offset) for us, offset in found if offset.abbreviation == word]


@lru_cache(maxsize=1)
def _full_names() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


def fixed_zone(seconds_east: int, name: str = "") -> Zone:
    """Make a zone of one offset, named as SET TIME ZONE names a number of hours."""
    if not name:
        shown = _hours_text(seconds_east)
        west = _hours_text(-seconds_east)
        name = f"<{shown}>{west}"
        return Zone(name, None, Offset(seconds_east, shown))
    return Zone(name, None, Offset(seconds_east, name))


def _hours_text(seconds: int) -> str:
    sign = "-" if seconds < 0 else "+"
    minutes, rest = divmod(abs(seconds), 60)
    text = f"{sign}{minutes // 60:02d}"
    if minutes % 60 or rest:
        text += f":{minutes % 60:02d}"
    return text + (f":{rest:02d}" if rest else "")


def _posix_zone(name: str) -> Zone | None:
    match = POSIX.fullmatch(name)
    if match is None or name.startswith(":"):
        return None
    west = int(match["hours"]) * 3600 + int(match["minutes"] or 0) * 60 + int(match["seconds"] or 0)
    if west > 167 * 3600:
        return None
    seconds_east = west if match["sign"] == "-" else -west
    if not match["summer"]:
        return Zone(name, None, Offset(seconds_east, match["name"].strip("<>")))
    return _with_summer(name, match, seconds_east)


def _with_summer(name: str, match: re.Match[str], seconds_east: int) -> Zone | None:
    """The zone of a POSIX rule that knows summer time."""
    from server.types.far_zones import far_zone

    rest = match["rest"] if "," in match["rest"] else match["rest"] + SUMMER_RULES
    hours = re.match(r"[+-]?(\d+)", rest)
    if hours is not None and int(hours[1]) * 3600 >= SECONDS_PER_DAY:
        standard = Offset(seconds_east, match["name"].strip("<>"))
        return far_zone(name, standard, match["summer"], rest)
    days = (abs(seconds_east) // SECONDS_PER_DAY) * (1 if seconds_east > 0 else -1)
    near = seconds_east - days * SECONDS_PER_DAY
    offset = _hours_text(-near)  # PostgreSQL takes minutes of a digit
    rule = _quoted(match["name"], "STD") + offset + _quoted(match["summer"], "DST") + rest
    try:
        rules = zoneinfo.ZoneInfo.from_file(_table_of(rule, near), key=name)
    except ValueError:
        return None
    if not days:
        return Zone(name, rules, is_ruled=True)
    zone = DaysAwayZone(name, rules, is_ruled=True)
    object.__setattr__(zone, "days", days)
    return zone


def _quoted(abbreviation: str, otherwise: str) -> str:
    """An abbreviation as RFC 8536 takes it, which takes fewer than PostgreSQL."""
    bare = abbreviation.strip("<>")
    return f"<{bare}>" if re.fullmatch(r"[A-Za-z0-9+-]{3,}", bare) else otherwise


def _table_of(rule: str, seconds_east: int) -> io.BytesIO:
    """Make a compiled zone that has no transitions but a rule for all time (RFC 8536)."""
    block = struct.pack("!lbB", seconds_east, 0, 0) + b"LMT\0"
    header = struct.pack("!5s15s6l", b"TZif2", b"", 0, 0, 0, 0, 1, 4)
    return io.BytesIO((header + block) * 2 + b"\n" + rule.encode() + b"\n")
