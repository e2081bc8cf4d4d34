"""Windows without order whose frames are whole partitions: aggregates by hash, rows left as they come.

No row has to be moved: the rows of each partition are taken in as those of a group are, and each row gets what its
group came to. Few rows are sorted by partition as PostgreSQL does it, where somebody may look at them one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import slices
from server.executor.evaluation import evaluator, evaluators
from server.executor.key_table import KeyTable
from server.functions.function import Aggregate, CallContext
from server.vector.batch import Batch
from server.vector.late import repeated
from server.vector.selection import positions_of, true_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.memory import Held
    from server.expressions.expression import WindowCall
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.vector.column import Column, Positions

ROWS_MIN: Final = 1 << 17
"""From how many rows on they are not sorted."""


def are_totals(plan: physical.Window) -> bool:
    """Whether all calls of a window are aggregates over whole partitions."""
    frame = plan.frame
    ends = ("unbounded_following",) if frame.mode == "rows" else ("unbounded_following", "current")
    return (
        not plan.order
        and plan.first is None
        and frame.start[0] == "unbounded_preceding"
        and frame.end[0] in ends
        and frame.exclusion == "no_others"
        and all(isinstance(call.function, Aggregate) for call in plan.calls)
    )


class _Total:
    """One aggregate over the partitions of a window."""

    __slots__ = ("_arguments", "_call", "_filter")

    def __init__(self, call: WindowCall, layout: Layout) -> None:
        self._call = call
        self._arguments = evaluators(call.arguments, layout)
        self._filter = None if call.filter is None else evaluator(call.filter, layout)

    def create(self, context: ExecutionContext) -> Any:
        """A state that has taken nothing in."""
        types = tuple(argument.type for argument in self._call.arguments)
        return self._aggregate.create(CallContext(context.style, self._call.type, types, context))

    def taken_in(
        self,
        state: Any,
        batch: Batch,
        partitions: Positions,
        count: int,
        context: ExecutionContext,
    ) -> Any:
        """The state after rows of so many partitions; partitions says which is each row's."""
        if self._filter is not None:  # arguments of other rows may raise
            passed = positions_of(true_rows(self._filter(batch, context)))
            batch, partitions = batch.take(passed), partitions[passed]
        columns = tuple(evaluate(batch, context) for evaluate in self._arguments)
        made = self._aggregate.accumulate(state, partitions, count, columns)
        return state if made is None else made

    def finish(self, state: Any, count: int) -> Column:
        """What the partitions came to."""
        return self._aggregate.finish(state, count)

    @property
    def _aggregate(self) -> Aggregate:
        assert isinstance(self._call.function, Aggregate)
        return self._call.function


class WindowTotals:
    """The calls of a window of which are_totals holds."""

    __slots__ = ("_calls", "_keys", "_types")

    def __init__(self, plan: physical.Window, layout: Layout) -> None:
        self._keys = evaluators(plan.partition, layout)
        self._types = [key.type.type for key in plan.partition]
        self._calls = tuple(_Total(call, layout) for call in plan.calls)

    def of(
        self, batches: Sequence[Batch], context: ExecutionContext, holding: Held
    ) -> Iterator[Batch]:
        """The batches with the columns of the calls."""
        table = KeyTable(self._types, nulls_match=True)
        states = [call.create(context) for call in self._calls]
        rows: list[Positions] = []
        count = 0 if self._keys else 1
        for batch in batches:
            context.check_cancelled()
            keys = tuple(evaluate(batch, context) for evaluate in self._keys)
            partitions = table.add(keys, batch.count)
            count = len(table) if self._keys else 1
            states = [
                call.taken_in(state, batch, partitions, count, context)
                for call, state in zip(self._calls, states, strict=True)
            ]
            rows.append(partitions.astype(np.int32))
            holding.add(rows[-1].nbytes)
        totals = [
            call.finish(state, count) for call, state in zip(self._calls, states, strict=True)
        ]
        for batch, partitions in zip(batches, rows, strict=True):
            context.check_cancelled()
            made = tuple(repeated(total, partitions) for total in totals)
            yield from slices(Batch((*batch.columns, *made), batch.count))
