"""Spans, points and plain values: whatever satisfies a condition is among what its search finds."""

import operator
import random
from decimal import Decimal

import numpy as np
import pytest

from server.inverted.row_sets import possible
from server.inverted.scalars import Points, Scalars
from server.inverted.spans import Ranges, Spans, of_boxes, of_circles
from server.types.geometry import Box, Circle, Point
from server.types.range import make_range, touches
from server.types.registry import TYPE_BY_OID

INT8RANGE, NUMRANGE, TSRANGE = 3926, 3906, 3908


class Reader:
    """Entries out of a list."""

    def __init__(self, entries):
        self.entries = sorted(entries)

    def ids(self, prefix, most):
        return self._rows(lambda key: key.startswith(prefix))[:most]

    def between(self, low, high):
        return self._rows(lambda key: low <= key < high)

    def _rows(self, test):
        return np.array([row for key, row in self.entries if test(key)], np.int64)


def found_by(extraction, values, strategy, asked):
    entries = [(key, n) for n, value in enumerate(values) for key in extraction.keys(value)]
    found = possible(extraction.search(strategy, asked).node, Reader(entries), loosely=True)
    return set(range(len(values))) if found is None else set(found.tolist())


def before(left, right):
    return not (left.is_empty or right.is_empty) and left.upper_place < right.lower_place


def overlaps(left, right):
    if left.is_empty or right.is_empty:
        return False
    return left.lower_place <= right.upper_place and right.lower_place <= left.upper_place


def contains(left, right):
    if right.is_empty or left.is_empty:
        return right.is_empty
    return left.lower_place <= right.lower_place and right.upper_place <= left.upper_place


TESTS = {
    "overlaps": overlaps,
    "contains": contains,
    "contained": lambda left, right: contains(right, left),
    "equals": operator.eq,
    "before": before,
    "after": lambda left, right: before(right, left),
    "adjacent": lambda left, right: touches(left, right) or touches(right, left),
}


def ranges(rng, kind, count):
    def bound():
        if rng.random() < 0.05:
            return None
        number = rng.choice((rng.randint(-300, 300), rng.randint(-(2**40), 2**40), 256, 255, 0))
        return Decimal(number) / 3 if kind.range_oid == NUMRANGE else number

    made = []
    while len(made) < count:
        low, high = bound(), bound()
        if low is not None and rng.random() < 0.6:
            high = low + rng.randint(0, 30)
        if low is not None and high is not None and low > high:
            low, high = high, low
        made.append(make_range(kind, low, high, rng.random() < 0.5, rng.random() < 0.5))
    return made


@pytest.mark.parametrize("oid", [INT8RANGE, NUMRANGE, TSRANGE])
def test_ranges(oid):
    kind = TYPE_BY_OID[oid].range
    rng = random.Random(oid)
    values, asked = ranges(rng, kind, 300), ranges(rng, kind, 60)
    for strategy, test in TESTS.items():
        for one in asked:
            wanted = {n for n, value in enumerate(values) if test(value, one)}
            assert wanted <= found_by(Ranges(kind), values, strategy, one)
    for one in (each.lower for each in asked if each.lower is not None):
        element = make_range(kind, one, one, True, True)
        wanted = {n for n, value in enumerate(values) if contains(value, element)}
        assert wanted <= found_by(Ranges(kind), values, "has", one)


def test_little_is_found_in_vain():
    kind = TYPE_BY_OID[INT8RANGE].range
    values = [make_range(kind, n * 10, n * 10 + 15) for n in range(2000)]
    found = found_by(Ranges(kind), values, "overlaps", make_range(kind, 9000, 9010))
    assert {899, 900} <= found
    assert len(found) < 60


def test_figures_and_points():
    rng = random.Random(7)
    points = [Point(rng.uniform(-9, 9), rng.uniform(-9, 9)) for _ in range(200)]
    points += [Point(float("inf"), 0), Point(float("-inf"), 0)]
    boxes = [Box(Point(p.x + rng.uniform(0, 3), p.y), p) for p in points[:200]]
    circles = [Circle(p, rng.uniform(0, 2)) for p in points[:200]]
    box, circle = Box(Point(2, 2), Point(-1, -1)), Circle(Point(1, 1), 1.5)
    inside = {n for n, p in enumerate(points) if -1 <= p.x <= 2}
    assert inside <= found_by(Points(), points, "within", box)
    left = {n for n, p in enumerate(points) if p.x < 3}
    assert left <= found_by(Points(), points, "before", Point(3, 0))
    right = {n for n, p in enumerate(points) if p.x > 3}
    assert right <= found_by(Points(), points, "after", Point(3, 0))
    across = {n for n, b in enumerate(boxes) if b.low.x <= 2 and b.high.x >= -1}
    assert across <= found_by(Spans(of_boxes), boxes, "overlaps", box)
    near = {n for n, c in enumerate(circles) if abs(c.center.x - 1) <= c.radius + 1.5}
    assert near <= found_by(Spans(of_circles), circles, "overlaps", circle)
    assert found_by(Spans(of_boxes), [Box(Point(3, 1), Point(1, 0))], "contains", Point(2, 1))


def test_plain_values():
    numbers = [Decimal("1.0"), Decimal("1.00"), Decimal(2), Decimal("NaN")]
    assert found_by(Scalars(TYPE_BY_OID[1700]), numbers, "equals", Decimal(1)) == {0, 1}
    texts = ["a", "b", "a" * 500, "a" * 499 + "b"]
    assert found_by(Scalars(TYPE_BY_OID[25]), texts, "equals", "a") == {0}
    assert found_by(Scalars(TYPE_BY_OID[25]), texts, "equals", "a" * 500) == {2, 3}
