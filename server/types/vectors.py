"""int2vector and oidvector: lists of numbers in catalogs, written with blanks between them.

Their values are arrays whose lower bound is 0.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from server.types.array import Array, array_codecs, receive_array
from server.types.facts import complete
from server.types.identifiers import IDENTIFIER_TYPES
from server.types.integers import INTEGER_TYPES
from server.types.order import ordered_list
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import TextStyle, Type, Value


_NUMBER: Final = re.compile(r"[-+]?[0-9]+")


def make_vector(element: int, numbers: tuple[int, ...]) -> Array:
    """Make the value of a vector type."""
    return Array(element, ((len(numbers), 0),), numbers)


def _sort_key(value: Array) -> tuple[int, tuple[Value, ...]]:
    """An order of its own, that of oidvector: shorter ones first, and bounds do not matter."""
    return len(value.items), tuple(value.items)


def _key_value(value: Array) -> bytes:
    return ordered_list([len(value.items), *value.items])


OWN_ORDER: Final = {"sort_key": _sort_key, "key_value": _key_value}


def _identifiers(text: str) -> list[str]:
    """The numbers of a text, which need no blanks between them; what is none is given with all behind it."""
    words, rest = [], text.strip()
    while rest:
        match = _NUMBER.match(rest)
        words.append(rest if match is None else match.group())
        rest = "" if match is None else rest[match.end() :].lstrip()
    return words


def _define_vector(
    oid: int,
    name: str,
    array_oid: int,
    element: Type,
    split: Callable[[str], list[str]],
    orders: dict[str, Any],
) -> Type:
    def parse(text: str, _modifier: int, style: TextStyle) -> Array:
        words = split(text)
        return make_vector(element.oid, tuple(element.parse(word, -1, style) for word in words))

    def receive(data: bytes, modifier: int) -> Array:
        return make_vector(element.oid, receive_array(data, modifier, element).items)

    def format_value(value: Array, _style: TextStyle) -> str:
        return " ".join(map(str, value.items))

    return complete(
        array_codecs(element)
        | orders
        | {
            "oid": oid,
            "name": name,
            "sql_name": name,
            "array_oid": array_oid,
            "element_oid": element.oid,
            "category": "A",
            "dtype": OBJECTS,
            "storage_kind": "BYTES",
            "parse": parse,
            "format": format_value,
            "receive": receive,
            "load_value": receive,
        }
    )


VECTOR_TYPES: Final = (
    _define_vector(22, "int2vector", 1006, INTEGER_TYPES[0], str.split, {}),
    _define_vector(30, "oidvector", 1013, IDENTIFIER_TYPES[0], _identifiers, OWN_ORDER),
)
