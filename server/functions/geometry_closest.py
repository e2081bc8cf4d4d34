"""What is nearest to what: intersections, closest points and distances of geometric shapes.

Rule 1: coordinates that differ by no more than EPSILON are equal, as everywhere in geometry.
Rule 2: a distance that cannot be told is NaN, and the closest point is NULL then.
Rule 3: candidates are tried in PostgreSQL's order, so that ties fall as they fall there.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from server.functions.geometry_math import (
    distance,
    hypotenuse,
    is_at_most,
    is_less,
    is_zero,
    line_of,
    minus,
    over,
    plus,
    slope,
    times,
)
from server.types.geometry import (
    EPSILON,
    Box,
    Circle,
    Line,
    Path,
    Point,
    Polygon,
    Segment,
    is_close,
    is_same,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Found = tuple[float, Point]
"""A distance and the point where it is."""


def _is_nearer(left: float, right: float) -> bool:
    """Whether one float8 is less than another; NaN is greater than all."""
    return left == left and (right != right or left < right)


def _nearest(candidates: Iterable[Found]) -> Found:
    best: Found | None = None
    for found in candidates:
        if best is None or _is_nearer(found[0], best[0]):
            best = found
    assert best is not None
    return best


# Lines.


def line_slope(line: Line) -> float:
    """How steep a line is."""
    if is_zero(line.a):
        return 0.0
    if is_zero(line.b):
        return math.inf
    return over(line.a, -line.b)


def _across(line: Line) -> float:
    """The slope of what crosses a line at a right angle."""
    if is_zero(line.a):
        return math.inf
    if is_zero(line.b):
        return 0.0
    return over(line.b, line.a)


def _slope_across(left: Point, right: Point) -> float:
    """The slope of what crosses the line through two points at a right angle."""
    if is_close(left.x, right.x):
        return 0.0
    if is_close(left.y, right.y):
        return math.inf
    return over(minus(left.x, right.x), minus(right.y, left.y))


def lines_meet(left: Line, right: Line) -> Point | None:
    """Where two lines cross; None where they are parallel."""
    if not is_zero(left.b):
        pass
    elif not is_zero(right.b):
        left, right = right, left
    else:
        return None
    if is_close(right.a, times(left.a, over(right.b, left.b))):
        return None
    x = over(
        minus(times(left.b, right.c), times(right.b, left.c)),
        minus(times(left.a, right.b), times(right.a, left.b)),
    )
    y = over(-plus(times(left.a, x), left.c), left.b)
    return Point(x + 0.0, y + 0.0)


def are_parallel(left: Line, right: Line) -> bool:
    """Whether two lines do not cross."""
    return lines_meet(left, right) is None


def are_perpendicular(left: Line, right: Line) -> bool:
    """Whether two lines cross at a right angle."""
    for number, other in ((left.a, right.b), (right.a, left.b), (left.b, right.a)):
        if is_zero(number):
            return is_zero(other)
    if is_zero(right.b):
        return is_zero(left.a)
    return is_close(over(times(left.a, right.a), times(left.b, right.b)), -1.0)


def _same_float(left: float, right: float) -> bool:
    return left == right or (left != left and right != right)


def same_line(left: Line, right: Line) -> bool:
    """Whether both are the same line; NaN is equal to itself."""
    if any(number != number for number in (*left, *right)):
        return all(map(_same_float, left, right))
    ratio = 1.0
    for number, other in zip(left, right, strict=True):
        if not is_zero(other):
            ratio = over(number, other)
            break
    return all(
        is_close(number, times(ratio, other)) for number, other in zip(left, right, strict=True)
    )


def line_distance(left: Line, right: Line) -> float:
    """How far apart parallel lines are; 0 for others."""
    if lines_meet(left, right) is not None:
        return 0.0
    ratio = 1.0
    for number, other in ((left.a, right.a), (left.b, right.b)):
        if abs(number) > EPSILON and abs(other) > EPSILON:
            ratio = over(number, other)
            break
    return over(abs(minus(left.c, times(ratio, right.c))), hypotenuse(left.a, left.b))


def line_has(line: Line, point: Point) -> bool:
    """Whether the point is on the line."""
    return is_zero(plus(plus(times(line.a, point.x), times(line.b, point.y)), line.c))


def nearest_on_line(line: Line, point: Point) -> Found:
    """The point of a line that is nearest, at the foot of the perpendicular."""
    foot = lines_meet(line_of(point, _across(line)), line)
    if foot is None:
        return math.nan, point
    return distance(foot, point), foot


# Segments.


def _slope(segment: Segment) -> float:
    return slope(segment.start, segment.end)


def segments_perpendicular(left: Segment, right: Segment) -> bool:
    """Whether two segments have directions at a right angle."""
    return is_close(_slope(left), _slope_across(right.start, right.end))


def segment_has(segment: Segment, point: Point) -> bool:
    """Whether the point is on the segment."""
    around = distance(point, segment.start) + distance(point, segment.end)  # may overflow
    return is_close(around, distance(segment.start, segment.end))


def segment_meets_line(segment: Segment, line: Line) -> Point | None:
    """Where a segment crosses a line."""
    found = lines_meet(line_of(segment.start, _slope(segment)), line)
    if found is None or not segment_has(segment, found):
        return None
    for end in segment:
        if is_same(end, found):
            return end
    return found


def segments_meet(left: Segment, right: Segment) -> Point | None:
    """Where two segments cross."""
    found = segment_meets_line(left, line_of(right.start, _slope(right)))
    return found if found is not None and segment_has(right, found) else None


def nearest_to_line(segment: Segment, line: Line) -> Found:
    """The point of a segment that is nearest to a line."""
    crossing = segment_meets_line(segment, line)
    if crossing is not None:
        return 0.0, crossing
    start, _ = nearest_on_line(line, segment.start)
    end, _ = nearest_on_line(line, segment.end)
    return (start, segment.start) if start < end else (end, segment.end)  # the end for NaN


def nearest_on_segment(segment: Segment, point: Point) -> Found:
    """The point of a segment that is nearest to a point."""
    perpendicular = line_of(point, _slope_across(segment.start, segment.end))
    _, found = nearest_to_line(segment, perpendicular)
    return distance(found, point), found


def nearest_of_segments(on: Segment, to: Segment) -> Found:
    """The point of a segment that is nearest to another segment."""
    crossing = segments_meet(on, to)
    if crossing is not None:
        return 0.0, crossing
    return _nearest(
        (
            nearest_on_segment(on, to.start),
            nearest_on_segment(on, to.end),
            (nearest_on_segment(to, on.start)[0], on.start),
            (nearest_on_segment(to, on.end)[0], on.end),
        )
    )


# Boxes.


def _sides(box: Box) -> tuple[Segment, ...]:
    """The sides of a box in the order in which they are tried."""
    high, low = box
    top_left, bottom_right = Point(low.x, high.y), Point(high.x, low.y)
    return (
        Segment(low, top_left),
        Segment(high, top_left),
        Segment(low, bottom_right),
        Segment(high, bottom_right),
    )


def box_has(box: Box, point: Point) -> bool:
    """Whether the point lies in the box."""
    return box.high.x >= point.x >= box.low.x and box.high.y >= point.y >= box.low.y


def bounds_of(points: Iterable[Point]) -> Box:
    """The smallest box around points."""
    xs, ys = zip(*points, strict=True)
    return Box(Point(max(xs), max(ys)), Point(min(xs), min(ys)))


def boxes_overlap(left: Box, right: Box) -> bool:
    """Whether two boxes have a point in common."""
    return (
        is_at_most(left.low.x, right.high.x)
        and is_at_most(right.low.x, left.high.x)
        and is_at_most(left.low.y, right.high.y)
        and is_at_most(right.low.y, left.high.y)
    )


def nearest_on_box(box: Box, point: Point) -> Found:
    """The point of a box that is nearest to a point."""
    if box_has(box, point):
        return 0.0, point
    return _nearest(nearest_on_segment(side, point) for side in _sides(box))


def segment_meets_box(segment: Segment, box: Box) -> bool:
    """Whether a segment and a box have a point in common."""
    if not boxes_overlap(bounds_of(segment), box):
        return False
    if any(box_has(box, end) for end in segment):
        return True
    return any(segments_meet(side, segment) is not None for side in _sides(box))


def line_meets_box(line: Line, box: Box) -> bool:
    """Whether a line crosses a box."""
    return any(segment_meets_line(side, line) is not None for side in _sides(box))


def distance_of_box(box: Box, segment: Segment) -> float:
    """How far away a box is from a segment."""
    if segment_meets_box(segment, box):
        return 0.0
    return _nearest(nearest_of_segments(side, segment) for side in _sides(box))[0]


def nearest_of_box(box: Box, segment: Segment) -> Found:
    """The point of a box that is nearest to a segment."""
    if segment_meets_box(segment, box):
        high, low = box
        center = Point(over(plus(high.x, low.x), 2.0), over(plus(high.y, low.y), 2.0))
        return 0.0, nearest_on_segment(segment, center)[1]
    return _nearest(nearest_of_segments(side, segment) for side in _sides(box))


# Paths and polygons.


def segments_of(path: Path) -> tuple[Segment, ...]:
    """The segments of a path, that from the last point to the first one before all."""
    points = path.points
    found = tuple(Segment(*pair) for pair in pairwise(points))
    return (Segment(points[-1], points[0]), *found) if path.is_closed else found


def path_has(path: Path, point: Point) -> bool:
    """Whether the point is on an open path, or within a closed one."""
    if path.is_closed:
        return is_inside(point, path.points)
    return any(segment_has(segment, point) for segment in segments_of(path))


def distance_to_path(point: Point, path: Path) -> float:
    """How far away a path is."""
    segments = segments_of(path)
    return _nearest(nearest_on_segment(each, point) for each in segments)[0] if segments else 0.0


def path_distance(left: Path, right: Path) -> float | None:
    """How far apart two paths are; NULL where one has no segment."""
    firsts, seconds = segments_of(left), segments_of(right)
    if not firsts or not seconds:
        return None
    pairs = (nearest_of_segments(first, second) for first in firsts for second in seconds)
    return _nearest(pairs)[0]


def paths_meet(left: Path, right: Path) -> bool:
    """Whether two paths cross."""
    if not boxes_overlap(bounds_of(left.points), bounds_of(right.points)):
        return False
    return any(
        segments_meet(first, second) is not None
        for first in segments_of(left)
        for second in segments_of(right)
    )


_ON_EDGE: Final = 1 << 30


def is_inside(point: Point, corners: tuple[Point, ...]) -> bool:
    """Whether a point lies in or on a polygon: edges cross the ray to its right."""
    moved = [Point(minus(each.x, point.x), minus(each.y, point.y)) for each in corners]
    crossings = 0
    for before, here in zip(moved, (*moved[1:], moved[0]), strict=True):
        crossing = _crossing(here, before)
        if crossing == _ON_EDGE:
            return True
        crossings += crossing
    return crossings != 0


def _crossing(here: Point, before: Point) -> int:
    """How an edge crosses the positive x axis: 2 or -2, half of that where it ends on it."""
    if is_zero(here.y):
        return _crossing_at_axis(here, before)
    direction = 1 if is_less(0.0, here.y) else -1
    if is_zero(before.y):
        return 0 if is_less(before.x, 0.0) else direction
    is_left = is_less(here.x, 0.0) and is_at_most(before.x, 0.0)
    if _is_towards(direction, before.y) or is_left:
        return 0
    if here.x + EPSILON >= 0 and is_less(0.0, before.x):
        return 2 * direction
    side = minus(times(minus(here.x, before.x), here.y), times(minus(here.y, before.y), here.x))
    if is_zero(side):
        return _ON_EDGE
    return 0 if _is_towards(direction, side) else 2 * direction


def _is_towards(direction: int, value: float) -> bool:
    """Whether a number has the sign of a direction; none is no number's."""
    return is_less(value, 0.0) if direction < 0 else is_less(0.0, value)


