"""float4 and float8: IEEE numbers, printed with the fewest digits that read back the same.

PostgreSQL prints a number with an exponent where that is below -4, or at least 15 (float8) or 6
(float4).
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import NumericValueOutOfRange
from server.types.columns import Encoded, encode_rows, finish_plain, parse_plain
from server.types.errors import invalid_syntax, unpack
from server.types.facts import define
from server.types.integers import send_fixed
from server.types.native import read_floats
from server.types.numeric import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.types.type import TextStyle, Type
    from server.vector.column import Column

NUMBER: Final = re.compile(
    r"[ \t\n\v\f\r]*([+-]?)(?:"
    r"(?P<decimal>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<hex>0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?)"
    r"|(?P<word>nan|inf(?:inity)?))[ \t\n\v\f\r]*",
    re.IGNORECASE,
)
SPECIAL: Final = {math.inf: "Infinity", -math.inf: "-Infinity"}
FLOAT4: Final = struct.Struct("!f")
FLOAT8: Final = struct.Struct("!d")
FLOAT4_TIE_MASK: Final = (1 << 29) - 1  # the bits of double precision that single lacks
FLOAT4_TIE: Final = 1 << 28
TIES_BEGIN: Final = 2.0**53
FLOAT4_TIES_BEGIN: Final = 2.0**24
TIES_END: Final = 1e40
FLOAT4_TIES_END: Final = 1e20
FLOAT4_NORMAL_MIN: Final = 1.2e-38
FLOAT4_NEARLY_MAX: Final = 3.4e38
FLOAT8_DIGITS_MAX: Final = 17


def parse_float8(text: str, _modifier: int, _style: TextStyle) -> float:
    """Read a number of double precision."""
    return _parse(text, "double precision", float)


def parse_float4(text: str, _modifier: int, _style: TextStyle) -> float:
    """Read a number of single precision."""
    return _parse(text, "real", to_float4)


def _parse(text: str, sql_name: str, narrow: Any) -> float:
    match = NUMBER.fullmatch(text)
    if match is None:
        raise invalid_syntax(sql_name, text)
    if match["word"]:
        return float(match[1] + match["word"])
    written = match["decimal"] or match["hex"]
    try:
        exact = float(written) if match["decimal"] else float.fromhex(written)
        if narrow is to_float4 and match["decimal"]:
            exact = _towards(written, exact)
        value: float = narrow(exact)
    except OverflowError:
        value = math.inf
    vanished = value == 0 and any(digit in "123456789" for digit in _mantissa(written))
    if math.isinf(value) or vanished:
        raise NumericValueOutOfRange(f'"{text}" is out of range for type {sql_name}')
    return -value if match[1] == "-" else value


def _towards(written: str, exact: float) -> float:
    """Move a number that lies just between two of single precision to the side it came from."""
    bits = struct.unpack("<q", struct.pack("<d", exact))[0]
    if bits & FLOAT4_TIE_MASK != FLOAT4_TIE or math.isinf(exact):
        return exact
    difference = Decimal(written).compare(Decimal(exact), EXACT)
    return math.nextafter(exact, math.inf * int(difference)) if difference else exact


def _mantissa(written: str) -> str:
    return re.split("[pP]" if written[:2] in {"0x", "0X"} else "[eE]", written)[0]


def to_float4(value: float) -> float:
    """Round to single precision; a number beyond its range becomes infinite."""
    return float(FLOAT4.unpack(FLOAT4.pack(value))[0])


def format_float8(value: float, style: TextStyle) -> str:
    """Write a number of double precision."""
    if value - value != 0:  # NaN or infinite
        return SPECIAL.get(value, "NaN")
    if style.extra_float_digits <= 0:
        return _general(value, 15 + style.extra_float_digits)
    text = repr(value)
    if "e" not in text and abs(value) < 1e15:
        return text.removesuffix(".0")
    if TIES_BEGIN < abs(value) < TIES_END and _is_tie(text, value, math.ulp(value)):
        text = _off_the_tie(value, float, math.ulp(value))
    return _arrange(*_digits_of(text), exponent_max=15)


def format_float4(value: float, style: TextStyle) -> str:
    """Write a number of single precision."""
    if value - value != 0:
        return SPECIAL.get(value, "NaN")
    if style.extra_float_digits <= 0:
        return _general(value, 6 + style.extra_float_digits)
    text = _float4_text(value)
    if FLOAT4_TIES_BEGIN < abs(value) < FLOAT4_TIES_END:
        ulp = float(np.spacing(np.float32(abs(value))))
        if _is_tie(text, value, ulp):
            text = _off_the_tie(value, to_float4, ulp)
    return _arrange(*_digits_of(text), exponent_max=6)


def _float4_text(value: float) -> str:
    """Give the fewest digits that read back; six are enough to tell whether fewer would do."""
    if FLOAT4_NORMAL_MIN < abs(value) < FLOAT4_NEARLY_MAX:
        for text in (f"{value:.5e}", f"{value:.6e}", f"{value:.7e}"):
            if FLOAT4.unpack(FLOAT4.pack(float(text)))[0] == value:
                return text
        return f"{value:.8e}"
    return np.format_float_scientific(np.float32(value))


def _is_tie(text: str, value: float, ulp: float) -> bool:
    """Tell whether the text lies just between two numbers and reads back only by rounding to even.

    PostgreSQL does not take such digits: 1e23 is 9.999999999999999e+22. Only digits of a number
    above TIES_BEGIN are ever short enough for that.
    """
    distance = abs(int(Decimal(text))) - abs(int(value))
    if distance < 0 and math.frexp(value)[0] in {0.5, -0.5}:
        ulp /= 2  # numbers lie closer below a power of two
    return abs(distance) * 2 == int(ulp)


def _off_the_tie(value: float, narrow: Callable[[float], float], ulp: float) -> str:
    """Give the fewest digits that read back as the value without a tie."""
    texts = (f"{value:.{digits}e}" for digits in range(FLOAT8_DIGITS_MAX))
    return next(
        text for text in texts if narrow(float(text)) == value and not _is_tie(text, value, ulp)
    )


def _general(value: float, digits: int) -> str:
    return f"{value:.{max(digits, 1)}g}"


def _digits_of(text: str) -> tuple[str, str, int]:
    """Split what repr prints: sign, digits without trailing zeros, exponent of the first."""
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole) - 1 if whole.strip("0") else len(digits) - len(fraction) - 1
    return sign, digits.rstrip("0") or "0", (leading if digits else 0) + int(exponent or 0)


def _arrange(sign: str, digits: str, exponent: int, exponent_max: int) -> str:
    if exponent < -4 or exponent >= exponent_max:
        point = "." if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{point}{digits[1:]}e{exponent:+03d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole


def _format_float8s(column: Column, style: TextStyle) -> Encoded:
    """Write a column; most numbers are what repr prints."""
    if style.extra_float_digits <= 0:
        return encode_rows(column, lambda value: format_float8(value, style).encode())

    def encode(value: float) -> bytes:
        if -1e15 < value < 1e15:
            text = repr(value)
            if "e" not in text:
                return (text.removesuffix(".0")).encode()
        return format_float8(value, style).encode()

    return encode_rows(column, encode)


def _parse_float4s(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
    """Read a column; what another rounding might change is read again by itself."""
    values, valid, others = read_floats(list(texts))
    with np.errstate(over="ignore", under="ignore"):
        narrow = values.astype(np.float32)
    tie = (values.view(np.int64) & FLOAT4_TIE_MASK) == FLOAT4_TIE
    unsure = tie | ~np.isfinite(narrow) | ((narrow == 0) & (values != 0))
    unsure[others] = True
    positions = np.flatnonzero(unsure & valid).tolist()
    dtype = np.dtype(np.float32)
    return finish_plain(
        (values, valid, positions), texts, lambda text: parse_float4(text, modifier, style), dtype
    )


def _sort_key(value: float) -> tuple[bool, float]:
    """NaN is above every number and equal to itself."""
    return (True, 0.0) if value != value else (False, value)


def _define_float(
    name: str, form: struct.Struct, parse: Any, format_value: Any, **codecs: Any
) -> Type:
    bits = form.size * 8
    return define(
        name,
        dtype=np.dtype(f"float{bits}"),
        storage_kind=f"FLOAT{bits}",
        parse=parse,
        format=format_value,
        receive=lambda data, _modifier: unpack(form, data)[0],
        send=form.pack,
        send_column=send_fixed(f">f{form.size}"),
        sort_key=_sort_key,
        **codecs,
    )


FLOAT_TYPES: Final = (
    _define_float("float4", FLOAT4, parse_float4, format_float4, parse_column=_parse_float4s),
    _define_float(
        "float8",
        FLOAT8,
        parse_float8,
        format_float8,
        format_column=_format_float8s,
        parse_column=parse_plain(read_floats, parse_float8, np.dtype(np.float64)),
    ),
)
