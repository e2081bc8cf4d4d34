r"""Reads regular expressions: PostgreSQL's advanced, extended and basic ones, and plain texts.

Rule 1: what is wrong with an expression is said in PostgreSQL's words.
Rule 2: a brace begins a bound where a digit follows, else it is plain.
Rule 3: \1 to \9 are references; more digits are one if there are as many groups, else an octal code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from server.errors import InvalidRegularExpression
from server.functions import regex_sets
from server.functions.regex_nodes import (
    INFINITE,
    LONG,
    NONE,
    SHORT,
    Anchor,
    Group,
    Look,
    Node,
    Reference,
    alternation,
    repeat,
    sequence,
    without_groups,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BOUND_MAX: Final = 255
CODE_MAX: Final = 0x7FFFFFFE
WORD: Final = 0xFFFFFFFF
ESCAPES: Final = {
    "a": "\a", "b": "\b", "B": "\\", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v",
}  # fmt: skip
CLASS_ESCAPES: Final = {
    "d": (False, "digit"),
    "s": (False, "space"),
    "w": (False, "word"),
    "D": (True, "digit"),
    "S": (True, "space"),
    "W": (True, "word"),
}
NAMED: Final = {  # collating elements
    "NUL": "\0", "alert": "\a", "backspace": "\b", "tab": "\t", "newline": "\n", "space": " ",
    "vertical-tab": "\v", "form-feed": "\f", "carriage-return": "\r", "hyphen": "-",
    "hyphen-minus": "-", "period": ".", "full-stop": ".", "slash": "/", "solidus": "/",
    "backslash": "\\", "reverse-solidus": "\\", "circumflex": "^", "underscore": "_", "tilde": "~",
    "comma": ",", "colon": ":", "semicolon": ";", "left-parenthesis": "(", "plus-sign": "+",
    "right-parenthesis": ")", "asterisk": "*", "question-mark": "?", "dollar-sign": "$",
    "left-square-bracket": "[", "right-square-bracket": "]", "left-curly-bracket": "{",
    "right-curly-bracket": "}", "vertical-line": "|", "exclamation-mark": "!", "ampersand": "&",
    "quotation-mark": '"', "number-sign": "#", "percent-sign": "%", "apostrophe": "'",
    "less-than-sign": "<", "equals-sign": "=", "greater-than-sign": ">", "commercial-at": "@",
    "grave-accent": "`", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "DEL": "\x7f", "ESC": "\x1b",
}  # fmt: skip
ASCII_MARK: Final = "\0"
"""In front of an expression, where no text can have it: only ASCII's characters are letters."""
_HEX: Final = re.compile(r"[0-9a-fA-F]+")


def invalid(reason: str) -> InvalidRegularExpression:
    """Make the error for an expression that is none."""
    return InvalidRegularExpression(f"invalid regular expression: {reason}")


def _is_start(before: str | None, after: str | None) -> bool:
    return before is None


def _is_end(before: str | None, after: str | None) -> bool:
    return after is None


def _is_line_start(before: str | None, after: str | None) -> bool:
    return before is None or before == "\n"


def _is_line_end(before: str | None, after: str | None) -> bool:
    return after is None or after == "\n"


TEXT_START: Final = Anchor(holds=_is_start, python=r"\A")
TEXT_END: Final = Anchor(holds=_is_end, python=r"\Z")
LINE_START: Final = Anchor(holds=_is_line_start, python=r"(?:\A|(?<=\n))")
LINE_END: Final = Anchor(holds=_is_line_end, python=r"(?:\Z|(?=\n))")


def _word_anchors(alphabet: regex_sets.Alphabet) -> dict[str, Anchor]:
    is_word = alphabet.is_word
    return {
        "m": Anchor(holds=lambda before, after: not is_word(before) and is_word(after)),
        "M": Anchor(holds=lambda before, after: is_word(before) and not is_word(after)),
        "y": Anchor(holds=lambda before, after: is_word(before) != is_word(after)),
        "Y": Anchor(holds=lambda before, after: is_word(before) == is_word(after)),
    }


