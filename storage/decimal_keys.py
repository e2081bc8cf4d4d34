"""Keys of many decimals at once: integers with a scale in common, as bytes that sort as the numbers do.

Rule 1: the bytes are those of keys.encode_decimal: a byte for the sign, the exponent of the first digit, pairs of
        digits without zeros behind the last one, and a zero; those of negative numbers are flipped behind the sign.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

EXPONENT_BIAS: Final = 1 << 23
DIGITS: Final = 18
"""Numbers of more digits are not encoded here."""
PAIRS: Final = DIGITS // 2
WIDTH: Final = 1 + 3 + PAIRS + 1
ZERO, NEGATIVE, POSITIVE = 2, 1, 3
POWERS: Final = 10 ** np.arange(DIGITS + 1, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class ScaledDecimals:
    """Decimals: whole numbers to be divided by 10**scale."""

    values: npt.NDArray[np.int64]
    scale: int

    def encoded(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | None:
        """A row of bytes for each, with zeros behind it, and its length; None: one has too many digits."""
        magnitudes = np.abs(self.values).view(np.uint64)
        if len(magnitudes) and int(magnitudes.max()) >= 10**DIGITS:
            return None
        digit_counts = np.searchsorted(POWERS, magnitudes, side="right")
        pairs = _pairs(magnitudes * POWERS[DIGITS - digit_counts])
        pair_counts = PAIRS - np.argmax(pairs[:, ::-1] != 0, axis=1)
        matrix = np.zeros((len(self.values), WIDTH), np.uint8)
        is_negative = self.values < 0
        matrix[:, 0] = np.where(is_negative, NEGATIVE, POSITIVE)
        exponents = (digit_counts - self.scale + EXPONENT_BIAS).astype(">u4")
        matrix[:, 1:4] = exponents.view(np.uint8).reshape(-1, 4)[:, 1:]
        is_there = np.arange(PAIRS) < pair_counts[:, np.newaxis]
        matrix[:, 4:-1] = (pairs + 1) * is_there
        lengths = pair_counts + WIDTH - PAIRS
        flipped = is_negative[:, np.newaxis] & (np.arange(WIDTH) < lengths[:, np.newaxis])
        flipped[:, 0] = False
        matrix[flipped] ^= 0xFF
        is_zero = self.values == 0
        matrix[is_zero] = 0
        matrix[is_zero, 0] = ZERO
        lengths[is_zero] = 1
        return matrix, lengths


def _pairs(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """The digits of numbers of 18 digits, two and two."""
    found = np.empty((len(numbers), PAIRS), np.uint8)
    for place in reversed(range(PAIRS)):
        numbers, last = np.divmod(numbers, np.uint64(100))
        found[:, place] = last
    return found
