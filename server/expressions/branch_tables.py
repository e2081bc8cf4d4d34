"""CASE by the value of one column: WHEN id = 1 THEN ... WHEN id = 2 THEN ..., its branches looked up in a table.

Mappers update many rows in one statement so, with a branch a row. A comparison for each branch would look at each row
as often as there are branches.

Law 1: a table is made where values that are equal are the same, whatever widths they have, and nothing can raise.
Law 2: of branches with the same value the first counts; one that asks for NULL is never taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.expressions import expression as nodes
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

BRANCHES_MIN: Final = 8
"""Fewer are compared one after the other."""
_INTEGERS: Final = (20, 21, 23)
_TEXTS: Final = (25, 1043)
_OTHERS: Final = (1082, 1114, 1184, 2950)
FAMILIES: Final = {
    **dict.fromkeys(_INTEGERS, 20),
    **dict.fromkeys(_TEXTS, 25),
    **{oid: oid for oid in _OTHERS},
}
"""Types of which values that are equal are the same, by those of which they can be equal to one another."""

Value = Any


class BranchTable:
    """Which branch the values of a column lead to; keys are the constants and parameters that it is compared with."""

    __slots__ = ("_known", "_size", "column", "keys")

    def __init__(self, column: int, keys: tuple[nodes.Expression, ...]) -> None:
        self.column = column
        self.keys = keys
        self._size = len(keys)
        constants = [key.value for key in keys if isinstance(key, nodes.Constant)]
        self._known = _numbered(constants) if len(constants) == len(keys) else None

    @property
    def is_known(self) -> bool:
        """Whether there are no parameters in it."""
        return self._known is not None

    def numbers(self, parameters: tuple[Value, ...] = ()) -> Callable[[Hashable], int]:
        """What gives the number of the branch for a value, or how many branches there are."""
        known = self._known
        if known is None:
            known = _numbered([_value(key, parameters) for key in self.keys])
        size, found = self._size, known.get
        return lambda value: found(value, size)


def _numbered(values: list[Value]) -> dict[Hashable, int]:
    numbers = {value: number for number, value in reversed(list(enumerate(values)))}
    numbers.pop(None, None)
    return numbers


def _value(key: nodes.Expression, parameters: tuple[Value, ...]) -> Value:
    return parameters[key.number - 1] if isinstance(key, nodes.Parameter) else _constant(key)


def _constant(key: nodes.Expression) -> Value:
    assert isinstance(key, nodes.Constant)
    return key.value


def branch_table(node: nodes.Case) -> BranchTable | None:
    """The table of a CASE; None where its conditions are others, or few."""
    if len(node.branches) < BRANCHES_MIN:
        return None
    keys: list[nodes.Expression] = []
    columns: set[tuple[int, int]] = set()
    for condition, _ in node.branches:
        found = _compared(condition)
        if found is None:
            return None
        column, key = found
        columns.add((column.column, FAMILIES[column.type.oid]))
        if len(columns) > 1:
            return None
        keys.append(key)
    ((number, _),) = columns
    return BranchTable(number, tuple(keys))


def _compared(condition: nodes.Expression) -> tuple[nodes.Variable, nodes.Expression] | None:
    """The column and the value that are compared."""
    if not isinstance(condition, nodes.Call) or condition.operator != "=":
        return None
    function = condition.function
    if function.oid >= FIRST_USER_OID or function.collator is not None:
        return None
    families = {FAMILIES.get(each.type.oid) for each in condition.arguments}
    left, right = map(_bare, condition.arguments)
    families |= {FAMILIES.get(left.type.oid), FAMILIES.get(right.type.oid)}
    if len(families) > 1 or None in families:
        return None
    if isinstance(right, nodes.Variable):
        left, right = right, left
    if isinstance(left, nodes.Variable) and isinstance(right, nodes.Constant | nodes.Parameter):
        return left, right
    return None


def _bare(expression: nodes.Expression) -> nodes.Expression:
    while isinstance(expression, nodes.Relabel):
        expression = expression.argument
    return expression
