"""unaccent: letters without their marks, as a function and as a dictionary of text search that passes words on.

Rule 1: what becomes of a letter is said by a file of rules, `unaccent.rules` unless a dictionary names another one.
Rule 2: unaccent(text) goes by that file; with a dictionary it gives the first lexeme of that, or the text as it was.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue
from server.extensions.extension import Extension
from server.text_search.dictionary import (
    FILTERS,
    SingleWords,
    Variant,
    checked_options,
    read_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.text_search.dictionary import Lexemes, Option
    from server.types.array import Array

TS_LEXIZE: Final = 3723
DEFAULT_RULES: Final = "unaccent"


@cache
def _rules(name: str) -> Callable[[str], str]:
    """What applies the rules of a file: those for longer sources come first, and the first one of a source counts."""
    rules: dict[str, str] = {}
    for line in read_lines(name, "rules", "unaccent"):
        source, *target = line.split() or [""]
        if source and len(target) <= 1:
            rules.setdefault(source, target[0] if target else "")
    if all(len(source) == 1 for source in rules):
        table = str.maketrans(rules)
        return lambda text: text.translate(table)
    longest = sorted(rules, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest)))
    return lambda text: pattern.sub(lambda found: rules[found[0]], text)


class Unaccent(SingleWords):
    """Gives a word with plain letters to the next dictionary; words that stay as they are it does not know."""

    def __init__(self, options: Sequence[Option]) -> None:
        given = checked_options("Unaccent", options, ("Rules",))
        if "rules" not in given:
            raise InvalidParameterValue("missing Rules parameter")
        self.plain = _rules(given["rules"])

    def lexize(self, word: str) -> Lexemes | None:
        """The word with plain letters."""
        plain = self.plain(word)
        return None if plain == word else (Variant(plain, 0, FILTERS),)


def unaccent(text: str) -> str:
    """The text with plain letters."""
    return text if text.isascii() else _rules(DEFAULT_RULES)(text)


def _by_dictionary(call: Any, dictionary: int, text: str) -> str:
    lexize = call.execution.catalog.function(TS_LEXIZE)
    found: Array | None = lexize.row(call, dictionary, text)
    return text if found is None or not found.items else found.items[0]


UNACCENT: Final = Extension(
    name="unaccent",
    version="1.1",
    comment="text search dictionary that removes accents",
    declarations="""
unaccent(text) text | stable strict = unaccent
unaccent(regdictionary, text) text | stable strict = by_dictionary
unaccent_init(internal) internal | volatile = internal
unaccent_lexize(internal, internal, internal, internal) internal | volatile = lexize
""",
    functions={"unaccent": unaccent, "by_dictionary": _by_dictionary},
    in_context=frozenset(("by_dictionary",)),
    dictionaries={"lexize": Unaccent},
    more="""
create text search template unaccent (init = unaccent_init, lexize = unaccent_lexize);
create text search dictionary unaccent (template = unaccent, rules = 'unaccent');
""",
)
