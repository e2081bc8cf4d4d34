"""UNION, INTERSECT and EXCEPT, with and without ALL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import concatenate_batches
from server.executor.key_table import KeyTable, first_rows
from server.executor.operator import Builder, Operator
from server.vector.column import Mask, Positions

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
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
        table = KeyTable([reference.type for reference in self.plan.types], nulls_match=True)
        counts = np.zeros(0, np.int64)
        for batch in self.inputs[1].batches(context):
            codes = table.add(batch.columns, batch.count)
            counts = np.bincount(codes, minlength=len(table)) + _grown(counts, len(table))
        left = concatenate_batches(list(self.inputs[0].batches(context)), self.inputs[0].plan.types)
        codes = table.add(left.columns, left.count)
        keep = KEEP[self.plan.kind, self.plan.all]
        rows = keep(codes, occurrences(codes), _grown(counts, len(table))[codes])
        yield left.take(np.flatnonzero(rows))

    def _union(self, context: ExecutionContext) -> Iterator[Batch]:
        table = KeyTable([reference.type for reference in self.plan.types], nulls_match=True)
        any_seen = False
        for side in self.inputs:
            for batch in side.batches(context):
                if self.plan.all:
                    yield batch
                elif not batch.columns:
                    yield batch.slice(0, 0 if any_seen else 1)
                    any_seen = True
                else:
                    known = len(table)
                    codes = table.add(batch.columns, batch.count)
                    yield batch.take(first_rows(codes, known, len(table)))


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
