"""pg_notify and what a session listens to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.functions.scope import session_of
from server.functions.declare import row

if TYPE_CHECKING:
    from server.functions.function import CallContext, Function


def _notify(call: CallContext, channel: str | None, payload: str | None) -> str:
    session_of(call).mail.notify(channel or "", payload or "")
    return ""


def _channels(call: CallContext) -> list[str]:
    return list(session_of(call).mail.box.channels)


def _usage(call: CallContext) -> float:
    usage: float = session_of(call).database.channels.usage()
    return usage


FUNCTIONS: tuple[Function, ...] = (
    row(
        "3036 pg_notify(text, text) void volatile context lax",
        _notify,
        "tells all who listen to a channel, at the commit",
    ),
    row(
        "3035 pg_listening_channels() text set stable context",
        _channels,
        "the channels this session listens to",
    ),
    row(
        "3296 pg_notification_queue_usage() float8 volatile context",
        _usage,
        "the part of the room for notifications that wait to be told that is taken",
    ),
)
