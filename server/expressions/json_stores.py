"""Assignments to members and items of jsonb, and to the numbers of points and their kin.

Rule 1: what is missing on the way is made: an array where a subscript is a number, else an object.
Rule 2: an array grows with nulls up to the place that is assigned to.
Rule 3: what is in the way of a further step must be an object or an array.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    ArraySubscriptError,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NullValueNotAllowed,
)
from server.types.jsonb import Jsonb, make_object

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTEGER: Final = re.compile(r"\s*[+-]?\d+")


def store_member(container: Jsonb | None, steps: Sequence[Any], value: Jsonb | None) -> Jsonb:
    """The container with the value at the end of the steps, which are numbers or texts."""
    if any(step is None for step in steps):
        raise NullValueNotAllowed("jsonb subscript in assignment must not be null")
    new: Any = [] if isinstance(steps[0], int) else {}
    inner = new if container is None else container.value
    path = [str(step) for step in steps]
    return Jsonb(_stored(inner, path, 0, None if value is None else value.value))


def _stored(inner: Any, path: list[str], level: int, value: Any) -> Any:
    if level == len(path):
        return value
    if isinstance(inner, dict):
        made = _stored if path[level] in inner else _made_under
        new = made(inner.get(path[level]), path, level + 1, value)
        others = [(key, item) for key, item in inner.items() if key != path[level]]
        return make_object([*others, (path[level], new)])
    if isinstance(inner, list):
        return _stored_item(inner, path, level, value)
    raise InvalidParameterValue(
        "cannot replace existing key",
        detail="The path assumes key is a composite object, but it is a scalar value.",
    )


def _stored_item(inner: list[Any], path: list[str], level: int, value: Any) -> list[Any]:
    index = _index(path[level])
    if index is None:
        raise InvalidTextRepresentation(
            f'path element at position {level + 1} is not an integer: "{path[level]}"'
        )
    if index < -len(inner):
        raise InvalidParameterValue(
            f"path element at position {level + 1} is out of range: {index}"
        )
    place = index + len(inner) if index < 0 else index
    if place < len(inner):
        new = _stored(inner[place], path, level + 1, value)
        return [*inner[:place], new, *inner[place + 1 :]]
    return [*inner, *[None] * (place - len(inner)), _made(path, level + 1, value)]


def _made_under(_absent: Any, path: list[str], level: int, value: Any) -> Any:
    return _made(path, level, value)


def _made(path: list[str], level: int, value: Any) -> Any:
    """The value in new containers for the rest of the path."""
    if level == len(path):
        return value
    index = _index(path[level])
    if index is None:
        return {path[level]: _made(path, level + 1, value)}
    return [*[None] * max(index, 0), _made(path, level + 1, value)]


def _index(step: str) -> int | None:
    """The number that a step is; None if it is none of 32 bits."""
    if not _INTEGER.fullmatch(step):
        return None
    number = int(step)
    return number if -(1 << 31) <= number < 1 << 31 else None


def store_coordinate(container: Any, steps: Sequence[Any], value: Any) -> Any:
    """A point, segment, box or line with another coordinate or end; NULL and what is NULL stay."""
    if container is None or value is None:
        return container
    if None in steps:
        raise NullValueNotAllowed("array subscript in assignment must not be null")
    if len(steps) != 1 or not 0 <= steps[0] < len(container):
        raise ArraySubscriptError("array subscript out of range")
    parts = list(container)
    parts[steps[0]] = value
    return type(container)(*parts)
