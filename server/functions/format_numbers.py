"""to_char of numbers, and the templates that to_number reads as well."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Final

from server.errors import SqlSyntaxError
from server.functions.format_templates import NUMBER_KEYWORDS, ordinal, quoted
from server.functions.numeric import to_integer
from server.types.numeric import EXACT, round_to

_ORDER: Final = tuple(sorted(set(NUMBER_KEYWORDS), key=len, reverse=True))
_ROMAN: Final = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
    (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


@dataclass(slots=True)
class Picture:
    """A template for numbers: its parts in order, and what they say together."""

    parts: list[tuple[str, str]] = field(default_factory=list)  # keyword or '', text
    before: int = 0  # digits before the point
    after: int = 0
    first_zero: int = -1  # digit position of the first 0 before the point
    last_zero: int = 0  # decimals up to the last 0 after the point
    has_point: bool = False
    fill: bool = False
    has_v: bool = False
    multiply: int = 0  # digits after V
    sign: str = ""  # S MI PL SG PR where given
    sign_leads: bool = True
    sign_place: int = -1  # digits before S
    sign_before_point: bool = True
    roman: str = ""
    exponent: bool = False
    blank_zero: bool = False


@lru_cache(maxsize=512)
def picture_of(template: str) -> Picture:
    """Read a template."""
    picture = Picture()
    position = 0
    while position < len(template):
        if template[position : position + 2].upper() == "FM":
            picture.fill = True
            position += 2
            continue
        word = next((word for word in _ORDER if template.startswith(word, position)), "")
        if not word:
            text, position = _literal(template, position)
            picture.parts.append(("", text))
            continue
        position += len(word)
        keyword = word.upper()
        _note(picture, keyword, word)
        picture.parts.append((keyword, word))
    if picture.sign == "S":
        picture.sign_leads = picture.sign_before_point and picture.before != picture.sign_place
    return picture


def _literal(template: str, position: int) -> tuple[str, int]:
    character = template[position]
    if character == '"':
        return quoted(template, position + 1)
    if character == "\\" and template[position + 1 : position + 2] == '"':
        return '"', position + 2
    return character, position + 1


_SIGNS: Final = frozenset(("MI", "PL", "SG"))
_NUMBERS: Final = frozenset(("9", "0", ".", "D"))
_EXPONENT_ALONE: Final = (
    '"EEEE" is incompatible with other formats',
    '"EEEE" may only be used together with digit and decimal point patterns.',
)


def _check(picture: Picture, keyword: str) -> None:
    """Refuse a keyword that does not go with those before it."""
    sign = picture.sign
    if picture.exponent:
        is_same = keyword == "EEEE"
        raise SqlSyntaxError(
            'cannot use "EEEE" twice' if is_same else '"EEEE" must be the last pattern used'
        )
    if keyword in ("9", "0") and sign == "PR":
        raise SqlSyntaxError(f'"{keyword}" must be ahead of "PR"')
    if keyword in (".", "D") and picture.has_point:
        raise SqlSyntaxError("multiple decimal points")
    if (keyword in (".", "D") and picture.has_v) or (keyword == "V" and picture.has_point):
        raise SqlSyntaxError('cannot use "V" and decimal point together')
    if keyword == "S" and sign:
        other = "twice" if sign == "S" else 'and "PL"/"MI"/"SG"/"PR" together'
        raise SqlSyntaxError(f'cannot use "S" {other}')
    if keyword in _SIGNS and sign == "S":
        raise SqlSyntaxError(f'cannot use "S" and "{keyword}" together')
    if keyword == "PR" and sign not in ("", "PR"):
        raise SqlSyntaxError('cannot use "PR" and "S"/"PL"/"MI"/"SG" together')
    if keyword == "EEEE" and (
        picture.blank_zero or picture.fill or sign or picture.roman or picture.has_v
    ):
        raise SqlSyntaxError(_EXPONENT_ALONE[0], detail=_EXPONENT_ALONE[1])


def _note(picture: Picture, keyword: str, word: str) -> None:
    _check(picture, keyword)
    if keyword in ("9", "0"):
        _note_digit(picture, keyword)
    elif keyword in (".", "D"):
        picture.has_point = True
    elif keyword in _SIGNS or keyword in ("S", "PR"):
        if keyword == "S":
            picture.sign_place = picture.before
            picture.sign_before_point = not picture.has_point
        picture.sign = picture.sign or keyword
    elif keyword == "RN":
        picture.roman = word
    elif keyword == "EEEE":
        picture.exponent = True
    elif keyword == "V":
        picture.has_v = True
    elif keyword == "B":
        picture.blank_zero = not (picture.before or picture.after)


def _note_digit(picture: Picture, keyword: str) -> None:
    if picture.has_v:
        picture.multiply += 1
    if picture.has_point:
        picture.after += 1
        if keyword == "0":
            picture.last_zero = picture.after
        return
    if keyword == "0" and picture.first_zero < 0:
        picture.first_zero = picture.before
    picture.before += 1


def format_number(value: Decimal, template: str, *, moved: bool = False) -> str:
    """Fill a template with a number; moved: what V asks for has been done."""
    picture = picture_of(template)
    if picture.roman:
        return _roman(_to_int4(value), picture)
    if picture.exponent:
        return _scientific(value, picture)
    if picture.multiply and value.is_finite() and not moved:
        value = EXACT.multiply(value, Decimal(10**picture.multiply))
    digits, decimals, negative = _digits(value, picture)
    has_point = digits.startswith("#") or not picture.before
    if value.is_finite():
        has_point = has_point or bool(picture.after)
    return _Writer(picture, digits, decimals, negative, is_cut=True, has_point=has_point).write()


def format_float(value: float, template: str, significant: int) -> str:
    """Fill a template with a float, of which so many digits are significant.

    Where the template wants more decimals than that leaves, the text ends with the last of them.
    """
    picture = picture_of(template)
    if picture.roman:
        return _roman(round(value) if math.isfinite(value) else 0, picture)
    if picture.exponent:
        return _scientific_float(value, picture)
    if picture.multiply:
        value *= 10.0**picture.multiply
    if not math.isfinite(value):
        digits, decimals, negative = _digits(Decimal(value), picture)
        width = len("NaN" if math.isnan(value) else "Infinity")
        decimals = decimals[: max(significant - width, 0)]
        is_large = digits.startswith("#") or not digits
        return _Writer(picture, digits, decimals, negative, is_cut=True, has_point=is_large).write()
    whole_width = len(f"{abs(value):.0f}")
    shown = min(picture.after, max(significant - whole_width, 0))
    text = f"{value:.{shown}f}"
    whole, _, decimals = text.lstrip("-").partition(".")
    is_large = len(whole) > picture.before
    if is_large:
        whole, decimals = "#" * picture.before, "#" * shown
    negative = text.startswith("-")
    whole = whole.lstrip("0")
    return _Writer(picture, whole, decimals, negative, is_cut=True, has_point=is_large).write()


def _scientific_float(value: float, picture: Picture) -> str:
    if not math.isfinite(value):
        return _scientific(Decimal(value), picture)
    return f"{value: .{picture.after}e}"


def _digits(value: Decimal, picture: Picture) -> tuple[str, str, bool]:
    """Digits before the point, after it, and whether the number is below zero."""
    if not value.is_finite():
        word, negative = ("NaN", False) if value.is_nan() else ("Infinity", value < 0)
        if len(word) <= picture.before:
            return word, "", negative
        return "#" * picture.before, "#" * picture.after, negative
    rounded = round_to(value, picture.after)
    whole, _, decimals = f"{abs(rounded):f}".partition(".")
    whole = whole.lstrip("0")
    if len(whole) > picture.before or not picture.before:
        return "#" * picture.before, "#" * picture.after, value < 0
    return whole, decimals, rounded < 0


class _Writer:
    """Walks over the parts of a picture and puts digits in.

    is_cut: the text ends where a digit or the point is wanted and none is left; has_point: the number
    has a point, though perhaps no decimals.
    """

    def __init__(
        self,
        picture: Picture,
        digits: str,
        decimals: str,
        negative: bool,
        *,
        is_cut: bool = False,
        has_point: bool = False,
    ) -> None:
        self.picture = picture
        self.has_point = has_point or bool(decimals)
        self.is_cut = is_cut
        self.has_ended = False
        self.digits = digits.rjust(picture.before)
        self.decimals = decimals
        self.negative = negative
        self.is_word = digits.strip().isalpha()  # NaN or Infinity, which have no decimals
        self.place = 0  # digits before the point so far
        self.decimal = 0
        self.after_point = False
        self.is_inside = False  # behind a digit that is shown
        self.out: list[str] = []
        self.started = False
        shown = picture.before - len(digits.lstrip(" "))
        self.first_digit = shown
        if 0 <= picture.first_zero < shown:
            self.first_digit = picture.first_zero
        self.last_decimal = picture.after
        if picture.fill:
            used = len(decimals.rstrip("0"))
            self.last_decimal = max(used, picture.last_zero)
        # A number below one shows its zero before the point unless decimals follow.
        bare = (not self.is_word and not picture.after) or (picture.fill and self.last_decimal == 0)
        if self.first_digit == picture.before and picture.before and bare:
            self.first_digit = picture.before - 1
            self.digits = self.digits[:-1] + "0"

    def write(self) -> str:
        parts = self.picture.parts
        numbers = [place for place, (keyword, _) in enumerate(parts) if keyword in _NUMBERS]
        last, is_closed = numbers[-1] if numbers else -1, False
        for place, (keyword, text) in enumerate(parts):
            self._part(keyword, text)
            if self.has_ended:
                return "".join(self.out)
            if place == last and self.started:  # a sign behind the number is before what follows
                self._close()
                is_closed = True
        if not self.started and self.picture.before:
            self._sign()
        if not is_closed:
            self._close()
        return "".join(self.out)

    def _part(self, keyword: str, text: str) -> None:
        if keyword in ("9", "0"):
            self._digit()
        elif keyword in (".", "D"):
            self._point()
        elif keyword in (",", "G"):
            self.out.append("," if self.is_inside else "" if self.picture.fill else " ")
        elif keyword == "MI":
            self.out.append("-" if self.negative else "" if self.picture.fill else " ")
        elif keyword == "PL":
            self.out.append(
                "" if self.negative and self.picture.fill else " " if self.negative else "+"
            )
        elif keyword == "SG":
            self.out.append("-" if self.negative else "+")
        elif keyword == "TH":
            suffix = ordinal(self.digits.strip() or "0")
            silent = self.negative or "#" in self.digits or self.picture.has_point
            self.out.append("" if silent else suffix.upper() if text == "TH" else suffix)
        elif keyword == "L":
            self.out.append("" if self.picture.fill else " ")
        elif keyword == "":
            self.out.append(text)

    def _sign(self) -> None:
        """The sign, right before the first digit."""
        self.started = True
        picture = self.picture
        if picture.sign == "PR":
            self.out.append("<" if self.negative else "" if picture.fill else " ")
        elif picture.sign == "S":
            if picture.sign_leads:
                self.out.append("-" if self.negative else "+")
        elif picture.sign in ("MI", "SG", "PL") and (picture.sign != "PL" or not self.negative):
            if picture.sign == "PL" and not picture.fill:
                self.out.append(" ")
        elif self.negative:
            self.out.append("-")
        elif not picture.fill:
            self.out.append(" ")

    def _digit(self) -> None:
        if self.after_point:
            self.is_inside = self.decimal < self.last_decimal and not self.is_word
            if self.is_cut and len(self.decimals) <= self.decimal < self.last_decimal:
                self.has_ended = True
            elif self.is_inside:
                self.out.append(self.decimals[self.decimal : self.decimal + 1] or "0")
            self.decimal += 1
            return
        self.is_inside = self.place >= self.first_digit
        if self.is_inside:
            if not self.started:
                self._sign()
            digit = self.digits[self.place]
            self.out.append("0" if digit == " " else digit)
        elif not self.picture.fill:
            self.out.append(" ")
        self.place += 1

    def _point(self) -> None:
        if not self.started:
            self._sign()
        self.after_point = True
        self.is_inside = False
        if self.is_cut and not self.has_point:
            self.has_ended = True
            return
        # Fill mode keeps the point even where no decimals are left, but no mode where there are none.
        picture = self.picture
        is_whole = picture.before and (picture.fill or "#" not in self.digits)
        if not self.is_word and (picture.after or not is_whole):
            self.out.append(".")

    def _close(self) -> None:
        picture = self.picture
        if picture.sign == "PR":
            self.out.append(">" if self.negative else "" if picture.fill else " ")
        elif picture.sign == "S" and not picture.sign_leads:
            self.out.append("-" if self.negative else "+")


_to_int4: Final = to_integer("int4")


def _roman(number: int, picture: Picture) -> str:
    """Roman digits where they are asked for, with what else is written around them."""
    blank = "" if picture.fill else " "
    written = {"RN": _roman_digits(number, picture), ",": blank, "G": blank}
    return "".join(
        text if not keyword else written.get(keyword, "") for keyword, text in picture.parts
    )


def _roman_digits(number: int, picture: Picture) -> str:
    if not 0 < number < 4000:
        return "#" * 15
    text = ""
    for size, letters in _ROMAN:
        count, number = divmod(number, size)
        text += letters * count
    text = text.lower() if picture.roman.islower() else text
    return text if picture.fill else text.rjust(15)


def _scientific(value: Decimal, picture: Picture) -> str:
    if not value.is_finite():
        return " " + "#" * picture.before + "." + "#" * (picture.after + 4)
    if not value:
        text = f"{0:.{picture.after}f}e+00"
    else:
        exponent = value.adjusted()
        mantissa = round_to(value.scaleb(-exponent, EXACT), picture.after)  # 9.99 becomes 10
        text = f"{mantissa:f}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return text if text.startswith("-") else " " + text
