"""ZoneFilter: which row groups of a table may have rows that pass a filter, by the least and greatest values in them.

The filter's programs for the vector machine are run over intervals, one a row group: what comes of a condition is
whether any row may satisfy it. So everything that the machine computes can rule out groups: ranges, lists,
alternatives, arithmetic, two columns compared with each other, tests for NULL.

Rule 1: an interval is at least as wide as the values of its group; what is not known of a group rules out nothing.
Rule 2: what comes behind the first condition that can raise is not looked at: an error that a filter would raise
        first is raised.
Rule 3: zones may be looked at before the group itself is: what a snapshot sees was there before the snapshot was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.machine import RANGES, Op
from server.executor.machine_compile import Compiler, Unsupported
from server.expressions.evaluate import conjuncts
from server.expressions.expression import OuterVariable, Parameter, walk
from server.expressions.safety import cannot_raise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.machine import Program
    from server.expressions.expression import ColumnId, Expression
    from server.types.type import TypeReference
    from server.vector.column import Mask, Values

GROUPS_MIN: Final = 2
"""With fewer row groups there is little to be ruled out."""

WORD_MIN: Final = -(1 << 63)
WORD_MAX: Final = (1 << 63) - 1

Test = tuple["Program", tuple[int, ...]]  # with the numbers of the columns that it reads


class ZoneFilter:
    """Conditions of a scan, of which all have to be true."""

    __slots__ = ("_columns", "_conditions", "_is_lasting", "_lasting", "_replaced")

    def __init__(
        self,
        conditions: Sequence[Expression],
        columns: Mapping[ColumnId, tuple[int, TypeReference]],
        replaced: Mapping[ColumnId, Expression] | None = None,
    ) -> None:
        """Columns and replaced are those of the Compiler."""
        parts = [part for condition in conditions for part in conjuncts(condition)]
        harmless = sum(1 for _ in takewhile(cannot_raise, parts))
        self._conditions = tuple(parts[: harmless + 1])
        self._columns = columns
        self._replaced = replaced or {}
        found = {type(node) for part in self._conditions for node in walk(part)}
        self._is_lasting = not found & {OuterVariable, Parameter}
        self._lasting: tuple[Test, ...] | None = None

    def groups(self, relation: Any, context: ExecutionContext) -> Sequence[int]:
        """The numbers of the row groups that may have rows."""
        count = relation.group_count
        if count < GROUPS_MIN or not self._conditions:
            return range(count)
        tests = self._tests(context)
        if not tests:
            return range(count)
        zones = _Zones(relation, count, context.check_cancelled)
        possible = np.ones(count, np.bool_)
        for program, numbers in tests:
            possible &= _may_pass(program, numbers, zones)
        return np.flatnonzero(possible).tolist()

    def _tests(self, context: ExecutionContext) -> tuple[Test, ...]:
        if self._lasting is not None:
            return self._lasting
        found = (self._test(condition, context) for condition in self._conditions)
        tests = tuple(test for test in found if test is not None)
        if self._is_lasting:
            self._lasting = tests
        return tests

    def _test(self, condition: Expression, context: ExecutionContext) -> Test | None:
        compiler = Compiler(self._columns, self._replaced, context)
        try:
            compiler.add_filter(condition)
        except Unsupported:
            return None
        return (compiler.program(), tuple(compiler.used)) if compiler.used else None


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which values those of a register are that are not NULL, an element a row group.

    Bounds are Python numbers, so that nothing overflows; where known is False they mean nothing.
    """

    low: Values
    high: Values
    known: Mask
    nullable: Mask


