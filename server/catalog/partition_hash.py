"""Hash partitioning: PostgreSQL's extended hash functions, so that rows fall where they fall there.

Rule 1: a key's hash is PostgreSQL's to the bit: what was dumped from a partition there belongs into the
        same partition here.
Rule 2: types without a function here cannot be hash keys; nobody is given a hash of our own making.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from server.types.type import Type, Value

SEED: Final = 0x7A5B22367996DCFD
WORD: Final = 0xFFFFFFFF
LONG: Final = 0xFFFFFFFFFFFFFFFF
GOLDEN: Final = 0x9E3779B9
COMBINE: Final = 0x49A0F4DD15E5A8E3


def _rotate(value: int, count: int) -> int:
    return ((value << count) | (value >> (32 - count))) & WORD


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Bob Jenkins's reversible mixing of three words."""
    a = (a - c & WORD) ^ _rotate(c, 4)
    c = c + b & WORD
    b = (b - a & WORD) ^ _rotate(a, 6)
    a = a + c & WORD
    c = (c - b & WORD) ^ _rotate(b, 8)
    b = b + a & WORD
    a = (a - c & WORD) ^ _rotate(c, 16)
    c = c + b & WORD
    b = (b - a & WORD) ^ _rotate(a, 19)
    a = a + c & WORD
    c = (c - b & WORD) ^ _rotate(b, 4)
    b = b + a & WORD
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int, int]:
    c = (c ^ b) - _rotate(b, 14) & WORD
    a = (a ^ c) - _rotate(c, 11) & WORD
    b = (b ^ a) - _rotate(a, 25) & WORD
    c = (c ^ b) - _rotate(b, 16) & WORD
    a = (a ^ c) - _rotate(c, 4) & WORD
    b = (b ^ a) - _rotate(a, 14) & WORD
    c = (c ^ b) - _rotate(b, 24) & WORD
    return a, b, c


def _start(length: int, seed: int) -> tuple[int, int, int]:
    first = GOLDEN + length + 3923095 & WORD
    a = b = c = first
    if seed:
        a, b, c = _mixed(a + (seed >> 32) & WORD, b + (seed & WORD) & WORD, c)
    return a, b, c


def hash_word(value: int, seed: int = SEED) -> int:
    """hash_bytes_uint32_extended: the hash of a 32 bit word."""
    a, b, c = _start(4, seed)
    a, b, c = _final(a + (value & WORD) & WORD, b, c)
    return b << 32 | c


def hash_bytes(data: bytes, seed: int = SEED) -> int:
    """hash_bytes_extended: the hash of bytes."""
    a, b, c = _start(len(data), seed)
    place = 0
    while len(data) - place >= 12:
        x, y, z = struct.unpack_from("<III", data, place)
        a, b, c = _mixed(a + x & WORD, b + y & WORD, c + z & WORD)
        place += 12
    # The lowest byte of c is reserved for the length.
    rest = data[place:]
    x, y = struct.unpack("<II", rest[:8].ljust(8, b"\0"))
    z = int.from_bytes(rest[8:], "little") << 8
    a, b, c = _final(a + x & WORD, b + y & WORD, c + z & WORD)
    return b << 32 | c


def combine(left: int, right: int) -> int:
    """hash_combine64."""
    return left ^ (right + COMBINE + (left << 54 & LONG) + (left >> 7) & LONG)


def _int8(value: Any) -> int:
    low, high = value & WORD, value >> 32 & WORD
    return hash_word(low ^ (high if value >= 0 else ~high & WORD))


def _float8(value: Any) -> int:
    if value == 0:
        return SEED  # plus and minus zero are equal
    return hash_bytes(struct.pack("<d", float("nan") if value != value else value))


def _numeric(value: Any) -> int:
    """The base 10000 digits without zeros at either end, and the weight."""
    if value.is_nan() or value.is_infinite():
        return SEED
    if not value:
        return SEED - 1 & LONG
    weight, digits = _digits(value)
    hashed = hash_bytes(struct.pack(f"<{len(digits)}h", *digits))
    return hashed ^ (weight & LONG)


def _digits(value: Decimal) -> tuple[int, list[int]]:
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    shift = exponent % 4
    text += "0" * shift
    weight_of_last = (exponent - shift) // 4
    text = text.rjust(-(-len(text) // 4) * 4, "0")
    groups = [int(text[place : place + 4]) for place in range(0, len(text), 4)]
    weight = weight_of_last + len(groups) - 1
    while groups and not groups[-1]:
        groups.pop()
    while groups and not groups[0]:
        groups.pop(0)
        weight -= 1
    return weight, groups


def _text(value: Any) -> int:
    return hash_bytes(value.encode())


def _padded(value: Any) -> int:
    return hash_bytes(value.rstrip(" ").encode())


HASHES: Final[dict[str, Callable[[Any], int]]] = {
    "bool": lambda value: hash_word(int(value)),
    "int2": hash_word,
    "int4": hash_word,
    "int8": _int8,
    "oid": hash_word,
    "date": hash_word,
    "time": _int8,
    "timestamp": _int8,
    "timestamptz": _int8,
    "float4": _float8,
    "float8": _float8,
    "numeric": _numeric,
    "text": _text,
    "varchar": _text,
    "name": _text,
    "bpchar": _padded,
    "bytea": hash_bytes,
    "uuid": hash_bytes,
}
"""The hash function of values in row form, by the catalog name of the type."""


def is_hashable(kind: Type) -> bool:
    """Whether rows can be partitioned by the hash of values of a type."""
    return kind.name in HASHES


def row_hash(kinds: Sequence[Type], values: Sequence[Value | None]) -> int:
    """The hash of a key; NULLs count for nothing."""
    result = 0
    for kind, value in zip(kinds, values, strict=True):
        if value is not None:
            result = combine(result, HASHES[kind.name](value))
    return result
