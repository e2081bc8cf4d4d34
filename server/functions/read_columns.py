"""Casts of whole columns of texts to other types: plain texts are read where they lie.

Rule 1: what a reader finds strange is read by the type's input function, in the order of the rows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.column import Column
from server.vector.native import read_dates, read_floats, read_integers, text_bytes
from server.vector.texts import picked

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import TextStyle, Type
    from server.vector.column import Mask, Values
    from server.vector.texts import TextColumn

    Reader = Callable[[Values, Values], tuple[Values, Mask]]

_READERS: Final[dict[str, Reader]] = {
    "int2": partial(read_integers, bits=16),
    "int4": partial(read_integers, bits=32),
    "int8": partial(read_integers, bits=64),
    "float8": read_floats,
    "date": read_dates,
}


def read_column(texts: TextColumn, target: Type, modifier: int, style: TextStyle) -> Column:
    """The values of texts; raises for the first that is none."""
    reader = _READERS.get(target.name)
    if reader is None:
        return _read(texts, target, modifier, style)
    values, strange = reader(texts.store, texts.views)
    if texts.valid is not None:
        strange &= texts.valid
    places = np.flatnonzero(strange)
    if len(places):
        left = texts.with_views(picked(texts.views, places)).masked(None)
        values[places] = _read(left, target, modifier, style).values
    return Column(values, texts.valid)


def _read(texts: TextColumn, target: Type, modifier: int, style: TextStyle) -> Column:
    """The same by the input function."""
    found: list[bytes | None] = list(text_bytes(texts.store, texts.views))
    if texts.valid is not None:
        for place in np.flatnonzero(~texts.valid).tolist():
            found[place] = None
    return target.parse_column(found, modifier, style)
