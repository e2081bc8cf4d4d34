"""Functions of C's mathematical library over arrays of floats: to the bit what they give value by value.

numpy has its own approximations of some, which differ in the last digit.

Rule 1: what C calls a domain, pole or range error gives what C returns for it: nan, or infinity with a sign.

The specification of native/c_math.pyx.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.vector.column import Values

UNARY: Final[dict[str, Callable[[float], float]]] = {
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "cbrt": math.cbrt,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
}
"""The functions by their names in C; the compiled twin has the same."""


def of_each(name: str, values: Values) -> Values:
    """What a function gives of each value."""
    compute = UNARY[name]
    return np.array([_as_in_c(compute, value) for value in values.tolist()], np.float64)


def angles(rises: Values, runs: Values) -> Values:
    """The angle of each point: of its rise over its run, with the signs of both."""
    return np.array(list(map(math.atan2, rises.tolist(), runs.tolist())), np.float64)


def powers(bases: Values, exponents: Values) -> Values:
    """Each base to the power of its exponent."""
    pairs = zip(bases.tolist(), exponents.tolist(), strict=True)
    return np.array([_as_in_c(math.pow, *pair) for pair in pairs], np.float64)


def _as_in_c(compute: Callable[..., float], *values: Any) -> float:
    try:
        return compute(*values)
    except OverflowError:
        is_odd = len(values) == 2 and values[0] < 0 and values[1] % 2 == 1
        return -math.inf if is_odd else math.inf
    except ValueError:
        if compute is math.pow:
            return _pole(*values) if values[0] == 0 else math.nan
        return -math.inf if values[0] == 0 else math.nan


def _pole(base: float, exponent: float) -> float:
    """Zero to a negative power: infinite, of zero's sign if the exponent is odd."""
    return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf
