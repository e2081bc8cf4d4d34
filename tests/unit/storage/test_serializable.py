"""Serializable transactions: random schedules leave no cycle of dependencies, and nothing behind."""

import random
from itertools import pairwise

import pytest

from storage.errors import SerializationConflict
from storage.serializable import RANGES_MAX, ROWS_MAX, Dependencies

KEYS = range(4)
TABLE, INDEX = 1, 2


class History:
    """Snapshot isolation over a few keys: who wrote each version, who read it, and who has committed."""

    def __init__(self, seed, is_tracked):
        self.random = random.Random(seed)
        self.is_tracked = is_tracked
        self.dependencies = Dependencies()
        self.versions = {key: [0] for key in KEYS}  # writers of committed versions, oldest first
        self.owned = {}  # key to the running transaction that has written it
        self.running = {}
        self.edges = set()
        self.committed = {0}
        self.reads = []  # reader, key, number of versions it saw

    def begin(self, number):
        read_only = self.random.random() < 0.3
        tracked = self.dependencies.begin(number, read_only=read_only) if self.is_tracked else None
        snapshot = {key: len(writers) for key, writers in self.versions.items()}
        self.running[number] = (tracked, snapshot, set(), read_only)

    def step(self, number):
        tracked, snapshot, written, read_only = self.running[number]
        key = self.random.choice(KEYS)
        try:
            if read_only or self.random.random() < 0.6:
                if tracked is not None:
                    tracked.read_rows(TABLE, [key])
                if key not in written:
                    self.reads.append((number, key, snapshot[key]))
            elif self.owned.get(key, number) != number or len(self.versions[key]) != snapshot[key]:
                self.end(number, is_commit=False)
            else:
                if tracked is not None:
                    tracked.write_rows(TABLE, [key])
                self.owned[key] = number
                written.add(key)
        except SerializationConflict:
            self.end(number, is_commit=False)

    def end(self, number, *, is_commit):
        tracked, _, written, _ = self.running[number]
        if is_commit and tracked is not None:
            try:
                tracked.prepare()
            except SerializationConflict:
                is_commit = False
        for key in written:
            del self.owned[key]
            if is_commit:
                self.versions[key].append(number)
        if is_commit:
            self.committed.add(number)
        if tracked is not None:
            tracked.end(is_commit=is_commit)
        del self.running[number]

    def play(self):
        waiting = list(range(1, 13))
        while waiting or self.running:
            if waiting and len(self.running) < 4:
                self.begin(waiting.pop(0))
            number = self.random.choice(list(self.running))
            if self.random.random() < 0.25:
                self.end(number, is_commit=self.random.random() < 0.9)
            else:
                self.step(number)

    def has_cycle(self):
        follows = {number: set() for number in self.committed}
        for writers in self.versions.values():
            for first, second in pairwise(writers):
                follows[first].add(second)
        for reader, key, count in self.reads:
            if reader in self.committed:
                writers = self.versions[key]
                follows[writers[count - 1]].add(reader)
                if count < len(writers) and writers[count] != reader:
                    follows[reader].add(writers[count])
        while True:
            last = [number for number, after in follows.items() if not after - {number}]
            if not last:
                return bool(follows)
            for number in last:
                del follows[number]
            for after in follows.values():
                after.difference_update(last)


@pytest.mark.parametrize("seed", range(40))
def test_random_schedules_are_serializable_and_forgotten(seed):
    for part in range(5):
        history = History(seed * 100 + part, is_tracked=True)
        history.play()
        assert not history.has_cycle()
        assert history.dependencies.locks() == []
        assert not history.dependencies._writers


def test_the_same_schedules_have_cycles_without_tracking():
    found = 0
    for seed in range(60):
        history = History(seed, is_tracked=False)
        history.play()
        found += history.has_cycle()
    assert found > 3


def test_some_schedules_commit_concurrent_readers_and_writers():
    done = 0
    for seed in range(20):
        history = History(seed, is_tracked=True)
        history.play()
        done += len(history.committed) - 1
    assert done > 100


def skewed(dependencies, read, write):
    """Two transactions that each read what the other one writes; whether both may commit."""
    first, second = (dependencies.begin(n, read_only=False) for n in (1, 2))
    try:
        read(first, 0), read(second, 1)
        write(first, 1), write(second, 0)
        for each in (first, second):
            each.prepare()
            each.end(is_commit=True)
    except SerializationConflict:
        for each in (first, second):
            each.end(is_commit=False)
        return False
    return True


READS = {
    "row": lambda each, n: each.read_rows(TABLE, [n]),
    "relation": lambda each, n: each.read_relation(TABLE),
    "many rows": lambda each, n: each.read_rows(TABLE, range(10, 12 + ROWS_MAX)),
    "range": lambda each, n: each.read_range(INDEX, bytes([n]), bytes([n + 1])),
    "many ranges": lambda each, n: [
        each.read_range(INDEX, b"k%d" % i, b"k%d" % (i + 1)) for i in range(RANGES_MAX + 2)
    ],
}


def write(each, n):
    each.write_rows(TABLE, [n])
    each.write_keys(INDEX, [bytes([n])])


@pytest.mark.parametrize("kind", READS)
def test_a_skew_is_found_whatever_was_read(kind):
    assert not skewed(Dependencies(), READS[kind], write)


@pytest.mark.parametrize("kind", ["row", "range"])
def test_reading_something_else_is_no_skew(kind):
    assert skewed(Dependencies(), lambda each, n: READS[kind](each, n + 10), write)


def test_a_read_only_transaction_beside_no_writer_is_not_tracked():
    dependencies = Dependencies()
    assert dependencies.begin(1, read_only=True) is None
    writer = dependencies.begin(2, read_only=False)
    reader = dependencies.begin(3, read_only=True)
    reader.read_rows(TABLE, [1])
    assert not reader.decided.done
    writer.write_rows(TABLE, [2])
    writer.prepare()
    writer.end(is_commit=True)
    assert reader.decided.done
    assert reader.is_safe
    assert dependencies.locks() == []


def test_a_snapshot_is_unsafe_when_a_writer_commits_behind_somebody_who_had_committed_before_it():
    dependencies = Dependencies()
    pivot, out = (dependencies.begin(n, read_only=False) for n in (1, 2))
    pivot.read_rows(TABLE, [1])
    out.write_rows(TABLE, [1])
    out.prepare()
    out.end(is_commit=True)
    reader = dependencies.begin(3, read_only=True)
    pivot.write_rows(TABLE, [2])
    pivot.prepare()
    pivot.end(is_commit=True)
    assert reader.is_unsafe
    assert reader.decided.done
    with pytest.raises(SerializationConflict):
        reader.read_rows(TABLE, [2])
