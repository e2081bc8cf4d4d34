"""What a check says of a database whose pages were changed behind its back."""

import numpy as np
import pytest

from storage.check import check
from storage.kinds import Kind
from storage.rowgroup import NEWER
from tests.support.small_engine import small_engine

TABLE = 50
COUNT = 20


@pytest.fixture
def engine():
    engine, _ = small_engine()
    transaction = engine.begin()
    table = transaction.create_relation(TABLE, [Kind.INT64, Kind.BYTES])
    words = [
        b"a word that has its place in the heap, number %d" % number for number in range(COUNT)
    ]
    table.insert(transaction, [np.arange(COUNT), words], [None, None], COUNT)
    transaction.commit().wait()
    assert check(engine) == []
    return engine


def said(engine):
    """What the check says, without where."""
    return " ".join(problem.what for problem in check(engine))


def words_of(engine, column=None):
    """The words of version headers, or of a column's views, to be spoiled."""
    group = engine.relation(TABLE).groups[0]
    if column is None:
        address, count = group.version_address(0), 4 * COUNT
    else:
        address, count = group.value_address(column, 0), 2 * COUNT
    store = engine.store.pager.store
    return store[address : address + 8 * count].view(np.uint64).reshape(COUNT, -1)


def test_a_stamp_of_the_future(engine):
    words_of(engine)[3, 0] += np.uint64(99 << 16)
    assert "row 3: stamped by a transaction of the future" in said(engine)


def test_values_that_share_a_place(engine):
    views = words_of(engine, 1)
    views[4, 1] = views[5, 1] + np.uint64(8)
    assert "has values that overlap" in said(engine)


def test_a_value_that_is_not_in_the_heap(engine):
    words_of(engine, 1)[4, 1] = 8
    assert "has a value outside of its heap" in said(engine)


def test_two_rows_that_lead_to_one_version(engine):
    versions = words_of(engine)
    versions[2, 2] = versions[3, 2] = np.uint64(NEWER | 7)
    found = said(engine)
    assert "row 2: version 7 should be an inner one" in found
    assert "row 3: version 7 is in two chains" in found
    assert "leads on and is not over" in found


def test_a_page_that_nobody_uses(engine):
    with engine.store.pager.begin_change(0) as change:
        engine.store.pager.allocate(change, 1)
        change.commit()
    assert "is in use, by nobody" in said(engine)
