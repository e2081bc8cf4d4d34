"""Square roots and logarithms of decimals, compiled and as specified."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from server.functions import numeric_math as exact
from server.vector import exact_math, native
from server.vector.exact_math import LEFT, logarithm_table

COUNTS = [0, 1, 65_535, 65_536, 65_537]


def numbers_of(count: int) -> Any:
    """Numbers of all sizes."""
    generator = np.random.default_rng(count)
    return generator.integers(1, 10**18, count) // 10 ** generator.integers(0, 19, count)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("scale", [0, 2, 6, 18])
def test_roots_are_the_specified_ones(count: int, scale: int):
    values = numbers_of(count)
    found = native.square_roots(values, scale, 16)
    expected = exact_math.square_roots(values, scale, 16)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


@pytest.mark.parametrize("count", [*COUNTS[:2], 3000])
@pytest.mark.parametrize("scale", [0, 2, 6, 17])
@pytest.mark.parametrize("base", [0, 10])
def test_logarithms_are_the_specified_ones(count: int, scale: int, base: int):
    values, table = np.maximum(numbers_of(count), 1), logarithm_table(base)
    found = native.logarithms(values, scale, 16, table)
    expected = exact_math.logarithms(values, scale, 16, table)
    there = found[1] != LEFT
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one[there], other[there])
    left = np.abs(values / 10.0**scale - 1) > 0.11
    left &= (values < 1 << exact_math.ARGUMENT_BITS_MAX) & (scale < 15)
    assert np.count_nonzero(~there & left) < 3


@pytest.mark.parametrize("functions", [native, exact_math])
def test_they_are_those_of_the_rows(functions: Any):
    values = np.append(numbers_of(2000), [0, 1, 4, 100, 10**6, 10**18, 99999999])
    values[values < 0] = 0
    for scale in (0, 2, 5):
        scales, roots = functions.square_roots(values, scale, 16)
        for value, shown, root in zip(
            values.tolist(), scales.tolist(), roots.tolist(), strict=True
        ):
            wanted = exact.square_root(Decimal(value).scaleb(-scale))
            assert root == LEFT or str(exact.scaled(root, shown)) == str(wanted)
        above = np.maximum(values, 1)
        for base, row in ((0, exact.natural_logarithm), (10, ten)):
            found = functions.logarithms(above, scale, 16, logarithm_table(base))
            for value, shown, digits in zip(
                *(each.tolist() for each in (above, *found)), strict=True
            ):
                wanted = row(Decimal(value).scaleb(-scale))
                assert digits == LEFT or str(exact.scaled(digits, shown)) == str(wanted)


def ten(value: Decimal) -> Decimal:
    return exact.logarithm(Decimal(10), value)
