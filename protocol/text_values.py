"""The text and binary forms of single values, as PostgreSQL's output functions write them.

Rule 1: values arrive in their physical form: dates are days and timestamps microseconds since
        2000-01-01, decimals are scaled integers.
Rule 2: DateStyle ISO, extra_float_digits 1, time zone UTC. Other settings are the types' business.

Dates are proleptic Gregorian, computed with the era arithmetic of 400 years being 146,097 days.
"""

import math
import struct

DATE_INFINITY = 2**31 - 1
DATE_NEGATIVE_INFINITY = -(2**31)
TIMESTAMP_INFINITY = 2**63 - 1
TIMESTAMP_NEGATIVE_INFINITY = -(2**63)
MICROSECONDS_PER_DAY = 86_400_000_000

# From this exponent on PostgreSQL writes 1e+15 instead of the digits.
FLOAT8_EXPONENT_MIN_SCIENTIFIC = 15
FLOAT4_EXPONENT_MIN_SCIENTIFIC = 6
_EXPONENT_MIN_PLAIN = -4
_DAYS_FROM_MARCH_0000_TO_2000 = 730_425
_DAYS_PER_ERA = 146_097
_NUMERIC_NEGATIVE = 0x4000
_FLOAT4 = struct.Struct("!f")


def float8_text(value: float) -> bytes:
    """Return the shortest text that reads back as the same double.

    >>> [float8_text(v) for v in (1.0, -0.0, 0.1, 1e15, 1e-5, 1e23, math.inf)]
    [b'1', b'-0', b'0.1', b'1e+15', b'1e-05', b'9.999999999999999e+22', b'Infinity']
    """
    if special := _special(value):
        return special
    shortest = repr(value)
    if _is_between_doubles(shortest, value):
        shortest = next(
            text
            for digits in range(17)
            if float(text := f"{value:.{digits}e}") == value
            and not _is_between_doubles(text, value)
        )
    return _plain_or_scientific(shortest, FLOAT8_EXPONENT_MIN_SCIENTIFIC)


def float4_text(value: float) -> bytes:
    """Return the shortest text that reads back as the same single-precision value.

    >>> [float4_text(v) for v in (1.0, 0.10000000149011612, 1e6)]
    [b'1', b'0.1', b'1e+06']
    """
    if special := _special(value):
        return special
    shortest = next(
        text
        for digits in range(9)
        if _is_float4(text := f"{value:.{digits}e}", value) and not _is_between_float4s(text, value)
    )
    return _plain_or_scientific(shortest, FLOAT4_EXPONENT_MIN_SCIENTIFIC)


def date_text(days: int) -> bytes:
    """Return a date.

    >>> [date_text(d) for d in (0, -1, -730_485, DATE_INFINITY)]
    [b'2000-01-01', b'1999-12-31', b'0001-01-01 BC', b'infinity']
    """
    if days == DATE_INFINITY:
        return b"infinity"
    if days == DATE_NEGATIVE_INFINITY:
        return b"-infinity"
    text, era = _civil(days)
    return (text + era).encode()


def timestamp_text(microseconds: int, zone: str = "") -> bytes:
    """Return a timestamp, with `zone` before the era.

    >>> timestamp_text(1_500_000), timestamp_text(-1, "+00")
    (b'2000-01-01 00:00:01.5', b'1999-12-31 23:59:59.999999+00')
    """
    if microseconds == TIMESTAMP_INFINITY:
        return b"infinity"
    if microseconds == TIMESTAMP_NEGATIVE_INFINITY:
        return b"-infinity"
    days, rest = divmod(microseconds, MICROSECONDS_PER_DAY)
    seconds, fraction = divmod(rest, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text, era = _civil(days)
    decimals = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{text} {hour:02d}:{minute:02d}:{second:02d}{decimals}{zone}{era}".encode()


def decimal_text(unscaled: int, scale: int) -> bytes:
    """Return a decimal with `scale` digits after the point.

    >>> decimal_text(-5, 2), decimal_text(1234, 0)
    (b'-0.05', b'1234')
    """
    digits = f"{abs(unscaled):0{scale + 1}d}"
    sign = "-" if unscaled < 0 else ""
    if scale == 0:
        return (sign + digits).encode()
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}".encode()