_ANCHORS: Final = {
    alphabet: {"A": TEXT_START, "Z": TEXT_END, **_word_anchors(alphabet)}
    for alphabet in (regex_sets.UNICODE, regex_sets.ASCII)
}
LOOKS: Final = {"=": (False, False), "!": (False, True), "<=": (True, False), "<!": (True, True)}


def read_regex(pattern: str, flags: str = "") -> tuple[Node, int]:
    """Read an expression under the flags i c n m p w s q x t b e; the node, and how many groups it has."""
    is_ascii = pattern.startswith(ASCII_MARK)
    alphabet = regex_sets.ASCII if is_ascii else regex_sets.UNICODE
    options, pattern = _directed(pattern.removeprefix(ASCII_MARK), set(flags))
    if "q" in options:
        any_case = "i" in options
        return sequence([alphabet.single(each, any_case) for each in pattern]), 0
    reader = (BasicReader if "b" in options else Reader)(pattern, options, alphabet)
    node = reader.read()
    return node, reader.group_count


def _directed(pattern: str, options: set[str]) -> tuple[set[str], str]:
    """Directors and embedded options at the start of an expression."""
    if options & {"b", "e", "q"}:
        return options, pattern
    if pattern.startswith("***="):
        return options | {"q"}, pattern[4:]
    if pattern.startswith("***:"):
        pattern = pattern[4:]
    elif pattern.startswith("***"):
        raise invalid("quantifier operand invalid")
    match = re.match(r"\(\?([a-zA-Z]+)\)?", pattern)
    if match is None:
        return options, pattern
    for letter in match[1]:
        if letter not in "bceimnpqstwx":
            raise invalid("invalid embedded option")
        _embed(options, letter)
    if not match[0].endswith(")"):
        raise invalid("invalid embedded option")
    return options, pattern[match.end() :]


def _embed(options: set[str], letter: str) -> None:
    undone = {"c": {"i"}, "s": set("nmpw"), "t": {"x"}, "n": set("pw"), "m": set("pw")}
    options -= undone.get(letter, set())
    if letter not in "cst":
        options.add(letter)


