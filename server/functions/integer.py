"""Integers: arithmetic that never wraps, bits, divisors and conversions.

Division cuts towards zero, and the remainder takes the sign of the dividend.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import DivisionByZero, NumericValueOutOfRange
from server.functions.declare import Behaviour, row, table
from server.functions.scaled import LIMIT, by_rows, magnitude
from server.vector.column import Column, Mask, Values
from server.vector.rows import joint_validity

if TYPE_CHECKING:
    from server.functions.function import CallContext, Kernel

BITS: Final = {"int2": 16, "int4": 32, "int8": 64}
SQL_NAMES: Final = {"int2": "smallint", "int4": "integer", "int8": "bigint"}
DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "int2": np.dtype("i2"),
    "int4": np.dtype("i4"),
    "int8": np.dtype("i8"),
}

IntegerRow = Callable[..., int]


def out_of_range(name: str) -> NumericValueOutOfRange:
    """Make the error for a result that the type cannot hold."""
    return NumericValueOutOfRange(f"{SQL_NAMES[name]} out of range")


def division_by_zero() -> DivisionByZero:
    """Make the error for a division by zero."""
    return DivisionByZero("division by zero")


def divide(dividend: int, divisor: int) -> int:
    """Quotient, cut towards zero."""
    if divisor == 0:
        raise division_by_zero()
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def remainder(dividend: int, divisor: int) -> int:
    """Remainder, of the dividend's sign."""
    if divisor == 0:
        raise division_by_zero()
    rest = abs(dividend) % abs(divisor)
    return rest if dividend >= 0 else -rest


def checked(operation: IntegerRow, name: str) -> IntegerRow:
    """The operation, refusing results that the type cannot hold."""
    limit = 1 << BITS[name] - 1

    def compute(*values: int) -> int:
        result = operation(*values)
        if -limit <= result < limit:
            return result
        raise out_of_range(name)

    return compute


def wrapped(operation: IntegerRow, name: str) -> IntegerRow:
    """The operation, keeping the low bits only, as the machine does."""
    half, full = 1 << BITS[name] - 1, 1 << BITS[name]
    return lambda *values: (operation(*values) + half) % full - half


def shifting(operation: IntegerRow, name: str) -> IntegerRow:
    """A shift whose count is taken modulo the width that the processor shifts by."""
    width = max(BITS[name], 32)
    return wrapped(lambda value, count: operation(value, count % width), name)


# Kernels.


def _any_valid(bad: Mask, valid: Mask | None) -> bool:
    return bool((bad if valid is None else bad & valid).any())


def narrowed(values: Values, valid: Mask | None, name: str) -> Column:
    """Integers of 64 bits as a column of the type; raises for those that do not fit."""
    limit = 1 << BITS[name] - 1
    if magnitude(values) >= limit:
        bad = (values < -limit) | (values >= limit)
        if _any_valid(bad, valid):
            raise out_of_range(name)
    return Column(values.astype(DTYPES[name]), valid)


def _wide(column: Column) -> Values:
    values: Values = column.values.astype(np.int64)
    return values


def _linear_kernel(operation: Callable[..., Values], row_form: IntegerRow, name: str) -> Kernel:
    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        valid = joint_validity((left, right))
        if name == "int8" and magnitude(left.values) + magnitude(right.values) >= LIMIT:
            return by_rows(row_form, (left, right), DTYPES[name])
        return narrowed(operation(_wide(left), _wide(right)), valid, name)

    return kernel


def _product_kernel(row_form: IntegerRow, name: str) -> Kernel:
    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        if magnitude(left.values) * magnitude(right.values) >= LIMIT:
            return by_rows(row_form, (left, right), DTYPES[name])
        return narrowed(_wide(left) * _wide(right), joint_validity((left, right)), name)

    return kernel


def _shift_kernel(operation: Callable[..., Values], name: str) -> Kernel:
    width = max(BITS[name], 32)

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        shifted = operation(_wide(left), _wide(right) % width)
        return Column(shifted.astype(DTYPES[name]), joint_validity((left, right)))

    return kernel


def _division_kernel(operation: Callable[..., Values], row_form: IntegerRow, name: str) -> Kernel:
    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        valid = joint_validity((left, right))
        if name == "int8" and magnitude(left.values) >= LIMIT:
            return by_rows(row_form, (left, right), DTYPES[name])
        divisors = _wide(right)
        zero = divisors == 0
        if zero.any():
            if _any_valid(zero, valid):
                raise division_by_zero()
            divisors = np.where(zero, 1, divisors)
        return narrowed(operation(_wide(left), divisors), valid, name)

    return kernel


def _truncated_quotient(dividends: Values, divisors: Values) -> Values:
    quotients = dividends // divisors
    inexact = quotients * divisors != dividends
    quotients[inexact & ((dividends < 0) != (divisors < 0))] += 1
    return quotients


