"""Patterns of paths (lquery) and words to be found in them (ltxtquery): their text, and what they match.

Rule 1: a value is its canonical text; what it asks is read from that once and kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from server.errors import ProgramLimitExceeded, SqlSyntaxError
from server.extensions.ltree_type import (
    LEVELS_MAX,
    Ltree,
    checked_label,
    is_letter,
    syntax_error,
    unexpected_end,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_FLAGS: Final = "@%*"
"""In any case, words of a label, and only its beginning: as they are written, in this order."""
_WORD: Final = re.compile(r"[^_]+")
_COUNT: Final = re.compile(r"(\d*)")


@dataclass(frozen=True, slots=True)
class LabelTest:
    """A label to be compared with, and how: the flags that it has."""

    label: str
    flags: str = ""

    def text(self) -> str:
        """As it is written."""
        return self.label + self.flags

    def holds(self, label: str) -> bool:
        """Whether a label is so."""
        asked = self.label
        if "@" in self.flags:
            asked, label = asked.lower(), label.lower()
        is_part = "*" in self.flags
        if "%" not in self.flags:
            return label.startswith(asked) if is_part else label == asked
        words = _WORD.findall(label)
        return all(
            any(word.startswith(part) if is_part else word == part for word in words)
            for part in _WORD.findall(asked)
        )


@dataclass(frozen=True, slots=True)
class Level:
    """What an lquery says of a run of labels. tests: none for a star."""

    tests: tuple[LabelTest, ...]
    is_not: bool
    least: int
    most: int

    def holds(self, label: str) -> bool:
        """Whether the level takes a label."""
        return not self.tests or any(test.holds(label) for test in self.tests) is not self.is_not

    def text(self) -> str:
        """As it is written."""
        body = "!" * self.is_not + "|".join(test.text() for test in self.tests) or "*"
        usual = (1, 1) if self.tests else (0, LEVELS_MAX)
        return body if (self.least, self.most) == usual else body + self._count()

    def _count(self) -> str:
        if self.least == self.most:
            return f"{{{self.least}}}"
        low = str(self.least) if self.least else ""
        high = str(self.most) if self.most < LEVELS_MAX else ""
        return f"{{{low},{high}}}"


@dataclass(frozen=True, slots=True)
class Lquery:
    """A pattern of paths."""

    levels: tuple[Level, ...]

    def text(self) -> str:
        """As it is written."""
        return ".".join(level.text() for level in self.levels)

    def matches(self, path: Ltree) -> bool:
        """Whether a path is so as a whole."""
        places = {0}
        for level in self.levels:
            places = _after(level, path.labels, places)
        return len(path.labels) in places


def _after(level: Level, labels: Sequence[str], places: set[int]) -> set[int]:
    """Where a level may end that begins at one of these places."""
    found: set[int] = set()
    for start in places:
        stop = start
        while stop - start < level.most and stop < len(labels) and level.holds(labels[stop]):
            stop += 1
        found.update(range(start + level.least, stop + 1))
    return found


class _Reader:
    """Reads an lquery."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def next(self) -> str:
        """The character that comes; empty at the end."""
        return self.text[self.at : self.at + 1]

    def wrong(self) -> SqlSyntaxError:
        """The character that comes is wrong."""
        if not self.next():
            return unexpected_end("lquery")
        return syntax_error("lquery", self.at + 1)

    def query(self) -> Lquery:
        """All levels."""
        levels = [self.level()]
        while self.next():
            if self.next() != ".":
                raise self.wrong()
            self.at += 1
            levels.append(self.level())
        return Lquery(tuple(levels))

    def level(self) -> Level:
        """A star, or labels."""
        if self.next() == "*":
            self.at += 1
            least, most = self.count(0, LEVELS_MAX)
            return Level((), False, least, most)
        is_not = self.next() == "!"
        self.at += is_not
        tests = [self.label(is_not)]
        while self.next() == "|":
            self.at += 1
            tests.append(self.label(is_not))
        least, most = self.count(1, 1)
        return Level(tuple(tests), is_not, least, most)

    def label(self, is_not: bool) -> LabelTest:
        """A label and its flags."""
        start = self.at
        while self.next() and is_letter(self.next()):
            self.at += 1
        label = self.text[start : self.at]
        if not label:
            if is_not and not self.next():
                raise SqlSyntaxError("lquery syntax error", detail="Empty labels are not allowed.")
            raise self.wrong()
        flags = set()
        while self.next() and self.next() in _FLAGS:
            flags.add(self.next())
            self.at += 1
        return LabelTest(checked_label(label, self.at), "".join(f for f in "%@*" if f in flags))

    def count(self, least: int, most: int) -> tuple[int, int]:
        """How often, where it is said."""
        if self.next() != "{":
            return least, most
        self.at += 1
        low = self.number("Low")
        if self.next() == "}" and low is not None:
            self.at += 1
            return low, low
        if self.next() != ",":
            raise self.wrong()
        self.at += 1
        place = self.at
        high = self.number("High")
        if self.next() != "}":
            raise self.wrong()
        found = low or 0, LEVELS_MAX if high is None else high
        if found[0] > found[1]:
            raise SqlSyntaxError(
                "lquery syntax error",
                detail=f"Low limit ({found[0]}) is greater than high limit ({found[1]}), "
                f"at character {place + 1}.",
            )
        self.at += 1
        return found

    def number(self, which: str) -> int | None:
        """A limit, if there is one."""
        place = self.at
        digits = _COUNT.match(self.text, self.at)
        assert digits is not None
        self.at = digits.end()
        if not digits[1]:
            return None
        if int(digits[1]) > LEVELS_MAX:
            raise ProgramLimitExceeded(
                "lquery syntax error",
                detail=f"{which} limit ({digits[1]}) exceeds the maximum allowed ({LEVELS_MAX}), "
                f"at character {place + 1}.",
            )
        return int(digits[1])


