"""Many sorted pairs at once, beside a set that is right by construction and beside the original in Python."""

import random

import numpy as np
import pytest

from storage import btree, btree_batch, btree_search
from storage.check import check_tree
from storage.engine import Kind, encode_key
from storage.errors import KeyTooLarge
from storage.fast_paths import (
    absent_pairs,
    insert_sorted,
    is_ascending,
    lookup_ids,
    lookup_prefix,
    present_keys,
)
from storage.key_matrix import KeyRows
from tests.support.small_engine import empty_tree


@pytest.fixture
def tree():
    tree = empty_tree()
    yield tree
    assert list(check_tree(tree)) == []


def add(tree, pairs):
    ids = np.array([row_id for _, row_id in pairs], np.int64)
    tree.insert_many(0, [key for key, _ in pairs], ids)


def take_out(tree, pairs):
    ids = np.array([row_id for _, row_id in pairs], np.int64)
    tree.delete_many([key for key, _ in pairs], ids)


def content(tree):
    return [pair for chunk in tree.forward(b"", None) for pair in chunk]


def number(value):
    return encode_key((value,), (Kind.INT32,))


@pytest.mark.parametrize("batch", [1, 3, 4, 5, 64, 1500])
def test_batches_at_the_end(tree, batch):
    pairs = [(number(i), i) for i in range(1500)]
    for first in range(0, len(pairs), batch):
        add(tree, pairs[first : first + batch])
    assert content(tree) == pairs


