"""Order-preserving bytes for values inside keys: the items of arrays, the fields of records.

Rule 1: the bytes of two parts order as the parts do, and none is the beginning of another.
Rule 2: a part is what Type.key_value gives: int, float, bool, bytes or Decimal.
"""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.types.type import Type, Value

KeyPart = int | float | bool | bytes | Decimal
INT8: Final = struct.Struct(">Q")
FLOAT8: Final = struct.Struct(">d")
SIGN: Final = 1 << 63
ALL: Final = (1 << 64) - 1
EXPONENT_BIAS: Final = 1 << 31
FLIPPED: Final = bytes(255 - byte for byte in range(256))
END: Final = b"\x00"
ITEM: Final = b"\x01"
NULL: Final = b"\x02"


def key_of(type_: Type, value: Value) -> KeyPart:
    """Give the part of an index key that stands for a value."""
    if type_.key_value is not None:
        part: KeyPart = type_.key_value(value)
        return part
    stored: KeyPart = value if type_.store_value is None else type_.store_value(value, -1)
    return stored


def sort_key_of(type_: Type, value: Value) -> Any:
    """Give what Python orders as the type does."""
    return value if type_.sort_key is None else type_.sort_key(value)


def ordered_list(parts: Iterable[KeyPart | None]) -> bytes:
    """Join parts so that lists order item by item, a shorter one first, NULL above all."""
    return b"".join(NULL if part is None else ITEM + ordered(part) for part in parts) + END


def ordered(part: KeyPart) -> bytes:
    """Encode one part."""
    return ENCODERS[type(part)](part)


def _integer(part: KeyPart) -> bytes:
    assert isinstance(part, int)
    return INT8.pack(part + SIGN & ALL)


def _float(part: KeyPart) -> bytes:
    assert isinstance(part, float)
    if math.isnan(part):
        return b"\xff" * 8
    bits: int = INT8.unpack(FLOAT8.pack(part + 0.0))[0]  # -0.0 + 0.0 is 0.0
    return INT8.pack(bits ^ (ALL if bits & SIGN else SIGN))


def _bytes(part: KeyPart) -> bytes:
    assert isinstance(part, bytes)
    return part.replace(b"\0", b"\0\xff") + b"\0\0"


def _decimal(part: KeyPart) -> bytes:
    assert isinstance(part, Decimal)
    if not part.is_finite():
        return b"\x05" if part.is_nan() else b"\x04" if part > 0 else b"\x00"
    if not part:
        return b"\x02"
    sign, digits, _ = part.as_tuple()
    significant = bytes(digit + 1 for digit in digits).lstrip(b"\1").rstrip(b"\1")
    body = struct.pack(">I", part.adjusted() + EXPONENT_BIAS) + significant + END
    return b"\x01" + body.translate(FLIPPED) if sign else b"\x03" + body


ENCODERS: Final[dict[type, Callable[[KeyPart], bytes]]] = {
    bool: _integer,
    int: _integer,
    float: _float,
    bytes: _bytes,
    Decimal: _decimal,
}
