"""Mathematics on columns of floats gives what rows give: values to the bit, NULLs, and errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from server.errors import SqlError
from server.functions import float_math
from server.functions.scaled import by_rows
from server.vector.column import Column
from server.vector.rows import values_of

FLOAT = np.dtype(np.float64)
FUNCTIONS = [function for function in float_math.FUNCTIONS if function.kernel is not None]
SETS: list[list[float]] = [
    [],
    [0.5],
    [0.0, -0.0, 0.25, 1.0],
    [-1.0, -0.5],
    [math.nan, 1.0, math.inf],
    [-math.inf, 3.0],
    [2.0, 709.0, 710.0],
    [-745.0, -746.0, 0.1],
    [1e200, 3.5, 17.25],
]


def outcome(compute: Any) -> Any:
    """What a call gives, or its error."""
    try:
        return [None if v is None else (v, math.copysign(1, v)) for v in values_of(compute())]
    except SqlError as error:
        return error.sqlstate, str(error)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: f"{each.name} {each.oid}")
def test_as_row_by_row(function: Any, masked: bool) -> None:
    for values in SETS:
        for other in SETS:
            count = min(len(values), len(other)) if len(function.arguments) == 2 else len(values)
            valid = np.arange(count) % 2 == 0 if masked else None
            taken = (values, other)[: len(function.arguments)]
            columns = [Column(np.array(each[:count], FLOAT), valid) for each in taken]
            found = outcome(lambda: function.kernel(None, *columns, count=count))  # noqa: B023
            wanted = outcome(lambda: by_rows(function.row, columns, FLOAT))  # noqa: B023
            assert str(found) == str(wanted)
            if len(function.arguments) == 1:
                break