def _crossing_at_axis(here: Point, before: Point) -> int:
    if is_zero(here.x):
        return _ON_EDGE
    if is_less(0.0, here.x):
        if is_zero(before.y):
            return 0 if is_less(0.0, before.x) else _ON_EDGE
        return 1 if is_less(before.y, 0.0) else -1
    if is_zero(before.y):
        return 0 if is_less(before.x, 0.0) else _ON_EDGE
    return 0


def same_points(left: tuple[Point, ...], right: tuple[Point, ...]) -> bool:
    """Whether polygons have the same corners, wherever they begin and whichever way they go."""
    count = len(left)
    if count != len(right):
        return False
    for start in range(count):
        for step in (1, -1):
            if all(is_same(right[(start + step * at) % count], left[at]) for at in range(count)):
                return True
    return False


def _edges(corners: tuple[Point, ...]) -> list[Segment]:
    return [Segment(corners[at - 1], corners[at]) for at in range(len(corners))]


def polygons_overlap(left: Polygon, right: Polygon) -> bool:
    """Whether two polygons have a point in common."""
    if not boxes_overlap(bounds_of(left.points), bounds_of(right.points)):
        return False
    edges = _edges(right.points)
    if any(
        segments_meet(first, each) is not None for first in _edges(left.points) for each in edges
    ):
        return True
    return is_inside(left.points[0], right.points) or is_inside(right.points[0], left.points)


