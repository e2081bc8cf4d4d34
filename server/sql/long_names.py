"""Names in a text that are longer than names may be, which the scanner cuts.

Texts over TEXT_CHARACTERS_MAX are not looked through: they are data, and scanning them again would take long.
"""

import re
from typing import Final

from server.identifiers import IDENTIFIER_BYTES_MAX, truncate_identifier
from server.sql.grammar import scan

TEXT_CHARACTERS_MAX: Final = 1 << 16
CHARACTER_BYTES_MAX: Final = 4


def _longer_than(characters: int) -> re.Pattern[str]:
    return re.compile(rf"[\w$]{{{characters + 1}}}|\"[^\"]{{{characters + 1}}}")


_LONG: Final = _longer_than(IDENTIFIER_BYTES_MAX)
_PERHAPS_LONG: Final = _longer_than(IDENTIFIER_BYTES_MAX // CHARACTER_BYTES_MAX)


def cut_names(sql: str) -> list[tuple[str, str]]:
    """Each name that is cut, and what is left of it; raises SqlSyntaxError for what the scanner refuses."""
    if (
        len(sql) > TEXT_CHARACTERS_MAX
        or (_LONG if sql.isascii() else _PERHAPS_LONG).search(sql) is None
    ):
        return []
    names = [
        _name(sql[token.start : token.end])
        for token in scan(sql)
        if token.kind == "IDENT" and token.end - token.start > 1
    ]
    pairs = [(name, truncate_identifier(name)) for name in names]
    return [(name, left) for name, left in pairs if left != name]


def _name(text: str) -> str:
    """The name that an identifier says."""
    if text[0] != '"':
        return "".join(each.lower() if each.isascii() else each for each in text)
    return text[1:-1].replace('""', '"')
