"""How many rows joins give: what equality classes and keys of several columns say beyond single conditions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from server.expressions.expression import columns_used
from server.planner import cost

EXPONENT_MAX: Final = 600.0
"""Of what is left the estimate is bound anyway."""

if TYPE_CHECKING:
    from server.expressions.expression import ColumnId
    from server.planner.choose_join import Predicate, Region


def by_class(predicates: list[Predicate]) -> tuple[list[Predicate], list[list[Predicate]]]:
    """Predicates that restrict by themselves, and those of each equality class that others may say, too."""
    classes: dict[int, list[Predicate]] = {}
    alone = []
    for predicate in predicates:
        if predicate.group < 0:
            alone.append(predicate)
        else:
            classes.setdefault(predicate.group, []).append(predicate)
    shared = []
    for members in classes.values():
        if len(members) == 1 and members[0].mask.bit_count() == 2:
            alone += members
        else:
            shared.append(sorted(members, key=lambda each: each.selectivity))
    return alone, shared


def spanning(members: list[Predicate], items: int) -> list[float]:
    """The selectivities of an equality class among some items; its members come the most selective first.

    N items are tied by n - 1 equalities, whatever more are implied.
    """
    outside = ~items
    tied, chances = 0, []
    for each in members:
        if not each.mask & outside:
            chances.append(each.selectivity)
            tied |= each.mask
            if tied == items and len(chances) >= tied.bit_count() - 1:
                break
    return chances[: max(tied.bit_count() - 1, 0)]


def product(factors: list[float]) -> float:
    """The product of many factors: that of the rows of a hundred tables alone is more than a float may be."""
    result = math.prod(factors)
    if math.isfinite(result) or min(factors) <= 0.0:
        return result if math.isfinite(result) else 0.0
    return math.exp(min(sum(map(math.log, factors)), EXPONENT_MAX))


def composite_key(region: Region, number: int, mask: int) -> float:
    """What independence makes too little of, where a whole key of several columns is joined.

    Of its rows one matches, not one in the product of the columns' distinct values.
    """
    keys = region.keys_of(number)
    if not keys:
        return 1.0
    joined: set[ColumnId] = set()
    for predicate in region.predicates:
        several = predicate.mask & ~mask == 0 and predicate.mask.bit_count() > 1
        if several and predicate.mask >> number & 1 and predicate.group >= 0:
            joined |= columns_used(predicate.condition)
    result = 1.0
    for columns in keys:
        if not joined.issuperset(columns):
            continue
        values = 1.0
        for column in columns:
            known = region.chooser.facts.column(column)
            values *= known.distinct_count if known is not None else 1.0
        result = max(result, values / max(region.items[number].base_rows, 1.0))
    return result


def hash_price(kind: str, rows: float, right_rows: float, found: float) -> float:
    """Of the table and the look-ups in it; the executor makes it of the smaller side where it can."""
    if kind in ("left", "semi", "anti") and right_rows > rows:
        rows, right_rows = right_rows, rows
    elif kind in ("left", "anti", "null_anti"):
        return right_rows * cost.HASH_BUILD + rows * cost.HASH_PROBE
    looked_up = min(rows, found)  # the scan below leaves out most of the others
    return right_rows * cost.HASH_BUILD + rows * cost.KEY_FILTER_ROW + looked_up * cost.HASH_PROBE
