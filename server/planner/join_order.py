"""The search for the cheapest order in which the items of a region are joined.

Up to EXHAUSTIVE_MAX items are ordered by dynamic programming over connected sets, more by joining the cheapest pair.

Rule 1: a set of items is a mask of bits; what is known of a set does not depend on how it was made.
Rule 2: nothing is priced twice: look-ups through an index are kept by the item and the conditions, pairs by their sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.expressions.expression import Call
from server.planner import cost
from server.planner.join_estimates import hash_price
from server.planner.plan import Scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.expressions.expression import Expression
    from server.planner.choose_join import Item, Region

EXHAUSTIVE_MAX = 10
Pair = tuple[int, int]


@dataclass(slots=True)
class Entry:
    """The best way found to join a set of items."""

    price: float
    left: int = 0
    right: int = 0
    method: str = ""


class JoinOrder:
    """The best entry found for each set of items."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.items = region.items
        self.best: dict[int, Entry] = {}
        self._lookups: dict[tuple[int, ...], float | None] = {}
        self._masks = sorted({each.mask for each in region.predicates})
        self._tied: dict[Pair, bool] = {}

    def solve(self) -> int:
        """Find the best entry for the set of all items, and give that set."""
        for number, item in enumerate(self.items):
            if self._is_free(item):
                self.best[1 << number] = Entry(item.price)
        if len(self.items) <= EXHAUSTIVE_MAX:
            self._search()
        everything = (1 << len(self.items)) - 1
        if everything not in self.best:
            self._search_greedily()
        return everything

    @staticmethod
    def _is_free(item: Item) -> bool:
        """Whether the item may stand on either side, and first."""
        return item.kind == "inner" and not item.needs

    def _connected(self, left: int, right: int) -> bool:
        """Whether any predicate ties the two sets together."""
        known = self._tied.get((left, right))
        if known is None:
            outside = ~(left | right)
            known = any(mask & left and mask & right and not mask & outside for mask in self._masks)
            self._tied[left, right] = self._tied[right, left] = known
        return known

    # All orders.

    def _search(self) -> None:
        by_size: list[list[int]] = [[] for _ in range(len(self.items) + 1)]
        by_size[1] = list(self.best)
        for size in range(2, len(self.items) + 1):
            found: set[int] = set()
            for left in by_size[size - 1]:
                found.update(self._extensions(left))
            for left, right in self._halves(by_size, size):
                if not left & right and self._connected(left, right):
                    self._consider(left, right)
                    found.add(left | right)
            by_size[size] = list(found)

    @staticmethod
    def _halves(by_size: list[list[int]], size: int) -> Iterator[Pair]:
        """Pairs of sets of two items or more that are together so large."""
        for small in range(2, size // 2 + 1):
            for left in by_size[size - small]:
                for right in by_size[small]:
                    if small * 2 < size or left < right:
                        yield left, right

    def _extensions(self, left: int) -> Iterator[int]:
        """Join one more item to a set, each that is tied to it."""
        for number, item in enumerate(self.items):
            bit = 1 << number
            if left & bit or item.needs & ~left:
                continue
            if not self._is_free(item) or self._connected(left, bit):
                self._consider(left, bit)
                yield left | bit

    # One order.

    def _search_greedily(self) -> None:
        """Join the pair that is cheapest now, until one set is left; cross products come last."""
        parts = [1 << n for n, item in enumerate(self.items) if self._is_free(item)]
        waiting = [1 << n for n in range(len(self.items)) if 1 << n not in parts]
        weights: dict[Pair, float] = {}
        while len(parts) + len(waiting) > 1:
            pairs = [(left, right) for left in parts for right in (*parts, *waiting)]
            left, right = min(
                self._joinable(pairs, crosses=False) or self._joinable(pairs, crosses=True),
                key=lambda pair: self._weight(pair, weights),
            )
            parts.remove(left)
            (waiting if right in waiting else parts).remove(right)
            parts.append(left | right)

    def _weight(self, pair: Pair, weights: dict[Pair, float]) -> float:
        """The rows a pair joined gives, of equals the cheaper one."""
        known = weights.get(pair)
        if known is None:
            self._consider(*pair)
            both = pair[0] | pair[1]
            known = weights[pair] = self.region.rows(both) + self.best[both].price / 1e6
        return known

    def _joinable(self, pairs: Iterable[Pair], *, crosses: bool) -> list[Pair]:
        return [pair for pair in pairs if pair[0] != pair[1] and self._may_join(*pair, crosses)]

    def _may_join(self, left: int, right: int, crosses: bool) -> bool:
        item = self.region.single(right)
        if item is not None and not self._is_free(item):
            return not item.needs & ~left
        return crosses or self._connected(left, right)

    # Prices.

    def _consider(self, left: int, right: int) -> None:
        """Keep this join if no better one of the same items is known."""
        both = left | right
        entry = self._price(left, right)
        item = self.region.single(right)
        if item is None or self._is_free(item):
            other = self._price(right, left)
            if other.price < entry.price:
                entry = other
        known = self.best.get(both)
        if known is None or entry.price < known.price:
            self.best[both] = entry

    def _price(self, left: int, right: int) -> Entry:
        """The cheapest method to join these sides, left driving."""
        region = self.region
        before = self.best[left].price
        rows, found = region.rows(left), region.rows(left | right)
        item = region.single(right)
        out = found * cost.OUTPUT_ROW
        if item is not None and item.lateral:
            price = before + rows * (cost.LOOP_START + item.price) + out
            return Entry(price, left, right, "lateral")
        known = self.best.get(right)
        right_price = known.price if known is not None else item.price if item is not None else 0.0
        right_rows = item.rows if item is not None else region.rows(right)
        conditions = region.conditions_between(left, right, item)
        if any(region.is_key(each, left, right) for each in conditions):
            kind = "inner" if item is None else item.kind
            price = before + right_price + hash_price(kind, rows, right_rows, found) + out
            best = Entry(price, left, right, "hash")
        else:
            price = before + right_price + rows * right_rows * cost.LOOP_PAIR + out
            best = Entry(price, left, right, "loop")
        lookup = None if item is None else self._lookup_price(right, item, conditions)
        if lookup is not None and before + rows * lookup + out < best.price:
            best = Entry(before + rows * lookup + out, left, right, "lookup")
        return best

    def _lookup_price(self, bit: int, item: Item, conditions: list[Expression]) -> float | None:
        """The price of finding the matches of one row through an index; None where no index helps."""
        if not isinstance(item.node, Scan) or item.kind in ("full", "null_anti"):
            return None
        key = (bit, *map(id, conditions))
        if key not in self._lookups:
            self._lookups[key] = self._new_lookup_price(item, item.node, conditions)
        return self._lookups[key]

    def _new_lookup_price(
        self, item: Item, scan: Scan, conditions: list[Expression]
    ) -> float | None:
        chooser = self.region.chooser
        if not any(isinstance(each, Call) and each.operator == "=" for each in conditions):
            return None
        if not chooser.indexes_of(scan.table):
            return None
        estimate = chooser.lookup_estimate(scan, item.filters, conditions)
        return None if estimate is None else cost.LOOKUP_START + estimate.total_cost
