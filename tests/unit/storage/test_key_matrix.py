"""Keys of one length: their bytes, their order, and trees built of them."""

import random

import numpy as np
import pytest

from storage import btree_batch
from storage.btree import Tree
from storage.check import check_tree
from storage.engine import Kind, SortedKeys, encode_key, encode_matrix
from storage.fast_paths import pack_leaves
from tests.support.small_engine import small_engine

KINDS = (Kind.INT32, Kind.FLOAT64)


def matrix_of(first, second, descending=(False, False)):
    columns = [np.array(first, np.int32), np.array(second, np.float64)]
    return encode_matrix(columns, [None, None], KINDS, descending)


@pytest.mark.parametrize("descending", [(False, False), (True, False), (False, True)])
def test_the_bytes_are_those_of_single_keys(descending):
    first, second = [1, -7, 0, 2**31 - 1], [0.5, -0.0, float("nan"), float("-inf")]
    matrix = matrix_of(first, second, descending)
    rows = [encode_key(pair, KINDS, descending) for pair in zip(first, second, strict=True)]
    assert [row.tobytes() for row in matrix] == rows


def test_nulls_and_strings_make_no_matrix():
    numbers = np.array([1, 2], np.int32)
    nulls = np.array([False, True])
    assert encode_matrix([numbers], [nulls], KINDS[:1], [False]) is None
    assert encode_matrix([[b"a", b"b"]], [None], [Kind.BYTES], [False]) is None
    assert encode_matrix([numbers], [~nulls & nulls], KINDS[:1], [False]) is not None


@pytest.mark.parametrize("count", [0, 1, 2, 50, 5000])
@pytest.mark.parametrize("values", [1, 7, 10**9])
@pytest.mark.parametrize("width", [1, 2])
def test_a_tree_of_sorted_keys(count, values, width):
    chance = random.Random(count * values)
    first = [chance.randrange(values) for _ in range(count)]
    second = [float(chance.randrange(values)) for _ in range(count)]
    row_ids = chance.sample(range(10 * count + 1), count)
    matrix = matrix_of(first, second)[:, : 5 if width == 1 else None]
    keys = SortedKeys.sort(matrix, np.array(row_ids, np.int64))
    pairs = sorted((row.tobytes(), row_id) for row, row_id in zip(matrix, row_ids, strict=True))
    assert [keys.pair(place) for place in range(count)] == pairs
    repeated = [i for i in range(1, count) if pairs[i][0] == pairs[i - 1][0]]
    assert keys.repeated().tolist() == repeated
    if count:
        tree = built(keys)
        assert [pair for chunk in tree.forward(b"", None) for pair in chunk] == pairs
        assert list(check_tree(tree)) == []


def built(keys):
    engine, _ = small_engine()
    pager = engine.store.pager
    with pager.begin_change(0) as change:
        tree = Tree(pager, pager.allocate(change, 1))
        tree.format(change)
        change.commit()
    tree.build_sorted(0, keys)
    return tree


def test_what_is_in_order_stays_where_it_is():
    matrix = matrix_of([1, 1, 2], [0.0, 0.0, 0.0])
    assert SortedKeys.sort(matrix, np.array([4, 5, 1])).order is not None
    assert SortedKeys.sort(matrix, np.array([4, 5, 6])).order is None
    assert SortedKeys.sort(matrix, np.array([5, 4, 6])).order.tolist() == [1, 0, 2]


@pytest.mark.parametrize("row_ids", [range(100), range(99, -1, -1)])
def test_leaves_are_packed_alike(row_ids):
    keys = SortedKeys.sort(matrix_of(list(row_ids), [1.0] * 100), np.arange(100))
    for first, last in ((0, 100), (10, 55), (99, 100)):
        asked = (1024, keys, first, last, 20, (5, 6, 90))
        assert pack_leaves(*asked) == btree_batch.pack_leaves(*asked)
