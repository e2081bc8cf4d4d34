"""Rows of window frames, compiled and as specified, and bounds of RANGE frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.executor import frame_rows, native
from server.executor.range_bounds import compared_values
from server.types.interval_style import Interval
from server.vector.column import Column

COUNTS = [0, 1, 2, 300]
LARGE = [65_535, 65_536, 65_537]


def frames_of(count: int, kind: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(count)
    rows = np.arange(count)
    partition = rows // 37 * 37
    end = np.minimum(partition + 37, count)
    if kind == "growing":
        return partition, rows + 1
    if kind == "sliding":
        return np.maximum(rows - 5, partition), np.minimum(rows + 3, end)
    if kind == "ahead":
        return np.maximum(rows + 4, partition), np.minimum(rows + 9, end)
    return rng.integers(0, count + 1, count), rng.integers(0, count + 1, count)


@pytest.mark.parametrize("kind", ["growing", "sliding", "ahead", "any"])
@pytest.mark.parametrize("has_nulls", [False, True])
@pytest.mark.parametrize("count", COUNTS)
def test_best_rows_and_sums_of_frames(count: int, has_nulls: bool, kind: str):
    rng = np.random.default_rng(count)
    keys, starts_and_stops = rng.integers(-9, 9, count), frames_of(count, kind)
    valid = rng.random(count) < 0.7 if has_nulls else None
    for greatest in (False, True):
        found, specified = (
            twin.extreme_rows(keys, valid, *starts_and_stops, greatest)
            for twin in (native, frame_rows)
        )
        assert np.array_equal(found, specified)
    floats = rng.random(count)
    found, specified = (
        twin.float_sums(floats, valid, *starts_and_stops) for twin in (native, frame_rows)
    )
    assert np.array_equal(found, specified)


@pytest.mark.parametrize("count", LARGE)
def test_running_extremes_and_sums_of_many_rows(count: int):
    values = np.random.default_rng(count).integers(-1000, 1000, count)
    whole = np.zeros(count, np.int64), np.arange(1, count + 1)
    rows = native.extreme_rows(values, None, *whole, True)
    assert np.array_equal(values[rows], np.maximum.accumulate(values))
    sums = native.float_sums(values.astype(np.float64), None, *whole)
    assert np.array_equal(sums, np.cumsum(values))


def test_nan_and_infinity_are_added_up_as_they_are():
    values = np.array([1.0, np.nan, np.inf, -np.inf])
    starts, stops = np.array([0, 0, 2, 2]), np.array([1, 2, 3, 4])
    assert np.array_equal(
        native.float_sums(values, None, starts, stops),
        [1.0, np.nan, np.inf, np.nan],
        equal_nan=True,
    )


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
@pytest.mark.parametrize("has_nulls", [False, True])
@pytest.mark.parametrize("nulls_first", [False, True])
@pytest.mark.parametrize("less", [False, True])
@pytest.mark.parametrize("starting", [False, True])
def test_ends_of_range_frames(
    dtype: Any, has_nulls: bool, nulls_first: bool, less: bool, starting: bool
):
    rng = np.random.default_rng(5)
    count = 200
    starts = np.arange(count) // 50 * 50
    stops = starts + 50
    values = rng.integers(0, 30, count)
    descending = less == starting
    for start in range(0, count, 50):
        part = np.sort(values[start : start + 50])
        values[start : start + 50] = part[::-1] if descending else part
    valid = None
    if has_nulls:
        within = np.arange(count) % 50
        valid = within >= 7 if nulls_first else within < 43
    values = values.astype(dtype)
    for bounds in (values - 3, values, values + 3):
        found, specified = (
            twin.range_ends(
                values, valid, bounds, starts, stops,
                less=less, starting=starting, nulls_first=nulls_first,
            )
            for twin in (native, frame_rows)
        )  # fmt: skip
        assert np.array_equal(found, specified)


@pytest.mark.parametrize(
    ("oid", "values", "offset", "bound"),
    [
        (4128, np.array([1, 5], np.int32), 2, [3, 7]),
        (4128, np.array([1, 5], np.int32), -2, None),
        (4126, np.array([1, 2**63 - 2]), 2, None),
        (4133, np.array([1], np.int32), Interval(0, 1, 5), [2 * 86_400_000_000 + 5]),
        (4134, np.array([1]), Interval(1, 0, 0), None),
        (4134, np.array([2**63 - 1]), Interval(0, 1, 0), None),
        (4135, np.array([1]), Interval(0, 1, 0), None),
        (4135, np.array([1]), Interval(0, 0, 9), [10]),
        (4139, np.array([1.5, np.nan]), 1.0, None),
        (4139, np.array([1.5]), 1.0, [2.5]),
        (4141, np.array([1]), 1, None),
    ],
)
def test_bounds_are_given_where_they_are_plain(oid: int, values: Any, offset: Any, bound: Any):
    found = compared_values(oid, Column(values), offset, subtract=False)
    assert (None if found is None else found[1].tolist()) == bound
