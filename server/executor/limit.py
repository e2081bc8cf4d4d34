"""LIMIT, OFFSET and FETCH FIRST ... WITH TIES."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.errors import (
    InvalidRowCountInLimitClause,
    InvalidRowCountInResultOffsetClause,
    SqlError,
)
from server.executor.columns import concatenate
from server.executor.evaluation import Scalar, evaluators, layout_of, scalar
from server.executor.operator import Builder, Operator
from server.executor.sort import ranks
from server.executor.waits import is_wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.expressions.expression import Expression
    from server.planner import physical
    from server.vector.batch import Batch
    from server.vector.column import Column, Mask, Positions


class Limit(Operator):
    """The first rows after those that OFFSET leaves out."""

    __slots__ = ("_count", "_key_types", "_keys", "_offset")

    def __init__(self, plan: physical.Limit, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        self._count = _optional(plan.count)
        self._offset = _optional(plan.offset)
        layout = layout_of(plan.input.output)
        self._keys = evaluators([key.expression for key in plan.with_ties], layout)
        self._key_types = [key.expression.type.type for key in plan.with_ties]

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield batches until enough rows are out."""
        skip = row_count(self._offset, context, InvalidRowCountInResultOffsetClause, "OFFSET") or 0
        wanted = row_count(self._count, context, InvalidRowCountInLimitClause, "LIMIT")
        if wanted == 0:
            return
        context.is_lazy = context.is_lazy or wanted is not None
        last: Batch | None = None
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
                continue
            rest = batch.slice(skip, batch.count) if skip < batch.count else batch.slice(0, 0)
            skip = max(0, skip - batch.count)
            if wanted is None:
                yield rest
                continue
            part = rest.slice(0, wanted)
            wanted -= part.count
            yield part
            if wanted:
                continue
            if not self._keys:
                return
            last = part.slice(part.count - 1, part.count) if part.count else last
            assert last is not None
            ties = self._ties(last, rest.slice(part.count, rest.count), context)
            yield ties
            if ties.count < rest.count - part.count:
                return

    def _ties(self, last: Batch, rest: Batch, context: ExecutionContext) -> Batch:
        """Rows at the start of rest whose keys equal those of the last row put out."""
        same = np.ones(rest.count, np.bool_)
        for evaluate, key_type in zip(self._keys, self._key_types, strict=True):
            both = concatenate([evaluate(last, context), evaluate(rest, context)])
            same &= _equal_to_first(both, ranks(both, key_type))
        different = np.flatnonzero(~same)
        return rest.slice(0, int(different[0])) if len(different) else rest


def _equal_to_first(column: Column, order: Positions) -> Mask:
    valid = column.validity()
    same: Mask = (valid[1:] == valid[0]) & ((order[1:] == order[0]) | ~valid[0])
    return same


def _optional(expression: Expression | None) -> Scalar | None:
    return None if expression is None else scalar(expression)


def row_count(
    count: Scalar | None, context: ExecutionContext, error: type[SqlError], clause: str
) -> int | None:
    """Evaluate the number of rows of LIMIT or OFFSET; None: as if it were not there."""
    value = None if count is None else count(context)
    if value is None:
        return None
    if value < 0:
        raise error(f"{clause} must not be negative")
    return int(value)
