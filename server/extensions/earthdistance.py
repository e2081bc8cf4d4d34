"""earthdistance: how far places on the earth are apart, as points of its surface (cubes) or as points in degrees.

Rule 1: the earth is a sphere; earth() is its radius in metres, and whoever makes another one of it gets other units.
Rule 2: points are (longitude, latitude) in degrees, and what is between them is told in statute miles.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from server.extensions.extension import Extension

if TYPE_CHECKING:
    from server.types.geometry import Point

RADIUS_MILES: Final = 3958.747716
_SQL: Final = "language sql immutable parallel safe"


def _miles(left: Point, right: Point) -> float:
    """The great-circle distance by the haversine formula."""
    long_left, lat_left, long_right, lat_right = map(math.radians, (*left, *right))
    apart = abs(long_left - long_right)
    if apart > math.pi:
        apart = 2 * math.pi - apart
    across = math.sin(abs(lat_left - lat_right) / 2)
    along = math.sin(apart / 2)
    chord = math.sqrt(across * across + math.cos(lat_left) * math.cos(lat_right) * along * along)
    return 2 * RADIUS_MILES * math.asin(min(chord, 1.0))


def _function(declared: str, result: str, words: str, body: str) -> str:
    return f"create function {declared} returns {result} {_SQL} {words} as $$select {body}$$;"


_SCRIPT: Final = (
    _function("earth()", "float8", "", "6378168::float8"),
    _function(
        "sec_to_gc(float8)",
        "float8",
        "strict",
        "case when $1 < 0 then 0::float8 when $1 / (2 * earth()) > 1 then pi() * earth() "
        "else 2 * earth() * asin($1 / (2 * earth())) end",
    ),
    _function(
        "gc_to_sec(float8)",
        "float8",
        "strict",
        "case when $1 < 0 then 0::float8 when $1 / earth() > pi() then 2 * earth() "
        "else 2 * earth() * sin($1 / (2 * earth())) end",
    ),
    "create domain earth as cube constraint not_point check (cube_is_point(value)) "
    "constraint not_3d check (cube_dim(value) <= 3) "
    "constraint on_surface check "
    "(abs(cube_distance(value, '(0)'::cube) / earth() - '1'::float8) < '10e-7'::float8);",
    _function(
        "ll_to_earth(float8, float8)",
        "earth",
        "strict",
        "cube(cube(cube(earth() * cos(radians($1)) * cos(radians($2))), "
        "earth() * cos(radians($1)) * sin(radians($2))), earth() * sin(radians($1)))::earth",
    ),
    _function(
        "latitude(earth)",
        "float8",
        "strict",
        "case when cube_ll_coord($1, 3) / earth() < -1 then -90::float8 "
        "when cube_ll_coord($1, 3) / earth() > 1 then 90::float8 "
        "else degrees(asin(cube_ll_coord($1, 3) / earth())) end",
    ),
    _function(
        "longitude(earth)",
        "float8",
        "strict",
        "degrees(atan2(cube_ll_coord($1, 2), cube_ll_coord($1, 1)))",
    ),
    _function(
        "earth_distance(earth, earth)", "float8", "strict", "sec_to_gc(cube_distance($1, $2))"
    ),
    _function("earth_box(earth, float8)", "cube", "strict", "cube_enlarge($1, gc_to_sec($2), 3)"),
    "create operator <@> "
    "(leftarg = point, rightarg = point, procedure = geo_distance, commutator = <@>);",
)

EARTHDISTANCE: Final = Extension(
    name="earthdistance",
    version="1.1",
    comment="calculate great-circle distances on the surface of the Earth",
    requires=("cube",),
    trusted=False,
    declarations="geo_distance(point, point) float8 = miles",
    functions={"miles": _miles},
    more="\n".join(_SCRIPT),
)
