"""Selectivities and costs. One unit of cost is about a microsecond.

Rule 1: a selectivity is a guess between 0 and 1; where statistics know nothing, PostgreSQL's
        defaults are taken.
Rule 2: conditions are taken to be independent, but for two bounds on one column.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Any

from server.expressions.expression import (
    And,
    ArrayComparison,
    ArrayConstructor,
    BooleanTest,
    Call,
    Constant,
    Expression,
    InList,
    IsNull,
    Not,
    Or,
    OuterVariable,
    RowComparison,
    Variable,
    columns_used,
)
from server.planner.matching import strip_relabel
from server.planner.statistics import ColumnFacts, Known, key_of_value

if TYPE_CHECKING:
    from collections.abc import Iterable

SCAN_START = 10.0
SCAN_VALUE = 0.002  # one value of one column
FILTER_ROW = 0.004
INDEX_START = 4.0
INDEX_ROW = 1.0
LOOP_START = 100.0  # one more run of the inner side of a dependent join (measured: 115)
LOOKUP_START = 12.0  # one more key of an index join, answered a batch at a time (measured: 10)
LOOP_PAIR = 0.004
HASH_BUILD = 0.06
HASH_PROBE = 0.03
KEY_FILTER_ROW = 0.008
OUTPUT_ROW = 0.01
SORT_ROW = 0.08
GROUP_ROW = 0.04

DEFAULT_EQUAL = 0.005
DEFAULT_RANGE = 1 / 3
DEFAULT_BETWEEN = 0.005
DEFAULT_MATCH = 0.02
_RANGES = ("<", "<=", ">", ">=")
_SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_PATTERNS = {"~~": 0.02, "~~*": 0.02, "~": 0.02, "~*": 0.02}
_NEGATED_PATTERNS = {"!~~": 0.98, "!~~*": 0.98, "!~": 0.98, "!~*": 0.98}


def sort_cost(rows: float, kept: float | None = None) -> float:
    """Sorting that many rows, or keeping the first `kept` of them."""
    rows = max(rows, 2.0)
    return rows * SORT_ROW * log2(max(2.0, min(rows, 2 * kept if kept else rows)))


def selectivity_of_all(facts: Known, conditions: Iterable[Expression]) -> float:
    """The fraction of rows that satisfy all conditions; bounds on one column are taken together."""
    result = 1.0
    ranges: dict[int, dict[str, float]] = {}
    for condition in conditions:
        bound = _range_bound(facts, condition)
        if bound is not None:
            column, side, fraction = bound
            sides = ranges.setdefault(column, {})
            sides[side] = min(sides.get(side, 1.0), fraction)
        else:
            result *= selectivity(facts, condition)
    for sides in ranges.values():
        result *= _range_fraction(sides)
    return min(1.0, max(result, 0.0))


def _range_fraction(sides: dict[str, float]) -> float:
    if len(sides) == 1:
        return next(iter(sides.values()))
    low, high = sides["low"], sides["high"]
    if low == high == DEFAULT_RANGE:
        return DEFAULT_BETWEEN
    return max(low + high - 1.0, 1e-6)


def _range_bound(facts: Known, condition: Expression) -> tuple[int, str, float] | None:
    """Column, side and selectivity of a comparison of a column with a value."""
    compared = column_comparison(condition)
    if compared is None or compared[1] not in _RANGES:
        return None
    variable, operator, other = compared
    if columns_used(other):
        return None
    column = facts.column(variable.column)
    fraction = None
    value = facts.constant(other)
    if column is not None and value is not None and value.value is not None:
        key = _comparable(variable, value)
        below = None
        if key is not None:
            below = column.fraction_below(key, operator in ("<=", ">"))
        if below is not None:
            fraction = below
            if operator in (">", ">="):
                fraction = max(0.0, 1.0 - column.null_fraction - below)
    side = "high" if operator in ("<", "<=") else "low"
    return variable.column, side, DEFAULT_RANGE if fraction is None else fraction


def _comparable(variable: Variable, constant: Constant) -> Any:
    kind = constant.type.type
    integers = (20, 21, 23)
    if kind.oid != variable.type.oid and not (
        kind.oid in integers and variable.type.oid in integers
    ):
        strings = (25, 1043, 1042)
        if not (kind.oid in strings and variable.type.oid in strings):
            return None
    return key_of_value(kind, constant.value)


def column_comparison(condition: Expression) -> tuple[Variable, str, Expression] | None:
    """Column, operator and the other operand of `column op x` or `x op column`."""
    if not isinstance(condition, Call) or condition.form != "operator":
        return None
    if len(condition.arguments) != 2 or condition.operator not in _SWAPPED:
        return None
    left, right = (strip_relabel(each) for each in condition.arguments)
    if isinstance(left, Variable):
        return left, condition.operator, condition.arguments[1]
    if isinstance(right, Variable):
        return right, _SWAPPED[condition.operator], condition.arguments[0]
    return None


def selectivity(facts: Known, condition: Expression) -> float:
    """The fraction of rows for which the condition is true."""
    if isinstance(condition, Constant):
        return 1.0 if condition.value else 0.0
    if isinstance(condition, And):
        return selectivity_of_all(facts, condition.arguments)
    if isinstance(condition, Or):
        result = 0.0
        for each in condition.arguments:
            part = selectivity(facts, each)
            result += part - result * part
        return result
    if isinstance(condition, Not):
        return 1.0 - selectivity(facts, condition.argument)
    handler = _SELECTIVITIES.get(type(condition))
    return handler(facts, condition) if handler is not None else 0.5


def _null_test(facts: Known, condition: Any) -> float:
    column = _column(facts, condition.argument)
    missing = column.null_fraction if column is not None else 0.005
    return 1.0 - missing if condition.negated else max(missing, 0.0)


def _boolean_test(facts: Known, condition: Any) -> float:
    part = selectivity(facts, condition.argument) if condition.truth is not None else 0.005
    return 1.0 - part if (condition.truth is False) != condition.negated else part


def _column(facts: Known, expression: Expression) -> ColumnFacts | None:
    inner = strip_relabel(expression)
    if isinstance(inner, Variable):
        return facts.column(inner.column)
    return None


def _in_list(facts: Known, condition: Any) -> float:
    column = _column(facts, condition.argument)
    total = sum(_equal_to(facts, column, condition.argument, item) for item in condition.items)
    total = min(total, 1.0)
    return 1.0 - total if condition.negated else total


def _array(facts: Known, condition: Any) -> float:
    column = _column(facts, condition.argument)
    count = 10
    if isinstance(condition.array, ArrayConstructor):
        count = len(condition.array.items)
    each = 1.0 / column.distinct_count if column is not None else DEFAULT_EQUAL
    if condition.operator != "=" or condition.every:
        return 0.5
    return min(1.0, each * count)


def _call(facts: Known, condition: Any) -> float:
    operator = condition.operator
    if condition.form != "operator" or len(condition.arguments) != 2:
        return DEFAULT_RANGE
    if operator in _PATTERNS:
        return _PATTERNS[operator]
    if operator in _NEGATED_PATTERNS:
        return _NEGATED_PATTERNS[operator]
    if operator in _RANGES:
        bound = _range_bound(facts, condition)
        return DEFAULT_RANGE if bound is None else bound[2]
    if operator in ("=", "<>"):
        equal = _equality(facts, condition)
        return equal if operator == "=" else 1.0 - equal
    return DEFAULT_EQUAL


def _equality(facts: Known, condition: Call) -> float:
    left, right = condition.arguments
    first, second = _column(facts, left), _column(facts, right)
    if first is not None and second is not None:
        return 1.0 / max(first.distinct_count, second.distinct_count)
    if first is not None:
        return _equal_to(facts, first, left, right)
    if second is not None:
        return _equal_to(facts, second, right, left)
    if columns_used(left) and columns_used(right):
        return 1.0 / DEFAULT_DISTINCT_EXPRESSIONS
    return DEFAULT_EQUAL


DEFAULT_DISTINCT_EXPRESSIONS = 200.0


def _equal_to(
    facts: Known, column: ColumnFacts | None, operand: Expression, value: Expression
) -> float:
    """The fraction of rows in which a column has that value."""
    if column is None:
        return DEFAULT_EQUAL
    if column.unique:
        return 1.0 / max(column.rows, 1.0)
    constant = facts.constant(value)
    if constant is not None:
        if constant.value is None:
            return 0.0
        inner = strip_relabel(operand)
        key = _comparable(inner, constant) if isinstance(inner, Variable) else None
        if key is not None:
            try:
                share = column.common.get(key)
            except TypeError:
                share = None
            if share is not None:
                return share
    rest = max(0.0, 1.0 - column.null_fraction - column.common_total)
    others = column.distinct_count - len(column.common)
    if constant is not None and others >= 1:
        return rest / others
    return max(0.0, 1.0 - column.null_fraction) / column.distinct_count


def _row_comparison(facts: Known, condition: Any) -> float:
    """As far as the first fields tell."""
    first = Call(
        type=condition.type,
        function=condition.orders[0],
        arguments=(condition.left[0], condition.right[0]),
        form="operator",
        operator=condition.operator,
    )
    return selectivity_of_all(facts, [first])


_SELECTIVITIES: dict[type[Expression], Any] = {
    IsNull: _null_test,
    BooleanTest: _boolean_test,
    InList: _in_list,
    ArrayComparison: _array,
    Call: _call,
    RowComparison: _row_comparison,
    Variable: lambda facts, condition: 0.5,
    OuterVariable: lambda facts, condition: 0.5,
}


def group_count(facts: Known, keys: Iterable[Expression], rows: float) -> float:
    """How many groups the keys make of that many rows."""
    result = 1.0
    for key in keys:
        columns = columns_used(key)
        if not columns:
            continue
        count = 1.0
        for column in columns:
            known = facts.column(column)
            count *= known.distinct_count if known is not None else DEFAULT_DISTINCT_EXPRESSIONS
        result *= count
        if result > rows:
            return max(1.0, rows)
    return max(1.0, min(result, rows))
