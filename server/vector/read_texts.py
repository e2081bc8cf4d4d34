"""Numbers and dates read out of texts where they lie: the plainest forms. The specification of native/read_texts.pyx.

Rule 1: what is in another form, or wrong, is strange and left to the input function, which knows more.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.text_views import texts_of

if TYPE_CHECKING:
    from server.vector.column import Mask, Values

INTEGER: Final = re.compile(rb"-?[0-9]{1,18}")
NUMBER: Final = re.compile(rb"(-?)([0-9]{1,15})(?:\.([0-9]{1,14}))?")
DATE: Final = re.compile(rb"([0-9]{4})-([0-9]{2})-([0-9]{2})")
DIGITS_MAX: Final = 15
"""Numbers of so many digits, and powers of ten as large, are floats exactly: their quotient is rounded but once."""
EPOCH: Final = date(2000, 1, 1).toordinal()


def read_integers(store: Values, views: Values, bits: int) -> tuple[Values, Mask]:
    """Whole numbers of so many bits; and which texts are strange."""
    limit = 1 << (bits - 1)
    values = np.zeros(len(views), f"int{bits}")
    strange = np.zeros(len(views), np.bool_)
    for row, text in enumerate(texts_of(store, views)):
        number = int(text) if INTEGER.fullmatch(text) else limit
        strange[row] = not -limit <= number < limit
        values[row] = 0 if strange[row] else number
    return values, strange


def read_floats(store: Values, views: Values) -> tuple[Values, Mask]:
    """Numbers of at most 15 digits in all, without exponents, as floats; and which texts are strange."""
    values = np.zeros(len(views), np.float64)
    strange = np.zeros(len(views), np.bool_)
    for row, text in enumerate(texts_of(store, views)):
        found = NUMBER.fullmatch(text)
        strange[row] = found is None or len(found[2] + (found[3] or b"")) > DIGITS_MAX
        values[row] = 0.0 if strange[row] else float(text)
    return values, strange


def read_dates(store: Values, views: Values) -> tuple[Values, Mask]:
    """Dates of the form 2001-02-03 as days since 2000-01-01; and which texts are strange."""
    values = np.zeros(len(views), np.int32)
    strange = np.zeros(len(views), np.bool_)
    for row, text in enumerate(texts_of(store, views)):
        found = DATE.fullmatch(text)
        try:
            values[row] = date(*map(int, found.groups())).toordinal() - EPOCH if found else 0
            strange[row] = found is None
        except ValueError:
            strange[row] = True
    return values, strange


def text_bytes(store: Values, views: Values) -> list[bytes]:
    """The bytes behind each view."""
    return list(texts_of(store, views))


def text_objects(store: Values, views: Values) -> list[str]:
    """Each text as str."""
    return [text.decode() for text in texts_of(store, views)]
