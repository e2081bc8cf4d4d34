"""Kernels of instants: what the clocks of a zone show, on whole columns; and to_char of many times.

A zone changes its offset a few times a year. So instants are grouped by quarters of a day and the zone is asked what
holds at the first and at the last moment of each; where these differ it is asked for every row. Where a value may be
infinite or leave the calendar, the rows are computed one by one, as in date_columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions import date_columns, fields, instants
from server.functions.date_columns import TIMESTAMP_LIMIT, within
from server.functions.format_dates import (
    PlainTemplate,
    format_moment,
    granule_us,
    moment_of,
    plain_template,
)
from server.functions.scaled import by_rows
from server.types.calendar import (
    UNIX_OF_EPOCH_DAYS,
    US_PER_DAY,
    US_PER_HOUR,
    US_PER_MINUTE,
    US_PER_SECOND,
)
from server.vector.column import Column, Values
from server.vector.few_numbers import distinct
from server.vector.native import number_texts
from server.vector.rows import constant_value, is_constant, objects
from server.vector.text_views import texts_of
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel
    from server.types.zones import Offset, Zone

    OffsetAt = Callable[[int], Offset]

UNIX_EPOCH_YEAR: Final = 1970
QUARTER_DAY_US: Final = US_PER_DAY // 4
_INT64: Final = np.dtype(np.int64)
_OBJECT: Final = np.dtype(object)


def offsets_at(zone: Zone, us: Values) -> Values:
    """Microseconds that clocks of the zone are ahead of UTC at each of some instants."""
    return _offsets(zone, zone.at, us)


def offsets_at_local(zone: Zone, local: Values) -> Values:
    """The same where the clocks show some times."""
    return _offsets(zone, zone.at_local, local)


def _offsets(zone: Zone, at: OffsetAt, us: Values) -> Values:
    if zone.fixed is not None:
        return np.full(len(us), zone.fixed.seconds_east * US_PER_SECOND)
    quarters, numbers = distinct(us // QUARTER_DAY_US)
    first = _asked(at, quarters * QUARTER_DAY_US)
    changes = first != _asked(at, quarters * QUARTER_DAY_US + (QUARTER_DAY_US - 1))
    offsets: Values = first[numbers]
    rows = np.flatnonzero(changes[numbers])
    offsets[rows] = _asked(at, us[rows])
    return offsets


def _asked(at: OffsetAt, us: Values) -> Values:
    return np.array([at(each).seconds_east for each in us.tolist()], np.int64) * US_PER_SECOND


def local_times(zone: Zone, times: Column) -> Column:
    """What clocks of a zone show at some instants."""
    return Column(times.values + offsets_at(zone, times.values), times.valid)


def in_session_zone(
    row: Callable[[CallContext, int], Any], local: Kernel, dtype: np.dtype[Any]
) -> Kernel:
    """A kernel of instants: one of timestamps over what clocks show; row where it cannot be used."""

    def kernel(context: CallContext, times: Column, *, count: int) -> Column:
        if not within(times.values, TIMESTAMP_LIMIT):
            return by_rows(lambda us: row(context, us), (times,), dtype)
        return local(context, local_times(instants.zone_of(context), times), count=count)

    return kernel


def of_session_zone(row: Callable[[CallContext, int], Any], local: Kernel, limit: int) -> Kernel:
    """The instants at which clocks of the session's zone show what local makes of values below the limit."""

    def kernel(context: CallContext, values: Column, *, count: int) -> Column:
        if not within(values.values, limit):
            return by_rows(lambda value: row(context, value), (values,), _INT64)
        times = local(context, values, count=count)
        offsets = offsets_at_local(instants.zone_of(context), times.values)
        return Column(times.values - offsets, times.valid)

    return kernel


def same(context: CallContext, times: Column, *, count: int) -> Column:
    """Timestamps as they are."""
    return times


def time_of_day(context: CallContext, times: Column, *, count: int) -> Column:
    """What is left of timestamps without their dates."""
    return Column(times.values % US_PER_DAY, times.valid)


