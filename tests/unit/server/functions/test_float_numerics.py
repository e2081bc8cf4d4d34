"""Floats rounded to numerics of a scale: the same as their decimals rounded, however close to the middle."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import numpy as np
import pytest

from server.functions import numeric_math as exact
from server.functions.float_numerics import FloatNumerics, rounded_floats
from server.vector.column import Column
from server.vector.late import LateColumn
from server.vector.rows import values_of

CHANCE = Random(3)
FLOATS = [
    *(0.0, -0.0, 0.5, -0.5, 1.5, 2.675, 1.005, -1.005, 0.125, 1e-300, 12345678.125, 4e8, 1e12),
    *(CHANCE.uniform(-1000, 1000) for _ in range(300)),
    *(round(CHANCE.uniform(-1000, 1000), 3) for _ in range(300)),
    *(CHANCE.randrange(100_000) / 7 for _ in range(300)),
]


@pytest.mark.parametrize("digits", [6, 15])
@pytest.mark.parametrize("scale", [0, 1, 2, 3])
def test_rounded(digits: int, scale: int):
    make = FloatNumerics(digits)
    found = rounded_floats(LateColumn((np.array(FLOATS),), make), scale)
    assert found is not None
    assert found.scale == scale
    wanted = [exact.round_scale(make.convert(value), scale) for value in FLOATS]
    assert list(map(str, values_of(found))) == list(map(str, wanted))


def test_null_rows_are_not_looked_at():
    floats, valid = np.array([np.nan, 2.5]), np.array([False, True])
    found = rounded_floats(LateColumn((floats,), FloatNumerics(15), valid), 0)
    assert found is not None
    assert values_of(found) == [None, Decimal(3)]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e17])
def test_what_is_no_integer_of_the_scale_is_left_to_decimals(value: float):
    assert rounded_floats(LateColumn((np.array([value]),), FloatNumerics(15)), 2) is None
    assert rounded_floats(Column(np.array([1]), None, 0), 2) is None
