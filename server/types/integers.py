"""int2, int4 and int8: whole numbers of two, four and eight bytes."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.types.columns import parse_plain
from server.types.errors import invalid_syntax, out_of_range, unpack
from server.types.facts import FACTS, define
from server.types.native import read_integers

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.columns import Encoded
    from server.types.type import TextStyle, Type
    from server.vector.column import Column

INTEGER: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*")
FEW_DIGITS: Final = {16: 5, 32: 10, 64: 19}
"""Fewer digits than these make no number that is too large."""


def parse_integer(text: str, sql_name: str, bits: int) -> int:
    """Read a whole number of that many bits."""
    if len(text) < FEW_DIGITS[bits] and text.isascii() and text.isdigit():
        return int(text)
    match = INTEGER.match(text)
    if match is None:
        raise invalid_syntax(sql_name, text)
    digits = match[1]
    # Longer than any value, and int() refuses or takes forever on thousands of digits.
    value = int(digits) if len(digits) < 40 or int(digits[:40].lstrip("+-0") or 0) == 0 else None
    if value is None or not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise out_of_range(sql_name, text)  # whatever comes behind: digits are read first
    if match.end() < len(text):
        raise invalid_syntax(sql_name, text)
    return value


def modifier_number(argument: Any) -> int:
    """An argument of a type: a number, or the words that stand for one."""
    return argument if isinstance(argument, int) else parse_integer(argument, "integer", 32)


def format_integer(value: int, _style: TextStyle) -> str:
    """Write the digits."""
    return str(value)


def format_integers(column: Column, _style: TextStyle) -> Encoded:
    """Write every row of a column of whole numbers."""
    values = column.values.tolist()
    if column.valid is None:
        return [b"%d" % value for value in values]
    return [
        b"%d" % value if valid else None
        for value, valid in zip(values, column.valid.tolist(), strict=True)
    ]


def send_fixed(dtype: str) -> Callable[[Column], Encoded]:
    """Binary output of a column of numbers, as big-endian numbers of that dtype."""
    width = np.dtype(dtype).itemsize

    def send_column(column: Column) -> Encoded:
        joined = column.values.astype(dtype).tobytes()
        rows: Encoded = [joined[at : at + width] for at in range(0, len(joined), width)]
        if column.valid is not None:
            for position in np.flatnonzero(~column.valid).tolist():
                rows[position] = None
        return rows

    return send_column


def _define_integer(name: str, code: str, bits: int) -> Type:
    form = struct.Struct("!" + code)
    sql_name = FACTS[name]["sql_name"]
    dtype = np.dtype(f"int{bits}")

    def parse(text: str, _modifier: int, _style: TextStyle) -> int:
        return parse_integer(text, sql_name, bits)

    return define(
        name,
        dtype=dtype,
        storage_kind=f"INT{bits}",
        parse=parse,
        format=format_integer,
        receive=lambda data, _modifier: unpack(form, data)[0],
        send=form.pack,
        format_column=format_integers,
        send_column=send_fixed(f">i{bits // 8}"),
        parse_column=parse_plain(lambda fields: read_integers(fields, bits), parse, dtype),
    )


INTEGER_TYPES: Final = (
    _define_integer("int2", "h", 16),
    _define_integer("int4", "i", 32),
    _define_integer("int8", "q", 64),
)
