"""Keywords of PostgreSQL's grammar after version 15, which are names here.

The grammar is a newer one. Where it would take such a word for more than a name, the text is parsed with a stand-in
for the word, a name as long as it, so that every position stays what it is; the tree and errors have the word again.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

NEWER_KEYWORDS: Final = frozenset(
    (
        *("json", "json_array", "json_arrayagg", "json_exists", "json_object", "json_objectagg"),
        *("json_query", "json_scalar", "json_serialize", "json_table", "json_value"),
        *("merge_action", "system_user"),
    )
)

NEWER_WORDS: Final = frozenset(
    (
        *(
            "absent",
            "conditional",
            "empty",
            "enforced",
            "error",
            "format",
            "indent",
            "keep",
            "keys",
        ),
        *("nested", "objects", "omit", "path", "period", "plan", "quotes", "scalar", "source"),
        *("string", "target", "unconditional", "virtual"),
    )
)
"""Those that are names nearly everywhere: not where only words that are no keywords may stand, as in EXTRACT."""

_STEMS: Final = ("json", "merge_action", "system_user")
_MISREAD: Final = re.compile(
    r"\b(?:json\s*\(|is\s+(?:not\s+)?json\b|json_(?:array|arrayagg|exists|object|objectagg|query|scalar|serialize"
    r"|table|value)\b|merge_action\b|system_user\b)",
    re.IGNORECASE,
)
_LAST_CHARACTERS: Final = "$_0123456789"


class StandIns(NamedTuple):
    """A text with stand-ins, and the word for each of those."""

    sql: str
    words: dict[str, str]

    def original(self, text: str) -> str:
        """A part of what came of the text, with the words again."""
        for stand_in, word in self.words.items():
            text = text.replace(stand_in, word)
        return text

    def original_bytes(self, data: bytes) -> bytes:
        """Encoded, with the words again: no length changes."""
        for stand_in, word in self.words.items():
            data = data.replace(stand_in.encode(), word.encode())
        return data


def has_newer_keywords(sql: str) -> bool:
    """Whether one may stand in a text."""
    lowered = sql.lower()
    return any(stem in lowered for stem in _STEMS)


def has_newer_words(sql: str) -> bool:
    """Whether a word may stand in a text that is no keyword in version 15, if nearly nobody takes it for one."""
    lowered = sql.lower()
    return any(word in lowered for word in NEWER_WORDS)


def is_misread(sql: str) -> bool:
    """Whether a newer grammar may take a text, which has such words, for something else than version 15 does."""
    return _MISREAD.search(sql) is not None


def with_stand_ins(sql: str, spans: Iterable[tuple[int, int]]) -> StandIns:
    """A text with stand-ins for the newer keywords among its tokens, which are given by where they stand."""
    lowered = sql.lower()
    last = next((last for last in _LAST_CHARACTERS if _is_free(last, lowered)), "")
    pieces: list[str] = []
    words: dict[str, str] = {}
    position = 0
    for start, end in spans:
        word = sql[start:end].lower()
        if last and (word in NEWER_KEYWORDS or word in NEWER_WORDS):
            stand_in = word[:-1] + last
            words[stand_in] = word
            pieces += (sql[position:start], stand_in)
            position = end
    return StandIns("".join((*pieces, sql[position:])), words)


def _is_free(last: str, lowered: str) -> bool:
    return not any(word[:-1] + last in lowered for word in NEWER_KEYWORDS | NEWER_WORDS)
