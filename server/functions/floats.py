"""float4 and float8: IEEE arithmetic that raises where a finite result would be infinite or vanish.

Rounding to integers is half to even, as the processor rounds.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import (
    NumericValueOutOfRange,
)
from server.functions.declare import Behaviour, table
from server.functions.integer import BITS, SQL_NAMES, division_by_zero
from server.vector.column import Column, Mask, Values
from server.vector.rows import joint_validity

if TYPE_CHECKING:
    from server.functions.function import CallContext, Kernel

Compute = Callable[..., float]
DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "float4": np.dtype(np.float32),
    "float8": np.dtype(np.float64),
}


def overflow() -> NumericValueOutOfRange:
    """Make the error for a result that became infinite."""
    return NumericValueOutOfRange("value out of range: overflow")


def underflow() -> NumericValueOutOfRange:
    """Make the error for a result that became zero."""
    return NumericValueOutOfRange("value out of range: underflow")


def _narrow(value: float) -> float:
    return float(np.float32(value)) if abs(value) < 3.5e38 else value * math.inf


def _checked(operation: Compute, name: str, vanishes: bool) -> Compute:
    """The operation with its checks, in the precision of the type."""
    single = name == "float4"

    def compute(left: float, right: float) -> float:
        result = operation(left, right)
        if single and result - result == 0:
            result = _narrow(result)
        if math.isinf(result) and not (math.isinf(left) or math.isinf(right)):
            raise overflow()
        if vanishes and result == 0 and left != 0 and not (right == 0 or math.isinf(right)):
            raise underflow()
        return result

    return compute


def _divide(left: float, right: float) -> float:
    if right == 0:
        if math.isnan(left):
            return left
        raise division_by_zero()
    return left / right


def _all_in(mask: Mask, valid: Mask | None) -> bool:
    return bool((mask if valid is None else mask & valid).any())


def _kernel(operation: Callable[..., Values], name: str, kind: str) -> Kernel:
    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        valid = joint_validity((left, right))
        with np.errstate(all="ignore"):
            values = operation(left.values, right.values).astype(DTYPES[name], copy=False)
        if kind == "divide" and _all_in((right.values == 0) & ~np.isnan(left.values), valid):
            raise division_by_zero()
        infinite = np.isinf(values)
        if infinite.any():
            finite = ~(np.isinf(left.values) | np.isinf(right.values))
            if _all_in(infinite & finite, valid):
                raise overflow()
        if kind != "sum":
            lost = (values == 0) & (left.values != 0)
            if lost.any():
                harmless = np.isinf(right.values) if kind == "divide" else right.values == 0
                if _all_in(lost & ~harmless, valid):
                    raise underflow()
        return Column(values, valid)

    return kernel


def _unary(operation: Callable[[Values], Values]) -> Kernel:
    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        return Column(operation(column.values), column.valid)

    return kernel


def _behaviours(name: str) -> dict[str, Behaviour]:
    listed: dict[str, Behaviour] = {
        "add": (
            "Sum of two floats.",
            _checked(operator.add, name, False),
            _kernel(np.add, name, "sum"),
        ),
        "subtract": (
            "Difference of two floats.",
            _checked(operator.sub, name, False),
            _kernel(np.subtract, name, "sum"),
        ),
        "multiply": (
            "Product of two floats.",
            _checked(operator.mul, name, True),
            _kernel(np.multiply, name, "product"),
        ),
        "divide": (
            "Quotient of two floats.",
            _checked(_divide, name, True),
            _kernel(np.divide, name, "divide"),
        ),
        "negate": ("The float with the other sign.", operator.neg, _unary(np.negative)),
        "absolute": ("The float without its sign.", abs, _unary(np.abs)),
        "same": ("The float itself.", operator.pos, _unary(lambda values: values)),
    }
    return {f"{key} {name}": behaviour for key, behaviour in listed.items()}


ARITHMETIC: Final = """
204 float4pl(float4, float4) float4 | add | 1.5, 2 -> 3.5
205 float4mi(float4, float4) float4 | subtract | 1.5, 2 -> -0.5
202 float4mul(float4, float4) float4 | multiply | 1.5, 2 -> 3
203 float4div(float4, float4) float4 | divide | 1, 3 -> 0.33333334
206 float4um(float4) float4 | negate | 1.5 -> -1.5
1913 float4up(float4) float4 | same | 1.5 -> 1.5
207 float4abs(float4) float4 | absolute | -1.5 -> 1.5
1394 abs(float4) float4 | absolute | -1.5 -> 1.5
218 float8pl(float8, float8) float8 | add | 0.1, 0.2 -> 0.30000000000000004
219 float8mi(float8, float8) float8 | subtract | 1.5, 2 -> -0.5
216 float8mul(float8, float8) float8 | multiply | 1.5, 2 -> 3
217 float8div(float8, float8) float8 | divide | 1, 3 -> 0.3333333333333333
220 float8um(float8) float8 | negate | 1.5 -> -1.5
1914 float8up(float8) float8 | same | 1.5 -> 1.5
221 float8abs(float8) float8 | absolute | -1.5 -> 1.5
1395 abs(float8) float8 | absolute | -1.5 -> 1.5
281 float48pl(float4, float8) float8 | add | 1.5, 2 -> 3.5
282 float48mi(float4, float8) float8 | subtract | 1.5, 2 -> -0.5
279 float48mul(float4, float8) float8 | multiply | 1.5, 2 -> 3
280 float48div(float4, float8) float8 | divide | 1, 4 -> 0.25
285 float84pl(float8, float4) float8 | add | 1.5, 2 -> 3.5
286 float84mi(float8, float4) float8 | subtract | 1.5, 2 -> -0.5
283 float84mul(float8, float4) float8 | multiply | 1.5, 2 -> 3
284 float84div(float8, float4) float8 | divide | 1, 4 -> 0.25
"""


# Conversions.


def _to_integer(name: str) -> Callable[[float], int]:
    limit = 1 << BITS[name] - 1

    def convert(value: float) -> int:
        if value - value != 0:
            raise NumericValueOutOfRange(f"{SQL_NAMES[name]} out of range")
        number = round(value)
        if not -limit <= number < limit:
            raise NumericValueOutOfRange(f"{SQL_NAMES[name]} out of range")
        return number

    return convert


def _to_integer_kernel(name: str) -> Kernel:
    limit = float(1 << BITS[name] - 1)

    def kernel(context: CallContext, column: Column, *, count: int) -> Column:
        rounded = np.rint(column.values.astype(np.float64))
        fits = (rounded >= -limit) & (rounded < limit)
        if not fits.all():
            if _all_in(~fits, column.valid):
                raise NumericValueOutOfRange(f"{SQL_NAMES[name]} out of range")
            rounded = np.where(fits, rounded, 0.0)
        return Column(rounded.astype(context.result.type.dtype), column.valid)

    return kernel


def _to_float_kernel(context: CallContext, column: Column, *, count: int) -> Column:
    with np.errstate(all="ignore"):
        values = column.values.astype(context.result.type.dtype)
    if column.values.dtype == np.float64 and values.dtype == np.float32:
        finite = np.isfinite(column.values)
        if _all_in(np.isinf(values) & finite, column.valid):
            raise overflow()
        if _all_in((values == 0) & (column.values != 0), column.valid):
            raise underflow()
    return Column(values, column.valid)


def _to_float4(value: float) -> float:
    result = _narrow(value) if value - value == 0 else value
    if math.isinf(result) and not math.isinf(value):
        raise overflow()
    if result == 0 and value != 0:
        raise underflow()
    return result


def _conversion(name: str) -> Behaviour:
    return (
        "A float as an integer, rounded half to even.",
        _to_integer(name),
        _to_integer_kernel(name),
    )


_CONVERTING: Final[dict[str, Behaviour]] = {
    **{f"round {name}": _conversion(name) for name in BITS},
    "widen float8": ("The number as a double.", float, _to_float_kernel),
    "widen float4": (
        "The number as a real.",
        lambda value: _narrow(float(value)),
        _to_float_kernel,
    ),
    "narrow": ("A double as a real.", _to_float4, _to_float_kernel),
}

CONVERSIONS: Final = """
238 int2(float4) int2 | round | 2.5 -> 2
319 int4(float4) int4 | round | 2.5 -> 2
653 int8(float4) int8 | round | 2.5 -> 2
237 int2(float8) int2 | round | 2.5 -> 2
317 int4(float8) int4 | round | -2.5 -> -2
483 int8(float8) int8 | round | 3.5 -> 4
311 float8(float4) float8 | widen | 1.5 -> 1.5
235 float8(int2) float8 | widen | 7 -> 7
316 float8(int4) float8 | widen | 7 -> 7
482 float8(int8) float8 | widen | 7 -> 7
236 float4(int2) float4 | widen | 7 -> 7
318 float4(int4) float4 | widen | 7 -> 7
652 float4(int8) float4 | widen | 7 -> 7
312 float4(float8) float4 | narrow | 0.1 -> 0.1
"""

FUNCTIONS: Final = (
    *table(ARITHMETIC, {**_behaviours("float4"), **_behaviours("float8")}),
    *table(CONVERSIONS, _CONVERTING),
)
