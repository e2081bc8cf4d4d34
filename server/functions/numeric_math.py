"""Exact decimal arithmetic with numeric's own rules for scales and rounding.

Every finite result is rounded half away from zero at a scale that depends on the arguments' size:
at least 16 significant digits where digits have no natural end, never fewer decimals than the
arguments show. Sizes are counted in groups of four decimal digits, as the stored format has them.
"""

from __future__ import annotations

import math
from decimal import MAX_EMAX, MIN_EMIN, ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from functools import reduce
from typing import TYPE_CHECKING, Final

from server.errors import (
    DivisionByZero,
    InvalidArgumentForLogarithm,
    InvalidArgumentForPowerFunction,
    NumericValueOutOfRange,
)
from server.types.numeric import EXACT, INFINITY, NAN, WHOLE_DIGITS_MAX, ZERO, normal, round_to

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIGNIFICANT_DIGITS_MIN: Final = 16
DISPLAY_SCALE_MAX: Final = 1000
RESULT_SCALE_MAX: Final = 2000
GROUP: Final = 4
FACTORS_MAX: Final = 8
SMALL_ADJUSTED_MAX: Final = 50
"""Powers of so many factors of that size are multiplied: their size need not be estimated."""
LN_10: Final = 2.302585092994046

ONE: Final = Decimal(1)


def scale_of(value: Decimal) -> int:
    """The display scale of a finite number."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


def scaled(number: int, scale: int) -> Decimal:
    """Number / 10**scale, showing scale digits."""
    return Decimal(number).scaleb(-scale, EXACT)


def overflow() -> NumericValueOutOfRange:
    """Make the error for a number too large for the format."""
    return NumericValueOutOfRange("value overflows numeric format")


def bounded(value: Decimal) -> Decimal:
    """The number, which must not have more digits than the format holds; zero has no sign."""
    if value and value.adjusted() >= WHOLE_DIGITS_MAX:
        raise overflow()
    return value or value.copy_abs()


def _leading_group(value: Decimal) -> tuple[int, int]:
    """Weight and value of the first group of four digits; 0, 0 for zero."""
    if not value:
        return 0, 0
    adjusted = value.adjusted()
    weight, within = divmod(adjusted, GROUP)
    digits = value.as_tuple().digits[: within + 1]
    number = 0
    for digit in digits:
        number = number * 10 + digit
    return weight, number * 10 ** (within + 1 - len(digits))


def add(left: Decimal, right: Decimal) -> Decimal:
    """Sum."""
    if not (left.is_finite() and right.is_finite()):
        return _special_sum(left, right)
    return bounded(EXACT.add(left, right))


def total(values: Sequence[Decimal]) -> Decimal:
    """The sum of finite numbers; 0 of none."""
    return bounded(reduce(EXACT.add, values, ZERO))


def _special_sum(left: Decimal, right: Decimal) -> Decimal:
    if left.is_nan() or right.is_nan():
        return NAN
    if left.is_infinite() and right.is_infinite():
        return left if left == right else NAN
    return left if left.is_infinite() else right


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Difference."""
    return add(left, negate(right))


def negate(value: Decimal) -> Decimal:
    """The number with the other sign."""
    return value if value.is_nan() or not value else value.copy_negate()


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Product."""
    if not (left.is_finite() and right.is_finite()):
        return _special_product(left, right)
    product = EXACT.multiply(left, right)
    if scale_of(product) > 16383:
        product = round_to(product, 16383)
    return bounded(product)


def _special_product(left: Decimal, right: Decimal) -> Decimal:
    if left.is_nan() or right.is_nan() or not left or not right:
        return NAN
    return INFINITY if (left > 0) == (right > 0) else INFINITY.copy_negate()


def coefficient_of(value: Decimal) -> tuple[int, int]:
    """The finite number as an integer over 10**scale."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return int(value.scaleb(-exponent, EXACT)), -exponent


def _size_of(coefficient: int, value: Decimal, scale: int) -> tuple[int, int]:
    """Weight and value of the first group of four digits; 0, 0 for zero."""
    if not coefficient:
        return 0, 0
    weight = value.adjusted() // GROUP
    shift = scale + weight * GROUP
    size = abs(coefficient)
    return weight, size // 10**shift if shift >= 0 else size * 10**-shift


def divide(left: Decimal, right: Decimal) -> Decimal:
    """Quotient, of a scale that gives 16 significant digits and no fewer than the arguments'."""
    if not (left.is_finite() and right.is_finite() and right):
        special = _special_quotient(left, right)
        assert special is not None
        return special
    dividend, scale = coefficient_of(left)
    divisor, other_scale = coefficient_of(right)
    weight, first = _size_of(dividend, left, scale)
    other_weight, other_first = _size_of(divisor, right, other_scale)
    digits = SIGNIFICANT_DIGITS_MIN - (weight - other_weight - (first <= other_first)) * GROUP
    result_scale = min(max(digits, scale, other_scale, 0), DISPLAY_SCALE_MAX)
    shift = result_scale + other_scale - scale
    upper, lower = abs(dividend), abs(divisor)
    if shift >= 0:
        upper *= 10**shift
    else:
        lower *= 10**-shift
    quotient = (2 * upper + lower) // (2 * lower)
    return bounded(scaled(quotient if (dividend < 0) == (divisor < 0) else -quotient, result_scale))


