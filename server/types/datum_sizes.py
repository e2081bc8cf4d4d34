"""How many bytes PostgreSQL gives to a value in a table: what widths of columns are told in.

Rule 1: a value of variable length has a header of one byte up to 126 bytes, of four bytes above.
Rule 2: a size is a size of a plain value: nothing is compressed or kept elsewhere.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.types.array import Array

if TYPE_CHECKING:
    from server.types.type import Type

SHORT_MAX: Final = 126
LONG_HEADER: Final = 4
ARRAY_FIXED: Final = 16  # header, number of dimensions, place of the values, type of the elements
ALIGNMENTS: Final = {"c": 1, "s": 2, "i": 4, "d": 8}
DIGIT_LENGTH: Final = 4  # decimal digits in one digit of a numeric
SHORT_SCALE_MAX: Final = 63
SHORT_WEIGHT: Final = range(-64, 64)


def stored_size(kind: Type, value: Any, element: Type | None = None) -> int:
    """The bytes of a value in a row."""
    if kind.length > 0:
        return kind.length
    payload = payload_size(value, element)
    return payload + (1 if payload < SHORT_MAX else LONG_HEADER)


def payload_size(value: Any, element: Type | None = None) -> int:
    """The bytes of a value of variable length without its header."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Decimal):
        return _numeric_size(value)
    if isinstance(value, Array):
        return _array_size(value, element)
    return len(str(value).encode())


def _numeric_size(value: Decimal) -> int:
    """Two bytes say sign, scale and weight of most numbers, four of the others; the rest is digits of four."""
    if not value.is_finite():
        return 2
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return 2 if scale <= SHORT_SCALE_MAX else LONG_HEADER
    whole = len(text) + exponent
    weight = (whole - 1) // DIGIT_LENGTH
    first = -whole % DIGIT_LENGTH  # zeros that fill up the first digit
    padded = ("0" * first + text).rstrip("0")
    count = -(-len(padded) // DIGIT_LENGTH)
    is_short = scale <= SHORT_SCALE_MAX and weight in SHORT_WEIGHT
    return (2 if is_short else LONG_HEADER) + 2 * count


def _array_size(value: Array, element: Type | None) -> int:
    dimensions = len(value.dimensions)
    size = ARRAY_FIXED + 2 * LONG_HEADER * dimensions
    if None in value.items:
        size = _aligned(size + -(-len(value.items) // 8), 8)
    unit = ALIGNMENTS[element.alignment] if element is not None else LONG_HEADER
    for item in value.items:
        if item is not None:
            size = _aligned(size, unit) + _item_size(item, element)
    return size - LONG_HEADER


def _item_size(item: Any, element: Type | None) -> int:
    if element is not None and element.length > 0:
        return element.length
    return payload_size(item) + LONG_HEADER


def _aligned(size: int, unit: int) -> int:
    return -(-size // unit) * unit
