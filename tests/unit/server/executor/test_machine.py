"""The vector machine: interpreter against specification.

Programs against the ordinary operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from server.executor import machine
from server.executor.machine import Op, Program, Totals
from server.executor.native import run_program, selected_rows
from storage.engine import Framed

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS = [0, 1, 4096, 4097, 65535, 65536]


def program(
    code: Sequence[tuple[int, ...]], constants: Any = (), floats: Any = (), totals: int = 8
) -> Program:
    return Program(
        np.array(code, np.int32).reshape(-1, 4),
        np.array(constants, np.int64),
        np.array(floats, np.float64),
        1 + max((step[1] for step in code), default=0),
        totals,
    )


def both(made: Program, columns: Any, count: int, groups: Any, group_count: int) -> Any:
    """Run interpreter and specification; both must agree. Gives the totals, None if refused."""
    results = []
    for run in (run_program, machine.run):
        totals = Totals(made.total_count)
        totals.grow(group_count)
        results.append((run(made, columns, count, groups, totals), totals))
    (done, totals), (specified, expected) = results
    assert done == specified
    if not done:
        return None
    for name in ("low", "high"):
        found, wanted = getattr(totals, name), getattr(expected, name)
        assert np.array_equal(found[:, :group_count], wanted[:, :group_count]), name
    np.testing.assert_allclose(totals.floats, expected.floats, rtol=1e-12)
    return totals


def column(rng: Any, dtype: Any, count: int, nulls: bool) -> Any:
    values = rng.integers(-100, 100, count).astype(dtype)
    if dtype == np.bool_:
        values = rng.random(count) < 0.5
    return values, (rng.random(count) < 0.8) if nulls else None


@pytest.mark.parametrize("code_dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize(("base", "step"), [(0, 1), (-7, 1), (5, 100), (-(1 << 63), 3)])
@pytest.mark.parametrize("nulls", [False, True])
def test_codes_are_computed_with(code_dtype: Any, base: int, step: int, nulls: bool) -> None:
    """A column as codes gives what the same column decoded gives, also behind a filter."""
    count = 5000
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 200, count).astype(code_dtype)
    valid = (rng.random(count) < 0.8) if nulls else None
    framed = Framed(codes, base, step, np.dtype(np.int64))
    code = [
        (Op.LOAD, 0, 0, 0),
        (Op.SUM, 0, 0, 0),
        (Op.CONSTANT, 1, 0, 0),
        (Op.LESS, 2, 1, 0),
        (Op.FILTER, 0, 2, 0),
        (Op.LOAD, 3, 1, 0),
        (Op.SUM, 1, 3, 0),
        (Op.MINIMUM, 2, 3, 0),
    ]
    made = program(code, [base + step * 90])
    found = both(made, [(framed, valid), (framed, valid)], count, None, 1)
    plain = framed.decoded()
    expected = both(made, [(plain, valid), (plain, valid)], count, None, 1)
    assert [found.integer(total, 0) for total in range(3)] == [
        expected.integer(total, 0) for total in range(3)
    ]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("nulls", [False, True])
def test_filter_arithmetic_and_sums(count: int, nulls: bool):
    rng = np.random.default_rng(count)
    columns = [
        column(rng, np.int64, count, nulls),
        column(rng, np.int32, count, nulls),
        column(rng, np.int16, count, nulls),
        column(rng, np.float64, count, nulls),
        column(rng, np.bool_, count, nulls),
    ]
    code = [
        (Op.LOAD, 0, 0, 0),
        (Op.LOAD, 1, 1, 0),
        (Op.LOAD_DECIMAL, 2, 2, 0),
        (Op.LOAD, 3, 3, 0),
        (Op.LOAD, 4, 4, 0),
        (Op.CONSTANT, 5, 0, 0),
        (Op.LESS, 6, 0, 5),
        (Op.OR, 7, 6, 4),
        (Op.FILTER, 0, 7, 0),
        (Op.MULTIPLY, 8, 1, 2),
        (Op.SUBTRACT, 9, 8, 0),
        (Op.ADD, 10, 9, 5),
        (Op.CHECK_BITS, 10, 10, 32),
        (Op.CONSTANT_FLOAT, 11, 0, 0),
        (Op.MULTIPLY_FLOAT, 12, 3, 11),
        (Op.COUNT, 0, -1, 0),
        (Op.COUNT, 1, 10, 0),
        (Op.SUM, 2, 10, 0),
        (Op.SUM_FLOAT, 3, 12, 0),
        (Op.MINIMUM, 4, 9, 0),
        (Op.MAXIMUM, 5, 1, 0),
    ]
    made = program(code, [17], [0.5])
    for group_count in (1, 2, 5, 40, 300):
        groups = None if group_count == 1 else rng.integers(0, group_count, count)
        assert both(made, columns, count, groups, group_count) is not None


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("op", [Op.MINIMUM, Op.MAXIMUM])
def test_extremes_of_floats_by_their_ordinals(op: Op, nulls: bool):
    values = np.array([0.5, -0.5, np.inf, -np.inf, np.nan, -np.nan, 5e-324, -1e308, 0.0, 3.0])
    places = machine.ordinals(values)
    assert np.array_equal(
        np.sort(values), values[np.argsort(places, kind="stable")], equal_nan=True
    )
    assert np.array_equal(machine.floats_of(places), values, equal_nan=True)
    valid = np.array([True, False] * 5) if nulls else None
    code = [(0, 0, 0, 0), (int(Op.ORDINAL), 1, 0, 0), (int(op), 0, 1, 0)]
    totals = both(program(code), [(values, valid)], 10, None, 1)
    known = values if valid is None else values[valid]
    expected = np.nan if op is Op.MAXIMUM else np.nanmin(known)
    found = machine.floats_of(totals.low[0, :1])
    assert np.array_equal(found, [expected], equal_nan=True)


COMPARISONS = [Op.EQUAL, Op.UNEQUAL, Op.LESS, Op.LESS_OR_EQUAL]


@pytest.mark.parametrize("op", COMPARISONS)
@pytest.mark.parametrize("kind", ["integer", "float"])
def test_comparisons_with_nulls_and_nan(op: Op, kind: str):
    if kind == "integer":
        values = np.array([1, 1, 2, 3, 3, -5], np.int64)
        others = np.array([1, 2, 1, 3, 9, -5], np.int64)
    else:
        op = Op(op + Op.EQUAL_FLOAT - Op.EQUAL)
        values = np.array([1.0, np.nan, np.nan, 0.0, np.inf, 2.0])
        others = np.array([1.0, np.nan, 5.0, -0.0, np.nan, 3.0])
    valid = np.array([True, True, True, True, True, False])
    code = [(0, 0, 0, 0), (0, 1, 1, 0), (int(op), 2, 0, 1), (int(Op.NOT), 3, 2, 0)]
    code += [(int(Op.SUM), 0, 2, 0), (int(Op.COUNT), 1, 2, 0), (int(Op.SUM), 2, 3, 0)]
    assert both(program(code), [(values, valid), (others, None)], 6, np.arange(6), 6) is not None


@pytest.mark.parametrize("op", [Op.AND, Op.OR])
def test_logic_has_three_values(op: Op):
    truths = [(False, True), (True, True), (False, False), (True, False)]  # the last two are NULL
    left = np.array([a[0] for a in truths for _ in truths])
    right = np.array([b[0] for _ in truths for b in truths])
    left_valid = np.array([a[1] for a in truths for _ in truths])
    right_valid = np.array([b[1] for _ in truths for b in truths])
    code = [(0, 0, 0, 0), (0, 1, 1, 0), (int(op), 2, 0, 1), (int(Op.IS_NULL), 3, 2, 0)]
    code += [(int(Op.SUM), 0, 2, 0), (int(Op.SUM), 1, 3, 0), (int(Op.COUNT), 2, 2, 0)]
    totals = both(program(code), [(left, left_valid), (right, right_valid)], 16, np.arange(16), 16)
    null, true = totals.low[1, :16].astype(bool), totals.low[0, :16].astype(bool)
    if op is Op.AND:
        assert (~true & ~null).sum() == 7  # false beats NULL
    else:
        assert (true & ~null).sum() == 7  # true beats NULL


@pytest.mark.parametrize("op", [Op.ONLY, Op.UNLESS, Op.COALESCE])
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("group_count", [1, 3, 100, 300, 1000])
@pytest.mark.parametrize("first_nulls", [False, True])
@pytest.mark.parametrize("second_nulls", [False, True])
def test_choices_take_one_or_the_other(
    op: Op, count: int, group_count: int, first_nulls: bool, second_nulls: bool
):
    rng = np.random.default_rng(count)
    kind = np.int32 if op is Op.COALESCE else np.bool_
    columns = [column(rng, kind, count, first_nulls), column(rng, np.int64, count, second_nulls)]
    code = [(0, 0, 0, 0), (0, 1, 1, 0), (int(op), 2, 0, 1), (int(Op.SUM), 0, 2, 0)]
    code += [(int(Op.COUNT), 1, 2, 0), (int(Op.MAXIMUM), 2, 2, 0), (int(Op.FILTER), 0, 2, 0)]
    code += [(int(Op.SUM), 3, 2, 0), (int(Op.COUNT), 4, -1, 0)]
    groups = None if group_count == 1 else rng.integers(0, group_count, count)
    totals = both(program(code), columns, count, groups, group_count)
    (first, valid), (second, second_valid) = columns
    there = np.ones(count, bool) if second_valid is None else second_valid
    known = np.ones(count, bool) if valid is None else valid
    if op is Op.COALESCE:
        expected = first[known].sum(dtype=np.int64) + second[~known & there].sum()
    else:
        expected = second[(known & (first != 0) == (op is Op.ONLY)) & there].sum()
    assert totals.low[0, :group_count].sum() == expected


@pytest.mark.parametrize(
    ("op", "left", "right"),
    [(Op.ADD, 1 << 62, 1 << 62), (Op.SUBTRACT, -(1 << 63), 1), (Op.MULTIPLY, 1 << 40, 1 << 40)],
)
def test_overflow_is_refused_but_not_in_null_rows(op: Op, left: int, right: int):
    code = [(0, 0, 0, 0), (0, 1, 1, 0), (int(op), 2, 0, 1), (int(Op.SUM), 0, 2, 0)]
    columns = [(np.array([left, 3], np.int64), None), (np.array([right, 4], np.int64), None)]
    assert both(program(code), columns, 2, None, 1) is None
    columns[0] = (columns[0][0], np.array([False, True]))
    assert both(program(code), columns, 2, None, 1) is not None


def test_division_by_zero_nan_and_narrow_types_are_refused():
    zero = [(np.array([1.0]), None), (np.array([0.0]), None)]
    code = [(0, 0, 0, 0), (0, 1, 1, 0), (int(Op.DIVIDE_FLOAT), 2, 0, 1)]
    assert both(program(code), zero, 1, None, 1) is None
    least = [(np.array([np.iinfo(np.int64).min]), None)]
    assert both(program([(int(Op.LOAD_DECIMAL), 0, 0, 0)]), least, 1, None, 1) is None
    wide = [(np.array([1 << 31]), None)]
    code = [(0, 0, 0, 0), (int(Op.CHECK_BITS), 1, 0, 32)]
    assert both(program(code), wide, 1, None, 1) is None


@pytest.mark.parametrize("value", [(1 << 62) + 3, -(1 << 62) - 3])
def test_sums_are_exact_beyond_64_bits(value: int):
    code = [(0, 0, 0, 0), (int(Op.SUM), 0, 0, 0)]
    totals = both(program(code), [(np.full(5000, value), None)], 5000, None, 1)
    assert totals.integer(0, 0) == 5000 * value


def test_totals_of_two_threads_become_one():
    """Groups of the other thread get the places they have here; sums carry into the high word."""
    operations = {0: Op.COUNT, 1: Op.SUM, 2: Op.SUM_FLOAT, 3: Op.MINIMUM, 4: Op.MAXIMUM}
    ours, theirs = Totals(5), Totals(5)
    ours.grow(3)
    theirs.grow(2)
    for totals, group, value in (
        (ours, 0, 2**63 - 1),
        (ours, 1, -5),
        (theirs, 0, 7),
        (theirs, 1, -9),
    ):
        totals.add_integer(0, group, 1)
        for _ in range(3):
            totals.add_integer(1, group, value)
        totals.floats[2, group] = value / 2
        for total in (3, 4):
            totals.low[total, group], totals.high[total, group] = value, 1
    theirs.add_integer(1, 0, 2**63)
    ours.add(theirs, np.array([2, 0]), operations)
    assert [ours.integer(0, group) for group in range(3)] == [2, 1, 1]
    assert [ours.integer(1, group) for group in range(3)] == [
        3 * (2**63 - 1) - 27, -15, 2**63 + 21,
    ]  # fmt: skip
    assert ours.floats[2].tolist()[:3] == [(2**63 - 1) / 2 - 4.5, -2.5, 3.5]
    assert ours.low[3].tolist()[:3] == [-9, -5, 7]
    assert ours.low[4].tolist()[:3] == [2**63 - 1, -5, 7]
    assert ours.high[3].tolist()[:3] == [1, 1, 1]


def test_what_did_not_pass_a_filter_does_not_overflow():
    code = [
        (Op.LOAD, 0, 0, 0),
        (Op.CONSTANT, 1, 0, 0),
        (Op.LESS, 2, 0, 1),
        (Op.FILTER, 0, 2, 0),
        (Op.MULTIPLY, 3, 0, 0),
        (Op.LOAD, 4, 1, 0),
        (Op.LESS, 5, 4, 3),
        (Op.FILTER, 0, 5, 0),
        (Op.COUNT, 0, -1, 0),
        (Op.SUM, 1, 3, 0),
        (Op.SUM, 2, 4, 0),
    ]
    values = np.arange(10_000)
    values[::2] = 2**62
    totals = both(program(code, [8000]), [(values, None), (values % 7, None)], 10_000, None, 1)
    assert totals is not None
    passed = [n for n in range(8000) if n % 2 and n % 7 < n * n]
    assert totals.integer(0, 0) == len(passed)
    assert totals.integer(1, 0) == sum(n * n for n in passed)


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("count", [*COUNTS, 65537])
def test_rows_that_pass_filters(count: int, nulls: bool):
    rng = np.random.default_rng(count)
    columns = [column(rng, np.int32, count, nulls), column(rng, np.int64, count, nulls)]
    made = program(
        [
            (Op.LOAD, 0, 0, 0),
            (Op.CONSTANT, 1, 0, 0),
            (Op.LESS, 2, 0, 1),
            (Op.FILTER, 0, 2, 0),
            (Op.LOAD, 3, 1, 0),
            (Op.LESS, 4, 1, 3),
            (Op.FILTER, 0, 4, 0),
        ],
        constants=[20],
    )
    found = selected_rows(made, columns, count)
    specified = machine.selected(made, columns, count)
    assert found is not None
    assert specified is not None
    assert np.array_equal(found, specified)
    overflowing = program([(Op.CONSTANT, 0, 0, 0), (Op.ADD, 1, 0, 0)], constants=[2**62])
    for select in (selected_rows, machine.selected):
        assert (select(overflowing, [], count) is None) == (count > 0)


RANGED = [np.int64, np.int32, np.int16, np.bool_]


@pytest.mark.parametrize("count", [*COUNTS, 65_537])
@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("dtype", RANGED)
def test_ranges_keep_the_rows_between_their_ends(count: int, nulls: bool, dtype: Any):
    """First over all rows, then over those that are left, for columns of every width."""
    rng = np.random.default_rng(count)
    columns = [column(rng, np.int32, count, nulls), column(rng, dtype, count, nulls)]
    code = [(Op.LOAD, 0, 0, 0), (Op.RANGE, 0, 0, 1), (Op.RANGE, 2, 1, 3), (Op.SUM, 0, 0, 0)]
    for low, high in ((-50, 50), (1, 1 << 40), (-(1 << 63), (1 << 63) - 1), (1, 0)):
        made = program([*code, (Op.LOAD, 1, 1, 0), (Op.SUM, 1, 1, 0)], [-90, 80, low, high])
        assert both(made, columns, count, None, 1) is not None
        rows = selected_rows(program(code[1:3], [-90, 80, low, high]), columns, count)
        expected = machine.selected(program(code[1:3], [-90, 80, low, high]), columns, count)
        assert rows.tolist() == expected.tolist()


@pytest.mark.parametrize("code_dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize(("base", "step"), [(0, 1), (-7, 1), (5, 100), (-(1 << 63), 3), (9, 0)])
@pytest.mark.parametrize("nulls", [False, True])
def test_ranges_of_codes_are_those_of_the_numbers(
    code_dtype: Any, base: int, step: int, nulls: bool
):
    """First over all rows, then over those that are left; a NaN among decimals is found as well."""
    count = 5000
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 200, count).astype(code_dtype)
    framed = Framed(codes, base, step, np.dtype(np.int64))
    plain = framed.decoded()
    valid = (rng.random(count) < 0.8) if nulls else None
    ends = [base - 1, base, base + 3, base + 50 * step, base + 50 * step + 1, base + 400 * step]
    inside = [end for end in ends if -(1 << 63) <= end < 1 << 63]
    for low in inside:
        for high in inside:
            for op in (Op.RANGE, Op.RANGE_DECIMAL):
                made = program([(op, 0, 0, 1), (op, 0, 0, 1)], [low, high])
                found = selected_rows(made, [(framed, valid)], count)
                expected = selected_rows(made, [(plain, valid)], count)
                assert (found is None) == (expected is None)
                assert found is None or found.tolist() == expected.tolist()


def test_nan_is_in_no_range_of_decimals():
    """It is refused where it is looked at, so neither in NULL rows nor behind a filter that drops it."""
    nan = np.iinfo(np.int64).min
    decimals, passed = np.array([5, nan, 7]), np.array([1, 0, 1], np.int32)
    code = [(Op.RANGE_DECIMAL, 0, 0, 1), (Op.COUNT, 0, -1, 0)]
    columns = [(decimals, None), (passed, None)]
    assert both(program(code, [0, 9]), columns, 3, None, 1) is None
    behind = [(Op.RANGE, 2, 1, 2), *code]
    assert both(program(behind, [0, 9, 1]), columns, 3, None, 1) is not None
    columns[0] = decimals, np.array([True, False, True])
    assert both(program(code, [0, 9]), columns, 3, None, 1) is not None
    assert both(program(behind, [0, 9, 0]), columns, 3, None, 1) is not None


@pytest.mark.parametrize("op", [Op.ADD, Op.SUBTRACT, Op.MULTIPLY])
@pytest.mark.parametrize("size", [1 << 20, 1 << 31, (1 << 32) + 5, (1 << 63) - 1])
def test_arithmetic_is_exact_or_refused_for_numbers_of_every_size(op: Op, size: int):
    rng = np.random.default_rng(size & 0xFF)
    code = [(0, 0, 0, 0), (0, 1, 1, 0), (int(op), 2, 0, 1), (int(Op.SUM), 0, 2, 0)]
    for _ in range(20):
        columns = [(rng.integers(-size, size, 3, np.int64, endpoint=True), None) for _ in range(2)]
        found = both(program(code), columns, 3, None, 1)
        exact = {Op.ADD: int.__add__, Op.SUBTRACT: int.__sub__, Op.MULTIPLY: int.__mul__}[op]
        made = [
            exact(*pair) for pair in zip(*(values.tolist() for values, _ in columns), strict=True)
        ]
        fits = all(-(1 << 63) <= value < 1 << 63 for value in made)
        assert (found is not None) == fits
        assert found is None or found.integer(0, 0) == sum(made)
