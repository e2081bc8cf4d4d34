"""Comparisons of rows, (a, b) > (x, y), as ranges of an index whose keys are a and b.

Rule 1: keys are compared as a row as long as they have one direction; what lies behind is left to the filter.
Rule 2: (a, b) > (x, y) is no answer where b is NULL beside a = x, but such keys lie in the range or behind it: the
        index answers the condition alone only if no key behind the first may be NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.expressions.expression import RowComparison, RowConstructor
from server.oids import RECORD
from server.planner.bind_operator import COMMUTATORS
from server.planner.physical import KeyCondition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.catalog.objects import Index
    from server.expressions.expression import Expression
    from server.planner.choose import Chooser
    from server.planner.plan import Scan

    Serves = Callable[[Expression, Expression, Expression], bool]
    Sides = tuple[tuple[Expression, ...], tuple[Expression, ...]]


def row_conditions(
    chooser: Chooser,
    scan: Scan,
    index: Index,
    position: int,
    conditions: Sequence[Expression],
    serves: Serves,
) -> Iterator[tuple[KeyCondition, Expression, bool]]:
    """What comparisons of rows say of the keys from a position on, and whether the index answers them exactly.

    serves: whether a key can be compared with a value by an operand of a condition.
    """
    rows = [each for each in conditions if isinstance(each, RowComparison)]
    if not rows or index.method == "hash":
        return
    direction = index.keys[position].descending
    targets = []
    for key in index.keys[position:]:
        if key.descending != direction:
            break
        targets.append(chooser.index_key(scan, key))
    for each in rows:
        operator = each.operator
        if operator not in COMMUTATORS:
            continue
        sides: Sides = each.left, each.right
        count = _count(each, targets, sides, serves)
        if not count:
            operator, sides = COMMUTATORS[operator], (each.right, each.left)
            count = _count(each, targets, sides, serves)
        if not count:
            continue
        if count < len(each.left):
            operator = operator.removesuffix("=") + "="
        keys = index.keys[position + 1 : position + count]
        is_exact = count == len(each.left) and all(
            key.number > 0 and scan.table.column(key.number).not_null for key in keys
        )
        values = sides[1][:count]
        value = values[0]
        if count > 1:
            operator = f"row {operator}"
            value = RowConstructor(type=chooser.context.type(RECORD), items=values)
        yield KeyCondition(position=position, operator=operator, value=value), each, is_exact


def _count(
    condition: RowComparison, targets: Sequence[Expression], sides: Sides, serves: Serves
) -> int:
    """How many keys in a row the operands of a side are, compared with values by the order of the index."""
    count = 0
    for order, target, operand, value in zip(condition.orders, targets, *sides, strict=False):
        if order.collator is not target.type.type.collator or not serves(target, operand, value):
            break
        count += 1
    return count