def polygon_distance(left: Polygon, right: Polygon) -> float | None:
    """How far apart two polygons are."""
    if polygons_overlap(left, right):
        return 0.0
    return path_distance(Path(True, left.points), Path(True, right.points))


def polygon_contains(outer: Polygon, inner: Polygon) -> bool:
    """Whether a polygon lies within another."""
    (high, low), (inner_high, inner_low) = bounds_of(outer.points), bounds_of(inner.points)
    if not (
        is_at_most(inner_high.x, high.x)
        and is_at_most(low.x, inner_low.x)
        and is_at_most(inner_high.y, high.y)
        and is_at_most(low.y, inner_low.y)
    ):
        return False
    return all(_within(*edge, outer.points, 0) for edge in _edges(inner.points))


def _within(start: Point, end: Point, corners: tuple[Point, ...], first: int) -> bool:
    """Whether a segment lies within a polygon whose edges before the first have been tried."""
    tested = Segment(start, end)
    is_within, is_crossed = True, False
    for at in range(first, len(corners)):
        edge = Segment(corners[at - 1], corners[at])
        if segment_has(edge, start):
            if segment_has(edge, end):
                return True
            is_within = _touching(start, end, edge, corners, at + 1)
        elif segment_has(edge, end):
            is_within = _touching(end, start, edge, corners, at + 1)
        elif (crossing := segments_meet(tested, edge)) is not None:
            is_crossed = True
            is_within = _within(start, crossing, corners, at + 1) and _within(
                end, crossing, corners, at + 1
            )
        if not is_within:
            return False
    if is_crossed:
        return True
    center = Point(over(plus(start.x, end.x), 2.0), over(plus(start.y, end.y), 2.0))
    return is_inside(center, corners)


