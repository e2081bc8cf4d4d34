"""Joins by any condition, and lateral joins, whose right side runs once a row of the left side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.executor.bands import bands_of
from server.executor.columns import concatenate_batches, rows_of
from server.executor.evaluation import layout_of
from server.executor.join_kinds import Matcher, Matching, Pairs
from server.executor.operator import Builder, Operator
from server.executor.project_set import FunctionScan
from server.executor.subqueries import with_outer
from server.executor.unnest import UNNESTED_ROWS, lateral_unnest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from server.executor.bands import Stretches
    from server.executor.context import ExecutionContext
    from server.planner import physical
    from server.types.type import Value
    from server.vector.batch import Batch
    from server.vector.column import Values

PAIRS_MAX = 1 << 18
LATERAL_ROWS = 1024
"""How many left rows of a lateral join are answered together; fewer at first, for LIMIT above."""


class NestedLoop(Operator):
    """Join by any condition."""

    __slots__ = ("_lateral", "_matcher", "_unnest")

    plan: physical.NestedLoop

    def __init__(self, plan: physical.NestedLoop, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.left, plan.right))
        self._matcher = Matcher(plan, plan.condition)
        layout = layout_of(plan.left.output)
        self._lateral = tuple(layout[column] for column in plan.lateral)
        self._unnest = lateral_unnest(plan.right, plan.lateral) if plan.lateral else None

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows."""
        if self.plan.lateral:
            return self._run_lateral(context)
        return self._run_once(context)

    def _run_once(self, context: ExecutionContext) -> Iterator[Batch]:
        source = self.inputs[1]
        with context.memory.hold() as holding:
            rights = list(context.held(source.batches(context), holding))
            right = concatenate_batches(rights, source.plan.types)
            matching = self._matcher.start(right, context)
            stretches: Stretches | None = None
            has_looked = False
            for left in self.inputs[0].batches(context):
                if left.count * right.count > PAIRS_MAX and not has_looked:
                    bands, has_looked = bands_of(self.plan), True
                    stretches = None if bands is None else bands.start(right, context)
                yield from self._joined(left, right.count, matching, stretches, context)
            yield from matching.rest()

    def _joined(
        self,
        left: Batch,
        right_count: int,
        matching: Matching,
        stretches: Stretches | None,
        context: ExecutionContext,
    ) -> Iterator[Batch]:
        """What a batch of the left side gives."""
        found = None
        if stretches is not None:
            found = stretches.pairs(left, PAIRS_MAX, context)
        if found is None:
            return matching.rows(left, _all_pairs(left.count, right_count, context))
        pairs, are_sure = found
        return matching.rows(left, pairs, are_sure=are_sure)

    def _run_lateral(self, context: ExecutionContext) -> Iterator[Batch]:
        assert self.plan.kind not in ("right", "full"), (
            "a lateral right side has no rows of its own"
        )
        matching = self._matcher.start(concatenate_batches([], self.inputs[1].plan.types), context)
        row_count = 16
        for batch in self.inputs[0].batches(context):
            start = 0
            while start < batch.count:
                part = batch.slice(start, start + row_count)
                yield from self._answered(part, matching, context)
                start += part.count
                row_count = min(
                    row_count * 2, LATERAL_ROWS if self._unnest is None else UNNESTED_ROWS
                )

    def _answered(
        self, left: Batch, matching: Matching, context: ExecutionContext
    ) -> Iterator[Batch]:
        """What the right side gives for each of some left rows."""
        columns = left.select(self._lateral)
        counts: Sequence[int] | Values
        if self._unnest is not None and context.instruments is None:
            right, counts = self._unnest.answers(columns, context)
        else:
            right, counts = self._each_answered(columns, context)
        matching.replace_right(right)
        lefts = np.repeat(np.arange(left.count), counts)
        yield from matching.rows_in_order(left, lefts, np.arange(right.count))

    def _each_answered(
        self, columns: Batch, context: ExecutionContext
    ) -> tuple[Batch, Sequence[int]]:
        """The rows for each left row, one left row after the other."""
        source, lateral = self.inputs[1], self.plan.lateral
        outers = (dict(zip(lateral, values, strict=True)) for values in rows_of(columns))
        if isinstance(source, FunctionScan) and context.instruments is None:
            return source.answers(context, outers)
        return _one_by_one(source, context, outers)


def _one_by_one(
    source: Operator, context: ExecutionContext, outers: Iterable[dict[int, Value | None]]
) -> tuple[Batch, list[int]]:
    """The rows of an operator that runs once for each of several rows outside, and how many each has."""
    found: list[Batch] = []
    counts = []
    for outer in outers:
        context.check_cancelled()
        before = len(found)
        found.extend(with_outer(source.batches(context), context, outer))
        counts.append(sum(batch.count for batch in found[before:]))
    return concatenate_batches(found, source.plan.types), counts


def _all_pairs(left_count: int, right_count: int, context: ExecutionContext) -> Iterator[Pairs]:
    """Every row of the left with every one of the right, in portions."""
    if not right_count:
        return
    rights = np.arange(right_count)
    step = max(1, PAIRS_MAX // right_count)
    for start in range(0, left_count, step):
        context.check_cancelled()
        lefts = np.arange(start, min(start + step, left_count))
        yield np.repeat(lefts, right_count), np.tile(rights, len(lefts))
