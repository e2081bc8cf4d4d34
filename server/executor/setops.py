"""UNION, INTERSECT and EXCEPT, with and without ALL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import concatenate_batches
from server.executor.distinct import UnseenRows
from server.executor.key_table import KeyTable
from server.executor.operator import Builder, Operator
from server.vector.column import Mask, Positions

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.executor.memory import Held
    from server.planner import physical
    from server.vector.batch import Batch

Keep = Callable[[Positions, Positions, Positions], Mask]


class SetOperation(Operator):
    """Rows of both sides as the kind of operation says; NULLs are equal to each other."""

    __slots__ = ()

    plan: physical.SetOperation

    def __init__(self, plan: physical.SetOperation, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.left, plan.right))

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        if self.plan.kind == "union":
            yield from self._union(context)
            return
        with context.memory.hold() as holding:
            yield from self._compared(context, holding)

    def _compared(self, context: ExecutionContext, holding: Held) -> Iterator[Batch]:
        table = KeyTable([reference.type for reference in self.plan.types], nulls_match=True)
        counts, look = np.zeros(0, np.int64), context.check_cancelled
        for batch in self.inputs[1].batches(context):
            codes = table.add(batch.columns, batch.count)
            counts = np.bincount(codes, minlength=len(table)) + _grown(counts, len(table))
            holding.add(context.bytes_of(batch))
        left = concatenate_batches(
            list(context.held(self.inputs[0].batches(context), holding)),
            self.inputs[0].plan.types,
            look,
        )
        codes = table.add(left.columns, left.count, look)
        keep = KEEP[self.plan.kind, self.plan.all]
        rows = keep(codes, occurrences(codes), _grown(counts, len(table))[codes])
        yield left.take(np.flatnonzero(rows))

    def _union(self, context: ExecutionContext) -> Iterator[Batch]:
        types = [reference.type for reference in self.plan.types]
        batches = chain.from_iterable(side.batches(context) for side in self.inputs)
        if self.plan.all:
            yield from batches
        elif types:
            yield from UnseenRows(types, may_spill=True).of(batches, context)
        else:
            yield from (batch.slice(0, 1) for batch in islice(batches, 1))


def _grown(counts: Positions, count: int) -> Positions:
    return np.concatenate([counts, np.zeros(count - len(counts), np.int64)])


def occurrences(codes: Positions) -> Positions:
    """For each row the number of rows before it with the same code."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(codes)])
    lengths = np.diff(np.append(starts, len(codes)))
    result = np.empty(len(codes), np.int64)
    result[order] = np.arange(len(codes)) - np.repeat(starts, lengths)
    return result


KEEP: Final[dict[tuple[str, bool], Keep]] = {
    ("intersect", False): lambda codes, before, others: (before == 0) & (others > 0),
    ("intersect", True): lambda codes, before, others: before < others,
    ("except", False): lambda codes, before, others: (before == 0) & (others == 0),
    ("except", True): lambda codes, before, others: before >= others,
}
"""Which rows of the left side stay, by their code, equal ones before, equal ones on the right."""
