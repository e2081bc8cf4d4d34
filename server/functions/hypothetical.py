"""Hypothetical-set aggregates: where a row would stand among the rows of its group.

How rows compare with the hypothetical one is for the executor to say: for each row whether it sorts
before it, whether it is the first of those equal to it that does, and whether it is its peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.declare import aggregate
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Aggregate, CallContext
    from server.vector.column import Positions, Values


class Standing:
    """How many rows each group has, and how they stand to the hypothetical row."""

    __slots__ = ("before", "distinct_before", "peers", "rows")

    def __init__(self, _call: CallContext) -> None:
        self.rows = self.before = self.distinct_before = self.peers = np.zeros(0, np.int64)


def _collect(
    state: Standing, groups: Positions, group_count: int, columns: tuple[Column, ...]
) -> Standing:
    before, first, peer = (column.values for column in columns)

    def counted(known: Values, rows: Positions) -> Values:
        counts = np.bincount(rows, minlength=group_count)
        counts[: len(known)] += known
        return counts

    state.rows = counted(state.rows, groups)
    state.before = counted(state.before, groups[before])
    state.distinct_before = counted(state.distinct_before, groups[before & first])
    state.peers = counted(state.peers, groups[peer])
    return state


def _finished(compute: Callable[[Standing], Values]) -> Callable[[Standing, int], Column]:
    def finish(state: Standing, group_count: int) -> Column:
        for name in Standing.__slots__:
            counts = getattr(state, name)
            grown = np.zeros(group_count, np.int64)
            grown[: len(counts)] = counts
            setattr(state, name, grown)
        return Column(compute(state))

    return finish


def _percent_rank(state: Standing) -> Any:
    return np.where(state.rows > 0, state.before / np.maximum(state.rows, 1), 0.0)


def _cume_dist(state: Standing) -> Any:
    return (state.before + state.peers + 1) / (state.rows + 1)


def _hypothetical(signature: str, compute: Callable[[Standing], Values], doc: str) -> Aggregate:
    return aggregate(signature, Standing, _collect, _finished(compute), doc, kind="h")


AGGREGATES: Final = (
    _hypothetical(
        "3986 rank(variadic any) int8",
        lambda state: state.before + 1,
        "The rank a row would have, with gaps.",
    ),
    _hypothetical(
        "3988 percent_rank(variadic any) float8", _percent_rank, "The relative rank it would have."
    ),
    _hypothetical(
        "3990 cume_dist(variadic any) float8", _cume_dist, "The cumulative distribution up to it."
    ),
    _hypothetical(
        "3992 dense_rank(variadic any) int8",
        lambda state: state.distinct_before + 1,
        "The rank a row would have, without gaps.",
    ),
)