class Reader:
    """One pass over an advanced or extended expression."""

    def __init__(self, pattern: str, options: set[str], alphabet: regex_sets.Alphabet) -> None:
        self.pattern = pattern
        self.alphabet = alphabet
        self.anchors = _ANCHORS[alphabet]
        self.at = 0
        self.any_case = "i" in options
        self.lines = bool(options & {"n", "m", "w"})  # ^ and $ at lines
        self.partial = bool(options & {"n", "m", "p"})  # . and [^ without newlines
        self.expanded = "x" in options
        self.extended = "e" in options
        self.group_count = 0
        self.groups: dict[int, Node] = {}
        self.looking = 0
        self.closing = ")"
        self.has_two_numbers = False  # of the last bound

    # Characters.

    def peek(self) -> str:
        """The character here, empty at the end."""
        return self.pattern[self.at : self.at + 1]

    def take(self, expected: str) -> bool:
        """Go on behind what is expected, if it is there."""
        if not self.pattern.startswith(expected, self.at):
            return False
        self.at += len(expected)
        return True

    def fail(self, reason: str) -> NoReturn:
        """Say what is wrong."""
        raise invalid(reason)

    def skip(self) -> None:
        """Go on behind what counts for nothing: comments, blanks of expanded syntax."""
        while True:
            if self.expanded and (self.peek().isspace() and self.peek()):
                self.at += 1
            elif self.expanded and self.peek() == "#":
                end = self.pattern.find("\n", self.at)
                self.at = len(self.pattern) if end < 0 else end
            elif not self.extended and self.pattern.startswith("(?#", self.at):
                end = self.pattern.find(")", self.at)
                self.at = len(self.pattern) if end < 0 else end + 1
            else:
                return

    # Structure.

    def read(self) -> Node:
        """Read the whole expression."""
        node = self.branches()
        if self.at < len(self.pattern):
            self.fail("parentheses () not balanced")
        return node

    def branches(self) -> Node:
        """Read branches up to a closing parenthesis or the end."""
        found = [self.branch()]
        while self.take("|"):
            found.append(self.branch())
        return alternation(found)

    def branch(self) -> Node:
        """Read quantified atoms and constraints."""
        items: list[Node] = []
        self.skip()
        while self.peek() not in ("", "|", ")"):
            items.append(self.quantified())
            self.skip()
        return sequence(items)

    def quantified(self) -> Node:
        """Read an atom and its quantifier."""
        if self.peek() in "*+?" or self.is_at_bound():
            self.fail("quantifier operand invalid")
        is_grouped = self.pattern.startswith("(?:", self.at)
        atom = self.atom()
        self.skip()
        bound = self.bound()
        if bound is None:
            return atom
        if isinstance(atom, Anchor | Look) and not is_grouped:
            self.fail("quantifier operand invalid")
        least, most, preference = bound
        return repeat(atom, least, most, preference)

    def is_at_bound(self) -> bool:
        """Whether a bound begins here."""
        return self.peek() == "{" and self.pattern[self.at + 1 : self.at + 2].isdigit()

    def bound(self) -> tuple[int, int, int] | None:
        """Read a quantifier: at least, at most, and what it prefers."""
        simple = {"*": (0, INFINITE), "+": (1, INFINITE), "?": (0, 1)}.get(self.peek())
        if simple is not None:
            self.at += 1
            least, most = simple
        elif self.is_at_bound():
            self.at += 1
            least, most = self.numbers()
        else:
            return None
        lazy = not self.extended and self.take("?")
        if simple is None and not self.has_two_numbers:
            return least, most, NONE
        return least, most, SHORT if lazy else LONG

    def numbers(self) -> tuple[int, int]:
        """Read the numbers of a bound and the brace that closes it."""
        least = most = self.number()
        self.has_two_numbers = self.take(",")
        if self.has_two_numbers:
            most = self.number() if self.peek().isdigit() else INFINITE
        if not self.take("}"):
            self.fail("invalid repetition count(s)" if self.peek() else "braces {} not balanced")
        if most != INFINITE and least > most:
            self.fail("invalid repetition count(s)")
        return least, most

    def number(self) -> int:
        """Read a number of a bound."""
        start = self.at
        while self.peek().isdigit():
            self.at += 1
        number = int(self.pattern[start : self.at])
        if number > BOUND_MAX:
            self.fail("invalid repetition count(s)")
        return number

    # Atoms.

    def atom(self) -> Node:
        """Read an atom or a constraint."""
        character = self.peek()
        self.at += 1
        read = {"(": self.group, "[": self.bracket, "\\": self.escape}.get(character)
        if read is not None:
            return read()
        if character == ".":
            return regex_sets.any_character(self.partial)
        if character == "^":
            return LINE_START if self.lines else TEXT_START
        if character == "$":
            return LINE_END if self.lines else TEXT_END
        return self.alphabet.single(character, self.any_case)

    def group(self) -> Node:
        """Read a group or a look around behind its parenthesis."""
        if not self.extended and self.take("?"):
            if self.take(":"):
                return self.closed(self.branches)
            for mark in ("<=", "<!", "=", "!"):
                if self.take(mark):
                    return self.look(mark)
            self.fail("quantifier operand invalid")
        if self.looking:
            return self.closed(self.branches)
        self.group_count += 1
        number = self.group_count
        item = self.closed(self.branches)
        node = Group(item.preference, True, item.referring, item, number)
        self.groups[number] = item
        return node

    def look(self, mark: str) -> Node:
        """Read what is looked for ahead or behind."""
        behind, negated = LOOKS[mark]
        self.looking += 1
        item = self.closed(self.branches)
        self.looking -= 1
        return Look(item=item, behind=behind, negated=negated)

    def closed(self, read: Callable[[], Node]) -> Node:
        """Read something and the parenthesis behind it."""
        found = read()
        if not self.take(self.closing):
            self.fail("parentheses () not balanced")
        return found

    # Escapes.

    def escape(self) -> Node:
        """Read what is behind a backslash."""
        letter = self.peek()
        if not letter:
            self.fail("invalid escape \\ sequence")
        if self.extended or not (letter.isascii() and letter.isalnum()):
            self.at += 1
            return self.alphabet.single(letter, self.any_case)
        if letter in CLASS_ESCAPES:
            self.at += 1
            negated, name = CLASS_ESCAPES[letter]
            return self.alphabet.class_set(name, negated)
        if letter in self.anchors:
            self.at += 1
            return self.anchors[letter]
        if "1" <= letter <= "9":
            reference = self.reference()
            if reference is not None:
                return reference
        return self.alphabet.single(self.escaped_character(), self.any_case)

    def reference(self) -> Node | None:
        """Read a reference; None if the digits are an octal code."""
        match = re.compile(r"[0-9]+").match(self.pattern, self.at)
        assert match is not None
        number = int(match[0])
        if len(match[0]) > 1 and number > self.group_count:
            return None
        self.at = match.end()
        if self.looking or number not in self.groups:
            self.fail("invalid backreference number")
        item = without_groups(self.groups[number])
        folded = self.alphabet.folded if self.any_case else None
        return Reference(item.preference, True, True, number, item, folded)

    def escaped_character(self) -> str:
        """Read the name or code of a character behind a backslash."""
        letter = self.peek()
        self.at += 1
        if letter in ESCAPES:
            return ESCAPES[letter]
        if letter == "c" and self.peek():
            self.at += 1
            return chr(ord(self.pattern[self.at - 1]) & 0x1F)
        if letter in "uUx":
            return self.hexadecimal({"u": 4, "U": 8, "x": 255}[letter], letter == "x")
        if letter not in "01234567":
            self.fail("invalid escape \\ sequence")
        end = self.at
        while end < self.at + 2 and self.pattern[end : end + 1] in tuple("01234567"):
            end += 1
        code = int(self.pattern[self.at - 1 : end], 8)
        self.at = end
        return chr(code)

    def hexadecimal(self, length: int, may_be_shorter: bool) -> str:
        """Read a code of so many digits."""
        match = _HEX.match(self.pattern, self.at, self.at + length)
        if match is None or (len(match[0]) < length and not may_be_shorter):
            self.fail("invalid escape \\ sequence")
        self.at = match.end()
        code = int(match[0], 16) & WORD  # of which PostgreSQL keeps a word
        if code > CODE_MAX:
            self.fail("invalid escape \\ sequence")
        return chr(min(code, 0x10FFFF))

    # Bracket expressions.

    def bracket(self) -> Node:
        """Read a bracket expression behind its bracket."""
        for mark, anchor in (("[:<:]]", self.anchors["m"]), ("[:>:]]", self.anchors["M"])):
            if self.take(mark):
                return anchor
        negated = self.take("^")
        members: list[regex_sets.Member] = []
        is_first = True
        while is_first or self.peek() != "]":
            if not self.peek():
                self.fail("brackets [] not balanced")
            members.append(self.member(is_first))
            is_first = False
        self.at += 1
        return self.alphabet.bracket_set(members, negated, self.any_case, self.partial)

    def member(self, is_first: bool) -> regex_sets.Member:
        """Read a class, a character or a range."""
        if self.take("[:"):
            return False, self.class_name()
        if (
            not self.extended
            and self.peek() == "\\"
            and self.pattern[self.at + 1 : self.at + 2] in (tuple(CLASS_ESCAPES))
        ):
            self.at += 2
            return CLASS_ESCAPES[self.pattern[self.at - 1]]
        if self.peek() == "-" and not is_first and self.pattern[self.at + 1 : self.at + 2] != "]":
            self.fail("invalid character range")
        low = self.element()
        if self.peek() != "-" or self.pattern[self.at + 1 : self.at + 2] in ("]", ""):
            return low
        self.at += 1
        if self.pattern.startswith("[:", self.at) or (
            not self.extended
            and self.peek() == "\\"
            and self.pattern[self.at + 1 : self.at + 2] in tuple(CLASS_ESCAPES)
        ):
            self.fail("invalid character range")
        high = self.element()
        if low > high:
            self.fail("invalid character range")
        return low, high

    def class_name(self) -> str:
        """Read the name of a class and what closes it."""
        end = self.pattern.find(":]", self.at)
        if end < 0:
            self.fail("brackets [] not balanced")
        name = self.pattern[self.at : end]
        if name not in regex_sets.CLASSES:
            self.fail("invalid character class")
        self.at = end + 2
        return name

    def element(self) -> str:
        """Read a character of a bracket expression, however it is written."""
        for opening, closing in (("[.", ".]"), ("[=", "=]")):
            if self.take(opening):
                end = self.pattern.find(closing, self.at)
                if end < 0:
                    self.fail("brackets [] not balanced")
                name = self.pattern[self.at : end]
                self.at = end + 2
                if len(name) != 1 and name not in NAMED:
                    self.fail("invalid collating element")
                return NAMED.get(name, name)
        character = self.peek()
        self.at += 1
        if character != "\\" or self.extended:
            return character
        if not self.peek():
            self.fail("invalid escape \\ sequence")
        letter = self.peek()
        if letter.isascii() and letter.isalnum():
            return self.escaped_character()
        self.at += 1
        return letter


