"""Points, segments, lines, boxes, paths, polygons and circles: made, measured, moved and compared."""

from __future__ import annotations

import math
import operator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue
from server.functions.declare import Behaviour, table
from server.functions.geometry_math import (
    distance,
    hypotenuse,
    is_at_most,
    is_less,
    is_zero,
    line_of,
    middle,
    minus,
    over,
    plus,
    point_minus,
    point_over,
    point_plus,
    point_times,
    segment_slope,
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
    make_box,
)

if TYPE_CHECKING:
    from collections.abc import Callable


# Boxes.


def _width(box: Box) -> float:
    return minus(box.high.x, box.low.x)


def _height(box: Box) -> float:
    return minus(box.high.y, box.low.y)


def _box_area(box: Box) -> float:
    return times(_width(box), _height(box))


def _overlaps(left: Box, right: Box) -> bool:
    return (
        is_at_most(left.low.x, right.high.x)
        and is_at_most(right.low.x, left.high.x)
        and is_at_most(left.low.y, right.high.y)
        and is_at_most(right.low.y, left.high.y)
    )


def _contains(outer: Box, inner: Box) -> bool:
    return (
        is_at_most(inner.high.x, outer.high.x)
        and is_at_most(outer.low.x, inner.low.x)
        and is_at_most(inner.high.y, outer.high.y)
        and is_at_most(outer.low.y, inner.low.y)
    )


def _box_has(box: Box, point: Point) -> bool:
    return box.high.x >= point.x >= box.low.x and box.high.y >= point.y >= box.low.y


def _common_box(left: Box, right: Box) -> Box | None:
    if not _overlaps(left, right):
        return None
    # Of equal ones (0 and -0) PostgreSQL takes the second, min and max the first.
    high = Point(min(right.high.x, left.high.x), min(right.high.y, left.high.y))
    low = Point(max(right.low.x, left.low.x), max(right.low.y, left.low.y))
    return Box(high, low)


def _bounding(left: Box, right: Box) -> Box:
    high = Point(max(right.high.x, left.high.x), max(right.high.y, left.high.y))
    low = Point(min(right.low.x, left.low.x), min(right.low.y, left.low.y))
    return Box(high, low)


def _moved_box(move: Callable[[Point, Point], Point]) -> Callable[[Box, Point], Box]:
    return lambda box, point: Box(move(box.high, point), move(box.low, point))


def _turned_box(turn: Callable[[Point, Point], Point]) -> Callable[[Box, Point], Box]:
    return lambda box, point: make_box(turn(box.high, point), turn(box.low, point))


def _box_center(box: Box) -> Point:
    return middle(box.high, box.low)


# What lies where: by the bounds of boxes, polygons and circles.

Bounds = tuple[float, float, float, float]  # left, right, bottom, top


def _box_bounds(box: Box) -> Bounds:
    return box.low.x, box.high.x, box.low.y, box.high.y


def _circle_bounds(circle: Circle) -> Bounds:
    (x, y), radius = circle
    return minus(x, radius), plus(x, radius), minus(y, radius), plus(y, radius)


def _placed(
    bounds: Callable[[Any], Bounds], left: int, right: int, compare: Callable[[float, float], bool]
) -> Callable[[Any, Any], bool]:
    """A comparison of one side of the first with one side of the second."""
    return lambda first, second: compare(bounds(first)[left], bounds(second)[right])


def _more(left: float, right: float) -> bool:
    return is_less(right, left)


def _at_least(left: float, right: float) -> bool:
    return is_at_most(right, left)


LEFT, RIGHT, BOTTOM, TOP = range(4)
PLACES: Final = {
    "left": (RIGHT, LEFT, is_less),
    "overleft": (RIGHT, RIGHT, is_at_most),
    "overright": (LEFT, LEFT, _at_least),
    "right": (LEFT, RIGHT, _more),
    "below": (TOP, BOTTOM, is_less),
    "overbelow": (TOP, TOP, is_at_most),
    "overabove": (BOTTOM, BOTTOM, _at_least),
    "above": (BOTTOM, TOP, _more),
}