def _unary_kernel(operation: Callable[[Values], Values], name: str) -> Kernel:
    def kernel(context: CallContext, argument: Column, *, count: int) -> Column:
        if name == "int8" and magnitude(argument.values) >= LIMIT:
            lowest = argument.values == -LIMIT
            if _any_valid(lowest, argument.valid):
                raise out_of_range(name)
        return narrowed(operation(_wide(argument)), argument.valid, name)

    return kernel


def _bits_kernel(operation: Callable[..., Values]) -> Kernel:
    def kernel(context: CallContext, *columns: Column, count: int) -> Column:
        return Column(operation(*[c.values for c in columns]), joint_validity(columns))

    return kernel


def _same(value: int) -> int:
    return value


def _behaviours(name: str) -> dict[str, Behaviour]:
    add, subtract = checked(operator.add, name), checked(operator.sub, name)
    multiply, quotient = checked(operator.mul, name), checked(divide, name)
    listed: dict[str, Behaviour] = {
        "add": ("Sum of two integers.", add, _linear_kernel(np.add, add, name)),
        "subtract": (
            "Difference of two integers.",
            subtract,
            _linear_kernel(np.subtract, subtract, name),
        ),
        "multiply": ("Product of two integers.", multiply, _product_kernel(multiply, name)),
        "divide": (
            "Quotient of two integers, cut towards zero.",
            quotient,
            _division_kernel(_truncated_quotient, quotient, name),
        ),
        "remainder": (
            "Remainder of a division; it has the sign of the dividend.",
            remainder,
            _division_kernel(np.fmod, remainder, name),
        ),
        "negate": (
            "The integer with the other sign.",
            checked(operator.neg, name),
            _unary_kernel(np.negative, name),
        ),
        "absolute": (
            "The integer without its sign.",
            checked(abs, name),
            _unary_kernel(np.abs, name),
        ),
        "shift_left": (
            "Bits moved up.",
            shifting(operator.lshift, name),
            _shift_kernel(np.left_shift, name),
        ),
        "shift_right": (
            "Bits moved down, keeping the sign.",
            shifting(operator.rshift, name),
            _shift_kernel(np.right_shift, name),
        ),
        "gcd": ("Greatest common divisor.", checked(math.gcd, name), None),
        "lcm": ("Least common multiple.", checked(math.lcm, name), None),
    }
    return {f"{key} {name}": behaviour for key, behaviour in listed.items()}


_BEHAVIOURS: Final[dict[str, Behaviour]] = {
    **_behaviours("int2"),
    **_behaviours("int4"),
    **_behaviours("int8"),
    "same": ("The integer itself.", _same, lambda context, column, *, count: column),
    "both_bits": ("Bits set in both.", operator.and_, _bits_kernel(np.bitwise_and)),
    "either_bits": ("Bits set in either.", operator.or_, _bits_kernel(np.bitwise_or)),
    "differing_bits": ("Bits set in one of both.", operator.xor, _bits_kernel(np.bitwise_xor)),
    "complement": ("Every bit turned over.", operator.invert, _bits_kernel(np.invert)),
}

