"""SELECT DISTINCT and DISTINCT ON.

The first row of each set of equal rows, in the order of the input.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from server.executor.evaluation import evaluators, layout_of
from server.executor.filter import picks
from server.executor.groups import BYTES_PER_GROUP
from server.executor.key_hashes import LEVELS_MAX, PART_BITS, part_numbers
from server.executor.key_table import KeyTable
from server.executor.native import first_rows
from server.executor.operator import Builder, Operator
from server.executor.spool import Partitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.evaluation import Evaluator
    from server.planner import physical
    from server.types.type import Type
    from server.vector.batch import Batch
    from server.vector.column import Column


class Distinct(Operator):
    """The first row of each set of equal rows."""

    __slots__ = ("_key_types", "_keys", "_output")

    def __init__(self, plan: physical.Distinct, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        self._keys = None
        self._key_types = [reference.type for reference in plan.input.types]
        if plan.on is not None:
            self._keys = evaluators(plan.on, layout_of(plan.input.output))
            self._key_types = [key.type.type for key in plan.on]
        self._output = picks(plan.output, plan.input.output)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows that are new in each batch."""
        batches = self.inputs[0].batches(context)
        if not self._key_types:  # all rows are equal
            yield from (batch.slice(0, 1) for batch in islice(batches, 1))
            return
        # DISTINCT ON promises the order of its input, so nothing may be put off.
        unseen = UnseenRows(self._key_types, self._keys, may_spill=self._keys is None)
        for fresh in unseen.of(batches, context):
            yield fresh if self._output is None else fresh.select(self._output)


class UnseenRows:
    """The first row of each set of rows with equal keys.

    When memory is full, rows with keys that have not been met are written to parts by their keys, which are gone
    through one by one afterwards.
    """

    __slots__ = ("_keys", "_may_spill", "_types")

    def __init__(
        self, types: Sequence[Type], keys: Sequence[Evaluator] | None = None, *, may_spill: bool
    ) -> None:
        """Without keys the columns of the rows are the keys."""
        self._types = types
        self._keys = keys
        self._may_spill = may_spill

    def of(
        self, batches: Iterable[Batch], context: ExecutionContext, level: int = 0
    ) -> Iterator[Batch]:
        """Yield them."""
        may_spill = self._may_spill and context.temporary_files is not None and level < LEVELS_MAX
        table = KeyTable(self._types, nulls_match=True)
        with ExitStack() as stack:
            holding = stack.enter_context(context.memory.hold())
            rest: Partitions | None = None
            for batch in batches:
                context.check_cancelled()
                columns = self._columns(batch, context)
                if rest is not None:
                    rows = np.flatnonzero(table.find(columns, batch.count) < 0)
                    unseen = [column.take(rows) for column in columns]
                    rest.add(batch.take(rows), part_numbers(unseen, self._types, level))
                    continue
                known = len(table)
                codes = table.add(columns, batch.count)
                fresh = batch.take(first_rows(codes, known, len(table)))
                yield fresh
                holding.add(context.bytes_of(fresh) + BYTES_PER_GROUP * fresh.count)
                if may_spill and holding.byte_count > context.memory.hash_bytes:
                    rest = stack.enter_context(Partitions(context, 1 << PART_BITS))
            del table
            holding.reset(0)
            for part in () if rest is None else rest.parts:
                yield from self.of(part.read(), context, level + 1)

    def _columns(self, batch: Batch, context: ExecutionContext) -> tuple[Column, ...]:
        if self._keys is None:
            return batch.columns
        return tuple(evaluate(batch, context) for evaluate in self._keys)
