"""Keys in a matrix: their bytes, their order, and trees built of them."""

import random
from decimal import Decimal

import numpy as np
import pytest

from storage import key_matrix, leaf_packing
from storage.btree import Tree
from storage.btree_build import build_parts, build_sorted
from storage.check import check_tree
from storage.engine import KeyMatrix, Kind, PartList, SortedKeys, encode_key, encode_matrix
from storage.errors import KeyTooLarge
from storage.fast_paths import pack_leaves
from tests.support.small_engine import small_engine

KINDS = (Kind.INT32, Kind.FLOAT64)


def matrix_of(first, second, descending=(False, False)):
    columns = [np.array(first, np.int32), np.array(second, np.float64)]
    return encode_matrix(columns, [None, None], KINDS, descending, (False, False))


@pytest.mark.parametrize("descending", [(False, False), (True, False), (False, True)])
def test_the_bytes_are_those_of_single_keys(descending):
    first, second = [1, -7, 0, 2**31 - 1], [0.5, -0.0, float("nan"), float("-inf")]
    matrix = matrix_of(first, second, descending)
    rows = [encode_key(pair, KINDS, descending) for pair in zip(first, second, strict=True)]
    assert keys_of(matrix) == rows


def keys_of(matrix):
    lengths = matrix.each_length().tolist()
    return [row[:length].tobytes() for row, length in zip(matrix.matrix, lengths, strict=True)]


def views_of(values):
    """Strings as a table keeps them."""
    engine, _ = small_engine()
    transaction = engine.begin()
    transaction.create_relation(20000, (Kind.BYTES,))
    relation = engine.relation(20000)
    relation.insert(transaction, [values], [None], len(values))
    return relation.view(transaction.latest_snapshot(), 0).column(0)[0]


MIXED = (Kind.BYTES, Kind.INT32, Kind.BYTES, Kind.INT16)


@pytest.mark.parametrize("flags", [(False,) * 4, (True,) * 4, (True, False, False, True)])
@pytest.mark.parametrize("nulls_first", [False, True])
def test_strings_and_nulls_make_keys_of_several_lengths(flags, nulls_first):
    chance = random.Random(7)
    rows = [
        (b"x" * chance.randrange(15), i - 50, b"\xff" * chance.randrange(3), chance.randrange(9))
        for i in range(100)
    ]
    columns = list(zip(*rows, strict=True))
    given = [
        views_of(list(columns[0])),
        np.array(columns[1], np.int32),
        views_of(list(columns[2])),
        np.array(columns[3], np.int16),
    ]
    nulls = [np.array([chance.random() < 0.2 for _ in rows]) for _ in columns]
    first = (nulls_first,) * 4
    for count in (1, 2, 3, 4):
        matrix = encode_matrix(given[:count], nulls[:count], MIXED, flags, first)
        parts = [
            [None if nulls[n][i] else value for n, value in enumerate(row[:count])]
            for i, row in enumerate(rows)
        ]
        keys = [encode_key(each, MIXED[:count], flags[:count], first[:count]) for each in parts]
        assert keys_of(matrix) == keys
        ordered = SortedKeys.sort(matrix, np.arange(100))
        pairs = sorted((key, i) for i, key in enumerate(keys))
        assert [ordered.pair(place) for place in range(100)] == pairs
        tree = built(ordered)
        assert [pair for chunk in tree.forward(b"", None) for pair in chunk] == pairs
        assert list(check_tree(tree)) == []


def test_matrices_of_several_widths_are_joined():
    first, second = (
        encode_matrix([views_of(values)], [None], MIXED[:1], [False], [False])
        for values in ([b"a", b"bcd"], [b"efghi"])
    )
    joined = KeyMatrix.join([first, second, first])
    assert keys_of(joined) == keys_of(first) + keys_of(second) + keys_of(first)
    plain = matrix_of([1, 2], [0.5, 0.5])
    assert KeyMatrix.join([plain, plain]).lengths is None


