"""Estimates of several conditions together, from what statistics objects know.

Rule 1: common combinations of values come first: of the conditions that an object's list covers, it tells the share of
        the combinations it has; the others are taken to be as independent as they would be without it.
Rule 2: what is left are equalities: one that follows from others restricts by itself only where it does not follow.

The methods are those of the manual's "Multivariate Statistics Examples"; `plain` estimates conditions without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.expressions.expression import (
    And,
    ArrayComparison,
    Call,
    Constant,
    Expression,
    InList,
    IsNull,
    Not,
    Or,
    Variable,
    columns_used,
)
from server.planner.clauses import compared, elements_of
from server.planner.learned_keys import key_of_text
from server.planner.matching import strip_relabel, structural_key
from server.planner.value_estimates import TESTS, comparable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from server.planner.statistics import Known, Together

    Mask = npt.NDArray[np.bool_]
    Plain = Callable[[Sequence[Expression]], float]

LEAST_MATCHED: Final = 2
KEYS_MAX: Final = 8


# What conditions are about.


def items_read(known: Known, clause: Expression) -> frozenset[Any] | None:
    """The keys of the columns and expressions a condition is about, None where no list of values can decide it."""
    clause = strip_relabel(clause)
    if isinstance(clause, And | Or):
        return _all_items(known, clause.arguments)
    if isinstance(clause, Not):
        return items_read(known, clause.argument)
    operand = _operand(known, clause)
    if operand is None:
        return None
    operand = strip_relabel(operand)
    return frozenset((structural_key(operand),)) if columns_used(operand) else None


def _all_items(known: Known, clauses: Iterable[Expression]) -> frozenset[Any] | None:
    result: frozenset[Any] = frozenset()
    for each in clauses:
        found = items_read(known, each)
        if found is None:
            return None
        result |= found
    return result


def _operand(known: Known, clause: Expression) -> Expression | None:
    """What a single condition compares with constants; by itself it is a truth value that may be known, too."""
    if isinstance(clause, Call) and clause.form == "operator" and len(clause.arguments) == 2:
        found = compared(clause)
        if found is None or known.constant(found.value) is None:
            return None
        return found.operand
    if isinstance(clause, InList):
        return clause.argument if _are_known(known, clause) else None
    if isinstance(clause, ArrayComparison):
        return clause.argument if clause.operator in TESTS and _are_known(known, clause) else None
    if isinstance(clause, IsNull):
        return clause.argument
    return clause


def _are_known(known: Known, clause: InList | ArrayComparison) -> bool:
    return all(value is not None for _, value in _elements(known, clause) or ((None, None),))


def _elements(
    known: Known, clause: InList | ArrayComparison
) -> Sequence[tuple[Expression, Constant | None]] | None:
    if isinstance(clause, InList):
        return [(item, known.constant(item)) for item in clause.items]
    return elements_of(known, clause.argument, clause.array)


# Lists of common combinations.


class _Common:
    """The list of common combinations of an object, and which of them conditions are true of."""

    def __init__(self, known: Known, source: Together) -> None:
        self.known = known
        self.source = source
        self.shares = np.array([share for _, share, _ in source.found.common])
        self.independent = np.array([share for _, _, share in source.found.common])
        self._columns: dict[Any, list[Any]] = {}

    @property
    def total(self) -> float:
        """The share of all the combinations."""
        return float(self.shares.sum())

    def values(self, key: Any) -> list[Any]:
        """The sort keys of an item in each combination, None for NULL."""
        known = self._columns.get(key)
        if known is None:
            place = self.source.keys.index(key)
            kind = self.source.kinds[place]
            texts = (values[place] for values, _, _ in self.source.found.common)
            known = [None if text is None else key_of_text(kind, text) for text in texts]
            self._columns[key] = known
        return known

    def matches_all(self, clauses: Iterable[Expression]) -> Mask:
        """The combinations of which all conditions are true."""
        result = np.ones(len(self.shares), np.bool_)
        for each in clauses:
            result &= self.matches(each)
        return result

    def matches_none(self, clauses: Iterable[Expression]) -> Mask:
        """The combinations of which no condition is true."""
        result = np.ones(len(self.shares), np.bool_)
        for each in clauses:
            result &= ~self.matches(each)
        return result

    def matches(self, clause: Expression) -> Mask:
        """The combinations of which a condition is true."""
        clause = strip_relabel(clause)
        if isinstance(clause, And):
            return self.matches_all(clause.arguments)
        if isinstance(clause, Or):
            return ~self.matches_none(clause.arguments)
        if isinstance(clause, Not):
            return ~self.matches(clause.argument)
        operand = _operand(self.known, clause)
        assert operand is not None
        values = self.values(structural_key(strip_relabel(operand)))
        test = self._test(clause, operand)
        return np.array([test(value) for value in values], np.bool_)

    def _test(self, clause: Expression, operand: Expression) -> Callable[[Any], bool]:
        if isinstance(clause, IsNull):
            return lambda value: (value is None) != clause.negated
        if isinstance(clause, InList | ArrayComparison):
            return self._test_of_elements(clause)
        found = compared(clause)
        if found is None:
            return bool
        constant = self.known.constant(found.value)
        assert constant is not None
        return _comparison(found.operator, comparable(operand.type.type, constant))

    def _test_of_elements(self, clause: InList | ArrayComparison) -> Callable[[Any], bool]:
        kind = clause.argument.type.type
        if isinstance(clause, InList):
            every, operator = clause.negated, "<>" if clause.negated else "="
        else:
            every, operator = clause.every, clause.operator
        tests = [
            _comparison(operator, comparable(kind, constant) if constant is not None else None)
            for _, constant in _elements(self.known, clause) or ()
        ]
        if every:
            return lambda value: all(test(value) for test in tests)
        return lambda value: any(test(value) for test in tests)


def _comparison(operator: str, key: Any) -> Callable[[Any], bool]:
    test = TESTS[operator]

    def compare(value: Any) -> bool:
        if value is None or key is None:
            return False
        try:
            return test(value, key)
        except TypeError:
            return False

    return compare


def _combined(plain: float, matched: float, independent: float, total: float) -> float:
    """The share of a list's combinations, and of what is not in the list as much as conditions by themselves say."""
    others = min(_clamped(plain - independent), 1.0 - total)
    return _clamped(matched + others)


