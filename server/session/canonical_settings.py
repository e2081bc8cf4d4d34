"""CANONICAL: settings whose texts have a canonical form that follows from the rules of types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from protocol.encodings import encoding_named
from server.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    SqlError,
)
from server.plpgsql.extra_checks import CHECKS, ERRORS, WARNINGS
from server.types.calendar import US_PER_SECOND
from server.types.interval import parse_interval
from server.types.type import PLAIN_STYLE
from server.types.zones import fixed_zone, zone_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.session_settings import Canonical

STYLES: Final = {"iso": "ISO", "sql": "SQL", "postgres": "Postgres", "german": "German"}
ORDERS: Final = {
    "mdy": "MDY", "us": "MDY", "noneuro": "MDY", "noneuropean": "MDY",
    "dmy": "DMY", "euro": "DMY", "european": "DMY", "ymd": "YMD",
}  # fmt: skip
DEFAULT: Final = ("ISO", "MDY")
INTERVAL: Final = re.compile(r"\s*interval\s*'([^']*)'\s*", re.IGNORECASE)
HOURS: Final = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)\s*")
HOURS_MAX: Final = 168
INDEX_METHODS: Final = ("btree", "hash", "gist", "gin", "spgist", "brin")


def _invalid(name: str, text: str, detail: str = "") -> InvalidParameterValue:
    return InvalidParameterValue(f'invalid value for parameter "{name}": "{text}"', detail=detail)


def date_style(text: str, current: str) -> str:
    """Style and order of fields; what is not named stays as it is."""
    styles: set[str] = set()
    orders: set[str] = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        key = word.lower()
        style = next((name for name in STYLES if key.startswith(name)), "")
        if style:
            styles.add(STYLES[style])
        elif key in ORDERS:
            orders.add(ORDERS[key])
        elif key == "default":
            styles, orders = styles or {DEFAULT[0]}, orders or {DEFAULT[1]}
        else:
            raise _invalid("DateStyle", text, f'Unrecognized key word: "{word}".')
    if len(styles) > 1 or len(orders) > 1:
        raise _invalid("DateStyle", text, 'Conflicting "datestyle" specifications.')
    known_style, _, known_order = current.partition(", ")
    if styles == {"German"} and not orders:
        orders = {"DMY"}
    style = styles.pop() if styles else known_style
    return f"{style}, {orders.pop() if orders else known_order}"


def time_zone(text: str, _current: str) -> str:
    """The name of a zone, or what stands for a number of hours or an interval."""
    match = INTERVAL.fullmatch(text)
    if match is not None:
        return _interval_zone(text, match[1])
    if HOURS.fullmatch(text):
        return _fixed(text, int(float(text) * 3600))
    zone = zone_named(text)
    if zone is None:
        raise _invalid("TimeZone", text)
    return zone.name


def _interval_zone(text: str, written: str) -> str:
    try:
        shift = parse_interval(written, -1, PLAIN_STYLE)
    except SqlError:
        raise _invalid("TimeZone", text) from None
    for what, number in (("months", shift.months), ("days", shift.days)):
        if number:
            raise _invalid("TimeZone", text, f"Cannot specify {what} in time zone interval.")
    return _fixed(text, int(shift.microseconds / US_PER_SECOND))


def _fixed(text: str, seconds_east: int) -> str:
    if abs(seconds_east) >= HOURS_MAX * 3600:
        raise _invalid("TimeZone", text, "UTC timezone offset is out of range.")
    return fixed_zone(seconds_east).name


def client_encoding(text: str, _current: str) -> str:
    """PostgreSQL's name of an encoding from and to which there is a conversion."""
    found = encoding_named(text)
    if found is None:
        raise _invalid("client_encoding", text)
    if found.codec:
        return found.name
    raise FeatureNotSupported(
        f'invalid value for parameter "client_encoding": "{text}"',
        detail=f"Conversion between {found.name} and UTF8 is not supported.",
    )


def table_access_method(text: str, _current: str) -> str:
    """The access method of new tables; there is one."""
    name = "default_table_access_method"
    if not text:
        raise _invalid(name, text, f"{name} cannot be empty.")
    if text in INDEX_METHODS:
        raise ObjectNotInPrerequisiteState(f'access method "{text}" is not of type TABLE')
    if text != "heap":
        raise _invalid(name, text, f'Table access method "{text}" does not exist.')
    return text


def extra_checks(setting: str) -> Canonical:
    """What lists checks of PL/pgSQL: all of them, none, or some by name."""

    def checked(text: str, _current: str) -> str:
        words = [word.strip().lower() for word in text.split(",")]
        for word in words if len(words) > 1 else ():
            if word in ("all", "none"):
                detail = f'Key word "{word}" cannot be combined with other key words.'
                raise _invalid(setting, text, detail)
        for word in words:
            if word not in (*CHECKS, "all", "none"):
                raise _invalid(setting, text, f'Unrecognized key word: "{word}".')
        return text

    return checked


CANONICAL: Final[Mapping[str, Canonical]] = {
    "DateStyle": date_style,
    "TimeZone": time_zone,
    "client_encoding": client_encoding,
    "default_table_access_method": table_access_method,
    **{setting: extra_checks(setting) for setting in (ERRORS, WARNINGS)},
}
"""By the name of the setting."""