def test_long_strings_and_those_with_zeros_make_no_matrix():
    for value in (b"x" * 650, b"a\0b", b"x" * 65):
        views = views_of([b"short"] * 9 + [value])
        assert encode_matrix([views], [None], MIXED[:1], [False], [False]) is None
    assert encode_matrix([[b"a", b"b"]], [None], MIXED[:1], [False], [False]) is None


@pytest.mark.parametrize("count", [0, 1, 2, 50, 5000])
@pytest.mark.parametrize("values", [1, 7, 10**9])
@pytest.mark.parametrize("width", [1, 2])
def test_a_tree_of_sorted_keys(count, values, width):
    chance = random.Random(count * values)
    first = [chance.randrange(values) for _ in range(count)]
    second = [float(chance.randrange(values)) for _ in range(count)]
    row_ids = chance.sample(range(10 * count + 1), count)
    matrix = KeyMatrix(matrix_of(first, second).matrix[:, : 5 if width == 1 else None])
    keys = SortedKeys.sort(matrix, np.array(row_ids, np.int64))
    pairs = sorted(
        (row.tobytes(), row_id) for row, row_id in zip(matrix.matrix, row_ids, strict=True)
    )
    assert [keys.pair(place) for place in range(count)] == pairs
    repeated = [i for i in range(1, count) if pairs[i][0] == pairs[i - 1][0]]
    assert keys.repeated().tolist() == repeated
    if count:
        tree = built(keys)
        assert [pair for chunk in tree.forward(b"", None) for pair in chunk] == pairs
        assert list(check_tree(tree)) == []


