"""to_number: numbers out of text, as a template shows where their parts are.

Rule 1: a digit or point of the template passes over one character of the text, after at most one blank
        and a sign; it counts if it is a digit or the decimal point.
Rule 2: the sign is read before the first digit or after the last one, wherever the template has it.
Rule 3: literal text of the template passes over as many characters, whatever they are; commas and
        currency pass over what they are or what cannot belong to a number.
Rule 4: what a digit passes over is a byte: the rest of a longer character is left for what follows.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from server.errors import FeatureNotSupported, InvalidTextRepresentation
from server.functions.format_numbers import picture_of
from server.functions.numeric_math import multiply, power, scaled
from server.types.numeric import numeric_overflow

if TYPE_CHECKING:
    from server.functions.format_numbers import Picture

_DIGITS: Final = frozenset("0123456789")
_NUMBER: Final = frozenset("0123456789.,+-")
_SIGNS: Final = {"MI": "-", "PL": "+", "SG": "+-"}
_WIDTHS: Final = {"L": 1, "TH": 2, "MI": 1, "PL": 1, "SG": 1}
"""How many characters that are no part of a number a keyword passes over."""


def parse_number(text: str, template: str) -> Decimal:
    """Read a number as a template shows it."""
    picture = picture_of(template)
    if picture.roman:
        raise FeatureNotSupported('"RN" not supported for input')
    if picture.exponent:
        raise FeatureNotSupported('"EEEE" not supported for input')
    reader = _Reader(text, picture)
    reader.read()
    if not reader.whole and not reader.decimals:
        shown = reader.sign or " "
        raise InvalidTextRepresentation(f'invalid input syntax for type numeric: "{shown}"')
    number = scaled(int(reader.whole + reader.decimals), len(reader.decimals))
    if reader.sign == "-" and number:
        number = number.copy_negate()
    if len(reader.whole.lstrip("0")) > picture.before + picture.multiply:
        raise numeric_overflow(picture.before + picture.multiply + picture.after, picture.after)
    if picture.multiply:
        number = multiply(number, power(Decimal(10), Decimal(-picture.multiply)))
    return number


class _Reader:
    """Walks over the parts of a picture and takes the characters of the text."""

    def __init__(self, text: str, picture: Picture) -> None:
        self.text = text.encode().decode("latin-1")  # a character stands for a byte
        self.picture = picture
        self.position = 0
        self.sign = ""
        self.whole = ""
        self.decimals = ""
        self.has_point = False

    def read(self) -> None:
        """Read all that is there."""
        for keyword, literal in self.picture.parts:
            if not self._next():
                return
            if keyword in ("9", "0", ".", "D"):
                self._number_part(keyword)
            elif keyword in (",", "G"):
                self._comma()
            elif keyword in _SIGNS and self._next() in _SIGNS[keyword]:
                self.sign = self._next()
                self.position += 1
            elif keyword in _WIDTHS:
                self._pass_over(keyword)
            elif not keyword:
                for _ in literal:
                    self._pass_character()

    def _pass_character(self) -> None:
        """Pass over a character, of which as many bytes follow as its first one says."""
        first = ord(self._next() or "\0")
        self.position += 1 + sum(first >= lead for lead in (0xC0, 0xE0, 0xF0))

    def _next(self) -> str:
        return self.text[self.position : self.position + 1]

    def _comma(self) -> None:
        is_skipped = self.picture.fill and not (self.whole or self.decimals)
        if not is_skipped and self._next() == ",":
            self.position += 1

    def _pass_over(self, keyword: str) -> None:
        if keyword == "TH" and self.picture.has_point:
            return
        for _ in range(_WIDTHS[keyword]):
            if self._next() in _NUMBER or not self._next():
                return
            self._pass_character()

    def _number_part(self, keyword: str) -> None:
        if self._next() == " ":
            self.position += 1
        if keyword in ("9", "0") and not (self.sign or self.whole or self.decimals):
            self._leading_sign()
        found = self._next()
        has_read = self._takes(found)
        self.position += 1
        if found and not self.sign and (self.whole or self.decimals):
            self._trailing_sign(found, has_read)

    def _leading_sign(self) -> None:
        picture, found = self.picture, self._next()
        if picture.sign == "S" and not picture.sign_before_point:
            return
        if found and (found in "+-" or (picture.sign == "PR" and found == "<")):
            self.sign = "+" if found == "+" else "-"
            self.position += 1

    def _takes(self, found: str) -> bool:
        """Whether it is a digit or the point, and there is room for it."""
        if found in _DIGITS:
            if not self.has_point:
                self.whole += found
            elif len(self.decimals) < self.picture.after:
                self.decimals += found
            else:
                return False
            return True
        if found == "." and self.picture.has_point and not self.has_point:
            self.has_point = True
            return True
        return False

    def _trailing_sign(self, found: str, has_read: bool) -> None:
        """A sign behind the number: S has it right behind, MI and its kin wherever it comes."""
        if self.picture.sign == "S":
            if has_read and self._next() and self._next() in "+-":
                self.sign = self._next()
                self.position += 1
        elif not has_read and found in "+-" and self.picture.sign in _SIGNS:
            self.sign = found
