"""armor(), dearmor() and pgp_armor_headers() of pgcrypto: bytes as text between lines that say what they are."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from server.errors import (
    ArraySubscriptError,
    ExternalRoutineInvocation,
    InvalidParameterValue,
    NullValueNotAllowed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.types.array import Array

LINE_LENGTH: Final = 76
_HEAD, _FOOT = "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----"
_ARMORED: Final = re.compile(
    r"(?:^|\n)-----BEGIN [^\n]*-----\r?\n(.*?)\r?\n?-----END [^\n]*-----", re.DOTALL
)
_POLYNOMIAL: Final = 0x1864CFB


def _checksum(data: bytes) -> bytes:
    """The 24 bits of CRC that OpenPGP has."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= _POLYNOMIAL
    return crc.to_bytes(3, "big")


def armor(data: bytes, keys: Array | None = None, values: Array | None = None) -> str:
    """Bytes as lines of text, with headers."""
    headers = [] if keys is None or values is None else list(_headers(keys, values))
    text = base64.b64encode(data).decode()
    lines = [text[at : at + LINE_LENGTH] for at in range(0, len(text), LINE_LENGTH)]
    check = "=" + base64.b64encode(_checksum(data)).decode()
    return "\n".join((_HEAD, *headers, "", *lines, check, _FOOT, ""))


def _headers(keys: Array, values: Array) -> Iterator[str]:
    if len(keys.dimensions) > 1 or len(values.dimensions) > 1:
        raise ArraySubscriptError("wrong number of array subscripts")
    if len(keys.items) != len(values.items):
        raise ArraySubscriptError("mismatched array dimensions")
    for key, value in zip(keys.items, values.items, strict=True):
        _check("key", key)
        if ": " in key:
            raise InvalidParameterValue('header key must not contain ": "')
        _check("value", value)
        yield f"{key}: {value}"


def _check(name: str, text: str | None) -> None:
    if text is None:
        raise NullValueNotAllowed(f"null value not allowed for header {name}")
    if not text.isascii():
        raise InvalidParameterValue(f"header {name} must not contain non-ASCII characters")
    if "\n" in text:
        raise InvalidParameterValue(f"header {name} must not contain newlines")


def _corrupt() -> ExternalRoutineInvocation:
    return ExternalRoutineInvocation("Corrupt ascii-armor")


def _parts(text: str) -> tuple[list[str], list[str]]:
    """The lines of headers, and those behind the empty line."""
    found = _ARMORED.search(text)
    if found is None:
        raise _corrupt()
    lines = found[1].replace("\r\n", "\n").split("\n")
    if "" not in lines:
        raise _corrupt()
    end = lines.index("")
    return lines[:end], lines[end + 1 :]


def dearmor(text: str) -> bytes:
    """The bytes of armored text."""
    _, lines = _parts(text)
    lines = [line for line in lines if line]
    if not lines or not lines[-1].startswith("="):
        raise _corrupt()
    try:
        data = base64.b64decode("".join(lines[:-1]), validate=True)
        check = base64.b64decode(lines[-1][1:], validate=True)
    except binascii.Error:
        raise _corrupt() from None
    if check != _checksum(data):
        raise _corrupt()
    return data


def armor_headers(text: str) -> Iterator[tuple[str, str]]:
    """The headers of armored text."""
    headers, _ = _parts(text)
    pairs = [line.split(": ", 1) for line in headers]
    if any(len(pair) != 2 for pair in pairs):
        raise _corrupt()
    return ((key, value) for key, value in pairs)
