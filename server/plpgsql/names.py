"""BodyNames: what the names in a body's SQL mean to the planner.

A variable is a parameter of the plan, and so is every field of a record that is named. The plan is for
the shapes that the records have when it is made.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from server.expressions.expression import Parameter, RowConstructor
from server.oids import RECORD
from server.plpgsql.frame import NullRecord, no_field
from server.plpgsql.reader import find_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.expressions.expression import Expression
    from server.planner.environment import BindContext
    from server.plpgsql.frame import Columns, Frame
    from server.plpgsql.tree import Source
    from server.types.type import TypeReference


WHOLE, WHOLE_RECORD = -1, -2
"""In the place of a field: the variable itself; and a record, which may be NULL in spite of its shape."""


class BodyNames:
    """Names of one text of SQL. inputs: slot and field of each parameter."""

    def __init__(
        self, frame: Frame, source: Source, inputs: Sequence[tuple[int, int]] = ()
    ) -> None:
        """Nothing is named yet but `inputs`."""
        self.conflict = source.conflict
        self._frame = frame
        self._names = source.names
        self.inputs: list[tuple[int, int]] = list(inputs)
        self.records: set[int] = set()

    def resolve(
        self, context: BindContext, parts: tuple[str, ...], offset: int
    ) -> Expression | None:
        """The variable, or the field of a row, that a name means; None where it means neither."""
        found = find_name(self._names, parts)
        if found is None:
            return None
        slot, count = found
        rest = parts[count:]
        kind = self._frame.types[slot]
        if kind is not None and kind.type.kind != "c":
            return None if rest else self._parameter(context, slot, WHOLE, kind, offset)
        if len(rest) > 1:
            return None
        if rest:
            return self._field(context, slot, rest[0], offset)
        if kind is not None:
            return self._parameter(context, slot, WHOLE, kind, offset)
        self.records.add(slot)
        return self._row(context, slot, self._frame.columns(context, slot), offset)

    def numbered(self, context: BindContext, number: int, offset: int) -> Expression | None:
        """$number."""
        found = find_name(self._names, (f"${number}",))
        if found is None:
            return None
        kind = self._frame.types[found[0]]
        assert kind is not None
        return self._parameter(context, found[0], WHOLE, kind, offset)

    def whole(self, context: BindContext, slot: int) -> Expression:
        """A variable of a declared type."""
        kind = self._frame.types[slot]
        assert kind is not None
        return self._parameter(context, slot, WHOLE, kind, -1)

    def of_field(self, context: BindContext, slot: int, name: str) -> Expression:
        """A field of a record."""
        return self._field(context, slot, name, -1)

    def _field(self, context: BindContext, slot: int, name: str, offset: int) -> Expression:
        self.records.add(slot)
        columns = self._frame.columns(context, slot)
        for number, (field, oid, modifier) in enumerate(columns):
            if field == name:
                kind = context.type(oid, modifier)
                return self._parameter(context, slot, number, kind, offset)
        raise no_field(self._frame.tree.variables[slot].name, name)

    def _row(
        self, context: BindContext, slot: int, columns: Columns, offset: int
    ) -> RowConstructor:
        items = tuple(
            self._parameter(context, slot, number, context.type(oid, modifier), offset)
            for number, (_, oid, modifier) in enumerate(columns)
        )
        names = tuple(name for name, _, _ in columns)
        record = context.type(RECORD)
        whole = self._parameter(context, slot, WHOLE_RECORD, record, offset)
        return RowConstructor(type=record, items=items, names=names, whole=whole, offset=offset)

    def _parameter(
        self,
        context: BindContext,
        slot: int,
        number: int,
        kind: TypeReference,
        offset: int,
    ) -> Parameter:
        key = (slot, number)
        if key not in self.inputs:
            self.inputs.append(key)
        position = self.inputs.index(key) + 1
        context.parameters[position] = kind
        return Parameter(type=kind, number=position, offset=offset)


def reader_of(inputs: Sequence[tuple[int, int]]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """What takes the parameters of a plan out of the values of a frame."""
    slots = [slot for slot, _ in inputs]
    if any(number != WHOLE for _, number in inputs):
        return lambda values: tuple(
            [
                values[slot] if number == WHOLE else _field(values[slot], number)
                for slot, number in inputs
            ]
        )
    if len(slots) > 1:
        return itemgetter(*slots)
    if not slots:
        return lambda values: ()
    slot = slots[0]
    return lambda values: (values[slot],)


def _field(record: Any, number: int) -> Any:
    if number == WHOLE_RECORD:
        return None if type(record) is NullRecord else record
    return None if record is None else record[number]
