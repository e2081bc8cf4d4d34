"""ICU, found on the machine when somebody first needs it: orders of texts, and upper and lower case by language.

Rule 1: nobody needs the library who uses none of its collations; without it they are refused with 0A000.
Rule 2: the keys of a collator order by bytes as the collator orders the texts.
Rule 3: texts that a deterministic collation calls equal are told apart by their bytes, as everywhere in PostgreSQL.
"""

from __future__ import annotations

import ctypes
from functools import cache, lru_cache
from typing import Any, Final

from server.errors import FeatureNotSupported, InvalidParameterValue

VERSIONS: Final = range(99, 49, -1)
KEYS_KEPT: Final = 1 << 16
"""How many keys a collator remembers: sorts, joins and indexes ask for the same ones again."""
_UTF16: Final = "utf-16-le"


class Library:
    """The functions of one release of ICU, whose names end in its number."""

    def __init__(self, collation: ctypes.CDLL, common: ctypes.CDLL, suffix: str) -> None:
        self._collation = collation
        self._common = common
        self._suffix = suffix
        self.open = self.function("ucol_open", ctypes.c_void_p, collation)
        self.sort_key = self.function("ucol_getSortKey", ctypes.c_int32, collation)

    def function(self, name: str, result: Any, library: ctypes.CDLL | None = None) -> Any:
        """A function by its name without the number."""
        found = getattr(library or self._common, f"{name}_{self._suffix}")
        found.restype = result
        return found

    def version(self, handle: int) -> str:
        """The version of the rules of a collator, as pg_collation has it."""
        numbers = (ctypes.c_uint8 * 4)()
        self.function("ucol_getVersion", None, self._collation)(ctypes.c_void_p(handle), numbers)
        shown = list(numbers)
        while len(shown) > 2 and not shown[-1]:
            shown.pop()
        return ".".join(map(str, shown))


@cache
def library() -> Library:
    """The newest ICU there is; raises FeatureNotSupported where there is none."""
    for version in VERSIONS:
        try:
            collation = ctypes.CDLL(f"libicui18n.so.{version}")
            return Library(collation, ctypes.CDLL(f"libicuuc.so.{version}"), str(version))
        except (OSError, AttributeError):
            continue
    raise FeatureNotSupported(
        "ICU is not supported in this build", detail="The library libicui18n was not found."
    )


def is_available() -> bool:
    """Whether there is an ICU to be used."""
    try:
        library()
    except FeatureNotSupported:
        return False
    return True


class Collator:
    """An order of texts. deterministic: texts that are equal for it are told apart by their bytes."""

    __slots__ = ("_handle", "deterministic", "locale", "sort_key", "version")

    def __init__(self, locale: str, deterministic: bool) -> None:
        status = ctypes.c_int32(0)
        handle = library().open(locale.encode(), ctypes.byref(status))
        if status.value > 0 or not handle:
            name = library().function("u_errorName", ctypes.c_char_p)(status)
            raise InvalidParameterValue(
                f'could not open collator for locale "{locale}": {name.decode()}'
            )
        self._handle = ctypes.c_void_p(handle)
        self.locale = locale
        self.deterministic = deterministic
        self.version = library().version(handle)
        self.sort_key = lru_cache(KEYS_KEPT)(self._key if deterministic else self._equal_key)
        """What orders as the texts do, as bytes; equal for texts that are equal."""

    def _equal_key(self, text: str) -> bytes:
        units = text.encode(_UTF16, "surrogatepass")
        count = len(units) // 2
        room = 16 + 8 * count
        while True:
            buffer = ctypes.create_string_buffer(room)
            length: int = library().sort_key(self._handle, units, count, buffer, room)
            if length <= room:
                return buffer.raw[:length]
            room = length

    def _key(self, text: str) -> bytes:
        return self._equal_key(text) + text.encode()


@cache
def collator(locale: str, deterministic: bool) -> Collator:
    """The collator of a locale; there is one for each, whoever asks."""
    return Collator(locale, deterministic)


def _mapped(name: str, text: str, *between: Any) -> str:
    """The text that a function of ICU makes of another one."""
    change = library().function(name, ctypes.c_int32)
    units = text.encode(_UTF16, "surrogatepass")
    room = len(units) // 2 + 16
    while True:
        status = ctypes.c_int32(0)
        buffer = ctypes.create_string_buffer(2 * room)
        length = change(buffer, room, units, len(units) // 2, *between, ctypes.byref(status))
        if length <= room:
            return buffer.raw[: 2 * length].decode(_UTF16, "surrogatepass")
        room = length


def upper(text: str, locale: str) -> str:
    """The text in upper case, as the locale's language has it."""
    return _mapped("u_strToUpper", text, locale.encode())


def lower(text: str, locale: str) -> str:
    """The text in lower case, as the locale's language has it."""
    return _mapped("u_strToLower", text, locale.encode())


def initial_capitals(text: str, locale: str) -> str:
    """The text with each word in lower case behind its first letter."""
    return _mapped("u_strToTitle", text, None, locale.encode())
