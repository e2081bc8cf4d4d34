"""What all texts begin with that match a pattern, as far as it is plain to see: what an index can be asked for.

Rule 1: a prefix may be shorter than it could be, never longer: every text that matches begins with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SURROGATES: Final = (0xD800, 0xDFFF)
_CODE_POINT_MAX: Final = 0x10FFFF
_REGEX_END: Final = "$"


@dataclass(frozen=True, slots=True)
class Prefix:
    """What all matching texts begin with, whether they are just that, and what of the pattern is left behind it."""

    text: str
    is_whole: bool
    rest: str


def prefix_of_like(pattern: str) -> Prefix:
    """The characters up to the first wildcard."""
    prefix: list[str] = []
    place = 0
    while place < len(pattern) and pattern[place] not in "%_":
        place += pattern[place] == "\\"
        prefix += pattern[place : place + 1]
        place += 1
    rest = pattern[place:]
    return Prefix("".join(prefix), not rest, rest)


def prefix_of_ilike(pattern: str) -> Prefix:
    """Characters that have two cases are of either: a prefix ends before the first one."""
    exact = prefix_of_like(pattern)
    cased = next((n for n, each in enumerate(exact.text) if _has_cases(each)), None)
    if cased is None:
        return exact
    return Prefix(exact.text[:cased], is_whole=False, rest=pattern[cased:])


def _has_cases(character: str) -> bool:
    return character.isalpha() or not character == character.lower() == character.upper()


def prefix_of_regex(pattern: str) -> Prefix:
    """An expression that is tied to the start begins with the characters up to the first special one."""
    pattern = _without_group(pattern)
    if not pattern.startswith("^") or "|" in pattern:
        return Prefix("", is_whole=False, rest=pattern)
    found = re.match(r"[^.^$*+?()\[\]{}|\\]*", pattern[1:])
    text = found[0] if found else ""
    rest = pattern[1 + len(text) :]
    if rest[:1] in ("*", "?", "{"):
        return Prefix(text[:-1], is_whole=False, rest=rest)
    return Prefix(text, rest == _REGEX_END, rest)


def _without_group(pattern: str) -> str:
    """What SIMILAR TO makes, without the group around all of it."""
    inner = pattern.removeprefix("^(?:").removesuffix(")$")
    if len(inner) != len(pattern) - 6 or "(" in inner or ")" in inner:
        return pattern
    return f"^{inner}$"


def prefix_of_start(start: str) -> Prefix:
    """What starts_with looks for."""
    return Prefix(start, is_whole=False, rest="")


_LIKE_FUNCTIONS: Final = (850, 1631)
_ILIKE_FUNCTIONS: Final = (1633, 1660)
_REGEX_FUNCTIONS: Final = (1254, 1658)
_START_FUNCTIONS: Final = (3696,)

PREFIXES: Final[dict[str, Callable[[str], Prefix]]] = {
    "like": prefix_of_like,
    "ilike": prefix_of_ilike,
    "regex": prefix_of_regex,
    "start": prefix_of_start,
}
"""By the kinds of patterns."""

PATTERN_KINDS: Final[dict[int, str]] = {
    **dict.fromkeys(_LIKE_FUNCTIONS, "like"),
    **dict.fromkeys(_ILIKE_FUNCTIONS, "ilike"),
    **dict.fromkeys(_REGEX_FUNCTIONS, "regex"),
    **dict.fromkeys(_START_FUNCTIONS, "start"),
}
"""The kind of pattern that a function takes as its second argument, by the function's OID."""


def pattern_bounds(kind: str, pattern: str) -> list[tuple[str, str]]:
    """Comparisons by code points that all texts satisfy which match; none of those that do not begin alike."""
    prefix = PREFIXES[kind](pattern)
    if not prefix.text:
        return []
    after = behind_prefix(prefix.text)
    return [(">=", prefix.text), *([] if after is None else [("<", after)])]


def behind_prefix(prefix: str) -> str | None:
    """The first text behind all that begin with a prefix, by code points; None: there is none."""
    while prefix:
        following = ord(prefix[-1]) + 1
        if following == _SURROGATES[0]:
            following = _SURROGATES[1] + 1
        if following <= _CODE_POINT_MAX:
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None
