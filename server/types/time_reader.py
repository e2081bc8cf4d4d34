"""Reads the fields of a time of day, with a time zone and even a date around it.

A zone that changes its offset needs a date to say which holds; the session's own takes today.
"""

from __future__ import annotations

from typing import Final

from server.types.calendar import US_PER_DAY, US_PER_SECOND
from server.types.date_fields import BadFormat, Kind, Meaning, meaning_of
from server.types.date_reader import DATE, TIME, ZONE, DateReader
from server.types.date_style import session_zone
from server.types.zone_words import OFFSETS, ZONES

READABLE: Final = frozenset(
    {Meaning.MERIDIAN, Meaning.ERA, Meaning.UNIT, Meaning.TIME_FOLLOWS, Meaning.NOTHING}
    | {Meaning.SUMMER_TIME, Meaning.MOMENT}
)


class TimeReader(DateReader):
    """What has been read of a time of day."""

    checks_clock_at_once = False  # what is wrong with a zone behind it is told first
    zone_is_abbreviated = False

    def check_complete(self) -> None:
        """Refuse what has no time, or a zone that would need a date."""
        self.check_time()
        has_partial_date = self.seen & DATE not in (0, DATE)
        if self.seen & TIME != TIME or (has_partial_date and not self.seen & ZONE):
            raise BadFormat
        self.check_summer_time()
        needs_date = self.zone is not None and self.zone.fixed is None
        has_date = self.seen & DATE == DATE or (self.zone_is_abbreviated and not self.seen & DATE)
        if needs_date and not has_date:
            raise BadFormat

    def read_date(self, text: str) -> int:
        """Read a date only where it is the first of several fields, and a time or date follows."""
        if self.accepts_date():
            return self.read_date_parts(text)
        if text[0].isdigit():
            return self.read_time_and_offset(text, self.seen | DATE)
        return self.read_zone_name(text)

    def accepts_date(self) -> bool:
        """Tell whether the field is first, and one follows that only stands with a date."""
        if self.at or len(self.fields) < 2:
            return False
        return self.fields[-1][0] is Kind.DATE or self.fields[1][0] is Kind.TIME

    def read_clock(self, text: str) -> int:
        """Read a time; units before it are for numbers behind it."""
        unit, self.unit = self.unit, ""
        given = super().read_clock(text)
        self.unit = unit
        return given

    def read_number(self, text: str) -> int:
        """Read a number as the digits of a time."""
        if self.unit:
            return super().read_number(text)
        whole, point, _ = text.partition(".")
        if point and self.at == 0 and len(self.fields) > 1 and self.fields[-1][0] is Kind.DATE:
            return self.read_date_parts(text)
        if point and len(whole) <= 2:
            raise BadFormat
        return self.read_run_together(text, self.seen | DATE)

    def read_t(self, value: int | str) -> int:
        """Read the T before a time, with or without a date."""
        following = self.fields[self.at + 1 : self.at + 2]
        if not following or following[0][0] not in {Kind.NUMBER, Kind.TIME, Kind.DATE}:
            raise BadFormat
        self.unit = str(value)
        return 0

    def read_word(self, word: str) -> int:
        """Read a word that may stand beside a time."""
        if word in ZONES:
            self.zone_is_abbreviated = True
        elif word not in OFFSETS:
            meaning = meaning_of(word)
            if meaning is not None and meaning[0] not in READABLE:
                raise BadFormat
        return super().read_word(word)

    def read_moment(self, value: int | str) -> int:
        """Read now and allballs."""
        if value not in {"now", "allballs"}:
            raise BadFormat
        offset = self.offset
        given = super().read_moment(value)
        self.offset = offset
        return TIME if value == "now" else given

    def offset_east(self) -> int:
        """Seconds east of UTC; where there is no date, on the day of the transaction."""
        if self.seen & DATE == DATE or (self.seen & ZONE and self.zone is None):
            return super().offset_east()
        zone = self.zone or session_zone(self.style)
        now_us = self.style.now()
        today = (now_us + zone.at(now_us).seconds_east * US_PER_SECOND) // US_PER_DAY
        return zone.at_local(today * US_PER_DAY + self.time_us).seconds_east
