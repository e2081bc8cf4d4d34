"""x = 1 OR x = 2 as x IN (1, 2), and x <> 1 AND x <> 2 as x NOT IN (1, 2): looked up instead of compared one by one.

The same with NULLs: a comparison with NULL is unknown in both forms.

Forbidden variants: comparisons that stand apart (x = 1 OR 1 / y = 1 OR x = 2), for what stands between them
may raise and is not asked when the first is true; functions of other types of items in one list.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from server.expressions.expression import And, Call, Constant, InList, Or, Relabel, Variable
from server.oids import FIRST_USER_OID
from server.planner.bind_operator import comparison_function

if TYPE_CHECKING:
    from server.expressions.expression import Expression
    from server.planner.environment import BindContext

JUNCTIONS = frozenset({Or, And})

Key = tuple[int, int, int]


def listed(context: BindContext, node: Expression) -> Expression:
    """The node with its neighbouring comparisons of one column with constants made lists."""
    if not isinstance(node, Or | And):
        return node
    name = "=" if isinstance(node, Or) else "<>"
    parts: list[Expression] = []
    for key, group in groupby(node.arguments, lambda each: _column_compared(each, name)):
        same = list(group)
        parts += same if key is None or len(same) == 1 else [_list_of(context, same, name)]
    if len(parts) == 1:
        return parts[0]
    return node if len(parts) == len(node.arguments) else replace(node, arguments=tuple(parts))


def _column_compared(condition: Expression, name: str) -> Key | None:
    """What has to be the same in the comparisons of one list: the column, its type's and the function's number."""
    if not isinstance(condition, Call) or condition.operator != name:
        return None
    if condition.function.oid >= FIRST_USER_OID:  # what users define need not be an equality
        return None
    if condition.function.collator is not None:  # nor what is equal for a collation
        return None
    left, right = condition.arguments
    column = left.argument if isinstance(left, Relabel) else left
    if not isinstance(column, Variable) or not isinstance(right, Constant):
        return None
    return column.column, left.type.oid, condition.function.oid


def _list_of(context: BindContext, conditions: list[Expression], name: str) -> InList:
    first = conditions[0]
    assert isinstance(first, Call)
    left, right = first.arguments
    function = first.function
    if name == "<>":
        function = comparison_function(context, "=", left.type.oid, right.type.oid)
    return InList(
        type=first.type,
        function=function,
        argument=left,
        items=tuple(each.arguments[1] for each in conditions if isinstance(each, Call)),
        negated=name == "<>",
        written_apart=True,
        offset=first.offset,
    )
