"""What an index can do for conditions: key conditions and what is left of them.

Rule 1: an index condition stays out of the filter only when the index answers it exactly.
Rule 2: a partial index serves when the conditions contain its predicate.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from server.expressions.expression import (
    ArrayComparison,
    ArrayConstructor,
    Call,
    Constant,
    Constants,
    Expression,
    InList,
    IsNull,
    OuterVariable,
    Subquery,
    columns_used,
    walk,
)
from server.functions.pattern_prefix import PATTERN_KINDS, PREFIXES
from server.oids import BPCHAR
from server.planner.bind_operator import COMMUTATORS, conjuncts
from server.planner.implication import all_implied
from server.planner.match_rows import row_conditions
from server.planner.matching import is_volatile, strip_relabel, structural_key
from server.planner.physical import ROW_OPERATORS, KeyCondition

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.objects import Index
    from server.planner.choose import Chooser
    from server.planner.plan import Scan
    from server.types.type import Type

_INDEXABLE = {
    **{operator: operator for operator in ("=", "<", "<=", ">", ">=")},
    **{f"~{operator}~": operator for operator in ("<", "<=", ">", ">=")},
}
"""Operators of comparison by those of key conditions; those of patterns go by code points under any collation."""
_INTEGERS = frozenset((20, 21, 23))
_STRINGS = frozenset((25, 1043, 1042))


@dataclass(slots=True)
class Matched:
    """What an index can do for the conditions.

    Key conditions, the conditions they answer, how far equality goes.
    """

    conditions: list[KeyCondition]
    answered: list[Expression]
    equal_count: int
    unique: bool
    narrowed: list[Expression] = field(default_factory=list)
    """Conditions that some of the entries in the ranges may still fail."""


def match_index(
    chooser: Chooser, scan: Scan, index: Index, conditions: list[Expression]
) -> Matched | None:
    """What the index can do.

    None when it cannot be used at all (a partial one whose predicate is not implied).
    """
    if not index.is_searched or not index.valid or not serves(chooser, scan, index, conditions):
        return None
    matched = Matched([], [], 0, False)
    for position, key in enumerate(index.keys):
        target = chooser.index_key(scan, key)
        found = _key_conditions(chooser, scan, target, position, conditions)
        rows = list(
            row_conditions(chooser, scan, index, position, conditions, partial(_serves, scan))
        )
        found = [*((condition, each) for condition, each, _ in rows), *found]
        inexact = [each for _, each, is_exact in rows if not is_exact]
        if index.method == "hash":
            found = [(c, e) for c, e in found if c.operator == "="]
        if not found:
            break
        if any(c.operator not in ("null", "notnull") for c, _ in found):
            # The others refuse NULLs as well.
            matched.answered += [e for c, e in found if c.operator == "notnull"]
            found = [(c, e) for c, e in found if c.operator != "notnull"]
        equal = next(((c, e) for c, e in found if c.operator in ("=", "null")), None)
        equal = equal or next(((c, e) for c, e in found if c.operator == "any"), None)
        if equal is not None:
            matched.conditions.append(equal[0])
            if _is_pattern(equal[1]):
                matched.narrowed.append(equal[1])
            else:
                matched.answered.append(equal[1])
            matched.equal_count += 1
            continue
        for condition, expression in _narrowest(found):
            matched.conditions.append(condition)
            if _is_pattern(expression):
                matched.narrowed.append(_of_prefix(chooser, expression))
            else:
                is_exact = not any(each is expression for each in inexact)
                (matched.answered if is_exact else matched.narrowed).append(expression)
        break
    matched.unique = (
        index.unique
        and matched.equal_count == len(index.keys)
        and all(c.operator == "=" for c in matched.conditions)
    )
    return matched


def serves(chooser: Chooser, scan: Scan, index: Index, conditions: list[Expression]) -> bool:
    """Whether the index has every row that satisfies the conditions: they imply its predicate, if any."""
    if index.predicate is None:
        return True
    predicate = chooser.index_expression(scan, index.predicate)
    return all_implied(chooser.context, conditions, predicate)


def unanswered(
    chooser: Chooser,
    scan: Scan,
    index: Index,
    conditions: list[Expression],
    answered: list[Expression],
) -> list[Expression]:
    """The conditions that neither the index answers nor its predicate is."""
    rest = [each for each in conditions if not any(each is done for done in answered)]
    if index.predicate is None:
        return rest
    implied = conjuncts(chooser.index_expression(scan, index.predicate))
    known = {structural_key(each) for each in implied}
    return [each for each in rest if structural_key(each) not in known]


def _narrowest(
    found: list[tuple[KeyCondition, Expression]],
) -> list[tuple[KeyCondition, Expression]]:
    """One lower and one upper bound, any more stay in the filter; and all patterns, which have two bounds each."""
    result: dict[str, tuple[KeyCondition, Expression]] = {}
    for condition, expression in found:
        if condition.operator in PREFIXES:
            result[f"pattern {len(result)}"] = (condition, expression)
            continue
        operator = ROW_OPERATORS.get(condition.operator, condition.operator)
        side = "low" if operator in (">", ">=", "notnull") else "high"
        if side not in result or result[side][0].operator == "notnull":
            result[side] = (condition, expression)
    return list(result.values())


def _key_conditions(
    chooser: Chooser, scan: Scan, target: Expression, position: int, conditions: list[Expression]
) -> list[tuple[KeyCondition, Expression]]:
    result = []
    wanted = structural_key(strip_relabel(target))
    for each in conditions:
        if not _is_ordered_alike(each, target.type.type):
            continue
        found = _as_key_condition(chooser, scan, wanted, target.type.type, each)
        if found is not None:
            operator, value = found
            condition = KeyCondition(position=position, operator=operator, value=value)
            result.append((condition, each))
    return result


Found = tuple[str, Expression | None] | None
"""The operator of a key condition and its value; None for what an index cannot answer."""


def _as_key_condition(
    chooser: Chooser, scan: Scan, wanted: object, kind: Type, condition: Expression
) -> Found:
    read = _READERS.get(type(condition))
    return None if read is None else read(chooser, scan, wanted, kind.oid, condition)


def _called(chooser: Chooser, scan: Scan, wanted: object, key_type: int, condition: Call) -> Found:
    read = _pattern if _is_pattern(condition) else _comparison
    return read(chooser, scan, wanted, key_type, condition)


def _is_pattern(condition: Expression) -> bool:
    return isinstance(condition, Call) and condition.function.oid in PATTERN_KINDS


def _pattern(chooser: Chooser, scan: Scan, wanted: object, key_type: int, condition: Call) -> Found:
    """What matching texts begin with; texts are in the order of their code points where no collation says otherwise."""
    operand, pattern = condition.arguments
    if key_type not in _STRINGS or not _is_key(operand, wanted) or not _is_given(scan, pattern):
        return None
    kind = PATTERN_KINDS[condition.function.oid]
    known = chooser.facts.constant(pattern)
    if known is None:
        return kind, pattern
    if not isinstance(known.value, str):
        return None
    prefix = PREFIXES[kind](known.value)
    if not prefix.text:
        return None
    if prefix.is_whole and isinstance(pattern, Constant) and key_type != BPCHAR:
        return "=", Constant(type=pattern.type, value=prefix.text)
    return kind, pattern


def _of_prefix(chooser: Chooser, condition: Expression) -> Expression:
    """What an index answers of a pattern, as a condition to estimate by."""
    assert isinstance(condition, Call)
    operand, pattern = condition.arguments
    known = chooser.facts.constant(pattern)
    if known is None or not isinstance(known.value, str):
        return condition
    prefix = PREFIXES[PATTERN_KINDS[condition.function.oid]](known.value)
    start = Constant(type=pattern.type, value=prefix.text)
    return replace(condition, operator="^@", arguments=(operand, start))


def _is_given(scan: Scan, pattern: Expression) -> bool:
    """Whether a pattern is known when a statement begins; what it is for a row of another table, nobody can guess."""
    if isinstance(pattern, Constant):
        return True
    varies = any(isinstance(node, OuterVariable | Subquery) for node in walk(pattern))
    return not varies and not _reads(scan, pattern) and not is_volatile(pattern)


def _comparison(
    _chooser: Chooser, scan: Scan, wanted: object, key_type: int, condition: Call
) -> Found:
    if condition.form != "operator" or condition.operator not in _INDEXABLE:
        return None
    for mine, other, swapped in ((0, 1, False), (1, 0, True)):
        operand, value = condition.arguments[mine], condition.arguments[other]
        if not _is_key(operand, wanted) or not _usable(scan, value, key_type):
            continue
        operator = _INDEXABLE[condition.operator]
        return (COMMUTATORS[operator] if swapped else operator), value
    return None


def _null_condition(
    _chooser: Chooser, _scan: Scan, wanted: object, _key_type: int, condition: IsNull
) -> Found:
    if not _is_key(condition.argument, wanted):
        return None
    return ("notnull" if condition.negated else "null"), None


def _array_condition(
    _chooser: Chooser, scan: Scan, wanted: object, key_type: int, condition: ArrayComparison
) -> Found:
    if condition.operator != "=" or condition.every or not _is_key(condition.argument, wanted):
        return None
    element = condition.array.type.type.element_oid
    if _same_family(element, key_type) and not _reads(scan, condition.array):
        return "any", condition.array
    return None


def _is_ordered_alike(condition: Expression, kind: Type) -> bool:
    """Whether a condition, if it is a comparison, goes by the order that the index has its keys in."""
    if not isinstance(condition, Call | InList | ArrayComparison):
        return True
    return condition.function.collator is kind.collator


def _list_condition(
    chooser: Chooser, scan: Scan, wanted: object, key_type: int, condition: InList
) -> Found:
    if condition.negated or not _is_key(condition.argument, wanted):
        return None
    items = condition.items[:1] if isinstance(condition.items, Constants) else condition.items
    if not all(_usable(scan, item, key_type) for item in items):
        return None
    kind = chooser.array_of(condition.items[0].type)
    return "any", ArrayConstructor(type=kind, items=condition.items)


_READERS: dict[type[Expression], Callable[..., Found]] = {
    Call: _called,
    IsNull: _null_condition,
    InList: _list_condition,
    ArrayComparison: _array_condition,
}


def _is_key(operand: Expression, wanted: object) -> bool:
    """Whether the operand is what the index has."""
    return bool(structural_key(strip_relabel(operand)) == wanted)


def _serves(scan: Scan, target: Expression, operand: Expression, value: Expression) -> bool:
    """Whether an operand is a key of an index, and the value beside it can be looked up."""
    wanted = structural_key(strip_relabel(target))
    return _is_key(operand, wanted) and _usable(scan, value, target.type.oid)


def _usable(scan: Scan, value: Expression, key_type: int) -> bool:
    """Whether a value can be looked up: of the key's kind, known before the scan."""
    if not _same_family(value.type.oid, key_type):
        return False
    return isinstance(value, Constant) or not (_reads(scan, value) or is_volatile(value))


def _same_family(left: int, right: int) -> bool:
    if left == right:
        return True
    # bpchar pads, so it is not compared as text is.
    pair = {left, right}
    return pair <= _INTEGERS or pair <= (_STRINGS - {BPCHAR})


def _reads(scan: Scan, value: Expression) -> bool:
    return bool(columns_used(value))
