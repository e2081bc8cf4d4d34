"""EvenRanges: ranges of whole numbers, days or instants that partitions are for, looked up for a whole column at once.

Rule 1: it gives what PartitionMap.number_of gives for each value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.catalog.partition_bounds import PartitionMap
    from server.vector.column import Column, Positions

NOWHERE: Final = -1
TYPES: Final = frozenset((20, 21, 23, 1082, 1083, 1114, 1184))
"""By OID: types whose values are integers that order as the values do."""
LEAST, GREATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class EvenRanges:
    """The ranges of a map with one such key."""

    __slots__ = ("_default", "_firsts", "_lasts")

    def __init__(self, found: PartitionMap) -> None:
        self._default = NOWHERE if found.default is None else found.default
        self._firsts = np.array([_first(lower) for lower in found.lowers], np.int64)
        self._lasts = np.array([_last(upper) for upper in found.uppers], np.int64)

    def numbers(self, column: Column) -> Positions:
        """The numbers of the partitions that values are for."""
        values = column.decoded().values.astype(np.int64, copy=False)
        if not len(self._firsts):
            return np.full(len(values), self._default, np.int64)
        places = np.searchsorted(self._firsts, values, "right") - 1
        is_within = (places >= 0) & (values <= self._lasts[places])
        if column.valid is not None:
            is_within &= column.valid
        return np.where(is_within, places, self._default)


def even_ranges(found: PartitionMap) -> EvenRanges | None:
    """The ranges of a map, None for one of another kind."""
    is_even = found.strategy == "range" and len(found.types) == 1 and found.types[0].oid in TYPES
    return EvenRanges(found) if is_even else None


def _first(bound: Sequence[tuple[Any, ...]]) -> int:
    """The least value above MINVALUE, or the bound's own."""
    (datum,) = bound
    return LEAST if datum[0] < 0 else int(datum[1])


def _last(bound: Sequence[tuple[Any, ...]]) -> int:
    """The greatest value, or the one below the bound's own."""
    (datum,) = bound
    return GREATEST if datum[0] > 0 else int(datum[1]) - 1
