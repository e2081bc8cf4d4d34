"""Mathematics on double precision: roots, powers, logarithms, angles in radians and degrees.

Values come from the C library, as PostgreSQL's do: numpy's own differ from them in the last place, and by processor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from server.errors import (
    InvalidArgumentForLogarithm,
    InvalidArgumentForPowerFunction,
    InvalidArgumentForWidthBucketFunction,
    NumericValueOutOfRange,
)
from server.functions import float_kernels
from server.functions.declare import row
from server.functions.floats import Compute, overflow, underflow
from server.vector.column import Column, Values

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel


def _out_of_domain() -> NumericValueOutOfRange:
    return NumericValueOutOfRange("input is out of range")


def _finite(operation: Compute) -> Compute:
    """A function of the library; infinite results of finite arguments are overflows."""

    def compute(*values: float) -> float:
        try:
            result = operation(*values)
        except OverflowError:
            raise overflow() from None
        except ValueError:
            raise _out_of_domain() from None
        if math.isinf(result) and not any(math.isinf(value) for value in values):
            raise overflow()
        return result

    return compute


def _through_nan(operation: Compute) -> Compute:
    return lambda value: value if math.isnan(value) else operation(value)


def square_root(value: float) -> float:
    """Square root."""
    if value < 0:
        raise InvalidArgumentForPowerFunction("cannot take square root of a negative number")
    return math.sqrt(value)


def _logarithm(operation: Compute) -> Compute:
    def compute(value: float) -> float:
        if value == 0:
            raise InvalidArgumentForLogarithm("cannot take logarithm of zero")
        if value < 0:
            raise InvalidArgumentForLogarithm("cannot take logarithm of a negative number")
        return operation(value)

    return compute


def _exponential(value: float) -> float:
    try:
        result = math.exp(value)
    except OverflowError:
        raise overflow() from None
    if result == 0 and not math.isinf(value):
        raise underflow()
    return result


def power(base: float, exponent: float) -> float:
    """Power."""
    if math.isnan(base) or math.isnan(exponent):
        return 1.0 if base == 1 or exponent == 0 else math.nan
    if base == 0 and exponent < 0:
        raise InvalidArgumentForPowerFunction("zero raised to a negative power is undefined")
    if base < 0 and not math.isinf(exponent) and exponent != math.floor(exponent):
        raise InvalidArgumentForPowerFunction(
            "a negative number raised to a non-integer power yields a complex result"
        )
    try:
        result = math.pow(base, exponent)
    except OverflowError:
        raise overflow() from None
    if result == 0 and base != 0 and not (math.isinf(base) or math.isinf(exponent)):
        raise underflow()
    return result


def _even(value: float) -> float:
    return float(np.rint(value))


def _cut(value: float) -> float:
    return float(np.trunc(value))


def _ceiling(value: float) -> float:
    return float(np.ceil(value))


def _floor(value: float) -> float:
    return float(np.floor(value))


def _sign(value: float) -> float:
    return float((value > 0) - (value < 0))


RADIANS_PER_DEGREE: Final = 0.0174532925199432957692

# Functions of degrees are scaled by what the library says at angles whose values are known, so that
# those are exact.
_SINE_OF_30: Final = math.sin(30.0 * RADIANS_PER_DEGREE)
_ONE_LESS_COSINE_OF_60: Final = 1.0 - math.cos(60.0 * RADIANS_PER_DEGREE)


def _sine_to_30(angle: float) -> float:
    return (math.sin(angle * RADIANS_PER_DEGREE) / _SINE_OF_30) / 2.0


def _cosine_to_60(angle: float) -> float:
    less = 1.0 - math.cos(angle * RADIANS_PER_DEGREE)
    return 1.0 - (less / _ONE_LESS_COSINE_OF_60) / 2.0


def _sine_to_90(angle: float) -> float:
    return _sine_to_30(angle) if angle <= 30.0 else _cosine_to_60(90.0 - angle)


def _cosine_to_90(angle: float) -> float:
    return _cosine_to_60(angle) if angle <= 60.0 else _sine_to_30(90.0 - angle)


_TANGENT_OF_45: Final = _sine_to_90(45.0) / _cosine_to_90(45.0)
_COTANGENT_OF_45: Final = _cosine_to_90(45.0) / _sine_to_90(45.0)


def _to_first_quadrant(value: float) -> tuple[float, float, float]:
    """The angle of the first quadrant, and the signs of its sine and cosine."""
    if math.isinf(value):
        raise _out_of_domain()
    angle, sine, cosine = math.fmod(value, 360.0), 1.0, 1.0
    if angle < 0:
        angle, sine = -angle, -sine
    if angle > 180.0:
        angle, sine = 360.0 - angle, -sine
    if angle > 90.0:
        angle, cosine = 180.0 - angle, -cosine
    return angle, sine, cosine


def _sine_degrees(value: float) -> float:
    angle, sign, _ = _to_first_quadrant(value)
    return sign * _sine_to_90(angle)


def _cosine_degrees(value: float) -> float:
    angle, _, sign = _to_first_quadrant(value)
    return sign * _cosine_to_90(angle)


def _tangent_degrees(value: float) -> float:
    angle, sine, cosine = _to_first_quadrant(value)
    below = _cosine_to_90(angle)
    if below == 0:
        return math.copysign(math.inf, sine * cosine)
    return sine * cosine * ((_sine_to_90(angle) / below) / _TANGENT_OF_45) or 0.0  # never -0


def _cotangent_degrees(value: float) -> float:
    angle, sine, cosine = _to_first_quadrant(value)
    below = _sine_to_90(angle)
    if below == 0:
        return sine * cosine * math.copysign(math.inf, below)
    return sine * cosine * ((_cosine_to_90(angle) / below) / _COTANGENT_OF_45) or 0.0


_ASIN_HALF: Final = math.asin(0.5)
_ACOS_HALF: Final = math.acos(0.5)


def _inverse_sine_degrees(value: float) -> float:
    if not -1 <= value <= 1:
        raise _out_of_domain()
    size = abs(value)
    angle = (
        math.asin(size) / _ASIN_HALF * 30.0
        if size <= 0.5
        else 90.0 - math.acos(size) / _ACOS_HALF * 60.0
    )
    return math.copysign(angle, value)


def _inverse_cosine_degrees(value: float) -> float:
    if not -1 <= value <= 1:
        raise _out_of_domain()
    if value < 0:
        return 90.0 + _inverse_sine_degrees(-value)
    if value <= 0.5:
        return 90.0 - (math.asin(value) / _ASIN_HALF) * 30.0
    return (math.acos(value) / _ACOS_HALF) * 60.0


def _inverse_tangent_degrees(value: float) -> float:
    return (math.atan(value) / math.atan(1.0)) * 45.0


def _hyperbolic_sine(value: float) -> float:
    try:
        return math.sinh(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _hyperbolic_cosine(value: float) -> float:
    try:
        return math.cosh(value)
    except OverflowError:
        return math.inf


def _inverse_hyperbolic_tangent(value: float) -> float:
    if abs(value) == 1:
        return math.copysign(math.inf, value)
    return _finite(math.atanh)(value)


def _degrees(value: float) -> float:
    return value / RADIANS_PER_DEGREE


def _radians(value: float) -> float:
    return value * RADIANS_PER_DEGREE


def _cotangent(value: float) -> float:
    if math.isinf(value):
        raise _out_of_domain()
    tangent = math.tan(value)
    return math.copysign(math.inf, tangent) if tangent == 0 else 1.0 / tangent


_INT4_LIMIT: Final = 1 << 31


def _width_bucket(value: float, low: float, high: float, count: int) -> int:
    if count <= 0:
        raise InvalidArgumentForWidthBucketFunction("count must be greater than zero")
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        raise InvalidArgumentForWidthBucketFunction(
            "operand, lower bound, and upper bound cannot be NaN"
        )
    if math.isinf(low) or math.isinf(high):
        raise InvalidArgumentForWidthBucketFunction("lower and upper bounds must be finite")
    if low == high:
        raise InvalidArgumentForWidthBucketFunction("lower bound cannot equal upper bound")
    sign = 1.0 if low < high else -1.0
    if (low - value) * sign > 0:
        return 0
    if (value - high) * sign < 0:
        place = count * ((value - low) * sign) / ((high - low) * sign) + 1
        return (
            int(place) if abs(place) < _INT4_LIMIT else -_INT4_LIMIT
        )  # as C turns it into an int4
    if count == _INT4_LIMIT - 1:
        raise NumericValueOutOfRange("integer out of range")
    return count + 1


def _mapped(operation: Callable[..., Values]) -> Kernel:
    """A numpy function that raises for no argument."""

    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        with np.errstate(all="ignore"):
            return Column(operation(column.values), column.valid)

    return kernel


_SINE = _through_nan(_finite(math.sin))
_COSINE = _through_nan(_finite(math.cos))
_TANGENT = _through_nan(_finite(math.tan))
_ASIN, _ACOS = _through_nan(_finite(math.asin)), _through_nan(_finite(math.acos))
_LN, _LOG10 = _logarithm(math.log), _logarithm(math.log10)
_ROOTS: Final = float_kernels.unary(np.sqrt, square_root, float_kernels.not_negative)
_CUBE_ROOTS: Final = float_kernels.unary("cbrt", math.cbrt)
_EXPONENTIALS: Final = float_kernels.unary("exp", _exponential, is_zero_an_error=True)
_LN_KERNEL: Final = float_kernels.unary("log", _LN, float_kernels.above_zero)
_LOG10_KERNEL: Final = float_kernels.unary("log10", _LOG10, float_kernels.above_zero)
_POWERS: Final = float_kernels.power(power)

FUNCTIONS: Final = (
    row("1344 sqrt(float8) float8", square_root, "Square root.", "2 -> 1.4142135623730951", _ROOTS),
    row("230 dsqrt(float8) float8", square_root, "Square root.", "2.25 -> 1.5", _ROOTS),
    row(
        "1345 cbrt(float8) float8", math.cbrt, "Cube root.", "27 -> 3.0000000000000004", _CUBE_ROOTS
    ),
    row("231 dcbrt(float8) float8", math.cbrt, "Cube root.", "64 -> 4", _CUBE_ROOTS),
    row(
        "1347 exp(float8) float8",
        _exponential,
        "e to a power.",
        "1 -> 2.718281828459045",
        _EXPONENTIALS,
    ),
    row(
        "233 dexp(float8) float8",
        _exponential,
        "e to a power.",
        "2 -> 7.38905609893065",
        _EXPONENTIALS,
    ),
    row("1341 ln(float8) float8", _LN, "Natural logarithm.", "2 -> 0.6931471805599453", _LN_KERNEL),
    row(
        "234 dlog1(float8) float8", _LN, "Natural logarithm.", "3 -> 1.0986122886681098", _LN_KERNEL
    ),
    row("1340 log(float8) float8", _LOG10, "Logarithm to the base 10.", "100 -> 2", _LOG10_KERNEL),
    row(
        "1194 log10(float8) float8",
        _LOG10,
        "Logarithm to the base 10.",
        "50 -> 1.6989700043360187",
        _LOG10_KERNEL,
    ),
    row(
        "1339 dlog10(float8) float8",
        _LOG10,
        "Logarithm to the base 10.",
        "1000 -> 3",
        _LOG10_KERNEL,
    ),
    row("1368 power(float8, float8) float8", power, "Power.", "9, 3 -> 729", _POWERS),
    row(
        "1346 pow(float8, float8) float8", power, "Power.", "2, 0.5 -> 1.4142135623730951", _POWERS
    ),
    row("232 dpow(float8, float8) float8", power, "Power.", "2, -1 -> 0.5", _POWERS),
    row(
        "1342 round(float8) float8",
        _even,
        "Nearest integer, halves to even.",
        "2.5 -> 2",
        _mapped(np.rint),
    ),
    row(
        "228 dround(float8) float8",
        _even,
        "Nearest integer, halves to even.",
        "3.5 -> 4",
        _mapped(np.rint),
    ),
    row(
        "1343 trunc(float8) float8", _cut, "Cuts to an integer.", "-42.8 -> -42", _mapped(np.trunc)
    ),
    row("229 dtrunc(float8) float8", _cut, "Cuts to an integer.", "42.8 -> 42", _mapped(np.trunc)),
    row(
        "2308 ceil(float8) float8",
        _ceiling,
        "The next integer upwards.",
        "-42.8 -> -42",
        _mapped(np.ceil),
    ),
    row(
        "2320 ceiling(float8) float8",
        _ceiling,
        "The next integer upwards.",
        "42.1 -> 43",
        _mapped(np.ceil),
    ),
    row(
        "2309 floor(float8) float8",
        _floor,
        "The next integer downwards.",
        "-42.8 -> -43",
        _mapped(np.floor),
    ),
    row(
        "2310 sign(float8) float8",
        _sign,
        "-1, 0 or 1 by the sign.",
        "-8.4 -> -1",
        float_kernels.sign,
    ),
    row("1610 pi() float8", lambda: math.pi, "The number pi.", " -> 3.141592653589793"),
    row(
        "1608 degrees(float8) float8",
        _finite(_degrees),
        "Radians to degrees.",
        "0.5 -> 28.64788975654116",
    ),
    row(
        "1609 radians(float8) float8",
        _radians,
        "Degrees to radians.",
        "45 -> 0.7853981633974483",
    ),
    row(
        "1604 sin(float8) float8",
        _SINE,
        "Sine.",
        "1 -> 0.8414709848078965",
        float_kernels.unary("sin", _SINE),
    ),
    row(
        "1605 cos(float8) float8",
        _COSINE,
        "Cosine.",
        "1 -> 0.5403023058681398",
        float_kernels.unary("cos", _COSINE),
    ),
    row(
        "1606 tan(float8) float8",
        _TANGENT,
        "Tangent.",
        "1 -> 1.5574077246549023",
        float_kernels.unary("tan", _TANGENT),
    ),
    row(
        "1607 cot(float8) float8",
        _through_nan(_cotangent),
        "Cotangent.",
        "0.5 -> 1.830487721712452",
    ),
    row(
        "1600 asin(float8) float8",
        _ASIN,
        "Inverse sine.",
        "1 -> 1.5707963267948966",
        float_kernels.unary("asin", _ASIN, float_kernels.of_unit),
    ),
    row(
        "1601 acos(float8) float8",
        _ACOS,
        "Inverse cosine.",
        "1 -> 0",
        float_kernels.unary("acos", _ACOS, float_kernels.of_unit),
    ),
    row(
        "1602 atan(float8) float8",
        math.atan,
        "Inverse tangent.",
        "1 -> 0.7853981633974483",
        float_kernels.unary("atan", math.atan),
    ),
    row(
        "1603 atan2(float8, float8) float8",
        math.atan2,
        "Angle of a point.",
        "1, 0 -> 1.5707963267948966",
        float_kernels.angle,
    ),
    row(
        "2462 sinh(float8) float8",
        _hyperbolic_sine,
        "Hyperbolic sine.",
        "1 -> 1.1752011936438014",
    ),
    row(
        "2463 cosh(float8) float8",
        _hyperbolic_cosine,
        "Hyperbolic cosine.",
        "0 -> 1",
    ),
    row("2464 tanh(float8) float8", math.tanh, "Hyperbolic tangent.", "1 -> 0.7615941559557649"),
    row(
        "2465 asinh(float8) float8",
        math.asinh,
        "Inverse hyperbolic sine.",
        "1 -> 0.881373587019543",
    ),
    row(
        "2466 acosh(float8) float8",
        _through_nan(_finite(math.acosh)),
        "Inverse hyperbolic cosine.",
        "1 -> 0",
    ),
    row(
        "2467 atanh(float8) float8",
        _through_nan(_inverse_hyperbolic_tangent),
        "Inverse hyperbolic tangent.",
        "0.5 -> 0.5493061443340548",
    ),
    row("2735 sind(float8) float8", _through_nan(_sine_degrees), "Sine of degrees.", "30 -> 0.5"),
    row(
        "2736 cosd(float8) float8", _through_nan(_cosine_degrees), "Cosine of degrees.", "60 -> 0.5"
    ),
    row(
        "2737 tand(float8) float8", _through_nan(_tangent_degrees), "Tangent of degrees.", "45 -> 1"
    ),
    row(
        "2738 cotd(float8) float8",
        _through_nan(_cotangent_degrees),
        "Cotangent of degrees.",
        "45 -> 1",
    ),
    row(
        "2731 asind(float8) float8",
        _through_nan(_inverse_sine_degrees),
        "Inverse sine in degrees.",
        "0.5 -> 30",
    ),
    row(
        "2732 acosd(float8) float8",
        _through_nan(_inverse_cosine_degrees),
        "Inverse cosine in degrees.",
        "0.5 -> 60",
    ),
    row(
        "2733 atand(float8) float8",
        _inverse_tangent_degrees,
        "Inverse tangent in degrees.",
        "1 -> 45",
    ),
    row(
        "2734 atan2d(float8, float8) float8",
        lambda y, x: math.atan2(y, x) / math.atan(1.0) * 45.0,
        "Angle of a point in degrees.",
        "1, 0 -> 90",
    ),
    row(
        "320 width_bucket(float8, float8, float8, int4) int4",
        _width_bucket,
        "Number of the equal part of a range that holds a value.",
        "5.35, 0.024, 10.06, 5 -> 3",
    ),
)
