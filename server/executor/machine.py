"""The vector machine: pipelines of scan, filter, arithmetic and sums as programs over arrays.

A program is a list of instructions over registers; a register holds a vector of int64 or float64
(truth is 0 or 1) and which of its rows are NULL. Running it over the columns of a row group adds to
totals, a line for each group.

Rule 1: a program that cannot go on exactly (overflow, NaN in a decimal, division by zero) says so,
        and the ordinary operators do the work from the start: they know the errors and the wider
        arithmetic.
Rule 2: instructions behind a filter see only the rows that passed it.

This is the specification of native/machine.pyx.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np

from server.vector.column import Mask, Positions, Values
from server.vector.totals import NO_SUM
from storage.engine import Framed

GROUPS_MAX: Final = 1 << 16
"""With more groups than this the ordinary operator is as good."""


class Op(IntEnum):
    """What an instruction does: target, first, second are registers unless said otherwise."""

    LOAD = 0  # first: number of the column
    LOAD_DECIMAL = 1  # the same; the least int64 stands for NaN
    CONSTANT = 2  # first: number of the constant
    CONSTANT_FLOAT = 3
    ADD = 4
    SUBTRACT = 5
    MULTIPLY = 6
    ADD_FLOAT = 7
    SUBTRACT_FLOAT = 8
    MULTIPLY_FLOAT = 9
    DIVIDE_FLOAT = 10
    TO_FLOAT = 11
    CHECK_BITS = 12  # second: bits of the signed integer that first must fit in
    ORDINAL = 13  # the place among integers that first has among floats, NaN the last
    EQUAL = 14
    UNEQUAL = 15
    LESS = 16
    LESS_OR_EQUAL = 17
    EQUAL_FLOAT = 18
    UNEQUAL_FLOAT = 19
    LESS_FLOAT = 20
    LESS_OR_EQUAL_FLOAT = 21
    AND = 22
    OR = 23
    ONLY = 24  # second where first is true, elsewhere NULL
    UNLESS = 25  # second where first is not true, elsewhere NULL
    COALESCE = 26  # first where it is not NULL, elsewhere second
    NOT = 27
    IS_NULL = 28
    FILTER = 29  # first
    COUNT = 30  # target: number of the total; first: register, -1 counts rows
    SUM = 31
    SUM_FLOAT = 32
    MINIMUM = 33
    MAXIMUM = 34
    RANGE = (
        35  # a filter; target, second: numbers of the constants that the column first lies between
    )
    RANGE_DECIMAL = 36


AGGREGATES: Final = frozenset((Op.COUNT, Op.SUM, Op.SUM_FLOAT, Op.MINIMUM, Op.MAXIMUM))
RANGES: Final = frozenset((Op.RANGE, Op.RANGE_DECIMAL))


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Instructions as rows of (operation, target, first, second), and the constants they name."""

    code: Values  # int32, four columns
    constants: Positions
    float_constants: Values
    register_count: int
    total_count: int


class Totals:
    """What has been summed up: for each total and group a 128 bit integer and a float.

    COUNT and SUM leave the integer in low (unsigned) and high, SUM_FLOAT the float; MINIMUM and
    MAXIMUM the value in low, and in high whether there is one.
    """

    __slots__ = ("floats", "group_count", "high", "low")

    def __init__(self, total_count: int) -> None:
        self.group_count = 0
        self.low = np.zeros((total_count, 1), np.int64)
        self.high = np.zeros((total_count, 1), np.int64)
        self.floats = np.full((total_count, 1), NO_SUM)

    def grow(self, group_count: int) -> None:
        """Make room for so many groups."""
        self.group_count = group_count
        room = self.low.shape[1]
        if group_count > room:
            more = ((0, 0), (0, max(group_count - room, room)))
            self.low = np.pad(self.low, more)
            self.high = np.pad(self.high, more)
            self.floats = np.pad(self.floats, more, constant_values=NO_SUM)

    def integer(self, total: int, group: int) -> int:
        """One sum or count, exact."""
        low = int(self.low[total, group]) & (1 << 64) - 1
        return (int(self.high[total, group]) << 64) + low

    def add_integer(self, total: int, group: int, value: int) -> None:
        """Add to one sum or count."""
        result = self.integer(total, group) + value
        low = result & (1 << 64) - 1
        self.low[total, group] = low - (1 << 64) if low >> 63 else low
        self.high[total, group] = result >> 64

    def add(self, other: Totals, places: Positions, operations: Mapping[int, int]) -> None:
        """Add other totals of the same program; places: the groups that its groups are here."""
        count = other.group_count
        for total, operation in operations.items():
            low, high = other.low[total, :count], other.high[total, :count]
            if operation in _EXTREMES:
                self._take_better(total, places, low, high, _EXTREMES[operation])
                continue
            before = self.low[total, places].view(np.uint64)
            after = before + low.view(np.uint64)
            self.low[total, places] = after.view(np.int64)
            self.high[total, places] += high + (after < before)
            self.floats[total, places] += other.floats[total, :count]

    def _take_better(
        self, total: int, places: Positions, low: Positions, there: Positions, better: np.ufunc
    ) -> None:
        known = self.low[total, places]
        both = np.where(self.high[total, places] != 0, better(known, low), low)
        self.low[total, places] = np.where(there != 0, both, known)
        self.high[total, places] |= there