def zone_kernel(row: Callable[[str, int], Any]) -> Kernel:
    """What clocks show of one zone named; row where several are."""

    def kernel(context: CallContext, names: Column, times: Column, *, count: int) -> Column:
        if _are_ordinary(names, times):
            return local_times(instants.find_zone(constant_value(names)), times)
        return by_rows(row, (names, times), _INT64)

    return kernel


def _are_ordinary(names: Column, times: Column) -> bool:
    """One name for all, and times of which some are there, so that a name that means nothing is an error."""
    there = len(times) > 0 if times.valid is None else bool(times.valid.any())
    return there and is_constant(names) and within(times.values, TIMESTAMP_LIMIT)


def field_kernel(row: Callable[[CallContext, str, int], Any], result: str) -> Kernel:
    """A field of what clocks show; since the epoch the same everywhere."""
    of_timestamps = date_columns.timestamp_field_kernel(result)
    dtype = _OBJECT if result == "numeric" else np.dtype(np.float64)
    shown = {*fields.COLUMN_TIME_FIELDS, *fields.COLUMN_FIELDS} - {"julian"}

    def kernel(context: CallContext, names: Column, times: Column, *, count: int) -> Column:
        if _are_ordinary(names, times):
            unit = fields.ALIASES.get(constant_value(names).lower(), "")
            if unit == "epoch":
                return of_timestamps(context, names, times, count=count)
            if unit in shown:
                local = local_times(instants.zone_of(context), times)
                return of_timestamps(context, names, local, count=count)
        return by_rows(lambda name, us: row(context, name, us), (names, times), dtype)

    return kernel


def truncation_kernel(row: Callable[[CallContext, str, int], Any]) -> Kernel:
    """The start of a unit in the session's zone."""

    def kernel(context: CallContext, names: Column, times: Column, *, count: int) -> Column:
        if _are_ordinary(names, times):
            start = _truncated(context, instants.zone_of(context), names, times)
            if start is not None:
                return start
        return by_rows(lambda name, us: row(context, name, us), (names, times), _INT64)

    return kernel


def zone_truncation_kernel(row: Callable[[str, int, str], Any]) -> Kernel:
    """The start of a unit in one zone named; row where several are."""

    def kernel(
        context: CallContext, names: Column, times: Column, zones: Column, *, count: int
    ) -> Column:
        if _are_ordinary(names, times) and is_constant(zones):
            start = _truncated(context, instants.find_zone(constant_value(zones)), names, times)
            if start is not None:
                return start
        return by_rows(row, (names, times, zones), _INT64)

    return kernel


