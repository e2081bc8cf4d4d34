"""Selectivities: which share of the rows conditions leave.

Rule 1: a selectivity is a guess between 0 and 1; where statistics know nothing, PostgreSQL's defaults are taken.
Rule 2: conditions are taken to be independent, but for two bounds on one value and for what statistics objects know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from server.expressions.expression import (
    And,
    ArrayComparison,
    BooleanTest,
    Call,
    Constant,
    Expression,
    InList,
    IsDistinct,
    IsNull,
    Not,
    Or,
    Parameter,
    RowComparison,
    columns_used,
)
from server.oids import BOOL
from server.planner import together
from server.planner.array_estimates import array_share, holds_share
from server.planner.clauses import SWAPPED, Compared, compared, elements_of, negated
from server.planner.matching import strip_relabel, structural_key
from server.planner.pattern_estimates import pattern_share
from server.planner.statistics import ColumnFacts, Known
from server.planner.value_estimates import (
    DEFAULT_RANGE,
    comparable,
    compared_share,
    equal_share,
    joined_share,
    unequal_share,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

DEFAULT_EQUAL: Final = 0.005
DEFAULT_BETWEEN: Final = 0.005
DEFAULT_UNKNOWN: Final = 0.005
DEFAULT_CALL: Final = 1 / 3
DEFAULT_ELEMENTS: Final = 10
VALUES_MAX: Final = 500
"""How many values of a list are looked up in the statistics; of longer lists each speaks for several."""
RANGES: Final = ("<", "<=", ">", ">=")
NEARLY_NONE: Final = 1e-10
OVERLAP_MIN: Final = -0.01
OTHER_OPERATORS: Final[dict[str, float]] = {
    "@>": 0.01, "<@": 0.01, "&&": 0.01, "?": 0.01, "?|": 0.01, "?&": 0.01, "@@": 0.005, "@?": 0.01,
}  # fmt: skip
OF_CATEGORY: Final[dict[str, dict[str, float]]] = {
    "R": {"@>": 0.005, "<@": 0.005, "&&": 0.01},
    "G": {"@>": 0.001, "<@": 0.001, "&&": 0.005, "<<": 0.1, ">>": 0.1},
}
"""What PostgreSQL takes operators of ranges and of geometry to leave."""


def selectivity_of_all(
    known: Known, conditions: Iterable[Expression], *, extended: bool = True
) -> float:
    """The fraction of rows that satisfy all conditions; extended: with what statistics objects know."""
    clauses = list(_flat(conditions))
    if len(clauses) == 1:
        return selectivity(known, clauses[0], extended=extended)
    result = 1.0
    if extended and known.together():
        result, clauses = together.share_of_all(known, clauses, _plain(known))
    bounds: dict[Any, _Bounds] = {}
    for clause in clauses:
        if not _take_bound(known, clause, bounds):
            result *= selectivity(known, clause, extended=extended)
    for each in bounds.values():
        result *= each.share()
    return min(1.0, max(result, 0.0))


def _flat(conditions: Iterable[Expression]) -> Iterable[Expression]:
    for condition in conditions:
        each = negated(condition.argument) if isinstance(condition, Not) else condition
        if isinstance(each, And):
            yield from _flat(each.arguments)
        else:
            yield each


def _plain(known: Known) -> Callable[[Sequence[Expression]], float]:
    """Estimates of conditions without what statistics objects know."""
    return lambda clauses: selectivity_of_all(known, clauses, extended=False)


@dataclass(slots=True)
class _Bounds:
    """The bounds of one value: the fraction below the upper one, and the one above the lower one."""

    null_fraction: float
    low: float | None = None
    high: float | None = None

    def add(self, operator: str, share: float) -> None:
        """The narrower one of two on a side counts."""
        if operator in ("<", "<="):
            self.high = share if self.high is None else min(self.high, share)
        else:
            self.low = share if self.low is None else min(self.low, share)

    def share(self) -> float:
        """The fraction between the bounds."""
        if self.low is None or self.high is None:
            only = self.low if self.high is None else self.high
            assert only is not None
            return only
        if DEFAULT_RANGE in (self.low, self.high):
            return DEFAULT_BETWEEN
        share = self.low + self.high - 1.0 + self.null_fraction
        if share > 0:
            return share
        return DEFAULT_BETWEEN if share < OVERLAP_MIN else NEARLY_NONE


def _take_bound(known: Known, clause: Expression, bounds: dict[Any, _Bounds]) -> bool:
    """Note a comparison of something with what does not change from row to row, if the condition is one."""
    found = compared(clause)
    if found is None or found.operator not in RANGES:
        return False
    key = structural_key(strip_relabel(found.operand))
    facts = known.expression(found.operand)
    missing = facts.null_fraction if facts is not None and facts.learned else DEFAULT_UNKNOWN
    share = selectivity(known, clause)
    bounds.setdefault(key, _Bounds(missing)).add(found.operator, share)
    return True


def selectivity(known: Known, condition: Expression, *, extended: bool = True) -> float:
    """The fraction of rows for which the condition is true."""
    if isinstance(condition, And):
        return selectivity_of_all(known, condition.arguments, extended=extended)
    if isinstance(condition, Or):
        return _either(known, condition.arguments, extended=extended)
    if isinstance(condition, Not):
        opposite = negated(condition.argument)
        if not isinstance(opposite, Not):
            return selectivity(known, opposite, extended=extended)
        return 1.0 - selectivity(known, condition.argument, extended=extended)
    condition = strip_relabel(condition)
    handler = _SELECTIVITIES.get(type(condition))
    if handler is None:
        return _truth(known, condition)
    return min(1.0, max(handler(known, condition), 0.0))


def _either(known: Known, clauses: Sequence[Expression], *, extended: bool) -> float:
    result, rest = 0.0, list(clauses)
    if extended and known.together():
        result, rest = together.share_of_any(known, rest, _plain(known))
    for each in rest:
        part = selectivity(known, each, extended=extended)
        result = result + part - result * part
    return min(1.0, max(result, 0.0))


def _constant(known: Known, condition: Any) -> float:
    return 1.0 if condition.value else 0.0


def _truth(known: Known, condition: Expression) -> float:
    """Of a condition that is a value by itself: how often it is true."""
    facts = known.expression(condition)
    if facts is None or not facts.learned:
        return 0.5
    return equal_share(facts, key=True, is_known=True)


def _parameter(known: Known, condition: Expression) -> float:
    constant = known.constant(condition)
    return 0.5 if constant is None else _constant(known, constant)


def _null_test(known: Known, condition: Any) -> float:
    facts = known.expression(condition.argument)
    missing = facts.null_fraction if facts is not None and facts.learned else DEFAULT_UNKNOWN
    return 1.0 - missing if condition.negated else missing


def _boolean_test(known: Known, condition: Any) -> float:
    """IS TRUE, IS FALSE, IS UNKNOWN; negated: the rest."""
    facts = known.expression(condition.argument)
    if facts is not None and facts.learned:
        share = _share_of_truth(facts, condition.truth)
    elif condition.truth is None:
        share = DEFAULT_UNKNOWN
    else:
        share = selectivity(known, condition.argument)
        share = share if condition.truth else 1.0 - share
    return 1.0 - share if condition.negated else share


def _share_of_truth(facts: ColumnFacts, truth: bool | None) -> float:
    if truth is None:
        return facts.null_fraction
    if not facts.common:
        return (1.0 - facts.null_fraction) / 2.0
    first, share = next(iter(facts.common.items()))
    true = share if first else 1.0 - share - facts.null_fraction
    return true if truth else 1.0 - true - facts.null_fraction


def _in_list(known: Known, condition: Any) -> float:
    operator = "<>" if condition.negated else "="
    items, times = _sample(condition.items)
    pairs = [(item, known.constant(item)) for item in items]
    parts = [_one_comparison(known, condition.argument, operator, *each) for each in pairs] * times
    if condition.written_apart:
        return _one_by_one(parts, every=condition.negated)
    return _listed(parts, operator, every=condition.negated)


def _array(known: Known, condition: Any) -> float:
    items = elements_of(known, condition.argument, condition.array)
    if items is None:
        held = None
        if condition.operator in ("=", "<>"):
            facts = known.expression(condition.array)
            constant = known.constant(condition.argument)
            held = holds_share(facts, constant, condition.operator, every=condition.every)
        if held is not None:
            return held
        items = [(condition.array, None)] * DEFAULT_ELEMENTS
    operator = condition.operator
    items, times = _sample(items)
    parts = [_one_comparison(known, condition.argument, operator, *each) for each in items] * times
    return _listed(parts, operator, every=condition.every)


def _sample(items: Sequence[T]) -> tuple[Sequence[T], int]:
    """Some of many values, and for how many each of them stands."""
    times = -(-len(items) // VALUES_MAX)
    return (items, 1) if times <= 1 else (items[::times], times)


def _listed(parts: list[float], operator: str, *, every: bool) -> float:
    """Of `x op ANY` or ALL of some values; equalities with different values exclude each other."""
    apart = 1.0 - sum(1.0 - part for part in parts) if every else sum(parts)
    if operator == ("<>" if every else "=") and 0.0 <= apart <= 1.0:
        return apart
    return _one_by_one(parts, every=every)


def _one_by_one(parts: list[float], *, every: bool) -> float:
    """Conditions that know nothing of each other, every one of which has to hold, or one."""
    result = 1.0 if every else 0.0
    for part in parts:
        result = result * part if every else result + part - result * part
    return result


def _one_comparison(
    known: Known, argument: Expression, operator: str, item: Expression, value: Constant | None
) -> float:
    if operator not in SWAPPED:
        return DEFAULT_EQUAL
    if value is not None and value.value is None:
        return 0.0
    facts = known.expression(argument)
    if operator in RANGES:
        if facts is None or value is None:
            return DEFAULT_RANGE
        return compared_share(facts, operator, value)
    return _equal_or_not(known, facts, argument, operator, value)


def _equal_or_not(
    known: Known,
    facts: ColumnFacts | None,
    operand: Expression,
    operator: str,
    value: Constant | None,
) -> float:
    if value is not None and value.value is None:
        return 0.0
    if facts is None:
        facts = _unknown(known, operand)
    key = None
    if value is not None and facts.kind is not None:
        key = comparable(facts.kind, value)
    equal = equal_share(facts, key, is_known=value is not None)
    return equal if operator == "=" else unequal_share(facts, equal)


def _unknown(known: Known, operand: Expression) -> ColumnFacts:
    """An expression of which nothing is known but the number of rows."""
    rows = 0.0
    for column in columns_used(operand):
        facts = known.column(column)
        rows = max(rows, facts.rows if facts is not None else 0.0)
    return ColumnFacts(rows or 1.0 / DEFAULT_EQUAL, kind=operand.type.type)


STARTS_WITH = 3696
"""The OID of the function that the operator ^@ is, too."""


def _call(known: Known, condition: Any) -> float:
    operator = condition.operator
    if condition.function.oid == STARTS_WITH:
        return pattern_share(known, replace(condition, operator="^@")) or 0.0
    if condition.form != "operator" or len(condition.arguments) != 2:
        facts = known.expression(condition)
        return DEFAULT_CALL if facts is None else _truth(known, condition)
    found = compared(condition)
    if found is not None:
        return _compared(known, found)
    if operator in SWAPPED:
        return _between_columns(known, condition)
    for estimate in (pattern_share, array_share):
        share = estimate(known, condition)
        if share is not None:
            return share
    category = condition.arguments[0].type.type.category
    return OF_CATEGORY.get(category, OTHER_OPERATORS).get(operator, DEFAULT_EQUAL)


def _compared(known: Known, found: Compared) -> float:
    """A comparison with what does not change from row to row."""
    facts, value = known.expression(found.operand), known.constant(found.value)
    if value is not None and value.value is None:
        return 0.0
    if value is not None and found.operand.type.oid == BOOL and found.operator in ("=", "<>"):
        truth = _truth(known, found.operand)
        return truth if (found.operator == "=") == value.value else 1.0 - truth
    if found.operator in RANGES:
        if facts is None or value is None:
            return DEFAULT_RANGE
        return compared_share(facts, found.operator, value)
    return _equal_or_not(known, facts, found.operand, found.operator, value)


def _between_columns(known: Known, condition: Call) -> float:
    """A comparison of columns: of two tables, or of one, about which nothing is known."""
    if condition.operator in RANGES:
        return DEFAULT_RANGE
    sides = [known.expression(each) for each in condition.arguments]
    found = [each for each in sides if each is not None]
    equal = DEFAULT_EQUAL
    if known.joins and found:
        equal = joined_share(found[0], found[-1])
    return equal if condition.operator == "=" else 1.0 - equal


def _distinct(known: Known, condition: Any) -> float:
    """IS DISTINCT FROM: what = is not true of, NULLs on one side included."""
    equal = Call(
        type=condition.type,
        function=condition.function,
        arguments=(condition.left, condition.right),
        form="operator",
        operator="=",
    )
    share = selectivity(known, equal)
    return share if condition.negated else 1.0 - share


def _row_comparison(known: Known, condition: Any) -> float:
    """As far as the first fields tell."""
    first = Call(
        type=condition.type,
        function=condition.orders[0],
        arguments=(condition.left[0], condition.right[0]),
        form="operator",
        operator=condition.operator,
    )
    return selectivity(known, first)


_SELECTIVITIES: Final[dict[type[Expression], Callable[[Known, Any], float]]] = {
    Constant: _constant,
    Parameter: _parameter,
    IsNull: _null_test,
    BooleanTest: _boolean_test,
    InList: _in_list,
    ArrayComparison: _array,
    Call: _call,
    IsDistinct: _distinct,
    RowComparison: _row_comparison,
}
