"""The search for a join order beside all orders there are, on made-up sets of items."""

import random
from functools import cache
from types import SimpleNamespace

import pytest

from server.planner.join_order import EXHAUSTIVE_MAX, PAIRS_MAX, JoinOrder


class FakeRegion:
    """Items with sizes, tied in pairs with selectivities; every tie is a key."""

    def __init__(self, sizes, ties):
        self.items = [
            SimpleNamespace(kind="inner", needs=0, lateral=(), node=None, rows=size, price=size)
            for size in sizes
        ]
        self.predicates = [
            SimpleNamespace(mask=1 << a | 1 << b, selectivity=chance) for a, b, chance in ties
        ]

    def rows(self, mask):
        result = 1.0
        for number, item in enumerate(self.items):
            if mask >> number & 1:
                result *= item.rows
        for each in self.predicates:
            if not each.mask & ~mask:
                result *= each.selectivity
        return max(1.0, result)

    def single(self, mask):
        return self.items[mask.bit_length() - 1] if mask.bit_count() == 1 else None

    def conditions_between(self, left, right, _):
        both = left | right
        ties = [each for each in self.predicates if not each.mask & ~both]
        return [each for each in ties if each.mask & left and each.mask & right]

    def is_key(self, *_):
        return True


def random_region(seed, count):
    """A tree of ties and some more."""
    chance = random.Random(seed)
    sizes = [float(chance.randint(1, 100_000)) for _ in range(count)]
    ties = [(chance.randrange(n), n, 1 / chance.choice(sizes)) for n in range(1, count)]
    ties += [(*chance.sample(range(count), 2), chance.random()) for _ in range(count // 3)]
    return FakeRegion(sizes, ties)


def cheapest_of_all(region):
    """The price of the best of all trees without cross products."""
    order = JoinOrder(region)

    @cache
    def price(mask):
        if mask.bit_count() == 1:
            return region.single(mask).price
        best = float("inf")
        left = (mask - 1) & mask
        while left:
            right = mask ^ left
            if region.conditions_between(left, right, None):
                order.best[left] = SimpleNamespace(price=price(left))
                order.best[right] = SimpleNamespace(price=price(right))
                if max(price(left), price(right)) < float("inf"):
                    conditions = region.conditions_between(left, right, None)
                    found = order._price(left, right, region.single(right), conditions)
                    best = min(best, found.price)
            left = (left - 1) & mask
        return best

    return price((1 << len(region.items)) - 1)


@pytest.mark.parametrize("count", [2, 3, 5, 7])
def test_no_order_is_cheaper(count):
    for seed in range(6):
        region = random_region(seed, count)
        order = JoinOrder(region)
        found = order.best[order.solve()].price
        assert found == pytest.approx(cheapest_of_all(region))


def leaves(order, mask):
    entry = order.best[mask]
    if mask.bit_count() == 1:
        return [mask]
    assert entry.left | entry.right == mask
    assert not entry.left & entry.right
    return leaves(order, entry.left) + leaves(order, entry.right)


@pytest.mark.parametrize("count", [EXHAUSTIVE_MAX + 1, 40])
def test_many_items_are_joined_once_each_without_cross_products(count):
    region = random_region(count, count)
    order = JoinOrder(region)
    everything = order.solve()
    assert sorted(leaves(order, everything)) == [1 << n for n in range(count)]
    entries = [entry for entry in order.best.values() if entry.method]
    assert {entry.method for entry in entries} == {"hash"}


def test_nothing_is_priced_in_vain_where_orders_are_too_many():
    """A star has too many sets of tables: that is found out before any of them is priced."""
    ties = [(0, n, 1e-3) for n in range(1, 17)]
    order = JoinOrder(FakeRegion([1e6, *[1e3] * 16], ties))
    order.solve()
    assert order._pair_count < PAIRS_MAX


def test_items_without_ties_come_together_at_last():
    order = JoinOrder(FakeRegion([10.0, 20.0, 30.0], [(0, 1, 0.1)]))
    everything = order.solve()
    assert order.best[everything].method == "loop"
    assert {order.best[everything].left, order.best[everything].right} == {0b011, 0b100}


def test_very_many_items_are_joined_without_a_beam():
    region = random_region(1, 150)
    order = JoinOrder(region)
    everything = order.solve()
    assert sorted(leaves(order, everything)) == [1 << n for n in range(150)]
    assert order._pair_count < 2 * 150**2 / 2
