"""UNION, INTERSECT and EXCEPT, with and without ALL.

Rule 1: the distinct rows of the right side are a table, rows of the left side are looked up in it as they come.
Rule 2: when memory is full, rows of both sides that are not in the table are written to parts by their hashes, and what
        is in one part is compared by itself.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.distinct import UnseenRows
from server.executor.groups import BYTES_PER_GROUP
from server.executor.key_hashes import LEVELS_MAX, PART_BITS, part_numbers
from server.executor.key_table import KeyTable
from server.executor.native import first_rows
from server.executor.operator import Builder, Operator
from server.executor.spool import Partitions
from server.functions.sums import grown
from server.types.registry import TYPE_BY_OID
from server.vector.column import Column
from server.vector.native import count_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.memory import Held
    from server.planner import physical
    from server.types.type import Type
    from server.vector.batch import Batch
    from server.vector.column import Positions

_BIGINT: Final = TYPE_BY_OID[20]


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
        types = [reference.type for reference in self.plan.types]
        left, right = (side.batches(context) for side in self.inputs)
        yield from _Comparison(self.plan, types, context).rows(left, right)

    def _union(self, context: ExecutionContext) -> Iterator[Batch]:
        types = [reference.type for reference in self.plan.types]
        batches = chain.from_iterable(side.batches(context) for side in self.inputs)
        if self.plan.all:
            yield from batches
        elif types:
            yield from UnseenRows(types, may_spill=True).of(batches, context)
        else:
            yield from (batch.slice(0, 1) for batch in islice(batches, 1))


class _Comparison:
    """INTERSECT or EXCEPT of rows, or of those of one part."""

    def __init__(
        self,
        plan: physical.SetOperation,
        types: Sequence[Type],
        context: ExecutionContext,
        level: int = 0,
    ) -> None:
        self._plan = plan
        self._types = types
        self._context = context
        self._level = level
        self._keeps_unknown = plan.kind == "except"
        self._table = KeyTable(types or [_BIGINT], nulls_match=True)
        self._byte_count = 0  # of the table
        self._left_over = np.zeros(0, np.int64)  # how many rows of the right side have each number
        self._rest: tuple[Partitions, Partitions] | None = None

    def rows(self, left: Iterable[Batch], right: Iterable[Batch]) -> Iterator[Batch]:
        """The rows of the left side that stay."""
        with ExitStack() as stack:
            holding = stack.enter_context(self._context.memory.hold())
            for batch in right:
                self._context.check_cancelled()
                self._take(batch)
                self._hold(holding, stack)
            if not self._plan.all:
                self._left_over = np.ones(len(self._table), np.int64)
            for batch in left:
                self._context.check_cancelled()
                yield batch.take(self._staying(batch))
                self._hold(holding, stack)
            self._table = KeyTable([_BIGINT], nulls_match=True)
            holding.reset(0)
            if self._rest is not None:
                for ours, theirs in zip(*(each.parts for each in self._rest), strict=True):
                    part = _Comparison(self._plan, self._types, self._context, self._level + 1)
                    yield from part.rows(ours.read(), theirs.read())

    def _take(self, batch: Batch) -> None:
        """Take in rows of the right side."""
        columns = _keys(batch)
        if self._rest is not None:
            unknown = self._put_off(batch, columns, self._table.find(columns, batch.count), 1)
            if not self._plan.all or len(unknown) == batch.count:
                return
            batch = batch.take(np.delete(np.arange(batch.count), unknown))
            columns = _keys(batch)
        known = len(self._table)
        codes = self._table.add(columns, batch.count)
        self._count_keys(batch, len(self._table) - known)
        if self._plan.all:
            self._left_over = grown(self._left_over, len(self._table))
            count_rows(self._left_over, codes)

    def _staying(self, batch: Batch) -> Positions:
        """Which rows of the left side stay."""
        columns = _keys(batch)
        only_new = self._keeps_unknown and not self._plan.all
        if only_new and self._rest is None:
            known = len(self._table)
            codes = self._table.add(columns, batch.count)
            self._count_keys(batch, len(self._table) - known)
            return first_rows(codes, known, len(self._table))
        codes = self._table.find(columns, batch.count)
        stays = np.zeros(batch.count, np.bool_)
        if self._rest is not None:
            self._put_off(batch, columns, codes, 0)
        elif self._keeps_unknown:
            stays[codes < 0] = True
        if not only_new:
            rows = np.flatnonzero(codes >= 0)
            known_codes = codes[rows]
            before, left = occurrences(known_codes), self._left_over[known_codes]
            stays[rows] = before >= left if self._keeps_unknown else before < left
            np.subtract.at(self._left_over, known_codes, 1)
        return np.flatnonzero(stays)

    def _put_off(
        self, batch: Batch, columns: Sequence[Column], codes: Positions, side: int
    ) -> Positions:
        """Write rows that are not in the table to the parts of their side; which ones these are."""
        assert self._rest is not None
        rows = np.flatnonzero(codes < 0)
        if len(rows):
            keys = [column.take(rows) for column in columns]
            self._rest[side].add(batch.take(rows), part_numbers(keys, self._types, self._level))
        return rows

    def _count_keys(self, batch: Batch, count: int) -> None:
        """So many rows of the batch are kept by the table."""
        if count:
            row_bytes = self._context.bytes_of(batch) // batch.count + BYTES_PER_GROUP
            self._byte_count += row_bytes * count

    def _hold(self, holding: Held, stack: ExitStack) -> None:
        """Say what is held, and begin to put rows off if that is more than memory may hold."""
        holding.reset(self._byte_count)
        may_spill = self._context.temporary_files is not None and self._level < LEVELS_MAX
        is_full = self._byte_count > self._context.memory.hash_bytes
        if is_full and may_spill and self._types and self._rest is None:
            self._rest = (
                stack.enter_context(Partitions(self._context, 1 << PART_BITS)),
                stack.enter_context(Partitions(self._context, 1 << PART_BITS)),
            )


def _keys(batch: Batch) -> Sequence[Column]:
    """The columns that tell rows apart; rows without columns are all equal."""
    return batch.columns or (Column(np.zeros(batch.count, np.int64)),)


def occurrences(codes: Positions) -> Positions:
    """For each row the number of rows before it with the same code."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(codes)])
    lengths = np.diff(np.append(starts, len(codes)))
    result = np.empty(len(codes), np.int64)
    result[order] = np.arange(len(codes)) - np.repeat(starts, lengths)
    return result
