"""How dates, times and timestamps are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import InvalidDatetimeFormat

if TYPE_CHECKING:
    from server.types.type import TextStyle


def decode_date(text: str, _style: TextStyle) -> int:
    """Read a date."""
    raise InvalidDatetimeFormat(f'invalid input syntax for type date: "{text}"')


def decode_timestamp(text: str, _style: TextStyle) -> int:
    """Read a timestamp."""
    raise InvalidDatetimeFormat(f'invalid input syntax for type timestamp: "{text}"')


def decode_timestamptz(text: str, _style: TextStyle) -> int:
    """Read a timestamp with time zone."""
    raise InvalidDatetimeFormat(f'invalid input syntax for type timestamp with time zone: "{text}"')
