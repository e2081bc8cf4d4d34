"""Numerics that all show as many digits after the point, as int64: out of texts, to texts and binary forms.

Rule 1: `read_even` gives a scale only if each text is what numeric's output function writes of a number that has just
        that scale.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Encoded = list[bytes | None]

SCALE_MAX: Final = 9
"""So that the product of two can be kept as well."""
DIGITS_MAX: Final = 18
PLAIN: Final = re.compile(rb"-?([0-9]+)(?:\.([0-9]{1,9}))?")


def read_even(texts: Sequence[bytes]) -> tuple[Values, int] | None:
    """The numbers times 10**scale, and their scale; empty texts are 0. None: they differ in scale, or are large."""
    scale: int | None = None
    values = np.zeros(len(texts), np.int64)
    for row, text in enumerate(texts):
        if not text:
            continue
        match = PLAIN.fullmatch(text)
        if match is None:
            return None
        fraction = match[2] or b""
        if scale is None:
            scale = len(fraction)
        if len(fraction) != scale or len(match[1]) + scale > DIGITS_MAX:
            return None
        values[row] = int(text.replace(b".", b""))
    return None if scale is None else (values, scale)


def write_even(values: Values, valid: Mask | None, scale: int) -> Encoded:
    """The texts of numbers that are kept as multiples of 10**-scale."""
    if scale == 0:
        rows: Encoded = [b"%d" % value for value in values.tolist()]
    else:
        width = scale + 1
        texts = [b"%0*d" % (width + (value < 0), value) for value in values.tolist()]
        rows = [b"%b.%b" % (text[:-scale], text[-scale:]) for text in texts]
    if valid is not None:
        for position in np.flatnonzero(~valid).tolist():
            rows[position] = None
    return rows


def send_even(values: Values, valid: Mask | None, scale: int) -> Encoded:
    """The same in the binary form."""
    texts = write_even(values, valid, scale)
    return [None if text is None else send_digits(text.decode()) for text in texts]


def send_digits(text: str) -> bytes:
    """Encode a finite number given by its digits in full: base 10000, most significant first."""
    code = 0x4000 if text[0] == "-" else 0
    whole, _, fraction = text.lstrip("-").partition(".")
    whole = whole.lstrip("0")
    before = -(-len(whole) // 4)  # groups of four digits before the point
    after = -(-len(fraction) // 4)
    digits = whole.rjust(before * 4, "0") + fraction.ljust(after * 4, "0")
    groups = [int(digits[at : at + 4]) for at in range(0, len(digits), 4)]
    while groups and groups[-1] == 0:
        groups.pop()
    leading = 0
    while leading < len(groups) and groups[leading] == 0:
        leading += 1
    groups = groups[leading:]
    count = len(groups)
    weight = before - 1 - leading if groups else 0
    return struct.pack(f"!HhHH{count}H", count, weight, code, len(fraction), *groups)
