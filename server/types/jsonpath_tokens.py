r"""The tokens of jsonpath, as PostgreSQL's scanner finds them.

Rule 1: a name may be quoted or bare; in both, backslashes escape as in JSON, and as \xHH and \u{H...}.
Rule 2: key words are bare names in any case, but null, true and false are so in lower case only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.errors import InvalidTextRepresentation, SqlSyntaxError, UntranslatableCharacter

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYWORDS: Final = frozenset(("is", "to", "abs", "lax", "flag", "last", "size", "type", "with")) | {
    "floor", "double", "exists", "starts", "strict", "ceiling", "unknown", "datetime", "keyvalue",
    "like_regex",
}  # fmt: skip
LOWER_KEYWORDS: Final = frozenset(("null", "true", "false"))
ENDING_BLANKS: Final = re.compile(r"[ \t\n\r\f]*")
BLANKS: Final = re.compile(r"(?:[ \t\n\r\f]|/\*.*?\*/)*", re.DOTALL)
NUMBER: Final = re.compile(r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NAME_CHARACTERS: Final = r'[^?%$.\[\]{}()|&!=<>@#,*:\-+/\\" \t\n\r\f]'
NAME: Final = re.compile(rf"(?:{NAME_CHARACTERS}|\\u\{{[0-9a-fA-F]+\}}|\\.)+", re.DOTALL)
PLAIN_NAME: Final = re.compile(rf"{NAME_CHARACTERS}+")
MARK: Final = re.compile(r"&&|\|\||\*\*|<=|>=|==|<>|!=|[?%$.\[\]{}()|&!=<>@#,*:\-+/]")
QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPE: Final = re.compile(
    r"\\(?:u\{(?P<braces>[0-9a-fA-F]{1,6})\}|u(?P<four>[0-9a-fA-F]{4})|x(?P<two>[0-9a-fA-F]{2})|"
    r"(?P<wrong>[ux])|(?P<other>.))",
    re.DOTALL,
)
ESCAPE_OF_CODE: Final = r"\\u(?:[0-9a-fA-F]{4}|\{[0-9a-fA-F]{1,6}\})"
CODES_BEFORE: Final = re.compile(rf"(?:{ESCAPE_OF_CODE})*\Z")
BROKEN: Final = re.compile(r"\\(?:u(?:\{[0-9a-fA-F]{0,6}|[0-9a-fA-F]{0,3})|x[0-9a-fA-F]?)")
CONTROLS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
HIGH_SURROGATES: Final = frozenset(map(chr, range(0xD800, 0xDC00)))
LOW_FIRST: Final = chr(0xDC00)
HALF: Final = re.compile("[\ud800-\udfff]")
PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
CODE_MAX: Final = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Token:
    """One token: mark (its own kind), key word, name, string, variable, integer, number or end."""

    kind: str
    text: str
    source: str = ""

    @property
    def is_word(self) -> bool:
        """Whether it may be the name of a member."""
        return self.kind in ("keyword", "name", "string")


def syntax_error(source: str) -> SqlSyntaxError:
    """The error for a token that may not stand where it does."""
    if not source:
        return SqlSyntaxError("syntax error at end of jsonpath input")
    return SqlSyntaxError(f'syntax error at or near "{source}" of jsonpath input')


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a path; the last one is the end."""
    at = 0
    while True:
        blank = BLANKS.match(text, at)
        assert blank is not None
        at = blank.end()
        if at >= len(text):
            yield Token("end", "")
            return
        if text.startswith("/*", at):
            raise SqlSyntaxError("unexpected end of comment at end of jsonpath input")
        token, at = _token(text, at)
        yield token


