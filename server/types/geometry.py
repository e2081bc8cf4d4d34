"""point, lseg, line, box, path, polygon and circle: the values, their text and their binary form.

Rule 1: numbers are float8 and written as those are.
Rule 2: the corners of a box are kept as upper right and lower left, however they were given.
Rule 3: values are kept in their binary form.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from server.errors import InvalidBinaryRepresentation, InvalidTextRepresentation
from server.types.errors import incorrect_format, insufficient_data, invalid_syntax, unpack
from server.types.facts import define
from server.types.floats import format_float8, parse_float8
from server.types.text import OBJECTS
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.types.type import TextStyle, Type

EPSILON: Final = 1.0e-06
SPACES: Final = " \t\n\r\v\f"
NUMBER: Final = re.compile(
    r"[ \t\n\r\v\f]*([+-]?(?:0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?|"
    r"[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|"
    r"nan|infinity|inf))[ \t\n\r\v\f]*",
    re.IGNORECASE,
)
PAIR: Final = struct.Struct("!dd")
TRIPLE: Final = struct.Struct("!ddd")
FOUR: Final = struct.Struct("!dddd")
COUNT: Final = struct.Struct("!i")
CLOSED_COUNT: Final = struct.Struct("!Bi")


class Point(NamedTuple):
    """A point."""

    x: float
    y: float


class Segment(NamedTuple):
    """A line segment."""

    start: Point
    end: Point


class Line(NamedTuple):
    """The points for which ax + by + c is zero."""

    a: float
    b: float
    c: float


class Box(NamedTuple):
    """A rectangle by two corners."""

    high: Point
    low: Point


class Path(NamedTuple):
    """Points joined by segments, the last one with the first if it is closed."""

    is_closed: bool
    points: tuple[Point, ...]


class Polygon(NamedTuple):
    """Corners of an area."""

    points: tuple[Point, ...]


class Circle(NamedTuple):
    """A circle."""

    center: Point
    radius: float


def make_box(first: Point, second: Point) -> Box:
    """Rule 2."""
    high = Point(_greater(first.x, second.x), _greater(first.y, second.y))
    low = Point(_lesser(first.x, second.x), _lesser(first.y, second.y))
    return Box(high, low)


def _greater(left: float, right: float) -> float:
    return left if left != left or left > right else right


def _lesser(left: float, right: float) -> float:
    return right if left != left or left > right else left


# Reading.


class _Reader:
    """Reads a text from its start; raises invalid_syntax for what does not belong there."""

    def __init__(self, text: str, sql_name: str) -> None:
        self.text = text
        self.sql_name = sql_name
        self.at = 0
        self.skip_spaces()

    def error(self) -> InvalidTextRepresentation:
        """The error for the text."""
        return invalid_syntax(self.sql_name, self.text)

    def skip_spaces(self) -> None:
        """Pass blanks."""
        while self.at < len(self.text) and self.text[self.at] in SPACES:
            self.at += 1

    def is_at(self, mark: str) -> bool:
        """Whether the mark stands here."""
        return self.text.startswith(mark, self.at)

    def take(self, mark: str) -> bool:
        """Pass the mark and blanks behind it if it stands here."""
        if not self.is_at(mark):
            return False
        self.at += 1
        self.skip_spaces()
        return True

    def expect(self, mark: str) -> None:
        """Pass the mark that must stand here."""
        if not self.take(mark):
            raise self.error()

    def number(self) -> float:
        """Read a number."""
        match = NUMBER.match(self.text, self.at)
        if match is None:
            raise self.error()
        self.at = match.end()
        return parse_float8(match[1], -1, PLAIN_STYLE)

    def point(self) -> Point:
        """Read two numbers, in parentheses or not."""
        self.skip_spaces()
        is_enclosed = self.take("(")
        x = self.number()
        self.expect(",")
        y = self.number()
        if is_enclosed:
            self.expect(")")
        return Point(x, y)

    def points(self, count: int, may_be_open: bool) -> tuple[tuple[Point, ...], bool]:
        """Read so many points, in parentheses, brackets or nothing; tells whether in brackets."""
        depth = 0
        is_open = self.is_at("[")
        if is_open:
            if not may_be_open:
                raise self.error()
            self.take("[")
            depth = 1
        elif self.is_at("("):
            start = self.at
            self.take("(")
            if self.is_at("(") or self.text.rfind("(") == start:
                depth = 1
            else:
                self.at = start
        found: list[Point] = []
        for _ in range(count):
            found.append(self.point())
            self.take(",")
        for level in range(depth, 0, -1):
            if not self.take(")") and not (is_open and level == 1 and self.take("]")):
                raise self.error()
        return tuple(found), is_open

    def finish(self) -> None:
        """Nothing may be left."""
        if self.at < len(self.text):
            raise self.error()


def _point_count(reader: _Reader) -> int:
    commas = reader.text.count(",")
    if commas % 2 == 0:
        raise reader.error()
    return (commas + 1) // 2


def parse_point(text: str, _modifier: int, _style: TextStyle) -> Point:
    """Read (x,y)."""
    reader = _Reader(text, "point")
    found = reader.point()
    reader.finish()
    return found


def _parse_two(text: str, sql_name: str, may_be_open: bool) -> tuple[Point, Point]:
    reader = _Reader(text, sql_name)
    (first, second), _ = reader.points(2, may_be_open)
    reader.finish()
    return first, second


def parse_segment(text: str, _modifier: int, _style: TextStyle) -> Segment:
    """Read [(x1,y1),(x2,y2)]."""
    return Segment(*_parse_two(text, "lseg", True))


def parse_box(text: str, _modifier: int, _style: TextStyle) -> Box:
    """Read two corners."""
    return make_box(*_parse_two(text, "box", False))


def parse_line(text: str, _modifier: int, _style: TextStyle) -> Line:
    """Read {a,b,c} or two points."""
    reader = _Reader(text, "line")
    if not reader.take("{"):
        first, second = _parse_two(text, "line", True)
        if is_same(first, second):
            raise InvalidTextRepresentation(
                "invalid line specification: must be two distinct points"
            )
        return line_through(first, second)
    a = reader.number()
    reader.expect(",")
    b = reader.number()
    reader.expect(",")
    c = reader.number()
    reader.expect("}")
    reader.finish()
    if abs(a) <= EPSILON and abs(b) <= EPSILON:
        raise InvalidTextRepresentation("invalid line specification: A and B cannot both be zero")
    return Line(a, b, c)


def is_close(left: float, right: float) -> bool:
    """Whether two numbers are equal but for what cannot be told apart."""
    return left == right or abs(left - right) <= EPSILON


def is_same(left: Point, right: Point) -> bool:
    """Whether two points are equal; NaN is equal to itself."""
    if any(number != number for number in (*left, *right)):
        return _same_number(left.x, right.x) and _same_number(left.y, right.y)
    return is_close(left.x, right.x) and is_close(left.y, right.y)


def _same_number(left: float, right: float) -> bool:
    return left == right or (left != left and right != right)


def line_through(first: Point, second: Point) -> Line:
    """The line through two points."""
    if is_close(first.x, second.x):
        return Line(-1.0, 0.0, first.x)
    slope = 0.0 if is_close(first.y, second.y) else (first.y - second.y) / (first.x - second.x)
    if slope == 0:
        return Line(0.0, -1.0, first.y)
    return Line(slope, -1.0, (first.y - slope * first.x) + 0.0)


def parse_path(text: str, _modifier: int, _style: TextStyle) -> Path:
    """Read points: in brackets the path is open."""
    reader = _Reader(text, "path")
    count = _point_count(reader)
    encloses = reader.is_at("(") and text.rfind("(") == reader.at
    if encloses:
        reader.take("(")
    points, is_open = reader.points(count, True)
    if encloses:
        reader.expect(")")
    reader.finish()
    return Path(not is_open, points)


def parse_polygon(text: str, _modifier: int, _style: TextStyle) -> Polygon:
    """Read points."""
    reader = _Reader(text, "polygon")
    points, _ = reader.points(_point_count(reader), False)
    reader.finish()
    return Polygon(points)


def parse_circle(text: str, _modifier: int, _style: TextStyle) -> Circle:
    """Read <(x,y),r>."""
    reader = _Reader(text, "circle")
    closing = ""
    if reader.take("<"):
        closing = ">"
    elif reader.is_at("("):
        start = reader.at
        reader.take("(")
        if reader.is_at("("):
            closing = ")"
        else:
            reader.at = start
    center = reader.point()
    reader.take(",")
    radius = reader.number()
    if radius < 0:
        raise reader.error()
    if closing and not reader.take(")"):
        reader.expect(closing)
    reader.finish()
    return Circle(center, radius)


# Writing.


def format_point(value: Point, style: TextStyle) -> str:
    """Write (x,y)."""
    return f"({format_float8(value.x, style)},{format_float8(value.y, style)})"


def _joined(points: Iterable[Point], style: TextStyle) -> str:
    return ",".join(format_point(point, style) for point in points)


def format_path(value: Path, style: TextStyle) -> str:
    """Write the points in parentheses, in brackets if the path is open."""
    first, last = "()" if value.is_closed else "[]"
    return f"{first}{_joined(value.points, style)}{last}"


def format_line(value: Line, style: TextStyle) -> str:
    """Write {a,b,c}."""
    return "{" + ",".join(format_float8(number, style) for number in value) + "}"


def format_circle(value: Circle, style: TextStyle) -> str:
    """Write <(x,y),r>."""
    return f"<{format_point(value.center, style)},{format_float8(value.radius, style)}>"


# The binary form.


def _send_points(points: tuple[Point, ...]) -> bytes:
    return b"".join(PAIR.pack(*point) for point in points)


def _receive_points(data: bytes, at: int, count: int) -> tuple[Point, ...]:
    if len(data) - at < count * PAIR.size:
        raise insufficient_data()
    if len(data) - at > count * PAIR.size:
        raise incorrect_format()
    return tuple(Point(*pair) for pair in PAIR.iter_unpack(data[at:]))


def _receive_path(data: bytes, _modifier: int) -> Path:
    if len(data) < CLOSED_COUNT.size:
        raise insufficient_data()
    is_closed, count = CLOSED_COUNT.unpack_from(data)
    if count <= 0:
        raise InvalidBinaryRepresentation('invalid number of points in external "path" value')
    return Path(bool(is_closed), _receive_points(data, CLOSED_COUNT.size, count))


def _receive_polygon(data: bytes, _modifier: int) -> Polygon:
    if len(data) < COUNT.size:
        raise insufficient_data()
    count = COUNT.unpack_from(data)[0]
    if count <= 0:
        raise InvalidBinaryRepresentation('invalid number of points in external "polygon" value')
    return Polygon(_receive_points(data, COUNT.size, count))


def _receive_line(data: bytes, _modifier: int) -> Line:
    value = Line(*unpack(TRIPLE, data))
    if abs(value.a) <= EPSILON and abs(value.b) <= EPSILON:
        raise InvalidBinaryRepresentation("invalid line specification: A and B cannot both be zero")
    return value


def _receive_circle(data: bytes, _modifier: int) -> Circle:
    x, y, radius = unpack(TRIPLE, data)
    if radius < 0:
        raise InvalidBinaryRepresentation('invalid radius in external "circle" value')
    return Circle(Point(x, y), radius)


def _two_points(data: bytes) -> tuple[Point, Point]:
    x1, y1, x2, y2 = unpack(FOUR, data)
    return Point(x1, y1), Point(x2, y2)


def _define(
    name: str, parse: Any, format_value: Any, receive: Callable[[bytes, int], Any], send: Any
) -> Type:
    return define(
        name,
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse,
        format=format_value,
        receive=receive,
        send=send,
        store_value=lambda value, _modifier: send(value),
        load_value=lambda stored, _modifier: receive(stored, -1),
    )


GEOMETRIC_TYPES: Final = (
    _define(
        "point",
        parse_point,
        format_point,
        lambda data, _modifier: Point(*unpack(PAIR, data)),
        lambda value: PAIR.pack(*value),
    ),
    _define(
        "lseg",
        parse_segment,
        lambda value, style: f"[{_joined(value, style)}]",
        lambda data, _modifier: Segment(*_two_points(data)),
        _send_points,
    ),
    _define("line", parse_line, format_line, _receive_line, lambda value: TRIPLE.pack(*value)),
    _define(
        "box",
        parse_box,
        _joined,
        lambda data, _modifier: make_box(*_two_points(data)),
        _send_points,
    ),
    _define(
        "path",
        parse_path,
        format_path,
        _receive_path,
        lambda value: (
            CLOSED_COUNT.pack(value.is_closed, len(value.points)) + _send_points(value.points)
        ),
    ),
    _define(
        "polygon",
        parse_polygon,
        lambda value, style: f"({_joined(value.points, style)})",
        _receive_polygon,
        lambda value: COUNT.pack(len(value.points)) + _send_points(value.points),
    ),
    _define(
        "circle",
        parse_circle,
        format_circle,
        _receive_circle,
        lambda value: TRIPLE.pack(*value.center, value.radius),
    ),
)
