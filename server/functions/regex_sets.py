"""Sets of characters of regular expressions: classes, ranges and single characters, in any case or not.

Rule 1: which characters are letters is an alphabet's to say: ASCII's under the collation "C", all others' otherwise.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from unicodedata import category

from server.functions.regex_nodes import Characters
from server.types.letters import is_alphanumeric, is_letter, is_lower, is_upper, lower, upper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Member = str | tuple[str, str] | tuple[bool, str]
"""A character, a range, or (negated, name of a class)."""


SPACES: Final = (
    " \t\n\v\f\r\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a"
    "\u2028\u2029\u205f\u3000"
)


def _is_space(character: str) -> bool:
    return character in SPACES


def _is_graphic(character: str) -> bool:
    if character.isprintable():
        return not _is_space(character)
    return character in "\xa0\u2007\u202f" or category(character) in ("Cf", "Co")


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"


CLASSES: Final[dict[str, Callable[[str], bool]]] = {
    "alpha": is_letter,
    "digit": lambda c: "0" <= c <= "9",
    "alnum": is_alphanumeric,
    "upper": is_upper,
    "lower": is_lower,
    "space": _is_space,
    "blank": lambda c: c in " \t",
    "punct": lambda c: _is_graphic(c) and not is_alphanumeric(c),
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
    "word": lambda c: is_alphanumeric(c) or c == "_",
    "cntrl": _is_control,
    "print": lambda c: (
        _is_graphic(c) or (_is_space(c) and not _is_control(c) and c not in "\u2028\u2029")
    ),
    "graph": _is_graphic,
    "ascii": lambda c: c < "\x80",
}
PYTHON: Final = {
    "space": SPACES,
    "digit": "0-9",
    "word": r"\w",
    "xdigit": "0-9a-fA-F",
    "ascii": r"\x00-\x7f",
}
"""Classes in the notation of Python's re, inside brackets."""


class Alphabet:
    """Which characters are letters and the like, and what cases they have."""

    def __init__(
        self, classes: Mapping[str, Callable[[str], bool]], python: Mapping[str, str]
    ) -> None:
        self.classes = classes
        self._python = python

    def is_word(self, character: str | None) -> bool:
        """Whether a character belongs to a word; the end of the text does not."""
        return character is not None and self.classes["word"](character)

    def cases(self, character: str) -> set[str]:
        """A character in all its cases."""
        return {character, lower(character), upper(character)}

    def folded(self, text: str) -> str:
        """A text without its cases."""
        return lower(text)

    def single(self, character: str, any_case: bool = False) -> Characters:
        """The set of one character."""
        return _one_of(frozenset(self.cases(character)) if any_case else frozenset((character,)))

    def class_set(self, name: str, negated: bool) -> Characters:
        """A class by its name."""
        has = self.classes[name]
        python = self._python.get(name)
        if not negated:
            return Characters(has=has, python=None if python is None else f"[{python}]")
        inverse = None if python is None else f"[^{python}]"
        return Characters(has=lambda character: not has(character), python=inverse)

    def bracket_set(
        self, members: Iterable[Member], negated: bool, any_case: bool, no_newline: bool
    ) -> Characters:
        """The set of a bracket expression."""
        tests: list[Callable[[str], bool]] = []
        singles: set[str] = set()
        python: list[str] | None = []
        for member in members:
            if isinstance(member, str):
                singles |= self.cases(member) if any_case else {member}
                continue
            test, notation = self._tested(member, any_case)
            tests.append(test)
            python = None if python is None or notation is None else [*python, notation]
        known = frozenset(singles)

        def has(character: str) -> bool:
            return character in known or any(test(character) for test in tests)

        inside = None if python is None else "".join([*map(escaped, sorted(known)), *python])
        if not negated:
            return Characters(has=has, python=f"[{inside}]" if inside else None)
        newline = "\n" if no_newline else ""
        return Characters(
            has=lambda character: not has(character) and character != newline,
            python=f"[^{inside}{newline}]" if inside else None,
        )

    def _tested(
        self, member: tuple[str, str] | tuple[bool, str], any_case: bool
    ) -> tuple[Callable[[str], bool], str | None]:
        first, second = member
        if isinstance(first, bool):
            name = "alpha" if any_case and second in ("upper", "lower") else second
            has = self.classes[name]
            if first:
                return (lambda character: not has(character)), None
            return has, self._python.get(name)
        low, high = first, second
        if not any_case:
            return (lambda character: low <= character <= high), f"{escaped(low)}-{escaped(high)}"
        cases = self.cases
        return (lambda character: any(low <= each <= high for each in cases(character))), None


class _AsciiAlphabet(Alphabet):
    """That of the collation C: characters beyond ASCII are no letters and have no cases."""

    def cases(self, character: str) -> set[str]:
        """A character in all its cases."""
        return super().cases(character) if character.isascii() else {character}

    def folded(self, text: str) -> str:
        """A text without its cases."""
        return "".join(each.lower() if each.isascii() else each for each in text)


def _within_ascii(has: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda character: character.isascii() and has(character)


UNICODE: Final = Alphabet(CLASSES, PYTHON)
ASCII: Final = _AsciiAlphabet(
    {name: _within_ascii(has) for name, has in CLASSES.items()} | {"cntrl": _is_control},
    PYTHON | {"space": " \t\n\v\f\r", "word": "0-9A-Za-z_"},
)


@lru_cache(maxsize=4096)
def _one_of(variants: frozenset[str]) -> Characters:
    if len(variants) == 1:
        (character,) = variants
        return Characters(has=character.__eq__, python=re.escape(character))
    inside = "".join(map(escaped, sorted(variants)))
    return Characters(has=variants.__contains__, python=f"[{inside}]")


def escaped(character: str) -> str:
    """A character as a member of a set of Python's re."""
    return f"\\{character}" if character in "\\]^-[&~|" else character


def any_character(no_newline: bool) -> Characters:
    """Every character, but perhaps that of new lines."""
    if no_newline:
        return Characters(has="\n".__ne__, python=r"[^\n]")
    return Characters(has=lambda _character: True, python=r"[\s\S]")
