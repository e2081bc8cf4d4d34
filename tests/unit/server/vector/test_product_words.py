"""Products of decimals of two words, compiled and as specified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.vector import native, product_words

BOTH = pytest.mark.parametrize("functions", [native, product_words])
EDGES = np.array([0, 1, -1, 10**9, (1 << 63) - 1, -(1 << 63), 10**18, -(10**18) + 1])


def random_words(count: int, digits: int, seed: int) -> tuple[Any, Any, Any]:
    """First and second words of one sign, and factors."""
    generator = np.random.default_rng(seed)
    firsts = generator.integers(-(10**9), 10**9, count)
    seconds = generator.integers(0, 10**digits, count) * np.where(firsts < 0, -1, 1)
    return firsts, seconds, generator.integers(-(10**9), 10**9, count)


@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("digits", [0, 4, 18])
@pytest.mark.parametrize("made", [2, 18])
def test_twins_agree(count: int, digits: int, made: int):
    firsts, seconds, factors = random_words(count, digits, count + digits)
    for low in (seconds, None):
        found = native.product_words(firsts, low, digits, factors, made)
        expected = product_words.product_words(firsts, low, digits, factors, made)
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            for one, other in zip(found, expected, strict=True):
                assert one.dtype == other.dtype
                assert np.array_equal(one, other)


@BOTH
def test_all_digits_are_kept(functions: Any):
    firsts, seconds, factors = random_words(1000, 16, 5)
    uppers, lowers = functions.product_words(firsts, seconds, 16, factors, 18)
    whole = zip(firsts, seconds, factors, uppers, lowers, strict=True)
    for first, second, factor, upper, lower in whole:
        number = (int(first) * 10**16 + int(second)) * int(factor)
        assert int(upper) * 10**18 + int(lower) == number
        assert abs(int(lower)) < 10**18


@BOTH
@pytest.mark.parametrize("made", [0, 1, 18])
def test_what_a_first_word_does_not_hold_is_not_told(functions: Any, made: int):
    for one in EDGES.tolist():
        for other in EDGES.tolist():
            found = functions.product_words(np.array([one]), None, 0, np.array([other]), made)
            fits = abs(one * other) // 10**made < 1 << 63
            assert (found is not None) == fits
            if found is not None:
                assert int(found[0][0]) * 10**made + int(found[1][0]) == one * other


@BOTH
def test_products_of_a_hundred_and_ninety_bits_are_too_large(functions: Any):
    first = np.array([1 << 62, 7])
    assert functions.product_words(first, np.array([5, 1]), 18, np.array([1 << 62, 1]), 18) is None