@lru_cache(maxsize=1024)
def parse_lquery(text: str) -> Lquery:
    """Read a pattern."""
    return _Reader(text).query()


# Words


@dataclass(frozen=True, slots=True)
class Word:
    """A label that has to be somewhere in the path."""

    test: LabelTest

    def holds(self, labels: Sequence[str]) -> bool:
        """Whether it is there."""
        return any(map(self.test.holds, labels))

    def text(self) -> str:
        """As it is written."""
        return self.test.text()


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Node

    def holds(self, labels: Sequence[str]) -> bool:
        """Whether the part does not."""
        return not self.part.holds(labels)

    def text(self) -> str:
        """As it is written."""
        inner = self.part.text()
        return f"!{inner}" if isinstance(self.part, Word) else f"!( {inner} )"


@dataclass(frozen=True, slots=True)
class Both:
    """Two parts, and whether both have to hold."""

    operator: str
    left: Node
    right: Node

    def holds(self, labels: Sequence[str]) -> bool:
        """Whether both hold, or one."""
        if self.operator == "&":
            return self.left.holds(labels) and self.right.holds(labels)
        return self.left.holds(labels) or self.right.holds(labels)

    def text(self) -> str:
        """As it is written."""
        return f" {self.operator} ".join(_inner(side) for side in (self.left, self.right))


Node = Word | Not | Both


def _inner(side: Node) -> str:
    text = side.text()
    return f"( {text} )" if isinstance(side, Both) and side.operator == "|" else text


@dataclass(frozen=True, slots=True)
class Ltxtquery:
    """Words that a path is to have."""

    node: Node

    def text(self) -> str:
        """As it is written."""
        return self.node.text()

    def matches(self, path: Ltree) -> bool:
        """Whether a path has them."""
        return self.node.holds(path.labels)


_TOKEN: Final = re.compile(r"\s*(?:([&|!()])|(\w+)([@%*]*)|(\S)|$)")


class _WordReader:
    """Reads an ltxtquery: `|` binds less than `&`, that less than `!`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.match = self._match()

    def _match(self) -> re.Match[str]:
        found = _TOKEN.match(self.text, self.at)
        assert found is not None
        return found

    def skip(self) -> None:
        """Go to the next token."""
        self.at = self.match.end()
        self.match = self._match()

    def either(self) -> Node:
        """Parts between `|`."""
        node = self.all()
        while self.match[1] == "|":
            self.skip()
            node = Both("|", node, self.all())
        return node

    def all(self) -> Node:
        """Parts between `&`."""
        node = self.one()
        while self.match[1] == "&":
            self.skip()
            node = Both("&", node, self.one())
        return node

    def one(self) -> Node:
        """A word, the contrary of one, or what is between parentheses."""
        if self.match[1] == "!":
            self.skip()
            return Not(self.one())
        if self.match[1] == "(":
            self.skip()
            node = self.either()
            if self.match[1] != ")":
                raise SqlSyntaxError("syntax error")
            self.skip()
            return node
        if not self.match[2]:
            raise SqlSyntaxError("operand syntax error")
        label, flags = self.match[2], self.match[3]
        self.skip()
        return Word(
            LabelTest(checked_label(label, self.at), "".join(f for f in "%@*" if f in flags))
        )


@lru_cache(maxsize=1024)
def parse_ltxtquery(text: str) -> Ltxtquery:
    """Read words to be found."""
    reader = _WordReader(text)
    node = reader.either()
    if reader.match[4] or reader.match[2]:
        raise SqlSyntaxError("modifiers syntax error" if "%" in text else "syntax error")
    if reader.match[0].strip():
        raise SqlSyntaxError("syntax error")
    return Ltxtquery(node)
