"""Options as written, to values: words, and what is on or off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import SqlSyntaxError
from server.sql import nodes

if TYPE_CHECKING:
    from server.sql.utility_statement import Option

TRUE_WORDS, FALSE_WORDS = ("true", "on"), ("false", "off")


def option_word(option: Option) -> str:
    """A word, a string or a number as text; a word alone arrives as the name of a type."""
    if isinstance(option.value, nodes.TypeName):
        return str(option.value.args["parts"][-1])
    return str(option.value)


def boolean_option(option: Option) -> bool:
    """The value of an option that is on or off; without a value it is on."""
    if option.value is None:
        return True
    if isinstance(option.value, bool):
        return option.value
    if option.value in (0, 1):
        return option.value == 1
    word = option_word(option).lower()
    if word in TRUE_WORDS or word in FALSE_WORDS or word in ("0", "1"):
        return word in (*TRUE_WORDS, "1")
    raise SqlSyntaxError(f"{option.name} requires a Boolean value")