def _place_behaviours() -> dict[str, Behaviour]:
    shapes: dict[str, Callable[[Any], Bounds]] = {"box": _box_bounds, "circle": _circle_bounds}
    return {
        f"{shape} {word}": ("Where it lies.", _placed(bounds, *place), None)
        for shape, bounds in shapes.items()
        for word, place in PLACES.items()
    }


# Segments and lines.


def _length(segment: Segment) -> float:
    return distance(segment.start, segment.end)


def _is_parallel(left: Segment, right: Segment) -> bool:
    return is_close(segment_slope(left), segment_slope(right))


def _line(first: Point, second: Point) -> Line:
    if is_same(first, second):
        raise InvalidParameterValue("invalid line specification: must be two distinct points")
    return line_of(first, slope(first, second))


# Paths and polygons.


def _joins(path: Path) -> list[Segment]:
    """The segments of a path, with that from the last point to the first if it is closed."""
    points = path.points
    found = [Segment(*pair) for pair in pairwise(points)]
    return [Segment(points[-1], points[0]), *found] if path.is_closed else found


def _path_length(path: Path) -> float:
    total = 0.0
    for segment in _joins(path):
        total = plus(total, _length(segment))
    return total


def _path_area(path: Path) -> float | None:
    if not path.is_closed:
        return None
    area = 0.0
    points = path.points
    for here, following in zip(points, (*points[1:], points[0]), strict=True):
        area = plus(area, times(here.x, following.y))
        area = minus(area, times(here.y, following.x))
    return over(abs(area), 2.0)


def _path_plus(left: Path, right: Path) -> Path | None:
    if left.is_closed or right.is_closed:
        return None
    return Path(False, left.points + right.points)


def _moved_path(move: Callable[[Point, Point], Point]) -> Callable[[Path, Point], Path]:
    return lambda path, by: Path(path.is_closed, tuple(move(point, by) for point in path.points))


def _polygon_of_path(path: Path) -> Polygon:
    if not path.is_closed:
        raise InvalidParameterValue("open path cannot be converted to polygon")
    return Polygon(path.points)


def _polygon_box(polygon: Polygon) -> Box:
    xs, ys = zip(*polygon.points, strict=True)
    return Box(Point(max(xs), max(ys)), Point(min(xs), min(ys)))


def _polygon_of_box(box: Box) -> Polygon:
    (right, top), (left, bottom) = box
    corners = (Point(left, bottom), Point(left, top), Point(right, top), Point(right, bottom))
    return Polygon(corners)


# Circles.


def _circle_area(circle: Circle) -> float:
    return times(times(circle.radius, circle.radius), math.pi)


def _moved_circle(move: Callable[[Point, Point], Point]) -> Callable[[Circle, Point], Circle]:
    return lambda circle, by: Circle(move(circle.center, by), circle.radius)


def _circle_times(circle: Circle, by: Point) -> Circle:
    radius = times(circle.radius, hypotenuse(by.x, by.y))
    return Circle(point_times(circle.center, by), radius)


def _circle_over(circle: Circle, by: Point) -> Circle:
    return Circle(point_over(circle.center, by), over(circle.radius, hypotenuse(by.x, by.y)))


def _between_circles(left: Circle, right: Circle) -> float:
    apart = minus(distance(left.center, right.center), plus(left.radius, right.radius))
    return max(apart, 0.0)


def _circle_has(circle: Circle, point: Point) -> bool:
    return distance(circle.center, point) <= circle.radius


def _to_circle(point: Point, circle: Circle) -> float:
    return max(minus(distance(point, circle.center), circle.radius), 0.0)


def _circle_contains(outer: Circle, inner: Circle) -> bool:
    return is_at_most(distance(outer.center, inner.center), minus(outer.radius, inner.radius))


def _same_circle(left: Circle, right: Circle) -> bool:
    both_nan = left.radius != left.radius and right.radius != right.radius
    radii = both_nan or is_close(left.radius, right.radius)
    return radii and is_same(left.center, right.center)


