"""Pages are faulted in beside those who store into them, and hold what they have held before."""

import importlib

import numpy as np
import pytest

PAGES = 4096
TWINS = ["storage.ahead", "storage.native.ahead"]


@pytest.mark.parametrize("twin", TWINS)
def test_bytes_stay(twin):
    store = np.zeros(64 * PAGES, np.uint8)
    store[::100] = 7
    before = store.copy()
    ahead = importlib.import_module(twin).Ahead(store)
    ahead.ask(0, 16 * PAGES)
    ahead.ask(16 * PAGES, 48 * PAGES)
    store[5] = 9
    before[5] = 9
    ahead.close()
    ahead.ask(0, PAGES)  # nobody is there any more
    ahead.close()
    assert (store == before).all()
