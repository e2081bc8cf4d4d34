"""ts_stat: in how many documents a word is, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.types.tsvector import weight_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.types.tsvector import TsVector

WEIGHTS: Final = {"A": 3, "B": 2, "C": 1, "D": 0}


def document_statistics(vectors: Iterable[TsVector], letters: str) -> list[tuple[str, int, int]]:
    """Words in order, with their numbers of documents and entries; letters: the weights that count."""
    weights = {WEIGHTS[letter.upper()] for letter in letters if letter.upper() in WEIGHTS}
    found: dict[str, list[int]] = {}
    for vector in vectors:
        for word, positions in vector.lexemes:
            count = len(positions) or 1
            if letters:
                count = sum(weight_of(place) in weights for place in positions)
            if count:
                totals = found.setdefault(word, [0, 0])
                totals[0] += 1
                totals[1] += count
    return [(word, documents, entries) for word, (documents, entries) in sorted(found.items())]
