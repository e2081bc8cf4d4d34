"""Whether the entries of a tree are just those of sorted keys: in every form of leaf, and for any small difference."""

import numpy as np
import pytest

from storage.btree_build import build, build_sorted
from storage.index_check import has_exactly, missing_entries
from storage.key_matrix import KeyMatrix, SortedKeys
from tests.support.small_engine import empty_tree

COUNT = 211
FORMS = {
    "even": lambda number: b"key%06d" % number,
    "few": lambda number: b"key%06d" % (number // 30),
    "uneven": lambda number: b"k%d\0" % number,
}


@pytest.fixture
def tree():
    return empty_tree()


def sorted_keys(pairs):
    """Of pairs in no order, as rows of a table give them."""
    width = max(len(key) for key, _ in pairs)
    lengths = np.array([len(key) for key, _ in pairs], np.int64)
    matrix = np.array([list(key.ljust(width, b"\0")) for key, _ in pairs], np.uint8)
    is_even = bool((lengths == width).all())
    ids = np.array([row_id for _, row_id in pairs], np.int64)
    return SortedKeys.sort(KeyMatrix(matrix, None if is_even else lengths), ids)


def pairs_of(form):
    return [(FORMS[form](number * 7919 % COUNT), number * 65537) for number in range(COUNT)]


def fill(tree, pairs, way):
    if way == "built":
        build_sorted(tree, 0, sorted_keys(pairs))
    elif way == "one by one":
        for key, row_id in pairs:
            tree.insert(0, key, row_id)
    else:  # built, then changed
        build_sorted(tree, 0, sorted_keys([*pairs, (pairs[0][0], 5), (pairs[9][0], 6)]))
        tree.delete(0, pairs[0][0], 5)
        tree.delete(0, pairs[9][0], 6)
        tree.delete(0, *pairs[20])
        tree.insert(0, *pairs[20])


@pytest.mark.parametrize("way", ["built", "one by one", "changed"])
@pytest.mark.parametrize("form", FORMS)
def test_the_same_and_what_differs(tree, form, way):
    pairs = pairs_of(form)
    fill(tree, pairs, way)
    assert has_exactly(tree, sorted_keys(pairs))
    assert list(missing_entries(tree, pairs)) == []
    for place in range(0, COUNT, 60):
        key, row_id = pairs[place]
        for changed in (
            [],
            [(key, row_id + 1)],
            [(key[:-2] + b"~" + key[-1:], row_id)],
            [(key, row_id), (key, row_id + 1)],
        ):
            others = [*pairs[:place], *changed, *pairs[place + 1 :]]
            assert not has_exactly(tree, sorted_keys(others))
            wanted = sorted(set(others) - set(pairs))
            assert list(missing_entries(tree, others)) == wanted


def test_zeros_behind_a_key_are_no_part_of_it(tree):
    build(tree, 0, [(b"a\1", 1), (b"b\1\0", 2)])
    assert has_exactly(tree, sorted_keys([(b"a\1", 1), (b"b\1\0", 2)]))
    assert not has_exactly(tree, sorted_keys([(b"a\1\0", 1), (b"b\1\0", 2)]))
    assert not has_exactly(tree, sorted_keys([(b"a\1", 1), (b"b\1", 2)]))


def test_nothing_at_all(tree):
    nothing = SortedKeys(np.zeros((0, 1), np.uint8), None, np.zeros(0, np.int64), None)
    assert has_exactly(tree, nothing)
    tree.insert(0, b"a", 1)
    assert not has_exactly(tree, nothing)
    tree.delete(0, b"a", 1)
    assert has_exactly(tree, nothing)
    assert not has_exactly(tree, sorted_keys([(b"a", 1)]))
