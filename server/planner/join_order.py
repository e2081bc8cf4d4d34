"""The search for the cheapest order in which the items of a region are joined.

It is dynamic programming over connected sets as long as these are few. Beyond EXHAUSTIVE_MAX items or PAIRS_MAX pairs
of sets it goes on with the BEAM cheapest sets of each size, and with joining the cheapest pair over and over
(L. Fegaras, A New Heuristic for Optimizing Large Queries, 1998), which is all that is left with very many items.

Rule 1: a set of items is a mask of bits; what is known of a set does not depend on how it was made.
Rule 2: nothing is priced twice: look-ups through an index are kept by the item and the conditions, pairs by their sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from server.expressions.expression import Call
from server.planner import cost
from server.planner.environment import not_interrupted
from server.planner.join_estimates import hash_price
from server.planner.plan import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from server.expressions.expression import Expression
    from server.planner.choose_join import Item, Region

EXHAUSTIVE_MAX: Final = 20
PAIRS_MAX: Final = 4000
PAIRS_UNASKED: Final = 20
"""How many pairs are priced before the statement is asked again whether it is to end."""

BEAM: Final = 16
BUSHY_BEAM: Final = 6
BEAM_PAIRS_MAX: Final = 25_000
"""About how many pairs a beam may price: with more than 40 items it gets narrower."""

BEAM_MIN: Final = 2
"""A narrower one finds nothing that joining the cheapest pair does not."""

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

    def __init__(self, region: Region, interrupted: Callable[[], None] = not_interrupted) -> None:
        """`interrupted` raises when the statement is to end."""
        self._interrupted = interrupted
        self._pair_count = 0
        self.region = region
        self.items = region.items
        self.best: dict[int, Entry] = {}
        self._lookups: dict[tuple[int, ...], float | None] = {}
        masks = {each.mask for each in region.predicates}
        self._wide = [mask for mask in masks if mask.bit_count() > 2]
        self._each_ties = [
            union(mask for mask in masks if mask.bit_count() == 2 and mask >> number & 1)
            for number in range(len(region.items))
        ]
        self._ties: dict[int, int] = {}

    def solve(self) -> int:
        """Find the best entry for the set of all items, and give that set."""
        for number, item in enumerate(self.items):
            if self._is_free(item):
                self.best[1 << number] = Entry(item.price)
        everything = (1 << len(self.items)) - 1
        is_small = len(self.items) <= EXHAUSTIVE_MAX and self._has_few_orders()
        if not (is_small and self._search()):
            self._search_beam()
            self._search_greedily()
        elif everything not in self.best:
            self._search_greedily()
        return everything

    def keep(self, written: Iterable[Pair]) -> int:
        """Join what is written, in that order; gives the set of all items."""
        for number, item in enumerate(self.items):
            if self._is_free(item):
                self.best[1 << number] = Entry(item.price)
        for left, right in written:
            self._consider(left, right)
        return (1 << len(self.items)) - 1

    @staticmethod
    def _is_free(item: Item) -> bool:
        """Whether the item may stand on either side, and first."""
        return item.kind == "inner" and not item.needs

    def _connected(self, left: int, right: int) -> bool:
        """Whether any predicate ties the two sets together."""
        if self._tied_to(left) & right:
            return True
        outside = ~(left | right)
        return any(mask & left and mask & right and not mask & outside for mask in self._wide)

    def _tied_to(self, items: int) -> int:
        """All that predicates over two items tie to some of a set, and of the set itself."""
        known = self._ties.get(items)
        if known is None:
            numbers = (number for number in range(len(self.items)) if items >> number & 1)
            known = self._ties[items] = union(self._each_ties[number] for number in numbers)
        return known

    # All orders.

    def _has_few_orders(self) -> bool:
        """Whether so few sets can be made by joining item after item that all may be priced."""
        sets, pairs = set(self.best), 0
        while sets:
            larger: set[int] = set()
            for left in sets:
                found = [left | bit for bit in self._next_items(left)]
                larger.update(found)
                pairs += len(found)
                if pairs > PAIRS_MAX:
                    return False
            sets = larger
        return True

    def _search(self) -> bool:
        """False: there are too many."""
        by_size: list[list[int]] = [[] for _ in range(len(self.items) + 1)]
        by_size[1] = list(self.best)
        for size in range(2, len(self.items) + 1):
            found: set[int] = set()
            for left in by_size[size - 1]:
                found.update(self._extensions(left))
                if self._pair_count > PAIRS_MAX:
                    return False
            for left, right in self._halves(by_size, size):
                if not left & right and self._connected(left, right):
                    self._consider(left, right)
                    found.add(left | right)
                    if self._pair_count > PAIRS_MAX:
                        return False
            by_size[size] = list(found)
        return True

    # The most promising ones.

    def _search_beam(self) -> None:
        """The cheapest sets of each size, from the cheapest ones of smaller sizes."""
        by_size: list[list[int]] = [[] for _ in range(len(self.items) + 1)]
        by_size[1] = [1 << n for n, item in enumerate(self.items) if self._is_free(item)]
        width = min(BEAM, BEAM_PAIRS_MAX // len(self.items) ** 2)
        if width < BEAM_MIN:
            return
        for size in range(2, len(self.items) + 1):
            found: set[int] = set()
            for left in by_size[size - 1]:
                found.update(self._extensions(left))
            kept = [sets[: min(BUSHY_BEAM, width)] for sets in by_size]
            for left, right in self._halves(kept, size):
                if not left & right and self._connected(left, right):
                    self._consider(left, right)
                    found.add(left | right)
            by_size[size] = sorted(found, key=self._promise)[:width]

    def _promise(self, items: int) -> float:
        return self.best[items].price + self.region.rows(items) * cost.HASH_PROBE

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
        for bit in self._next_items(left):
            self._consider(left, bit)
            yield left | bit

    def _next_items(self, left: int) -> Iterator[int]:
        """The items that can be joined to a set."""
        tied = self._tied_to(left)
        for number, item in enumerate(self.items):
            bit = 1 << number
            if left & bit or item.needs & ~left:
                continue
            if tied & bit or not self._is_free(item) or (self._wide and self._connected(left, bit)):
                yield bit

    # One order.

    def _search_greedily(self) -> None:
        """Join the pair that is cheapest now, until one set is left; cross products come last."""
        parts = {1 << n for n, item in enumerate(self.items) if self._is_free(item)}
        waiting = {1 << n for n in range(len(self.items))} - parts
        offers: list[tuple[float, Pair]] = []
        for left in parts:
            self._offer(left, (*parts, *waiting), offers)
        while len(parts) + len(waiting) > 1:
            left, right = self._taken(offers, parts, waiting) or self._crossed(parts, waiting)
            parts -= {left, right}
            waiting.discard(right)
            both = left | right
            self._offer(both, (*parts, *waiting), offers)
            for other in parts:
                self._offer(other, (both,), offers)
            parts.add(both)

    def _offer(self, left: int, others: Iterable[int], offers: list[tuple[float, Pair]]) -> None:
        """Note the joins of a set with others that something ties to it."""
        for right in others:
            if left != right and self._may_join(left, right, crosses=False):
                heappush(offers, (self._weight(left, right), (left, right)))

    @staticmethod
    def _taken(offers: list[tuple[float, Pair]], parts: set[int], waiting: set[int]) -> Pair | None:
        """The best offer whose sets are still there."""
        while offers:
            left, right = heappop(offers)[1]
            if left in parts and (right in parts or right in waiting):
                return left, right
        return None

    def _crossed(self, parts: set[int], waiting: set[int]) -> Pair:
        """The smallest cross product: that of the two smallest sets."""
        smallest = sorted(parts, key=lambda each: (self.region.rows(each), each))
        left = smallest[0]
        if len(smallest) > 1:
            self._consider(left, smallest[1])
            return left, smallest[1]
        right = next(each for each in sorted(waiting) if self._may_join(left, each, crosses=True))
        self._consider(left, right)
        return left, right

    def _weight(self, left: int, right: int) -> float:
        """The rows a pair joined gives, of equals the cheaper one."""
        self._consider(left, right)
        both = left | right
        return self.region.rows(both) + self.best[both].price / 1e6

    def _may_join(self, left: int, right: int, *, crosses: bool) -> bool:
        item = self.region.single(right)
        if item is not None and not self._is_free(item):
            return not item.needs & ~left
        return crosses or self._connected(left, right)

    # Prices.

    def _consider(self, left: int, right: int) -> None:
        """Keep this join if no better one of the same items is known."""
        both = left | right
        self._pair_count += 1
        if not self._pair_count % PAIRS_UNASKED:
            self._interrupted()
        region = self.region
        item = region.single(right)
        conditions = region.conditions_between(left, right, item)
        entry = self._price(left, right, item, conditions)
        if item is None or self._is_free(item):  # then the conditions are those of either way round
            other = self._price(right, left, region.single(left), conditions)
            if other.price < entry.price:
                entry = other
        known = self.best.get(both)
        if known is None or entry.price < known.price:
            self.best[both] = entry

    def _price(
        self, left: int, right: int, item: Item | None, conditions: list[Expression]
    ) -> Entry:
        """The cheapest method to join these sides, left driving."""
        region = self.region
        before = self.best[left].price
        rows, found = region.rows(left), region.rows(left | right)
        out = found * cost.OUTPUT_ROW
        if item is not None and item.lateral:
            price = before + rows * (cost.LOOP_START + item.price) + out
            return Entry(price, left, right, "lateral")
        known = self.best.get(right)
        right_price = known.price if known is not None else item.price if item is not None else 0.0
        right_rows = item.rows if item is not None else region.rows(right)
        if any(region.is_key(each, left, right) for each in conditions):
            kind = "inner" if item is None else item.kind
            price = before + right_price + hash_price(kind, rows, right_rows, found) + out
            best = Entry(price, left, right, "hash")
        else:
            price = before + right_price + rows * right_rows * cost.LOOP_PAIR + out
            best = Entry(price, left, right, "loop")
        lookup = None if item is None else self.lookup_price(right, item, conditions)
        if lookup is not None and before + rows * lookup + out < best.price:
            best = Entry(before + rows * lookup + out, left, right, "lookup")
        return best

    def lookup_price(self, bit: int, item: Item, conditions: list[Expression]) -> float | None:
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


def union(sets: Iterable[int]) -> int:
    """All items of some sets."""
    found = 0
    for items in sets:
        found |= items
    return found
