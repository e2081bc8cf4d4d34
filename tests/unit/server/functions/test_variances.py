"""Variances against sums over Decimals, and the kernel against its specification."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from server.functions.registry import AGGREGATES
from server.functions.variances import VarianceMaker
from server.vector import moments, native
from server.vector.column import Column

BY_OID = {aggregate.oid: aggregate for aggregate in AGGREGATES}


@pytest.mark.parametrize("count", [0, 1, 2, 65_535, 65_536, 65_537])
def test_running_moments_are_as_specified(count: int):
    rng = np.random.default_rng(count)
    groups, values = rng.integers(0, 5, count), rng.normal(1e6, 3.0, count)
    values[: count // 1000] = np.nan
    states = [[np.zeros(5) for _ in range(3)] for _ in range(2)]
    for twin, state in zip((native, moments), states, strict=True):
        twin.add_moments(groups, values, *state)
    for found, specified in zip(*states, strict=True):
        assert np.array_equal(found, specified, equal_nan=True)


@pytest.mark.parametrize("count", [0, 1, 2, 65_535, 65_536, 65_537])
def test_moments_of_pairs_are_as_specified(count: int):
    rng = np.random.default_rng(count)
    groups, ys, xs = rng.integers(0, 5, count), rng.normal(1e6, 3.0, count), rng.normal(0, 9, count)
    ys[: count // 1000] = np.nan
    xs[count // 2 : count // 2 + 1] = np.inf
    totals = np.zeros((2, 5, 6))
    for twin, total in zip((native, moments), totals, strict=True):
        with np.errstate(invalid="ignore"):
            twin.add_pair_moments(groups, ys, xs, total)
    assert np.array_equal(totals[0], totals[1], equal_nan=True)


@pytest.mark.parametrize("largest", [1000, 1 << 40])
@pytest.mark.parametrize("oid", [2718, 2148, 2154])  # var_pop, variance, stddev of int8
def test_variances_of_integers_are_exact(oid: int, largest: int):
    rng = np.random.default_rng(oid)
    values, groups = rng.integers(-largest, largest, 100), np.arange(100) % 7
    groups[0] = 7  # alone
    aggregate = BY_OID[oid]
    state: Any = aggregate.create(None)  # type: ignore[arg-type]
    for part in (slice(0, 60), slice(60, 100)):
        state = aggregate.accumulate(state, groups[part], 9, (Column(values[part]),))
    found = aggregate.finish(state, 9)
    make = VarianceMaker(oid != 2718, oid == 2154)
    for group in range(9):
        rows = [Decimal(value) for value in values[groups == group].tolist()]
        expected = make.variance((len(rows), sum(rows, Decimal(0)), sum(r * r for r in rows)))  # type: ignore[arg-type]
        assert (found.values[group] if found.validity()[group] else None) == expected
