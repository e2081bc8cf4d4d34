"""pgp_sym_encrypt() and pgp_sym_decrypt() of pgcrypto: options as text, and what they ask of OpenPGP messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from server.errors import ExternalRoutineInvocation
from server.extensions import openpgp
from server.extensions.openpgp import Choices
from server.types.errors import decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OPTION: Final = re.compile(r"\s*([^\s=,]+)\s*=\s*([^\s,]+)\s*(?:,|\s|$)")


def _illegal() -> ExternalRoutineInvocation:
    return ExternalRoutineInvocation("Illegal argument to function")


def _number(low: int, high: int, *others: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            raise _illegal() from None
        if not low <= found <= high and found not in others:
            raise _illegal()
        return found

    return read


def _named(names: Mapping[str, int], what: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.lower() not in names:
            raise ExternalRoutineInvocation(f"Unsupported {what} algorithm")
        return names[text.lower()]

    return read


def _compression(text: str) -> int:
    found = _number(0, 3)(text)
    if found == 3:
        raise ExternalRoutineInvocation("Unsupported compression algorithm")
    return found


def _mode(text: str) -> int:
    found = _number(openpgp.SIMPLE, openpgp.ITERATED)(text)
    if found == 2:
        raise _illegal()
    return found


# Options of encryption by name: the field of Choices, how its text is read, whether its value means the contrary.
_CHOICES: Final[Mapping[str, tuple[str, Callable[[str], int], bool]]] = {
    "cipher-algo": ("cipher", _named(openpgp.CIPHER_NUMBERS, "cipher"), False),
    "s2k-cipher-algo": ("key_cipher", _named(openpgp.CIPHER_NUMBERS, "cipher"), False),
    "s2k-digest-algo": ("digest", _named(openpgp.DIGEST_NUMBERS, "digest"), False),
    "s2k-mode": ("mode", _mode, False),
    "s2k-count": ("count", _number(openpgp.COUNT_LEAST, openpgp.COUNT_MOST), False),
    "compress-algo": ("compression", _compression, False),
    "compress-level": ("level", _number(0, 9), False),
    "disable-mdc": ("has_check", _number(0, 1), True),
    "sess-key": ("has_session_key", _number(0, 1), False),
    "enable-session-key": ("has_session_key", _number(0, 1), False),
    "unicode-mode": ("is_unicode", _number(0, 1), False),
}
_LINES: Final = "convert-crlf"


def _options(text: str) -> list[tuple[str, str]]:
    """Names and values in a text of options."""
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None:
            raise _illegal()
        found.append((option[1].lower(), option[2]))
        at = option.end()
    return found


def _choices(text: str) -> tuple[Choices, bool]:
    """How to encrypt, and whether lines end in CR and LF in the message."""
    fields: dict[str, Any] = {}
    is_converted = False
    for name, value in _options(text):
        if name == _LINES:
            is_converted = bool(_number(0, 1)(value))
            continue
        if name not in _CHOICES:
            raise _illegal()
        field, read, is_contrary = _CHOICES[name]
        number = read(value)
        fields[field] = not number if is_contrary else number
    return Choices(**fields), is_converted


def encrypt(data: str | bytes, password: str, options: str = "") -> bytes:
    """A message of text or of bytes."""
    choices, is_converted = _choices(options)
    if not password:
        raise _illegal()
    is_text = isinstance(data, str)
    plain = data.encode() if isinstance(data, str) else data
    if is_text and is_converted:
        plain = re.sub(rb"\r?\n", b"\r\n", plain)
    return openpgp.encrypt(plain, password.encode(), choices, is_text=is_text)


def _decrypted(message: bytes, password: str, options: str) -> tuple[str, bytes, bool]:
    is_converted = False
    for name, value in _options(options):
        if name == _LINES:
            is_converted = bool(_number(0, 1)(value))
        elif name != "debug" and name.removeprefix("expect-") not in _CHOICES:
            raise _illegal()
    return *openpgp.decrypt(message, password.encode()), is_converted


def decrypt_text(message: bytes, password: str, options: str = "") -> str:
    """The text of a message."""
    kind, data, is_converted = _decrypted(message, password, options)
    if kind == "b":
        raise ExternalRoutineInvocation("Not text data")
    return decode_text(data.replace(b"\r\n", b"\n") if is_converted else data)


def decrypt_bytes(message: bytes, password: str, options: str = "") -> bytes:
    """The data of a message of any kind."""
    _, data, is_converted = _decrypted(message, password, options)
    return data.replace(b"\r\n", b"\n") if is_converted else data