def _truncated(context: CallContext, zone: Zone, names: Column, times: Column) -> Column | None:
    unit = fields.ALIASES.get(constant_value(names).lower(), "")
    is_of_day = unit in fields.COLUMN_STARTS or unit == "quarter"
    if not is_of_day and unit not in fields.TIME_UNITS:
        return None
    offsets = offsets_at(zone, times.values)
    local = Column(times.values + offsets, times.valid)
    start = date_columns.truncation_kernel(context, names, local, count=len(times))
    if not is_of_day:
        return Column(start.values - offsets, times.valid)
    days, numbers = distinct(start.values // US_PER_DAY)
    utc = np.array([instants.to_utc(day * US_PER_DAY, zone) for day in days.tolist()], np.int64)
    return Column(utc[numbers], times.valid)


def text_kernel(row: Callable[[int, str], Any]) -> Kernel:
    """to_char of timestamps by one template: each text is written once, however many rows show it."""

    def kernel(context: CallContext, times: Column, templates: Column, *, count: int) -> Column:
        written = _written(times, templates)
        return by_rows(row, (times, templates)) if written is None else written

    return kernel


def zoned_text_kernel(row: Callable[[CallContext, int, str], Any]) -> Kernel:
    """to_char of instants: templates that show the zone are filled row by row."""

    def kernel(context: CallContext, times: Column, templates: Column, *, count: int) -> Column:
        if within(times.values, TIMESTAMP_LIMIT) and len(times):
            written = _written(local_times(instants.zone_of(context), times), templates)
            if written is not None:
                return written
        return by_rows(lambda us, template: row(context, us, template), (times, templates))

    return kernel


def _written(times: Column, templates: Column) -> Column | None:
    if not len(times) or not is_constant(templates) or not within(times.values, TIMESTAMP_LIMIT):
        return None
    template = constant_value(templates)
    granule = granule_us(template) if template else 0
    if not granule:
        return None
    plain = plain_template(template)
    if plain is not None and granule < US_PER_DAY:
        return _many_texts(plain, times)
    granules, numbers = distinct(times.values // granule)
    texts = None if plain is None else _plain_texts(plain, granules * granule)
    if texts is None:
        texts = [format_moment(template, moment_of(each * granule)) for each in granules.tolist()]
    return Column(numbers.astype(np.int32), times.valid, None, Column(objects(texts)))


def _many_texts(plain: PlainTemplate, times: Column) -> Column | None:
    """What a template of plain numbers shows of times that are hardly ever the same."""
    local_us = times.values if times.valid is None else np.where(times.valid, times.values, 0)
    fields = _fields(plain, local_us)
    if fields is None:
        return None
    return TextColumn(*number_texts(fields, plain.widths, plain.literals), times.valid)


def _plain_texts(plain: PlainTemplate, local_us: Values) -> list[str] | None:
    """What a template of plain numbers shows; None if a year among them is not of our era."""
    fields = _fields(plain, local_us)
    if fields is None:
        return None
    if not fields:
        return [plain.literals[0].decode()] * len(local_us)
    texts = number_texts(fields, plain.widths, plain.literals)
    return [text.decode() for text in texts_of(*texts)]


def _fields(plain: PlainTemplate, local_us: Values) -> list[Values] | None:
    """The numbers that a template shows; None if a year is not of our era."""
    days, us = local_us // US_PER_DAY, local_us % US_PER_DAY
    dates = (days + UNIX_OF_EPOCH_DAYS).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month_numbers = months.astype(np.int64)
    years = month_numbers // 12 + UNIX_EPOCH_YEAR
    if int(years.min()) < 1:
        return None
    hours = us // US_PER_HOUR
    fields = {
        "year": years,
        "month": month_numbers % 12 + 1,
        "day": (dates - months).astype(np.int64) + 1,
        "hour": hours,
        "hour_12": (hours + 11) % 12 + 1,
        "minute": us // US_PER_MINUTE % 60,
        "second": us // US_PER_SECOND % 60,
        "millisecond": us // 1000 % 1000,
        "us": us % US_PER_SECOND,
    }
    return [fields[name] for name in plain.names]


def local_zone_kernel(row: Callable[[str, int], Any]) -> Kernel:
    """The instants at which clocks of one zone named show times; row where several are."""

    def kernel(context: CallContext, names: Column, times: Column, *, count: int) -> Column:
        if _are_ordinary(names, times):
            zone = instants.find_zone(constant_value(names))
            return Column(times.values - _offsets_shown(zone, times.values), times.valid)
        return by_rows(row, (names, times), _INT64)

    return kernel


def _offsets_shown(zone: Zone, local_us: Values) -> Values:
    """As offsets_at, of what clocks show."""
    if zone.fixed is not None:
        return np.full(len(local_us), zone.fixed.seconds_east * US_PER_SECOND)
    quarters, numbers = distinct(local_us // QUARTER_DAY_US)
    first = _shown(zone, quarters * QUARTER_DAY_US)
    changes = first != _shown(zone, quarters * QUARTER_DAY_US + (QUARTER_DAY_US - 1))
    offsets: Values = first[numbers]
    rows = np.flatnonzero(changes[numbers])
    offsets[rows] = _shown(zone, local_us[rows])
    return offsets


def _shown(zone: Zone, local_us: Values) -> Values:
    seconds = [zone.at_local(each).seconds_east for each in local_us.tolist()]
    return np.array(seconds, np.int64) * US_PER_SECOND
