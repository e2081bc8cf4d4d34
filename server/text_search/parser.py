"""The default parser: cuts a document into tokens - words, numbers, hosts, paths, tags, blanks.

It is a machine of states that may try one reading, come back and try the next; `parser_states` is
its table. Every character of the document is in some token; a hyphenated word comes once as a whole
and once more in parts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.text_search.parser_states import STATES, TOKENS, Step
from server.types.letters import is_letter
from server.types.lexeme_reader import is_blank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN_NUMBERS: Final = {name: number for number, name in enumerate(TOKENS, 1)}
ASCII_WORD, BLANK = TOKEN_NUMBERS["asciiword"], TOKEN_NUMBERS["blank"]
HOST, URL_PATH = TOKEN_NUMBERS["host"], TOKEN_NUMBERS["url_path"]
NOT_IN_URLS: Final = frozenset('"<>\\^`{|}')
SPACING_MARKS: Final = frozenset("\u0f3e\u0f3f\u1b44\u1baa\ua953")
"""Those that take up room, are no letters, and belong to a word nevertheless."""
# What most of a text is made of; everything else goes through the states.
SIGNED_VERSION: Final = re.compile(r"[-+][0-9]+\.[0-9]+\.[0-9]")
PLAIN_WORD: Final = re.compile(r"[A-Za-z]+(?=[ \t\n\r,;!?()\"']|$)")
PLAIN_BLANK: Final = re.compile(r"[ \t\n\r,;!?()\"']+(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the document with the number of its kind."""

    kind: int
    text: str


@dataclass(slots=True)
class _Place:
    """Where a reading is, in which state, and which line of it comes next."""

    position: int
    length: int  # of the token so far
    state: str
    next_line: int = 0
    outer: _Place | None = None


def is_mark(character: str) -> bool:
    """Whether a character belongs to the one before."""
    if character.isascii():
        return False
    return unicodedata.category(character) in ("Mn", "Me") or character in SPACING_MARKS


def _is_digit(character: str) -> bool:
    return "0" <= character <= "9"


def _is_alnum(character: str) -> bool:
    return is_letter(character) or _is_digit(character)


def _may_be_in_url(character: str) -> bool:
    return "!" <= character <= "~" and character not in NOT_IN_URLS


TESTS: Final[dict[str, Callable[[str], bool]]] = {
    "letter": lambda character: character.isascii() and character.isalpha(),
    "alpha": is_letter,
    "digit": _is_digit,
    "alnum": _is_alnum,
    "other": lambda character: not _is_alnum(character),
    "mark": is_mark,
    "blank": is_blank,
    "url": _may_be_in_url,
    "hex": lambda character: character in "0123456789abcdefABCDEF",
}
TAGS_THAT_HIDE: Final = {
    "</script": False,
    "</style": False,
    "<script": True,
    "<style": True,
}