_EXTREMES: Final[dict[int, np.ufunc]] = {Op.MINIMUM: np.minimum, Op.MAXIMUM: np.maximum}


_SIGN_FREE: Final = (1 << 63) - 1


def ordinals(floats: Values) -> Positions:
    """Integers in the order of floats, all NaN alike above everything."""
    bits = np.where(np.isnan(floats), np.nan, floats).view(np.int64)
    found: Positions = bits ^ ((bits >> 63) & _SIGN_FREE)
    return found


def floats_of(places: Positions) -> Values:
    """The floats that ordinals were made of."""
    bits: Positions = places ^ ((places >> 63) & _SIGN_FREE)
    return bits.view(np.float64)


Columns = Sequence[tuple[Values | Framed, Mask | None]]
Register = tuple[Values, Mask]  # values, where they are NULL


def run(
    program: Program, columns: Columns, count: int, groups: Positions | None, totals: Totals
) -> bool:
    """Run over the rows of some columns; groups says which group each row belongs to.

    False: it could not be done exactly, and the totals are worth nothing.
    """
    machine = _Machine(program, columns, count, groups, totals)
    return all(machine.step(*instruction) for instruction in program.code.tolist())


def selected(program: Program, columns: Columns, count: int) -> Positions | None:
    """The rows that pass the filters of a program, in order.

    None: it could not be done exactly.
    """
    machine = _Machine(program, columns, count, None, Totals(1))
    done = all(machine.step(*instruction) for instruction in program.code.tolist())
    return machine.rows if done else None


