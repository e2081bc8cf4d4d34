"""The tree against a sorted set of pairs."""

from bisect import bisect_left, insort

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from storage.btree import Tree
from storage.check import check_tree
from tests.support.small_engine import crashed, small_engine

KEYS = st.one_of(
    st.integers(0, 60).map(lambda number: b"%02d" % number),
    st.integers(0, 9).map(lambda number: b"%d" % number * 200),
    st.binary(max_size=3),
)
ROW_IDS = st.integers(0, 3)


class TreeMachine(RuleBasedStateMachine):
    """Inserts, deletes and scans; now and then the process dies."""

    @initialize()
    def create(self):
        self.engine, self.files = small_engine()
        pager = self.engine.store.pager
        with pager.begin_change(0) as change:
            root = pager.allocate(change, 1)
            Tree(pager, root).format(change)
            change.commit()
        self.root = root
        self.tree = Tree(pager, root)
        self.model: list[tuple[bytes, int]] = []

    @rule(key=KEYS, row_id=ROW_IDS)
    def insert(self, key, row_id):
        fresh = (key, row_id) not in self.model
        assert self.tree.insert(0, key, row_id) is fresh
        if fresh:
            insort(self.model, (key, row_id))

    @rule(start=st.integers(0, 2000), count=st.integers(1, 80), ascending=st.booleans())
    def insert_run(self, start, count, ascending):
        numbers = range(start, start + count)
        for number in numbers if ascending else reversed(numbers):
            self.insert(b"run%05d" % number, 0)

    @rule(place=st.integers(0, 10_000), count=st.integers(1, 60))
    def delete_run(self, place, count):
        if self.model:
            first = place % len(self.model)
            for key, row_id in self.model[first : first + count]:
                assert self.tree.delete(0, key, row_id)
            del self.model[first : first + count]

    @rule(key=KEYS, row_id=ROW_IDS)
    def delete(self, key, row_id):
        there = (key, row_id) in self.model
        assert self.tree.delete(0, key, row_id) is there
        if there:
            self.model.remove((key, row_id))

    @rule(start=KEYS, stop=st.one_of(st.none(), KEYS))
    def scan(self, start, stop):
        expected = [
            pair for pair in self.model if start <= pair[0] and not (stop and pair[0] >= stop)
        ]
        if stop == b"":
            expected = []
        found = [pair for chunk in self.tree.forward(start, stop) for pair in chunk]
        assert found == expected
        found = [pair for chunk in self.tree.backward(start, stop) for pair in chunk]
        assert found == expected[::-1]
        assert self.tree.lookup(start, stop) == [row_id for _, row_id in expected]

    @rule(backward=st.booleans(), place=st.integers(0, 10_000))
    def change_while_scanning(self, backward, place):
        """What is there throughout is found exactly once, whatever else comes and goes."""
        before = list(self.model)
        scan = self.tree.backward(b"", None) if backward else self.tree.forward(b"", None)
        found = list(next(scan, []))
        self.delete_run(place, 5)
        self.insert_run(place % 2000, 3, ascending=True)
        found += [pair for chunk in scan for pair in chunk]
        assert len(set(found)) == len(found)
        assert found == sorted(found, reverse=backward)
        assert set(before) & set(self.model) <= set(found) <= set(before) | set(self.model)

    @rule()
    def crash(self):
        self.engine.store.wal.flush_to(self.engine.store.wal.end_lsn).wait()
        self.engine = crashed(self.engine, self.files)
        self.tree = Tree(self.engine.store.pager, self.root)

    @invariant()
    def is_sound(self):
        assert list(check_tree(self.tree)) == []
        if self.model:
            key, row_id = self.model[bisect_left(self.model, (b"5", 0)) % len(self.model)]
            assert self.tree.contains(key, row_id)


TreeMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestTree = TreeMachine.TestCase
