"""Reads JSON text, and says what is wrong with it in PostgreSQL's words.

The standard library reads it; only when that refuses is the text read again, token by token, to
find out why.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    InvalidTextRepresentation,
    SqlError,
    StatementTooComplex,
    UntranslatableCharacter,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT_BYTES_MAX: Final = 49  # of the line that a message shows
ADVICE: Final = (
    'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring '
    "the platform's stack depth limit is adequate."
)


NO_ZERO: Final = "\\u0000 cannot be converted to text."
NO_HALF: Final = "Unicode low surrogate must follow a high surrogate."
HIGH_SURROGATES: Final = range(0xD800, 0xDC00)
LOW_SURROGATES: Final = range(0xDC00, 0xE000)


class _Refused(ValueError):
    """NaN and the infinities are no JSON."""


def _refuse(_constant: str) -> Any:
    raise _Refused


def reader(**hooks: Callable[..., Any]) -> Callable[[str], Any]:
    """Make a function that reads JSON text with these hooks, see json.JSONDecoder."""
    decoder = json.JSONDecoder(parse_constant=_refuse, **hooks)  # type: ignore[arg-type]

    def read(text: str) -> Any:
        try:
            return decoder.decode(text)
        except RecursionError:
            raise StatementTooComplex("stack depth limit exceeded", hint=ADVICE) from None
        except SqlError:
            raise
        except ValueError:
            raise diagnose(text) from None

    return read


TOKEN: Final = re.compile(
    r'(?P<mark>[{}\[\],:])|(?P<string>")|(?P<number>[-0-9])'
    r"|(?P<word>[a-zA-Z0-9_$\x80-\U0010ffff]+)"
)
NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
WORD_CHARACTERS: Final = re.compile(r"[a-zA-Z0-9_$\x80-\U0010ffff]*")
NUMBER_CHARACTERS: Final = re.compile(r"[-+.a-zA-Z0-9_$\x80-\U0010ffff]*")
SPACES: Final = re.compile(r"[ \t\n\r]*")
STRING_PART: Final = re.compile(r'[^"\\\x00-\x1f]*')
WORDS: Final = frozenset({"true", "false", "null"})


class _Wrong(Exception):
    """What is wrong, and where the token that is wrong ends."""

    def __init__(self, detail: str, end: int, is_at_end: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.end = end
        self.is_at_end = is_at_end


def diagnose(text: str) -> SqlError:
    """Make the error for text that is not JSON."""
    error = _find_error(text, is_text=False)
    return error or InvalidTextRepresentation("invalid input syntax for type json")


def check_escapes(text: str) -> None:
    """Refuse JSON whose strings hold what no text can: zero, or one half of a surrogate pair."""
    error = _find_error(text, is_text=True)
    if error is not None:
        raise error


def _find_error(text: str, is_text: bool) -> SqlError | None:
    try:
        _Checker(text, is_text).check()
    except _Wrong as wrong:
        context = _context(text, wrong)
        if wrong.detail == NO_ZERO:
            return UntranslatableCharacter(
                "unsupported Unicode escape sequence", detail=NO_ZERO, context=context
            )
        return InvalidTextRepresentation(
            "invalid input syntax for type json", detail=wrong.detail, context=context
        )
    return None


def _context(text: str, wrong: _Wrong) -> str:
    """Show the line up to the token, and that there is more before or behind."""
    line_start = max(text.rfind("\n", 0, wrong.end), text.rfind("\r", 0, wrong.end)) + 1
    line_no = text.count("\n", 0, wrong.end) + 1
    start = line_start
    while len(text[start : wrong.end].encode(errors="replace")) > CONTEXT_BYTES_MAX:
        start += 1
    if start - line_start <= len("..."):
        start = line_start
    before = "..." if start > line_start else ""
    has_more = not wrong.is_at_end and text[wrong.end : wrong.end + 1] not in {"", "\n", "\r"}
    return (
        f"JSON data, line {line_no}: {before}{text[start : wrong.end]}{'...' if has_more else ''}"
    )


class _Checker:
    """Reads JSON text until the first token that may not stand where it does."""

    def __init__(self, text: str, is_text: bool) -> None:
        self.text = text
        self.is_text = is_text  # strings must be text, free of zeros and lone surrogates
        self.is_half = False  # of a surrogate pair has been read
        self.at = 0  # behind the token
        # The token by one character: a mark, " a string, 0 a number, a a word, nothing the end.
        self.lexeme = ""
        self.start = 0
        self.advance()

    def advance(self) -> None:
        """Read the next token."""
        space = SPACES.match(self.text, self.at)
        assert space is not None
        self.start = self.at = space.end()
        if self.start == len(self.text):
            self.lexeme = ""
            return
        match = TOKEN.match(self.text, self.start)
        if match is None:
            self.at = self.start + 1
            raise self.invalid_token()
        READ_TOKEN[match.lastgroup or ""](self)

    def read_mark(self) -> None:
        """Read a brace, bracket, comma or colon."""
        self.lexeme = self.text[self.start]
        self.at = self.start + 1

    def read_number(self) -> None:
        """Read a number, with all that is stuck to it."""
        match = NUMBER.match(self.text, self.start)
        rest = NUMBER_CHARACTERS.match(self.text, self.start)
        assert rest is not None
        self.at = rest.end()
        self.lexeme = "0"
        if match is None or match.end() != self.at:
            raise self.invalid_token()

    def read_word(self) -> None:
        """Read true, false or null."""
        match = WORD_CHARACTERS.match(self.text, self.start)
        assert match is not None
        self.at = match.end()
        self.lexeme = "a"
        if match[0] not in WORDS:
            raise self.invalid_token()

    def read_string(self) -> None:
        """Read a string with its escapes."""
        self.lexeme = '"'
        at = self.start + 1
        while True:
            part = STRING_PART.match(self.text, at)
            assert part is not None
            if part[0]:
                self.refuse_half(at + 1)
            at = part.end()
            character = self.text[at : at + 1]
            if not character:
                self.at = at
                raise self.invalid_token()
            if character == '"':
                self.refuse_half(at + 1)
                self.at = at + 1
                return
            if character != "\\":
                raise _Wrong(f"Character with value 0x{ord(character):02x} must be escaped.", at)
            at = self.read_escape(at)

    def read_escape(self, at: int) -> int:
        """Read an escape and give where it ends."""
        character = self.text[at + 1 : at + 2]
        if not character:
            self.at = at + 1
            raise self.invalid_token()
        if character == "u":
            for place in range(at + 2, at + 6):
                digit = self.text[place : place + 1]
                if not digit or digit not in "0123456789abcdefABCDEF":
                    raise _Wrong(
                        '"\\u" must be followed by four hexadecimal digits.',
                        place + len(digit),
                    )
            self.check_code(int(self.text[at + 2 : at + 6], 16), at + 6)
            return at + 6
        if character not in '"\\/bfnrt':
            raise _Wrong(f'Escape sequence "\\{character}" is invalid.', at + 2)
        self.refuse_half(at + 2)
        return at + 2

    def check_code(self, code: int, end: int) -> None:
        """Pair surrogates, and refuse zero."""
        if not self.is_text:
            return
        if code in HIGH_SURROGATES:
            if self.is_half:
                raise _Wrong("Unicode high surrogate must not follow a high surrogate.", end)
            self.is_half = True
        elif code in LOW_SURROGATES:
            if not self.is_half:
                raise _Wrong(NO_HALF, end)
            self.is_half = False
        else:
            self.refuse_half(end)
            if code == 0:
                raise _Wrong(NO_ZERO, end)

    def refuse_half(self, end: int) -> None:
        """Refuse what stands behind a high surrogate and is not its other half."""
        if self.is_half:
            raise _Wrong(NO_HALF, end)

    def invalid_token(self) -> _Wrong:
        """Say that the token is none."""
        return _Wrong(f'Token "{self.text[self.start : self.at]}" is invalid.', self.at)

    def expected(self, what: str) -> _Wrong:
        """Say what should stand in the place of the token."""
        if not self.lexeme:
            return _Wrong("The input string ended unexpectedly.", self.at, is_at_end=True)
        return _Wrong(f'Expected {what}, but found "{self.text[self.start : self.at]}".', self.at)

    def check(self) -> None:
        """Read one value and nothing more."""
        self.value()
        if self.lexeme:
            raise self.expected("end of input")

    def value(self) -> None:
        """Read one value."""
        if self.lexeme == "{":
            self.container("}", 'string or "}"', self.pair)
        elif self.lexeme == "[":
            self.container("]", 'array element or "]"', self.element)
        elif self.lexeme and self.lexeme in '"0a':
            self.advance()
        else:
            raise self.expected("JSON value")

    def container(self, end: str, what: str, item: Callable[[str], None]) -> None:
        """Read items with commas between them up to the end."""
        self.advance()
        if self.lexeme != end:
            item(what)
            while self.lexeme == ",":
                self.advance()
                item("string")
            if self.lexeme != end:
                raise self.expected(f'"," or "{end}"')
        self.advance()

    def element(self, _what: str) -> None:
        """Read an item of an array."""
        self.value()

    def pair(self, what: str) -> None:
        """Read a key and its value."""
        if self.lexeme != '"':
            raise self.expected(what)
        self.advance()
        if self.lexeme != ":":
            raise self.expected('":"')
        self.advance()
        self.value()


READ_TOKEN: Final[dict[str, Callable[[_Checker], None]]] = {
    "mark": _Checker.read_mark,
    "string": _Checker.read_string,
    "number": _Checker.read_number,
    "word": _Checker.read_word,
}