def _special_quotient(left: Decimal, right: Decimal) -> Decimal | None:
    if left.is_nan() or right.is_nan():
        return NAN
    if not right:
        raise DivisionByZero("division by zero")
    if left.is_infinite():
        if right.is_infinite():
            return NAN
        return left if right > 0 else left.copy_negate()
    return ZERO if right.is_infinite() else None


def divide_whole(left: Decimal, right: Decimal) -> Decimal:
    """The quotient cut to an integer."""
    special = _special_quotient(left, right)
    if special is not None:
        return special
    return bounded(EXACT.divide_int(left, right).quantize(ZERO, context=EXACT))


def remainder(left: Decimal, right: Decimal) -> Decimal:
    """The remainder of the cut quotient; of the sign of the dividend."""
    if left.is_nan() or right.is_nan():
        return NAN
    if not right:
        raise DivisionByZero("division by zero")
    if left.is_infinite():
        return NAN
    if right.is_infinite():
        return left
    rest = EXACT.remainder(left, right)
    return round_to(rest, max(scale_of(left), scale_of(right)))


def round_scale(value: Decimal, scale: int) -> Decimal:
    """Round half away from zero to so many decimals."""
    if not value.is_finite():
        return value
    return bounded(round_to(value, min(max(scale, -WHOLE_DIGITS_MAX - 1), 16383)))


def truncate_scale(value: Decimal, scale: int) -> Decimal:
    """Cut to so many decimals."""
    if not value.is_finite():
        return value
    scale = min(max(scale, -WHOLE_DIGITS_MAX), 16383)
    unit = Decimal((0, (1,), -scale))
    return normal(value.quantize(unit, rounding=ROUND_DOWN, context=EXACT))


def integral(rounding: str) -> Callable[[Decimal], Decimal]:
    """Make the rounding to an integer of one direction."""

    def compute(value: Decimal) -> Decimal:
        if not value.is_finite():
            return value
        return bounded(value.quantize(ZERO, rounding=rounding, context=EXACT))

    return compute


def _precise(digits: int) -> Context:
    return Context(prec=max(digits, 40), rounding=ROUND_HALF_UP, Emin=MIN_EMIN, Emax=MAX_EMAX)


def _shown(scale: int, *arguments: Decimal) -> int:
    return min(max(scale, 0, *map(scale_of, arguments)), DISPLAY_SCALE_MAX)