class BasicReader(Reader):
    r"""A basic expression: groups are \( \), bounds \{ \}, and + ? | are plain."""

    def __init__(self, pattern: str, options: set[str], alphabet: regex_sets.Alphabet) -> None:
        super().__init__(pattern, options | {"e"}, alphabet)
        self.closing = "\\)"

    def branches(self) -> Node:
        """Read up to a closing parenthesis or the end."""
        items: list[Node] = []
        while self.peek() and not self.pattern.startswith("\\)", self.at):
            items.append(self.basic(not items))
        return sequence(items)

    def basic(self, is_first: bool) -> Node:
        """Read an atom and its quantifier; a star is plain where nothing is before it."""
        atom = self.basic_atom(is_first)
        while True:
            if self.peek() == "*" and not isinstance(atom, Anchor):
                self.at += 1
                atom = repeat(atom, 0, INFINITE, LONG)
            elif self.take("\\{"):
                least = most = self.number()
                if self.take(","):
                    most = self.number() if self.peek().isdigit() else INFINITE
                if not self.take("\\}"):
                    self.fail("braces {} not balanced")
                atom = repeat(atom, least, most, LONG if least != most else NONE)
            else:
                return atom

    def basic_atom(self, is_first: bool) -> Node:
        """Read an atom."""
        if self.take("\\("):
            return self.group()
        character = self.peek()
        self.at += 1
        anchor = self.basic_anchor(character, is_first)
        if anchor is not None:
            return anchor
        if character == "[":
            return self.bracket()
        if character == "\\":
            return self.basic_escape()
        if character == ".":
            return regex_sets.any_character(self.partial)
        return self.alphabet.single(character, self.any_case)

    def basic_anchor(self, character: str, is_first: bool) -> Node | None:
        """The anchor that a caret at the start or a dollar sign at the end is."""
        if character == "^" and is_first:
            return LINE_START if self.lines else TEXT_START
        is_last = not self.peek() or self.pattern.startswith("\\)", self.at)
        if character == "$" and is_last:
            return LINE_END if self.lines else TEXT_END
        return None

    def basic_escape(self) -> Node:
        """Read what is behind a backslash."""
        if "1" <= self.peek() <= "9":
            found = self.reference()
            assert found is not None
            return found
        letter = self.peek()
        if not letter:
            self.fail("invalid escape \\ sequence")
        self.at += 1
        return self.alphabet.single(letter, self.any_case)
