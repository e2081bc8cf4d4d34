"""numeric: operators, roundings and conversions, on Decimals and on scaled columns."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import (
    FeatureNotSupported,
    InvalidArgumentForWidthBucketFunction,
    NumericValueOutOfRange,
)
from server.functions import decimal_powers, quotients, roundings, scaled
from server.functions import numeric_math as exact
from server.functions.decimal_powers import ten_logarithm
from server.functions.declare import row
from server.functions.float_numerics import FloatNumerics
from server.functions.integer import BITS, SQL_NAMES, narrowed
from server.functions.near_decimals import product_kernel
from server.types.numeric import EXACT, NAN, round_to
from server.vector.column import Column
from server.vector.rows import constant_value, is_constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel

_BUCKETS_MAX: Final = (1 << 31) - 1
_FLOAT4, _FLOAT8 = FloatNumerics(6), FloatNumerics(15)
_FLOAT: Final = np.dtype(np.float64)


def _kernel(operation: Callable[[Column, Column], Column | None], row_form: Any) -> Kernel:
    """Scaled arithmetic where it is exact, else Decimals."""

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        result = operation(left, right)
        return scaled.by_rows(row_form, (left, right)) if result is None else result

    return kernel


def _sign_changed(change: Callable[[Any], Any], row_form: Any) -> Kernel:
    """The kernel of what leaves all but the sign."""

    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        return scaled.with_sign(column, change) or scaled.by_rows(row_form, (column,))

    return kernel


def _same_kernel(context: CallContext, column: Column, *, count: int) -> Column:
    return column


def _absolute(value: Decimal) -> Decimal:
    return value.copy_abs()


def _sign(value: Decimal) -> Decimal:
    if value.is_nan():
        return NAN
    return Decimal((value > 0) - (value < 0))


def _sign_kernel(context: CallContext, column: Column, *, count: int) -> Column:
    if column.scale is None:
        return scaled.by_rows(_sign, (column,))
    return Column(np.sign(column.values), column.valid, 0)


def _scale(value: Decimal) -> int | None:
    return exact.scale_of(value) if value.is_finite() else None


def _minimal_scale(value: Decimal) -> int | None:
    return max(exact.scale_of(value.normalize(EXACT)), 0) if value.is_finite() else None


def _trim_scale(value: Decimal) -> Decimal:
    scale = _minimal_scale(value)
    return value if scale is None else round_to(value, scale)


def _factorial(number: int) -> Decimal:
    if number < 0:
        raise NumericValueOutOfRange("factorial of a negative number is undefined")
    if number > 32177:
        raise exact.overflow()
    return Decimal(math.factorial(number))


def _gcd(left: Decimal, right: Decimal) -> Decimal:
    if not (left.is_finite() and right.is_finite()):
        return NAN
    scale = max(exact.scale_of(left), exact.scale_of(right))
    numbers = [int(value.scaleb(scale, EXACT)) for value in (left, right)]
    return exact.scaled(math.gcd(*numbers), scale)


def _lcm(left: Decimal, right: Decimal) -> Decimal:
    if not (left.is_finite() and right.is_finite()):
        return NAN
    scale = max(exact.scale_of(left), exact.scale_of(right))
    numbers = [int(value.scaleb(scale, EXACT)) for value in (left, right)]
    return exact.bounded(exact.scaled(math.lcm(*numbers), scale))


def _width_bucket(value: Decimal, low: Decimal, high: Decimal, count: int) -> int:
    if count <= 0:
        raise InvalidArgumentForWidthBucketFunction("count must be greater than zero")
    if value.is_nan() or low.is_nan() or high.is_nan():
        raise InvalidArgumentForWidthBucketFunction(
            "operand, lower bound, and upper bound cannot be NaN"
        )
    if low.is_infinite() or high.is_infinite():
        raise InvalidArgumentForWidthBucketFunction("lower and upper bounds must be finite")
    if low == high:
        raise InvalidArgumentForWidthBucketFunction("lower bound cannot equal upper bound")
    if value.is_infinite():
        return 0 if (value > 0) == (low > high) else _bucket(count + 1)
    ends = (value, low, high, low) if low < high else (low, value, low, high)
    distance, width = exact.subtract(*ends[:2]), exact.subtract(*ends[2:])
    if distance < 0:
        return 0
    if distance >= width:
        return _bucket(count + 1)
    part = exact.divide(exact.multiply(distance, Decimal(count)), width)
    return _bucket(int(part) + 1)  # which rounding may have made one too many


def _width_bucket_kernel(context: CallContext, *columns: Column, count: int) -> Column:
    """Buckets of scaled columns between bounds that are the same for all rows."""
    values, *others = (scaled.flat(column) for column in columns)
    if values.scale is not None and len(values) and all(map(is_constant, others)):
        low, high, number = [constant_value(column) for column in others]
        is_plain = low.is_finite() and high.is_finite() and low < high
        first, last = low.scaleb(values.scale, EXACT), high.scaleb(values.scale, EXACT)
        is_whole = is_plain and first == int(first) and last == int(last)
        if is_whole and 0 < number < _BUCKETS_MAX and _fits(values, first, last, number):
            start, stop = int(first), int(last)
            inside = np.clip(values.values, start, stop) - start
            buckets = inside * number // (stop - start) + 1
            buckets[values.values < start] = 0
            return Column(buckets.astype(np.int32), values.valid)
    return scaled.by_rows(_width_bucket, columns, np.dtype(np.int32))


_PRECISE: Final = 10**15
"""Quotients of smaller numbers are not rounded to whole ones."""


def _fits(values: Column, first: Decimal, last: Decimal, number: int) -> bool:
    """Whether what is computed of the values and bounds fits into 64 bits."""
    bounds = max(abs(first), abs(last))
    return scaled.magnitude(values.values) < 1 << 61 and (2 * bounds) * number < _PRECISE


def _bucket(number: int) -> int:
    if number >= 1 << 31:
        raise NumericValueOutOfRange("integer out of range")
    return number


# Conversions.


def to_integer(name: str) -> Callable[[Decimal], int]:
    """Make the conversion to an integer type: rounded half away from zero."""
    limit = 1 << BITS[name] - 1

    def convert(value: Decimal) -> int:
        if value.is_nan():
            raise FeatureNotSupported(f"cannot convert NaN to {SQL_NAMES[name]}")
        if value.is_infinite():
            raise FeatureNotSupported(f"cannot convert infinity to {SQL_NAMES[name]}")
        number = int(round_to(value, 0))
        if not -limit <= number < limit:
            raise NumericValueOutOfRange(f"{SQL_NAMES[name]} out of range")
        return number

    return convert


def _to_integer_kernel(name: str) -> Kernel:
    convert = to_integer(name)

    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        if column.scale is None:
            column = roundings.whole_numbers(column) or column
        if column.scale is None:
            return scaled.by_rows(convert, (column,), context.result.type.dtype)
        values = column.values
        if column.scale:
            unit = 10**column.scale
            away = np.where(values < 0, -1, 1)
            quotient = np.abs(values) // unit
            values = (quotient + (np.abs(values) - quotient * unit >= unit // 2)) * away
        return narrowed(values, column.valid, name)

    return kernel


def _from_integer_kernel(context: CallContext, column: Column, *, count: int) -> Column:
    return Column(column.values.astype(np.int64), column.valid, 0)


def _float_kernel(context: CallContext, column: Column, *, count: int) -> Column:
    found = scaled.floats(column, to_float)
    return found or scaled.by_rows(to_float, (column,), context.result.type.dtype)


def to_float(value: Decimal) -> float:
    """A numeric as a double; raises for one that is none."""
    number = float(value)
    if value.is_finite() and (math.isinf(number) or (not number and value)):
        raise NumericValueOutOfRange(f'"{value:f}" is out of range for type double precision')
    return number


def to_float4(value: Decimal) -> float:
    """A numeric as a real; raises for one that is none."""
    if not value.is_finite():
        return float(value)
    number = float(np.float32(float(value))) if abs(value) < Decimal("3.5e38") else math.inf
    if math.isinf(number) or (not number and value):
        raise NumericValueOutOfRange(f'"{value:f}" is out of range for type real')
    return number


def _modify(context: CallContext, value: Decimal, modifier: int) -> Decimal:
    coerce = context.result.type.coerce
    return value if coerce is None or modifier < 0 else coerce(value, modifier, True)


_ADD = _kernel(quotients.with_means(scaled.add), exact.add)
_SUBTRACT = _kernel(quotients.with_means(scaled.subtract), exact.subtract)
_MULTIPLY = product_kernel(_kernel(scaled.multiply, exact.multiply))
_DIVIDE: Final = _kernel(quotients.divide, exact.divide)
_REMAINDER: Final = _kernel(quotients.remainder, exact.remainder)
_ROOT: Final = decimal_powers.root_kernel(exact.square_root)
_POWER: Final = decimal_powers.power_kernel(exact.power)
_LOGARITHM: Final = decimal_powers.logarithm_kernel(exact.natural_logarithm, 0)
_TEN_LOGARITHM: Final = decimal_powers.logarithm_kernel(ten_logarithm, 10)
_CEILING, _FLOOR = exact.integral(ROUND_CEILING), exact.integral(ROUND_FLOOR)


def _truncate_whole(value: Decimal) -> Decimal:
    return exact.truncate_scale(value, 0)


FUNCTIONS: Final = (
    row(
        "1724 numeric_add(numeric, numeric) numeric",
        exact.add,
        "Sum.",
        "1.10, 2.205 -> 3.305",
        _ADD,
    ),
    row(
        "1725 numeric_sub(numeric, numeric) numeric",
        exact.subtract,
        "Difference.",
        "1, 2.50 -> -1.50",
        _SUBTRACT,
    ),
    row(
        "1726 numeric_mul(numeric, numeric) numeric",
        exact.multiply,
        "Product.",
        "1.10, 2.50 -> 2.7500",
        _MULTIPLY,
    ),
    row(
        "1727 numeric_div(numeric, numeric) numeric",
        exact.divide,
        "Quotient.",
        "10, 3 -> 3.3333333333333333",
        _DIVIDE,
    ),
    row(
        "1980 numeric_div_trunc(numeric, numeric) numeric",
        exact.divide_whole,
        "Whole quotient.",
        "7.5, 2 -> 3",
    ),
    row(
        "1973 div(numeric, numeric) numeric",
        exact.divide_whole,
        "Whole part of a quotient.",
        "-7.5, 2 -> -3",
        _kernel(quotients.divide_whole, exact.divide_whole),
    ),
    row(
        "1729 numeric_mod(numeric, numeric) numeric",
        exact.remainder,
        "Remainder.",
        "-7.5, 2 -> -1.5",
        _REMAINDER,
    ),
    row(
        "1728 mod(numeric, numeric) numeric",
        exact.remainder,
        "Remainder of a division.",
        "7.5, 2 -> 1.5",
        _REMAINDER,
    ),
    row(
        "1771 numeric_uminus(numeric) numeric",
        exact.negate,
        "The other sign.",
        "1.50 -> -1.50",
        _sign_changed(np.negative, exact.negate),
    ),
    row(
        "1915 numeric_uplus(numeric) numeric",
        lambda value: value,
        "The same.",
        "1.50 -> 1.50",
        _same_kernel,
    ),
    row(
        "1704 numeric_abs(numeric) numeric",
        _absolute,
        "Absolute value.",
        "-1.50 -> 1.50",
        _sign_changed(np.abs, _absolute),
    ),
    row(
        "1705 abs(numeric) numeric",
        _absolute,
        "Absolute value.",
        "-1.50 -> 1.50",
        _sign_changed(np.abs, _absolute),
    ),
    row(
        "1764 numeric_inc(numeric) numeric",
        lambda value: exact.add(value, exact.ONE),
        "Plus one.",
        "1.5 -> 2.5",
    ),
    row(
        "1706 sign(numeric) numeric",
        _sign,
        "-1, 0 or 1 by the sign.",
        "-8.4 -> -1",
        _sign_kernel,
    ),
    row("3281 scale(numeric) int4", _scale, "How many decimals are shown.", "8.4100 -> 4"),
    row(
        "5042 min_scale(numeric) int4",
        _minimal_scale,
        "How many decimals are needed.",
        "8.4100 -> 2",
    ),
    row(
        "5043 trim_scale(numeric) numeric", _trim_scale, "Cuts zeros at the end.", "8.4100 -> 8.41"
    ),
    row(
        "1707 round(numeric, int4) numeric",
        exact.round_scale,
        "Rounds to decimals.",
        "42.4382, 2 -> 42.44",
        roundings.round_kernel,
    ),
    row(
        "1708 round(numeric) numeric",
        roundings.round_whole,
        "Rounds to an integer.",
        "42.5 -> 43",
        roundings.round_whole_kernel,
    ),
    row(
        "1709 trunc(numeric, int4) numeric",
        exact.truncate_scale,
        "Cuts to decimals.",
        "42.4382, 2 -> 42.43",
        roundings.cut_kernel,
    ),
    row(
        "1710 trunc(numeric) numeric",
        _truncate_whole,
        "Cuts to an integer.",
        "-42.8 -> -42",
        quotients.whole_kernel(_truncate_whole, 0),
    ),
    *(
        row(
            f"{oid} {name}(numeric) numeric",
            _CEILING,
            "The next integer upwards.",
            "-42.8 -> -42",
            quotients.whole_kernel(_CEILING, 1),
        )
        for oid, name in ((1711, "ceil"), (2167, "ceiling"))
    ),
    row(
        "1712 floor(numeric) numeric",
        _FLOOR,
        "The next integer downwards.",
        "-42.8 -> -43",
        quotients.whole_kernel(_FLOOR, -1),
    ),
    row(
        "1730 sqrt(numeric) numeric",
        exact.square_root,
        "Square root.",
        "2 -> 1.414213562373095",
        _ROOT,
    ),
    row(
        "1731 numeric_sqrt(numeric) numeric",
        exact.square_root,
        "Square root.",
        "2.25 -> 1.500000000000000",
        _ROOT,
    ),
    row(
        "1732 exp(numeric) numeric", exact.exponential, "e to a power.", "1.0 -> 2.7182818284590452"
    ),
    row(
        "1733 numeric_exp(numeric) numeric",
        exact.exponential,
        "e to a power.",
        "2.0 -> 7.3890560989306502",
    ),
    row(
        "1734 ln(numeric) numeric",
        exact.natural_logarithm,
        "Natural logarithm.",
        "2.0 -> 0.6931471805599453",
        _LOGARITHM,
    ),
    row(
        "1735 numeric_ln(numeric) numeric",
        exact.natural_logarithm,
        "Natural logarithm.",
        "10 -> 2.3025850929940457",
        _LOGARITHM,
    ),
    row(
        "1736 log(numeric, numeric) numeric",
        exact.logarithm,
        "Logarithm to a base.",
        "2.0, 64.0 -> 6.0000000000000000",
    ),
    row(
        "1737 numeric_log(numeric, numeric) numeric",
        exact.logarithm,
        "Logarithm to a base.",
        "3, 81 -> 4.0000000000000000",
    ),
    row(
        "1741 log(numeric) numeric",
        ten_logarithm,
        "Logarithm to the base 10.",
        "100 -> 2.0000000000000000",
        _TEN_LOGARITHM,
    ),
    row(
        "1481 log10(numeric) numeric",
        ten_logarithm,
        "Logarithm to the base 10.",
        "1000 -> 3.0000000000000000",
        _TEN_LOGARITHM,
    ),
    row(
        "2169 power(numeric, numeric) numeric",
        exact.power,
        "Power.",
        "9, 3 -> 729.0000000000000000",
        _POWER,
    ),
    row(
        "1738 pow(numeric, numeric) numeric",
        exact.power,
        "Power.",
        "2, 0.5 -> 1.4142135623730950",
        _POWER,
    ),
    row(
        "1739 numeric_power(numeric, numeric) numeric",
        exact.power,
        "Power.",
        "2, -3 -> 0.1250000000000000",
        _POWER,
    ),
    row(
        "1376 factorial(int8) numeric", _factorial, "Product of all integers up to it.", "5 -> 120"
    ),
    row("5048 gcd(numeric, numeric) numeric", _gcd, "Greatest common divisor.", "1.2, 1.8 -> 0.6"),
    row("5049 lcm(numeric, numeric) numeric", _lcm, "Least common multiple.", "0.4, 0.6 -> 1.2"),
    row(
        "2170 width_bucket(numeric, numeric, numeric, int4) int4",
        _width_bucket,
        "Number of the equal part of a range that holds a value.",
        "5.35, 0.024, 10.06, 5 -> 3",
        _width_bucket_kernel,
    ),
    row(
        "1703 numeric(numeric, int4) numeric context beside",
        _modify,
        "Applies precision and scale.",
        "1.256, 655366 -> 1.26",
    ),
    *(
        row(f"{name}", Decimal, "An integer as a numeric.", "7 ->", _from_integer_kernel)
        for name in (
            "1740 numeric(int4) numeric",
            "1781 numeric(int8) numeric",
            "1782 numeric(int2) numeric",
        )
    ),
    row(
        "1742 numeric(float4) numeric",
        _FLOAT4.convert,
        "A float as a numeric.",
        "1.5 -> 1.5",
        _FLOAT4.kernel(),
    ),
    row(
        "1743 numeric(float8) numeric",
        _FLOAT8.convert,
        "A float as a numeric.",
        "0.1 -> 0.1",
        _FLOAT8.kernel(),
    ),
    row(
        "1783 int2(numeric) int2",
        to_integer("int2"),
        "Rounded.",
        "2.5 -> 3",
        _to_integer_kernel("int2"),
    ),
    row(
        "1744 int4(numeric) int4",
        to_integer("int4"),
        "Rounded.",
        "2.5 -> 3",
        _to_integer_kernel("int4"),
    ),
    row(
        "1779 int8(numeric) int8",
        to_integer("int8"),
        "Rounded.",
        "-2.5 -> -3",
        _to_integer_kernel("int8"),
    ),
    row("1745 float4(numeric) float4", to_float4, "A numeric as a real.", "0.1 -> 0.1"),
    row(
        "1746 float8(numeric) float8",
        to_float,
        "A numeric as a double.",
        "0.1 -> 0.1",
        _float_kernel,
    ),
)
