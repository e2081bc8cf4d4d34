"""Passwords of pgcrypto: crypt() by the machine's libcrypt, and gen_salt().

Rule 1: the library is looked for when somebody first needs it; without it crypt() answers 0A000.
Rule 2: only the four kinds of salt are passed on that pgcrypto knows; what begins otherwise is one of DES, as there.
"""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from server.errors import ExternalRoutineInvocation, FeatureNotSupported, InvalidParameterValue

if TYPE_CHECKING:
    from collections.abc import Callable

WORK_BYTES: Final = 32_768
"""The room that a call of crypt_rn works in (sizeof(struct crypt_data))."""
LETTERS: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BCRYPT_LETTERS: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BCRYPT: Final = re.compile(rb"\$2[ax]\$\d\d\$[./0-9A-Za-z]{22}")
_EXTENDED: Final = re.compile(rb"_[./0-9A-Za-z]{8}")


@cache
def _library() -> Any:
    try:
        found = ctypes.CDLL("libcrypt.so.1").crypt_rn
    except (OSError, AttributeError):
        raise FeatureNotSupported(
            "crypt() is not supported in this build", detail="The library libcrypt was not found."
        ) from None
    found.restype = ctypes.c_char_p
    return found


def _checked_salt(salt: bytes) -> bytes:
    """The salt as libcrypt knows it, or an error."""
    if salt.startswith((b"$2a$", b"$2x$")):
        found = _BCRYPT.match(salt)
    elif salt.startswith(b"$1$"):
        return salt
    elif salt.startswith(b"_"):
        found = _EXTENDED.match(salt)
    else:
        if len(salt) < 2:
            raise InvalidParameterValue("invalid salt")
        return salt
    if found is None:
        raise InvalidParameterValue("invalid salt")
    return salt


def crypt(password: str, salt: str) -> str:
    """The password's hash under a salt, or under another hash, whose salt it takes."""
    given = _checked_salt(salt.encode())
    if given.startswith(b"$") and not given.startswith((b"$2a$", b"$2x$", b"$1$")):
        raise FeatureNotSupported("salts of this kind are not supported")
    work = ctypes.create_string_buffer(WORK_BYTES)
    # Bytes of a password end at the first zero; text has none.
    answer = _library()(password.encode(), given, work, WORK_BYTES)
    if answer is None:
        raise ExternalRoutineInvocation("crypt(3) returned NULL")
    return str(answer.decode())


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of salt: how many random bytes, and the rounds it may have, and its text."""

    size: int
    default: int
    least: int
    most: int
    text: Callable[[int, bytes], str]


KINDS: Final = {
    "des": _Kind(2, 25, 25, 25, lambda _, data: "".join(LETTERS[byte & 63] for byte in data)),
    "md5": _Kind(
        6, 1000, 1000, 1000, lambda _, data: "$1$" + _little(data[:3]) + _little(data[3:])
    ),
    "xdes": _Kind(
        3,
        725,
        1,
        0xFFFFFF,
        lambda count, data: "_" + _little(count.to_bytes(3, "little")) + _little(data),
    ),
    "bf": _Kind(16, 6, 4, 31, lambda count, data: f"$2a${count:02d}${_bcrypt_text(data)}"),
}


def gen_salt(name: str, rounds: int = 0) -> str:
    """A random salt of a kind. rounds: 0 for the usual ones."""
    kind = KINDS.get(name.lower())
    if kind is None:
        raise InvalidParameterValue("gen_salt: Unknown salt algorithm")
    count = rounds or kind.default
    is_even = name.lower() == "xdes" and count % 2 == 0
    if not kind.least <= count <= kind.most or is_even:
        raise InvalidParameterValue("gen_salt: Incorrect number of rounds")
    data = os.urandom(kind.size)
    return kind.text(count, data)


def _little(data: bytes) -> str:
    """Three bytes as four letters, the lowest bits first."""
    number = int.from_bytes(data, "little")
    return "".join(LETTERS[number >> shift & 63] for shift in (0, 6, 12, 18))


def _bcrypt_text(data: bytes) -> str:
    """16 bytes in 22 letters, the highest bits first."""
    number = int.from_bytes(data, "big") << 4
    return "".join(_BCRYPT_LETTERS[number >> shift & 63] for shift in range(126, -1, -6))
