"""The summary of a page says what its parsed entries say, of every form of page, and tells damage."""

import random

import numpy as np
import pytest

from storage.btree_build import build
from storage.btree_page import Entry, Node
from storage.check import check_tree
from storage.errors import Corruption
from storage.page_summary import summarise
from tests.support.small_engine import empty_tree

ROW_MAX = (1 << 48) - 1
KEYS = {
    "even": lambda number: b"common%06d" % number,
    "alike": lambda number: b"same",
    "uneven": lambda number: b"k%d" % number,
    "empty": lambda number: b"",
    "wide": lambda number: b"\xff" * (number % 3) + number.to_bytes(4),
}


@pytest.fixture
def tree():
    return empty_tree()


def write(tree, node):
    start = node.page_no * tree.page_bytes
    tree.pager.store[start : start + tree.page_bytes] = np.frombuffer(
        node.pack(tree.page_bytes), np.uint8
    )


def entries_of(form, count, level=0):
    source = random.Random(count)
    pairs = {(KEYS[form](source.randrange(10**6)), source.randrange(ROW_MAX)) for _ in range(count)}
    return [Entry(*pair, 7 if level else 0) for pair in sorted(pairs)]


@pytest.mark.parametrize("count", [1, 2, 20])
@pytest.mark.parametrize(
    ("form", "level", "is_even"),
    [(form, 0, False) for form in KEYS]
    + [("even", 0, True), ("alike", 0, True), ("uneven", 1, False)],
)
def test_a_page_in_order_and_out_of_it(tree, form, level, is_even, count):
    entries = entries_of(form, count, level)
    write(tree, Node(tree.root_page, level, 3, 4, entries, is_even))
    page = summarise(tree.pager, tree.root_page)
    ordered = [entry[:2] for entry in entries[level:]]
    assert (page.level, page.left, page.right, page.is_empty) == (level, 3, 4, False)
    assert (page.first, page.last) == ((ordered[0], ordered[-1]) if ordered else (None, None))
    assert page.is_ascending
    if level:
        assert list(page.entries) == entries
    else:
        assert page.row_ids.tolist() == [row_id for _, row_id in ordered]
    for place in range(level, count - 1):
        for changed in (entries[place + 1], entries[place]):  # two that changed places, one twice
            spoiled = list(entries)
            spoiled[place], spoiled[place + 1] = changed, entries[place]
            write(tree, Node(tree.root_page, level, 0, 0, spoiled, is_even))
            assert not summarise(tree.pager, tree.root_page).is_ascending


def test_bounds(tree):
    write(tree, Node(tree.root_page, 0, 0, 0, [Entry(b"b", 2), Entry(b"c", 3)]))
    page = summarise(tree.pager, tree.root_page)
    for low, high, is_within in (
        (None, None, True),
        ((b"b", 2), (b"c", 4), True),
        ((b"b", 3), None, False),
        (None, (b"c", 3), False),
    ):
        assert page.is_within(low, high) is is_within


def test_an_empty_page(tree):
    page = summarise(tree.pager, tree.root_page)
    assert (page.is_empty, page.first, page.last, page.is_ascending) == (True, None, None, True)
    assert page.is_within((b"a", 1), (b"b", 2))


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("is_even", [False, True])
def test_whatever_the_bytes_are(tree, level, is_even):
    """A page with the right checksum may have been written wrongly."""
    source = random.Random(level)
    first = tree.root_page * tree.page_bytes
    for _ in range(300):
        write(tree, Node(tree.root_page, level, 0, 0, entries_of("even", 20, level)))
        if is_even and not level:
            write(tree, Node(tree.root_page, 0, 0, 0, entries_of("even", 20), is_even=True))
        for _ in range(source.randrange(1, 6)):
            place = first + source.randrange(2, 140)
            tree.pager.store[place] = source.randrange(256)
        try:
            summarise(tree.pager, tree.root_page)
        except Corruption as error:
            assert "entries outside of the page" in str(error)  # noqa: PT017


@pytest.mark.parametrize("level", [1, 2])
def test_a_page_that_leads_to_itself(tree, level):
    write(tree, Node(tree.root_page, level, 0, 0, [Entry(b"a", 1, tree.root_page)]))
    assert f"page {tree.root_page} has level {level}, not {level - 1}" in list(check_tree(tree))


def test_the_pages_of_a_tree(tree):
    assert tree.page_nos() == [tree.root_page]
    build(tree, 0, [(b"%06d" % number, number) for number in range(20_000)])
    assert sorted(tree.page_nos()) == sorted(node.page_no for node in tree.pages())
    assert list(check_tree(tree)) == []
