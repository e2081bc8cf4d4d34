"""KeyRead: the plainest of all queries, columns of the one row that has a key, in stored form.

Rule 1: it needs no transaction, context or parameters of any kind but plain values: a snapshot and
        the latch are all it touches, so it can neither wait nor fail for anybody else's sake.
Rule 2: the row found has the key: its columns are compared, whatever the index says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.executor.storage_columns import store_value
from server.executor.table_shape import shape_of
from server.expressions.expression import Constant, Expression, Parameter, Variable
from server.planner import physical
from server.types.type import TypeReference, Value
from storage.engine import KeyReader, Kind, Snapshot

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape, KeyPart

Parameters = Sequence[Value | None]

_INTEGER_LIMITS = {Kind.INT16: 1 << 15, Kind.INT32: 1 << 31, Kind.INT64: 1 << 63}


@dataclass(frozen=True, slots=True)
class PartSource:
    """Where a part of the key comes from: parameter number `parameter`, or `constant` where that is 0.

    stored makes the stored value of a parameter, None where nothing can be equal to it.
    """

    parameter: int
    constant: Any
    stored: Callable[[Value | None], Any]
    kind: Kind
    reference: TypeReference


class KeyRead:
    """Reads stored columns of the row with a key of a unique index; `references` are their types."""

    __slots__ = ("engine", "reader", "references", "sources")

    def __init__(
        self,
        scan: physical.IndexScan,
        shape: IndexShape,
        attributes: Sequence[int],
        context: ExecutionContext,
    ) -> None:
        values = [item.value for item in scan.conditions]
        self.sources = tuple(
            _source_of(value, part) for value, part in zip(values, shape.parts, strict=True)
        )
        types = shape_of(scan.table, context).types
        self.engine = context.engine
        self.references = tuple(types[number - 1] for number in attributes)
        self.reader = KeyReader(
            context.engine,
            scan.table.storage_id,
            shape.storage_id,
            [key.number - 1 for key in shape.index.keys],
            [part.kind for part in shape.parts],
            [number - 1 for number in attributes],
        )

    def fetch(self, snapshot: Snapshot | None, parameters: Parameters) -> tuple[Any, ...] | None:
        """The stored columns of the row that the snapshot sees, None for this moment; None: there is none."""
        parts = [
            source.stored(parameters[source.parameter - 1]) if source.parameter else source.constant
            for source in self.sources
        ]
        return None if None in parts else self.reader.fetch(snapshot, parts)


def key_read_of(plan: physical.Plan, context: ExecutionContext) -> KeyRead | None:
    """The reader of a plan that does nothing but this; None for any other."""
    projections: list[physical.Project] = []
    while isinstance(plan, physical.Project):
        projections.append(plan)
        plan = plan.input
    if not isinstance(plan, physical.IndexScan) or plan.filter is not None:
        return None
    shape = _plain_index(plan, context)
    attributes = _attributes(plan, projections)
    if shape is None or attributes is None:
        return None
    return KeyRead(plan, shape, attributes, context)


def _plain_index(plan: physical.IndexScan, context: ExecutionContext) -> IndexShape | None:
    """The index, if it is unique, of plain columns, and the conditions give its whole key."""
    positions = [item.position for item in plan.conditions]
    if not plan.index.unique or positions != list(range(len(plan.index.keys))):
        return None
    if any(item.operator != "=" or not _is_given(item.value) for item in plan.conditions):
        return None
    for shape in shape_of(plan.table, context).indexes:
        if shape.index.oid == plan.index.oid:
            return shape if shape.is_plain else None
    return None


def stored_part(part: KeyPart) -> Callable[[Value | None], Any]:
    """What makes of a value the stored one to look for, None where nothing can be equal to it."""
    limit = _INTEGER_LIMITS.get(part.kind)

    def stored(item: Value | None) -> Any:
        found = store_value(item, part.reference)
        if limit is not None and found is not None and not -limit <= found < limit:
            return None
        return found

    return stored


def _is_given(value: Expression | None) -> bool:
    return isinstance(value, Constant | Parameter)


def _attributes(
    scan: physical.IndexScan, projections: Sequence[physical.Project]
) -> tuple[int, ...] | None:
    """The attribute in each column of the result; None if one is anything else."""
    found = dict(zip(scan.output, scan.attributes, strict=True))
    output = scan.output
    for node in reversed(projections):
        if not all(isinstance(item, Variable) for item in node.expressions):
            return None
        taken = [found[item.column] for item in node.expressions if isinstance(item, Variable)]
        output = node.output
        found = dict(zip(output, taken, strict=True))
    attributes = tuple(found[column] for column in output)
    return attributes if all(number > 0 for number in attributes) else None


def _source_of(value: Expression | None, part: KeyPart) -> PartSource:
    stored = stored_part(part)
    if isinstance(value, Constant):
        return PartSource(0, stored(value.value), stored, part.kind, part.reference)
    assert isinstance(value, Parameter)
    return PartSource(value.number, None, stored, part.kind, part.reference)
