"""Means of many sums are the quotients of numeric division, digit by digit."""

from __future__ import annotations

import numpy as np
import pytest

from server.functions import numeric_math as exact
from server.functions.means import means
from server.functions.quotients import means_in_words
from server.functions.sums import averages_of
from server.vector.rows import values_of

EDGES = [0, 1, -1, 9, 10, 9999, 10_000, 10_001, -99_999_999, 10**18, 2**63 - 1, -(2**63) + 1]


def quotients(sums: list[int], counts: list[int], scale: int) -> list[str]:
    pairs = zip(sums, counts, strict=True)
    return [str(exact.divide(exact.scaled(s, scale), exact.scaled(c, 0))) for s, c in pairs]


@pytest.mark.parametrize("scale", [0, 1, 2, 4, 5, 17, 18])
@pytest.mark.parametrize("last", [[], [-(2**63)]], ids=["", "least"])
def test_digits_are_those_of_the_division(scale: int, last: list[int]):
    rng = np.random.default_rng(scale)
    spread = (10 ** rng.uniform(0, 18, 200)).astype(np.int64) * rng.choice([-1, 1], 200)
    sums = [edge for edge in EDGES for _ in EDGES] + spread.tolist() + last
    counts = [max(abs(edge), 1) for _ in EDGES for edge in EDGES]
    counts += (10 ** rng.uniform(0, 9, len(sums) - len(counts))).astype(np.int64).tolist()
    found = means(np.array(sums, np.int64), np.array(counts, np.int64), scale)
    assert [str(value) for value in found] == quotients(sums, counts, scale)


def test_groups_without_rows_are_null():
    column = averages_of(np.array([0, 10, 0]), np.array([0, 4, 2]), 1)
    assert column.validity().tolist() == [False, True, True]
    assert [str(value) for value in column.values[1:]] == quotients([10, 0], [4, 2], 1)
    assert len(averages_of(np.zeros(0, np.int64), np.zeros(0, np.int64), 2).values) == 0


@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("fewest", [0, 1], ids=["with NULLs", "without NULLs"])
def test_means_in_words_are_the_same(rows: int, fewest: int):
    rng = np.random.default_rng(rows)
    sums = rng.integers(-(10**9), 10**9, rows)
    late = averages_of(sums, rng.integers(fewest, 900, rows), 2)
    found = means_in_words(late)
    assert list(map(str, values_of(found))) == list(map(str, values_of(late)))
    assert (found is late) == (rows == 0)
    taken = late.take(np.arange(-1, rows))  # as an outer join does
    assert values_of(means_in_words(taken)) == [None, *values_of(late)]
    least = averages_of(np.array([-(2**63)]), np.array([3]), 2)
    assert means_in_words(least) is least
