"""Columns of timestamps against timestamps one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.functions import fields
from server.functions.date_columns import truncation_kernel
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