def _clamped(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _best(
    sources: Sequence[Together], items: Sequence[frozenset[Any] | None]
) -> tuple[Together, list[int]] | None:
    """The object that covers most of what conditions are about, with the places of these; of equals the smaller one."""
    best: tuple[Together, list[int]] | None = None
    most, fewest = LEAST_MATCHED, KEYS_MAX + 1
    for source in sources:
        keys = frozenset(source.keys)
        places = [place for place, item in enumerate(items) if item and item <= keys]
        matched = len(frozenset[Any]().union(*(items[place] or () for place in places)))
        if matched > most or (matched == most and len(keys) < fewest):
            best, most, fewest = (source, places), matched, len(keys)
    return best


def _covered(
    known: Known, clauses: list[Expression]
) -> Iterable[tuple[_Common, list[tuple[Expression, bool]]]]:
    """Lists of common combinations with the conditions that each covers and whether these are simple, taken out."""
    sources = [each for each in known.together() if each.found.common]
    items = [items_read(known, clause) for clause in clauses] if sources else []
    while sources and (found := _best(sources, items)) is not None:
        source, places = found
        taken = [(clauses[place], len(items[place] or ()) == 1) for place in places]
        for place in reversed(places):
            del clauses[place], items[place]
        yield _Common(known, source), taken


def share_of_all(
    known: Known, clauses: Sequence[Expression], plain: Plain
) -> tuple[float, list[Expression]]:
    """The share of rows that satisfy those of the conditions that objects know of, and the other conditions."""
    rest, result = list(clauses), 1.0
    for common, taken in _covered(known, rest):
        conditions = [clause for clause, _ in taken]
        matches = common.matches_all(conditions)
        result *= _combined(
            plain(conditions),
            float(common.shares[matches].sum()),
            float(common.independent[matches].sum()),
            common.total,
        )
    share, rest = _share_by_dependence(known, rest, plain)
    return result * share, rest


def share_of_any(
    known: Known, clauses: Sequence[Expression], plain: Plain
) -> tuple[float, list[Expression]]:
    """The same for conditions one of which is enough."""
    rest, result = list(clauses), 0.0
    for common, taken in _covered(known, rest):
        share = _share_of_list(common, taken, plain)
        result += share - result * share
    return result, rest


def _share_of_list(
    common: _Common, taken: Iterable[tuple[Expression, bool]], plain: Plain
) -> float:
    """One condition after the other, each without the combinations that one before has taken."""
    before = np.zeros(len(common.shares), np.bool_)
    alone, result = 0.0, 0.0
    for clause, is_simple in taken:
        by_itself = plain([clause])
        matches = common.matches(clause)
        both = matches & before
        share = by_itself
        if not is_simple:
            share = _combined(
                by_itself,
                float(common.shares[matches].sum()),
                float(common.independent[matches].sum()),
                common.total,
            )
        overlap = _combined(
            alone * by_itself,
            float(common.shares[both].sum()),
            float(common.independent[both].sum()),
            common.total,
        )
        result = _clamped(result + share - overlap)
        alone = _clamped(alone + by_itself - alone * by_itself)
        before |= matches
    return result


# Dependencies.


@dataclass(frozen=True, slots=True)
class _Dependency:
    """The last of the items follows from the others for that share of the rows."""

    items: tuple[Any, ...]
    degree: float


def _equated(known: Known, clause: Expression) -> Any:
    """The key of what an equality is about, None for any other condition."""
    clause = strip_relabel(clause)
    if isinstance(clause, Or):
        keys = {_equated(known, each) for each in clause.arguments}
        return keys.pop() if len(keys) == 1 else None
    if isinstance(clause, Not):
        return structural_key(strip_relabel(clause.argument))
    operand: Expression | None = clause
    if isinstance(clause, Call) and clause.form == "operator":
        found = compared(clause)
        operand = found.operand if found is not None and found.operator == "=" else None
    elif isinstance(clause, InList):
        operand = None if clause.negated else clause.argument
    elif isinstance(clause, ArrayComparison):
        is_any = clause.operator == "=" and not clause.every and not columns_used(clause.array)
        operand = clause.argument if is_any else None
    elif not isinstance(clause, Variable | Call):
        operand = None
    return None if operand is None else structural_key(strip_relabel(operand))


def _dependencies(known: Known, keys: frozenset[Any]) -> list[_Dependency]:
    return [
        _Dependency(source.keys_of(numbers), degree)
        for source in known.together()
        if len(keys.intersection(source.keys)) >= LEAST_MATCHED
        for numbers, degree in source.found.dependencies
    ]


def _strongest(dependencies: list[_Dependency], keys: set[Any]) -> _Dependency | None:
    """Of the dependencies between the items, one of most items, and of these the strongest."""
    best: _Dependency | None = None
    for each in dependencies:
        if not keys.issuperset(each.items):
            continue
        rank = len(each.items), each.degree
        if best is None or rank >= (len(best.items), best.degree):
            best = each
    return best


def _share_by_dependence(
    known: Known, clauses: list[Expression], plain: Plain
) -> tuple[float, list[Expression]]:
    """The share of rows that satisfy equalities some of which follow from others, and the other conditions."""
    equated = [_equated(known, clause) for clause in clauses]
    keys = {key for key in equated if key is not None}
    if len(keys) < LEAST_MATCHED:
        return 1.0, clauses
    found = _dependencies(known, frozenset(keys))
    chosen: list[_Dependency] = []
    while (best := _strongest(found, keys)) is not None:
        chosen.append(best)
        keys.discard(best.items[-1])
    if not chosen:
        return 1.0, clauses
    used = {key for each in chosen for key in each.items}
    shares = {
        key: plain([clause for clause, own in zip(clauses, equated, strict=True) if own == key])
        for key in used
    }
    for each in reversed(chosen):
        _apply(each, shares)
    result = 1.0
    for share in shares.values():
        result *= share
    rest = [clause for clause, own in zip(clauses, equated, strict=True) if own not in used]
    return result, rest


def _apply(dependency: _Dependency, shares: dict[Any, float]) -> None:
    """Make the share of the dependent item the one it has where the others hold."""
    given = 1.0
    for key in dependency.items[:-1]:
        given *= shares[key]
    last, degree = dependency.items[-1], dependency.degree
    own = shares[last]
    follows = 1.0 if given <= own else own / given
    shares[last] = degree * follows + (1.0 - degree) * own
