"""Arrays of any type: the value, its text {1,NULL,"a b"} and its binary form.

Rule 1: items lie in one flat tuple in row-major order; an empty array has no dimensions.
Rule 2: an array is kept in its binary form.
Rule 3: arrays order item by item, then by length, then by shape.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    DatatypeMismatch,
    InvalidBinaryRepresentation,
    ProgramLimitExceeded,
)
from server.types.array_input import (
    DIMENSIONS_MAX,
    parse_literal,
    plain_items,
    too_many_dimensions,
)
from server.types.columns import column_of
from server.types.errors import incorrect_format, insufficient_data
from server.types.facts import complete
from server.types.order import key_of, ordered_list, sort_key_of
from server.types.text import OBJECTS
from server.vector.rows import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.types.type import Send, TextStyle, Type, Value
    from server.vector.column import Column

ITEMS_MAX: Final = (1 << 27) - 1
HEADER: Final = struct.Struct("!iiI")  # dimensions, has NULLs, element type
DIMENSION: Final = struct.Struct("!ii")  # length, lower bound
LENGTH: Final = struct.Struct("!i")
LENGTHS_COUNT: Final = 256
LENGTHS: Final = tuple(map(LENGTH.pack, range(LENGTHS_COUNT)))
EMPTY: Final = LENGTH.pack(0)
MUST_QUOTE: Final = frozenset('"\\{} \t\n\r\v\f')


@dataclass(frozen=True, slots=True)
class Array:
    """The value of an array type. dimensions: (length, lower bound) of each."""

    element: int  # OID of the element type
    dimensions: tuple[tuple[int, int], ...]
    items: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Hold the shape against the items."""
        dimensions = self.dimensions
        if len(dimensions) == 1:
            assert len(self.items) == dimensions[0][0]
        else:
            lengths = [length for length, _ in dimensions]
            assert len(self.items) == (math.prod(lengths) if lengths else 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return tuple(length for length, _ in self.dimensions)


@dataclass(frozen=True, slots=True)
class AnyArray(Array):
    """An array in a column of type anyarray: it knows its type itself."""

    element_type: Type | None = field(default=None, compare=False)


def make_array(element: int, items: tuple[Any, ...]) -> Array:
    """Make an array of one dimension from 1, or the empty array."""
    return Array(element, ((len(items), 1),) if items else (), items)


def array_type(element: Type) -> Type:
    """Make the type of arrays of the element type."""
    assert element.array_oid, element
    # record[] is a pseudo-type as its element is.
    pseudo = {"category": "P", "kind": "p"} if element.name == "record" else {}
    return complete(
        {
            "oid": element.array_oid,
            "name": f"_{element.name}"[:63],
            "sql_name": f"{element.sql_name}[]",
            "element_oid": element.oid,
            "category": "A",
            "alignment": "d" if element.alignment == "d" else "i",
            "storage_strategy": "x",
            "delimiter": element.delimiter,
            "collation": element.collation,
            "dtype": OBJECTS,
            "storage_kind": "BYTES",
            "modifier_in": element.modifier_in,
            "modifier_out": element.modifier_out,
        }
        | pseudo
        | array_codecs(element)
    )


@dataclass(frozen=True, slots=True)
class _Arrays:
    """Arrays of an element type, read and written."""

    element: Type
    delimiter: bytes

    def parse(self, text: str, modifier: int, style: TextStyle) -> Array:
        element = self.element
        plain = plain_items(text.encode(), self.delimiter)
        if plain is not None:
            values = values_of(element.parse_column(plain, modifier, style))
            return make_array(element.oid, tuple(values))
        dimensions, texts = parse_literal(text, element.delimiter)
        items = tuple(
            None if item is None else element.parse(item, modifier, style) for item in texts
        )
        return Array(element.oid, dimensions, items)

    def parse_column(
        self, texts: Sequence[bytes | None], modifier: int, style: TextStyle
    ) -> Column:
        element = self.element
        found = [None if text is None else plain_items(text, self.delimiter) for text in texts]
        flat = [item for items in found if items is not None for item in items]
        values = iter(values_of(element.parse_column(flat, modifier, style)))
        arrays: list[Array | None] = []
        for text, items in zip(texts, found, strict=True):
            if items is not None:
                arrays.append(make_array(element.oid, tuple(islice(values, len(items)))))
            else:
                arrays.append(None if text is None else self.parse(text.decode(), modifier, style))
        return column_of(arrays, OBJECTS)

    def coerce(self, value: Array, modifier: int, explicit: bool) -> Array:
        coerce = self.element.coerce
        assert coerce is not None
        items = tuple(
            None if item is None else coerce(item, modifier, explicit) for item in value.items
        )
        return Array(value.element, value.dimensions, items)

    def store(self, value: Array) -> bytes:
        return send_array(value, self.element, self.element.keep or self.element.send)

    def load(self, stored: bytes) -> Array:
        return receive_array(stored, -1, self.element, self.element.kept)


def array_codecs(element: Type) -> dict[str, Any]:
    """Make the codecs of arrays of the element type."""
    arrays = _Arrays(element, element.delimiter.encode())
    return {
        "parse": arrays.parse,
        "parse_column": arrays.parse_column,
        "format": lambda value, style: format_array(value, element, style),
        "receive": lambda data, modifier: receive_array(data, modifier, element),
        "send": lambda value: send_array(value, element),
        "coerce": None if element.coerce is None else arrays.coerce,
        "keep": None if element.keep is None else arrays.store,
        "kept": None if element.keep is None else arrays.load,
        "store_value": lambda value, _modifier: arrays.store(value),
        "load_value": lambda stored, _modifier: arrays.load(stored),
        "sort_key": lambda value: _sort_key(value, element),
        "key_value": lambda value: _key_value(value, element),
    }


def format_array(value: Array, element: Type, style: TextStyle) -> str:
    """Write the array as a literal; bounds only where one is not 1."""
    if not value.items:
        return "{}"
    texts = iter([_item_text(item, element, style) for item in value.items])
    literal = _braces(texts, value.shape, element.delimiter)
    if all(lower == 1 for _, lower in value.dimensions):
        return literal
    bounds = "".join(f"[{lower}:{lower + length - 1}]" for length, lower in value.dimensions)
    return f"{bounds}={literal}"


def _braces(texts: Iterator[str], shape: tuple[int, ...], delimiter: str) -> str:
    if not shape:
        return next(texts)
    inner = [_braces(texts, shape[1:], delimiter) for _ in range(shape[0])]
    return "{" + delimiter.join(inner) + "}"


def _item_text(item: Value | None, element: Type, style: TextStyle) -> str:
    if item is None:
        return "NULL"
    text = element.format(item, style)
    plain = text and MUST_QUOTE.isdisjoint(text) and element.delimiter not in text
    if plain and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def send_array(value: Array, element: Type, send: Send | None = None) -> bytes:
    """Encode the binary form; send: that of an element, if not the one for clients."""
    send = send or element.send
    has_nulls = None in value.items
    parts = [HEADER.pack(len(value.dimensions), has_nulls, element.oid)]
    parts += [DIMENSION.pack(length, lower) for length, lower in value.dimensions]
    for item in value.items:
        if item is None:
            parts.append(b"\xff\xff\xff\xff")
            continue
        sent = send(item)
        length = len(sent)
        parts.append(LENGTHS[length] if length < LENGTHS_COUNT else LENGTH.pack(length))
        parts.append(sent)
    return b"".join(parts)


def receive_array(
    data: bytes, modifier: int, element: Type, kept: Callable[[bytes], Value] | None = None
) -> Array:
    """Decode the binary form; kept: what reads an element that is stored, if not as those of clients."""
    if len(data) < HEADER.size:
        raise insufficient_data()
    count, flags, element_oid = HEADER.unpack_from(data)
    if count < 0:
        raise InvalidBinaryRepresentation(f"invalid number of dimensions: {count}")
    if count > DIMENSIONS_MAX:
        raise too_many_dimensions(count)
    if flags not in {0, 1}:
        raise InvalidBinaryRepresentation("invalid array flags")
    if element_oid != element.oid:
        raise DatatypeMismatch(
            f"binary data has array element type {element_oid} ({_type_name(element_oid)}) "
            f"instead of expected {element.oid} ({element.sql_name})"
        )
    at = HEADER.size + DIMENSION.size * count
    if len(data) < at:
        raise insufficient_data()
    dimensions = tuple(DIMENSION.iter_unpack(data[HEADER.size : at]))
    total = math.prod(length for length, _ in dimensions) if dimensions else 0
    _check_size(dimensions, total, len(data) - at)
    receive = (lambda data: element.receive(data, modifier)) if kept is None else kept
    items, at = _receive_items(data, at, total, receive)
    if at != len(data):
        raise incorrect_format()
    return Array(element.oid, dimensions if total else (), items)


def _type_name(oid: int) -> str:
    return "???" if oid else "-"


def _check_size(dimensions: tuple[Any, ...], total: int, rest: int) -> None:
    if any(length < 0 for length, _ in dimensions) or total > ITEMS_MAX:
        raise ProgramLimitExceeded(f"array size exceeds the maximum allowed ({ITEMS_MAX})")
    if total * LENGTH.size > rest:  # before anything of that size is made
        raise insufficient_data()


def _receive_items(
    data: bytes, at: int, total: int, receive: Callable[[bytes], Value]
) -> tuple[tuple[Any, ...], int]:
    items: list[Any] = []
    for _ in range(total):
        if at + LENGTH.size > len(data):
            raise insufficient_data()
        length = LENGTH.unpack_from(data, at)[0]
        at += LENGTH.size
        if length == -1:
            items.append(None)
            continue
        if length < 0 or at + length > len(data):
            raise insufficient_data()
        items.append(receive(data[at : at + length]))
        at += length
    return tuple(items), at


def stored_elements(stored: bytes, width: int) -> list[bytes]:
    """The elements of an array in binary form, each with its length before it; width: of all, -1 if they differ."""
    at = HEADER.size + DIMENSION.size * HEADER.unpack_from(stored)[0]
    size, step = len(stored), LENGTH.size + width
    total = math.prod(length for length, _ in DIMENSION.iter_unpack(stored[HEADER.size : at]))
    if width > 0 and size - at == total * step:  # none is NULL
        return [stored[start : start + step] for start in range(at, size, step)]
    found = []
    while at < size:
        end = at + LENGTH.size + max(0, LENGTH.unpack_from(stored, at)[0])
        found.append(stored[at:end])
        at = end
    return found


def _sort_key(value: Array, element: Type) -> tuple[Any, ...]:
    items = tuple(
        (True, 0) if item is None else (False, sort_key_of(element, item)) for item in value.items
    )
    return items, len(value.dimensions), value.dimensions


def _key_value(value: Array, element: Type) -> bytes:
    items = [None if item is None else key_of(element, item) for item in value.items]
    shape = [number for dimension in value.dimensions for number in dimension]
    return ordered_list(items) + ordered_list([len(value.dimensions), *shape])
