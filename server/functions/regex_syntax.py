r"""PostgreSQL's regular expressions, translated to Python's.

The dialect is that of advanced regular expressions. Translated are: embedded options and directors,
classes and escapes (\m \M \y \Y \A \Z, \d \s \w, character codes), bracket expressions with
[:classes:], non-capturing groups, look-around and back references. Where PostgreSQL would match the
longest alternative, Python takes the first; so the branches of an alternation of plain texts are
tried from the longest.

Time is bounded: what Python may need exponential time for (a repetition inside a repetition) is
refused for long texts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from server.errors import InvalidParameterValue, InvalidRegularExpression

_CLASSES: Final = {
    "alpha": r"^\W\d_",
    "digit": "0-9",
    "alnum": r"^\W_",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "word": r"\w",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r"\x20-\x7e\u00a0-\U0010ffff",
    "graph": r"\x21-\x7e\u00a1-\U0010ffff",
}
_POSITIVE: Final = {  # where the class is one of several in a bracket expression
    "alpha": "A-Za-z\\u00aa-\\u02af\\u0370-\\u1fff\\u3040-\\ud7ff",
    "alnum": "0-9A-Za-z\\u00aa-\\u02af\\u0370-\\u1fff\\u3040-\\ud7ff",
}
_ESCAPES: Final = {
    "m": r"\b(?=\w)",
    "M": r"\b(?<=\w)",
    "y": r"\b",
    "Y": r"\B",
    "A": r"\A",
    "Z": r"\Z",
    "a": r"\x07",
    "b": r"\x08",
    "B": r"\\",
    "e": r"\x1b",
    "f": r"\f",
    "n": r"\n",
    "r": r"\r",
    "t": r"\t",
    "v": r"\v",
    "0": r"\x00",
}
_WORD_CLASSES: Final = frozenset("dDsSwW")
_CODE: Final = re.compile(
    r"x([0-9a-fA-F]+)|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|c(.)|(0[0-7]{1,2})", re.DOTALL
)
_BOUND: Final = re.compile(r"\{(\d+)(,?)(\d*)\}")
_QUANTIFIERS: Final = frozenset("*+?{")


def invalid(reason: str) -> InvalidRegularExpression:
    """Make the error for a pattern that is none."""
    return InvalidRegularExpression(f"invalid regular expression: {reason}")


@lru_cache(maxsize=512)
def compile_regex(pattern: str, flags: str = "") -> re.Pattern[str]:
    """Compile a pattern under the flags i, c, n, m, p, w, s, q, x, t, b, e."""
    options, pattern = _embedded(pattern, flags)
    translated = re.escape(pattern) if "q" in options else _Translator(pattern, options).translate()
    try:
        return re.compile(translated, _python_flags(options))
    except (re.error, OverflowError, RecursionError) as error:
        raise invalid(_reason(str(error))) from None


def _reason(message: str) -> str:
    for part, reason in (
        ("unterminated character set", "brackets [] not balanced"),
        ("missing )", "parentheses () not balanced"),
        ("unbalanced parenthesis", "parentheses () not balanced"),
        ("nothing to repeat", "quantifier operand invalid"),
        ("multiple repeat", "quantifier operand invalid"),
        ("bad character range", "invalid character range"),
        ("invalid group reference", "invalid backreference number"),
        ("min repeat greater", "invalid repetition count(s)"),
    ):
        if part in message:
            return reason
    return message


def _embedded(pattern: str, flags: str) -> tuple[set[str], str]:
    options = set(flags)
    if pattern.startswith("***="):
        return options | {"q"}, pattern[4:]
    pattern = pattern.removeprefix("***:")
    match = re.match(r"\(\?([a-z]+)\)", pattern)
    if match is not None:
        for letter in match[1]:
            if letter == "c":
                options.discard("i")
            elif letter in "einmpqstwxb":
                options.add(letter)
            else:
                raise invalid("invalid embedded option")
        pattern = pattern[match.end() :]
    return options, pattern


def _python_flags(options: set[str]) -> int:
    flags = 0
    if "i" in options:
        flags |= re.IGNORECASE
    if options & {"n", "m", "w"}:
        flags |= re.MULTILINE
    if not options & {"n", "m", "p"}:
        flags |= re.DOTALL
    return flags


class _Translator:
    """Walks over a pattern once."""

    def __init__(self, pattern: str, options: set[str]) -> None:
        self.pattern = pattern
        self.position = 0
        self.expanded = "x" in options
        self.basic = bool(options & {"b"})
        self.newline = bool(options & {"n", "m", "p"})
        self.multiline = bool(options & {"n", "m", "w"})
        self.parts: list[str] = []
        self.depth = 0

    def translate(self) -> str:
        """The pattern in Python's syntax."""
        pattern = self.pattern
        while self.position < len(pattern):
            self._step(pattern[self.position])
        if self.depth:
            raise invalid("parentheses () not balanced")
        return "".join(self.parts)

    def _step(self, character: str) -> None:
        handler = _STEPS.get(character)
        if handler is not None:
            handler(self)
        elif self.expanded and (character.isspace() or character == "#"):
            self._skip_comment(character)
        else:
            self.parts.append(re.escape(character))
            self.position += 1

    def _skip_comment(self, character: str) -> None:
        if character == "#":
            end = self.pattern.find("\n", self.position)
            self.position = len(self.pattern) if end < 0 else end
        self.position += 1

    def _copy(self) -> None:
        self.parts.append(self.pattern[self.position])
        self.position += 1

    def _dollar(self) -> None:
        self.parts.append("$" if self.multiline else r"\Z")
        self.position += 1

    def _open(self) -> None:
        self.depth += 1
        for form in ("(?:", "(?=", "(?!", "(?<=", "(?<!"):
            if self.pattern.startswith(form, self.position):
                self.parts.append(form)
                self.position += len(form)
                return
        if self.pattern.startswith("(?#", self.position):
            self.depth -= 1
            self.position = self.pattern.find(")", self.position) + 1 or len(self.pattern)
            return
        if self.pattern.startswith("(?", self.position):
            raise invalid("quantifier operand invalid")
        self.parts.append("(")
        self.position += 1

    def _close(self) -> None:
        if self.depth == 0:
            raise invalid("parentheses () not balanced")
        self.depth -= 1
        self._copy()

    def _quantifier(self) -> None:
        if not self.parts or self.parts[-1] in {"(", "(?:", "|", "(?=", "(?!"}:
            raise invalid("quantifier operand invalid")
        character = self.pattern[self.position]
        if character == "{":
            match = _BOUND.match(self.pattern, self.position)
            if match is None:
                if self.pattern[self.position + 1 : self.position + 2].isdigit():
                    raise invalid("braces {} not balanced")
                self.parts.append(r"\{")
                self.position += 1
                return
            if int(match[1]) > 255 or int(match[3] or 0) > 255:
                raise invalid("invalid repetition count(s)")
            self.parts.append(match[0])
            self.position = match.end()
        else:
            self._copy()
        following = self.pattern[self.position : self.position + 1]
        if following == "?":
            self._copy()
            following = self.pattern[self.position : self.position + 1]
        if following in {"*", "+", "?"}:
            raise invalid("quantifier operand invalid")

    def _escape(self) -> None:
        character = self.pattern[self.position + 1 : self.position + 2]
        if not character:
            raise invalid("invalid escape \\ sequence")
        code = _CODE.match(self.pattern, self.position + 1)
        if code is not None:
            self.parts.append(re.escape(_character_of(code)))
            self.position = code.end()
            return
        self.position += 2
        if character in _WORD_CLASSES:
            self.parts.append("\\" + character)
        elif character in _ESCAPES:
            self.parts.append(_ESCAPES[character])
        elif character.isdigit():
            self.parts.append(f"(?:\\{character})")
        elif character.isalpha():
            raise invalid("invalid escape \\ sequence")
        else:
            self.parts.append(re.escape(character))

    def _bracket(self) -> None:
        for form, words in (("[[:<:]]", r"\b(?=\w)"), ("[[:>:]]", r"\b(?<=\w)")):
            if self.pattern.startswith(form, self.position):
                self.parts.append(words)
                self.position += len(form)
                return
        self.position += 1
        negated = self.pattern.startswith("^", self.position)
        self.position += negated
        members = self._members()
        if len(members) == 1 and members[0].startswith("^"):
            opened = "[" if negated else "[^"
            self.parts.append(opened + members[0][1:] + "]")
            return
        body = "".join(_inside(member) for member in members)
        exclusion = r"\n" if negated and self.newline else ""
        self.parts.append(("[^" if negated else "[") + body + exclusion + "]")

    def _members(self) -> list[str]:
        members: list[str] = []
        first = True
        while True:
            if self.position >= len(self.pattern):
                raise invalid("brackets [] not balanced")
            character = self.pattern[self.position]
            if character == "]" and not first:
                self.position += 1
                return members
            members.append(self._member(character))
            first = False

    def _member(self, character: str) -> str:
        rest = self.pattern[self.position :]
        named = re.match(r"\[:(\w+):\]", rest)
        if named is not None:
            self.position += named.end()
            if named[1] not in _CLASSES:
                raise invalid("invalid character class")
            return _CLASSES[named[1]]
        collating = re.match(r"\[([.=])(.)\1\]", rest, re.DOTALL)
        if collating is not None:
            self.position += collating.end()
            return re.escape(collating[2])
        if character == "\\" and len(rest) > 1:
            code = _CODE.match(self.pattern, self.position + 1)
            if code is not None:
                self.position = code.end()
                return re.escape(_character_of(code))
            self.position += 2
            if rest[1] in _WORD_CLASSES:
                return "\\" + rest[1]
            return (
                _ESCAPES.get(rest[1], re.escape(rest[1]))
                if rest[1].isalpha()
                else re.escape(rest[1])
            )
        self.position += 1
        return "-" if character == "-" else re.escape(character)


