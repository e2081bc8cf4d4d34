"""Sources of the row machine that are no tables, and those of several: VALUES, UNION and WITH."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.executor.columns import batch_of_rows
from server.executor.row_node import Leave, NotCovered, in_row_form, row_evaluator
from server.executor.row_nodes import GroupKeys
from server.expressions.expression import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.row_node import Row, RowNode, RowRun
    from server.expressions.expression import ColumnId
    from server.planner import physical
    from server.types.type import TypeReference
    from server.vector.batch import Batch

    Make = Callable[[physical.Plan, frozenset[ColumnId]], RowNode]

NOTHING_STORED: frozenset[ColumnId] = frozenset()


class ValuesRows:
    """VALUES."""

    __slots__ = ("_rows", "output", "stored")

    def __init__(self, plan: physical.Values, needed: frozenset[ColumnId], make: Make) -> None:
        del needed, make
        self._rows = [[row_evaluator(cell, {}) for cell in row] for row in plan.rows]
        self.output = plan.output
        self.stored = NOTHING_STORED

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """All rows."""
        run.count(len(self._rows))
        context = run.context
        yield [tuple([cell((), context) for cell in row]) for row in self._rows]


class AppendedRows:
    """UNION ALL: the rows of the inputs one after the other."""

    __slots__ = ("_inputs", "output", "stored")

    def __init__(self, plan: physical.Append, needed: frozenset[ColumnId], make: Make) -> None:
        if plan.pruning is not None:
            raise NotCovered
        self._inputs = [in_row_form(each, make) for each in plan.inputs]
        self.output = plan.output
        self.stored = NOTHING_STORED

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """Those of each input."""
        for node in self._inputs:
            yield from node.portions(run)


class UnitedRows:
    """UNION of two sides, with or without ALL."""

    __slots__ = ("_keys", "_sides", "output", "stored")

    def __init__(
        self, plan: physical.SetOperation, needed: frozenset[ColumnId], make: Make
    ) -> None:
        if plan.kind != "union":
            raise NotCovered
        self._sides = [in_row_form(each, make) for each in (plan.left, plan.right)]
        self._keys: GroupKeys | None = None
        self.output = plan.output
        self.stored = NOTHING_STORED
        if not plan.all:
            left = plan.left
            columns = zip(left.output, plan.types, strict=True)
            keys = [Variable(type=reference, column=column) for column, reference in columns]
            self._keys = GroupKeys(keys, self._sides[0])

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """Those of either side, without ALL the first of each set of equal rows."""
        keys, seen = self._keys, set[Any]()
        for side in self._sides:
            for rows in side.portions(run):
                yield rows if keys is None else keys.fresh(rows, seen, run.context)


class SharedRows:
    """The rows of a WITH query, read as far as somebody wants them; operators may read them, too."""

    __slots__ = ("_rows", "_source", "_types", "number")

    def __init__(
        self, source: Iterator[list[Row]], types: Sequence[TypeReference], number: int
    ) -> None:
        self.number = number  # among all such rows of a run
        self._rows: list[list[Row]] = []
        self._source = source
        self._types = types

    def portions(self) -> Iterator[list[Row]]:
        """All rows from the first on; several readers may be at different places."""
        at = 0
        while True:
            if at == len(self._rows):
                portion = next(self._source, None)
                if portion is None:
                    return
                self._rows.append(portion)
            yield self._rows[at]
            at += 1

    def read(self) -> Iterator[Batch]:
        """The same as batches."""
        for rows in self.portions():
            if rows:
                yield batch_of_rows(rows, self._types)


class CommonTables:
    """Runs its input with WITH queries in reach."""

    __slots__ = ("_input", "_tables", "output", "stored")

    def __init__(self, plan: physical.CommonTable, needed: frozenset[ColumnId], make: Make) -> None:
        self._tables = [
            (number, in_row_form(node, make), node.types) for number, node in plan.tables
        ]
        self._input = make(plan.input, needed)
        self.output, self.stored = self._input.output, self._input.stored
        if self.output != plan.output or plan.unread:
            raise NotCovered

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """Those of the input."""
        context = run.context
        before = dict(context.common_tables)
        for number, node, types in self._tables:
            context.shared_rows_count += 1
            shared = SharedRows(node.portions(run), types, context.shared_rows_count)
            context.common_tables[number] = shared
        try:
            yield from self._input.portions(run)
        finally:
            _put_back(context, before)


def _put_back(context: ExecutionContext, tables: dict[int, Any]) -> None:
    context.common_tables.clear()
    context.common_tables.update(tables)


class CommonRows:
    """Reads a WITH query of the row machine's."""

    __slots__ = ("_number", "output", "stored")

    def __init__(
        self, plan: physical.CommonTableScan, needed: frozenset[ColumnId], make: Make
    ) -> None:
        del needed, make
        self._number = plan.table_id
        self.output = plan.output
        self.stored = NOTHING_STORED

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """The rows; they count again, as whoever reads them does something for each."""
        shared = run.context.common_tables.get(self._number)
        if not isinstance(shared, SharedRows):
            raise Leave
        for rows in shared.portions():
            run.count(len(rows))
            yield rows
