"""Joins that give their rows in the order of an index of one of their tables.

That table comes first, read in order, and each of the others is looked up for every row of what is joined so far: so
the first rows of the order are there without the others. Whether that is cheaper than to sort all of them is for the
caller to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.expressions.expression import columns_used
from server.planner import cost
from server.planner.choose_join import Tree, solved_region, whole_region
from server.planner.choose_scan import ordered_scan
from server.planner.join_order import Entry
from server.planner.plan import Scan

if TYPE_CHECKING:
    from server.expressions.expression import ColumnId, SortKey
    from server.planner.choose import Chooser
    from server.planner.choose_join import Item, Region
    from server.planner.physical import Plan
    from server.planner.plan import Node


def ordered_joins(
    chooser: Chooser, node: Node, required: set[ColumnId], order: tuple[SortKey, ...]
) -> Plan | None:
    """A plan of joins and the filters above them that gives its rows in that order, if there is one of this kind."""
    if chooser.context.environment.keeps_join_order:
        return None
    region, everything = solved_region(chooser, node)
    first = _first(region, order)
    item = None if first is None else region.single(first)
    if first is None or item is None:
        return None
    scan = item.node
    if not isinstance(scan, Scan) or chooser.apart(item.filters)[1]:
        return None
    filters = list(chooser.expressions(item.filters))
    alone = ordered_scan(chooser, scan, filters, set(), order)
    if alone is None:
        return None
    entries = _entries(region, first, everything, alone.estimate.total_cost)
    if entries is None:
        return None

    def first_plan(wanted: set[ColumnId]) -> Plan:
        plan = ordered_scan(chooser, scan, filters, wanted, order)
        assert plan is not None
        return plan

    return whole_region(region, everything, required, Tree(entries, item, first_plan))


def _first(region: Region, order: tuple[SortKey, ...]) -> int | None:
    """The item that has all columns of the order, if it may come first."""
    mask = region.mask_of(set().union(*(columns_used(key.expression) for key in order)))
    item = region.single(mask)
    return mask if item is not None and item.kind == "inner" and not item.needs else None


def _entries(region: Region, first: int, everything: int, price: float) -> dict[int, Entry] | None:
    """One item after the other looked up for the rows of those before it, those that leave the fewest rows first."""
    entries = {first: Entry(price)}
    joined = first
    while joined != everything:
        best: tuple[float, float, int] | None = None
        for number, item in enumerate(region.items):
            bit = 1 << number
            if joined & bit or item.needs & ~joined:
                continue
            each = _price(region, joined, bit, item)
            if each is not None:
                found = region.rows(joined | bit), each, bit
                best = found if best is None else min(best, found)
        if best is None:
            return None
        rows, each, bit = best
        price += region.rows(joined) * each + rows * cost.OUTPUT_ROW
        is_lateral = bool(region.items[bit.bit_length() - 1].lateral)
        method = "lateral" if is_lateral else "lookup"
        entries[joined | bit] = Entry(price, joined, bit, method)
        joined |= bit
    return entries


def _price(region: Region, joined: int, bit: int, item: Item) -> float | None:
    """What an item costs for one row of those joined; None: it cannot be looked up."""
    if item.lateral:
        return cost.LOOP_START + item.price
    return region.order.lookup_price(bit, item, region.conditions_between(joined, bit, item))
