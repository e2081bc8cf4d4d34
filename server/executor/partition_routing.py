"""Which partition a row belongs to, and rows in the column order of another table of the family.

Rule 1: rows are routed from the root of the tree, whichever table a statement names: so a row that does not
        belong below the table named is found out at once.
Rule 2: tables of a family have columns of the same names, at any attribute numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from server.catalog.objects import Table
from server.catalog.partition_bounds import (
    PartitionMap,
    ancestors_of,
    partition_map,
    partition_map_of_a_moment,
)
from server.catalog.partition_hash import SEED, combined, part_hash
from server.catalog.routine_objects import UserFunction
from server.errors import CheckViolation
from server.executor.columns import null_column, rows_of
from server.executor.evaluation import evaluator
from server.executor.partition_ranges import NOWHERE, even_ranges
from server.executor.table_shape import shape_of
from server.executor.told_rows import failing_row, may_read
from server.identifiers import quote_identifier
from server.vector.batch import Batch
from server.vector.rows import values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.executor.context import ExecutionContext
    from server.executor.evaluation import Evaluator
    from server.executor.table_shape import Row
    from server.types.type import Value
    from server.vector.column import Column, Positions

Destinations = list[tuple[Table, "Positions"]]


def translation(source: Table, target: Table) -> tuple[int, ...]:
    """For each attribute of the target the attribute of the source, 0 for none."""
    numbers = {column.name: column.number for column in source.live_columns}
    return tuple(0 if column.dropped else numbers.get(column.name, 0) for column in target.columns)


def translated(batch: Batch, source: Table, target: Table, context: ExecutionContext) -> Batch:
    """Rows of one table of the family as rows of another one."""
    if source.oid == target.oid:
        return batch
    types = shape_of(target, context).types
    columns = tuple(
        batch.columns[number - 1] if number else null_column(reference.type, batch.count)
        for number, reference in zip(translation(source, target), types, strict=True)
    )
    return Batch(columns, batch.count)


class Level:
    """One partitioned table: its map, and what computes its key from its rows."""

    __slots__ = ("_hashers", "_ranges", "keys", "map", "names", "table")

    def __init__(self, table: Table, context: ExecutionContext) -> None:
        key = table.partition_key
        assert key is not None
        assert context.bind_expression is not None
        self.table = table
        find = partition_map if context.read_committed else partition_map_of_a_moment
        self.map: PartitionMap = find(context.catalog, table)
        self._ranges = even_ranges(self.map)
        layout = {column.number: column.number - 1 for column in table.columns}
        keys: list[Evaluator] = []
        self.names: list[str] = []
        for part in key.parts:
            if part.number:
                keys.append(_column(part.number - 1))
                self.names.append(table.column(part.number).name)
            else:
                bound = context.bind_expression(table, part.expression or "")
                keys.append(evaluator(bound, layout))
                self.names.append(part.expression or "")
        self.keys = tuple(keys)
        self._hashers = self._users_hashes(context, layout)

    def numbers(self, batch: Batch, context: ExecutionContext) -> tuple[list[Column], Positions]:
        """The keys of the rows, and the number of the partition of each, or NOWHERE."""
        columns = [key(batch, context) for key in self.keys]
        if self._ranges is not None:
            return columns, self._ranges.numbers(columns[0])
        rows: list[Row] = list(zip(*map(values_of, columns), strict=True))
        is_hashed = bool(self._hashers)
        found = self._numbers_by_hash(rows, batch, context) if is_hashed else self._numbers_of(rows)
        return columns, np.array([NOWHERE if n is None else n for n in found], np.int64)

    def _numbers_of(self, rows: list[Row]) -> list[int | None]:
        known: dict[Any, int | None] = {}
        found: list[int | None] = []
        for row in rows:
            try:
                if row not in known:
                    known[row] = self.map.number_of(row)
                found.append(known[row])
            except TypeError:  # a value that is no key of a dictionary
                found.append(self.map.number_of(row))
        return found

    def _users_hashes(
        self, context: ExecutionContext, layout: dict[int, int]
    ) -> dict[int, Evaluator]:
        """What computes the hashes of the parts that users' operator classes are for."""
        key = self.table.partition_key
        assert key is not None
        assert context.bind_expression is not None
        found: dict[int, Evaluator] = {}
        for place, oid in enumerate(self.map.hash_functions if key.strategy == "hash" else ()):
            if oid:
                text = key.parts[place].expression or quote_identifier(self.names[place])
                call = f"{_function_name(context, oid)}(({text}), {SEED}::int8)"
                found[place] = evaluator(context.bind_expression(self.table, call), layout)
        return found

    def _numbers_by_hash(
        self, rows: list[Row], batch: Batch, context: ExecutionContext
    ) -> list[int | None]:
        given = {n: values_of(each(batch, context)) for n, each in self._hashers.items()}
        return [
            self.map.number_of_hash(
                combined(
                    given[n][place] if n in given else part_hash(self.map.types[n], value)
                    for n, value in enumerate(row)
                )
            )
            for place, row in enumerate(rows)
        ]


def _function_name(context: ExecutionContext, oid: int) -> str:
    function = context.catalog.object(oid)
    if not isinstance(function, UserFunction):
        return quote_identifier(context.catalog.function(oid).name)
    schema: Any = context.catalog.object(function.schema)
    return f"{quote_identifier(schema.name)}.{quote_identifier(function.name)}"


def _column(position: int) -> Evaluator:
    return lambda batch, context: batch.columns[position]


