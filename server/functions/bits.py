"""bit and varbit: operators and functions over strings of 0 and 1."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    ArraySubscriptError,
    InvalidParameterValue,
    NumericValueOutOfRange,
    ProgramLimitExceeded,
    SubstringError,
)
from server.functions.collecting import Rows, gathering
from server.functions.declare import Behaviour, table
from server.types.bits import (
    BIT_COUNT_MAX,
    LENGTH_LIMIT,
    StringDataLengthMismatch,
    coerce_bit,
    coerce_varbit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext

INT4_LIMIT: Final = 1 << 31


def _of_number(number: int, size: int) -> str:
    return f"{number & (1 << size) - 1:0{size}b}" if size else ""


def _paired(word: str, combine: Callable[[int, int], int]) -> Callable[[str, str], str]:
    def compute(left: str, right: str) -> str:
        if len(left) != len(right):
            raise StringDataLengthMismatch(f"cannot {word} bit strings of different sizes")
        return _of_number(combine(int(left or "0", 2), int(right or "0", 2)), len(left))

    return compute


BIT_AND: Final = _paired("AND", int.__and__)
BIT_OR: Final = _paired("OR", int.__or__)
BIT_XOR: Final = _paired("XOR", int.__xor__)


def _not(bits: str) -> str:
    return bits.translate({ord("0"): "1", ord("1"): "0"})


def _left(bits: str, places: int) -> str:
    if places < 0:
        return _right(bits, -places)
    return bits[places:].ljust(len(bits), "0")


def _right(bits: str, places: int) -> str:
    if places < 0:
        return _left(bits, -places)
    return bits[: max(len(bits) - places, 0)].rjust(len(bits), "0")


def _negative_length() -> SubstringError:
    return SubstringError("negative substring length not allowed")


def _substring(bits: str, start: int, length: int | None = None) -> str:
    if length is None:
        return bits[max(start - 1, 0) :]
    if length < 0:
        raise _negative_length()
    return bits[max(start - 1, 0) : max(start - 1 + length, 0)]


def _position(bits: str, wanted: str) -> int:
    return bits.find(wanted) + 1 if bits else 0


def _overlay(bits: str, new: str, start: int, length: int | None = None) -> str:
    if start <= 0:
        raise _negative_length()
    size = len(new) if length is None else length
    if not -INT4_LIMIT <= start + size < INT4_LIMIT:
        raise NumericValueOutOfRange("integer out of range")
    return _substring(bits, 1, start - 1) + new + _substring(bits, start + size)


def _checked(bits: str, index: int) -> int:
    if not 0 <= index < len(bits):
        raise ArraySubscriptError(f"bit index {index} out of valid range (0..{len(bits) - 1})")
    return index


def _get_bit(bits: str, index: int) -> int:
    return int(bits[_checked(bits, index)])


def _set_bit(bits: str, index: int, new: int) -> str:
    at = _checked(bits, index)
    if new not in (0, 1):
        raise InvalidParameterValue("new bit must be 0 or 1")
    return f"{bits[:at]}{new}{bits[at + 1 :]}"


def _from_integer(number: int, size: int) -> str:
    if size > LENGTH_LIMIT:
        size = 1
    if size > BIT_COUNT_MAX:
        raise ProgramLimitExceeded(f"bit string length {size} exceeds what can be held in memory")
    return _of_number(number, size if size > 0 else 1)


def _to_integer(sql_name: str, size: int) -> Callable[[str], int]:
    def compute(bits: str) -> int:
        if len(bits) > size:
            raise NumericValueOutOfRange(f"{sql_name} out of range")
        number = int(bits or "0", 2)
        return number - (1 << size) if number >> (size - 1) else number

    return compute


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "and": ("Bits that are set in both.", BIT_AND, None),
    "or": ("Bits that are set in any.", BIT_OR, None),
    "xor": ("Bits that are set in one.", BIT_XOR, None),
    "not": ("Every bit turned.", _not, None),
    "left": ("Bits moved to the left.", _left, None),
    "right": ("Bits moved to the right.", _right, None),
    "cat": ("Both, one behind the other.", lambda left, right: left + right, None),
    "substring": ("Bits from a place on.", _substring, None),
    "cast bit": ("Cut or filled to a length, if that is asked for.", coerce_bit, None),
    "cast varbit": ("Cut to a length, if that is asked for.", coerce_varbit, None),
    "length": ("Number of bits.", len, None),
    "octets": ("Number of bytes that they fill.", lambda bits: -(-len(bits) // 8), None),
    "position": ("Where the other first stands; 0 for nowhere.", _position, None),
    "overlay": ("Bits replaced from a place on.", _overlay, None),
    "get": ("One bit.", _get_bit, None),
    "set": ("One bit changed.", _set_bit, None),
    "count": ("Number of bits that are set.", lambda bits: bits.count("1"), None),
    "from integer": ("The last bits of a number.", _from_integer, None),
    "to integer": ("The number that they show.", _to_integer("integer", 32), None),
    "to bigint": ("The number that they show.", _to_integer("bigint", 64), None),
}
TABLE: Final = """
1685 bit(bit, int4, bool) bit | cast bit | '1100', 2, true -> 11
1687 varbit(varbit, int4, bool) varbit | cast varbit | '1100', 2, true -> 11
1673 bitand(bit, bit) bit | and | '1100', '1010' -> 1000
1674 bitor(bit, bit) bit | or | '1100', '1010' -> 1110
1675 bitxor(bit, bit) bit | xor | '1100', '1010' -> 0110
1676 bitnot(bit) bit | not | '1100' -> 0011
1677 bitshiftleft(bit, int4) bit | left | '1101', 1 -> 1010
1678 bitshiftright(bit, int4) bit | right | '1101', 1 -> 0110
1679 bitcat(varbit, varbit) varbit | cat | '11', '0' -> 110
1680 substring(bit, int4, int4) bit | substring | '11010', 2, 3 -> 101
1699 substring(bit, int4) bit | substring | '11010', 2 -> 1010
1681 length(bit) int4 | length | '11010' -> 5
1812 bit_length(bit) int4 | length | '11010' -> 5
1682 octet_length(bit) int4 | octets | '1101011011' -> 2
1698 position(bit, bit) int4 | position | '11010', '01' -> 3
3030 overlay(bit, bit, int4, int4) bit | overlay | '11111', '00', 2, 3 -> 1001
3031 overlay(bit, bit, int4) bit | overlay | '11111', '00', 2 -> 10011
3032 get_bit(bit, int4) int4 | get | '1101', 2 -> 0
3033 set_bit(bit, int4, int4) bit | set | '1101', 2, 1 -> 1111
6162 bit_count(bit) int8 | count | '1101' -> 3
1683 bit(int4, int4) bit | from integer | 5, 4 -> 0101
2075 bit(int8, int4) bit | from integer | -1, 4 -> 1111
1684 int4(bit) int4 | to integer | '101' -> 5
2076 int8(bit) int8 | to bigint | '101' -> 5
"""
FUNCTIONS: Final = table(TABLE, BEHAVIOURS)


def _folded(combine: Callable[[str, str], str]) -> Callable[[CallContext, Rows], Any]:
    def fold(_call: CallContext, rows: Rows) -> str | None:
        values = [value for (value,) in rows if value is not None]
        return reduce(combine, values) if values else None

    return fold


AGGREGATES: Final = (
    gathering("2242 bit_and(bit) bit", _folded(BIT_AND), "Bits that are set in all."),
    gathering("2243 bit_or(bit) bit", _folded(BIT_OR), "Bits that are set in any."),
    gathering("6167 bit_xor(bit) bit", _folded(BIT_XOR), "Bits that are set in an odd number."),
)
