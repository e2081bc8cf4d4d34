"""Orders and ranks, compiled and as specified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.executor import native, ordering
from server.vector.text_views import views_of

COUNTS = [0, 1, 2, 25, 65_535, 65_536, 65_537]


def arrays_of(count: int) -> list[Any]:
    rng = np.random.default_rng(count)
    bounds = np.iinfo(np.int64)
    wide = rng.integers(bounds.min, bounds.max, count, endpoint=True)
    wide[: min(count, 2)] = [bounds.min, bounds.max][: min(count, 2)]
    return [
        rng.random(count) < 0.5,
        rng.integers(-3, 3, count),
        rng.integers(0, 1 << 40, count) // (1 << 38),
        np.full(count, 7),
        wide,
    ]


@pytest.mark.parametrize("count", COUNTS)
def test_orders_are_those_of_lexsort(count: int):
    arrays = arrays_of(count)
    for chosen in (arrays, arrays[:1], arrays[1:3], arrays[3:4], arrays[4:], arrays[::-1]):
        assert np.array_equal(native.ordered_rows(chosen), ordering.ordered_rows(chosen))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("bits", [1, 11, 38, 47, 48, 49, 62])
def test_keys_of_few_bits_are_sorted_with_their_rows(count: int, bits: int):
    rng = np.random.default_rng(bits)
    for keys in (
        rng.integers(-(1 << bits - 1), 1 << bits - 1, count),
        rng.integers(0, 3, count) << (bits - 1),
    ):
        assert np.array_equal(native.ordered_rows([keys]), ordering.ordered_rows([keys]))


@pytest.mark.parametrize("length", [1, 8, 9, 12, 13, 30])
@pytest.mark.parametrize("count", [0, 1, 2, 300, 5000])
def test_ranks_of_texts_order_as_their_bytes(length: int, count: int):
    rng = np.random.default_rng(count + length)
    letters = np.array(list("abé"))
    texts = [
        "http://x"[: rng.integers(0, 9)]
        + "".join(letters[rng.integers(0, 3, rng.integers(0, length))])
        for _ in range(count)
    ]
    raw = [text.encode() for text in texts]
    store, views = views_of(raw)
    found = native.text_ranks(store, views)
    specified = ordering.text_ranks(store, views)
    assert np.array_equal(np.argsort(found, kind="stable"), np.argsort(specified, kind="stable"))
    assert len(np.unique(found)) == len(set(raw))
    assert [raw[row] for row in np.argsort(found, kind="stable")] == sorted(raw)
