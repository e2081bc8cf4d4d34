"""numeric: exact decimal numbers of any size, and NaN and the infinities.

Rule 1: the exponent of the Decimal is minus the display scale, hence never positive; there is no
        negative zero.
Rule 2: arithmetic on Decimals goes through EXACT: the context of the thread would round to 28
        digits.
Rule 3: numeric(p,s) with p <= 18 and s >= 0 is kept as int64, value times 10**s, NaN as the least
        int64; a column of them has a scale unless it has a NaN. Every other numeric is kept as its
        text; a column of those has a scale where they all show as many digits, and few.
"""

from __future__ import annotations

import re
import struct
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import (
    InvalidBinaryRepresentation,
    InvalidParameterValue,
    NumericValueOutOfRange,
)
from server.types.columns import column_of, encode_rows, finish_plain, object_array
from server.types.errors import incorrect_format, insufficient_data, invalid_syntax
from server.types.even_numbers import send_digits
from server.types.facts import define
from server.types.integers import modifier_number
from server.types.native import read_even, read_numbers, read_scaled, send_even, write_even
from server.types.text import OBJECTS
from server.types.type import PLAIN_STYLE
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.types.columns import Encoded
    from server.types.type import TextStyle
    from server.vector.column import Mask, Values

WHOLE_DIGITS_MAX: Final = 131072
SCALE_MAX: Final = 16383
PRECISION_MAX: Final = 1000
MODIFIER_OFFSET: Final = 4
SCALED_PRECISION_MAX: Final = 18
NAN_STORED: Final = -(1 << 63)

EXACT: Final = Context(
    prec=WHOLE_DIGITS_MAX + 2 * SCALE_MAX,
    rounding=ROUND_HALF_UP,  # ties away from zero
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    traps=[InvalidOperation],
)
NAN: Final = Decimal("NaN")
INFINITY: Final = Decimal("Infinity")
ZERO: Final = Decimal(0)

NUMBER: Final = re.compile(
    r"[ \t\n\v\f\r]*(?:(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<word>nan|[+-]?inf(?:inity)?))[ \t\n\v\f\r]*",
    re.IGNORECASE,
)

PLAIN: Final = re.compile(r"-?[0-9]{1,100}(?:\.[0-9]{1,100})?")
"""What every number looks like that is in row form as soon as it is a Decimal."""


def parse_numeric(text: str, modifier: int, _style: TextStyle) -> Decimal:
    """Read a number, NaN or an infinity."""
    if PLAIN.fullmatch(text):
        value = Decimal(text)
        return coerce_numeric(value or value.copy_abs(), modifier)
    match = NUMBER.fullmatch(text)
    if match is None:
        raise invalid_syntax("numeric", text)
    if match["word"]:
        value = Decimal(match["word"])
    else:
        try:
            value = normal(Decimal(match["number"]))
        except InvalidOperation:
            raise _overflow() from None
    return coerce_numeric(value, modifier)


