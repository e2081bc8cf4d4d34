"""The settings that text input and output depend on, as the value the types take."""

from __future__ import annotations

from server.config import SessionSettings
from server.types.type import TextStyle

_STYLES = {"iso": "ISO", "sql": "SQL", "postgres": "Postgres", "german": "German"}
_ORDERS = {
    "mdy": "MDY", "us": "MDY", "noneuro": "MDY", "noneuropean": "MDY",
    "dmy": "DMY", "euro": "DMY", "european": "DMY", "ymd": "YMD",
}  # fmt: skip


def text_style(settings: SessionSettings, now_us: int = 0) -> TextStyle:
    """The style of a session's settings."""
    date_style, date_order = split_date_style(settings.text("DateStyle"))
    return TextStyle(
        date_style=date_style or "ISO",
        date_order=date_order or "MDY",
        interval_style=settings.text("IntervalStyle"),
        time_zone=settings.text("TimeZone"),
        extra_float_digits=settings.integer("extra_float_digits"),
        bytea_output=settings.text("bytea_output"),
        now_us=now_us,
    )


def split_date_style(text: str) -> tuple[str, str]:
    """Style and order of a DateStyle value; empty where it names none. Unknown words raise ValueError."""
    style, order = "", ""
    for word in text.lower().replace(",", " ").split():
        if word in _STYLES:
            style = _STYLES[word]
        elif word in _ORDERS:
            order = _ORDERS[word]
        elif word != "default":
            raise ValueError(word)
    return style, order