def decimal_binary(unscaled: int, scale: int) -> bytes:
    """Return numeric's binary form: digits of base 10,000, weight, sign, display scale.

    >>> decimal_binary(123456789, 4).hex()
    '0003000100000004000109291a85'
    """
    padding = -scale % 4
    remaining = abs(unscaled) * 10**padding
    weight = -((scale + padding) // 4)
    digits: list[int] = []
    while remaining:
        remaining, digit = divmod(remaining, 10_000)
        digits.insert(0, digit)
    weight += len(digits) - 1
    while digits and digits[-1] == 0:
        digits.pop()
    if not digits:
        weight = 0
    sign = _NUMERIC_NEGATIVE if unscaled < 0 else 0
    return struct.pack(f"!HhHH{len(digits)}H", len(digits), weight, sign, scale, *digits)


def _special(value: float) -> bytes:
    if math.isnan(value):
        return b"NaN"
    if math.isinf(value):
        return b"Infinity" if value > 0 else b"-Infinity"
    return b""


def _is_between_doubles(text: str, value: float) -> bool:
    """Whether the decimal lies exactly between two doubles.

    It reads back as `value` by rounding half to even, but PostgreSQL does not use such decimals:
    1e23 is printed as 9.999999999999999e+22. Below 2**53 a shortest decimal is never such a middle.
    """
    if abs(value) < 2.0**53:
        return False
    return _is_halfway(text, value, math.ulp(value), math.ulp(math.nextafter(value, 0.0)))


def _is_halfway(text: str, value: float, above: float, below: float) -> bool:
    """Whether a decimal lies in the middle of the way to the next number away from zero, or towards it."""
    distance = abs(_integer(text)) - abs(int(value))
    return abs(distance) * 2 == int(above if distance > 0 else below)


def _is_float4(text: str, value: float) -> bool:
    try:
        return bool(_FLOAT4.unpack(_FLOAT4.pack(float(text)))[0] == value)
    except OverflowError:
        return False


def _is_between_float4s(text: str, value: float) -> bool:
    if abs(value) < 2.0**24:
        return False
    ulp: int = 2 ** (math.frexp(value)[1] - 24)
    below = ulp // 2 if abs(math.frexp(value)[0]) == 0.5 else ulp
    return _is_halfway(text, value, ulp, below)


def _integer(text: str) -> int:
    """Return the value of the text of a float that is an integer."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent or 0) - len(fraction)
    unscaled = int(whole + fraction)
    return int(unscaled * 10**shift if shift >= 0 else unscaled // 10**-shift)


def _plain_or_scientific(text: str, scientific_from: int) -> bytes:
    mantissa, _, exponent_text = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    all_digits = whole + fraction
    digits = all_digits.lstrip("0")
    exponent = int(exponent_text or 0) + len(whole) - 1 - (len(all_digits) - len(digits))
    digits = digits.rstrip("0") or "0"
    sign = "-" if text.startswith("-") else ""
    if digits == "0":
        return (sign + digits).encode()
    if not _EXPONENT_MIN_PLAIN <= exponent < scientific_from:
        point = "." if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{point}{digits[1:]}e{exponent:+03d}".encode()
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}".encode()
    if len(digits) <= exponent + 1:
        return (sign + digits.ljust(exponent + 1, "0")).encode()
    return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :]}".encode()


def _civil(days: int) -> tuple[str, str]:
    """Return year-month-day and the era's suffix of a day since 2000-01-01."""
    # Years that begin in March put the leap day last, so that months follow one formula.
    era, day_of_era = divmod(days + _DAYS_FROM_MARCH_0000_TO_2000, _DAYS_PER_ERA)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (month <= 2)
    if year <= 0:
        return f"{1 - year:04d}-{month:02d}-{day:02d}", " BC"
    return f"{year:04d}-{month:02d}-{day:02d}", ""