class Parser:
    """A walk over a text, token by token."""

    def __init__(self, text: str, position: int = 0, state: str = "Base") -> None:
        self.text = text
        self.place = _Place(position, 0, state)
        self.start = position
        self.is_skipping = False  # inside of a script or style
        self.wants_host = False

    def next(self) -> Token | None:
        """The next token; None at the end."""
        place = self.place
        if place.position >= len(self.text):
            return None
        if place.state == "Base" and not self.is_skipping:
            plain = self._plain(place)
            if plain is not None:
                return plain
        self.start = place.position
        place.next_line = 0
        while True:
            step = self._step()
            length = self.place.length
            if self._apply(step):
                return Token(step.token, self.text[self.start : self.start + length])
            if self.place.position > len(self.text):
                return None

    def _plain(self, place: _Place) -> Token | None:
        """A plain word or what stands between plain words, without the states."""
        found = PLAIN_WORD.match(self.text, place.position)
        kind = ASCII_WORD
        if found is None:
            found = PLAIN_BLANK.match(self.text, place.position)
            kind = BLANK
        if found is None:
            return None
        self.start = place.position
        place.position = found.end()
        return Token(kind, found.group())

    def _step(self) -> Step:
        """The next line of the state whose test holds here."""
        place = self.place
        steps = STATES[place.state]
        line = place.next_line
        while not self._holds(steps[line].test):
            line += 1
        place.next_line = line + 1
        return steps[line]

    def _holds(self, test: str) -> bool:
        if test == "else":
            return True
        position = self.place.position
        if test in _LOOKS:
            return _LOOKS[test](self)
        if position >= len(self.text):
            return test == "end"
        character = self.text[position]
        check = TESTS.get(test)
        return character == test if check is None else check(character)

    def _apply(self, step: Step) -> bool:
        """Do what a line says; whether a token is found."""
        if step.special:
            _SPECIALS[step.special](self)
        if step.token:
            self.place.length = 0
        is_at_end = self.place.position >= len(self.text)
        _MOVES[step.move](self)
        place = self.place
        if step.target:
            place.state = step.target
        if step.move not in ("pop", "merge"):
            place.next_line = 0
        if step.token:
            return True
        if step.move not in ("pop", "rerun"):
            place.length += not is_at_end
            place.position += 1
        return False

    # Moves.

    def _push(self) -> None:
        outer = self.place
        self.place = _Place(outer.position, outer.length, outer.state, 0, outer)

    def _pop(self) -> None:
        assert self.place.outer is not None
        self.place = self.place.outer

    def _clear(self) -> None:
        assert self.place.outer is not None
        self.place.outer = self.place.outer.outer

    def _clear_all(self) -> None:
        self.place.outer = None

    def _merge(self) -> None:
        inner = self.place
        self._pop()
        self.place.position, self.place.length = inner.position, inner.length

    def _stay(self) -> None:
        """Nothing is remembered or forgotten."""

    # What is done besides.

    def _rewind(self) -> None:
        self.place.position -= self.place.length

    def _want_host(self) -> None:
        self.wants_host = True
        self._rewind()

    def _look_at_tag(self) -> None:
        word = self.text[self.start : self.start + self.place.length].lower()
        self.is_skipping = TAGS_THAT_HIDE.get(word, self.is_skipping)

    # Tests that look further than at one character.

    def _is_host_wanted(self) -> bool:
        wanted, self.wants_host = self.wants_host, False
        return wanted

    def _is_host(self) -> bool:
        inner = Parser(self.text, self.place.position)
        inner.wants_host = True
        return self._skip(inner.next(), HOST)

    def _is_path(self) -> bool:
        inner = Parser(self.text, self.place.position, "UrlPathFirst")
        inner.place.outer = _Place(self.place.position, 0, "Base")
        return self._skip(inner.next(), URL_PATH)

    def _is_signed_version(self) -> bool:
        return SIGNED_VERSION.match(self.text, self.place.position) is not None

    def _skip(self, token: Token | None, kind: int) -> bool:
        """Go behind a token of the kind, if it is one."""
        if token is None or token.kind != kind:
            return False
        self.place.position += len(token.text)
        self.place.length += len(token.text)
        return True


_LOOKS: Final[dict[str, Callable[[Parser], bool]]] = {
    "skipping": lambda parser: parser.is_skipping,
    "wanted": Parser._is_host_wanted,
    "host": Parser._is_host,
    "path": Parser._is_path,
    "signed-version": Parser._is_signed_version,
}
_SPECIALS: Final[dict[str, Callable[[Parser], None]]] = {
    "rewind": Parser._rewind,
    "host": Parser._want_host,
    "tag": Parser._look_at_tag,
}
_MOVES: Final[dict[str, Callable[[Parser], None]]] = {
    "next": Parser._stay,
    "rerun": Parser._stay,
    "push": Parser._push,
    "pop": Parser._pop,
    "clear": Parser._clear,
    "clear-all": Parser._clear_all,
    "merge": Parser._merge,
}


def parse(text: str) -> Iterator[Token]:
    """The tokens of a text."""
    parser = Parser(text)
    while (token := parser.next()) is not None:
        yield token
