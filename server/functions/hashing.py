"""PostgreSQL's hash functions of all types, to the bit.

Rule 1: a value's extended hash depends on the seed; its plain hash is the low half of that with seed 0.
Rule 2: equal values have equal hashes, whatever their type's = calls equal.
Rule 3: types without a function here have none in PostgreSQL either, but for those without values.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from server.errors import UndefinedFunction
from server.functions.orders import interval_key
from server.oids import FIRST_USER_OID
from server.types.network import FAMILY_OF, Inet

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from server.types.array import Array
    from server.types.jsonb import Jsonb
    from server.types.range import Multirange, Range
    from server.types.type import Type, Value

WORD: Final = 0xFFFFFFFF
LONG: Final = 0xFFFFFFFFFFFFFFFF
GOLDEN: Final = 0x9E3779B9


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


def hash_word(value: int, seed: int) -> int:
    """hash_bytes_uint32_extended: the hash of a 32 bit word."""
    a, b, c = _start(4, seed)
    a, b, c = _final(a + (value & WORD) & WORD, b, c)
    return b << 32 | c


def hash_bytes(data: bytes, seed: int) -> int:
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


def signed(number: int, bits: int) -> int:
    """The lowest bits of a number as one with a sign."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


def _int8(value: Any, seed: int) -> int:
    low, high = value & WORD, value >> 32 & WORD
    return hash_word(low ^ (high if value >= 0 else ~high & WORD), seed)


def _position(value: Any, seed: int) -> int:
    """A place in the log: its bits as those of a number with a sign."""
    return _int8(value - (LONG + 1) if value > LONG >> 1 else value, seed)


def _float8(value: Any, seed: int) -> int:
    if value == 0:
        return seed  # plus and minus zero are equal
    return hash_bytes(struct.pack("<d", float("nan") if value != value else value), seed)


def _numeric(value: Any, seed: int) -> int:
    """The base 10000 digits without zeros at either end, and the weight."""
    if value.is_nan() or value.is_infinite():
        return seed
    if not value:
        return seed - 1 & LONG
    weight, digits = _digits(value)
    hashed = hash_bytes(struct.pack(f"<{len(digits)}h", *digits), seed)
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


def _text(value: Any, seed: int) -> int:
    return hash_bytes(value.encode(), seed)


def _padded(value: Any, seed: int) -> int:
    return hash_bytes(value.rstrip(" ").encode(), seed)


def _char(value: Any, seed: int) -> int:
    """A "char" as a signed byte; the empty one is the zero byte."""
    byte = value.encode("latin-1", "replace")[0] if value else 0
    return hash_word(byte - 256 if byte > 127 else byte, seed)


def _timetz(value: Any, seed: int) -> int:
    us, seconds_west = value
    return _int8(us, seed) ^ hash_word(seconds_west, seed)


def _interval(value: Any, seed: int) -> int:
    span = interval_key(value) & LONG  # of a span beyond 64 bits, the lower ones are hashed
    return _int8(span - (LONG + 1) if span > LONG >> 1 else span, seed)


def _inet(value: Inet, seed: int) -> int:
    family = FAMILY_OF[len(value.address)]
    return hash_bytes(bytes((family, value.bits)) + value.address, seed)


def _tid(value: Any, seed: int) -> int:
    block, offset = value >> 16, value & 0xFFFF
    return hash_bytes(struct.pack("<HHH", block >> 16, block & 0xFFFF, offset), seed)


def _oids(value: Any, seed: int) -> int:
    return hash_bytes(struct.pack(f"<{len(value.items)}I", *value.items), seed)


def _rotated_halves(value: int) -> int:
    """Both 32 bit halves rotated by one bit."""
    return (value << 1 & 0xFFFFFFFEFFFFFFFE) | (value >> 31 & 0x0000000100000001)


ARRAY_MARK: Final = 0x40000000
OBJECT_MARK: Final = 0x20000000


def _jsonb(value: Jsonb, seed: int) -> int:
    """Marks of containers, and keys and values in order, each after a rotation."""
    content = value.value
    if content in ([], {}):
        return seed
    is_scalar = not isinstance(content, list | dict)
    return _json_part([content] if is_scalar else content, 0, seed)