@pytest.mark.parametrize("part", [700, 1100, 5000])
def test_a_tree_of_sorted_keys_in_parts(part):
    keys = [b"%06d" % (number // 3) for number in range(5000)]
    ids = np.arange(5000)
    parts = [
        SortedKeys(
            np.frombuffer(b"".join(keys[start : start + part]), np.uint8).reshape(-1, 6),
            None,
            ids[start : start + part],
            None,
        )
        for start in range(0, 5000, part)
    ]
    tree = empty_tree()
    build_parts(tree, 0, parts)
    found = [pair for chunk in tree.forward(b"", None) for pair in chunk]
    assert found == list(zip(keys, range(5000), strict=True))
    assert list(check_tree(tree)) == []


def empty_tree():
    engine, _ = small_engine()
    pager = engine.store.pager
    with pager.begin_change(0) as change:
        tree = Tree(pager, pager.allocate(change, 1))
        tree.format(change)
        change.commit()
    return tree


def built(keys, between=None):
    tree = empty_tree()
    build_sorted(tree, 0, keys, between)
    return tree


def test_what_is_in_order_stays_where_it_is():
    matrix = matrix_of([1, 1, 2], [0.0, 0.0, 0.0])
    assert SortedKeys.sort(matrix, np.array([4, 5, 1])).order is not None
    assert SortedKeys.sort(matrix, np.array([4, 5, 6])).order is None
    assert SortedKeys.sort(matrix, np.array([5, 4, 6])).order.tolist() == [1, 0, 2]


@pytest.mark.parametrize("row_ids", [range(100), range(99, -1, -1)])
def test_leaves_are_packed_alike(row_ids):
    keys = SortedKeys.sort(matrix_of(list(row_ids), [1.0] * 100), np.arange(100))
    for cuts in ([0, 20, 40, 60, 80, 100], [10, 30, 50, 55], [99, 100]):
        asked = (1024, keys, np.array(cuts), (5, 6, 90))
        assert pack_leaves(*asked) == leaf_packing.pack_leaves(*asked)


def strings_of(count, longest):
    """Strings of which many begin alike, some are the same, and lengths differ."""
    chance = random.Random(count)
    return [
        b"the same beginning" + b"%d" % chance.randrange(count) * chance.randrange(1, longest)
        for _ in range(count)
    ]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("longest", [2, 9, 60])
@pytest.mark.parametrize("ids_ascend", [True, False])
def test_strings_that_begin_alike_are_sorted_by_what_follows(descending, longest, ids_ascend):
    strings = strings_of(700, longest)
    row_ids = np.arange(700) if ids_ascend else np.arange(700)[::-1].copy()
    matrix = encode_matrix(
        [PartList(strings)], [None], (Kind.BYTES,), [descending], [False]
    ) or encode_matrix(
        [PartList([each[-40:] for each in strings])], [None], (Kind.BYTES,), [descending], [False]
    )
    pairs = sorted(zip(keys_of(matrix), row_ids.tolist(), strict=True))
    ordered = SortedKeys.sort(matrix, row_ids)
    assert [ordered.pair(place) for place in range(700)] == pairs
    repeated = [i for i in range(1, 700) if pairs[i][0] == pairs[i - 1][0]]
    assert ordered.repeated().tolist() == repeated
    assert ordered.row_ids_at(ordered.repeated()).tolist() == [pairs[i][1] for i in repeated]


LISTS = [
    (Kind.BYTES, [b"a", b"", b"long " * 9, b"a"]),
    (Kind.BYTES, [b"a", b"", b"with \0 inside", b"a"]),
    (Kind.BYTES, [Decimal("1.50"), Decimal(-3), Decimal("NaN"), Decimal(0)]),
    (Kind.INT64, [3, -4, 2**62, 3]),
    (Kind.FLOAT64, [3.5, -4.0, float("inf"), 0.0]),
    (Kind.FIXED16, [bytes([i] * 16) for i in (5, 3, 9, 5)]),
]


@pytest.mark.parametrize(("kind", "parts"), LISTS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("null", [None, [False, True, False, False], [True] * 4])
def test_parts_in_a_list_make_the_same_keys(kind, parts, descending, null):
    mask = None if null is None else np.array(null)
    found = encode_matrix([PartList(parts)], [mask], [kind], [descending], [True])
    given = [None if null and null[i] else part for i, part in enumerate(parts)]
    assert keys_of(found) == [encode_key([each], [kind], [descending], [True]) for each in given]


def test_no_rows_make_a_matrix_of_no_rows():
    for kind, parts in LISTS:
        found = encode_matrix([PartList(parts[:0])], [None], [kind], [False], [False])
        assert len(found) == 0


def test_long_keys_are_a_matrix_where_few_bytes_are_zeros():
    long = [b"x" * (300 + i) for i in range(20)]
    found = encode_matrix([PartList(long)], [None], [Kind.BYTES], [False], [False])
    assert keys_of(found) == [encode_key([each], [Kind.BYTES]) for each in long]
    mixed = [b"short"] * 60 + long
    assert encode_matrix([PartList(mixed)], [None], [Kind.BYTES], [False], [False]) is None


def test_what_would_be_mostly_zeros_is_not_joined(monkeypatch):
    monkeypatch.setattr(key_matrix, "MATRIX_BYTES_MAX", 1000)
    short, long = KeyMatrix(np.ones((10, 5), np.uint8)), KeyMatrix(np.ones((1, 300), np.uint8))
    assert KeyMatrix.join([short, long]) is None
    assert KeyMatrix.join([short] * 30) is not None


def test_a_key_that_is_too_long_is_refused():
    tree = built(SortedKeys.sort(KeyMatrix(np.ones((3, 4), np.uint8)), np.arange(3)))
    matrix = np.ones((100, tree.key_bytes_max + 1), np.uint8)
    with pytest.raises(KeyTooLarge):
        built(SortedKeys.sort(KeyMatrix(matrix), np.arange(100)))


def test_between_the_portions_of_a_build_it_is_asked_whether_to_go_on():
    keys = np.arange(200000, dtype=">u8").view(np.uint8).reshape(-1, 8)
    calls = []
    built(SortedKeys.sort(KeyMatrix(keys), np.arange(200000)), lambda: calls.append(1))
    assert calls
