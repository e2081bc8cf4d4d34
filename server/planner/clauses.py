"""The form of conditions that estimates look at: something compared with what does not change from row to row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

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
    columns_used,
)
from server.planner.matching import strip_relabel
from server.types.array import Array
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.planner.statistics import Known

SWAPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}


NEGATORS: Final = {
    "=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
    "~~": "!~~", "!~~": "~~", "~~*": "!~~*", "!~~*": "~~*", "~": "!~", "!~": "~", "~*": "!~*", "!~*": "~*",
}  # fmt: skip


def negated(condition: Expression) -> Expression:
    """NOT of a condition, said without NOT where that can be; for estimates, not to be run."""
    if isinstance(condition, And | Or):
        kind = Or if isinstance(condition, And) else And
        return kind(type=condition.type, arguments=tuple(map(negated, condition.arguments)))
    if isinstance(condition, Not):
        return condition.argument
    if isinstance(condition, IsNull | InList | BooleanTest):
        return replace(condition, negated=not condition.negated)
    if isinstance(condition, Call | ArrayComparison) and condition.operator in NEGATORS:
        opposite = replace(condition, operator=NEGATORS[condition.operator])
        if isinstance(opposite, ArrayComparison):
            return replace(opposite, every=not opposite.every)
        return opposite
    return Not(type=condition.type, argument=condition)


@dataclass(frozen=True, slots=True)
class Compared:
    """`operand operator value`, whichever side it was written on."""

    operand: Expression
    operator: str
    value: Expression


def compared(condition: Expression) -> Compared | None:
    """The condition as a comparison of what columns give with what they have no part in."""
    if not isinstance(condition, Call) or condition.form != "operator":
        return None
    if len(condition.arguments) != 2 or condition.operator not in SWAPPED:
        return None
    left, right = condition.arguments
    on_left, on_right = columns_used(left), columns_used(right)
    if on_left and not on_right:
        return Compared(left, condition.operator, right)
    if on_right and not on_left:
        return Compared(right, SWAPPED[condition.operator], left)
    return None


def elements_of(
    known: Known, argument: Expression, array: Expression
) -> Sequence[tuple[Expression, Constant | None]] | None:
    """The elements that an argument is compared with, each with its value if known; None where nobody knows them."""
    array = strip_relabel(array)
    if isinstance(array, ArrayConstructor) and not array.nested:
        return [(item, known.constant(item)) for item in array.items]
    kind = argument.type
    if isinstance(array, Call) and array.form in ("cast", "implicit") and len(array.arguments) == 1:
        array = array.arguments[0]
        kind = TypeReference(TYPE_BY_OID.get(array.type.type.element_oid, kind.type))
    found = known.constant(array)
    if found is None or not isinstance(found.value, Array):
        return None
    made = [Constant(type=kind, value=item) for item in found.value.items]
    return [(item, item) for item in made]