def _token(text: str, at: int) -> tuple[Token, int]:
    """The token that starts there, and where it stops."""
    match = NUMBER.match(text, at)
    if match is not None and not _is_longer_name(text, match):
        return _number(text, match), match.end()
    character = text[at]
    if character == '"':
        return _quoted(text, at, "string")
    if character == "$":
        if text[at + 1 : at + 2] == '"':
            return _quoted(text, at + 1, "variable")
        name = NAME.match(text, at + 1)
        if name is not None:
            return Token("variable", unescaped(name[0]), "$" + name[0]), name.end()
    mark = MARK.match(text, at)
    if mark is not None:
        return Token(mark[0], mark[0], mark[0]), mark.end()
    name = NAME.match(text, at)
    if name is None:
        raise _ends_in_backslash(text[at:])
    blanks = ENDING_BLANKS.match(text, name.end())
    assert blanks is not None
    return _word(name[0], blanks[0]), name.end()


def _ends_in_backslash(source: str) -> SqlSyntaxError:
    return SqlSyntaxError(f'unexpected end after backslash at or near "{source}" of jsonpath input')


def _is_longer_name(text: str, number: re.Match[str]) -> bool:
    """Whether a name that starts where a number does is more than that and one character, which would be junk."""
    name = PLAIN_NAME.match(text, number.start())
    return name is not None and name.end() > number.end() + 1


def _number(text: str, match: re.Match[str]) -> Token:
    written = match[0]
    following = text[match.end() : match.end() + 1]
    if following and re.match(NAME_CHARACTERS, following):
        raise SqlSyntaxError(
            "trailing junk after numeric literal at or near "
            f'"{written}{following}" of jsonpath input'
        )
    kind = "integer" if written.isdigit() else "number"
    return Token(kind, written, written)


def _quoted(text: str, at: int, kind: str) -> tuple[Token, int]:
    match = QUOTED.match(text, at)
    if match is None:
        begun = text[at + 1 :]
        unescaped(begun)  # what is wrong before the end comes first
        if (len(begun) - len(begun.rstrip("\\"))) % 2:
            raise _ends_in_backslash("\\")
        raise SqlSyntaxError("unexpected end of quoted string at end of jsonpath input")
    return Token(kind, unescaped(match[1]), '"'), match.end()  # errors show what has ended it


def _word(written: str, source: str) -> Token:
    """A word; what errors show of it is the blank that has ended it."""
    if written.lower() in KEYWORDS:
        return Token("keyword", written.lower(), source)
    if written in LOWER_KEYWORDS:
        return Token("keyword", written, source)
    return Token("name", unescaped(written), source)


def unescaped(written: str) -> str:
    """The text that escapes stand for."""
    if "\\" not in written:
        return written
    text = ESCAPE.sub(_character, written)
    if HALF.search(text) is None:
        return text
    joined = PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    half = HALF.search(joined)
    if half is None:
        return joined
    if half[0] < LOW_FIRST and joined[half.end() : half.end() + 1] in HIGH_SURROGATES:
        raise _half("Unicode high surrogate must not follow a high surrogate.")
    raise _half("Unicode low surrogate must follow a high surrogate.")


def _half(detail: str) -> InvalidTextRepresentation:
    return InvalidTextRepresentation("invalid input syntax for type jsonpath", detail=detail)


def _broken(text: str, at: int) -> SqlSyntaxError:
    """The error for an escape that is none; its scanner takes codes right before it along."""
    found, before = BROKEN.match(text, at), CODES_BEFORE.search(text[:at])
    assert found is not None
    assert before is not None
    what = "hex character" if text[at + 1] == "x" else "unicode"
    near = found[0] if what == "hex character" else before[0] + found[0]
    return SqlSyntaxError(f'invalid {what} sequence at or near "{near}" of jsonpath input')


def _character(match: re.Match[str]) -> str:
    """The character that an escape stands for."""
    if match["wrong"]:
        raise _broken(match.string, match.start())
    if match["other"]:
        return CONTROLS.get(match["other"], match["other"])
    code = int(match["braces"] or match["four"] or match["two"], 16)
    if code == 0:
        raise UntranslatableCharacter(
            "unsupported Unicode escape sequence", detail="\\u0000 cannot be converted to text."
        )
    if code > CODE_MAX:
        raise SqlSyntaxError("invalid Unicode code point")
    return chr(code)