def _circle_of_box(box: Box) -> Circle:
    center = _box_center(box)
    return Circle(center, distance(center, box.high))


def _box_of_circle(circle: Circle) -> Box:
    delta = over(circle.radius, math.sqrt(2.0))
    (x, y), _ = circle
    return Box(Point(plus(x, delta), plus(y, delta)), Point(minus(x, delta), minus(y, delta)))


def _sized(
    measure: Callable[[Any], float], compare: Callable[[float, float], bool]
) -> Callable[[Any, Any], bool]:
    return lambda left, right: compare(measure(left), measure(right))


def _comparisons(shape: str, measure: Callable[[Any], float]) -> dict[str, Behaviour]:
    """Comparisons by size, about equal sizes being equal; NaN is not even different."""
    tests = {
        "eq": is_close,
        "ne": lambda left, right: left != right and abs(left - right) > EPSILON,
        "lt": is_less,
        "le": is_at_most,
        "gt": _more,
        "ge": _at_least,
    }
    return {
        f"{shape} {word}": ("How large it is against the other.", _sized(measure, test), None)
        for word, test in tests.items()
    }


def _counts() -> dict[str, Behaviour]:
    return {
        f"path {word}": (
            "How many points it has against the other.",
            _sized(lambda path: len(path.points), getattr(operator, word)),
            None,
        )
        for word in ("eq", "lt", "le", "gt", "ge")
    }


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    **_place_behaviours(),
    **_comparisons("box", _box_area),
    **_comparisons("circle", _circle_area),
    **_counts(),
    "point": ("A point of its coordinates.", Point, None),
    "lseg": ("A segment of its ends.", Segment, None),
    "box": ("A box of two corners.", make_box, None),
    "box of point": ("A box without extent.", lambda point: Box(point, point), None),
    "circle": ("A circle of center and radius.", Circle, None),
    "line": ("The line through two points.", _line, None),
    "point left": ("Whether it lies to the left.", lambda a, b: is_less(a.x, b.x), None),
    "point right": ("Whether it lies to the right.", lambda a, b: is_less(b.x, a.x), None),
    "point above": ("Whether it lies above.", lambda a, b: is_less(b.y, a.y), None),
    "point below": ("Whether it lies below.", lambda a, b: is_less(a.y, b.y), None),
    "same": ("Whether both are the same point.", is_same, None),
    "different": ("Whether they are different points.", lambda a, b: not is_same(a, b), None),
    "vertical": ("Whether one is above the other.", lambda a, b: is_close(a.x, b.x), None),
    "horizontal": ("Whether one is beside the other.", lambda a, b: is_close(a.y, b.y), None),
    "distance": ("How far apart they are.", distance, None),
    "slope": ("How steep the line through them is.", slope, None),
    "plus": ("Moved by the other.", point_plus, None),
    "minus": ("Moved back by the other.", point_minus, None),
    "times": ("Turned and scaled by the other.", point_times, None),
    "over": ("Turned and scaled back by the other.", point_over, None),
    "box plus": ("Moved by a point.", _moved_box(point_plus), None),
    "box minus": ("Moved back by a point.", _moved_box(point_minus), None),
    "box times": ("Turned and scaled by a point.", _turned_box(point_times), None),
    "box over": ("Turned and scaled back by a point.", _turned_box(point_over), None),
    "path plus": ("Moved by a point.", _moved_path(point_plus), None),
    "path minus": ("Moved back by a point.", _moved_path(point_minus), None),
    "path times": ("Turned and scaled by a point.", _moved_path(point_times), None),
    "path over": ("Turned and scaled back by a point.", _moved_path(point_over), None),
    "circle plus": ("Moved by a point.", _moved_circle(point_plus), None),
    "circle minus": ("Moved back by a point.", _moved_circle(point_minus), None),
    "circle times": ("Turned and scaled by a point.", _circle_times, None),
    "circle over": ("Turned and scaled back by a point.", _circle_over, None),
    "box area": ("The area.", _box_area, None),
    "width": ("How wide it is.", _width, None),
    "height": ("How high it is.", _height, None),
    "box center": ("The point in the middle.", _box_center, None),
    "diagonal": ("The segment between the corners.", lambda box: Segment(*box), None),
    "box overlaps": ("Whether both have a point in common.", _overlaps, None),
    "box contains": ("Whether the other lies in it.", _contains, None),
    "box contained": ("Whether it lies in the other.", lambda a, b: _contains(b, a), None),
    "box same": (
        "Whether both are the same box.",
        lambda a, b: is_same(a.high, b.high) and is_same(a.low, b.low),
        None,
    ),
    "box has": ("Whether the point lies in it.", _box_has, None),
    "in box": ("Whether it lies in the box.", lambda point, box: _box_has(box, point), None),
    "box below or at": (
        "Whether it lies below or touches.",
        lambda a, b: is_at_most(a.high.y, b.low.y),
        None,
    ),
    "box above or at": (
        "Whether it lies above or touches.",
        lambda a, b: is_at_most(b.high.y, a.low.y),
        None,
    ),
    "box distance": (
        "How far their centers are apart.",
        lambda a, b: distance(_box_center(a), _box_center(b)),
        None,
    ),
    "common box": ("The part that both have.", _common_box, None),
    "bound box": ("The smallest box around both.", _bounding, None),
    "length": ("How long it is.", _length, None),
    "lseg center": ("The point in the middle.", lambda each: middle(*each), None),
    "lseg vertical": ("Whether it is vertical.", lambda a: is_close(a.start.x, a.end.x), None),
    "lseg horizontal": ("Whether it is horizontal.", lambda a: is_close(a.start.y, a.end.y), None),
    "lseg parallel": ("Whether they have one direction.", _is_parallel, None),
    "lseg eq": (
        "Whether both have the same ends.",
        lambda a, b: is_same(a.start, b.start) and is_same(a.end, b.end),
        None,
    ),
    "lseg ne": (
        "Whether they have different ends.",
        lambda a, b: not (is_same(a.start, b.start) and is_same(a.end, b.end)),
        None,
    ),
    **{
        f"lseg {word}": ("How long it is against the other.", _sized(_length, test), None)
        for word, test in (
            ("lt", is_less),
            ("le", is_at_most),
            ("gt", _more),
            ("ge", _at_least),
        )
    },
    "line vertical": ("Whether it is vertical.", lambda line: is_zero(line.b), None),
    "line horizontal": ("Whether it is horizontal.", lambda line: is_zero(line.a), None),
    "path length": ("How long it is.", _path_length, None),
    "path area": ("The area; NULL for an open path.", _path_area, None),
    "is closed": ("Whether it is closed.", lambda path: path.is_closed, None),
    "is open": ("Whether it is open.", lambda path: not path.is_closed, None),
    "count": ("How many points it has.", lambda value: len(value.points), None),
    "close": ("The same, closed.", lambda path: Path(True, path.points), None),
    "open": ("The same, open.", lambda path: Path(False, path.points), None),
    "join": ("Both, one behind the other; NULL for closed ones.", _path_plus, None),
    "polygon of path": ("The area inside.", _polygon_of_path, None),
    "path of polygon": ("The line around.", lambda area: Path(True, area.points), None),
    "polygon of box": ("The same area.", _polygon_of_box, None),
    "polygon box": ("The smallest box around it.", _polygon_box, None),
    "circle area": ("The area.", _circle_area, None),
    "diameter": ("How wide it is.", lambda circle: times(circle.radius, 2.0), None),
    "radius": ("How far it reaches.", lambda circle: circle.radius, None),
    "center": ("The point in the middle.", lambda circle: circle.center, None),
    "circle distance": ("How far apart they are.", _between_circles, None),
    "circle same": ("Whether both are the same circle.", _same_circle, None),
    "circle contains": ("Whether the other lies in it.", _circle_contains, None),
    "circle contained": (
        "Whether it lies in the other.",
        lambda a, b: _circle_contains(b, a),
        None,
    ),
    "circle overlaps": (
        "Whether both have a point in common.",
        lambda a, b: is_at_most(distance(a.center, b.center), plus(a.radius, b.radius)),
        None,
    ),
    "circle has": ("Whether the point lies in it.", _circle_has, None),
    "in circle": ("Whether it lies in the circle.", lambda a, b: _circle_has(b, a), None),
    "to circle": ("How far away it is.", _to_circle, None),
    "from circle": ("How far away it is.", lambda circle, a: _to_circle(a, circle), None),
    "circle of box": ("The circle through the corners.", _circle_of_box, None),
    "box of circle": ("The box inside it.", _box_of_circle, None),
}
TABLE: Final = """
1440 point(float8, float8) point | point | 1, 2 -> (1,2)
993 lseg(point, point) lseg | lseg | '(0,0)', '(1,1)' -> [(0,0),(1,1)]
1421 box(point, point) box | box | '(0,3)', '(1,1)' -> (1,3),(0,1)
4091 box(point) box | box of point | '(0,3)' -> (0,3),(0,3)
1473 circle(point, float8) circle | circle | '(0,3)', 2 -> <(0,3),2>
1493 line(point, point) line | line | '(0,0)', '(2,1)' -> {0.5,-1,0}
131 point_above(point, point) bool | point above | '(0,3)', '(0,2)' -> t
132 point_left(point, point) bool | point left | '(0,3)', '(1,2)' -> t
133 point_right(point, point) bool | point right | '(0,3)', '(1,2)' -> f
134 point_below(point, point) bool | point below | '(0,3)', '(0,2)' -> f
135 point_eq(point, point) bool | same | '(0,3)', '(0,3)' -> t
988 point_ne(point, point) bool | different | '(0,3)', '(0,3)' -> f
989 point_vert(point, point) bool | vertical | '(0,3)', '(0,2)' -> t
990 point_horiz(point, point) bool | horizontal | '(0,3)', '(0,2)' -> f
1406 isvertical(point, point) bool | vertical | '(0,3)', '(0,2)' -> t
1407 ishorizontal(point, point) bool | horizontal | '(0,3)', '(0,2)' -> f
991 point_distance(point, point) float8 | distance | '(0,3)', '(4,0)' -> 5
992 slope(point, point) float8 | slope | '(0,0)', '(2,1)' -> 0.5
1441 point_add(point, point) point | plus | '(1,2)', '(3,4)' -> (4,6)
1442 point_sub(point, point) point | minus | '(1,2)', '(3,5)' -> (-2,-3)
1443 point_mul(point, point) point | times | '(1,2)', '(3,4)' -> (-5,10)
1444 point_div(point, point) point | over | '(-5,10)', '(3,4)' -> (1,2)
1422 box_add(box, point) box | box plus | '(1,1),(0,0)', '(2,0)' -> (3,1),(2,0)
1423 box_sub(box, point) box | box minus | '(1,1),(0,0)', '(2,0)' -> (-1,1),(-2,0)
1424 box_mul(box, point) box | box times | '(1,1),(0,0)', '(2,0)' -> (2,2),(0,0)
1425 box_div(box, point) box | box over | '(1,1),(0,0)', '(2,0)' -> (0.5,0.5),(0,0)
1436 path_add_pt(path, point) path | path plus | '[(1,1),(0,0)]', '(2,0)' -> [(3,1),(2,0)]
1437 path_sub_pt(path, point) path | path minus | '[(1,1),(0,0)]', '(2,0)' -> [(-1,1),(-2,0)]
1438 path_mul_pt(path, point) path | path times | '[(1,1),(0,0)]', '(2,0)' -> [(2,2),(0,0)]
1439 path_div_pt(path, point) path | path over | '[(1,1),(0,0)]', '(2,0)' -> [(0.5,0.5),(0,0)]
1146 circle_add_pt(circle, point) circle | circle plus | '<(1,1),2>', '(2,0)' -> <(3,1),2>
1147 circle_sub_pt(circle, point) circle | circle minus | '<(1,1),2>', '(2,0)' -> <(-1,1),2>
1148 circle_mul_pt(circle, point) circle | circle times | '<(1,1),2>', '(2,0)' -> <(2,2),4>
1149 circle_div_pt(circle, point) circle | circle over | '<(1,1),2>', '(2,0)' -> <(0.5,0.5),1>
125 box_overlap(box, box) bool | box overlaps | '(1,1),(0,0)', '(2,2),(1,1)' -> t
126 box_ge(box, box) bool | box ge | '(1,1),(0,0)', '(2,2),(1,1)' -> t
127 box_gt(box, box) bool | box gt | '(1,1),(0,0)', '(2,2),(1,1)' -> f
128 box_eq(box, box) bool | box eq | '(1,1),(0,0)', '(2,2),(1,1)' -> t
129 box_lt(box, box) bool | box lt | '(1,1),(0,0)', '(2,2),(1,1)' -> f
130 box_le(box, box) bool | box le | '(1,1),(0,0)', '(2,2),(1,1)' -> t
115 box_above_eq(box, box) bool | box above or at | '(2,2),(1,1)', '(1,1),(0,0)' -> t
116 box_below_eq(box, box) bool | box below or at | '(1,1),(0,0)', '(2,2),(1,1)' -> t
136 on_pb(point, box) bool | in box | '(1,0)', '(1,1),(0,0)' -> t
138 box_center(box) point | box center | '(1,1),(0,0)' -> (0.5,0.5)
1542 center(box) point | box center | '(1,1),(0,0)' -> (0.5,0.5)
1534 point(box) point | box center | '(1,1),(0,0)' -> (0.5,0.5)
186 box_same(box, box) bool | box same | '(1,1),(0,0)', '(1,0),(0,1)' -> t
187 box_contain(box, box) bool | box contains | '(2,2),(0,0)', '(1,1),(0,0)' -> t
192 box_contained(box, box) bool | box contained | '(2,2),(0,0)', '(1,1),(0,0)' -> f
193 box_contain_pt(box, point) bool | box has | '(2,2),(0,0)', '(3,1)' -> f
188 box_left(box, box) bool | box left | '(1,1),(0,0)', '(3,3),(2,2)' -> t
189 box_overleft(box, box) bool | box overleft | '(1,1),(0,0)', '(3,3),(2,2)' -> t
190 box_overright(box, box) bool | box overright | '(1,1),(0,0)', '(3,3),(2,2)' -> f
191 box_right(box, box) bool | box right | '(1,1),(0,0)', '(3,3),(2,2)' -> f
2562 box_below(box, box) bool | box below | '(1,1),(0,0)', '(3,3),(2,2)' -> t
2563 box_overbelow(box, box) bool | box overbelow | '(1,1),(0,0)', '(3,3),(2,2)' -> t
2564 box_overabove(box, box) bool | box overabove | '(1,1),(0,0)', '(3,3),(2,2)' -> f
2565 box_above(box, box) bool | box above | '(1,1),(0,0)', '(3,3),(2,2)' -> f
975 area(box) float8 | box area | '(2,3),(0,0)' -> 6
976 width(box) float8 | width | '(2,3),(0,0)' -> 2
977 height(box) float8 | height | '(2,3),(0,0)' -> 3
978 box_distance(box, box) float8 | box distance | '(2,2),(0,0)', '(5,6),(3,4)' -> 5
980 box_intersect(box, box) box | common box | '(2,2),(0,0)', '(3,3),(1,1)' -> (2,2),(1,1)
981 diagonal(box) lseg | diagonal | '(2,3),(0,0)' -> [(2,3),(0,0)]
1541 lseg(box) lseg | diagonal | '(2,3),(0,0)' -> [(2,3),(0,0)]
4067 bound_box(box, box) box | bound box | '(1,1),(0,0)', '(3,3),(2,2)' -> (3,3),(0,0)
225 lseg_center(lseg) point | lseg center | '[(0,0),(2,4)]' -> (1,2)
1532 point(lseg) point | lseg center | '[(0,0),(2,4)]' -> (1,2)
1487 lseg_length(lseg) float8 | length | '[(0,0),(3,4)]' -> 5
1530 length(lseg) float8 | length | '[(0,0),(3,4)]' -> 5
995 lseg_parallel(lseg, lseg) bool | lseg parallel | '[(0,0),(1,1)]', '[(1,0),(3,2)]' -> t
1408 isparallel(lseg, lseg) bool | lseg parallel | '[(0,0),(1,1)]', '[(1,0),(3,3)]' -> f
997 lseg_vertical(lseg) bool | lseg vertical | '[(0,0),(0,1)]' -> t
998 lseg_horizontal(lseg) bool | lseg horizontal | '[(0,0),(0,1)]' -> f
1410 isvertical(lseg) bool | lseg vertical | '[(0,0),(0,1)]' -> t
1411 ishorizontal(lseg) bool | lseg horizontal | '[(0,0),(0,1)]' -> f
999 lseg_eq(lseg, lseg) bool | lseg eq | '[(0,0),(0,1)]', '[(0,0),(0,1)]' -> t
1482 lseg_ne(lseg, lseg) bool | lseg ne | '[(0,0),(0,1)]', '[(0,0),(0,1)]' -> f
1483 lseg_lt(lseg, lseg) bool | lseg lt | '[(0,0),(0,1)]', '[(0,0),(0,2)]' -> t
1484 lseg_le(lseg, lseg) bool | lseg le | '[(0,0),(0,1)]', '[(0,0),(0,2)]' -> t
1485 lseg_gt(lseg, lseg) bool | lseg gt | '[(0,0),(0,1)]', '[(0,0),(0,2)]' -> f
1486 lseg_ge(lseg, lseg) bool | lseg ge | '[(0,0),(0,1)]', '[(0,0),(0,2)]' -> f
1414 isvertical(line) bool | line vertical | '{1,0,3}' -> t
1415 ishorizontal(line) bool | line horizontal | '{1,0,3}' -> f
1498 line_vertical(line) bool | line vertical | '{1,0,3}' -> t
1499 line_horizontal(line) bool | line horizontal | '{1,0,3}' -> f
979 area(path) float8 | path area | '((0,0),(0,2),(2,2),(2,0))' -> 4
982 path_n_lt(path, path) bool | path lt | '[(1,1),(0,0)]', '[(1,1)]' -> f
983 path_n_gt(path, path) bool | path gt | '[(1,1),(0,0)]', '[(1,1)]' -> t
984 path_n_eq(path, path) bool | path eq | '[(1,1),(0,0)]', '[(1,1)]' -> f
985 path_n_le(path, path) bool | path le | '[(1,1),(0,0)]', '[(1,1)]' -> f
986 path_n_ge(path, path) bool | path ge | '[(1,1),(0,0)]', '[(1,1)]' -> t
987 path_length(path) float8 | path length | '[(0,0),(3,4)]' -> 5
1531 length(path) float8 | path length | '((0,0),(3,4))' -> 10
1430 isclosed(path) bool | is closed | '((0,0),(3,4))' -> t
1431 isopen(path) bool | is open | '((0,0),(3,4))' -> f
1432 path_npoints(path) int4 | count | '((0,0),(3,4))' -> 2
1545 npoints(path) int4 | count | '((0,0),(3,4))' -> 2
1433 pclose(path) path | close | '[(0,0),(3,4)]' -> ((0,0),(3,4))
1434 popen(path) path | open | '((0,0),(3,4))' -> [(0,0),(3,4)]
1435 path_add(path, path) path | join | '[(0,0),(3,4)]', '[(1,1)]' -> [(0,0),(3,4),(1,1)]
1445 poly_npoints(polygon) int4 | count | '((0,0),(3,4))' -> 2
1556 npoints(polygon) int4 | count | '((0,0),(3,4))' -> 2
1446 box(polygon) box | polygon box | '((0,0),(3,4),(1,7))' -> (3,7),(0,0)
1447 path(polygon) path | path of polygon | '((0,0),(3,4))' -> ((0,0),(3,4))
1448 polygon(box) polygon | polygon of box | '(1,1),(0,0)' -> ((0,0),(0,1),(1,1),(1,0))
1449 polygon(path) polygon | polygon of path | '((0,0),(3,4))' -> ((0,0),(3,4))
1452 circle_same(circle, circle) bool | circle same | '<(0,0),1>', '<(0,0),1>' -> t
1453 circle_contain(circle, circle) bool | circle contains | '<(0,0),2>', '<(0,0),1>' -> t
1458 circle_contained(circle, circle) bool | circle contained | '<(0,0),2>', '<(0,0),1>' -> f
1459 circle_overlap(circle, circle) bool | circle overlaps | '<(0,0),2>', '<(3,0),1>' -> t
1454 circle_left(circle, circle) bool | circle left | '<(0,0),1>', '<(3,0),1>' -> t
1455 circle_overleft(circle, circle) bool | circle overleft | '<(0,0),1>', '<(3,0),1>' -> t
1456 circle_overright(circle, circle) bool | circle overright | '<(0,0),1>', '<(3,0),1>' -> f
1457 circle_right(circle, circle) bool | circle right | '<(0,0),1>', '<(3,0),1>' -> f
1460 circle_below(circle, circle) bool | circle below | '<(0,0),1>', '<(0,3),1>' -> t
1461 circle_above(circle, circle) bool | circle above | '<(0,0),1>', '<(0,3),1>' -> f
2587 circle_overbelow(circle, circle) bool | circle overbelow | '<(0,0),1>', '<(0,3),1>' -> t
2588 circle_overabove(circle, circle) bool | circle overabove | '<(0,0),1>', '<(0,3),1>' -> f
1462 circle_eq(circle, circle) bool | circle eq | '<(0,0),1>', '<(3,0),1>' -> t
1463 circle_ne(circle, circle) bool | circle ne | '<(0,0),1>', '<(3,0),1>' -> f
1464 circle_lt(circle, circle) bool | circle lt | '<(0,0),1>', '<(3,0),2>' -> t
1465 circle_gt(circle, circle) bool | circle gt | '<(0,0),1>', '<(3,0),2>' -> f
1466 circle_le(circle, circle) bool | circle le | '<(0,0),1>', '<(3,0),2>' -> t
1467 circle_ge(circle, circle) bool | circle ge | '<(0,0),1>', '<(3,0),2>' -> f
1468 area(circle) float8 | circle area | '<(0,0),1>' -> 3.141592653589793
1469 diameter(circle) float8 | diameter | '<(0,0),1>' -> 2
1470 radius(circle) float8 | radius | '<(0,0),1>' -> 1
1471 circle_distance(circle, circle) float8 | circle distance | '<(0,0),1>', '<(3,0),1>' -> 1
1472 circle_center(circle) point | center | '<(1,2),1>' -> (1,2)
1543 center(circle) point | center | '<(1,2),1>' -> (1,2)
1416 point(circle) point | center | '<(1,2),1>' -> (1,2)
1476 dist_pc(point, circle) float8 | to circle | '(0,0)', '<(3,0),1>' -> 2
3290 dist_cpoint(circle, point) float8 | from circle | '<(3,0),1>', '(0,0)' -> 2
1477 circle_contain_pt(circle, point) bool | circle has | '<(3,0),1>', '(2.5,0)' -> t
1478 pt_contained_circle(point, circle) bool | in circle | '(2.5,0)', '<(3,0),1>' -> t
1479 circle(box) circle | circle of box | '(6,8),(0,0)' -> <(3,4),5>
1480 box(circle) box | box of circle | '<(0,0),0>' -> (0,0),(0,0)
"""
FUNCTIONS: Final = table(TABLE, BEHAVIOURS)
