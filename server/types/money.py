"""money: an amount in cents, written as the C locale writes it: -$1,234.50."""

from __future__ import annotations

import re
import struct
from decimal import ROUND_HALF_UP, Decimal
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
    r"([-+(]?\$?[-+(]?)[ \t\n\v\f\r]*([0-9][0-9,]*)?(?:\.([0-9]*))?(.*)", re.DOTALL
)
LIMIT: Final = 1 << 63


def parse_money(text: str, _modifier: int, _style: TextStyle) -> int:
    """Read an amount, with a dollar sign or without; parentheses make it negative."""
    match = AMOUNT.fullmatch(text.strip(SPACES))
    if match is None or match[4].strip(" )-+$"):
        raise invalid_syntax("money", text)
    is_negative = "-" in match[1] or "(" in match[1] or "-" in match[4]
    exact = Decimal(f"{(match[2] or '0').replace(',', '')}.{match[3] or 0}")
    cents = int((exact * 100).to_integral_value(ROUND_HALF_UP)) if exact < LIMIT else LIMIT + 1
    cents = -cents if is_negative else cents
    if not -LIMIT <= cents < LIMIT:
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
