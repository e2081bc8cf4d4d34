"""Ranks of values that are objects: decimals of many digits, intervals, arrays, texts under a collation.

Rule 1: values are made keys, told apart, sorted and numbered some at a time, so that whoever waits for it may give up.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import plain_objects
from server.executor.native import text_ranks
from server.vector.native import gathered_texts
from server.vector.text_views import views_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.types.type import Type
    from server.vector.column import Column, Positions

    Look = Callable[[], None]

KEYS_AT_ONCE: Final = 1 << 13
"""How many keys are made, or numbered, between two looks."""

SORTED_AT_ONCE: Final = 1 << 15
"""How many keys are sorted in one go, about."""

SAMPLED_PER_PART: Final = 8


def object_ranks(column: Column, value_type: Type, look: Look) -> Positions:
    """Give an array of int64 that orders as the values do; look is called again and again, and may raise."""
    values, valid = plain_objects(column), column.valid
    rows = np.arange(len(values)) if valid is None else np.flatnonzero(valid)
    result = np.zeros(len(values), np.int64)
    keys = _keys(values[rows].tolist(), value_type.sort_key, look)
    if value_type.collator is not None:
        parts = [views_of(list(map(_without_zeros, part))) for part in _pieces(keys, look)]
        result[rows] = text_ranks(*gathered_texts(parts, look), look)
        return result
    numbers: dict[Any, int] = {}
    for part in _pieces(_sorted(_distinct(keys, look), look), look):
        numbers.update(zip(part, range(len(numbers), len(numbers) + len(part)), strict=True))
    result[rows] = [numbers[key] for part in _pieces(keys, look) for key in part]
    return result


def _keys(items: list[Any], sort_key: Callable[[Any], Any] | None, look: Look) -> list[Any]:
    if sort_key is None:
        return items
    return [sort_key(item) for part in _pieces(items, look) for item in part]


def _without_zeros(key: bytes) -> bytes:
    """Bytes in the same order without any that is 0, which texts do not have."""
    return key.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")


def _distinct(keys: list[Any], look: Look) -> list[Any]:
    found: set[Any] = set()
    for part in _pieces(keys, look):
        found.update(part)
    return list(found)


def _sorted(keys: list[Any], look: Look) -> list[Any]:
    """The keys in order: those of many are spread over ranges first, which are sorted one by one."""
    if len(keys) <= SORTED_AT_ONCE:
        return sorted(keys)
    count = len(keys) // SORTED_AT_ONCE + 1
    sample = sorted(keys[:: len(keys) // (count * SAMPLED_PER_PART)])
    bounds = sample[SAMPLED_PER_PART::SAMPLED_PER_PART]
    parts: list[list[Any]] = [[] for _ in range(len(bounds) + 1)]
    for piece in _pieces(keys, look):
        for key in piece:
            parts[bisect_right(bounds, key)].append(key)
    made: list[Any] = []
    for part in parts:
        look()
        part.sort()
        made += part
    return made


def _pieces(items: Sequence[Any], look: Look) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), KEYS_AT_ONCE):
        look()
        yield items[start : start + KEYS_AT_ONCE]
