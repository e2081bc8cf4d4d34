"""money: sums, products and quotients of amounts, conversions, and amounts in words."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Final

from server.errors import DivisionByZero, FeatureNotSupported, NumericValueOutOfRange
from server.functions.collecting import Rows, gathering
from server.functions.declare import Behaviour, table
from server.functions.format_templates import words
from server.functions.instants import cut_quotient

if TYPE_CHECKING:
    from server.functions.function import CallContext

LIMIT: Final = 1 << 63
CENTS: Final = 100
EXACT: Final = Context(prec=2000, rounding=ROUND_HALF_UP)
SMALL: Final = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
TENS: Final = ("", "", *words("twenty thirty forty fifty sixty seventy eighty ninety"))
GROUPS: Final = (
    (10**15, " quadrillion "),
    (10**12, " trillion "),
    (10**9, " billion "),
    (10**6, " million "),
    (10**3, " thousand "),
)


def _out_of_range() -> NumericValueOutOfRange:
    return NumericValueOutOfRange("money out of range")


def _bounded(cents: int) -> int:
    if not -LIMIT <= cents < LIMIT:
        raise _out_of_range()
    return cents


def _rounded(cents: float) -> int:
    if cents != cents or not -float(LIMIT) <= cents < float(LIMIT):
        raise _out_of_range()
    return round(cents)


def _float_result(result: float, operand: float) -> float:
    if math.isinf(result) and not math.isinf(operand):
        raise NumericValueOutOfRange("value out of range: overflow")
    return result


def _times_float(cents: int, factor: float) -> int:
    return _rounded(_float_result(cents * factor, factor))


def _over_float(cents: int, divisor: float) -> int:
    if divisor == 0:
        raise DivisionByZero("division by zero")
    return _rounded(_float_result(cents / divisor, divisor))


def _over_integer(cents: int, divisor: int) -> int:
    if divisor == 0:
        raise DivisionByZero("division by zero")
    return _bounded(cut_quotient(cents if divisor > 0 else -cents, abs(divisor)))


def _ratio(cents: int, other: int) -> float:
    if other == 0:
        raise DivisionByZero("division by zero")
    return float(cents) / float(other)  # both rounded first, as PostgreSQL does


def _of_integer(dollars: int) -> int:
    cents = dollars * CENTS
    if not -LIMIT <= cents < LIMIT:
        raise NumericValueOutOfRange("bigint out of range")
    return cents


def _of_numeric(dollars: Decimal) -> int:
    if not dollars.is_finite():
        what = "NaN" if dollars.is_nan() else "infinity"
        raise FeatureNotSupported(f"cannot convert {what} to bigint")
    cents = int(EXACT.multiply(dollars, Decimal(CENTS)).to_integral_value(ROUND_HALF_UP))
    if not -LIMIT <= cents < LIMIT:
        raise NumericValueOutOfRange("bigint out of range")
    return cents


def _to_numeric(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _hundreds(number: int) -> str:
    """A number below a thousand."""
    if number <= 20:
        return SMALL[number] if number < 20 else TENS[2]
    hundreds, rest = divmod(number, 100)
    if not rest:
        return f"{SMALL[hundreds]} hundred"
    tail = SMALL[rest] if rest < 20 else TENS[rest // 10]
    if rest > 20 and rest % 10:
        tail = f"{TENS[rest // 10]} {SMALL[rest % 10]}"
    if not hundreds:
        return tail
    return f"{SMALL[hundreds]} hundred {'and ' if rest < 20 else ''}{tail}"


def _words(cents: int) -> str:
    dollars, rest = divmod(abs(cents), CENTS)
    text = "minus " if cents < 0 else ""
    remaining = dollars
    for size, name in GROUPS:
        count, remaining = divmod(remaining, size)
        if count:
            text += _hundreds(count) + name
    text += _hundreds(remaining) if remaining or not dollars else ""
    text += " dollar and " if dollars == 1 else " dollars and "
    text += _hundreds(rest) + (" cent" if rest == 1 else " cents")
    return text[0].upper() + text[1:]


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "plus": ("Both together.", lambda left, right: _bounded(left + right), None),
    "minus": ("What is left of it.", lambda left, right: _bounded(left - right), None),
    "times": ("So many times the amount.", lambda cents, factor: _bounded(cents * factor), None),
    "of times": ("So many times the amount.", lambda factor, cents: _bounded(cents * factor), None),
    "times float": ("So many times the amount.", _times_float, None),
    "of times float": (
        "So many times the amount.",
        lambda factor, cents: _times_float(cents, factor),
        None,
    ),
    "over": ("A part of the amount.", _over_integer, None),
    "over float": ("A part of the amount.", _over_float, None),
    "ratio": ("How many times the other.", _ratio, None),
    "larger": ("The larger one.", max, None),
    "smaller": ("The smaller one.", min, None),
    "of integer": ("So many dollars.", _of_integer, None),
    "of numeric": ("So many dollars.", _of_numeric, None),
    "numeric": ("The amount in dollars.", _to_numeric, None),
    "words": ("The amount in words.", _words, None),
}
TABLE: Final = """
894 cash_pl(money, money) money | plus | '1.50', '2' -> $3.50
895 cash_mi(money, money) money | minus | '1.50', '2' -> -$0.50
846 cash_mul_flt4(money, float4) money | times float | '1.50', 2 -> $3.00
896 cash_mul_flt8(money, float8) money | times float | '1.50', 2.5 -> $3.75
848 flt4_mul_cash(float4, money) money | of times float | 2, '1.50' -> $3.00
919 flt8_mul_cash(float8, money) money | of times float | 2.5, '1.50' -> $3.75
862 int4_mul_cash(int4, money) money | of times | 2, '1.50' -> $3.00
863 int2_mul_cash(int2, money) money | of times | 2, '1.50' -> $3.00
3399 int8_mul_cash(int8, money) money | of times | 2, '1.50' -> $3.00
864 cash_mul_int4(money, int4) money | times | '1.50', 2 -> $3.00
866 cash_mul_int2(money, int2) money | times | '1.50', 2 -> $3.00
3344 cash_mul_int8(money, int8) money | times | '1.50', 2 -> $3.00
847 cash_div_flt4(money, float4) money | over float | '1.50', 2 -> $0.75
897 cash_div_flt8(money, float8) money | over float | '1.50', 2 -> $0.75
865 cash_div_int4(money, int4) money | over | '1.50', 2 -> $0.75
867 cash_div_int2(money, int2) money | over | '1.50', 2 -> $0.75
3345 cash_div_int8(money, int8) money | over | '1.50', 2 -> $0.75
3822 cash_div_cash(money, money) float8 | ratio | '1.50', '0.50' -> 3
898 cashlarger(money, money) money | larger | '1.50', '2' -> $2.00
899 cashsmaller(money, money) money | smaller | '1.50', '2' -> $1.50
3811 money(int4) money stable | of integer | 7 -> $7.00
3812 money(int8) money stable | of integer | 7 -> $7.00
3824 money(numeric) money stable | of numeric | 1.235 -> $1.24
3823 numeric(money) numeric stable | numeric | '1.50' -> 1.50
935 cash_words(money) text | words | '1.23' -> One dollar and twenty three cents
"""
FUNCTIONS: Final = table(TABLE, BEHAVIOURS)


def _sum(_call: CallContext, rows: Rows) -> int | None:
    total = None
    for (value,) in rows:
        if value is not None:
            total = value if total is None else _bounded(total + value)
    return total


AGGREGATES: Final = (gathering("2112 sum(money) money", _sum, "All amounts together."),)
