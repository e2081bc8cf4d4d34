"""random and setseed, from the execution's own source of randomness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue
from server.functions.declare import row

if TYPE_CHECKING:
    from server.functions.function import CallContext


def _random(context: CallContext) -> float:
    return float(context.execution.random.random())


def _seed(context: CallContext, seed: float) -> str:
    if not -1 <= seed <= 1:
        raise InvalidParameterValue(f"setseed parameter {seed:g} is out of allowed range [-1,1]")
    context.execution.random.seed(seed)
    return ""


FUNCTIONS: Final = (
    row("1598 random() float8 volatile context", _random, "A random number from 0 to 1."),
    row("1599 setseed(float8) void volatile context", _seed, "Where random numbers begin."),
)
