"""jsonb_ops and jsonb_path_ops: what stands in JSON values, with or without the way to it.

Rule 1: jsonb_ops has a key for each name of a member, and one for each scalar. A string among the elements of an array
        counts as a name, because ? finds it as one.
Rule 2: jsonb_path_ops has a key for each scalar, made of the names on the way to it and of the scalar. Arrays are no
        step of a way. What has no scalar in it has no key.
Rule 3: neither says at which places things stand in arrays, so whatever is found has to be looked at.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from server.inverted.entry_keys import text_key
from server.inverted.json_paths import path_search
from server.inverted.row_sets import EVERYTHING, AllOf, AnyOf, Key, Node, Search
from server.types.order import ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.types.array import Array
    from server.types.jsonb import Jsonb

NAME, STRING, NUMBER, OTHER, WAY = (bytes([number]) for number in range(1, 6))
_LITERALS: Final = {None: OTHER + b"n", True: OTHER + b"t", False: OTHER + b"f"}
_DIGEST_BYTES: Final = 8


@lru_cache(maxsize=1 << 14)
def name_key(name: str) -> bytes:
    """The key of a member's name."""
    return text_key(NAME, name.encode())


def scalar_key(value: Any) -> bytes:
    """The key of a scalar that is a member of an object; elsewhere strings are names."""
    if isinstance(value, str):
        return text_key(STRING, value.encode())
    if isinstance(value, Decimal):
        return _number_key(value)
    return _LITERALS[value]


@lru_cache(maxsize=1 << 14)
def _number_key(value: Decimal) -> bytes:
    return NUMBER + ordered(value)


def way_key(way: bytes, value: Any) -> bytes:
    """The key of a scalar and the way to it."""
    return WAY + blake2b(way + scalar_key(value), digest_size=_DIGEST_BYTES).digest()


def step_on(way: bytes, name: str) -> bytes:
    """The way on to a member."""
    return way + name_key(name)


class JsonParts:
    """jsonb_ops."""

    def keys(self, value: Jsonb) -> set[bytes]:
        """A key for each name and each scalar."""
        return set(_parts(value.value))

    def search(self, strategy: str, value: Any) -> Search:
        """The rows that contain a value, have one or several names, or for which a path finds something."""
        return _SEARCHES[strategy](value)


class JsonWays:
    """jsonb_path_ops."""

    def keys(self, value: Jsonb) -> set[bytes]:
        """A key for each scalar."""
        return set(_ways(b"", value.value))

    def search(self, strategy: str, value: Any) -> Search:
        """The rows that contain a value, or for which a path finds something."""
        if strategy != "contains":
            return Search(path_search(value, strategy, _way_to))
        keys = self.keys(value)
        return Search(AllOf(tuple(map(Key, sorted(keys)))) if keys else EVERYTHING)


def _parts(value: Any) -> list[bytes]:
    """The keys of names and scalars; strings are names but where they are members of objects."""
    found: list[bytes] = []
    waiting = [(value, False)]
    while waiting:
        part, is_member = waiting.pop()
        if isinstance(part, dict):
            found += map(name_key, part)
            waiting += [(item, True) for item in part.values()]
        elif isinstance(part, list):
            waiting += [(item, False) for item in part]
        elif isinstance(part, str) and not is_member:
            found.append(name_key(part))
        else:
            found.append(scalar_key(part))
    return found


def _ways(way: bytes, value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _ways(step_on(way, name), item)
    elif isinstance(value, list):
        for item in value:
            yield from _ways(way, item)
    else:
        yield way_key(way, value)


def _contains(value: Jsonb) -> Search:
    keys = sorted(set(_parts(value.value)))
    return Search(AllOf(tuple(map(Key, keys))) if keys else EVERYTHING)


def _names(value: Array) -> tuple[Key, ...]:
    return tuple(Key(name_key(item)) for item in value.items if item is not None)


def _part_of(names: tuple[str, ...], value: Any, *, has_value: bool) -> Node:
    """What a path that takes these names on its way, and ends at a scalar perhaps, asks of jsonb_ops."""
    found: list[Node] = [Key(name_key(name)) for name in names]
    if has_value:
        keys = {scalar_key(value)} | ({name_key(value)} if isinstance(value, str) else set())
        found.append(AnyOf(tuple(map(Key, sorted(keys)))))
    return AllOf(tuple(found))


def _way_to(names: tuple[str, ...], value: Any, *, has_value: bool) -> Node:
    """The same of jsonb_path_ops, which knows ways to scalars only."""
    if not has_value:
        return EVERYTHING
    way = b""
    for name in names:
        way = step_on(way, name)
    return Key(way_key(way, value))


_SEARCHES: Final[dict[str, Callable[[Any], Search]]] = {
    "contains": _contains,
    "has": lambda value: Search(Key(name_key(value))),
    "has_any": lambda value: Search(AnyOf(_names(value))),
    "has_all": lambda value: Search(AllOf(_names(value))),
    "path_exists": lambda value: Search(path_search(value, "path_exists", _part_of)),
    "path_holds": lambda value: Search(path_search(value, "path_holds", _part_of)),
}