def normal(value: Decimal) -> Decimal:
    """Bring a finite number into row form; refuses one too large for PostgreSQL's format."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent > 0:
        if value and value.adjusted() >= WHOLE_DIGITS_MAX:
            raise _overflow()
        value = value.quantize(ZERO, context=EXACT) if value else ZERO
    elif value.adjusted() >= WHOLE_DIGITS_MAX or -exponent > SCALE_MAX:
        raise _overflow()
    return value or value.copy_abs()


def _overflow() -> NumericValueOutOfRange:
    return NumericValueOutOfRange("value overflows numeric format")


def format_numeric(value: Decimal, _style: TextStyle) -> str:
    """Write all digits of the display scale."""
    text = str(value)  # several times as fast as with a format
    return f"{value:f}" if "E" in text else text


def modifier_in(arguments: tuple[Any, ...]) -> int:
    """Pack precision and scale."""
    if len(arguments) not in {1, 2}:
        raise InvalidParameterValue("invalid NUMERIC type modifier")
    precision, scale = (*map(modifier_number, arguments), 0)[:2]
    if not 1 <= precision <= PRECISION_MAX:
        raise InvalidParameterValue(
            f"NUMERIC precision {precision} must be between 1 and {PRECISION_MAX}"
        )
    if not -PRECISION_MAX <= scale <= PRECISION_MAX:
        raise InvalidParameterValue(
            f"NUMERIC scale {scale} must be between -{PRECISION_MAX} and {PRECISION_MAX}"
        )
    return numeric_modifier(precision, scale)


def numeric_modifier(precision: int, scale: int) -> int:
    """Pack a precision and a scale that are known to be valid."""
    return (precision << 16 | scale & 0x7FF) + MODIFIER_OFFSET


def precision_and_scale(modifier: int) -> tuple[int, int] | None:
    """Unpack a modifier; None where there is none."""
    if modifier < MODIFIER_OFFSET:
        return None
    packed = modifier - MODIFIER_OFFSET
    return packed >> 16 & 0xFFFF, (packed & 0x7FF ^ 1024) - 1024


def modifier_out(modifier: int) -> str:
    """Write precision and scale in parentheses."""
    limits = precision_and_scale(modifier)
    return "" if limits is None else f"({limits[0]},{limits[1]})"


def coerce_numeric(value: Decimal, modifier: int, _explicit: bool = False) -> Decimal:
    """Round to the scale; refuses what needs more digits than the precision."""
    limits = precision_and_scale(modifier)
    if limits is None or value.is_nan():
        return value
    precision, scale = limits
    if value.is_infinite():
        raise NumericValueOutOfRange(
            "numeric field overflow",
            detail=f"A field with precision {precision}, scale {scale} cannot hold "
            "an infinite value.",
        )
    rounded = round_to(value, scale)
    if rounded and rounded.adjusted() >= precision - scale:
        raise numeric_overflow(precision, scale)
    return rounded


def numeric_overflow(precision: int, scale: int) -> NumericValueOutOfRange:
    """Make the error for a number that needs more digits than a field has."""
    limit = f"10^{precision - scale}" if precision != scale else "1"
    return NumericValueOutOfRange(
        "numeric field overflow",
        detail=f"A field with precision {precision}, scale {scale} must round to "
        f"an absolute value less than {limit}.",
    )


def round_to(value: Decimal, scale: int) -> Decimal:
    """Round a finite number to so many digits after the point, or before it when negative."""
    rounded = value.quantize(Decimal((0, (1,), -scale)), context=EXACT)
    if scale < 0:
        rounded = rounded.quantize(ZERO, context=EXACT)
    return rounded or rounded.copy_abs()


# The binary form: base 10000 digits, most significant first.
HEADER: Final = struct.Struct("!HhHH")  # digit count, weight, sign, display scale
SIGNS: Final = {0x0000: 0, 0x4000: 1}
SPECIAL: Final = {0xC000: NAN, 0xD000: INFINITY, 0xF000: INFINITY.copy_negate()}


def send_numeric(value: Decimal) -> bytes:
    """Encode as numeric_send does."""
    if not value.is_finite():
        code = 0xC000 if value.is_nan() else 0xD000 if value > 0 else 0xF000
        # The scale of an infinity means nothing; PostgreSQL sends this one.
        return HEADER.pack(0, 0, code, 0 if value.is_nan() else 0x20)
    return send_digits(f"{value:f}")


def receive_numeric(data: bytes, modifier: int) -> Decimal:
    """Decode as numeric_recv does."""
    if len(data) < HEADER.size:
        raise insufficient_data()
    count, weight, code, scale = HEADER.unpack_from(data)
    if code not in SIGNS and code not in SPECIAL:
        raise InvalidBinaryRepresentation('invalid sign in external "numeric" value')
    if scale > SCALE_MAX:
        raise InvalidBinaryRepresentation('invalid scale in external "numeric" value')
    if len(data) < HEADER.size + 2 * count:
        raise insufficient_data()
    if len(data) > HEADER.size + 2 * count:
        raise incorrect_format()
    groups = struct.unpack_from(f"!{count}H", data, HEADER.size)
    if any(group > 9999 for group in groups):
        raise InvalidBinaryRepresentation('invalid digit in external "numeric" value')
    if code in SPECIAL:
        return coerce_numeric(SPECIAL[code], modifier)
    digits = "".join(f"{group:04d}" for group in groups) or "0"
    exact = Decimal(f"{'-' if code else ''}{digits}e{(weight - count + 1) * 4 if groups else 0}")
    if exact and exact.adjusted() >= WHOLE_DIGITS_MAX:
        raise _overflow()
    cut = exact.quantize(Decimal((0, (1,), -scale)), rounding="ROUND_DOWN", context=EXACT)
    return coerce_numeric(cut or cut.copy_abs(), modifier)


# Storage and columns.


def scaled_by(modifier: int) -> int | None:
    """Give the scale of values kept as int64, None for those kept as text."""
    limits = precision_and_scale(modifier)
    if limits is None or limits[0] > SCALED_PRECISION_MAX or limits[1] < 0:
        return None
    return limits[1]


def storage_kind_of(modifier: int) -> str:
    """Tell how numerics of that modifier are kept."""
    return "BYTES" if scaled_by(modifier) is None else "INT64"


def store_value(value: Decimal, modifier: int) -> int | bytes:
    """Give storage one value."""
    scale = scaled_by(modifier)
    if scale is None:
        return format_numeric(value, PLAIN_STYLE).encode()
    return NAN_STORED if value.is_nan() else int(value.scaleb(scale, EXACT))


def load_value(stored: int | bytes, modifier: int) -> Decimal:
    """Take one value from storage."""
    scale = scaled_by(modifier)
    if scale is None:
        assert isinstance(stored, bytes)
        return Decimal(stored.decode())
    return NAN if stored == NAN_STORED else decimal_of(int(stored), scale)


def decimal_of(scaled: int, scale: int) -> Decimal:
    """Divide by 10**scale, exactly."""
    return Decimal(scaled).scaleb(-scale, EXACT)


def to_storage(column: Column, modifier: int) -> Values | list[bytes]:
    """Give storage a column."""
    scale = scaled_by(modifier)
    if scale is None:
        return [row or b"" for row in _format_column(column, None)]
    if column.scale is not None and column.scale <= scale:
        return column.values * np.int64(10 ** (scale - column.scale))
    if column.scale is not None:
        column = unscaled(column)
    stored = column.decoded().values.tolist()
    valid = column.validity().tolist()
    return np.array(
        [
            store_value(round_to_finite(value, scale), modifier) if ok else 0
            for value, ok in zip(stored, valid, strict=True)
        ],
        np.int64,
    )


def round_to_finite(value: Decimal, scale: int) -> Decimal:
    """Round what can be rounded."""
    return round_to(value, scale) if value.is_finite() else value


def from_storage(values: Any, valid: Mask | None, modifier: int) -> Column:
    """Take a column from storage."""
    scale = scaled_by(modifier)
    if scale is None:
        even = read_even(values) if type(values) is list else None
        if even is not None:
            return Column(even[0], valid, even[1])
        decimals = [Decimal(row.decode()) if row else ZERO for row in values]
        return Column(object_array(decimals), valid)
    not_numbers = values == NAN_STORED
    if not not_numbers.any():
        return Column(values, valid, scale)
    column = unscaled(Column(values, valid, scale))
    column.values[not_numbers] = NAN
    return column


def unscaled(column: Column) -> Column:
    """Turn a scaled column into one of Decimals."""
    if column.scale is None:
        return column
    scale = column.scale
    decimals = [decimal_of(value, scale) for value in column.values.tolist()]
    return Column(object_array(decimals), column.valid)


def _format_column(column: Column, _style: TextStyle | None) -> Encoded:
    if column.scale is None:
        return encode_rows(column, lambda value: format_numeric(value, PLAIN_STYLE).encode())
    return write_even(column.values, column.valid, column.scale)


def _send_column(column: Column) -> Encoded:
    if column.scale is None:
        return encode_rows(column, send_numeric)
    return send_even(column.values, column.valid, column.scale)


def _even_column(texts: Sequence[bytes | None]) -> Column | None:
    """The column of texts that all show as many digits, and few; None: some do not, or are no numbers."""
    if b"" in texts:
        return None
    even = read_even([text or b"" for text in texts])
    if even is None:
        return None
    valid = None
    if None in texts:
        valid = np.fromiter((text is not None for text in texts), np.bool_, len(texts))
    return Column(even[0], valid, even[1])


def _parse_column(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
    limits = precision_and_scale(modifier)
    if limits is None:
        even = _even_column(texts)
        if even is not None:
            return even
        found = read_numbers(list(texts))
        return finish_plain(found, texts, lambda text: parse_numeric(text, -1, style), OBJECTS)
    if scaled_by(modifier) is None:
        values = [
            None if text is None else parse_numeric(text.decode(), modifier, style)
            for text in texts
        ]
        return column_of(values, OBJECTS)

    def parse(text: str) -> int | bytes:
        return store_value(parse_numeric(text, modifier, style), modifier)

    column = finish_plain(read_scaled(list(texts), *limits), texts, parse, np.dtype(np.int64))
    return from_storage(column.values, column.valid, modifier)


def sort_key(value: Decimal) -> tuple[bool, Decimal]:
    """NaN is above every number and equal to itself."""
    return (True, ZERO) if value.is_nan() else (False, value)


NUMERIC_TYPES: Final = (
    define(
        "numeric",
        dtype=OBJECTS,
        storage_kind="BYTES",
        storage_kind_of=storage_kind_of,
        parse=parse_numeric,
        format=format_numeric,
        receive=receive_numeric,
        send=send_numeric,
        modifier_in=modifier_in,
        modifier_out=modifier_out,
        coerce=coerce_numeric,
        store_value=store_value,
        load_value=load_value,
        to_storage=to_storage,
        from_storage=from_storage,
        format_column=_format_column,
        send_column=_send_column,
        parse_column=_parse_column,
        sort_key=sort_key,
        key_value=lambda value: value,
    ),
)
