"""cube: points and boxes in up to a hundred dimensions.

Rule 1: a point is kept once; a box is kept by the two corners that it was made of, in their order.
Rule 2: where dimensions differ in number, those that are missing are 0.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    ArraySubscriptError,
    InvalidTextRepresentation,
    NullValueNotAllowed,
    ProgramLimitExceeded,
)
from server.extensions.extension import BaseType, Extension
from server.oids import FLOAT8
from server.types.order import ordered
from server.types.registry import TYPE_BY_OID
from server.types.text import OBJECTS
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.types.array import Array

DIMENSIONS_MAX: Final = 100
Corner = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Cube:
    """A box by two corners; a point has the same ones."""

    first: Corner = ()
    second: Corner = ()

    @property
    def is_point(self) -> bool:
        """Whether it is a point."""
        return self.first == self.second

    def sides(self, count: int = 0) -> list[tuple[float, float]]:
        """The lower and upper end in each dimension, in so many at least."""
        pairs = list(zip(self.first, self.second, strict=True))
        pairs += [(0.0, 0.0)] * (count - len(pairs))
        return [(min(pair), max(pair)) for pair in pairs]


def made(first: Corner, second: Corner | None = None) -> Cube:
    """A cube of corners."""
    if len(first) > DIMENSIONS_MAX:
        raise ProgramLimitExceeded(
            "can't extend cube", detail=f"A cube cannot have more than {DIMENSIONS_MAX} dimensions."
        )
    return Cube(first, first if second is None else second)


# Text and bytes

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN]"
_TOKEN: Final = re.compile(rf"\s*(?:({_NUMBER})|([\[\](),])|(\S)|$)")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.skip()

    def skip(self) -> None:
        found = _TOKEN.match(self.text, self.at)
        assert found is not None
        self.number, self.sign, self.other = found[1], found[2], found[3]
        self.at = found.end()

    def wrong(self) -> InvalidTextRepresentation:
        token = self.number or self.sign or self.other
        near = f'at or near "{token}"' if token else "at end of input"
        return _invalid(f"syntax error {near}")

    def take(self, sign: str) -> None:
        if self.sign != sign:
            raise self.wrong()
        self.skip()

    def numbers(self) -> Corner:
        found: list[float] = []
        while True:
            if not self.number:
                raise self.wrong()
            found.append(float(self.number))
            self.skip()
            if self.sign != ",":
                return tuple(found)
            self.skip()

    def corner(self) -> Corner:
        self.take("(")
        found = () if self.sign == ")" else self.numbers()
        self.take(")")
        return found

    def cube(self) -> Cube:
        if self.sign == "[":
            self.skip()
            found = self.pair(self.corner())
            self.take("]")
        elif self.sign == "(":
            corner = self.corner()
            found = self.pair(corner) if self.sign == "," else made(corner)
        else:
            found = made(self.numbers())
        if self.number or self.sign or self.other:
            raise self.wrong()
        return found

    def pair(self, first: Corner) -> Cube:
        self.take(",")
        second = self.corner()
        if len(first) != len(second):
            shown = [",".join(map(_number, corner)) for corner in (first, second)]
            raise _invalid(f"Different point dimensions in ({shown[0]}) and ({shown[1]}).")
        return made(first, second)


def _invalid(detail: str) -> InvalidTextRepresentation:
    return InvalidTextRepresentation("invalid input syntax for cube", detail=detail)


def _number(value: float) -> str:
    return str(TYPE_BY_OID[FLOAT8].format(value, PLAIN_STYLE))


def parse(text: str) -> Cube:
    """Read a cube."""
    return _Reader(text).cube()


def shown(value: Cube) -> str:
    """Write a cube."""
    first = f"({', '.join(map(_number, value.first))})"
    return first if value.is_point else f"{first},({', '.join(map(_number, value.second))})"


def send(value: Cube) -> bytes:
    """The binary form: how many dimensions, whether it is a point, and the corners."""
    numbers = value.first if value.is_point else value.first + value.second
    head = len(value.first) | (1 << 31 if value.is_point else 0)
    return struct.pack(f"!I{len(numbers)}d", head, *numbers)


def receive(data: bytes) -> Cube:
    """Read the binary form."""
    try:
        (head,) = struct.unpack_from("!I", data)
        count = head & 0x7FFFFFFF
        if count > DIMENSIONS_MAX:
            raise ProgramLimitExceeded(
                "cube dimension is too large",
                detail=f"A cube cannot have more than {DIMENSIONS_MAX} dimensions.",
            )
        numbers = struct.unpack_from(f"!{count if head >> 31 else 2 * count}d", data, 4)
    except struct.error:
        raise _invalid("insufficient data left in message") from None
    return Cube(numbers[:count], numbers[:count] if head >> 31 else numbers[count:])


# Order


def sort_key(value: Cube) -> tuple[Any, ...]:
    """Lower ends, then upper ends, then the number of dimensions; missing ones are 0."""
    sides = value.sides(DIMENSIONS_MAX)
    return (*(low for low, _ in sides), *(high for _, high in sides), len(value.first))


def order(left: Cube, right: Cube) -> int:
    """Below zero, zero or above it."""
    first, second = sort_key(left), sort_key(right)
    return (first > second) - (first < second)


# Before a number below zero, before zeros with such a one behind them, at the end, and so on for numbers above.
_BELOW, _ZERO_BELOW, _END, _ZERO_ABOVE, _ABOVE = (bytes((tag,)) for tag in range(5))


def _ends_key(ends: list[float]) -> bytes:
    """Bytes in the order of the numbers, behind which only zeros follow."""
    parts = [_END]
    is_below = False
    for end in reversed(ends):
        if end:
            is_below = end < 0
            parts.append((_BELOW if is_below else _ABOVE) + ordered(end))
        elif len(parts) > 1:
            parts.append(_ZERO_BELOW if is_below else _ZERO_ABOVE)
    return b"".join(reversed(parts))


def key_value(value: Cube) -> bytes:
    """The key of an index, in the same order."""
    sides = value.sides()
    ends = _ends_key([low for low, _ in sides]), _ends_key([high for _, high in sides])
    return b"".join((*ends, bytes((len(sides),))))


# Functions


def _coordinates(values: Array) -> Corner:
    if None in values.items:
        raise ArraySubscriptError("cannot work with arrays containing NULLs")
    return tuple(values.items)


def _of_arrays(first: Array, second: Array) -> Cube:
    if len(first.items) != len(second.items):
        raise ArraySubscriptError("UR and LL arrays must be of same length")
    return made(_coordinates(first), _coordinates(second))


def _subset(value: Cube, places: Array) -> Cube:
    for place in places.items:
        if place is None:
            raise NullValueNotAllowed("cannot work with arrays containing NULLs")
        if not 0 < place <= len(value.first):
            raise ArraySubscriptError("Index out of bounds")
    corners = [tuple(corner[i - 1] for i in places.items) for corner in (value.first, value.second)]
    return made(*corners)


def _end(value: Cube, place: int, which: int) -> float:
    sides = value.sides()
    return sides[place - 1][which] if 0 < place <= len(sides) else 0.0


def _coordinate(value: Cube, place: int) -> float:
    count = len(value.first)
    if not 0 < place <= 2 * count:
        raise ArraySubscriptError(f"cube index {place} is out of bounds")
    return (value.first + value.second)[place - 1]


def _coordinate_of_sides(value: Cube, place: int) -> float:
    if place == 0:
        raise ArraySubscriptError("zero cube index is not defined")
    side, is_upper = divmod(abs(place) - 1, 2)
    sides = value.sides()
    found = sides[side][is_upper] if side < len(sides) else 0.0
    return -found if place < 0 else found


def _both(left: Cube, right: Cube) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    count = max(len(left.first), len(right.first))
    return zip(left.sides(count), right.sides(count), strict=True)


def _union(left: Cube, right: Cube) -> Cube:
    pairs = list(_both(left, right))
    return made(tuple(min(a[0], b[0]) for a, b in pairs), tuple(max(a[1], b[1]) for a, b in pairs))


def _intersection(left: Cube, right: Cube) -> Cube:
    pairs = list(_both(left, right))
    return made(tuple(max(a[0], b[0]) for a, b in pairs), tuple(min(a[1], b[1]) for a, b in pairs))


def _gaps(left: Cube, right: Cube) -> Iterator[float]:
    return (max(a[0] - b[1], b[0] - a[1], 0.0) for a, b in _both(left, right))


def _contains(outer: Cube, inner: Cube) -> bool:
    return all(a[0] <= b[0] and b[1] <= a[1] for a, b in _both(outer, inner))


def _overlap(left: Cube, right: Cube) -> bool:
    return all(a[0] <= b[1] and b[0] <= a[1] for a, b in _both(left, right))


def _enlarged(value: Cube, radius: float, count: int) -> Cube:
    total = max(len(value.first), min(count, DIMENSIONS_MAX) if radius > 0 else 0)
    low: list[float] = []
    high: list[float] = []
    for lower, upper in value.sides(total):
        lower, upper = lower - radius, upper + radius
        if lower > upper:
            lower = upper = (lower + upper) / 2
        low.append(lower)
        high.append(upper)
    return made(tuple(low), tuple(high))


def _longer(value: Cube, low: float, high: float | None = None) -> Cube:
    end = low if high is None else high
    return made((*value.first, low), (*value.second, end))


COMPARISONS: Final = (
    ("<", "lt", ">", ">=", (-1,)),
    ("<=", "le", ">=", ">", (-1, 0)),
    ("=", "eq", "=", "<>", (0,)),
    (">=", "ge", "<=", "<", (0, 1)),
    (">", "gt", "<", "<=", (1,)),
    ("<>", "ne", "<>", "=", (-1, 1)),
)
_SIGNS: Final = (
    ("&&", "cube", "cube_overlap", "&&"),
    ("@>", "cube", "cube_contains", "<@"),
    ("<@", "cube", "cube_contained", "@>"),
    ("->", "int4", "cube_coord", ""),
    ("~>", "int4", "cube_coord_llur", ""),
    ("<#>", "cube", "distance_taxicab", "<#>"),
    ("<->", "cube", "cube_distance", "<->"),
    ("<=>", "cube", "distance_chebyshev", "<=>"),
)
_CLASSES: Final = """
create operator class cube_ops default for type cube using btree as
  operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >,
  function 1 cube_cmp(cube, cube);
