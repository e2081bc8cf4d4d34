"""Functions of C's library over arrays, compiled and as specified: to the bit what Python's math has of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from server.vector import c_math, native

COUNTS = [0, 1, 65_535, 65_536, 65_537]
BOTH = pytest.mark.parametrize("functions", [native, c_math])
ODD = np.array([math.nan, math.inf, -math.inf, 0.0, -0.0, -1.5, 2.0, 1e300, -1e300, 5e-324])


@BOTH
@pytest.mark.parametrize("name", c_math.UNARY)
@pytest.mark.parametrize("count", COUNTS)
def test_values_of_the_domain(functions: Any, name: str, count: int) -> None:
    values = np.random.default_rng(count).uniform(1e-9, 1, count)
    found = functions.of_each(name, values)
    assert found.tolist() == [c_math.UNARY[name](value) for value in values.tolist()]


@pytest.mark.parametrize("name", c_math.UNARY)
def test_twins_agree_outside_of_it(name: str) -> None:
    assert np.array_equal(native.of_each(name, ODD), c_math.of_each(name, ODD), equal_nan=True)


@BOTH
@pytest.mark.parametrize("count", COUNTS)
def test_powers(functions: Any, count: int) -> None:
    bases, exponents = np.random.default_rng(count).uniform(0.1, 30, (2, count))
    pairs = zip(bases.tolist(), exponents.tolist(), strict=True)
    assert functions.powers(bases, exponents).tolist() == [math.pow(*pair) for pair in pairs]


@BOTH
@pytest.mark.parametrize("count", COUNTS)
def test_angles(functions: Any, count: int) -> None:
    rises, runs = np.random.default_rng(count).uniform(-30, 30, (2, count))
    pairs = zip(rises.tolist(), runs.tolist(), strict=True)
    assert functions.angles(rises, runs).tolist() == [math.atan2(*pair) for pair in pairs]


def test_twins_agree_about_all_angles() -> None:
    rises, runs = (each.ravel() for each in np.meshgrid(ODD, ODD))
    found = native.angles(rises, runs), c_math.angles(rises, runs)
    assert np.array_equal(*found, equal_nan=True)
    assert np.array_equal(*(np.signbit(each[~np.isnan(each)]) for each in found))


def test_twins_agree_about_all_powers() -> None:
    bases, exponents = (each.ravel() for each in np.meshgrid(ODD, np.append(ODD, [3.0, -3.0])))
    found = native.powers(bases, exponents), c_math.powers(bases, exponents)
    assert np.array_equal(*found, equal_nan=True)
    there = ~np.isnan(found[0])
    assert np.array_equal(*(np.signbit(each[there]) for each in found))