class _Machine:
    """One run over the rows of a row group."""

    def __init__(
        self,
        program: Program,
        columns: Columns,
        count: int,
        groups: Positions | None,
        totals: Totals,
    ) -> None:
        self._program = program
        self._columns = columns
        self._count = count
        self._groups = np.zeros(count, np.int64) if groups is None else groups
        self._totals = totals
        self._registers: dict[int, Register] = {}
        self.rows = np.arange(count)  # those that have passed the filters

    def step(self, op: int, target: int, first: int, second: int) -> bool:
        """Do one instruction; false if it cannot be done exactly."""
        if op in AGGREGATES:
            return self._aggregate(op, target, first)
        if op == Op.FILTER:
            self._narrow(*self._registers[first])
            return True
        if op in RANGES:
            return self._range(op, target, first, second)
        made = STEPS[op](self, first, second)
        if made is None:
            return False
        self._registers[target] = made
        return True

    def _narrow(self, values: Values, nulls: Mask) -> None:
        passed = (values != 0) & ~nulls
        self.rows = self.rows[passed]
        self._count = len(self.rows)
        for number, (known, known_nulls) in self._registers.items():
            self._registers[number] = known[passed], known_nulls[passed]

    def _range(self, op: int, low: int, column: int, high: int) -> bool:
        made = (self.load_decimal if op == Op.RANGE_DECIMAL else self.load)(column, 0)
        if made is None:
            return False
        values, nulls = made
        least, greatest = self._program.constants[low], self._program.constants[high]
        self._narrow((values >= least) & (values <= greatest), nulls)
        return True

    def load(self, first: int, second: int) -> Register:
        """A column as int64 or float64."""
        values, valid = self._columns[first]
        values = values.decoded() if isinstance(values, Framed) else values
        wide = np.float64 if values.dtype.kind == "f" else np.int64
        nulls = np.zeros(self._count, np.bool_) if valid is None else ~valid[self.rows]
        return values[self.rows].astype(wide), nulls

    def load_decimal(self, first: int, second: int) -> Register | None:
        """A column of decimals, unless there is a NaN."""
        values, nulls = self.load(first, second)
        return None if (values[~nulls] == np.iinfo(np.int64).min).any() else (values, nulls)

    def constant(self, first: int, second: int) -> Register:
        """A constant in all rows."""
        value = self._program.constants[first]
        return np.full(self._count, value), np.zeros(self._count, np.bool_)

    def constant_float(self, first: int, second: int) -> Register:
        """A float constant in all rows."""
        value = self._program.float_constants[first]
        return np.full(self._count, value), np.zeros(self._count, np.bool_)

    def checked(self, operation: Callable[[Any, Any], Any]) -> Callable[[int, int], Any]:
        """Arithmetic on integers that must not leave 64 bits."""

        def step(first: int, second: int) -> Register | None:
            (left, left_nulls), (right, right_nulls) = self.operands(first, second)
            nulls = left_nulls | right_nulls
            exact = operation(left.astype(object), right.astype(object))
            fits = [-(1 << 63) <= value < 1 << 63 for value in exact[~nulls].tolist()]
            if not all(fits):
                return None
            with np.errstate(all="ignore"):
                return operation(left, right), nulls

        return step

    def float_step(self, operation: Callable[[Any, Any], Any]) -> Callable[[int, int], Any]:
        """Arithmetic on floats whose results must be finite."""

        def step(first: int, second: int) -> Register | None:
            (left, left_nulls), (right, right_nulls) = self.operands(first, second)
            nulls = left_nulls | right_nulls
            with np.errstate(all="ignore"):
                values = operation(left, right)
            return (values, nulls) if np.isfinite(values[~nulls]).all() else None

        return step

    def operands(self, first: int, second: int) -> tuple[Register, Register]:
        """Two registers."""
        return self._registers[first], self._registers[second]

    def comparison(self, operation: Callable[[Any, Any], Any]) -> Callable[[int, int], Any]:
        """A comparison: unknown where a side is NULL."""

        def step(first: int, second: int) -> Register:
            (left, left_nulls), (right, right_nulls) = self.operands(first, second)
            return operation(left, right).astype(np.int64), left_nulls | right_nulls

        return step

    def to_float(self, first: int, second: int) -> Register:
        """Integers as floats."""
        values, nulls = self._registers[first]
        return values.astype(np.float64), nulls

    def check_bits(self, first: int, second: int) -> Register | None:
        """The same values, if they are in the range of a narrower type."""
        values, nulls = self._registers[first]
        known = values[~nulls]
        limit = 1 << (second - 1)
        return (values, nulls) if ((known >= -limit) & (known < limit)).all() else None

    def ordinal(self, first: int, second: int) -> Register:
        """Floats as integers in the same order."""
        values, nulls = self._registers[first]
        return ordinals(values), nulls

    def conjunction(self, first: int, second: int) -> Register:
        """AND: false beats NULL."""
        (left, left_nulls), (right, right_nulls) = self.operands(first, second)
        false = ((left == 0) & ~left_nulls) | ((right == 0) & ~right_nulls)
        nulls = (left_nulls | right_nulls) & ~false
        return (~false).astype(np.int64), nulls

    def disjunction(self, first: int, second: int) -> Register:
        """OR: true beats NULL."""
        (left, left_nulls), (right, right_nulls) = self.operands(first, second)
        true = ((left != 0) & ~left_nulls) | ((right != 0) & ~right_nulls)
        return true.astype(np.int64), (left_nulls | right_nulls) & ~true

    def only(self, first: int, second: int) -> Register:
        """NULL where a condition is not true."""
        (truth, unknown), (values, nulls) = self.operands(first, second)
        return values, nulls | unknown | (truth == 0)

    def unless(self, first: int, second: int) -> Register:
        """NULL where a condition is true."""
        (truth, unknown), (values, nulls) = self.operands(first, second)
        return values, nulls | (~unknown & (truth != 0))

    def coalesce(self, first: int, second: int) -> Register:
        """Another value where one is NULL."""
        (values, nulls), (others, other_nulls) = self.operands(first, second)
        return np.where(nulls, others, values), nulls & other_nulls

    def negation(self, first: int, second: int) -> Register:
        """NOT."""
        values, nulls = self._registers[first]
        return (values == 0).astype(np.int64), nulls

    def is_null(self, first: int, second: int) -> Register:
        """IS NULL."""
        _, nulls = self._registers[first]
        return nulls.astype(np.int64), np.zeros(self._count, np.bool_)

    def _aggregate(self, op: int, total: int, first: int) -> bool:
        groups, values = self._groups[self.rows], None
        if first >= 0:
            values, nulls = self._registers[first]
            groups, values = groups[~nulls], values[~nulls]
        return AGGREGATE_STEPS[op](self._totals, total, groups, values)