class _Zones:
    """The zones of a table's columns, each looked up once."""

    def __init__(self, relation: Any, count: int, look: Callable[[], None]) -> None:
        self.count = count
        self._look = look
        self._relation = relation
        self._found: dict[tuple[int, bool], Interval] = {}

    def interval(self, number: int, *, with_nulls: bool) -> Interval:
        """That of a column; without with_nulls any group may have NULLs."""
        key = (number, with_nulls)
        if key not in self._found:
            self._found[key] = self._read(number, with_nulls)
        return self._found[key]

    def _read(self, number: int, with_nulls: bool) -> Interval:
        zone, count = self._relation.zone, self.count
        zones = []
        for group_no in range(count):
            self._look()  # a group that was never read is looked through whether it is intact
            zones.append(zone(group_no, number))
        nullable = np.ones(count, np.bool_)
        if with_nulls:
            may_be_null = self._relation.may_be_null
            nullable[:] = [may_be_null(group_no, number) for group_no in range(count)]
        return Interval(
            np.array([0 if known is None else known[0] for known in zones], object),
            np.array([0 if known is None else known[1] for known in zones], object),
            np.array([known is not None for known in zones], np.bool_),
            nullable,
        )


def _may_pass(program: Program, numbers: Sequence[int], zones: _Zones) -> Mask:
    """Where all filters of a program may be true."""
    run = _Run(program, numbers, zones)
    possible = np.ones(zones.count, np.bool_)
    for op, target, first, second in program.code.tolist():
        if op == Op.FILTER:
            condition = run.registers[first]
            possible &= ~condition.known | (condition.high != 0).astype(np.bool_)
        elif op in RANGES:
            possible &= run.may_lie_between(op, target, first, second)
        else:
            run.registers[target] = STEPS[op](run, first, second)
    return possible


class _Run:
    """A program over the intervals of all row groups at once."""

    def __init__(self, program: Program, numbers: Sequence[int], zones: _Zones) -> None:
        self._program = program
        self._numbers = numbers
        self._zones = zones
        self._with_nulls = Op.IS_NULL in program.code[:, 0]
        self.registers: dict[int, Interval] = {}

    def load(self, first: int, _second: int) -> Interval:
        """A column."""
        return self._zones.interval(self._numbers[first], with_nulls=self._with_nulls)

    def load_decimal(self, first: int, second: int) -> Interval:
        """A column of decimals: the least int64 stands for NaN, which is the greatest of them."""
        found = self.load(first, second)
        return replace(found, known=found.known & (found.low != WORD_MIN).astype(np.bool_))

    def constant(self, first: int, _second: int) -> Interval:
        """An integer."""
        return self._constant(int(self._program.constants[first]))

    def constant_float(self, first: int, _second: int) -> Interval:
        """A float; nothing is said of NaN."""
        value = float(self._program.float_constants[first])
        found = self._constant(value)
        return found if value == value else replace(found, known=np.zeros_like(found.known))

    def _constant(self, value: float) -> Interval:
        bound = np.full(self._zones.count, value, object)
        there = np.ones(self._zones.count, np.bool_)
        return Interval(bound, bound, there, ~there)

    def may_lie_between(self, op: int, low: int, column: int, high: int) -> Mask:
        """Where values of a column may lie between two constants."""
        found = (self.load_decimal if op == Op.RANGE_DECIMAL else self.load)(column, 0)
        least, greatest = (int(self._program.constants[number]) for number in (low, high))
        overlaps = (found.low <= greatest) & (found.high >= least)
        return ~found.known | (overlaps.astype(np.bool_) & (least <= greatest))

    def unknown(self, _first: int, _second: int) -> Interval:
        """What nothing is said of."""
        found = self._constant(0)
        return replace(found, known=~found.known, nullable=found.known)

    def check_bits(self, first: int, second: int) -> Interval:
        """An integer that must have so many bits; what may not have is an error, or computed otherwise."""
        found = self.registers[first]
        limit = 1 << (second - 1)
        return _within(found, -limit, limit - 1)

    def is_null(self, first: int, _second: int) -> Interval:
        """Whether it is NULL; that all are is never known."""
        found = self.registers[first]
        none = np.zeros_like(found.nullable)
        return Interval(none.astype(object), found.nullable.astype(object), ~none, none)

    def negated(self, first: int, _second: int) -> Interval:
        """NOT."""
        found = self.registers[first]
        return replace(found, low=1 - found.high, high=1 - found.low)


def _within(found: Interval, least: int, greatest: int) -> Interval:
    fits = (found.low >= least) & (found.high <= greatest)
    return replace(found, known=found.known & fits.astype(np.bool_))


