"""current_setting, set_config and what else reads or changes the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.functions.scope import session_of
from server.config import BY_NAME
from server.errors import UndefinedObject
from server.functions.declare import row
from server.oids import TEXT
from server.types.array import Array, make_array

if TYPE_CHECKING:
    from server.functions.function import CallContext


def _current_setting(call: CallContext, name: str) -> str:
    session = session_of(call)
    text: str = session.transaction.shown_mode(name) or session.settings.show(name)
    return text


def _setting_or_null(call: CallContext, name: str, missing_ok: bool) -> str | None:
    try:
        return _current_setting(call, name)
    except UndefinedObject:
        if missing_ok:
            return None
        raise


def _set_config(
    call: CallContext,
    name: str | None,
    value: str | None,
    is_local: bool | None,
) -> str | None:
    if name is None:
        return None
    session = session_of(call)
    session.rights.set_value(name, value, local=bool(is_local))
    session.settings_changed()
    return _current_setting(call, name)


def _flags(name: str) -> Array | None:
    return make_array(TEXT, ()) if name.lower() in BY_NAME else None


FUNCTIONS = (
    row(
        "2077 current_setting(text) text stable context",
        _current_setting,
        "the value of a parameter",
    ),
    row(
        "3294 current_setting(text, bool) text stable context",
        _setting_or_null,
        "the value of a parameter; with true, NULL where there is none",
    ),
    row(
        "2078 set_config(text, text, bool) text volatile lax context",
        _set_config,
        "sets a parameter",
    ),
    row("6240 pg_settings_get_flags(text) _text stable", _flags, "flags of a parameter"),
)
