"""What follows from equalities, and from ORs, between the tables of a join.

    a = b AND b = c       a = c: more orders of joining
    a = b AND a = 5       b = 5: both tables are filtered
    (m = 'F' AND n = 'G') OR (m = 'G' AND n = 'F')      m IN ('F', 'G'): filters m's table

Only columns of one type are taken together: int4 = int8 and numeric = float8 are not transitive
in all their values.
Columns of outer-joined tables take no part: they may be NULL where the equality was not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

from server.expressions.expression import (
    Call,
    ColumnId,
    Expression,
    Or,
    Variable,
    columns_used,
)
from server.planner.bind_operator import and_all, conjuncts
from server.planner.matching import is_volatile

if TYPE_CHECKING:
    from collections.abc import Iterable

MEMBERS_MAX: Final = 24
"""Of so many columns every pair is said to be equal; of more, each and the first one."""


@dataclass(slots=True)
class EqualityClass:
    """Columns that are equal in every row, and a value they are equal to."""

    members: dict[ColumnId, Variable] = field(default_factory=dict)
    pairs: dict[frozenset[ColumnId], Call] = field(default_factory=dict)
    constant: Call | None = None  # column = value
    known: set[ColumnId] = field(default_factory=set)  # those for which the query says it itself

    @property
    def has_all_pairs(self) -> bool:
        """Whether any two columns are tied by a condition of their own: n columns have n * (n - 1) / 2."""
        return self.constant is not None or len(self.members) <= MEMBERS_MAX


def equality_classes(
    conditions: Iterable[Expression], columns: set[ColumnId]
) -> list[EqualityClass]:
    """The classes that the conditions make of these columns."""
    by_column: dict[ColumnId, EqualityClass] = {}
    values: list[tuple[ColumnId, Call]] = []
    for condition in conditions:
        if (
            not isinstance(condition, Call)
            or condition.operator != "="
            or len(condition.arguments) != 2
            or condition.function.collator is not None
        ):
            continue
        left, right = condition.arguments
        if left.type.oid != right.type.oid:
            continue
        if isinstance(left, Variable) and isinstance(right, Variable):
            if {left.column, right.column} <= columns and left.column != right.column:
                _unite(by_column, left, right, condition)
        elif isinstance(left, Variable) and left.column in columns and _is_value(right):
            values.append((left.column, condition))
    for column, call in values:
        found = by_column.get(column)
        if found is not None:
            found.constant = found.constant or call
            found.known.add(column)
    return list({id(each): each for each in by_column.values()}.values())


def _is_value(expression: Expression) -> bool:
    return not columns_used(expression) and not is_volatile(expression)


def _unite(
    by_column: dict[ColumnId, EqualityClass], left: Variable, right: Variable, call: Call
) -> None:
    first = by_column.get(left.column) or EqualityClass({left.column: left})
    second = by_column.get(right.column) or EqualityClass({right.column: right})
    if first is not second:
        first.members |= second.members
        first.pairs |= second.pairs
    first.pairs[frozenset((left.column, right.column))] = call
    for column in first.members:
        by_column[column] = first


def implied(found: EqualityClass) -> list[Call]:
    """The conditions that follow from a class and that the query does not state."""
    members = list(found.members.values())
    if found.constant is not None:
        fixed, value = found.constant, found.constant.arguments[1]
        return [
            replace(fixed, arguments=(member, value))
            for member in members
            if member.column not in found.known
        ]
    template = next(iter(found.pairs.values()))
    first, *others = members
    pairs = combinations(members, 2) if found.has_all_pairs else ((first, each) for each in others)
    return [
        replace(template, arguments=(left, right))
        for left, right in pairs
        if frozenset((left.column, right.column)) not in found.pairs
    ]


def or_filter(condition: Or, columns: set[ColumnId]) -> Expression | None:
    """What the OR says of these columns alone; None when a branch says nothing of them."""
    branches = []
    for branch in condition.arguments:
        parts = [
            each
            for each in conjuncts(branch)
            if columns_used(each) and columns_used(each) <= columns and not is_volatile(each)
        ]
        if not parts:
            return None
        branches.append(and_all(parts))
    return replace(condition, arguments=tuple(branches))
