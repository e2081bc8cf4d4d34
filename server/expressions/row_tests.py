"""Whether two rows satisfy an operator, told by what compares their fields; and whether a list has a value.

Rule 1: = asks all fields and <> for one that differs; the others go by the first field that differs.
Rule 2: the answer is NULL where it would depend on a field that is NULL.
Rule 3: a list is a table of values where Python's == of values in row form is SQL's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

Compare = Callable[[Any, Any, Any], Any]
RowTest = Callable[[Any, Sequence[Any], Sequence[Any]], "bool | None"]

OR_EQUAL: Final = frozenset(("<=", ">=", "~<=~", "~>=~"))
"""The operators that equal rows satisfy, among those that go by the first field that differs."""

HASHED_EQUALITIES: Final = frozenset(
    {"int2eq", "int24eq", "int28eq", "int42eq", "int4eq", "int48eq", "int82eq", "int84eq", "int8eq"}
    | {"texteq", "nameeq", "bpchareq", "chareq", "oideq", "date_eq", "timestamp_eq", "time_eq"}
    | {"timestamptz_eq", "uuid_eq", "byteaeq", "numeric_eq", "booleq"}
)
"""Equality functions that agree with Python's == on row values (bpchareq without blanks)."""


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


def has_tables(equality: str) -> bool:
    """Whether an equality is one that a table of values answers."""
    return equality in HASHED_EQUALITIES


def are_strange(items: Sequence[Any]) -> bool:
    """Whether items are among them that no table of decimals finds."""
    return any(isinstance(item, Decimal) and not item.is_finite() for item in items)


def table_of(equality: str, items: Sequence[Any]) -> Callable[[Any], bool | None] | None:
    """What tells whether a value that is not NULL is among the items; None where they have to be compared.

    It answers NULL for what is not found where there is a NULL among the items.
    """
    if not has_tables(equality) or are_strange(items):
        return None
    known = frozenset(item for item in items if item is not None)
    missing = None if None in items else False
    if equality == "bpchareq":
        stripped = frozenset(item.rstrip(" ") for item in known)
        return lambda value: True if value.rstrip(" ") in stripped else missing
    return lambda value: True if value in known else missing
