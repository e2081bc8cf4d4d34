"""Columns of timestamps against timestamps one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.functions import fields
from server.functions.date_columns import finite, of_days, truncation_kernel
from server.functions.instants import INFINITE
from server.vector.column import Column
from server.vector.rows import constant_column

UNITS = "microseconds milliseconds second minute hour day week month quarter year decade"


@pytest.mark.parametrize("name", UNITS.split())
def test_starts_of_units(name: str):
    moments = np.random.default_rng(1).integers(-(10**17), 10**17, 500)
    names = constant_column(name, np.dtype(object), len(moments))
    context: Any = None
    found = truncation_kernel(context, names, Column(moments), count=len(moments))
    unit = fields.ALIASES[name]
    assert found.values.tolist() == [
        fields.truncate_timestamp(us, unit, name, "timestamp") for us in moments.tolist()
    ]


DAYS = [
    np.zeros(0, np.int32),
    np.array([7], np.int32),
    np.arange(1023, dtype=np.int32),
    np.arange(65_535, dtype=np.int32) % 400 - 200,
    np.arange(65_536, dtype=np.int32) * 11 % 3000,
    np.arange(65_537, dtype=np.int32),
]


@pytest.mark.parametrize("days", DAYS)
def test_the_calendar_is_asked_once_a_day(days: Any):
    asked: list[int] = []

    def compute(given: Any) -> Any:
        asked.append(len(given))
        return given * 3 + 1

    assert np.array_equal(of_days(compute, days), days * 3 + 1)
    distinct = int(np.ptp(days)) + 1 if len(days) else 0
    assert asked == [distinct if 4 * distinct <= len(days) and len(days) >= 1024 else len(days)]


def test_what_is_finite():
    moments = Column(
        np.array([0, INFINITE[0], 5, INFINITE[1]]), np.array([True, True, False, True])
    )
    context: Any = None
    found = finite(INFINITE)(context, moments, count=4)
    assert found.values.tolist() == [True, False, True, False]
    assert found.valid is moments.valid