def _touching(
    touching: Point, other: Point, edge: Segment, corners: tuple[Point, ...], first: int
) -> bool:
    """The same for a segment of which one end is on an edge."""
    tested = Segment(touching, other)
    ends: tuple[Point, ...] = edge
    if is_same(touching, edge.start):
        ends = (edge.end,)
    elif is_same(touching, edge.end):
        ends = (edge.start,)
    for end in ends:
        if segment_has(tested, end):
            return _within(other, end, corners, first)
    return True


def distance_to_polygon(point: Point, polygon: Polygon) -> float:
    """How far away a polygon is; 0 within it."""
    corners = polygon.points
    if is_inside(point, corners):
        return 0.0
    edges = [Segment(corners[0], corners[-1]), *(Segment(*pair) for pair in pairwise(corners))]
    return _nearest(nearest_on_segment(edge, point) for edge in edges)[0]


def circle_of_polygon(polygon: Polygon) -> Circle:
    """The circle around the mean of the corners, as far as they are on average."""
    count = float(len(polygon.points))
    x = y = radius = 0.0
    for point in polygon.points:
        x, y = plus(x, point.x), plus(y, point.y)
    center = Point(over(x, count), over(y, count))
    for point in polygon.points:
        radius = plus(radius, distance(point, center))
    return Circle(center, over(radius, count))


def point_or_null(found: Found) -> Point | None:
    """The closest point, NULL where the distance cannot be told."""
    return None if found[0] != found[0] else found[1]


def swapped(function: Callable[..., object]) -> Callable[..., object]:
    """The same with the arguments the other way round."""
    return lambda left, right: function(right, left)
