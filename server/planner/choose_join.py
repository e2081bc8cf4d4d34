"""Join order: a region of joins to the cheapest tree of physical joins.

A region is what inner joins connect, with the outer, semi, anti and dependent joins that hang on to
it. Each of those
is an *item* that may be joined as soon as the columns its condition reads are there:

    (A left B on p(A,B)) inner C on q(A,C)  =  (A inner C on q) left B on p

which holds as long as q reads no column of B; predicates that read columns of a left-joined item
wait for it and are
then a filter, never a part of its ON condition. Full joins are leaves.

`server.planner.join_order` searches the order.
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
from server.planner.equalities import EqualityClass, equality_classes, implied, or_filter
from server.planner.join_estimates import by_class, composite_key, product, spanning
from server.planner.join_order import Entry, JoinOrder
from server.planner.matching import is_volatile, strip_relabel
from server.planner.outer_references import outer_columns, outer_of
from server.planner.physical import Estimate, NestedLoop, Plan
from server.planner.plan import Filter as FilterNode
from server.planner.plan import Join, Node, Scan
from server.planner.plan_walk import column_numbers
from server.planner.selectivity import selectivity, selectivity_of_all
from server.planner.statistics import whole_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.planner.choose import Chooser

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
    factor: float = 1.0  # by how much it changes the number of rows as an outer, semi or anti join


@dataclass(slots=True)
class Predicate:
    """A condition of the region and the set of items it reads."""

    condition: Expression
    mask: int
    selectivity: float
    group: int = -1  # predicates of one equality class have one number
    speaks_for_group: bool = False  # once it is asked of two sets, it decides for its class


@dataclass(frozen=True, slots=True)
class Tree:
    """Another tree than the cheapest: how sets are joined, and the plan of the item that it begins with."""

    entries: dict[int, Entry]
    first: Item
    first_plan: Callable[[set[ColumnId]], Plan]


class Region:
    """The items and predicates of one region: what a set of them gives, and what plan joins it."""

    def __init__(self, chooser: Chooser, node: Node) -> None:
        self.chooser = chooser
        self.items: list[Item] = []
        self.loose: list[Expression] = []
        self.written: list[tuple[int, int]] = []  # the joins as they are written, inner ones first
        self._flatten(node)
        self.owner = {column: n for n, item in enumerate(self.items) for column in item.columns}
        self.late: list[Expression] = []  # volatile or without columns: on top of everything
        self.predicates: list[Predicate] = []
        self._place()
        self._estimate_items()
        self._touching = [
            [each for each in self.predicates if each.mask >> number & 1]
            for number in range(len(self.items))
        ]
        self._alone, self._classes = by_class(self.predicates)
        self._rows: dict[int, float] = {}
        self._ends: dict[int, tuple[int, int]] = {}
        self._keys_of: dict[int, Sequence[tuple[int, ...]]] = {}
        self.order = JoinOrder(self, chooser.context.environment.interrupted)

    # What the region consists of.

    def _flatten(self, node: Node) -> None:
        first = len(self.items)
        if isinstance(node, FilterNode) and isinstance(node.input, Join | FilterNode):
            self.loose += conjuncts(node.condition)
            self._flatten(node.input)
        elif isinstance(node, Join) and node.kind != "full":
            self._flatten(node.left)
            second = len(self.items)
            if node.kind == "inner" and not node.lateral:
                self.loose += conjuncts(node.condition)
                self._flatten(node.right)
            elif node.kind == "inner":
                self.loose += conjuncts(node.condition)
                self._add("inner", node.right, [], node.lateral)
            else:
                self._add(node.kind, node.right, conjuncts(node.condition), node.lateral)
            right = (1 << len(self.items)) - (1 << second)
            self.written.append(((1 << second) - (1 << first), right))
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
        self.groups: dict[ColumnId, tuple[int, EqualityClass]] = {}
        stated = [*self.loose]
        for item in self.items:
            if item.kind == "inner":
                # What reads another item from outside says nothing that could stand beside that.
                stated += [each for each in item.filters if not outer_of(each) & columns]
        for number, found in enumerate(equality_classes(stated, columns)):
            self.groups |= dict.fromkeys(found.members, (number, found))
            self.loose += implied(found)

    def _predicate(self, condition: Expression, mask: int) -> Predicate:
        chance = selectivity(self.chooser.facts, condition)
        group, speaks = -1, False
        if isinstance(condition, Call) and condition.operator == "=":
            left, right = condition.arguments
            if isinstance(left, Variable) and isinstance(right, Variable):
                known = self.groups.get(left.column)
                if known is not None and known == self.groups.get(right.column):
                    group, found = known
                    chance = chance if found.constant is None else 1.0
                    speaks = found.has_all_pairs
        if isinstance(condition, Or):
            chance = self._split_or(condition, mask, chance)
        return Predicate(condition, mask, chance, group, speaks)

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
                chance /= max(selectivity(self.chooser.facts, part), chance, 1e-9)
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
                item.base_rows = self.chooser.facts.rows_of(item.node)
            item.factor = self._factor(item)

    def rows(self, mask: int) -> float:
        """The rows of a set of items joined, whatever the order."""
        known = self._rows.get(mask)
        if known is not None:
            return known
        outside = ~mask
        inside = [(n, item) for n, item in enumerate(self.items) if mask >> n & 1]
        factors = [item.rows for _, item in inside if item.kind == "inner"]
        factors += [each.selectivity for each in self._alone if not each.mask & outside]
        for members in self._classes:
            factors += spanning(members, mask)
        for number, item in inside:
            factors += item.factor, composite_key(self, number, mask)
        self._rows[mask] = result = whole_rows(product(factors))
        return result

    def _factor(self, item: Item) -> float:
        """By how much an outer, semi or anti join changes the number of rows."""
        if item.kind == "inner":
            return 1.0
        matches = item.rows * selectivity_of_all(self.chooser.facts, item.conditions)
        if item.kind == "left":
            return max(1.0, matches)
        kept = item.rows / max(item.base_rows, 1.0)
        share = min(1.0, matches, max(kept, 0.0) if matches <= 1.0 else 1.0)
        share = max(share, 1e-4)
        if item.kind == "semi":
            return share
        return max(0.05, 1.0 - share)

    def keys_of(self, number: int) -> Sequence[tuple[ColumnId, ...]]:
        """The columns of each unique key of several columns of an item."""
        known = self._keys_of.get(number)
        if known is None:
            known = self._keys_of[number] = self._wide_keys(self.items[number].node)
        return known

    def _wide_keys(self, node: Node) -> Sequence[tuple[ColumnId, ...]]:
        if not isinstance(node, Scan):
            return ()
        unique = (index for index in self.chooser.indexes_of(node.table) if index.unique)
        keys = (
            tuple(node.base + key.number for key in index.keys if key.number) for index in unique
        )
        return tuple(key for key in keys if len(key) > 1)

    # How items are tied to each other.

    def single(self, mask: int) -> Item | None:
        """The item that is the whole set, or None."""
        return self.items[mask.bit_length() - 1] if mask.bit_count() == 1 else None

    def conditions_between(self, left: int, right: int, item: Item | None) -> list[Expression]:
        """What joins the two sides.

        Predicates that become decidable, and the item's own conditions.
        """
        if item is not None and item.kind != "inner":
            return item.conditions
        result = []
        seen: set[int] = set()
        outside = ~(left | right)
        only = min(left, right, key=int.bit_count)
        touching = self.predicates
        if only.bit_count() == 1:
            touching = self._touching[only.bit_length() - 1]
        for each in touching:
            if each.mask & outside or not each.mask & ~left or not each.mask & ~right:
                continue
            if each.speaks_for_group:
                # The columns of a class are equal on either side already: one condition ties them.
                if each.group in seen:
                    continue
                seen.add(each.group)
            result.append(each.condition)
        return result

    def as_key(self, condition: Expression, left: int, right: int) -> JoinKey | None:
        """The condition as a pair of expressions over either side, if it is such an equality."""
        if (
            not isinstance(condition, Call)
            or condition.operator != "="
            or condition.form != "operator"
        ):
            return None
        a, b = condition.arguments
        first, second = self._ends_of(condition)
        if not first or not second:
            return None
        if not first & ~left and not second & ~right:
            return a, b, condition.function
        if not first & ~right and not second & ~left:
            commuted = self.chooser.commuted(condition)
            return None if commuted is None else (b, a, commuted)
        return None

    def is_key(self, condition: Expression, left: int, right: int) -> bool:
        """Whether a hash join of the two sides can use the condition, one way round or the other."""
        first, second = self._ends_of(condition)
        if not first or not second:
            return False
        return not (first & ~left or second & ~right) or not (first & ~right or second & ~left)

    def _ends_of(self, condition: Expression) -> tuple[int, int]:
        """The items that either operand of an equality reads; none of what is no key."""
        known = self._ends.get(id(condition))
        if known is None:
            known = 0, 0
            if (
                isinstance(condition, Call)
                and condition.operator == "="
                and condition.form == "operator"
                and self.chooser.commuted(condition) is not None
            ):
                first, second = (self.mask_of(columns_used(each)) for each in condition.arguments)
                known = first, second
            self._ends[id(condition)] = known
        return known

    # The plan.

    def build(self, mask: int, required: set[ColumnId], tree: Tree | None = None) -> Plan:
        """The physical plan of a set of items, by the order that was found or by a tree."""
        item = self.single(mask)
        entries = self.order.best if tree is None else tree.entries
        entry = entries.get(mask)
        if item is not None:
            if tree is not None and item is tree.first:
                return tree.first_plan(required)
            return self.chooser.choose_filtered(item.node, item.filters, required)
        assert entry is not None
        left, right = entry.left, entry.right
        item = self.single(right)
        conditions = self.conditions_between(left, right, item)
        after = self._after(left, right, item)
        needed = set(required)
        for each in after:
            needed |= columns_used(each)
        wanted = set(needed)
        for each in conditions:
            wanted |= columns_used(each)
        left_plan = self.build(left, wanted | set(item.lateral if item is not None else ()), tree)
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
        item = self.single(entry.right)
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


def solved_region(chooser: Chooser, node: Node) -> tuple[Region, int]:
    """The region of joins and the filters above them, its order being found, and the set of all its items."""
    return chooser.regions.found(node, lambda: _solved(chooser, node))


def _solved(chooser: Chooser, node: Node) -> tuple[Region, int]:
    region = Region(chooser, node)
    is_kept = chooser.context.environment.keeps_join_order
    return region, region.order.keep(region.written) if is_kept else region.order.solve()


def choose_region(chooser: Chooser, node: Node, required: set[ColumnId]) -> Plan:
    """The best plan for joins and the filters above them."""
    region, everything = solved_region(chooser, node)
    return whole_region(region, everything, required)


def whole_region(
    region: Region, everything: int, required: set[ColumnId], tree: Tree | None = None
) -> Plan:
    """The plan of all items of a region, by a tree if one is given."""
    chooser, needed = region.chooser, set(required)
    for each in region.late:
        needed |= columns_used(each)
    plan = region.build(everything, needed, tree)
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
