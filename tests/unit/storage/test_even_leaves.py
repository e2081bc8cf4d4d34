"""Even leaves: half the size of others, made by builds of keys of one length, changed like any others."""

import random

import numpy as np
import pytest

from storage import leaf_packing
from storage.btree_build import build_sorted
from storage.btree_page import read_node
from storage.check import check_tree
from storage.fast_paths import (
    absent_pairs,
    even_cuts,
    ids_between,
    lookup_ids,
    lookup_prefix,
    pack_leaves,
    pairs_between,
    present_keys,
)
from storage.key_matrix import KeyMatrix, SortedKeys
from tests.support.small_engine import empty_tree

ROW_MAX = (1 << 48) - 1


@pytest.fixture
def tree():
    tree = empty_tree()
    yield tree
    assert list(check_tree(tree)) == []


def matrix_of(pairs):
    keys = np.array([list(key) for key, _ in pairs], np.uint8)
    ids = np.array([row_id for _, row_id in pairs], np.int64)
    return SortedKeys.sort(KeyMatrix(keys), ids)


def pairs_of(count, alike=1, seed=1):
    """Pairs in no order; so many of each key."""
    source = random.Random(seed)
    pairs = [(b"k%06d" % (i // alike * 37), source.randrange(ROW_MAX)) for i in range(count)]
    source.shuffle(pairs)
    return pairs


def leaves(tree):
    return [node for node in tree.pages() if not node.level]


def content(tree):
    return [pair for chunk in tree.forward(b"", None) for pair in chunk]


@pytest.mark.parametrize("alike", [1, 5, 400])
def test_what_was_built_is_found(tree, alike):
    pairs = pairs_of(3000, alike)
    build_sorted(tree, 0, matrix_of(pairs))
    pairs.sort()
    assert all(leaf.is_even for leaf in leaves(tree))
    assert content(tree) == pairs
    assert [pair for chunk in tree.backward(b"", None) for pair in chunk] == pairs[::-1]
    pager, root = tree.pager, tree.root_page
    for key, row_id in pairs[::101]:
        found = [other for same, other in pairs if same == key]
        assert tree.contains(key, row_id)
        assert not tree.contains(key, row_id ^ 1)
        assert lookup_prefix(pager, root, key) == found
        assert (
            lookup_ids(pager, root, key[:-1], 1000).tolist()
            == [other for same, other in pairs if same[:-1] == key[:-1]][:1000]
        )
        assert not lookup_prefix(pager, root, key + b"0")
        assert tree.lookup(key, key + b"0") == found
    for low, high in ((b"", b"x"), (b"k000100", b"k02"), (b"k00", b"k00555500"), (b"l", b"m")):
        inside = [pair for pair in pairs if (low, 0) <= pair < (high, 0)]
        for backward in (False, True):
            expected = inside[::-1] if backward else inside
            bounds = (low, 0), (high, 0)
            found, end = pairs_between(pager, root, *bounds, 50, backward=backward)
            assert found == expected[:50]
            if len(expected) > 50:
                assert end == (found[-1] if backward else expected[50])
            ids, _ = ids_between(pager, root, *bounds, 50, backward=backward)
            assert ids == [row_id for _, row_id in found]


def test_batches_of_keys_are_looked_for(tree):
    pairs = sorted(pairs_of(1000))
    build_sorted(tree, 0, matrix_of(pairs))
    keys = [key for key, _ in pairs]
    pager, root = tree.pager, tree.root_page
    assert present_keys(pager, root, keys) == list(range(1000))
    others = [key[:-1] + b"x" for key in keys[::30]]
    assert present_keys(pager, root, others) == []
    assert present_keys(pager, root, [b"j", b"k", b"k000000000", b"z"]) == [1]
    ids = np.array([row_id ^ (i % 2) for i, (_, row_id) in enumerate(pairs)], np.int64)
    assert absent_pairs(pager, root, keys, ids) == list(range(1, 1000, 2))


@pytest.mark.parametrize("seed", range(6))
def test_changes_anywhere(tree, seed):
    source = random.Random(seed)
    pairs = pairs_of(2000, 1 + seed * 3, seed)
    build_sorted(tree, 0, matrix_of(pairs))
    there = set(pairs)
    for _ in range(150):
        what = source.randrange(4)
        some = sorted(source.sample(sorted(there), min(len(there), source.choice((1, 3, 200)))))
        if what == 0:
            for key, _ in some[:3]:
                new = (key + source.choice((b"", b"", b"more")), source.randrange(ROW_MAX))
                assert tree.insert(0, *new) == (new not in there)
                assert not tree.insert(0, *new)
                there.add(new)
        elif what == 1:
            for pair in some[:3]:
                assert tree.delete(0, *pair)
                assert not tree.delete(0, *pair)
                there.discard(pair)
        elif what == 2:
            new = sorted((key, source.randrange(ROW_MAX)) for key, _ in some)
            tree.insert_many(0, [key for key, _ in new], np.array([row for _, row in new]))
            there.update(new)
        else:
            tree.delete_many([key for key, _ in some], np.array([row for _, row in some]))
            there.difference_update(some)
    assert content(tree) == sorted(there)
    assert list(check_tree(tree)) == []


def test_all_may_go_and_others_come(tree):
    pairs = sorted(pairs_of(1500))
    build_sorted(tree, 0, matrix_of(pairs))
    tree.delete_many([key for key, _ in pairs], np.array([row_id for _, row_id in pairs]))
    assert content(tree) == []
    assert tree.insert(0, b"k", 1)
    assert content(tree) == [(b"k", 1)]


def test_the_root_may_be_even(tree):
    pairs = sorted(pairs_of(200))
    build_sorted(tree, 0, matrix_of(pairs))
    while len(leaves(tree)) > 1:
        assert tree.delete(0, *pairs.pop())
    assert leaves(tree)[0].page_no == tree.root_page
    assert leaves(tree)[0].is_even
    assert tree.insert(0, *pairs_of(1, seed=7)[0])
    assert len(content(tree)) == len(pairs) + 1


def test_deletion_leaves_a_leaf_even(tree):
    pairs = sorted(pairs_of(1500))
    build_sorted(tree, 0, matrix_of(pairs))
    before = len(list(tree.pages()))
    for pair in pairs[:1000:3]:
        tree.delete(0, *pair)
    gone = [pair for i, pair in enumerate(pairs[:1000]) if i % 3 == 1]
    tree.delete_many([key for key, _ in gone], np.array([row_id for _, row_id in gone]))
    assert all(leaf.is_even for leaf in leaves(tree))
    assert len(list(tree.pages())) <= before


@pytest.mark.parametrize("alike", [1, 9, 700])
def test_leaves_are_packed_alike(alike):
    keys = matrix_of(pairs_of(2000, alike))
    cuts = leaf_packing.even_cuts(keys, 990)
    assert even_cuts(keys, 990).tolist() == cuts.tolist()
    packed = leaf_packing.pack_leaves(1024, keys, cuts, (5, 6, 7))
    assert pack_leaves(1024, keys, cuts, (5, 6, 7)) == packed
    sorted_pairs = [keys.pair(place) for place in range(len(keys))]
    found = []
    for start in range(0, len(packed), 1024):
        node = read_node(np.frombuffer(packed[start : start + 1024], np.uint8), 0)
        found += [entry[:2] for entry in node.entries]
    assert found == sorted_pairs


def test_keys_beside_nulls_are_even_too(tree):
    pairs = [(b"\x01" + b"%06d" % i, i * 5) for i in range(2000)]
    pairs += [(b"\x02", i * 5 + 1) for i in range(1500)]
    matrix = np.zeros((len(pairs), 7), np.uint8)
    for row, (key, _) in enumerate(pairs):
        matrix[row, : len(key)] = list(key)
    lengths = np.array([len(key) for key, _ in pairs], np.int64)
    shuffled = np.random.default_rng(3).permutation(len(pairs))
    ids = np.array([row_id for _, row_id in pairs], np.int64)
    keys = SortedKeys.sort(KeyMatrix(matrix[shuffled], lengths[shuffled]), ids[shuffled])
    build_sorted(tree, 0, keys)
    assert content(tree) == pairs
    assert all(leaf.is_even for leaf in leaves(tree))
    assert len(leaves(tree)) < 40


@pytest.mark.parametrize("width", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("power", [1, 6], ids=["dense", "skewed"])
def test_entries_are_found_wherever_keys_are_dense(tree, width, power):
    source = random.Random(width * power)
    most = 256**width - 1
    numbers = {int(most * source.random() ** power) for _ in range(700)} | {0, most}
    pairs = sorted(
        (number.to_bytes(width, "big"), source.randrange(ROW_MAX))
        for number in numbers
        for _ in "ab"
    )
    build_sorted(tree, 0, matrix_of(pairs))
    pager, root = tree.pager, tree.root_page
    keys = sorted({key for key, _ in pairs})
    for key in keys:
        ids = [row_id for other, row_id in pairs if other == key]
        assert lookup_prefix(pager, root, key) == ids
        for row_id in ids:
            found, _ = pairs_between(
                pager, root, (key, row_id), (b"\xff" * (width + 1), 0), 1, backward=False
            )
            assert found == [(key, row_id)]
    for number in (source.randrange(most) for _ in range(50)):
        key = number.to_bytes(width, "big")
        following = [pair for pair in pairs if pair >= (key, 0)][:1]
        found, _ = pairs_between(
            pager, root, (key, 0), (b"\xff" * (width + 1), 0), 1, backward=False
        )
        assert found == following
