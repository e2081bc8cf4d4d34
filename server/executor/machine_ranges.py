"""Ranges: between which whole numbers a column lies where it compares with a constant.

A column may be kept in coarser units than the constant (days beside microseconds, cents beside mills); then
the bounds are rounded so that exactly the same stored values lie between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.expressions.expression import And

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.expressions.expression import Expression

LEAST: Final = -(1 << 63)
GREATEST: Final = (1 << 63) - 1
SWAPPED: Final = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq"}
"""What a comparison is called when its sides change places."""


@dataclass(frozen=True, slots=True)
class Range:
    """Both ends belong to it; it is empty if low is above high."""

    low: int = LEAST
    high: int = GREATEST

    def within(self, other: Range) -> Range:
        """What both have in common."""
        return Range(max(self.low, other.low), min(self.high, other.high))


def range_of(sign: str, constant: int, unit: int) -> Range:
    """The numbers n for which n * unit compares so with the constant."""
    floor, ceiling = constant // unit, -(-constant // unit)
    low = {"gt": floor + 1, "ge": ceiling, "eq": ceiling}.get(sign, LEAST)
    high = {"lt": ceiling - 1, "le": floor, "eq": floor}.get(sign, GREATEST)
    if low > GREATEST or high < LEAST:
        return Range(1, 0)
    return Range(max(low, LEAST), min(high, GREATEST))


def conjuncts(condition: Expression) -> Iterator[Expression]:
    """The conditions that have to be true together."""
    if isinstance(condition, And):
        for argument in condition.arguments:
            yield from conjuncts(argument)
    else:
        yield condition
