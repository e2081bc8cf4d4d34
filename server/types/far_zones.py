"""Zones of POSIX rules whose summer time is a day or more away from UTC, which zone tables cannot say.

Rule 1: summer begins and ends at what clocks show before, on the n-th weekday of a month (5: the last one).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from server.types.calendar import (
    US_PER_SECOND,
    date_of,
    days_of,
    month_length,
    weekday_of,
)
from server.types.zones import Offset, Zone

_SECONDS_PER_DAY: Final = 86_400
_SUMMER: Final = re.compile(r"([+-]?)(\d{1,3})(?::(\d{1,2}))?(?::(\d{1,2}))?")
_CHANGE: Final = re.compile(r"M(\d{1,2})\.([1-5])\.([0-6])")
_HOUR: Final = 2
_HOURS_MAX: Final = 167


class _Change(NamedTuple):
    """When clocks change: at two, on a weekday of a month."""

    month: int
    week: int
    weekday: int

    def local(self, year: int) -> int:
        """What clocks show then in a year, in seconds since 2000-01-01."""
        first = days_of(year, self.month, 1)
        day = (self.weekday - weekday_of(first)) % 7 + 7 * (self.week - 1)
        while day >= month_length(year, self.month):
            day -= 7
        return (first + day) * _SECONDS_PER_DAY + _HOUR * 3600


class FarZone(Zone):
    """A zone by its rules alone."""

    __slots__ = ("changes", "offsets")

    offsets: tuple[Offset, Offset]
    changes: tuple[_Change, _Change]

    def at(self, us: int) -> Offset:
        """Give what holds at an instant."""
        return self._after(us // US_PER_SECOND)[0]

    def at_local(self, local_us: int) -> Offset:
        """Give what holds when clocks in the zone show a time, by what held a day before and the next change."""
        local = local_us // US_PER_SECOND
        before, change = self._after(local - _SECONDS_PER_DAY)
        after = self._after(change)[0]
        by_before, by_after = local - before.seconds_east, local - after.seconds_east
        if max(by_before, by_after) < change:
            return before
        if by_before > change <= by_after:
            return after
        return before if by_before > by_after else after

    def _after(self, second: int) -> tuple[Offset, int]:
        """What holds at a second of UTC, and when it changes next."""
        standard, summer = self.offsets
        year = date_of(second // _SECONDS_PER_DAY)[0]
        changes = sorted(
            (change.local(each) - before.seconds_east, after is summer)
            for each in (year - 1, year, year + 1)
            for change, before, after in (
                (self.changes[0], standard, summer),
                (self.changes[1], summer, standard),
            )
        )
        at = sum(moment <= second for moment, _ in changes)
        return (summer if changes[at - 1][1] else standard), changes[at][0]


def far_zone(name: str, standard: Offset, summer: str, rest: str) -> Zone | None:
    """The zone of a name's standard time, its word for summer time and what stands behind it; None if that says no."""
    offset, *written = rest.split(",")
    found = _SUMMER.fullmatch(offset)
    changes = [_CHANGE.fullmatch(each) for each in written]
    if found is None or len(changes) != 2:
        return None
    west = int(found[2]) * 3600 + int(found[3] or 0) * 60 + int(found[4] or 0)
    if west > _HOURS_MAX * 3600:
        return None
    zone = FarZone(name, None)
    east = Offset(west if found[1] == "-" else -west, summer.strip("<>"))
    read = tuple(_Change(*map(int, each.groups())) for each in changes if each is not None)
    if len(read) != 2 or not all(1 <= each.month <= 12 for each in read):
        return None
    object.__setattr__(zone, "offsets", (standard, east))
    object.__setattr__(zone, "changes", read)
    return zone
