r"""How the text of a tsvector or tsquery is cut into words: plain, or 'quoted ''so', with \ escapes.

Rule 1: blanks end a plain word; so does a colon, and in a query an operator.
Rule 2: what stands behind a word is read here for vectors (positions with weights), and left to the
        caller for queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.errors import SqlSyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable

POSITION_MAX: Final = (1 << 14) - 1
WEIGHT_SHIFT: Final = 14
OPERATORS: Final = frozenset("!&|()<")
BLANKS: Final = frozenset(" \t\n\v\f\r")
NO_BREAK: Final = frozenset("\x1c\x1d\x1e\x1f\x85\xa0\u2007\u202f")
WEIGHTS: Final = {"d": 0, "c": 1, "b": 2, "a": 3, "*": 3}


def is_blank(character: str) -> bool:
    """Whether a character separates words."""
    return character in BLANKS or (character.isspace() and character not in NO_BREAK)


@dataclass(slots=True)
class LexemeReader:
    """Reads words off a text, from `position` on."""

    text: str
    position: int = 0
    in_query: bool = False  # operators end a word, and positions are not read
    of_web: bool = False  # quotes and backslashes are not special, but " ends a word

    def next(self) -> tuple[str, tuple[int, ...]] | None:
        """The next word with its positions; None at the end of the text."""
        while self.position < len(self.text) and is_blank(self.text[self.position]):
            self.position += 1
        if self.position >= len(self.text):
            return None
        first = self.text[self.position]
        if first == "'" and not self.of_web:
            word = self._quoted()
        elif self._is_operator(first):
            raise self.syntax_error()
        else:
            word = self._plain()
        if not word:
            raise self.syntax_error()
        return word, () if self.in_query else self._positions()

    def syntax_error(self) -> SqlSyntaxError:
        """The error for a text that is none of its type."""
        kind = "tsquery" if self.in_query else "tsvector"
        return SqlSyntaxError(f'syntax error in {kind}: "{self.text}"')

    def _is_operator(self, character: str) -> bool:
        if self.of_web and character == '"':
            return True
        return self.in_query and character in OPERATORS

    def _escaped(self) -> str:
        """The character behind a backslash."""
        self.position += 1
        if self.position >= len(self.text):
            raise SqlSyntaxError(f'there is no escaped character: "{self.text}"')
        self.position += 1
        return self.text[self.position - 1]

    def _plain(self) -> str:
        parts: list[str] = []
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == "\\" and not self.of_web:
                parts.append(self._escaped())
                continue
            # A colon may begin a word, but not end an empty one.
            ends = is_blank(character) or self._is_operator(character)
            if ends or (character == ":" and parts):
                break
            parts.append(character)
            self.position += 1
        return "".join(parts)

    def _quoted(self) -> str:
        self.position += 1
        parts: list[str] = []
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == "\\":
                parts.append(self._escaped())
                continue
            self.position += 1
            if character == "'":
                if self.text[self.position : self.position + 1] != "'":
                    return "".join(parts)
                self.position += 1
            parts.append(character)
        raise self.syntax_error()

    def _positions(self) -> tuple[int, ...]:
        """What stands behind a colon: numbers with weights, by commas."""
        found: list[int] = []
        if self.text[self.position : self.position + 1] != ":":
            return ()
        while True:
            self.position += 1
            found.append(self._number())
            found[-1] |= self._weight() << WEIGHT_SHIFT
            if self.text[self.position : self.position + 1] != ",":
                return tuple(found)

    def _number(self) -> int:
        digits = self._taken(lambda character: character.isascii() and character.isdigit())
        if not digits:
            raise self.syntax_error()
        number = min(int(digits[:20]), POSITION_MAX)
        if not number:
            raise SqlSyntaxError(f'wrong position info in tsvector: "{self.text}"')
        return number

    def _weight(self) -> int:
        """The letters and digits behind a number; only one of them may say a weight above D."""
        weight = 0
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == "," or is_blank(character):
                break
            if character.lower() in WEIGHTS:
                if weight:
                    raise self.syntax_error()
                weight = WEIGHTS[character.lower()]
            elif not (character.isascii() and character.isdigit()):
                raise self.syntax_error()
            self.position += 1
        return weight

    def _taken(self, accepts: Callable[[str], bool]) -> str:
        start = self.position
        while self.position < len(self.text) and accepts(self.text[self.position]):
            self.position += 1
        return self.text[start : self.position]
