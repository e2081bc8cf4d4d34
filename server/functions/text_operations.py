"""Operations on one text: cut, join, pad, replace; nothing larger than a value may be is built."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from server.errors import (
    InvalidParameterValue,
    NumericValueOutOfRange,
    ProgramLimitExceeded,
    SqlSyntaxError,
    SubstringError,
)
from server.types.text import parse_char
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Callable


BYTES_MAX: Final = 0x3FFFFFFF


def check_size(characters: int) -> None:
    """Refuse a text that would be too large."""
    if characters > BYTES_MAX:
        raise ProgramLimitExceeded("requested length too large")


def substring(text: str, start: int, length: int | None = None) -> str:
    """The part from a position, for a length; positions before the first hold nothing."""
    if length is None:
        return text[max(start - 1, 0) :]
    if length < 0:
        raise SubstringError("negative substring length not allowed")
    return text[max(start - 1, 0) : max(start - 1 + length, 0)]


def _left(text: str, count: int) -> str:
    return text[:count]


def _right(text: str, count: int) -> str:
    if count >= 0:
        return text[-count:] if count else ""
    return text[-count:] if count > -(1 << 31) else text  # which has no positive counterpart


def _pad(text: str, length: int, fill: str, left: bool) -> str:
    length = max(length, 0)
    check_size(length)
    missing = length - len(text)
    if missing <= 0 or not fill:
        return text[:length]
    padding = (fill * (missing // len(fill) + 1))[:missing]
    return padding + text if left else text + padding


def _lpad(text: str, length: int, fill: str = " ") -> str:
    return _pad(text, length, fill, left=True)


def _rpad(text: str, length: int, fill: str = " ") -> str:
    return _pad(text, length, fill, left=False)


def _repeat(text: str, count: int) -> str:
    check_size(len(text) * max(count, 0))
    return text * count


def replace(text: str, old: str, new: str) -> str:
    """Every occurrence replaced."""
    if not old:
        return text
    if len(new) > len(old):
        check_size(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


@lru_cache(maxsize=256)
def _translation(old: str, new: str) -> dict[int, int | None]:
    table: dict[int, int | None] = {}
    for index, character in enumerate(old):
        target = ord(new[index]) if index < len(new) else None
        table.setdefault(ord(character), target)
    return table


def _translate(text: str, old: str, new: str) -> str:
    return text.translate(_translation(old, new))


def _position(text: str, part: str) -> int:
    return text.find(part) + 1


def _overlay(text: str, new: str, start: int, length: int | None = None) -> str:
    if start <= 0:
        raise SubstringError("negative substring length not allowed")
    count = len(new) if length is None else length
    if start + count >= 1 << 31:
        raise NumericValueOutOfRange("integer out of range")
    return text[: start - 1] + new + text[max(start - 1 + count, 0) :]


def _split_part(text: str, separator: str, number: int) -> str:
    if number == 0:
        raise InvalidParameterValue("field position must not be zero")
    parts = text.split(separator) if separator and text else [text]
    index = number - 1 if number > 0 else len(parts) + number
    return parts[index] if 0 <= index < len(parts) else ""


def _trim(side: str) -> Callable[..., str]:
    strip = {"both": str.strip, "left": str.lstrip, "right": str.rstrip}[side]
    return lambda text, characters=" ": strip(text, characters) if characters else text


def _ascii(text: str) -> int:
    return ord(text[0]) if text else 0


def _chr(code: int) -> str:
    if code < 0:
        raise InvalidParameterValue("character number must be positive")
    if code == 0:
        raise ProgramLimitExceeded("null character not permitted")
    if code > 0x10FFFF:
        raise ProgramLimitExceeded(f"requested character too large for encoding: {code}")
    if 0xD800 <= code <= 0xDFFF:
        raise ProgramLimitExceeded(f"requested character not valid for encoding: {code}")
    return chr(code)


def _octets(text: str) -> int:
    return len(text.encode())


def _bits(text: str) -> int:
    return 8 * len(text.encode())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _stripped_length(text: str) -> int:
    return len(text.rstrip(" "))


def _starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


def _normalize(text: str, form: str = "NFC") -> str:
    import unicodedata

    given, form = form, form.upper()
    if form not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise InvalidParameterValue(f"invalid normalization form: {given}")
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


def _is_normalized(text: str, form: str = "NFC") -> bool:
    return _normalize(text, form) == text


def _unistr(text: str) -> str:
    def decode(match: re.Match[str]) -> str:
        if match[0] == "\\\\":
            return "\\"
        digits = match[1] or match[2] or match[3] or match[4]
        if not digits:
            raise SqlSyntaxError(
                "invalid Unicode escape",
                hint=r"Unicode escapes must be \XXXX, \+XXXXXX, \uXXXX, or \UXXXXXXXX.",
            )
        if not 0 < int(digits, 16) < 0x110000:
            raise InvalidParameterValue(f"invalid Unicode code point: {int(digits, 16):04X}")
        return chr(int(digits, 16))

    # Escapes may be the halves of a surrogate pair, each on its own.
    def decoded(match: re.Match[str]) -> str:
        try:
            return (
                re.sub(pattern, decode, match[0]).encode("utf-16", "surrogatepass").decode("utf-16")
            )
        except UnicodeDecodeError:
            raise SqlSyntaxError("invalid Unicode surrogate pair") from None

    pattern = r"\\\\|\\(?:\+([0-9a-fA-F]{6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-9a-fA-F]{4})|)"
    return re.sub(
        r"(?:\\\\|\\(?:\+[0-9a-fA-F]{6}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-9a-fA-F]{4}|))+",
        decoded,
        text,
    )


def _same(text: str) -> str:
    return text


def _first_character(text: str) -> str:
    return parse_char(text, -1, PLAIN_STYLE)


def _to_char_type(code: int) -> str:
    if not -128 <= code <= 127:
        raise NumericValueOutOfRange('"char" out of range')
    return chr(code & 0xFF) if code else ""


def quoted_literal(text: str) -> str:
    """As an SQL string."""
    quoted = "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"
    return "E" + quoted if "\\" in text else quoted
