"""Percentiles of numbers by selection: of each group only the places that are asked for need the right value.

A percentile looks at one or two places of its group's order (server/functions/ordered_sets.py). To bring the values of
these places there takes time by the number of rows, to sort all takes much more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.expressions.expression import Constant, Parameter
from server.types.array import Array
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.rows import values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.expressions.expression import AggregateCall
    from server.vector.column import Positions, Values

NAMES: Final = frozenset({"percentile_cont", "percentile_disc"})
ROWS_PER_GROUP_MIN: Final = 64
GROUPS_MAX: Final = 1 << 16
"""So few that to sort by their numbers takes a pass or two."""


def with_places(
    call: AggregateCall, rows: Batch, group_count: int, look: Callable[[], None]
) -> Batch | None:
    """Group, fractions and value of rows, group after group, with what is asked for in its place.

    None: all have to be sorted. look is called for each group, and may raise.
    """
    if call.aggregate.name not in NAMES or not rows.count:
        return None
    groups, fractions, values = rows.columns[:3]
    if not _may_select(call, values):
        return None
    if group_count > GROUPS_MAX or group_count * ROWS_PER_GROUP_MIN > rows.count:
        return None
    wanted = _fractions(values_of(fractions.slice(0, 1))[0])
    if wanted is None:
        return None
    numbers, own = _group_after_group(groups.values, values.values, group_count)
    ends = np.cumsum(np.bincount(numbers, minlength=group_count)).tolist()
    start = 0
    for stop in ends:
        look()
        places = _places(wanted, stop - start)
        if places:
            own[start:stop].partition(places)
        start = stop
    return Batch((Column(numbers), fractions, Column(own, None, values.scale)), rows.count)


def _may_select(call: AggregateCall, values: Column) -> bool:
    """Whether the order is that of the numbers that values are, and the fractions are the same for all."""
    if call.distinct or len(call.order) != 1:
        return False
    if not isinstance(call.direct_arguments[0], Constant | Parameter):
        return False
    if call.order[0].descending or type(values) is not Column or values.dictionary is not None:
        return False
    return values.values.dtype.kind in "if" and not values.has_nulls


def _fractions(given: Any) -> list[float] | None:
    """The fractions of a call, one or an array of them; None: some are none."""
    found = list(given.items) if isinstance(given, Array) else [given]
    found = [fraction for fraction in found if fraction is not None]
    return found if all(0 <= fraction <= 1 for fraction in found) else None


def _group_after_group(
    numbers: Positions, values: Values, group_count: int
) -> tuple[Positions, Values]:
    """Numbers of groups in order, and a copy of the values beside them."""
    if group_count == 1:
        return numbers, values.copy()
    order = np.argsort(numbers.astype(np.uint16), kind="stable")  # of 16 bits: by counting
    return numbers[order], values[order]


def _places(fractions: list[float], count: int) -> list[int]:
    """The places of a group of so many rows that percentiles at the fractions look at."""
    found = set()
    for fraction in fractions if count else ():
        place = fraction * (count - 1)
        found |= {math.floor(place), math.ceil(place), max(math.ceil(fraction * count) - 1, 0)}
    return sorted(found)
