"""SIMILAR TO: its patterns as regular expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from server.errors import InvalidEscapeSequence, SqlError

# SIMILAR TO becomes a regular expression of the dialect of ~.


def similar_to_regex(pattern: str, escape: str | None) -> str:
    """Translate a pattern of SIMILAR TO; escape None is the backslash, an empty one none."""
    escape = "\\" if escape is None else escape
    if len(escape) > 1:
        raise InvalidEscapeSequence(
            "invalid escape string", hint="Escape string must be empty or one character."
        )
    return "^(?:" + _similar_body(pattern, escape) + ")$"


_SIMILAR: Final = {
    "%": ".*", "_": ".", "(": "(?:", ".": "\\.", "^": "\\^", "$": "\\$", "\\": "\\\\",
}  # fmt: skip


def _similar_body(pattern: str, escape: str) -> str:
    parts: list[str] = []
    brackets = _Brackets()
    quotes = 0
    characters = iter(pattern)
    for character in characters:
        if escape and character == escape:
            escaped = next(characters, "")
            if escaped == '"' and not brackets.depth:
                parts.append(_separator(quotes))
                quotes += 1
            elif escaped:
                parts.append("\\" + escaped)
                brackets.start = PAST_START
        elif brackets.depth or character == "[":
            parts.append("\\\\" if character == "\\" else character)
            brackets.take(character)
        else:
            parts.append(_SIMILAR.get(character, character))
    return "".join(parts)


def _separator(number: int) -> str:
    """What stands for the escape-double-quote of that number."""
    if number >= len(SEPARATORS):
        raise InvalidUseOfEscapeCharacter(
            "SQL regular expression may not contain more than two escape-double-quote separators"
        )
    return SEPARATORS[number]


class InvalidUseOfEscapeCharacter(SqlError, sqlstate="2200C"):
    """invalid_use_of_escape_character."""


SEPARATORS: Final = ("){1,1}?(", "){1,1}(?:")
AT_START, PAST_START = 1, 3


@dataclass(slots=True)
class _Brackets:
    """How deep in brackets a place is, and how far behind the start of the expression in them.

    A bracket that closes is plain at the start, also behind the one caret that negates.
    """

    depth: int = 0
    start: int = 0

    def take(self, character: str) -> None:
        """Go on behind a character that opens brackets or stands in them."""
        if not self.depth:
            self.depth, self.start = 1, AT_START
            return
        if character == "]" and self.start >= PAST_START:
            self.depth -= 1
        elif character == "[":
            self.depth += 1
        self.start = self.start + 1 if character == "^" else PAST_START
