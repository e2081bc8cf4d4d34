"""Encodings: the character sets that clients may speak, their PostgreSQL names, and text from and to UTF-8.

Rule 1: the server's own encoding is UTF8. SQL_ASCII says that nobody converts: what comes in is taken for UTF-8.
Rule 2: every encoding here is a superset of ASCII without zero bytes inside of characters, so that the zero bytes
        which end strings are found in any of them.
Rule 3: bytes that are no character (22021) are told from characters that the other side lacks (22P05).
"""

import codecs
from dataclasses import dataclass

from protocol.errors import (
    CHARACTER_NOT_IN_REPERTOIRE,
    ProtocolError,
    Untranslatable,
    invalid_byte_sequence,
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding by PostgreSQL's name; `codec` is Python's name of it, empty where there is none.

    leads: the bytes a character of several bytes has, by the greatest first byte for which they hold. replaced: pairs
    of characters, Python's reading of a code and the one PostgreSQL has for it.
    """

    name: str
    codec: str = ""
    leads: tuple[tuple[int, int], ...] = ()
    replaced: str = ""


_EUC = ((0x7F, 1), (0x8D, 2), (0x8E, 2), (0x8F, 3), (0xFF, 2))
_DOUBLE = ((0x7F, 1), (0xFF, 2))
_SHIFTED = ((0x7F, 1), (0xA0, 2), (0xDF, 1), (0xFF, 2))

ENCODINGS = (
    Encoding("SQL_ASCII", "utf-8"),
    Encoding(
        "EUC_JP",
        "euc_jp",
        _EUC,
        "\u301c\uff5e\u2016\u2225\u2212\uff0d\u00a2\uffe0\u00a3\uffe1\u00ac\uffe2",
    ),
    Encoding("EUC_CN", "gb2312", _EUC),
    Encoding("EUC_KR", "euc_kr", _EUC),
    Encoding("EUC_TW"),
    Encoding(
        "EUC_JIS_2004",
        "euc_jis_2004",
        _EUC,
        "\uffe3\u203e\u2015\u2014\uffe5\u00a5\u2985\uff5f\u2986\uff60",
    ),
    Encoding("UTF8", "utf-8"),
    Encoding("MULE_INTERNAL"),
    Encoding("LATIN1", "iso8859_1"),
    Encoding("LATIN2", "iso8859_2"),
    Encoding("LATIN3", "iso8859_3"),
    Encoding("LATIN4", "iso8859_4"),
    Encoding("LATIN5", "iso8859_9"),
    Encoding("LATIN6", "iso8859_10"),
    Encoding("LATIN7", "iso8859_13"),
    Encoding("LATIN8", "iso8859_14"),
    Encoding("LATIN9", "iso8859_15"),
    Encoding("LATIN10", "iso8859_16"),
    Encoding("WIN1256", "cp1256"),
    Encoding("WIN1258", "cp1258"),
    Encoding("WIN866", "cp866"),
    Encoding("WIN874", "cp874"),
    Encoding("KOI8R", "koi8_r"),
    Encoding("WIN1251", "cp1251"),
    Encoding("WIN1252", "cp1252"),
    Encoding("ISO_8859_5", "iso8859_5"),
    Encoding("ISO_8859_6", "iso8859_6"),
    Encoding("ISO_8859_7", "iso8859_7"),
    Encoding("ISO_8859_8", "iso8859_8"),
    Encoding("WIN1250", "cp1250"),
    Encoding("WIN1253", "cp1253"),
    Encoding("WIN1254", "cp1254"),
    Encoding("WIN1255", "cp1255"),
    Encoding("WIN1257", "cp1257"),
    Encoding("KOI8U", "koi8_u"),
    Encoding("SJIS", "cp932", _SHIFTED),
    Encoding("BIG5", "big5", _DOUBLE),
    Encoding("GBK", "gbk", _DOUBLE),
    Encoding("UHC", "cp949", _DOUBLE),
    Encoding("GB18030", "gb18030", _DOUBLE),
    Encoding("JOHAB", "johab", _DOUBLE),
    Encoding("SHIFT_JIS_2004"),  # Python's codec has a yen sign where ASCII has a backslash
)
"""By PostgreSQL's number of the encoding."""

UNSUPPORTED = frozenset(("EUC_TW", "SHIFT_JIS_2004"))
"""Encodings that PostgreSQL converts from and to UTF8, and we do not."""

_ALIASES = {
    "unicode": "UTF8",
    "koi8": "KOI8R",
    "alt": "WIN866",
    "win": "WIN1251",
    "mskanji": "SJIS",
    "shiftjis": "SJIS",
    "win932": "SJIS",
    "win936": "GBK",
    "win949": "UHC",
    "win950": "BIG5",
    "abc": "WIN1258",
    "tcvn": "WIN1258",
    "tcvn5712": "WIN1258",
    "vscii": "WIN1258",
    "iso88591": "LATIN1",
    "iso88592": "LATIN2",
    "iso88593": "LATIN3",
    "iso88594": "LATIN4",
    "iso88599": "LATIN5",
    "iso885910": "LATIN6",
    "iso885913": "LATIN7",
    "iso885914": "LATIN8",
    "iso885915": "LATIN9",
    "iso885916": "LATIN10",
}


def _plain(name: str) -> str:
    """Names are compared without case and without what is neither letter nor digit."""
    return "".join(char for char in name.lower() if char.isascii() and char.isalnum())


def _by_plain_name() -> dict[str, int]:
    numbers = {encoding.name: number for number, encoding in enumerate(ENCODINGS)}
    found = {_plain(name): number for name, number in numbers.items()}
    found |= {alias: numbers[name] for alias, name in _ALIASES.items()}
    found |= {
        "windows" + alias.removeprefix("win"): number
        for alias, number in found.items()
        if alias.startswith("win") and alias != "win"
    }
    return found


NUMBERS = _by_plain_name()


def encoding_number(name: str) -> int:
    """Return PostgreSQL's number of an encoding, in any spelling of its name; -1 where there is none.

    >>> ENCODINGS[encoding_number("iso-8859-15")].name
    'LATIN9'
    """
    return NUMBERS.get(_plain(name), -1)


def encoding_named(name: str) -> Encoding | None:
    """Return the encoding of that name in any spelling."""
    number = encoding_number(name)
    return None if number < 0 else ENCODINGS[number]


def is_converted(encoding: Encoding) -> bool:
    """Whether text in it is other bytes than the server's."""
    return encoding.codec != "utf-8"


def decoded(data: bytes, encoding: Encoding) -> str:
    r"""Return text that a client has sent; raises ProtocolError.

    >>> decoded(b"\xe9t\xe9", encoding_named("latin1"))
    'été'
    """
    try:
        text = data.decode(encoding.codec)
    except UnicodeDecodeError as error:
        raise _undecodable(data, error.start, encoding) from None
    return _replaced(text, encoding)


def _replaced(text: str, encoding: Encoding) -> str:
    for place in range(0, len(encoding.replaced), 2):
        text = text.replace(encoding.replaced[place], encoding.replaced[place + 1])
    return text


def encoded(text: str, encoding: Encoding) -> bytes:
    """Return text as the client is to have it; raises ProtocolError.

    >>> encoded("été", encoding_named("win1252")).hex()
    'e974e9'
    """
    for place in range(0, len(encoding.replaced), 2):
        text = text.replace(encoding.replaced[place + 1], encoding.replaced[place])
    try:
        return text.encode(encoding.codec)
    except UnicodeEncodeError as error:
        shown = _shown(text[error.start].encode("utf-8", "surrogatepass"))
        raise _untranslatable(shown, "UTF8", encoding.name) from None


def to_server(data: bytes, encoding: Encoding) -> bytes:
    """Return what a client has sent as UTF-8."""
    return data if data.isascii() else decoded(data, encoding).encode()


def to_client(data: bytes, encoding: Encoding) -> bytes:
    """Return UTF-8 as the client is to have it."""
    return data if data.isascii() else encoded(data.decode(), encoding)


class PieceDecoder:
    """Turns text that comes in pieces of any size into UTF-8; a character may lie across two of them."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding.codec)()
        self.failed_after = b""  # what is well before the place that has raised

    def feed(self, data: bytes, *, is_last: bool = False) -> bytes:
        """Return the whole characters there are by now; raises ProtocolError."""
        try:
            text = self._decoder.decode(data, is_last)
        except UnicodeDecodeError as error:
            self.failed_after = error.object[: error.start]
            raise _undecodable(error.object, error.start, self._encoding) from None
        return _replaced(text, self._encoding).encode()


def _length(data: bytes, position: int, encoding: Encoding) -> int:
    """Return how many bytes the character that begins here has, as its first one promises."""
    lead = data[position]
    if encoding.codec == "gb18030" and lead > 0x7F:
        return 4 if data[position + 1 : position + 2].isdigit() else 2
    return next((length for limit, length in encoding.leads if lead <= limit), 1)


def _undecodable(data: bytes, position: int, encoding: Encoding) -> ProtocolError:
    if encoding.codec == "utf-8":
        return invalid_byte_sequence(data, position)
    length = _length(data, position, encoding)
    shown = _shown(data[position : position + length])
    if _is_character(data[position : position + length], length, encoding):
        return _untranslatable(shown, encoding.name, "UTF8")
    return ProtocolError(
        f'invalid byte sequence for encoding "{encoding.name}": {shown}',
        sqlstate=CHARACTER_NOT_IN_REPERTOIRE,
    )


def _is_character(data: bytes, length: int, encoding: Encoding) -> bool:
    """Whether bytes have the form of a character, which may yet stand for nothing."""
    if len(data) < length or 0 in data:
        return False
    if encoding.leads is _EUC:
        return length == 1 or min(data[1:]) > 0xA0
    return True


def _untranslatable(shown: str, source: str, target: str) -> Untranslatable:
    return Untranslatable(
        f'character with byte sequence {shown} in encoding "{source}" '
        f'has no equivalent in encoding "{target}"'
    )


def _shown(data: bytes) -> str:
    return " ".join(f"0x{byte:02x}" for byte in data)
