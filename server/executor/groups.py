"""Groups: the groups of one grouping set during a run, and what becomes of them beyond what memory may hold.

Rule 1: when memory is full, rows of groups that are known go on being taken in; rows of others are written to parts by
        their keys, each of which is grouped by itself once the groups in memory have been given out.
Rule 2: keys that would not be the same a second time are never written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import concatenate_batches, null_column, picked_rows, slices
from server.executor.key_hashes import LEVELS_MAX, PART_BITS, part_numbers
from server.executor.key_table import KeyTable
from server.executor.native import first_rows
from server.executor.spool import Partitions
from server.expressions.expression import walk
from server.vector.batch import Batch
from server.vector.column import Column, Positions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.aggregate import Collector, PreparedAggregate
    from server.executor.context import ExecutionContext
    from server.executor.evaluation import Evaluator
    from server.executor.ordered_groups import RunTable
    from server.planner import physical
    from server.types.type import TypeReference

    Arguments = Sequence[tuple[Positions | None, tuple[Column, ...]]]
    Evaluated = tuple[tuple[Column, ...], Arguments]

BYTES_PER_GROUP: Final = 32
BYTES_PER_STATE: Final = 24
"""What a group takes beside its keys, and for each aggregate, about."""


class PreparedGrouping:
    """Keys and aggregates made ready."""

    __slots__ = ("_keys", "calls", "is_repeatable", "plan")

    def __init__(
        self,
        plan: physical.HashAggregate,
        keys: tuple[Evaluator, ...],
        calls: tuple[PreparedAggregate, ...],
    ) -> None:
        self.plan = plan
        self._keys = keys
        self.calls = calls
        nodes: Iterator[Any] = (node for key in plan.keys for node in walk(key))
        self.is_repeatable = all(
            getattr(getattr(node, "function", None), "volatility", "i") != "v" for node in nodes
        )

    def evaluated(self, batch: Batch, context: ExecutionContext) -> Evaluated:
        """The keys of rows, and the arguments of the aggregates."""
        keys = tuple(evaluate(batch, context) for evaluate in self._keys)
        return keys, [call.arguments(batch, context) for call in self.calls]


class Groups:
    """The groups of one grouping set, for the length of a with block."""

    def __init__(
        self,
        prepared: PreparedGrouping,
        keys: tuple[int, ...],
        context: ExecutionContext,
        level: int = 0,
        table: RunTable | None = None,
    ) -> None:
        """table: what numbers the keys, if it is not to be one that looks for them."""
        self._prepared = prepared
        self._plan = prepared.plan
        self.keys = keys
        self._context = context
        self._level = level
        self._types: list[TypeReference] = [self._plan.keys[position].type for position in keys]
        self._telling = [
            n for n, position in enumerate(keys) if position not in self._plan.dependent
        ]
        self.key_types = [self._types[place].type for place in self._telling]
        self._table: KeyTable | RunTable = (
            KeyTable(self.key_types, nulls_match=True) if table is None else table
        )
        self._found: list[Batch] = []  # the keys of new groups, in order
        self._found_bytes = 0
        self._collectors: list[Collector] = [call.collector(context) for call in prepared.calls]
        self._limit_bytes = context.memory.hash_bytes // len(self._plan.sets)
        self._holding = context.memory.hold()
        self._rest: Partitions | None = None

    def __enter__(self) -> Groups:
        return self

    def __exit__(self, *_: object) -> None:
        self._holding.reset(0)
        if self._rest is not None:
            self._rest.close()

    def add(self, batch: Batch, evaluated: Evaluated) -> None:
        """Take a batch in, of which keys and arguments are known."""
        if self._rest is None:
            self._collect(*evaluated, batch.count)
            self._count_bytes()
            if self._holding.byte_count > self._limit_bytes and self._can_spill():
                self._rest = Partitions(self._context, 1 << PART_BITS)
            return
        keys = self._told(self._own(evaluated[0]))
        assert isinstance(self._table, KeyTable)
        is_known = self._table.find(keys, batch.count) >= 0
        unknown = np.flatnonzero(~is_known)
        if len(unknown):
            columns = [column.take(unknown) for column in keys]
            numbers = part_numbers(columns, self.key_types, self._level)
            self._rest.add(batch.take(unknown), numbers)
            batch = batch.take(np.flatnonzero(is_known))
            evaluated = self._prepared.evaluated(batch, self._context)
        if batch.count:
            self._collect(*evaluated, batch.count)
            self._count_bytes()

    def __len__(self) -> int:
        return len(self._table)

    def add_within(self, evaluated: Evaluated, count: int, shares: int) -> bool:
        """Take rows in on a thread that counts by itself; false: the groups take more than one of so many shares."""
        self._collect(*evaluated, count)
        return self.byte_count * shares <= self._limit_bytes

    def telling(self, keys: tuple[Column, ...]) -> tuple[Column, ...]:
        """The keys that tell groups apart."""
        return self._told(self._own(keys))

    @property
    def is_spilling(self) -> bool:
        """Whether rows of groups that are not known are written to files."""
        return self._rest is not None

    def merge(self, other: Groups) -> None:
        """Take in groups of the same keys or of more; nothing of these may have been written to files yet."""
        assert self._rest is None
        count, look = len(other), self._context.check_cancelled
        found = concatenate_batches(other._found, other._types, look).columns
        own = tuple(found[other.keys.index(position)] for position in self.keys)
        places = self._numbers(own, count, look)
        for mine, theirs in zip(self._collectors, other._collectors, strict=True):
            look()
            mine.merge(theirs, places, len(self))
        self._count_bytes()

    def results(self, set_number: int) -> Iterator[Batch]:
        """Yield the rows of all groups."""
        yield from slices(self._finish(set_number))
        self._table = KeyTable(self.key_types, nulls_match=True)
        self._found.clear()
        self._collectors.clear()
        self._holding.reset(0)
        for part in () if self._rest is None else self._rest.parts:
            if part.row_count:
                with Groups(self._prepared, self.keys, self._context, self._level + 1) as groups:
                    for batch in part.read():
                        self._context.check_cancelled()
                        groups.add(batch, self._prepared.evaluated(batch, self._context))
                    yield from groups.results(set_number)

    def _can_spill(self) -> bool:
        return (
            bool(self.keys)
            and self._prepared.is_repeatable
            and self._level < LEVELS_MAX
            and self._context.temporary_files is not None
        )

    def _own(self, keys: tuple[Column, ...]) -> tuple[Column, ...]:
        return tuple(keys[position] for position in self.keys)

    def _told(self, own: tuple[Column, ...]) -> tuple[Column, ...]:
        """The keys that tell groups apart."""
        return tuple(own[place] for place in self._telling)

    def _count_bytes(self) -> None:
        self._holding.reset(self.byte_count)

    @property
    def byte_count(self) -> int:
        """What keys and states take."""
        per_group = BYTES_PER_GROUP + BYTES_PER_STATE * len(self._collectors)
        held = sum(collector.byte_count for collector in self._collectors)
        return self._found_bytes + per_group * len(self._table) + held

    def _collect(self, keys: tuple[Column, ...], arguments: Arguments, count: int) -> None:
        arguments = [
            self._without_absent(number, given, keys) for number, given in enumerate(arguments)
        ]
        groups = self._numbers(self._own(keys), count)
        for collector, (rows, columns) in zip(self._collectors, arguments, strict=True):
            collector.add(groups if rows is None else groups[rows], len(self._table), columns)

    def _numbers(
        self, own: tuple[Column, ...], count: int, look: Callable[[], None] | None = None
    ) -> Positions:
        """The group of each row; the keys of new ones are kept. look is called now and then, and may raise."""
        known = len(self._table)
        groups = self._table.add(self._told(own), count, look)
        if own and len(self._table) > known:
            firsts = first_rows(groups, known, len(self._table))
            rows = Batch(own, count)
            found = rows.take(firsts) if look is None else picked_rows(rows, firsts, look)
            self._found.append(found)
            self._found_bytes += self._context.bytes_of(found)
        return groups

    def _without_absent(
        self,
        number: int,
        given: tuple[Positions | None, tuple[Column, ...]],
        keys: tuple[Column, ...],
    ) -> tuple[Positions | None, tuple[Column, ...]]:
        """Direct arguments that are keys of other grouping sets are NULL in this one."""
        direct_keys = self._prepared.calls[number].direct_keys
        if not any(key is not None and key not in self.keys for key in direct_keys):
            return given
        rows, columns = given
        changed = list(columns)
        for place, key in enumerate(direct_keys):
            if key is not None and key not in self.keys:
                kind = self._plan.keys[key].type.type
                changed[place] = null_column(kind, len(columns[place]))
        return rows, tuple(changed)

    def _finish(self, set_number: int) -> Batch:
        count = len(self._table)
        found = concatenate_batches(self._found, self._types, self._context.check_cancelled)
        columns = [
            found.columns[self.keys.index(position)]
            if position in self.keys
            else null_column(key.type.type, count)
            for position, key in enumerate(self._plan.keys)
        ]
        for collector in self._collectors:
            self._context.check_cancelled()
            columns.append(collector.finish(count))
        if self._plan.set_number:
            columns.append(Column(np.full(count, set_number, np.int32)))
        return Batch(tuple(columns), count)