def _arithmetic(operation: Callable[[Any, Any], Any]) -> Any:
    """Of integers: the bounds are among the results of the operands' bounds; what may overflow is not known."""

    def step(run: _Run, first: int, second: int) -> Interval:
        left, right = run.registers[first], run.registers[second]
        corners = [
            operation(one, other)
            for one in (left.low, left.high)
            for other in (right.low, right.high)
        ]
        low, high = corners[0], corners[0]
        for corner in corners[1:]:
            low, high = np.minimum(low, corner), np.maximum(high, corner)
        known, nullable = left.known & right.known, left.nullable | right.nullable
        return _within(Interval(low, high, known, nullable), WORD_MIN, WORD_MAX)

    return step


def _comparison(
    may_hold: Callable[[Interval, Interval], Any], must_hold: Callable[[Interval, Interval], Any]
) -> Any:
    """1 where it must hold for all values, 0 where it cannot, else between the two."""

    def step(run: _Run, first: int, second: int) -> Interval:
        left, right = run.registers[first], run.registers[second]
        known = left.known & right.known
        low = known & must_hold(left, right).astype(np.bool_)
        high = ~known | may_hold(left, right).astype(np.bool_)
        nullable = left.nullable | right.nullable
        there = np.ones_like(known)
        return Interval(low.astype(object), high.astype(object), there, nullable)

    return step


def _logic(choose: Callable[[Any, Any], Any]) -> Any:
    """AND is the lesser of two truths, OR the greater."""

    def step(run: _Run, first: int, second: int) -> Interval:
        left, right = run.registers[first], run.registers[second]
        return Interval(
            choose(np.where(left.known, left.low, 0), np.where(right.known, right.low, 0)),
            choose(np.where(left.known, left.high, 1), np.where(right.known, right.high, 1)),
            np.ones_like(left.known),
            left.nullable | right.nullable,
        )

    return step


def _may_be_equal(left: Interval, right: Interval) -> Any:
    return (left.low <= right.high) & (right.low <= left.high)


def _must_be_equal(left: Interval, right: Interval) -> Any:
    return (left.low == right.high) & (left.high == right.low)


_EQUAL: Final = _comparison(_may_be_equal, _must_be_equal)
_UNEQUAL: Final = _comparison(
    lambda left, right: ~_must_be_equal(left, right).astype(np.bool_),
    lambda left, right: ~_may_be_equal(left, right).astype(np.bool_),
)
_LESS: Final = _comparison(
    lambda left, right: left.low < right.high, lambda left, right: left.high < right.low
)
_LESS_OR_EQUAL: Final = _comparison(
    lambda left, right: left.low <= right.high, lambda left, right: left.high <= right.low
)

STEPS: Final[dict[int, Any]] = {
    Op.LOAD: _Run.load,
    Op.LOAD_DECIMAL: _Run.load_decimal,
    Op.CONSTANT: _Run.constant,
    Op.CONSTANT_FLOAT: _Run.constant_float,
    Op.ADD: _arithmetic(np.add),
    Op.SUBTRACT: _arithmetic(np.subtract),
    Op.MULTIPLY: _arithmetic(np.multiply),
    Op.ADD_FLOAT: _Run.unknown,
    Op.SUBTRACT_FLOAT: _Run.unknown,
    Op.MULTIPLY_FLOAT: _Run.unknown,
    Op.DIVIDE_FLOAT: _Run.unknown,
    Op.TO_FLOAT: _Run.unknown,
    Op.CHECK_BITS: _Run.check_bits,
    Op.EQUAL: _EQUAL,
    Op.UNEQUAL: _UNEQUAL,
    Op.LESS: _LESS,
    Op.LESS_OR_EQUAL: _LESS_OR_EQUAL,
    Op.EQUAL_FLOAT: _EQUAL,
    Op.UNEQUAL_FLOAT: _UNEQUAL,
    Op.LESS_FLOAT: _LESS,
    Op.LESS_OR_EQUAL_FLOAT: _LESS_OR_EQUAL,
    Op.AND: _logic(np.minimum),
    Op.OR: _logic(np.maximum),
    Op.NOT: _Run.negated,
    Op.IS_NULL: _Run.is_null,
}
