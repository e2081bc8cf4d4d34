"""Encodings: how the values of a column lie in a row group, one row of DECODERS each.

Rule 1: numbers are on disk (column descriptors): they are never renumbered.
Rule 2: readers get an array by DECODERS and do not ask how it was made; only PLAIN ones alias the
        store and can be written to.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.kinds import Kind


class Encoding(IntEnum):
    """How a column's array is to be read."""

    PLAIN = 0


def _plain(
    store: npt.NDArray[np.uint8], address: int, kind: Kind, capacity: int
) -> npt.NDArray[Any]:
    return store[address : address + kind.width * capacity].view(kind.dtype)


Decoder = Callable[[npt.NDArray[np.uint8], int, Kind, int], npt.NDArray[Any]]
DECODERS: dict[Encoding, Decoder] = {Encoding.PLAIN: _plain}

assert set(DECODERS) == set(Encoding)
