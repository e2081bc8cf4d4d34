"""How geometric shapes of all kinds lie to each other: crossing, touching, containing, apart."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Final

from server.errors import FeatureNotSupported, InvalidParameterValue, ProgramLimitExceeded
from server.functions import geometry_closest as closest
from server.functions.declare import Behaviour, row, table
from server.functions.geometry_closest import point_or_null, swapped
from server.functions.geometry_math import is_zero, minus, over, plus, slope, times
from server.types.geometry import Circle, Line, Point, Polygon, Segment

if TYPE_CHECKING:
    from collections.abc import Callable


def _close_of_segments(left: Segment, right: Segment) -> Point | None:
    if slope(*left) == slope(*right):
        return None
    return point_or_null(closest.nearest_of_segments(right, left))


def _close_to_line(line: Line, segment: Segment) -> Point | None:
    if slope(*segment) == closest.line_slope(line):
        return None
    return point_or_null(closest.nearest_to_line(segment, line))


def _circle_to_polygon(circle: Circle, polygon: Polygon) -> float:
    return max(minus(closest.distance_to_polygon(circle.center, polygon), circle.radius), 0.0)


CORNER_COUNT_MAX: Final = 5_000_000


def _polygon_of_circle(corner_count: int, circle: Circle) -> Polygon:
    if is_zero(circle.radius):
        raise FeatureNotSupported("cannot convert circle with radius zero to polygon")
    if corner_count < 2:
        raise InvalidParameterValue("must request at least 2 points")
    if corner_count > CORNER_COUNT_MAX:
        raise ProgramLimitExceeded("too many points requested")
    step = over(2.0 * math.pi, corner_count)
    angles = [times(step, at) for at in range(corner_count)]
    (x, y), radius = circle
    return Polygon(
        tuple(
            Point(minus(x, times(radius, math.cos(angle))), plus(y, times(radius, math.sin(angle))))
            for angle in angles
        )
    )


Bound = tuple[int, str]  # the corner of the bounds and its coordinate
_HIGH, _LOW = 0, 1
PLACES: Final[dict[str, tuple[Bound, Bound, Callable[[Any, Any], bool]]]] = {
    "left": ((_HIGH, "x"), (_LOW, "x"), operator.lt),
    "overleft": ((_HIGH, "x"), (_HIGH, "x"), operator.le),
    "overright": ((_LOW, "x"), (_LOW, "x"), operator.ge),
    "right": ((_LOW, "x"), (_HIGH, "x"), operator.gt),
    "below": ((_HIGH, "y"), (_LOW, "y"), operator.lt),
    "overbelow": ((_HIGH, "y"), (_HIGH, "y"), operator.le),
    "overabove": ((_LOW, "y"), (_LOW, "y"), operator.ge),
    "above": ((_LOW, "y"), (_HIGH, "y"), operator.gt),
}


def _placed(
    first: Bound, second: Bound, compare: Callable[[Any, Any], bool]
) -> Callable[[Polygon, Polygon], bool]:
    def test(left: Polygon, right: Polygon) -> bool:
        left_bounds = closest.bounds_of(left.points)
        right_bounds = closest.bounds_of(right.points)
        return compare(
            getattr(left_bounds[first[0]], first[1]), getattr(right_bounds[second[0]], second[1])
        )

    return test


def _distances() -> dict[str, Behaviour]:
    """Distances and closest points of kinds of shapes."""
    pairs: dict[str, Callable[..., tuple[float, Point]]] = {
        "point line": lambda point, line: closest.nearest_on_line(line, point),
        "point lseg": lambda point, segment: closest.nearest_on_segment(segment, point),
        "point box": lambda point, box: closest.nearest_on_box(box, point),
        "lseg line": closest.nearest_to_line,
        "lseg box": lambda segment, box: closest.nearest_of_box(box, segment),
        "lseg lseg": lambda left, right: closest.nearest_of_segments(left, right),
    }
    found: dict[str, Behaviour] = {}
    for names, nearest in pairs.items():
        first, second = names.split(" ")
        measure = _distance_of(nearest)
        found[f"dist {first} {second}"] = ("How far apart they are.", measure, None)
        found[f"dist {second} {first}"] = ("How far apart they are.", swapped(measure), None)
        found[f"close {first} {second}"] = (
            "The point of the second that is closest to the first.",
            _point_of(nearest),
            None,
        )
    return found


def _distance_of(nearest: Callable[..., tuple[float, Point]]) -> Callable[..., object]:
    return lambda left, right: nearest(left, right)[0]


def _point_of(nearest: Callable[..., tuple[float, Point]]) -> Callable[..., object]:
    return lambda left, right: point_or_null(nearest(left, right))


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    **{f"poly {word}": ("Where it lies.", _placed(*place), None) for word, place in PLACES.items()},
    **_distances(),
    "dist lseg box": ("How far apart they are.", swapped(closest.distance_of_box), None),
    "dist box lseg": ("How far apart they are.", closest.distance_of_box, None),
    "dist lseg lseg": (
        "How far apart they are.",
        _distance_of(lambda left, right: closest.nearest_of_segments(left, right)),
        None,
    ),
    "close lsegs": ("The point of the second closest to the first.", _close_of_segments, None),
    "close line lseg": ("The point of the segment closest to the line.", _close_to_line, None),
    "dist point path": ("How far away the path is.", closest.distance_to_path, None),
    "dist path point": ("How far away the path is.", swapped(closest.distance_to_path), None),
    "dist paths": ("How far apart they are.", closest.path_distance, None),
    "dist point polygon": ("How far away the polygon is.", closest.distance_to_polygon, None),
    "dist polygon point": (
        "How far away the polygon is.",
        swapped(closest.distance_to_polygon),
        None,
    ),
    "dist polygons": ("How far apart they are.", closest.polygon_distance, None),
    "dist circle polygon": ("How far apart they are.", _circle_to_polygon, None),
    "dist polygon circle": ("How far apart they are.", swapped(_circle_to_polygon), None),
    "dist lines": ("How far apart parallel lines are.", closest.line_distance, None),
    "line eq": ("Whether both are the same line.", closest.same_line, None),
    "lines meet at": ("Where they cross; NULL for parallel ones.", closest.lines_meet, None),
    "lines meet": (
        "Whether they cross.",
        lambda left, right: not closest.are_parallel(left, right),
        None,
    ),
    "lines parallel": ("Whether they never cross.", closest.are_parallel, None),
    "lines perpendicular": ("Whether they cross squarely.", closest.are_perpendicular, None),
    "lsegs meet at": ("Where they cross; NULL where not.", closest.segments_meet, None),
    "lsegs meet": (
        "Whether they cross.",
        lambda left, right: closest.segments_meet(left, right) is not None,
        None,
    ),
    "lsegs perpendicular": (
        "Whether they have directions at a right angle.",
        closest.segments_perpendicular,
        None,
    ),
    "lseg meets line": (
        "Whether they cross.",
        lambda segment, line: closest.segment_meets_line(segment, line) is not None,
        None,
    ),
    "lseg meets box": ("Whether they meet.", closest.segment_meets_box, None),
    "line meets box": ("Whether they meet.", closest.line_meets_box, None),
    "on line": ("Whether it is on the line.", swapped(closest.line_has), None),
    "on lseg": ("Whether it is on the segment.", swapped(closest.segment_has), None),
    "on path": ("Whether it is on or in the path.", swapped(closest.path_has), None),
    "path has": ("Whether the point is on or in it.", closest.path_has, None),
    "lseg on line": (
        "Whether it is on the line.",
        lambda segment, line: all(closest.line_has(line, end) for end in segment),
        None,
    ),
    "lseg in box": (
        "Whether it lies in the box.",
        lambda segment, box: all(closest.box_has(box, end) for end in segment),
        None,
    ),
    "paths meet": ("Whether they cross.", closest.paths_meet, None),
    "poly same": (
        "Whether both have the same corners.",
        lambda left, right: closest.same_points(left.points, right.points),
        None,
    ),
    "poly overlap": ("Whether they have a point in common.", closest.polygons_overlap, None),
    "poly contain": ("Whether the other lies in it.", closest.polygon_contains, None),
    "poly contained": (
        "Whether it lies in the other.",
        swapped(closest.polygon_contains),
        None,
    ),
    "poly has": (
        "Whether the point lies in it.",
        lambda polygon, point: closest.is_inside(point, polygon.points),
        None,
    ),
    "in poly": (
        "Whether it lies in the polygon.",
        lambda point, polygon: closest.is_inside(point, polygon.points),
        None,
    ),
    "poly center": (
        "The mean of the corners.",
        lambda polygon: closest.circle_of_polygon(polygon).center,
        None,
    ),
    "circle of poly": (
        "The circle around the mean of the corners, as far as they are on average.",
        closest.circle_of_polygon,
        None,
    ),
    "poly of circle": ("The polygon of so many corners in it.", _polygon_of_circle, None),
}
TABLE: Final = """
1488 close_ls(line, lseg) point | close line lseg | '{1,0,0}', '[(1,1),(3,2)]' -> (1,1)
1489 close_lseg(lseg, lseg) point | close lsegs | '[(0,0),(0,1)]', '[(1,1),(3,2)]' -> (1,1)
367 close_pb(point, box) point | close point box | '(3,1)', '(2,2),(0,0)' -> (2,1)
961 close_pl(point, line) point | close point line | '(3,1)', '{1,0,0}' -> (0,1)
366 close_ps(point, lseg) point | close point lseg | '(3,1)', '[(0,0),(0,2)]' -> (0,1)
368 close_sb(lseg, box) point | close lseg box | '[(3,1),(4,1)]', '(2,2),(0,0)' -> (2,1)
357 dist_bp(box, point) float8 | dist box point | '(2,2),(0,0)', '(3,1)' -> 1
381 dist_bs(box, lseg) float8 | dist box lseg | '(2,2),(0,0)', '[(3,1),(4,1)]' -> 1
728 dist_cpoly(circle, polygon) float8 | dist circle polygon | '<(5,0),1>', '((0,0),(1,1),(1,-1))' -> 3
702 dist_lp(line, point) float8 | dist line point | '{1,0,0}', '(3,1)' -> 3
704 dist_ls(line, lseg) float8 | dist line lseg | '{1,0,0}', '[(1,1),(3,2)]' -> 1
421 dist_pathp(path, point) float8 | dist path point | '[(0,0),(0,2)]', '(3,1)' -> 3
364 dist_pb(point, box) float8 | dist point box | '(3,1)', '(2,2),(0,0)' -> 1
725 dist_pl(point, line) float8 | dist point line | '(3,1)', '{1,0,0}' -> 3
785 dist_polyc(polygon, circle) float8 | dist polygon circle | '((0,0),(1,1),(1,-1))', '<(5,0),1>' -> 3
3292 dist_polyp(polygon, point) float8 | dist polygon point | '((0,0),(1,1),(1,-1))', '(3,0)' -> 2
371 dist_ppath(point, path) float8 | dist point path | '(3,1)', '[(0,0),(0,2)]' -> 3
3275 dist_ppoly(point, polygon) float8 | dist point polygon | '(3,0)', '((0,0),(1,1),(1,-1))' -> 2
363 dist_ps(point, lseg) float8 | dist point lseg | '(3,1)', '[(0,0),(0,2)]' -> 3
365 dist_sb(lseg, box) float8 | dist lseg box | '[(3,1),(4,1)]', '(2,2),(0,0)' -> 1
727 dist_sl(lseg, line) float8 | dist lseg line | '[(1,1),(3,2)]', '{1,0,0}' -> 1
380 dist_sp(lseg, point) float8 | dist lseg point | '[(0,0),(0,2)]', '(3,1)' -> 3
278 inter_lb(line, box) bool | line meets box | '{1,0,-1}', '(2,2),(0,0)' -> t
373 inter_sb(lseg, box) bool | lseg meets box | '[(3,1),(4,1)]', '(2,2),(0,0)' -> f
277 inter_sl(lseg, line) bool | lseg meets line | '[(1,1),(3,2)]', '{1,0,-2}' -> t
1412 isparallel(line, line) bool | lines parallel | '{1,0,0}', '{1,0,5}' -> t
1409 isperp(lseg, lseg) bool | lsegs perpendicular | '[(0,0),(0,1)]', '[(0,0),(1,0)]' -> t
1413 isperp(line, line) bool | lines perpendicular | '{1,0,0}', '{0,1,0}' -> t
239 line_distance(line, line) float8 | dist lines | '{1,0,0}', '{1,0,5}' -> 5
1492 line_eq(line, line) bool | line eq | '{1,0,5}', '{2,0,10}' -> t
1494 line_interpt(line, line) point | lines meet at | '{1,0,-1}', '{0,1,-2}' -> (1,2)
1495 line_intersect(line, line) bool | lines meet | '{1,0,-1}', '{0,1,-2}' -> t
1496 line_parallel(line, line) bool | lines parallel | '{1,0,-1}', '{0,1,-2}' -> f
1497 line_perp(line, line) bool | lines perpendicular | '{1,0,-1}', '{0,1,-2}' -> t
361 lseg_distance(lseg, lseg) float8 | dist lseg lseg | '[(0,0),(0,1)]', '[(1,1),(3,2)]' -> 1
362 lseg_interpt(lseg, lseg) point | lsegs meet at | '[(0,0),(2,2)]', '[(0,2),(2,0)]' -> (1,1)
994 lseg_intersect(lseg, lseg) bool | lsegs meet | '[(0,0),(2,2)]', '[(0,2),(2,0)]' -> t
996 lseg_perp(lseg, lseg) bool | lsegs perpendicular | '[(0,0),(2,2)]', '[(0,2),(2,0)]' -> t
959 on_pl(point, line) bool | on line | '(0,1)', '{1,0,0}' -> t
137 on_ppath(point, path) bool | on path | '(0,1)', '[(0,0),(0,2)]' -> t
369 on_ps(point, lseg) bool | on lseg | '(0,1)', '[(0,0),(0,2)]' -> t
372 on_sb(lseg, box) bool | lseg in box | '[(0,1),(1,1)]', '(2,2),(0,0)' -> t
960 on_sl(lseg, line) bool | lseg on line | '[(0,0),(0,2)]', '{1,0,0}' -> t
1426 path_contain_pt(path, point) bool | path has | '((0,0),(0,2),(2,0))', '(0.5,0.5)' -> t
370 path_distance(path, path) float8 | dist paths | '[(0,0),(0,2)]', '[(3,1),(4,1)]' -> 3
973 path_inter(path, path) bool | paths meet | '[(0,0),(2,2)]', '[(0,2),(2,0)]' -> t
1540 point(polygon) point | poly center | '((0,0),(0,2),(2,2),(2,0))' -> (1,1)
227 poly_center(polygon) point | poly center | '((0,0),(0,2),(2,2),(2,0))' -> (1,1)
1474 circle(polygon) circle | circle of poly | '((0,0),(0,6),(8,6),(8,0))' -> <(4,3),5>
2569 poly_above(polygon, polygon) bool | poly above | '((0,5),(1,6))', '((0,0),(1,1))' -> t
2566 poly_below(polygon, polygon) bool | poly below | '((0,5),(1,6))', '((0,0),(1,1))' -> f
340 poly_contain(polygon, polygon) bool | poly contain | '((0,0),(0,9),(9,0))', '((1,1),(1,2),(2,1))' -> t
1428 poly_contain_pt(polygon, point) bool | poly has | '((0,0),(0,9),(9,0))', '(1,1)' -> t
345 poly_contained(polygon, polygon) bool | poly contained | '((1,1),(1,2),(2,1))', '((0,0),(0,9),(9,0))' -> t
729 poly_distance(polygon, polygon) float8 | dist polygons | '((0,0),(0,1),(1,0))', '((4,0),(5,1),(5,0))' -> 3
341 poly_left(polygon, polygon) bool | poly left | '((0,0),(0,1),(1,0))', '((4,0),(5,1),(5,0))' -> t
2568 poly_overabove(polygon, polygon) bool | poly overabove | '((0,0),(1,1))', '((0,5),(1,6))' -> f
2567 poly_overbelow(polygon, polygon) bool | poly overbelow | '((0,0),(1,1))', '((0,5),(1,6))' -> t
346 poly_overlap(polygon, polygon) bool | poly overlap | '((0,0),(0,9),(9,0))', '((1,1),(1,2),(2,1))' -> t
342 poly_overleft(polygon, polygon) bool | poly overleft | '((0,0),(0,1))', '((4,0),(5,1))' -> t
343 poly_overright(polygon, polygon) bool | poly overright | '((0,0),(0,1))', '((4,0),(5,1))' -> f
344 poly_right(polygon, polygon) bool | poly right | '((0,0),(0,1))', '((4,0),(5,1))' -> f
339 poly_same(polygon, polygon) bool | poly same | '((0,0),(0,1),(1,1))', '((0,1),(0,0),(1,1))' -> t
1475 polygon(int4, circle) polygon | poly of circle | 2, '<(0,0),1>' -> ((-1,0),(1,1.2246467991473532e-16))
1429 pt_contained_poly(point, polygon) bool | in poly | '(1,1)', '((0,0),(0,9),(9,0))' -> t
"""
FUNCTIONS: Final = (
    *table(TABLE, BEHAVIOURS),
    row(
        "1544 polygon(circle) polygon",
        lambda circle: _polygon_of_circle(12, circle),
        "The polygon of twelve corners in it.",
        "'<(0,0),1>' -> ("
        "(-1,0),(-0.8660254037844387,0.49999999999999994),(-0.5000000000000001,0.8660254037844386),"
        "(-6.123233995736766e-17,1),(0.4999999999999998,0.8660254037844387),(0.8660254037844385,0.5000000000000003),"
        "(1,1.2246467991473532e-16),(0.8660254037844388,-0.4999999999999997),(0.5000000000000004,-0.8660254037844384),"
        "(1.8369701987210297e-16,-1),(-0.49999999999999933,-0.866025403784439),(-0.8660254037844384,-0.5000000000000004)"
        ")",
    ),
)