def _count(totals: Totals, total: int, groups: Positions, values: Any) -> bool:
    for group, count in enumerate(np.bincount(groups, minlength=1).tolist()):
        totals.add_integer(total, group, count)
    return True


def _sum(totals: Totals, total: int, groups: Positions, values: Any) -> bool:
    sums: dict[int, int] = {}
    for group, value in zip(groups.tolist(), values.tolist(), strict=True):
        sums[group] = sums.get(group, 0) + value
    for group, value in sums.items():
        totals.add_integer(total, group, value)
    return True


def _sum_float(totals: Totals, total: int, groups: Positions, values: Any) -> bool:
    with np.errstate(all="ignore"):
        np.add.at(totals.floats[total], groups, values)
    return bool(np.isfinite(totals.floats[total]).all())


def _extreme(ufunc: np.ufunc) -> Callable[..., bool]:
    def step(totals: Totals, total: int, groups: Positions, values: Any) -> bool:
        for group, value in zip(groups.tolist(), values.tolist(), strict=True):
            known = totals.low[total, group] if totals.high[total, group] else value
            totals.low[total, group] = ufunc(known, value)
            totals.high[total, group] = 1
        return True

    return step


AGGREGATE_STEPS: Final[dict[int, Callable[..., bool]]] = {
    Op.COUNT: _count,
    Op.SUM: _sum,
    Op.SUM_FLOAT: _sum_float,
    Op.MINIMUM: _extreme(np.minimum),
    Op.MAXIMUM: _extreme(np.maximum),
}


def _less_float(left: Values, right: Values) -> Values:
    """NaN is above everything."""
    less: Values = (left < right) | (np.isnan(right) & ~np.isnan(left))
    return less


def _equal_float(left: Values, right: Values) -> Values:
    equal: Values = (left == right) | (np.isnan(left) & np.isnan(right))
    return equal


def _unequal_float(left: Values, right: Values) -> Values:
    return ~_equal_float(left, right)


def _less_or_equal_float(left: Values, right: Values) -> Values:
    return ~_less_float(right, left)


_CHECKED: Final = {Op.ADD: np.add, Op.SUBTRACT: np.subtract, Op.MULTIPLY: np.multiply}
_FLOAT: Final = {
    Op.ADD_FLOAT: np.add,
    Op.SUBTRACT_FLOAT: np.subtract,
    Op.MULTIPLY_FLOAT: np.multiply,
    Op.DIVIDE_FLOAT: np.divide,
}
_COMPARISONS: Final[dict[Op, Callable[[Any, Any], Any]]] = {
    Op.EQUAL: np.equal,
    Op.UNEQUAL: np.not_equal,
    Op.LESS: np.less,
    Op.LESS_OR_EQUAL: np.less_equal,
    Op.EQUAL_FLOAT: _equal_float,
    Op.UNEQUAL_FLOAT: _unequal_float,
    Op.LESS_FLOAT: _less_float,
    Op.LESS_OR_EQUAL_FLOAT: _less_or_equal_float,
}

Step = Callable[[_Machine, int, int], Register | None]


def _step(kind: Callable[..., Any], function: Callable[[Any, Any], Any]) -> Step:
    """The step of one operation of a kind."""
    return lambda machine, first, second: kind(machine, function)(first, second)


STEPS: Final[dict[int, Step]] = {
    Op.LOAD: _Machine.load,
    Op.LOAD_DECIMAL: _Machine.load_decimal,
    Op.CONSTANT: _Machine.constant,
    Op.CONSTANT_FLOAT: _Machine.constant_float,
    Op.TO_FLOAT: _Machine.to_float,
    Op.CHECK_BITS: _Machine.check_bits,
    Op.ORDINAL: _Machine.ordinal,
    Op.AND: _Machine.conjunction,
    Op.OR: _Machine.disjunction,
    Op.ONLY: _Machine.only,
    Op.UNLESS: _Machine.unless,
    Op.COALESCE: _Machine.coalesce,
    Op.NOT: _Machine.negation,
    Op.IS_NULL: _Machine.is_null,
    **{op: _step(_Machine.checked, function) for op, function in _CHECKED.items()},
    **{op: _step(_Machine.float_step, function) for op, function in _FLOAT.items()},
    **{op: _step(_Machine.comparison, function) for op, function in _COMPARISONS.items()},
}
"""Every operation that makes a register."""

assert STEPS.keys() | AGGREGATES | RANGES | {Op.FILTER} == set(Op)
