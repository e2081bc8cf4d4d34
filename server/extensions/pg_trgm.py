"""pg_trgm: how many sequences of three letters two texts share.

Words are runs of letters and digits, two blanks before and one behind each.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from server.extensions.extension import Extension
from server.oids import TEXT
from server.types.array import Array, make_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext

WORD: Final = re.compile(r"[^\W_]+")
SIMILARITY: Final = "pg_trgm.similarity_threshold"
WORD_SIMILARITY: Final = "pg_trgm.word_similarity_threshold"
STRICT_WORD_SIMILARITY: Final = "pg_trgm.strict_word_similarity_threshold"
"""The settings that say from where on texts are similar."""
_SINGLE: Final = struct.Struct("f")


def _single(value: float) -> float:
    rounded: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    return rounded


def _of_word(word: str) -> list[str]:
    padded = f"  {word} "
    return [padded[at : at + 3] for at in range(len(padded) - 2)]


@lru_cache(maxsize=4096)
def trigrams(text: str) -> frozenset[str]:
    """The trigrams of a text."""
    words = WORD.findall(text.lower())
    return frozenset(part for word in words for part in _of_word(word))


def _show(text: str) -> Array:
    return make_array(TEXT, tuple(sorted(trigrams(text))))


def similarity(left: str, right: str) -> float:
    """The share of common trigrams among all."""
    first, second = trigrams(left), trigrams(right)
    if not first or not second:
        return 0.0
    common = len(first & second)
    return _single(common / (len(first) + len(second) - common))


def word_similarity(left: str, right: str) -> float:
    """The greatest share of the first's trigrams in a stretch of the second's."""
    return _best_stretch(left, [part for word in _words(right) for part in _of_word(word)])


def strict_word_similarity(left: str, right: str) -> float:
    """The same for stretches of whole words."""
    wanted = trigrams(left)
    words = [_of_word(word) for word in _words(right)]
    best = 0.0
    for start in range(len(words)):
        found: set[str] = set()
        for word in words[start:]:
            found.update(word)
            common = len(wanted & found)
            best = max(best, common / (len(wanted) + len(found) - common) if wanted else 0.0)
    return _single(best)


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _best_stretch(left: str, parts: list[str]) -> float:
    wanted = trigrams(left)
    best = 0.0
    for start, first in enumerate(parts):
        if first not in wanted:
            continue
        found: set[str] = set()
        for part in parts[start:]:
            found.add(part)
            common = len(wanted & found)
            best = max(best, common / (len(wanted) + len(found) - common))
    return _single(best)


def _above(
    measure: Callable[[str, str], float], setting: str, *, turned: bool = False
) -> Callable[[CallContext, str, str], bool]:
    def test(call: CallContext, left: str, right: str) -> bool:
        limit = _single(call.execution.session.settings[setting])
        return measure(right, left) >= limit if turned else measure(left, right) >= limit

    return test


def _distance(
    measure: Callable[[str, str], float], *, turned: bool = False
) -> Callable[[str, str], float]:
    def distance(left: str, right: str) -> float:
        found = measure(right, left) if turned else measure(left, right)
        return _single(1.0 - found)

    return distance


def _limit(call: CallContext) -> float:
    return _single(call.execution.session.settings[SIMILARITY])


def _set_limit(call: CallContext, limit: float) -> float:
    session = call.execution.session
    session.rights.set_value(SIMILARITY, f"{limit:.9g}", local=False)
    session.settings_changed()
    return _limit(call)


OPERATORS: Final = (
    ("%", "similarity_op", "%"),
    ("<->", "similarity_dist", "<->"),
    ("<%", "word_similarity_op", "%>"),
    ("%>", "word_similarity_commutator_op", "<%"),
    ("<<->", "word_similarity_dist_op", "<->>"),
    ("<->>", "word_similarity_dist_commutator_op", "<<->"),
    ("<<%", "strict_word_similarity_op", "%>>"),
    ("%>>", "strict_word_similarity_commutator_op", "<<%"),
    ("<<<->", "strict_word_similarity_dist_op", "<->>>"),
    ("<->>>", "strict_word_similarity_dist_commutator_op", "<<<->"),
)
CLASSES: Final = """
create operator class gist_trgm_ops for type text using gist as
  operator 1 %, operator 2 <-> for order by pg_catalog.float_ops, operator 3 ~~, operator 4 ~~*,
  operator 5 ~, operator 6 ~*, operator 7 %>, operator 8 <->> for order by pg_catalog.float_ops,
  operator 9 %>>, operator 10 <->>> for order by pg_catalog.float_ops, operator 11 =;
create operator class gin_trgm_ops for type text using gin as
  operator 1 %, operator 3 ~~, operator 4 ~~*, operator 5 ~, operator 6 ~*, operator 7 %>,
  operator 9 %>>, operator 11 =;
"""
PG_TRGM: Final = Extension(
    name="pg_trgm",
    version="1.6",
    comment="text similarity measurement and index searching based on trigrams",
    declarations="""
set_limit(float4) float4 | volatile strict = set_limit
show_limit() float4 | stable strict = limit
show_trgm(text) _text = show
similarity(text, text) float4 = similarity
similarity_op(text, text) bool | stable strict = is_similar
word_similarity(text, text) float4 = word
word_similarity_op(text, text) bool | stable strict = is_word
word_similarity_commutator_op(text, text) bool | stable strict = has_word
similarity_dist(text, text) float4 = distance
word_similarity_dist_op(text, text) float4 = word_distance
word_similarity_dist_commutator_op(text, text) float4 = has_word_distance
strict_word_similarity(text, text) float4 = strict_word
strict_word_similarity_op(text, text) bool | stable strict = is_strict_word
strict_word_similarity_commutator_op(text, text) bool | stable strict = has_strict_word
strict_word_similarity_dist_op(text, text) float4 = strict_word_distance
strict_word_similarity_dist_commutator_op(text, text) float4 = has_strict_word_distance
""",
    functions={
        "limit": _limit,
        "set_limit": _set_limit,
        "show": _show,
        "similarity": similarity,
        "is_similar": _above(similarity, SIMILARITY),
        "word": word_similarity,
        "is_word": _above(word_similarity, WORD_SIMILARITY),
        "has_word": _above(word_similarity, WORD_SIMILARITY, turned=True),
        "distance": _distance(similarity),
        "word_distance": _distance(word_similarity),
        "has_word_distance": _distance(word_similarity, turned=True),
        "strict_word": strict_word_similarity,
        "strict_word_distance": _distance(strict_word_similarity),
        "has_strict_word_distance": _distance(strict_word_similarity, turned=True),
        "is_strict_word": _above(strict_word_similarity, STRICT_WORD_SIMILARITY),
        "has_strict_word": _above(strict_word_similarity, STRICT_WORD_SIMILARITY, turned=True),
    },
    in_context=frozenset(
        (
            *("limit", "set_limit", "is_similar", "is_word", "has_word"),
            *("is_strict_word", "has_strict_word"),
        )
    ),
    operator_classes=(("gin", "gin_trgm_ops", TEXT), ("gist", "gist_trgm_ops", TEXT)),
    more="\n".join(
        f"create operator {name} (leftarg = text, rightarg = text, procedure = {function}, "
        f"commutator = {commutator});"
        for name, function, commutator in OPERATORS
    )
    + CLASSES,
)
