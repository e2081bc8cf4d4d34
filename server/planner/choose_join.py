"""Join order: a region of joins to the cheapest tree of physical joins.

A region is what inner joins connect, with the outer, semi, anti and dependent joins that hang on to
it. Each of those
is an *item* that may be joined as soon as the columns its condition reads are there:

    (A left B on p(A,B)) inner C on q(A,C)  =  (A inner C on q) left B on p

which holds as long as q reads no column of B; predicates that read columns of a left-joined item
wait for it and are
then a filter, never a part of its ON condition. Full joins are leaves.

Up to EXHAUSTIVE_MAX items are ordered by dynamic programming over connected sets, more by joining
the cheapest pair.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.expressions.expression import (
    Call,
    ColumnId,
    Expression,
    Or,
    Variable,
    columns_used,
)
from server.functions.function import Function
from server.planner import cost
from server.planner.bind_operator import and_all, conjuncts
from server.planner.equalities import equality_classes, implied, or_filter
from server.planner.join_estimates import composite_key, hash_price, spanning
from server.planner.matching import is_volatile, strip_relabel
from server.planner.outer_references import outer_columns, outer_of
from server.planner.physical import Estimate, NestedLoop, Plan
from server.planner.plan import Filter as FilterNode
from server.planner.plan import Join, Node, Scan, column_numbers

if TYPE_CHECKING:
    from server.planner.choose import Chooser

EXHAUSTIVE_MAX = 10
_ONE_SIDED = ("semi", "anti", "null_anti")
JoinKey = tuple[Expression, Expression, Function]


@dataclass(slots=True)
class Item:
    """A leaf of the region; kind says how it is joined to the rest."""

    kind: str
    node: Node
    conditions: list[Expression] = field(default_factory=list)  # its own ON, for kinds but inner
    filters: list[Expression] = field(default_factory=list)  # those that read it alone
    lateral: tuple[ColumnId, ...] = ()
    columns: set[ColumnId] = field(default_factory=set)
    needs: int = 0  # mask of the items that must be there before it
    rows: float = 1.0
    price: float = 0.0
    base_rows: float = 1.0


@dataclass(slots=True)
class Entry:
    """The best way found to join a set of items."""

    price: float
    left: int = 0
    right: int = 0
    method: str = ""


@dataclass(slots=True)
class Predicate:
    """A condition of the region and the set of items it reads."""

    condition: Expression
    mask: int
    selectivity: float
    group: int = -1  # predicates of one equality class have one number


class Region:
    """The items and predicates of one region, and the search for the best order."""

    def __init__(self, chooser: Chooser, node: Node) -> None:
        self.chooser = chooser
        self.items: list[Item] = []
        self.loose: list[Expression] = []
        self._flatten(node)
        self.owner = {column: n for n, item in enumerate(self.items) for column in item.columns}
        self.late: list[Expression] = []  # volatile or without columns: on top of everything
        self.predicates: list[Predicate] = []
        self._place()
        self._estimate_items()
        self._rows: dict[int, float] = {}
        self.best: dict[int, Entry] = {}

    # What the region consists of.

    def _flatten(self, node: Node) -> None:
        if isinstance(node, FilterNode) and isinstance(node.input, Join | FilterNode):
            self.loose += conjuncts(node.condition)
            self._flatten(node.input)
        elif isinstance(node, Join) and node.kind != "full":
            self._flatten(node.left)
            if node.kind == "inner" and not node.lateral:
                self.loose += conjuncts(node.condition)
                self._flatten(node.right)
            elif node.kind == "inner":
                self.loose += conjuncts(node.condition)
                self._add("inner", node.right, [], node.lateral)
            else:
                self._add(node.kind, node.right, conjuncts(node.condition), node.lateral)
        else:
            self._add("inner", node, [], ())

    def _add(
        self, kind: str, node: Node, conditions: list[Expression], lateral: tuple[ColumnId, ...]
    ) -> None:
        filters: list[Expression] = []
        if isinstance(node, FilterNode) and isinstance(node.input, Scan):
            filters, node = conjuncts(node.condition), node.input
        self.items.append(Item(kind, node, conditions, filters, lateral, column_numbers(node)))

    def mask_of(self, columns: set[ColumnId]) -> int:
        """The set of items that the columns belong to."""
        mask = 0
        for column in columns:
            number = self.owner.get(column)
            if number is not None:
                mask |= 1 << number
        return mask

    def _place(self) -> None:
        for number, item in enumerate(self.items):
            bit = 1 << number
            own = []
            for condition in item.conditions:
                mask = self.mask_of(columns_used(condition))
                # NOT IN compares with every row of the subquery: its conditions are keys, all of
                # them.
                if mask == bit and item.kind != "null_anti" and not is_volatile(condition):
                    item.filters.append(condition)
                else:
                    own.append(condition)
                    item.needs |= mask & ~bit
            item.conditions = own
            item.needs |= self.mask_of(set(item.lateral))
            if item.kind != "inner" and not item.needs:
                # Without a condition that ties it to an item it follows all that stand to its left.
                item.needs = bit - 1
        self._add_implied()
        for condition in self.loose:
            mask = self.mask_of(columns_used(condition))
            single = mask.bit_count() == 1
            if not mask or is_volatile(condition):
                self.late.append(condition)
            elif single and self._takes_filters(self.items[mask.bit_length() - 1]):
                self.items[mask.bit_length() - 1].filters.append(condition)
            else:
                self.predicates.append(self._predicate(condition, mask))

    def _add_implied(self) -> None:
        """Add what follows from the equalities between inner-joined items."""
        columns = set().union(*(item.columns for item in self.items if item.kind == "inner"))
        self.groups: dict[ColumnId, tuple[int, bool]] = {}
        stated = [*self.loose]
        for item in self.items:
            if item.kind == "inner":
                stated += item.filters
        for number, found in enumerate(equality_classes(stated, columns)):
            fixed = found.constant is not None
            self.groups |= dict.fromkeys(found.members, (number, fixed))
            self.loose += implied(found)

    def _predicate(self, condition: Expression, mask: int) -> Predicate:
        chance = cost.selectivity(self.chooser.facts, condition)
        group = -1
        if isinstance(condition, Call) and condition.operator == "=":
            left, right = condition.arguments
            if isinstance(left, Variable) and isinstance(right, Variable):
                known = self.groups.get(left.column)
                if known is not None and known == self.groups.get(right.column):
                    group, fixed = known
                    chance = 1.0 if fixed else chance
        if isinstance(condition, Or):
            chance = self._split_or(condition, mask, chance)
        return Predicate(condition, mask, chance, group)

    def _split_or(self, condition: Or, mask: int, chance: float) -> float:
        """Filter the items by what an OR over several says of each.

        What is left of its selectivity.
        """
        for number, item in enumerate(self.items):
            if not mask >> number & 1 or item.kind != "inner":
                continue
            part = or_filter(condition, item.columns)
            if part is not None:
                item.filters.append(part)
                chance /= max(cost.selectivity(self.chooser.facts, part), chance, 1e-9)
        return min(1.0, chance)

    @staticmethod
    def _takes_filters(item: Item) -> bool:
        return item.kind == "inner"

    # Estimates.

    def _estimate_items(self) -> None:
        for item in self.items:
            plan = self.chooser.choose_filtered(item.node, item.filters, set())
            item.rows, item.price = plan.estimate.rows, plan.estimate.total_cost
            item.base_rows = item.rows
            if isinstance(item.node, Scan):
                item.base_rows = self.chooser.facts.rows(item.node.table)

    def rows(self, mask: int) -> float:
        """The rows of a set of items joined, whatever the order."""
        known = self._rows.get(mask)
        if known is not None:
            return known
        result = 1.0
        inside = [(n, item) for n, item in enumerate(self.items) if mask >> n & 1]
        for _, item in inside:
            if item.kind == "inner":
                result *= item.rows
        groups: dict[int, list[Predicate]] = {}
        for predicate in self.predicates:
            if predicate.mask & ~mask == 0:
                if predicate.group < 0:
                    result *= predicate.selectivity
                else:
                    groups.setdefault(predicate.group, []).append(predicate)
        for found in groups.values():
            result *= spanning(found)
        for number, item in inside:
            result *= self._factor(item) * composite_key(self, number, item, mask)
        self._rows[mask] = result = max(1.0, result)
        return result

    def _factor(self, item: Item) -> float:
        """By how much an outer, semi or anti join changes the number of rows."""
        if item.kind == "inner":
            return 1.0
        matches = item.rows * cost.selectivity_of_all(self.chooser.facts, item.conditions)
        if item.kind == "left":
            return max(1.0, matches)
        kept = item.rows / max(item.base_rows, 1.0)
        share = min(1.0, matches, max(kept, 0.0) if matches <= 1.0 else 1.0)
        share = max(share, 1e-4)
        if item.kind == "semi":
            return share
        return max(0.05, 1.0 - share)

    def connected(self, left: int, right: int) -> bool:
        """Whether any predicate or own condition ties the two sets together."""
        both = left | right
        for predicate in self.predicates:
            mask = predicate.mask
            if mask & left and mask & right and not mask & ~both:
                return True
        return False

    # The search.

    def solve(self) -> int:
        """Find the best entry for the set of all items."""
        for number, item in enumerate(self.items):
            if item.kind == "inner" and not item.needs:
                self.best[1 << number] = Entry(item.price)
        if len(self.items) <= EXHAUSTIVE_MAX:
            self._search()
        everything = (1 << len(self.items)) - 1
        if everything not in self.best:
            self._search_greedily()
        return everything

    def _search(self) -> None:
        by_size: list[list[int]] = [[] for _ in range(len(self.items) + 1)]
        by_size[1] = list(self.best)
        for size in range(2, len(self.items) + 1):
            found: set[int] = set()
            for left in by_size[size - 1]:
                found |= self._extend(left)
            for small in range(2, size // 2 + 1):
                for left in by_size[size - small]:
                    for right in by_size[small]:
                        if not left & right and self.connected(left, right):
                            self._consider(left, right)
                            found.add(left | right)
            by_size[size] = list(found)

    def _extend(self, left: int, *, crosses: bool = False) -> set[int]:
        """Join one more item to a set."""
        found = set()
        for number, item in enumerate(self.items):
            bit = 1 << number
            if left & bit or item.needs & ~left:
                continue
            tied = item.kind != "inner" or item.needs or self.connected(left, bit)
            if tied or crosses:
                self._consider(left, bit)
                found.add(left | bit)
        return found

    def _search_greedily(self) -> None:
        """Join the pair that is cheapest now, until one set is left; cross products come last."""
        parts = [
            1 << n for n, item in enumerate(self.items) if item.kind == "inner" and not item.needs
        ]
        waiting = [1 << n for n in range(len(self.items)) if 1 << n not in parts]
        while len(parts) + len(waiting) > 1:
            pair = self._cheapest(parts, waiting, crosses=False) or self._cheapest(
                parts, waiting, crosses=True
            )
            assert pair is not None, "every item can be joined at last"
            left, right = pair
            parts.remove(left)
            (waiting if right in waiting else parts).remove(right)
            parts.append(left | right)

    def _cheapest(
        self, parts: list[int], waiting: list[int], *, crosses: bool
    ) -> tuple[int, int] | None:
        best: tuple[float, int, int] | None = None
        for left in parts:
            for right in (*parts, *waiting):
                if left == right or not self._joinable(left, right, crosses):
                    continue
                self._consider(left, right)
                entry = self.best[left | right]
                weight = self.rows(left | right) + entry.price / 1e6
                if best is None or weight < best[0]:
                    best = (weight, entry.left, entry.right)
                    if entry.right not in parts and entry.right not in waiting:
                        best = (weight, left, right)
        return None if best is None else (best[1], best[2])

    def _joinable(self, left: int, right: int, crosses: bool) -> bool:
        if right.bit_count() == 1:
            item = self.items[right.bit_length() - 1]
            if item.kind != "inner" or item.needs:
                return not item.needs & ~left
        return crosses or self.connected(left, right)

    def _consider(self, left: int, right: int) -> None:
        both = left | right
        known = self.best.get(both)
        entry = self._price(left, right)
        item = self._single(right)
        if item is None or (item.kind == "inner" and not item.needs):
            other = self._price(right, left)
            if other.price < entry.price:
                entry = other
        if known is None or entry.price < known.price:
            self.best[both] = entry

    def _single(self, mask: int) -> Item | None:
        return self.items[mask.bit_length() - 1] if mask.bit_count() == 1 else None

    def _price(self, left: int, right: int) -> Entry:
        """The cheapest method to join these sides, left driving."""
        before = self.best[left].price
        rows, found = self.rows(left), self.rows(left | right)
        item = self._single(right)
        inner_price = self.best[right].price if right in self.best else 0.0
        if item is not None and right not in self.best:
            inner_price = item.price
        right_rows = item.rows if item is not None else self.rows(right)
        out = found * cost.OUTPUT_ROW
        if item is not None and item.lateral:
            price = before + rows * (cost.LOOP_START + item.price) + out
            return Entry(price, left, right, "lateral")
        if self.keys_between(left, right):
            kind = "inner" if item is None else item.kind
            price = before + inner_price + hash_price(kind, rows, right_rows, found) + out
            best = Entry(price, left, right, "hash")
        else:
            price = before + inner_price + rows * right_rows * cost.LOOP_PAIR + out
            best = Entry(price, left, right, "loop")
        lookup = self._lookup_price(left, right, item)
        if lookup is not None and before + rows * lookup + out < best.price:
            best = Entry(before + rows * lookup + out, left, right, "lookup")
        return best

    def _lookup_price(self, left: int, right: int, item: Item | None) -> float | None:
        """The price of finding the matches of one row through an index.

        None where no index helps.
        """
        if item is None or not isinstance(item.node, Scan) or item.kind in ("full", "null_anti"):
            return None
        conditions = self.conditions_between(left, right, item)
        if not any(
            isinstance(each, Call) and each.operator == "=" for each in conditions
        ) or not self.chooser.indexes_of(item.node.table):
            return None
        estimate = self.chooser.lookup_estimate(item.node, item.filters, conditions)
        return None if estimate is None else cost.LOOKUP_START + estimate.total_cost

    def conditions_between(self, left: int, right: int, item: Item | None) -> list[Expression]:
        """What joins the two sides.

        Predicates that become decidable, and the item's own conditions.
        """
        both = left | right
        if item is not None and item.kind != "inner":
            return item.conditions
        result = []
        seen: set[int] = set()
        for each in self.predicates:
            if each.mask & ~both or not each.mask & ~left or not each.mask & ~right:
                continue
            if each.group >= 0:
                # The columns of a class are equal on either side already: one condition ties them.
                if each.group in seen:
                    continue
                seen.add(each.group)
            result.append(each.condition)
        return result

    def keys_between(self, left: int, right: int) -> bool:
        """Whether a hash join can be made."""
        item = self._single(right)
        for condition in self.conditions_between(left, right, item):
            if self.as_key(condition, left, right) is not None:
                return True
        return False

    def as_key(self, condition: Expression, left: int, right: int) -> JoinKey | None:
        """The condition as a pair of expressions over either side, if it is such an equality."""
        if (
            not isinstance(condition, Call)
            or condition.operator != "="
            or condition.form != "operator"
        ):
            return None
        a, b = condition.arguments
        first, second = self.mask_of(columns_used(a)), self.mask_of(columns_used(b))
        if not first or not second:
            return None
        if not first & ~left and not second & ~right:
            return a, b, condition.function
        if not first & ~right and not second & ~left:
            commuted = self.chooser.commuted(condition)
            return None if commuted is None else (b, a, commuted)
        return None

    # The plan.

    def build(self, mask: int, required: set[ColumnId]) -> Plan:
        """The physical plan of a set of items."""
        item = self._single(mask)
        entry = self.best.get(mask)
        if item is not None:
            return self.chooser.choose_filtered(item.node, item.filters, required)
        assert entry is not None
        left, right = entry.left, entry.right
        item = self._single(right)
        conditions = self.conditions_between(left, right, item)
        after = self._after(left, right, item)
        needed = set(required)
        for each in after:
            needed |= columns_used(each)
        wanted = set(needed)
        for each in conditions:
            wanted |= columns_used(each)
        left_plan = self.build(left, wanted | set(item.lateral if item is not None else ()))
        kind = item.kind if item is not None and item.needs else "inner"
        if item is not None and item.kind != "inner":
            kind = item.kind
        plan = self._join(entry, kind, left_plan, conditions, wanted, needed)
        if after:
            plan = self.chooser.filtered(plan, after, required)
        return plan

    def _after(self, left: int, right: int, item: Item | None) -> list[Expression]:
        """Predicates that must wait until an outer join is done."""
        if item is None or item.kind == "inner":
            return []
        both = left | right
        return [
            each.condition
            for each in self.predicates
            if not each.mask & ~both and each.mask & ~left
        ]

    def _join(
        self,
        entry: Entry,
        kind: str,
        left: Plan,
        conditions: list[Expression],
        wanted: set[ColumnId],
        needed: set[ColumnId],
    ) -> Plan:
        item = self._single(entry.right)
        rows = self.rows(entry.left | entry.right)
        if entry.method in ("lookup", "lateral"):
            assert item is not None
            return self._lateral(item, entry, kind, left, conditions, wanted, needed, rows)
        right = self.build(entry.right, wanted)
        keys: list[JoinKey] = []
        rest: list[Expression] = []
        for condition in conditions:
            key = self.as_key(condition, entry.left, entry.right)
            if key is None:
                rest.append(condition)
            else:
                keys.append(key)
        return self.chooser.join(kind, left, right, keys, rest, (needed, rows, entry.price))

    def _lateral(  # noqa: PLR0913  (the parts of a dependent join)
        self,
        item: Item,
        entry: Entry,
        kind: str,
        left: Plan,
        conditions: list[Expression],
        wanted: set[ColumnId],
        needed: set[ColumnId],
        rows: float,
    ) -> Plan:
        chooser = self.chooser
        available = set(left.output)
        if entry.method == "lookup":
            inner = [chooser.outward(each, available) for each in conditions]
            right = chooser.choose_filtered(item.node, [*item.filters, *inner], wanted)
            condition = None
            lateral = set().union(*(columns_used(each) for each in conditions)) & available
        else:
            right = chooser.choose_filtered(item.node, item.filters, wanted)
            condition = chooser.expression(and_all(conditions)) if conditions else None
            read = outer_columns(item.node).union(*(outer_of(each) for each in item.filters))
            lateral = read & available
        output = chooser.join_output(kind, left, right, needed)
        return NestedLoop(
            output=tuple(column for column, _ in output),
            types=tuple(reference for _, reference in output),
            estimate=Estimate(rows, chooser.width(c for c, _ in output), 0.0, entry.price),
            kind=kind,
            left=left,
            right=right,
            condition=condition,
            lateral=tuple(sorted(lateral)),
        )


def choose_region(chooser: Chooser, node: Node, required: set[ColumnId]) -> Plan:
    """The best plan for joins and the filters above them."""
    region = Region(chooser, node)
    everything = region.solve()
    needed = set(required)
    for each in region.late:
        needed |= columns_used(each)
    plan = region.build(everything, needed)
    return chooser.filtered(plan, region.late, required) if region.late else plan


def choose_full_join(chooser: Chooser, node: Join, required: set[ColumnId]) -> Plan:
    """A full join of two plans."""
    conditions = conjuncts(node.condition)
    wanted = set(required)
    for each in conditions:
        wanted |= columns_used(each)
    left, right = chooser.choose(node.left, wanted), chooser.choose(node.right, wanted)
    on_left, on_right = column_numbers(node.left), column_numbers(node.right)
    keys: list[JoinKey] = []
    rest: list[Expression] = []
    for condition in conditions:
        key = _side_key(chooser, condition, on_left, on_right)
        if key is None:
            rest.append(condition)
        else:
            keys.append(key)
    rows = max(left.estimate.rows, right.estimate.rows)
    price = left.estimate.total_cost + right.estimate.total_cost + rows * cost.HASH_BUILD
    return chooser.join("full", left, right, keys, rest, (required, rows, price))


def _side_key(
    chooser: Chooser, condition: Expression, left: set[ColumnId], right: set[ColumnId]
) -> JoinKey | None:
    if not isinstance(condition, Call) or condition.operator != "=" or condition.form != "operator":
        return None
    a, b = condition.arguments
    first, second = columns_used(a), columns_used(b)
    if not first or not second:
        return None
    if first <= left and second <= right:
        return a, b, condition.function
    if first <= right and second <= left:
        commuted = chooser.commuted(condition)
        return None if commuted is None else (b, a, commuted)
    return None


def is_column(expression: Expression) -> bool:
    """Whether the expression is a plain column."""
    return isinstance(strip_relabel(expression), Variable)
