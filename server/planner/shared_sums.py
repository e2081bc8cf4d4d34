"""Several sums of one column and numbers, sum(a + 1), sum(a + 2) ..., share what is asked of the column.

Its sum, how many values it has, the least and the greatest of them give each of the sums, and whether one of the
additions would have been refused (server/functions/shifted_sums.py).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from server.expressions.expression import AggregateCall, Call, Constant, Parameter, Variable
from server.functions.registry import AGGREGATES
from server.functions.shifted_sums import SHIFTED
from server.oids import INT2, INT4, INT8
from server.planner.plan import Aggregate, OutputColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.expressions.expression import ColumnId, Expression
    from server.planner.environment import BindContext

    Kept = Sequence[tuple[OutputColumn, AggregateCall]]
    Made = list[tuple[OutputColumn, Expression]]

SUMS_MIN: Final = 3
"""From how many sums of one column on they share."""

_SUMS: Final = {INT2: 2109, INT4: 2108}
_LEAST: Final = {INT2: 2133, INT4: 2132}
_GREATEST: Final = {INT2: 2117, INT4: 2116}
_COUNT: Final = 2147
_AGGREGATES: Final = {aggregate.oid: aggregate for aggregate in AGGREGATES}
_SIGNS: Final = {177: 1, 176: 1, 178: 1, 179: 1, 181: -1, 180: -1, 182: -1, 183: -1}
"""Additions and subtractions of int2 and int4, by OID."""


class _Shifted(NamedTuple):
    """A sum of a column and a number: the result of the addition, its sign and the number."""

    column: Variable
    sum_type: int
    sign: int
    number: Expression


def _shifted(call: AggregateCall) -> _Shifted | None:
    """What a call is the sum of; None if it is no such sum, or has a filter, which may choose other rows each time."""
    if call.aggregate.oid not in _SUMS.values() or call.distinct or call.order or call.filter:
        return None
    addition = call.arguments[0]
    if not isinstance(addition, Call) or addition.function.oid not in _SIGNS:
        return None
    sign = _SIGNS[addition.function.oid]
    column, number = addition.arguments
    if sign > 0 and not isinstance(column, Variable):
        column, number = number, column
    if not isinstance(column, Variable) or not isinstance(number, Constant | Parameter):
        return None
    if column.type.oid not in _SUMS:
        return None
    return _Shifted(column, addition.function.result, sign, number)


def shared_sums(node: Aggregate, kept: Kept, context: BindContext) -> tuple[Aggregate, Made] | None:
    """The node with shared calls in the place of sums, and what becomes of its columns; None: nothing is shared."""
    families: defaultdict[ColumnId, list[int]] = defaultdict(list)
    sums = [_shifted(call) for _, call in kept]
    for number, found in enumerate(sums):
        if found is not None:
            families[found.column.column].append(number)
    shared = {
        number for family in families.values() if len(family) >= SUMS_MIN for number in family
    }
    if not shared:
        return None
    asked = _Asked(context)
    outputs: Made = [(column, column.variable()) for column in node.key_columns]
    for number, (column, call) in enumerate(kept):
        found = sums[number]
        if number in shared and found is not None:
            outputs.append((column, asked.shifted(found, column)))
        else:
            asked.calls.append((column, call))
            outputs.append((column, column.variable()))
    if node.set_column is not None:
        outputs.append((node.set_column, node.set_column.variable()))
    changed = replace(
        node,
        call_columns=tuple(column for column, _ in asked.calls),
        calls=tuple(call for _, call in asked.calls),
    )
    return changed, outputs


class _Asked:
    """The calls that are left to be made, each once."""

    def __init__(self, context: BindContext) -> None:
        self.calls: list[tuple[OutputColumn, AggregateCall]] = []
        self._context = context
        self._made: dict[tuple[int, ColumnId], OutputColumn] = {}

    def shifted(self, wanted: _Shifted, column: OutputColumn) -> Call:
        """A sum out of what is asked of its column."""
        kind = wanted.column.type.oid
        function = SHIFTED[wanted.sum_type, wanted.sign]
        asked = (
            self._call(_SUMS[kind], INT8, wanted),
            self._call(_COUNT, INT8, wanted),
            self._call(_LEAST[kind], kind, wanted),
            self._call(_GREATEST[kind], kind, wanted),
        )
        return Call(type=column.type, function=function, arguments=(*asked, wanted.number))

    def _call(self, oid: int, result: int, wanted: _Shifted) -> Variable:
        key = (oid, wanted.column.column)
        if key not in self._made:
            kind = self._context.type(result)
            aggregate = _AGGREGATES[oid]
            made = OutputColumn(self._context.new_column(), kind, aggregate.name)
            call = AggregateCall(type=kind, aggregate=aggregate, arguments=(wanted.column,))
            self.calls.append((made, call))
            self._made[key] = made
        return self._made[key].variable()
