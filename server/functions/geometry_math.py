"""Arithmetic of coordinates: float8 with its errors, and comparisons that forgive rounding.

Rule 1: a result that is infinite or zero without an operand that explains it is an error.
Rule 2: numbers that differ by no more than EPSILON are equal.
"""

from __future__ import annotations

import math

from server.errors import DivisionByZero, NumericValueOutOfRange
from server.types.geometry import EPSILON, Line, Point, Segment, is_close


def _overflow() -> NumericValueOutOfRange:
    return NumericValueOutOfRange("value out of range: overflow")


def _underflow() -> NumericValueOutOfRange:
    return NumericValueOutOfRange("value out of range: underflow")


def plus(left: float, right: float) -> float:
    """Sum of two numbers."""
    result = left + right
    if math.isinf(result) and not math.isinf(left) and not math.isinf(right):
        raise _overflow()
    return result


def minus(left: float, right: float) -> float:
    """Difference of two numbers."""
    return plus(left, -right)


def times(left: float, right: float) -> float:
    """Product of two numbers."""
    result = left * right
    if math.isinf(result) and not math.isinf(left) and not math.isinf(right):
        raise _overflow()
    if result == 0 and left != 0 and right != 0:
        raise _underflow()
    return result


def over(left: float, right: float) -> float:
    """Quotient of two numbers."""
    if right == 0 and left == left:
        raise DivisionByZero("division by zero")
    result = left / right if right else math.nan
    if math.isinf(result) and not math.isinf(left):
        raise _overflow()
    if result == 0 and left != 0 and not math.isinf(right):
        raise _underflow()
    return result


def hypotenuse(x: float, y: float) -> float:
    """Length of the third side, as PostgreSQL computes it."""
    if math.isinf(x) or math.isinf(y):
        return math.inf
    if math.isnan(x) or math.isnan(y):
        return math.nan
    longer, shorter = max(abs(x), abs(y)), min(abs(x), abs(y))
    if shorter == 0:
        return longer
    ratio = shorter / longer
    result = longer * math.sqrt(1.0 + ratio * ratio)
    if math.isinf(result):
        raise _overflow()
    if result == 0:
        raise _underflow()
    return result


def is_zero(number: float) -> bool:
    """Whether it cannot be told from 0."""
    return abs(number) <= EPSILON


def is_less(left: float, right: float) -> bool:
    """Whether it is less by more than what cannot be told apart."""
    return left + EPSILON < right


def is_at_most(left: float, right: float) -> bool:
    """Whether it is less or about equal."""
    return left <= right + EPSILON


def point_plus(left: Point, right: Point) -> Point:
    """Both added as vectors."""
    return Point(plus(left.x, right.x), plus(left.y, right.y))


def point_minus(left: Point, right: Point) -> Point:
    """One taken from the other as vectors."""
    return Point(minus(left.x, right.x), minus(left.y, right.y))


def point_times(left: Point, right: Point) -> Point:
    """Both multiplied as complex numbers."""
    return Point(
        minus(times(left.x, right.x), times(left.y, right.y)),
        plus(times(left.x, right.y), times(left.y, right.x)),
    )


def point_over(left: Point, right: Point) -> Point:
    """One divided by the other as complex numbers."""
    size = plus(times(right.x, right.x), times(right.y, right.y))
    return Point(
        over(plus(times(left.x, right.x), times(left.y, right.y)), size),
        over(minus(times(right.x, left.y), times(right.y, left.x)), size),
    )


def distance(left: Point, right: Point) -> float:
    """How far apart two points are."""
    return hypotenuse(minus(left.x, right.x), minus(left.y, right.y))


def middle(left: Point, right: Point) -> Point:
    """The point half way."""
    return Point(over(plus(left.x, right.x), 2.0), over(plus(left.y, right.y), 2.0))


def slope(left: Point, right: Point) -> float:
    """How steep the line through two points is; infinite for a vertical one."""
    if is_close(left.x, right.x):
        return math.inf
    if is_close(left.y, right.y):
        return 0.0
    return over(minus(left.y, right.y), minus(left.x, right.x))


def line_of(point: Point, steepness: float) -> Line:
    """The line through a point."""
    if math.isinf(steepness):
        return Line(-1.0, 0.0, point.x)
    if steepness == 0:
        return Line(0.0, -1.0, point.y)
    return Line(steepness, -1.0, minus(point.y, times(steepness, point.x)) + 0.0)


def segment_slope(segment: Segment) -> float:
    """How steep a segment is."""
    return slope(segment.start, segment.end)
