"""Trees built at once, keys at the limit, and the compiled twin against the original."""

from itertools import pairwise

import pytest

from storage import btree_build, btree_search
from storage.btree_build import build
from storage.check import check, check_tree
from storage.engine import Engine
from storage.errors import DiskFull, KeyTooLarge
from storage.fast_paths import leaf_cuts, pack_leaf
from tests.support.small_engine import SMALL, empty_tree, small_engine


@pytest.fixture
def tree():
    tree = empty_tree()
    yield tree
    assert list(check_tree(tree)) == []


@pytest.mark.parametrize("count", [0, 1, 50, 5000])
def test_a_tree_built_at_once(tree, count):
    pairs = [(b"%06d" % (i // 3), i) for i in range(count)]
    build(tree, 0, pairs)
    assert [pair for chunk in tree.forward(b"", None) for pair in chunk] == pairs
    assert tree.lookup(b"000001", b"000002") == [i for _, i in pairs[3:6]]
    assert tree.insert(0, b"000001x", 7)
    assert tree.contains(b"000001x", 7)


def test_keys_of_a_third_of_a_page_fit_and_larger_ones_do_not(tree):
    for i in range(30):
        assert tree.insert(0, bytes([i * 7 % 30]) * tree.key_bytes_max, 0)
    with pytest.raises(KeyTooLarge):
        tree.insert(0, b"x" * (tree.key_bytes_max + 1), 0)


def test_leaves_are_packed_alike():
    pairs = [(b"k%04d" % i + b"x" * (i % 90), i * 3) for i in range(500)]
    cuts = btree_search.leaf_cuts(pairs, 900)
    assert leaf_cuts(pairs, 900) == cuts
    for first, last in pairwise(cuts):
        page = btree_search.pack_leaf(1024, pairs, first, last, 5, 6)
        assert pack_leaf(1024, pairs, first, last, 5, 6) == page


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_build_that_was_cut_short_is_taken_back(monkeypatch, levels, is_new):
    engine, files = small_engine()
    pairs = [(b"%06d" % i + b"x" * 100, i) for i in range(3000)]
    making = engine.begin()
    index = making.create_index(7)
    if not is_new:
        making.commit().wait()
    filling = making if is_new else engine.begin()
    inner_pages = btree_build._inner_pages

    def cut(tree, level, entries):
        if level > levels:
            raise DiskFull
        return inner_pages(tree, level, entries)

    monkeypatch.setattr(btree_build, "_inner_pages", cut)
    with pytest.raises(DiskFull):
        index.insert_many(filling, [key for key, _ in pairs], [i for _, i in pairs])
    assert check(engine) == []
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    engine.store.files.unlock()
    recovered = Engine.open(files, SMALL)
    assert check(recovered) == []
    if not is_new:
        assert not list(recovered.index(7).tree.unfinished_pages())


def test_a_build_without_room_is_taken_back_with_its_transaction(monkeypatch):
    engine, _ = small_engine()
    transaction = engine.begin()
    index = transaction.create_index(7)
    transaction.commit().wait()
    filling = engine.begin()
    monkeypatch.setattr(btree_build, "_inner_pages", raise_disk_full)
    with pytest.raises(DiskFull):
        index.insert_many(filling, [b"%06d" % i for i in range(1000)], range(1000))
    filling.abort()
    assert not list(index.tree.unfinished_pages())
    assert check(engine) == []


def raise_disk_full(*_):
    raise DiskFull


def test_what_goes_and_comes_leaves_no_litter(tree):
    for round_no in range(30):
        for i in range(40):
            assert tree.insert(0, b"%d-%d" % (round_no, i), 1)
        for i in range(40):
            assert tree.delete(0, b"%d-%d" % (round_no, i), 1)
    assert tree.is_empty()
    assert len(list(tree.pages())) == 1