def _inside(member: str) -> str:
    """A class as a part of a larger set; those written by exclusion have another form."""
    for name, positive in _POSITIVE.items():
        if member == _CLASSES[name]:
            return positive
    return member


def _character_of(code: re.Match[str]) -> str:
    hexadecimal = code[1] or code[2] or code[3]
    if hexadecimal:
        return chr(int(hexadecimal, 16) & 0x10FFFF)
    return chr(ord(code[4]) & 31) if code[4] else chr(int(code[5], 8))


_STEPS: Final = {
    "\\": _Translator._escape,
    "[": _Translator._bracket,
    "(": _Translator._open,
    ")": _Translator._close,
    "*": _Translator._quantifier,
    "+": _Translator._quantifier,
    "?": _Translator._quantifier,
    "{": _Translator._quantifier,
    "|": _Translator._copy,
    ".": _Translator._copy,
    "^": _Translator._copy,
    "$": _Translator._dollar,
}


def split_flags(flags: str, allowed_global: bool) -> tuple[str, bool]:
    """The options of a flags argument, and whether it says g."""
    is_global = False
    kept: list[str] = []
    for flag in flags:
        if flag == "g" and allowed_global:
            is_global = True
        elif flag not in "bceimnpqstwx":
            raise InvalidParameterValue(f'invalid regular expression option: "{flag}"')
        elif flag == "c":
            kept = [known for known in kept if known != "i"]
        else:
            kept.append(flag)
    return "".join(kept), is_global
