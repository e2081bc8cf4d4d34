"""money: an amount in cents, written as the C locale writes it: -$1,234.50."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from server.types.errors import invalid_syntax, out_of_range, unpack
from server.types.facts import define
from server.types.integers import send_fixed

if TYPE_CHECKING:
    from server.types.type import TextStyle

FORM: Final = struct.Struct("!q")
SPACES: Final = " \t\n\v\f\r"
AMOUNT: Final = re.compile(
    r"\$?([-+(]?)[ \t\n\v\f\r]*\$?([0-9,]*)(?:\.((?:,*[0-9]){0,2},*)([0-9]*))?(.*)", re.DOTALL
)
"""Sign, dollars, cents, digits beyond those, of which the first rounds, and what may only be signs."""
LIMIT: Final = 1 << 63
DIGITS_MAX: Final = 19


def parse_money(text: str, _modifier: int, _style: TextStyle) -> int:
    """Read an amount, with a dollar sign or without; parentheses make it negative."""
    match = AMOUNT.fullmatch(text.strip(SPACES))
    assert match is not None
    sign, dollars, decimals, beyond, rest = match.groups(default="")
    digits = dollars.replace(",", "") + decimals.replace(",", "").ljust(2, "0")
    cents = LIMIT + 1 if len(digits.lstrip("0")) > DIGITS_MAX else int(digits)
    cents += beyond[:1] >= "5"
    if cents > LIMIT:  # said before the rest is looked at
        raise out_of_range("money", text)
    if rest.strip(f"{SPACES})-+$"):
        raise invalid_syntax("money", text)
    if sign in ("-", "(") or "-" in rest:
        return -cents
    if cents == LIMIT:
        raise out_of_range("money", text)
    return cents


def format_money(value: int, _style: TextStyle) -> str:
    """Write an amount with a dollar sign and commas."""
    dollars, cents = divmod(abs(value), 100)
    return f"{'-' if value < 0 else ''}${dollars:,}.{cents:02d}"


MONEY_TYPES: Final = (
    define(
        "money",
        dtype=np.dtype(np.int64),
        storage_kind="INT64",
        parse=parse_money,
        format=format_money,
        receive=lambda data, _modifier: unpack(FORM, data)[0],
        send=FORM.pack,
        send_column=send_fixed(">i8"),
    ),
)