class Router:
    """Finds the partitions of rows of one table, which is partitioned or a partition."""

    __slots__ = ("_levels", "_named", "_root", "_target")

    def __init__(
        self, target: Table, context: ExecutionContext, named: Table | None = None
    ) -> None:
        above = ancestors_of(context.catalog, target)
        self._target = target
        self._named = named or target
        self._root = above[-1] if above else target
        self._levels: dict[int, Level] = {}

    def route(self, batch: Batch, context: ExecutionContext) -> Destinations:
        """The leaves that rows of the target belong to, with their positions in the batch."""
        found: Destinations = []
        rows = translated(batch, self._target, self._root, context)
        everything: Positions = np.arange(batch.count, dtype=np.int64)
        self._collect(self._root, rows, everything, context, found)
        if self._root.oid != self._target.oid:
            self._refuse_strangers(batch, found, context)
        return found

    def are_home(self, batch: Batch, context: ExecutionContext) -> bool:
        """Whether all rows of the target, a partition, belong into it; a check says so of one being detached."""
        if self._target.detached_xid:
            return True
        found: Destinations = []
        rows = translated(batch, self._target, self._root, context)
        everything: Positions = np.arange(batch.count, dtype=np.int64)
        try:
            self._collect(self._root, rows, everything, context, found)
        except CheckViolation:
            return False
        return all(table.oid == self._target.oid for table, _ in found)

    def route_anywhere(
        self, batch: Batch, own: set[int], context: ExecutionContext
    ) -> Destinations:
        """The leaves that updated rows of the target belong to; those must be below the table named."""
        found: Destinations = []
        rows = translated(batch, self._target, self._root, context)
        everything: Positions = np.arange(batch.count, dtype=np.int64)
        self._collect(self._root, rows, everything, context, found)
        wrong = [int(positions[0]) for table, positions in found if table.oid not in own]
        if wrong:
            shown = translated(batch, self._target, self._named, context)
            raise violation(self._named, shown, min(wrong), context)
        return found

    def _level(self, table: Table, context: ExecutionContext) -> Level:
        level = self._levels.get(table.oid)
        if level is None:
            level = self._levels[table.oid] = Level(table, context)
        return level

    def _collect(
        self,
        table: Table,
        rows: Batch,
        positions: Positions,
        context: ExecutionContext,
        found: Destinations,
    ) -> None:
        if table.kind != "p":
            found.append((table, positions))
            return
        level = self._level(table, context)
        keys, numbers = level.numbers(rows, context)
        lost = np.flatnonzero(numbers == NOWHERE)
        if len(lost):
            place = int(lost[0])
            key = tuple(values_of(column.slice(place, place + 1))[0] for column in keys)
            error = self._nowhere(level, key, rows, place, context)
            error.row = int(positions[place])
            raise error
        for number, chosen in _by_number(numbers):
            partition = level.map.partitions[number]
            part = translated(rows.take(chosen), table, partition, context)
            self._collect(partition, part, positions[chosen], context, found)

    def _nowhere(
        self, level: Level, key: Row, rows: Batch, place: int, context: ExecutionContext
    ) -> CheckViolation:
        """The error for a row that no partition takes."""
        above = ancestors_of(context.catalog, self._named)
        if any(item.oid == level.table.oid for item in above):
            row = rows.slice(place, place + 1)
            shown = translated(row, level.table, self._named, context)
            return violation(self._named, shown, 0, context)
        texts = []
        for value, kind in zip(key, level.map.types, strict=True):
            texts.append("null" if value is None else kind.format(value, context.style))
        shape = shape_of(level.table, context)
        told = f"({', '.join(level.names)}) = ({', '.join(texts)})"
        key_parts = level.table.partition_key.parts if level.table.partition_key else ()
        numbers = [part.number for part in key_parts]
        is_told = may_read(context, level.table, numbers)
        return CheckViolation(
            f'no partition of relation "{level.table.name}" found for row',
            detail=f"Partition key of the failing row contains {told}." if is_told else "",
            schema=shape.schema_name,
            table=level.table.name,
        )

    def _refuse_strangers(
        self, batch: Batch, found: Destinations, context: ExecutionContext
    ) -> None:
        own = {table.oid for table in context.catalog.family_of(self._target)}
        wrong = [int(positions[0]) for table, positions in found if table.oid not in own]
        if wrong:
            raise violation(self._target, batch, min(wrong), context)


def _by_number(numbers: Positions) -> list[tuple[int, Positions]]:
    """The places of each number; the number that comes first is first."""
    order = np.argsort(numbers, kind="stable")
    distinct, starts = np.unique(numbers[order], return_index=True)
    parts = np.split(order, starts[1:])
    found = zip(distinct.tolist(), parts, strict=True)
    return sorted(found, key=lambda pair: int(pair[1][0])) if len(numbers) else []


def violation(table: Table, batch: Batch, place: int, context: ExecutionContext) -> CheckViolation:
    """The error for a row that is not one of a partition's."""
    shape = shape_of(table, context)
    row: Sequence[Value | None] = rows_of(batch.slice(place, place + 1))[0]
    error = CheckViolation(
        f'new row for relation "{table.name}" violates partition constraint',
        detail=failing_row(shape, tuple(row), context),
        schema=shape.schema_name,
        table=table.name,
    )
    error.row = place
    return error


def routed_columns(context: ExecutionContext, table: Table) -> frozenset[str]:
    """The names of columns whose values decide where in the tree a row belongs; everything for expressions."""
    names: set[str] = set()
    for level in [table, *ancestors_of(context.catalog, table)]:
        key = level.partition_key
        for part in key.parts if key is not None else ():
            if part.number:
                names.add(level.column(part.number).name)
            else:
                names.update(column.name for column in level.live_columns)
    return frozenset(names)