create operator class gist_cube_ops default for type cube using gist as
  operator 3 &&, operator 6 =, operator 7 @>, operator 8 <@,
  operator 15 ~>(cube, int4) for order by float_ops,
  operator 16 <#>(cube, cube) for order by float_ops,
  operator 17 <->(cube, cube) for order by float_ops,
  operator 18 <=>(cube, cube) for order by float_ops;
"""


def _compared(wanted: tuple[int, ...]) -> Callable[[Cube, Cube], bool]:
    return lambda left, right: order(left, right) in wanted


def _operators() -> Iterator[str]:
    for sign, name, commutator, negator, _ in COMPARISONS:
        merges = ", merges" if sign == "=" else ""
        yield (
            f"create operator {sign} (leftarg = cube, rightarg = cube, procedure = cube_{name}, "
            f"commutator = {commutator}, negator = {negator}{merges});"
        )
    for sign, right, function, commutator in _SIGNS:
        more = f", commutator = {commutator}" if commutator else ""
        yield (
            f"create operator {sign} (leftarg = cube, rightarg = {right}, "
            f"procedure = {function}{more});"
        )
    yield _CLASSES


CUBE: Final = Extension(
    name="cube",
    version="1.5",
    comment="data type for multidimensional cubes",
    declarations="""
cube(float8[], float8[]) cube = of_arrays
cube(float8[]) cube = of_array
cube(float8) cube = of_number
cube(float8, float8) cube = of_ends
cube(cube, float8) cube = longer
cube(cube, float8, float8) cube = longer
cube_cmp(cube, cube) int4 = cmp
cube_contains(cube, cube) bool = contains
cube_contained(cube, cube) bool = contained
cube_overlap(cube, cube) bool = overlap
cube_union(cube, cube) cube = union
cube_inter(cube, cube) cube = inter
cube_size(cube) float8 = size
cube_subset(cube, int4[]) cube = subset
cube_distance(cube, cube) float8 = distance
distance_chebyshev(cube, cube) float8 = chebyshev
distance_taxicab(cube, cube) float8 = taxicab
cube_dim(cube) int4 = dim
cube_ll_coord(cube, int4) float8 = lower
cube_ur_coord(cube, int4) float8 = upper
cube_coord(cube, int4) float8 = coordinate
cube_coord_llur(cube, int4) float8 = coordinate_of_sides
cube_is_point(cube) bool = is_point
cube_enlarge(cube, float8, int4) cube = enlarged
"""
    + "\n".join(f"cube_{name}(cube, cube) bool = {name}" for _, name, *_ in COMPARISONS),
    functions={
        "of_arrays": _of_arrays,
        "of_array": lambda values: made(_coordinates(values)),
        "of_number": lambda number: made((number,)),
        "of_ends": lambda low, high: made((low,), (high,)),
        "longer": _longer,
        "cmp": order,
        "contains": _contains,
        "contained": lambda inner, outer: _contains(outer, inner),
        "overlap": _overlap,
        "union": _union,
        "inter": _intersection,
        "size": lambda value: (
            math.prod(high - low for low, high in value.sides()) if value.first else 0.0
        ),
        "subset": _subset,
        "distance": lambda left, right: math.sqrt(sum(g * g for g in _gaps(left, right))),
        "chebyshev": lambda left, right: max(_gaps(left, right), default=0.0),
        "taxicab": lambda left, right: float(sum(_gaps(left, right))),
        "dim": lambda value: len(value.first),
        "lower": lambda value, place: _end(value, place, 0),
        "upper": lambda value, place: _end(value, place, 1),
        "coordinate": _coordinate,
        "coordinate_of_sides": _coordinate_of_sides,
        "is_point": lambda value: value.is_point,
        "enlarged": _enlarged,
        **{name: _compared(wanted) for _, name, _, _, wanted in COMPARISONS},
    },
    types=(
        BaseType(
            name="cube",
            fields={
                "dtype": OBJECTS,
                "storage_kind": "BYTES",
                "storage_strategy": "p",
                "alignment": "d",
                "parse": lambda text, _modifier, _style: parse(text),
                "format": lambda value, _style: shown(value),
                "receive": lambda data, _modifier: receive(data),
                "send": send,
                "store_value": lambda value, _modifier: send(value),
                "load_value": lambda stored, _modifier: receive(stored),
                "sort_key": sort_key,
                "key_value": key_value,
            },
        ),
    ),
    more="\n".join(_operators()),
)
