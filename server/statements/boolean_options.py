"""Options that are on or off, as written, to values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import SqlSyntaxError

if TYPE_CHECKING:
    from server.sql.utility_statement import Option

TRUE_WORDS, FALSE_WORDS = ("true", "on"), ("false", "off")


def boolean_option(option: Option) -> bool:
    """The value of an option that is on or off; without a value it is on."""
    if option.value is None:
        return True
    if isinstance(option.value, bool):
        return option.value
    if option.value in (0, 1):
        return option.value == 1
    word = str(option.value).lower()
    if word in TRUE_WORDS or word in FALSE_WORDS or word in ("0", "1"):
        return word in (*TRUE_WORDS, "1")
    raise SqlSyntaxError(f"{option.name} requires a Boolean value")