def _json_part(part: Any, result: int, seed: int) -> int:
    if isinstance(part, list):
        result ^= ARRAY_MARK << 32 | ARRAY_MARK
        for item in part:
            result = _json_part(item, result, seed)
        return result
    if isinstance(part, dict):
        result ^= OBJECT_MARK << 32 | OBJECT_MARK
        for key, item in part.items():
            result = _rotated_halves(result) ^ _text(key, seed)
            result = _json_part(item, result, seed)
        return result
    return _rotated_halves(result) ^ _json_scalar(part, seed)


def _json_scalar(part: Any, seed: int) -> int:
    if part is None:
        return seed + 1 & LONG
    if isinstance(part, bool):
        if seed:
            return hash_word(int(part), seed)
        return 2 if part else 4
    return _text(part, seed) if isinstance(part, str) else _numeric(part, seed)


HASHES: Final[dict[str, Callable[[Any, int], int]]] = {
    "bool": lambda value, seed: hash_word(int(value), seed),
    "int2": hash_word,
    "int4": hash_word,
    "int8": _int8,
    "oid": hash_word,
    "xid": hash_word,
    "cid": hash_word,
    "date": hash_word,
    "time": _int8,
    "timestamp": _int8,
    "timestamptz": _int8,
    "timetz": _timetz,
    "interval": _interval,
    "float4": _float8,
    "float8": _float8,
    "numeric": _numeric,
    "text": _text,
    "varchar": _text,
    "name": _text,
    "bpchar": _padded,
    "char": _char,
    "bytea": hash_bytes,
    "uuid": hash_bytes,
    "macaddr": hash_bytes,
    "macaddr8": hash_bytes,
    "inet": _inet,
    "cidr": _inet,
    "pg_lsn": _position,
    "xid8": _int8,
    "tid": _tid,
    "oidvector": _oids,
    "jsonb": _jsonb,
}
"""The extended hash of values in row form and a seed, by the catalog name of the type."""


def hash_value(kind: Type, value: Value, seed: int, type_of: Callable[[int], Type]) -> int:
    """The extended hash of a value of any type; of a domain it is that of what it is over."""
    kind = kind.base or kind
    function = HASHES.get(kind.name) if kind.oid < FIRST_USER_OID else None
    if function is not None:
        return function(value, seed)
    if kind.kind == "e":
        assert kind.store_value is not None
        return hash_word(kind.store_value(value, -1), seed)
    if kind.kind == "r":
        return hash_range(value, seed, type_of)
    if kind.kind == "m":
        return hash_multirange(value, seed, type_of)
    if hasattr(value, "dimensions"):
        return hash_array(value, seed, type_of)
    if isinstance(value, tuple) and kind.category in "CP":
        return hash_record(value, kind, seed, type_of)
    word = "an extended" if seed else "a"
    raise UndefinedFunction(f"could not identify {word} hash function for type {kind.sql_name}")


def hash_array(value: Array, seed: int, type_of: Callable[[int], Type]) -> int:
    """The items' hashes, one after the other."""
    element = type_of(value.element)
    result = 1
    for item in value.items:
        hashed = 0 if item is None else hash_value(element, item, seed, type_of)
        result = (result << 5) - result + hashed & LONG
    return result


def hash_record(
    value: tuple[Any, ...], kind: Type, seed: int, type_of: Callable[[int], Type]
) -> int:
    """The fields' hashes, one after the other."""
    types = getattr(value, "types", None) or [reference.type for _, reference in kind.fields]
    result = 0
    for field, field_type in zip(value, types, strict=True):
        hashed = 0 if field is None else hash_value(field_type, field, seed, type_of)
        result = (result << 5) - result + hashed & LONG
    return result


def hash_range(value: Range, seed: int, type_of: Callable[[int], Type]) -> int:
    """The flags of a range and its bounds."""
    if value.is_empty:
        flags = 1
    else:
        flags = 2 * value.lower_inclusive | 4 * value.upper_inclusive
        flags |= 8 * (value.lower is None) | 16 * (value.upper is None)
    bounds = [
        0 if bound is None else hash_value(value.kind.subtype, bound, seed, type_of)
        for bound in (value.lower, value.upper)
    ]
    result = hash_word(flags, seed) ^ bounds[0]
    return _rotated_halves(result) ^ bounds[1]


def hash_multirange(value: Multirange, seed: int, type_of: Callable[[int], Type]) -> int:
    """The ranges' hashes, one after the other."""
    result = 1
    for each in value.ranges:
        result = (result << 5) - result + hash_range(each, seed, type_of) & LONG
    return result
