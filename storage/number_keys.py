"""Keys of numbers that are kept as text, many at once. The original of native/number_keys.

Rule 1: the bytes are those of keys.encode_decimal; shorter keys are followed by zeros.
Rule 2: an empty text stands for a NULL and gets the key of zero. Any other text that is not a plain number, NaN or an
        infinity, or has many digits, makes the whole None: whoever asked goes on with values.
"""

import re
from decimal import Decimal
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from storage.keys import encode_decimal

DIGITS_MAX: Final = 80
"""Numbers with more digits would make keys too long for a matrix."""
NUMBER: Final = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?|NaN|-?Infinity|")


def number_keys(
    blob: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | None:
    """A row of bytes for each number, and how many of them are its key; the texts lie end to end."""
    data, places = blob.tobytes(), offsets.tolist()
    texts = [data[start:stop] for start, stop in pairwise(places)]
    if not all(len(text) <= DIGITS_MAX and NUMBER.fullmatch(text) for text in texts):
        return None
    keys = [encode_decimal(Decimal(text.decode() or "0")) for text in texts]
    width = max(map(len, keys), default=1)
    joined = b"".join([key.ljust(width, b"\0") for key in keys])
    matrix = np.frombuffer(joined, np.uint8).reshape(len(keys), width)
    return matrix, np.array([len(key) for key in keys], np.int64)
