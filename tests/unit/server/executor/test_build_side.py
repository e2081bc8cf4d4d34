"""BuildSide: one pair says it all about a row of a semi or anti join, whichever side has the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from server.executor import build_side
from server.executor.build_side import BuildSide
from server.types.registry import TYPE_BY_OID
from server.vector.rows import column_of

if TYPE_CHECKING:
    from server.vector.column import Column

SIZES = (0, 1, 65_535, 65_536, 65_537)
INTEGER, TEXT = TYPE_BY_OID[23], TYPE_BY_OID[25]


def keys(numbers: np.ndarray, *, texts: bool) -> Column:
    """Keys of few values, every seventh of them NULL."""
    values = [None if number % 7 == 3 else int(number) for number in numbers.tolist()]
    if texts:
        return column_of([None if v is None else f"key {v}" for v in values], np.dtype(object))
    return column_of(values, np.dtype(np.int32))


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("count", SIZES)
def test_one_pair_each(count: int, texts: bool) -> None:
    right = keys(np.arange(count) % 50, texts=texts)
    side = BuildSide([right], [TEXT if texts else INTEGER], count)
    left = keys(np.arange(200) % 100, texts=texts)
    lefts: list[int] = []
    for found, partners in side.first_pairs([left], 200):
        lefts += found.tolist()
        assert partners.tolist() == [at % 100 for at in found.tolist()]
    there = min(count, 50)
    assert lefts == [at for at in range(200) if at % 100 < there and at % 100 % 7 != 3]


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("count", SIZES)
def test_rows_of_each_key_once(count: int, texts: bool) -> None:
    right = keys(np.arange(count) % 50, texts=texts)
    side = BuildSide([right], [TEXT if texts else INTEGER], count)
    left = keys(np.arange(300) % 30, texts=texts)
    met: list[int] = []
    for part in (left.slice(0, 100), left.slice(100, 300), left.slice(0, 0)):
        for found, partners in side.newly_met([part], len(part)):
            assert len(found) == len(partners)
            met += partners.tolist()
    assert sorted(met) == [at for at in range(count) if at % 50 < 30 and at % 50 % 7 != 3]


@pytest.mark.parametrize("pairs_max", [1 << 18, 1000])
@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("count", SIZES)
def test_rows_whose_keys_are_their_own(
    count: int, texts: bool, pairs_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_side, "PAIRS_MAX", pairs_max)
    right = keys(np.arange(count)[::-1], texts=texts)
    side = BuildSide([right], [TEXT if texts else INTEGER], count)
    left = keys(np.arange(3000) % 1500 * 50, texts=texts)
    expected = [
        (at, count - 1 - key)
        for at, key in enumerate((np.arange(3000) % 1500 * 50).tolist())
        if key < count and key % 7 != 3
    ]
    for pairs in (side.pairs([left], 3000), side.first_pairs([left], 3000)):
        found = [pair for lefts, rights in pairs for pair in zip(lefts, rights, strict=True)]
        assert found == expected
