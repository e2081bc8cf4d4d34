"""to_ascii: letters without their accents, in four encodings of a byte a character.

Rule 1: as in PostgreSQL it is the bytes of the database's encoding that are read, whatever encoding is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocol.encodings import ENCODINGS, encoding_named
from server.errors import FeatureNotSupported, UndefinedObject
from server.functions.declare import row

if TYPE_CHECKING:
    from server.functions.function import Function

_ASCII: Final = bytes(range(128))

PLAIN: Final[dict[str, bytes]] = {
    name: _ASCII + letters.encode()
    for name, letters in {
        "LATIN1": f"{' ' * 32}  cL Y  \"Ca  -R     'u .,      ?AAAAAAACEEEEIIII NOOOOOxOUUUUYTB"
        "aaaaaaaceeeeiiii nooooo/ouuuuyty",
        "LATIN2": f'{" " * 32} A L LS "SSTZ-ZZ a,l\'ls ,sstz"zzRAAAALCCCEEEEIIDDNNOOOOxRUUUUYTB'
        "raaaalccceeeeiiddnnoooo/ruuuuyt.",
        "LATIN9": f"{' ' * 32}  cL YS sCa  -R     Zu .z   EeY?AAAAAAACEEEEIIII NOOOOOxOUUUUYTB"
        "aaaaaaaceeeeiiii nooooo/ouuuuyty",
        "WIN1250": '  \' "    %S<STZZ `\'"".--  s>stzz   L A  "CS  -RZ  ,l\'u .,as L"lz'
        "RAAAALCCCEEEEIIDDNNOOOOxRUUUUYTBraaaalccceeeeiiddnnoooo/ruuuuyt ",
    }.items()
}
"""By encoding: what each byte becomes."""


def _to_ascii(text: str, encoding: str) -> str:
    table = PLAIN.get(encoding)
    if table is None:
        raise FeatureNotSupported(f"encoding conversion from {encoding} to ASCII not supported")
    return text.encode().translate(table).decode()


def _by_name(text: str, name: str) -> str:
    found = encoding_named(name)
    if found is None:
        raise UndefinedObject(f"{name} is not a valid encoding name")
    return _to_ascii(text, found.name)


def _by_number(text: str, number: int) -> str:
    if not 0 <= number < len(ENCODINGS):
        raise UndefinedObject(f"{number} is not a valid encoding code")
    return _to_ascii(text, ENCODINGS[number].name)


FUNCTIONS: Final[tuple[Function, ...]] = (
    row(
        "1845 to_ascii(text) text",
        lambda text: _to_ascii(text, "UTF8"),
        "Text without accents, which the database's encoding has no table for.",
    ),
    row(
        "1847 to_ascii(text, name) text",
        _by_name,
        "Text without accents, its bytes being read in an encoding.",
        "'abc', 'LATIN1' -> abc",
    ),
    row("1846 to_ascii(text, int4) text", _by_number, "The same, by the encoding's number."),
)