ARITHMETIC: Final = """
1894 int2xor(int2, int2) int2 | differing_bits | 6, 3 -> 5
1900 int4xor(int4, int4) int4 | differing_bits | 6, 3 -> 5
1906 int8xor(int8, int8) int8 | differing_bits | 6, 3 -> 5
155 int2mod(int2, int2) int2 | remainder | -7, 3 -> -1
156 int4mod(int4, int4) int4 | remainder | -7, 3 -> -1
945 int8mod(int8, int8) int8 | remainder | -7, 3 -> -1
1892 int2and(int2, int2) int2 | both_bits | 6, 3 -> 2
1898 int4and(int4, int4) int4 | both_bits | 6, 3 -> 2
1904 int8and(int8, int8) int8 | both_bits | 6, 3 -> 2
1276 int84mul(int8, int4) int8 | multiply | 7, 3 -> 21
1280 int48mul(int4, int8) int8 | multiply | 7, 3 -> 21
141 int4mul(int4, int4) int4 | multiply | 7, 3 -> 21
152 int2mul(int2, int2) int2 | multiply | 7, 3 -> 21
170 int24mul(int2, int4) int4 | multiply | 7, 3 -> 21
171 int42mul(int4, int2) int4 | multiply | 7, 3 -> 21
465 int8mul(int8, int8) int8 | multiply | 7, 3 -> 21
839 int82mul(int8, int2) int8 | multiply | 7, 3 -> 21
943 int28mul(int2, int8) int8 | multiply | 7, 3 -> 21
1274 int84pl(int8, int4) int8 | add | 7, 3 -> 10
1278 int48pl(int4, int8) int8 | add | 7, 3 -> 10
176 int2pl(int2, int2) int2 | add | 7, 3 -> 10
177 int4pl(int4, int4) int4 | add | 7, 3 -> 10
178 int24pl(int2, int4) int4 | add | 7, 3 -> 10
179 int42pl(int4, int2) int4 | add | 7, 3 -> 10
1910 int8up(int8) int8 | same | 7 -> 7
1911 int2up(int2) int2 | same | 7 -> 7
1912 int4up(int4) int4 | same | 7 -> 7
463 int8pl(int8, int8) int8 | add | 7, 3 -> 10
837 int82pl(int8, int2) int8 | add | 7, 3 -> 10
841 int28pl(int2, int8) int8 | add | 7, 3 -> 10
1275 int84mi(int8, int4) int8 | subtract | 7, 3 -> 4
1279 int48mi(int4, int8) int8 | subtract | 7, 3 -> 4
180 int2mi(int2, int2) int2 | subtract | 7, 3 -> 4
181 int4mi(int4, int4) int4 | subtract | 7, 3 -> 4
182 int24mi(int2, int4) int4 | subtract | 7, 3 -> 4
183 int42mi(int4, int2) int4 | subtract | 7, 3 -> 4
212 int4um(int4) int4 | negate | 7 -> -7
213 int2um(int2) int2 | negate | 7 -> -7
462 int8um(int8) int8 | negate | 7 -> -7
464 int8mi(int8, int8) int8 | subtract | 7, 3 -> 4
838 int82mi(int8, int2) int8 | subtract | 7, 3 -> 4
942 int28mi(int2, int8) int8 | subtract | 7, 3 -> 4
1277 int84div(int8, int4) int8 | divide | -7, 2 -> -3
1281 int48div(int4, int8) int8 | divide | -7, 2 -> -3
153 int2div(int2, int2) int2 | divide | -7, 2 -> -3
154 int4div(int4, int4) int4 | divide | -7, 2 -> -3
172 int24div(int2, int4) int4 | divide | -7, 2 -> -3
173 int42div(int4, int2) int4 | divide | -7, 2 -> -3
466 int8div(int8, int8) int8 | divide | -7, 2 -> -3
840 int82div(int8, int2) int8 | divide | -7, 2 -> -3
948 int28div(int2, int8) int8 | divide | -7, 2 -> -3
1896 int2shl(int2, int4) int2 | shift_left | 1, 4 -> 16
1902 int4shl(int4, int4) int4 | shift_left | 1, 4 -> 16
1908 int8shl(int8, int4) int8 | shift_left | 1, 4 -> 16
1897 int2shr(int2, int4) int2 | shift_right | -16, 2 -> -4
1903 int4shr(int4, int4) int4 | shift_right | -16, 2 -> -4
1909 int8shr(int8, int4) int8 | shift_right | -16, 2 -> -4
1893 int2or(int2, int2) int2 | either_bits | 6, 3 -> 7
1899 int4or(int4, int4) int4 | either_bits | 6, 3 -> 7
1905 int8or(int8, int8) int8 | either_bits | 6, 3 -> 7
1895 int2not(int2) int2 | complement | 7 -> -8
1901 int4not(int4) int4 | complement | 7 -> -8
1907 int8not(int8) int8 | complement | 7 -> -8
1398 abs(int2) int2 | absolute | -5 -> 5
1397 abs(int4) int4 | absolute | -5 -> 5
1396 abs(int8) int8 | absolute | -5 -> 5
1253 int2abs(int2) int2 | absolute | -5 -> 5
1251 int4abs(int4) int4 | absolute | -5 -> 5
1230 int8abs(int8) int8 | absolute | -5 -> 5
940 mod(int2, int2) int2 | remainder | -7, 3 -> -1
941 mod(int4, int4) int4 | remainder | -7, 3 -> -1
947 mod(int8, int8) int8 | remainder | -7, 3 -> -1
5044 gcd(int4, int4) int4 | gcd | 12, 18 -> 6
5045 gcd(int8, int8) int8 | gcd | 12, 18 -> 6
5046 lcm(int4, int4) int4 | lcm | 4, 6 -> 12
5047 lcm(int8, int8) int8 | lcm | 4, 6 -> 12
"""


def _converting(name: str) -> Behaviour:
    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        return narrowed(_wide(column), column.valid, name)

    return ("The same number in another width.", checked(_same, name), kernel)


CONVERSIONS: Final = """
314 int2(int4) int2 | convert | 7 -> 7
714 int2(int8) int2 | convert | 7 -> 7
313 int4(int2) int4 | convert | 7 -> 7
480 int4(int8) int4 | convert | 7 -> 7
754 int8(int2) int8 | convert | 7 -> 7
481 int8(int4) int8 | convert | 7 -> 7
1288 int8(oid) int8 | widen | 7 -> 7
"""


def _to_oid(value: int) -> int:
    if not 0 <= value < 1 << 32:
        raise NumericValueOutOfRange("OID out of range")
    return value


_CONVERTING: Final[dict[str, Behaviour]] = {
    **{f"convert {name}": _converting(name) for name in BITS},
    "widen": ("An OID as an integer.", _same, lambda context, column, *, count: column),
}

FUNCTIONS: Final = (
    *table(ARITHMETIC, _BEHAVIOURS),
    *table(CONVERSIONS, _CONVERTING),
    row("1287 oid(int8) oid", _to_oid, "An integer as an OID.", "7 -> 7"),
)
