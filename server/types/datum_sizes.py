"""How many bytes PostgreSQL gives to a value in a table: what widths of columns are told in.

Rule 1: a value of variable length has a header of one byte up to 126 bytes, of four bytes above.
Rule 2: a size is a size of a plain value: nothing is compressed or kept elsewhere.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.types.array import Array
from server.types.geometry import Path, Polygon
from server.types.jsonb import Jsonb
from server.types.network import Inet
from server.types.range import Range
from server.types.record import Record
from server.types.tsvector import TsVector, vector_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.jsonb import JsonValue
    from server.types.type import Type

CSTRING: Final = -2
BITS: Final = (1560, 1562)
ROW_HEADER: Final = 23
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
    payload = payload_size(kind, value, element)
    return payload + (1 if payload <= SHORT_MAX else LONG_HEADER)


def computed_size(kind: Type, value: Any, element: Type | None = None) -> int:
    """The bytes of a value that no row has: its header is long."""
    if kind.length > 0:
        return kind.length
    if kind.length == CSTRING:
        return len(str(value).encode()) + 1
    return payload_size(kind, value, element) + LONG_HEADER


def payload_size(kind: Type, value: Any, element: Type | None = None) -> int:
    """The bytes of a value of variable length without its header."""
    if kind.oid in BITS:
        return LONG_HEADER + -(-len(value) // 8)
    if isinstance(value, Array):
        return _array_size(value, element)
    measure = PAYLOADS.get(type(value))
    return len(str(value).encode()) if measure is None else measure(value)


def _record_size(value: Record) -> int:
    """The header of a row, with a bit for each field where one is NULL, and the fields, each at its alignment."""
    nulls = -(-len(value) // 8) if None in value else 0
    size = _aligned(ROW_HEADER + nulls, 8)
    for kind, item in zip(value.types, value, strict=True):
        if item is not None:
            size = _placed(size, kind, item)
    return size - LONG_HEADER


def _placed(size: int, kind: Type, value: Any) -> int:
    """The size with one more value behind; one with a short header needs no alignment."""
    added = stored_size(kind, value)
    is_short = kind.length < 0 and added <= SHORT_MAX + 1
    return (size if is_short else _aligned(size, ALIGNMENTS[kind.alignment])) + added


def _range_size(value: Range) -> int:
    """The type's OID, the bounds there are, and a byte that says which."""
    size = 2 * LONG_HEADER
    for bound in (value.lower, value.upper):
        if bound is not None:
            size = _placed(size, value.kind.subtype, bound)
    return size + 1 - LONG_HEADER


def _json_size(value: JsonValue) -> int:
    """A jsonb; a value that stands alone is kept as the only one of an array."""
    return _json_container(value if isinstance(value, list | dict) else [value], 0)


def _json_container(value: list[Any] | dict[str, Any], at: int) -> int:
    """Where a container that begins at some place ends: a word for all, one for each key and value, then these."""
    if isinstance(value, dict):
        at += LONG_HEADER * (1 + 2 * len(value)) + sum(len(key.encode()) for key in value)
        items = list(value.values())
    else:
        at += LONG_HEADER * (1 + len(value))
        items = value
    for item in items:
        if isinstance(item, str):
            at += len(item.encode())
        elif isinstance(item, Decimal):
            at = _aligned(at, LONG_HEADER) + LONG_HEADER + _numeric_size(item)
        elif isinstance(item, list | dict):
            at = _json_container(item, _aligned(at, LONG_HEADER))
    return at


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
    from server.types.registry import TYPE_BY_OID

    element = element or TYPE_BY_OID.get(value.element)
    dimensions = len(value.dimensions)
    size = ARRAY_FIXED + 2 * LONG_HEADER * dimensions
    if None in value.items:
        size = _aligned(size + -(-len(value.items) // 8), 8)
    unit = ALIGNMENTS[element.alignment] if element is not None else LONG_HEADER
    for item in value.items:
        if item is not None:
            size = _aligned(size + _item_size(item, element), unit)
    return size - LONG_HEADER


def _item_size(item: Any, element: Type | None) -> int:
    if element is not None and element.length > 0:
        return element.length
    if element is None:
        return len(str(item).encode()) + LONG_HEADER
    return payload_size(element, item) + LONG_HEADER


def _aligned(size: int, unit: int) -> int:
    return -(-size // unit) * unit


PAYLOADS: Final[dict[type, Callable[[Any], int]]] = {
    str: lambda value: len(value.encode()),
    bytes: len,
    Decimal: _numeric_size,
    Record: _record_size,
    Range: _range_size,
    Jsonb: lambda value: _json_size(value.value),
    Inet: lambda value: 2 + len(value.address),
    Path: lambda value: 12 + 16 * len(value.points),
    Polygon: lambda value: 36 + 16 * len(value.points),
    TsVector: lambda value: vector_bytes(value) - LONG_HEADER,
}
"""What is measured exactly, by the class of its values."""
