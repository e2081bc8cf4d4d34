"""Row sets out of entries, beside sets of Python."""

import random

import numpy as np
import pytest

from server.inverted import row_sets
from server.inverted.row_sets import (
    EVERYTHING,
    NOTHING,
    AllOf,
    AnyOf,
    AtLeast,
    Key,
    NotIn,
    Search,
    all_of,
    answered,
    has_negation,
    is_bounded,
    possible,
)

ROWS = set(range(40))


def world(chance):
    """What entries say: rows by key."""
    return {
        bytes([key]): set(chance.sample(range(40), chance.choice((0, 3, 20)))) for key in range(8)
    }


class Reader:
    """Entries out of sets."""

    def __init__(self, entries):
        self.entries = entries

    def ids(self, prefix, most):
        keys = sorted(key for key in self.entries if key.startswith(prefix))
        found = [row for key in keys for row in sorted(self.entries[key])]
        return np.array(found[:most], np.int64)

    def having(self, key, ids):
        return np.array([row in self.entries[key] for row in ids.tolist()], np.bool_)


def random_node(chance, depth):
    kind = chance.choice(("key", "key", "all", "any", "not", "least") if depth else ("key",))
    if kind == "key":
        return Key(bytes([chance.randrange(8)]))
    if kind == "not":
        return NotIn(random_node(chance, depth - 1))
    if kind == "least":
        keys = tuple(Key(bytes([key])) for key in chance.sample(range(8), 4))
        return AtLeast(chance.randrange(4), keys)
    parts = tuple(random_node(chance, depth - 1) for _ in range(chance.randrange(4)))
    return AllOf(parts) if kind == "all" else AnyOf(parts)


def truth(node, entries, absent_may_be):
    """The rows of a node by its meaning; absent_may_be: a row may have entries that are not there."""
    if isinstance(node, Key):
        return entries[node.prefix]
    if isinstance(node, NotIn):
        return ROWS if absent_may_be else ROWS - truth(node.part, entries, False)
    if isinstance(node, AtLeast):
        return {
            row for row in ROWS if sum(row in entries[k.prefix] for k in node.keys) >= node.count
        }
    parts = [truth(part, entries, absent_may_be) for part in node.parts]
    return ROWS.intersection(*parts) if isinstance(node, AllOf) else set().union(*parts)


@pytest.mark.parametrize("seed", range(300))
def test_random_nodes(seed, monkeypatch):
    monkeypatch.setattr(row_sets, "MANY_IDS", 8)
    monkeypatch.setattr(row_sets, "FEW_IDS", 2)
    chance = random.Random(seed)
    entries = world(chance)
    node = random_node(chance, 3)
    for ask, absent_may_be in ((possible, True), (answered, False)):
        found = ask(node, Reader(entries))
        if found is not None:
            assert found.tolist() == sorted(truth(node, entries, absent_may_be))
    assert (possible(node, Reader(entries)) is not None) >= is_bounded(node)
    if is_bounded(node):
        loose = set(possible(node, Reader(entries), loosely=True).tolist())
        assert loose >= truth(node, entries, True)
    if not has_negation(node) and is_bounded(node):
        assert answered(node, Reader(entries)).tolist() == possible(node, Reader(entries)).tolist()


def test_what_entries_cannot_tell():
    read = Reader(world(random.Random(1)))
    for node in (EVERYTHING, NotIn(Key(b"\1")), AnyOf((Key(b"\1"), EVERYTHING)), AtLeast(0, ())):
        assert possible(node, read) is None
        assert not is_bounded(node)
    assert answered(NotIn(Key(b"\1")), read) is None
    assert possible(NOTHING, read).tolist() == []


def test_a_negation_is_believed_of_unchanged_rows_only():
    read = Reader({b"a": {1, 2, 3}, b"b": {2}})
    node = AllOf((Key(b"a"), NotIn(Key(b"b"))))
    assert possible(node, read).tolist() == [1, 2, 3]
    assert answered(node, read).tolist() == [1, 3]


def test_a_prefix_finds_a_row_once():
    entries = Reader({b"a1": {3, 1}, b"a2": {1, 2}})
    assert possible(Key(b"a", is_whole=False), entries).tolist() == [1, 2, 3]


def test_a_long_list_is_not_read_for_a_few_rows():
    class Counting(Reader):
        def ids(self, prefix, most):
            asked.append(most)
            return super().ids(prefix, most)

        def having(self, key, ids):
            probed.append(len(ids))
            return super().having(key, ids)

    asked, probed = [], []
    entries = Counting({b"a": set(range(5000)), b"b": set(range(0, 5000, 50)), b"c": {50, 51}})
    long, short, shortest = (Key(key) for key in (b"a", b"b", b"c"))
    assert possible(AllOf((long, shortest)), entries, loosely=True).tolist() == [50, 51]
    assert (max(asked), probed) == (row_sets.MANY_IDS + 1, [])
    assert possible(AllOf((long, AllOf((short, long)))), entries).tolist() == [*range(0, 5000, 50)]
    assert (max(asked), probed) == (row_sets.MANY_IDS + 1, [100, 100])


def test_several_conditions_are_exact_together():
    one, two = Search(Key(b"a"), exact=True), Search(Key(b"b"))
    assert all_of([one]) is one
    assert not all_of([one, two]).exact
    assert all_of([one, one]).exact
