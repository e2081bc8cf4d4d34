"""Text in other encodings than the server's: convert, convert_from, convert_to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocol.encodings import UNSUPPORTED, decoded, encoded, encoding_named
from protocol.errors import ProtocolError
from server.errors import (
    CharacterNotInRepertoire,
    FeatureNotSupported,
    InvalidParameterValue,
    SqlError,
    UndefinedFunction,
    UntranslatableCharacter,
)
from server.functions.declare import row

if TYPE_CHECKING:
    from protocol.encodings import Encoding

CYRILLIC: Final = frozenset(("KOI8R", "ISO_8859_5", "WIN1251", "WIN866"))
CONVERTIBLE: Final = (
    CYRILLIC,
    frozenset(("LATIN2", "WIN1250")),
    frozenset(("EUC_JP", "SJIS")),
)
"""Encodings that have conversions to each other; all have them from and to UTF8."""

UNCONVERTED: Final = frozenset(("UTF8", "SQL_ASCII"))
ERRORS: Final[dict[str, type[SqlError]]] = {
    error.sqlstate: error for error in (CharacterNotInRepertoire, UntranslatableCharacter)
}


def _encoding(name: str, role: str) -> Encoding:
    found = encoding_named(name)
    if found is None:
        raise InvalidParameterValue(f'invalid {role}encoding name "{name}"')
    return found


def _check_conversion(source: Encoding, target: Encoding) -> None:
    """Raise where PostgreSQL has no conversion either."""
    if source.name == target.name:
        return
    one_is_ours = not UNCONVERTED.isdisjoint((source.name, target.name))
    pair = {source.name, target.name}
    for name in UNSUPPORTED & pair:
        raise FeatureNotSupported(f"conversions from and to {name} are not supported")
    if one_is_ours and source.codec and target.codec:
        return
    if not any(pair <= group for group in CONVERTIBLE):
        raise UndefinedFunction(
            f'default conversion function for encoding "{source.name}" to "{target.name}" '
            "does not exist"
        )


def _text(data: bytes, encoding: Encoding) -> str:
    try:
        text = decoded(data, encoding)
    except ProtocolError as error:
        before, zero, _ = data.partition(b"\0")
        if zero:  # which counts if it comes before what else is wrong
            _text(before, encoding)
            raise _zero_byte(encoding) from None
        raise ERRORS[error.sqlstate](error.message) from None
    if "\0" in text:
        raise _zero_byte(encoding)
    return text


def _zero_byte(encoding: Encoding) -> CharacterNotInRepertoire:
    return CharacterNotInRepertoire(f'invalid byte sequence for encoding "{encoding.name}": 0x00')


def _bytes(text: str, encoding: Encoding) -> bytes:
    try:
        return encoded(text, encoding)
    except ProtocolError as error:
        raise ERRORS[error.sqlstate](error.message) from None


OURS: Final = _encoding("UTF8", "")


def _convert_to(text: str, name: str) -> bytes:
    target = _encoding(name, "destination ")
    _check_conversion(OURS, target)
    return _bytes(text, target)


def _convert_from(data: bytes, name: str) -> str:
    source = _encoding(name, "source ")
    _check_conversion(source, OURS)
    return _text(data, source)


def _convert(data: bytes, source_name: str, target_name: str) -> bytes:
    source, target = _encoding(source_name, "source "), _encoding(target_name, "destination ")
    _check_conversion(source, target)
    return _bytes(_text(data, source), target)


def _character_count(data: bytes, name: str) -> int:
    encoding = _encoding(name, "")
    if encoding.name == "SQL_ASCII" or (
        not encoding.leads and encoding.codec.startswith(("iso8859", "cp", "koi8"))
    ):  # every byte is a character, whatever it means
        if b"\0" in data:
            raise _zero_byte(encoding)
        return len(data)
    _check_conversion(encoding, OURS)
    return len(_text(data, encoding))


FUNCTIONS: Final = (
    row(
        "1713 length(bytea, name) int4 stable",
        _character_count,
        "Number of characters in an encoding.",
        r"'\xc3a4', 'UTF8' -> 1",
    ),
    row(
        "1717 convert_to(text, name) bytea stable",
        _convert_to,
        "Bytes in an encoding.",
        r"'abc', 'UTF8' -> \x616263",
    ),
    row(
        "1714 convert_from(bytea, name) text stable",
        _convert_from,
        "Text of an encoding.",
        r"'\x616263', 'UTF8' -> abc",
    ),
    row(
        "1813 convert(bytea, name, name) bytea stable",
        _convert,
        "From one encoding to another.",
        r"'\x61', 'UTF8', 'LATIN1' -> \x61",
    ),
)
