"""Whether two rows satisfy an operator, told by the functions that compare their fields.

Rule 1: = asks all fields and <> for one that differs; the others go by the first field that differs.
Rule 2: the answer is NULL where it would depend on a field that is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

Compare = Callable[[Any, Any, Any], Any]
RowTest = Callable[[Any, Sequence[Any], Sequence[Any]], "bool | None"]

OR_EQUAL: Final = frozenset(("<=", ">=", "~<=~", "~>=~"))
"""The operators that equal rows satisfy, among those that go by the first field that differs."""


def row_test(operator: str, compares: Sequence[Compare], equals: Sequence[Compare]) -> RowTest:
    """The test of two rows; `equals` is there for the operators that go by the first difference."""
    if equals:
        return first_difference(compares, equals, or_equal=operator in OR_EQUAL)
    if operator == "<>" and len(compares) > 1:
        return _decided_by(compares, deciding=True)
    return _decided_by(compares, deciding=False)


def first_difference(
    orders: Sequence[Compare], equals: Sequence[Compare], *, or_equal: bool
) -> RowTest:
    """(a, b) < (c, d) and the like."""

    def test(context: Any, left: Sequence[Any], right: Sequence[Any]) -> bool | None:
        for order, equal, one, other in zip(orders, equals, left, right, strict=True):
            if one is None or other is None:
                return None
            if not equal(context, one, other):
                return bool(order(context, one, other))
        return or_equal

    return test


def _decided_by(compares: Sequence[Compare], *, deciding: bool) -> RowTest:
    """AND of the fields' answers, which false decides, or OR, which true decides."""

    def test(context: Any, left: Sequence[Any], right: Sequence[Any]) -> bool | None:
        unknown = False
        for compare, one, other in zip(compares, left, right, strict=True):
            if one is None or other is None:
                unknown = True
            elif bool(compare(context, one, other)) is deciding:
                return deciding
        return None if unknown else not deciding

    return test