def square_root_to(value: Decimal, scale: int) -> Decimal:
    """Square root of what is not negative, with so many digits after the point."""
    # In integers, as a root of limited precision would be rounded twice: floor(sqrt(n) + 1/2).
    fourfold = EXACT.multiply(EXACT.scaleb(value, 2 * scale), Decimal(4))
    return EXACT.scaleb(Decimal((math.isqrt(int(fourfold)) + 1) // 2), -scale)


def square_root(value: Decimal) -> Decimal:
    """Square root."""
    if value.is_nan():
        return NAN
    if value < 0:
        raise InvalidArgumentForPowerFunction("cannot take square root of a negative number")
    if value.is_infinite():
        return value
    weight = _leading_group(value)[0]
    # C division cuts towards zero
    result_weight = int((weight + 1) * GROUP / 2) - 1
    scale = _shown(SIGNIFICANT_DIGITS_MIN - result_weight, value)
    return square_root_to(value, scale)


def exponential(value: Decimal) -> Decimal:
    """E to the power."""
    if not value.is_finite():
        return value if value.is_nan() or value > 0 else ZERO
    if abs(value) >= RESULT_SCALE_MAX * 3:
        if value > 0:
            raise overflow()
        return round_to(ZERO, DISPLAY_SCALE_MAX)
    magnitude = max(min(float(value) * 0.434294481903252, 2000.0 * 100), -2000.0)
    if magnitude >= WHOLE_DIGITS_MAX:
        raise overflow()
    scale = _shown(SIGNIFICANT_DIGITS_MIN - int(magnitude), value)
    return bounded(round_to(_precise(int(abs(magnitude)) + scale + 20).exp(value), scale))


def _check_logarithm(value: Decimal) -> None:
    if value == 0:
        raise InvalidArgumentForLogarithm("cannot take logarithm of zero")
    if value < 0:
        raise InvalidArgumentForLogarithm("cannot take logarithm of a negative number")


def _logarithm_weight(value: Decimal) -> int:
    """An estimate of the decimal exponent of ln(value)."""
    if Decimal("0.9") <= value <= Decimal("1.1"):
        distance = value - ONE
        return distance.adjusted() if distance else 0
    logarithm = abs(float(_precise(20).ln(value)))
    return int(math.log10(logarithm)) if logarithm else 0


def natural_logarithm(value: Decimal) -> Decimal:
    """Logarithm to the base e."""
    if value.is_nan():
        return NAN
    _check_logarithm(value)
    if value.is_infinite():
        return value
    scale = _shown(SIGNIFICANT_DIGITS_MIN - _logarithm_weight(value), value)
    return round_to(_precise(scale + 20).ln(value), scale)


def logarithm(base: Decimal, value: Decimal) -> Decimal:
    """Logarithm to a base."""
    if base.is_nan() or value.is_nan():
        return NAN
    is_special = base.is_infinite() or value.is_infinite()
    # Without infinities each is looked at by itself; with one, negative numbers are met before zero.
    for each in sorted((base, value)) if is_special else (base, value):
        _check_logarithm(each)
    if base.is_infinite() or value.is_infinite():
        return ZERO if not value.is_infinite() else NAN if base.is_infinite() else INFINITY
    weight = _logarithm_weight(value) - _logarithm_weight(base)
    scale = _shown(SIGNIFICANT_DIGITS_MIN - weight, base, value)
    context = _precise(scale + 30)
    below = context.ln(base)
    if not below:
        raise DivisionByZero("division by zero")
    return round_to(context.divide(context.ln(value), below), scale)


def power(base: Decimal, exponent: Decimal) -> Decimal:
    """Power."""
    if base.is_nan() or exponent.is_nan():
        return ONE if (exponent == 0 if not exponent.is_nan() else base == 1) else NAN
    whole = exponent.is_infinite() or exponent == exponent.to_integral_value()
    if base == 0 and exponent < 0:
        raise InvalidArgumentForPowerFunction("zero raised to a negative power is undefined")
    if base < 0 and not whole:
        raise InvalidArgumentForPowerFunction(
            "a negative number raised to a non-integer power yields a complex result"
        )
    if base.is_infinite() or exponent.is_infinite():
        return _special_power(base, exponent)
    if not base:
        by_steps = whole and exponent < 1 << 31  # as far as an int4 goes, the base's digits count
        digits = _shown(SIGNIFICANT_DIGITS_MIN, base) if by_steps else SIGNIFICANT_DIGITS_MIN
        return round_to(ONE if not exponent else ZERO, digits)
    return _finite_power(base, exponent, whole)


def _special_power(base: Decimal, exponent: Decimal) -> Decimal:
    if exponent == 0 or base == 1 or (base == -1 and exponent.is_infinite()):
        return ONE
    if exponent.is_infinite():
        return INFINITY if (abs(base) > 1) == (exponent > 0) else ZERO
    if exponent < 0:
        return ZERO
    return INFINITY.copy_negate() if base < 0 and _is_odd(exponent) else INFINITY


def _is_odd(number: Decimal) -> bool:
    """Whether a number, however large, is whole and not even."""
    return number == number.to_integral_value() and int(number) % 2 == 1


def _small_power(base: Decimal, exponent: int) -> Decimal:
    """The product of a few factors, which is exact before it is rounded."""
    product = ONE
    for _ in range(exponent):
        product = EXACT.multiply(product, base)
    return round_to(product, _shown(SIGNIFICANT_DIGITS_MIN, base))


def _finite_power(base: Decimal, exponent: Decimal, whole: bool) -> Decimal:
    if whole and 0 <= exponent <= FACTORS_MAX and abs(base.adjusted()) <= SMALL_ADJUSTED_MAX:
        return _small_power(base, int(exponent))
    context = _precise(40)
    weight = float(context.multiply(context.log10(abs(base)), exponent))
    if weight >= WHOLE_DIGITS_MAX:
        raise overflow()
    whole = whole and -(1 << 31) <= exponent < 1 << 31
    if weight < -DISPLAY_SCALE_MAX - SIGNIFICANT_DIGITS_MIN:
        scale = _shown(SIGNIFICANT_DIGITS_MIN, base) if whole else DISPLAY_SCALE_MAX
        return round_to(ZERO, scale)
    if base < 0 and abs(exponent) >= 1 << 31:  # Decimal.power takes small exponents only
        size = _finite_power(-base, exponent, whole)
        return -size if _is_odd(exponent) else size
    scale = _shown(SIGNIFICANT_DIGITS_MIN - int(weight), base, exponent)
    precise = _precise(int(abs(weight)) + scale + 30)
    if whole:
        scale = _shown(SIGNIFICANT_DIGITS_MIN, base)
        precise = _precise(int(abs(weight)) + scale + 30)
        return bounded(round_to(precise.power(base, exponent), scale))
    if abs(weight) * LN_10 > RESULT_SCALE_MAX * 3.01:
        if weight > 0:
            raise overflow()
        return round_to(ZERO, DISPLAY_SCALE_MAX)
    return bounded(round_to(precise.exp(precise.multiply(precise.ln(base), exponent)), scale))
