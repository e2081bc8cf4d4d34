"""bit and varbit: strings of bits, as Python strings of 0 and 1."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    InvalidBinaryRepresentation,
    InvalidParameterValue,
    InvalidTextRepresentation,
    ProgramLimitExceeded,
    SqlError,
    StringDataRightTruncation,
)
from server.types.columns import send_each
from server.types.errors import incorrect_format, insufficient_data, invalid_modifier
from server.types.integers import modifier_number
from server.types.text import define_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import TextStyle, Type

LENGTH_MAX: Final = 83886080
HEADER: Final = struct.Struct("!i")
HEXADECIMAL: Final = "0123456789abcdef"
DECODED: Final = {digit: f"{value:04b}" for value, digit in enumerate(HEXADECIMAL)}


class StringDataLengthMismatch(SqlError, sqlstate="22026"):
    """string_data_length_mismatch."""


def parse_bits(text: str) -> str:
    """Read bits, behind B or nothing, or hexadecimal digits behind X."""
    if text[:1] in {"x", "X"}:
        return "".join(_four_bits(digit) for digit in text[1:])
    digits = text[1:] if text[:1] in {"b", "B"} else text
    wrong = digits.lstrip("01")
    if wrong:
        raise InvalidTextRepresentation(f'"{wrong[0]}" is not a valid binary digit')
    return digits


def _four_bits(digit: str) -> str:
    bits = DECODED.get(digit.lower())
    if bits is None:
        raise InvalidTextRepresentation(f'"{digit}" is not a valid hexadecimal digit')
    return bits


BIT_COUNT_MAX: Final = 1 << 27
LENGTH_LIMIT: Final = (1 << 31) - 1 - 8
"""Lengths beyond it are none that a value can have, and are not asked for."""


def coerce_bit(value: str, modifier: int, explicit: bool) -> str:
    """Refuse another length, unless the cast is explicit: then cut, or fill with zeros."""
    if not 1 <= modifier <= LENGTH_LIMIT or len(value) == modifier:
        return value
    if not explicit:
        raise StringDataLengthMismatch(
            f"bit string length {len(value)} does not match type bit({modifier})"
        )
    if modifier > BIT_COUNT_MAX:
        raise ProgramLimitExceeded(
            f"bit string length {modifier} exceeds what can be held in memory"
        )
    return value[:modifier].ljust(modifier, "0")


def coerce_varbit(value: str, modifier: int, explicit: bool) -> str:
    """Refuse what is too long, unless the cast is explicit: then cut."""
    if modifier < 1 or len(value) <= modifier:
        return value
    if not explicit:
        raise StringDataRightTruncation(f"bit string too long for type bit varying({modifier})")
    return value[:modifier]


def send_bits(value: str) -> bytes:
    """Write the number of bits and bytes full of them."""
    padded = value.ljust(-(-len(value) // 8) * 8, "0")
    return HEADER.pack(len(value)) + int(padded or "0", 2).to_bytes(len(padded) // 8)


def receive_bits(data: bytes) -> str:
    """Read the number of bits and bytes full of them."""
    if len(data) < HEADER.size:
        raise insufficient_data()
    length = HEADER.unpack_from(data)[0]
    if not 0 <= length <= LENGTH_MAX * 8:
        raise InvalidBinaryRepresentation("invalid length in external bit string")
    body = data[HEADER.size :]
    if len(body) < -(-length // 8):
        raise insufficient_data()
    if len(body) > -(-length // 8):
        raise incorrect_format()
    return "".join(f"{byte:08b}" for byte in body)[:length]


def _length_in(name: str) -> Callable[[tuple[Any, ...]], int]:
    def modifier_in(arguments: tuple[Any, ...]) -> int:
        if len(arguments) != 1:
            raise invalid_modifier()
        length = modifier_number(arguments[0])
        if length < 1:
            raise InvalidParameterValue(f"length for type {name} must be at least 1")
        if length > LENGTH_MAX:
            raise InvalidParameterValue(f"length for type {name} cannot exceed {LENGTH_MAX}")
        return length

    return modifier_in


def _define_bits(name: str, coerce: Callable[[str, int, bool], str]) -> Type:
    def parse(text: str, modifier: int, _style: TextStyle) -> str:
        return coerce(parse_bits(text), modifier, False)

    return define_text(
        name,
        parse=parse,
        receive=lambda data, modifier: coerce(receive_bits(data), modifier, False),
        send=send_bits,
        send_column=send_each(send_bits),
        coerce=coerce,
        modifier_in=_length_in(name),
        modifier_out=lambda modifier: f"({modifier})" if modifier >= 0 else "",
    )


BIT_TYPES: Final = (_define_bits("bit", coerce_bit), _define_bits("varbit", coerce_varbit))