@pytest.mark.parametrize("seed", range(8))
def test_batches_anywhere(tree, seed):
    chance = random.Random(seed)
    widest = chance.choice([2, 20, tree.key_bytes_max])
    known = set()
    for _ in range(chance.choice([4, 40])):
        pairs = {
            (chance.randbytes(chance.randint(1, widest)), chance.randrange(3))
            for _ in range(chance.choice([2, 30, 400]))
        }
        add(tree, sorted(pairs))
        known |= pairs
        for pair in chance.sample(sorted(known), len(known) // 4):
            assert tree.delete(0, *pair)
            known.remove(pair)
    assert content(tree) == sorted(known)


@pytest.mark.parametrize("seed", range(8))
def test_batches_are_taken_out_anywhere(tree, seed):
    chance = random.Random(seed)
    widest = chance.choice([2, 20, tree.key_bytes_max])
    known = {(chance.randbytes(chance.randint(1, widest)), chance.randrange(3)) for _ in range(900)}
    add(tree, sorted(known))
    while known:
        ordered = sorted(known)
        first = chance.randrange(len(ordered))
        gone = ordered[first : first + chance.choice([1, 5, 300, 900])]
        if chance.random() < 0.5:
            gone = sorted(chance.sample(ordered, min(len(ordered), 200)))
        strange = {(key + b"!", row_id) for key, row_id in gone[::3]} - known
        absent = sorted(strange | set(gone))
        ids = np.array([row_id for _, row_id in absent], np.int64)
        places = absent_pairs(tree.pager, tree.root_page, [key for key, _ in absent], ids)
        assert {absent[place] for place in places} == strange
        take_out(tree, absent)
        known -= set(gone)
        assert content(tree) == sorted(known)


def test_pairs_that_are_there_stay_once(tree):
    pairs = [(b"%05d" % i, i) for i in range(0, 600, 2)]
    add(tree, pairs)
    add(tree, [(b"%05d" % i, i) for i in range(600)])
    add(tree, pairs)
    assert content(tree) == [(b"%05d" % i, i) for i in range(600)]


def test_one_key_of_many_rows(tree):
    for first in range(0, 900, 90):
        add(tree, [(b"same", row_id) for row_id in range(first, first + 90)])
    assert tree.lookup(b"same", None) == list(range(900))
    assert present_keys(tree.pager, tree.root_page, [b"sama", b"same", b"samf"]) == [1]


@pytest.mark.parametrize("seed", range(6))
def test_present_keys_are_found_by_both_twins(tree, seed):
    chance = random.Random(seed)
    there = sorted(chance.sample(range(5000), 700))
    add(tree, [(number(i), 1) for i in there])
    for i in chance.sample(there, 300):
        assert tree.delete(0, number(i), 1)
        there.remove(i)
    asked = sorted({*chance.sample(there, 50), *chance.sample(range(6000), 200)})
    keys = [number(i) for i in asked]
    wanted = [place for place, i in enumerate(asked) if i in there]
    assert btree_batch.present_keys(tree.pager, tree.root_page, keys) == wanted
    found = present_keys(tree.pager, tree.root_page, keys)
    assert set(found) >= set(wanted)
    assert len(found) <= len(wanted) + len(list(tree.pages()))


@pytest.mark.parametrize(
    ("keys", "ascending"),
    [
        ([], True),
        ([b"a"], True),
        ([b"a", b"b"], True),
        ([b"a", b"ab"], True),
        ([b"a", b"a"], False),
        ([b"ab", b"a"], False),
        ([b"\x00", b"\xff", b"\x80"], False),
        ([b"a", None], False),
        ([None], False),
    ],
)
def test_ascending(keys, ascending):
    assert is_ascending(keys) is ascending
    assert btree_batch.is_ascending(keys) is ascending


@pytest.mark.parametrize(
    ("row_ids", "ascending"), [([1, 2, 1], True), ([1, 1, 1], False), ([2, 1, 1], False)]
)
def test_pairs_ascending(row_ids, ascending):
    keys = [b"a", b"a", b"b"]
    for twin in (is_ascending, btree_batch.is_ascending):
        assert twin(keys, np.array(row_ids)) is ascending


def test_keys_that_are_too_large_are_refused_before_anything_is_done(tree):
    with pytest.raises(KeyTooLarge):
        add(tree, [(b"a", 1), (b"b" * (tree.key_bytes_max + 1), 2)])
    assert tree.is_empty()


def test_a_full_disk_in_the_middle_leaves_a_whole_tree(tree, monkeypatch):
    add(tree, [(number(i), i) for i in range(200)])
    before = content(tree)
    pager = tree.pager
    allocate, left = pager.allocate, [3]

    def allocate_some(change, count, **how):
        left[0] -= 1
        if left[0] < 0:
            raise MemoryError
        return allocate(change, count, **how)

    monkeypatch.setattr(pager, "allocate", allocate_some)
    with pytest.raises(MemoryError):
        add(tree, [(number(i), i) for i in range(200, 3000)])
    monkeypatch.undo()
    assert content(tree)[: len(before)] == before
    assert insert_sorted(pager, tree.root_page, 0, [number(5000)], np.array([1]), 0) in (0, 1)


@pytest.mark.parametrize("most", [0, 1, 5, 255, 256, 257, 900, 1 << 48])
def test_ids_of_a_key_as_an_array(tree, most):
    add(tree, [(b"same", row_id) for row_id in range(900)] + [(b"sand", 3), (b"sane", 4)])
    for prefix in (b"same", b"sa", b"sane", b"no", b"z"):
        wanted = lookup_prefix(tree.pager, tree.root_page, prefix)[:most]
        for twin in (lookup_ids, btree_search.lookup_ids):
            found = twin(tree.pager, tree.root_page, prefix, most)
            assert found.dtype == np.int64
            assert found.tolist() == wanted


def rows_of(keys):
    return KeyRows(np.array([list(key) for key in keys], np.uint8).reshape(len(keys), -1))


@pytest.mark.parametrize("kernels", [btree_batch, None])
def test_keys_in_a_matrix_are_added_and_taken_out_as_others(tree, kernels, monkeypatch):
    if kernels is not None:
        for name in ("insert_sorted", "delete_sorted"):
            monkeypatch.setattr(btree, name, getattr(kernels, name))
    pairs = [(number(i), i + 1000) for i in range(-900, 900)]
    ids = np.array([row_id for _, row_id in pairs], np.int64)
    every_third = pairs[::3]
    add(tree, every_third)
    tree.insert_many(0, rows_of([key for key, _ in pairs]), ids)
    assert content(tree) == pairs
    taken = slice(100, 1700)
    tree.delete_many(rows_of([key for key, _ in pairs[taken]]), ids[taken])
    assert content(tree) == pairs[:100] + pairs[1700:]


@pytest.mark.parametrize("present", [present_keys, btree_batch.present_keys])
def test_keys_in_a_matrix_are_looked_for_as_others(tree, present):
    add(tree, [(number(i), i) for i in range(0, 900, 3)])
    keys = [number(i) for i in range(900)]
    wanted = list(range(0, 900, 3))
    assert present(tree.pager, tree.root_page, keys) == wanted
    assert present(tree.pager, tree.root_page, rows_of(keys)) == wanted


@pytest.mark.parametrize("ascends", [is_ascending, btree_batch.is_ascending])
def test_the_order_of_keys_in_a_matrix(ascends):
    keys = [number(i) for i in (1, 2, 2, 3)]
    assert ascends(rows_of(keys[:2]))
    assert not ascends(rows_of(keys))
    assert ascends(rows_of(keys), np.array([1, 2, 3, 4]))
    assert not ascends(rows_of(keys), np.array([1, 3, 2, 4]))


def test_keys_in_a_matrix_are_put_in_order():
    keys, ids = rows_of([number(i) for i in (5, -1, 5, 3)]).in_order(np.array([9, 8, 7, 6]))
    assert list(keys) == [number(i) for i in (-1, 3, 5, 5)]
    assert ids.tolist() == [8, 6, 7, 9]
    assert list(keys[1:3]) == [number(3), number(5)]
