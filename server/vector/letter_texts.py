"""Texts with other characters in their places: translated one by one, or words with a capital first.

The specification of native/letter_texts.pyx.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.text_views import texts_of, views_of

if TYPE_CHECKING:
    from server.vector.column import Mask, Values

_WORD: Final = re.compile(rb"[0-9A-Za-z]+")


def translated_texts(store: Values, views: Values, table: Values) -> tuple[Values, Values]:
    """Texts with another byte for each, and without those for which the table of 256 has less than 0."""
    others = [int(other) for other in table]
    return views_of(
        [
            bytes(others[byte] for byte in text if others[byte] >= 0)
            for text in texts_of(store, views)
        ]
    )


def capitalized_texts(store: Values, views: Values) -> tuple[Values, Values, Mask]:
    """Texts with a capital at the start of each word and small letters within; and which have more than ASCII."""
    texts = list(texts_of(store, views))
    strange = np.array([not text.isascii() for text in texts], np.bool_)
    made = [_WORD.sub(lambda word: word[0].capitalize(), text) for text in texts]
    return *views_of(made), strange
