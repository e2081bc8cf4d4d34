r"""bytea: byte strings, written in hex (\x0a) or with escapes (\012)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue, InvalidTextRepresentation
from server.types.facts import define
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from server.types.type import TextStyle

ESCAPED: Final = re.compile(rb"\\(?:\\|[0-3][0-7]{2})|\\")
UNPRINTABLE: Final = re.compile(rb"[\x00-\x1f\x7f-\xff\\]")
SPACES: Final = " \t\n\r"
HEXADECIMAL: Final = "0123456789abcdefABCDEF"
PAIRS: Final = re.compile(rf"(?:[{SPACES}]*[{HEXADECIMAL}]{{2}})*")


def parse_bytea(text: str, _modifier: int, _style: TextStyle) -> bytes:
    """Read either form."""
    if text.startswith("\\x"):
        return _parse_hex(text[2:])
    return ESCAPED.sub(_unescape, text.encode())


def _parse_hex(digits: str) -> bytes:
    match = PAIRS.match(digits)
    assert match is not None, "it matches the empty string"
    rest = digits[match.end() :].lstrip(SPACES)
    if rest:
        if len(rest) == 1 and rest in HEXADECIMAL:
            raise InvalidParameterValue("invalid hexadecimal data: odd number of digits")
        bad = rest[1] if rest[0] in HEXADECIMAL else rest[0]
        raise InvalidParameterValue(f'invalid hexadecimal digit: "{bad}"')
    return bytes.fromhex(digits)


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[0][1:]
    if not code:
        raise InvalidTextRepresentation("invalid input syntax for type bytea")
    return code if code == b"\\" else bytes([int(code, 8)])


def format_bytea(value: bytes, style: TextStyle) -> str:
    """Write the form that bytea_output names."""
    if style.bytea_output == "hex":
        return "\\x" + value.hex()
    return UNPRINTABLE.sub(_escape, value).decode()


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\\\" if match[0] == b"\\" else b"\\%03o" % match[0][0]


BYTEA_TYPES: Final = (
    define(
        "bytea",
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse_bytea,
        format=format_bytea,
        receive=lambda data, _modifier: data,
        send=bytes,
    ),
)
