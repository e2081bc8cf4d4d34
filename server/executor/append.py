"""UNION ALL, and the scans of partitions: inputs one after the other.

Rule 1: which partitions a run reads is found out when it starts, from the values it has by then; those that
        planning could rule out are not among the inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.partition_bounds import partition_map
from server.executor.evaluation import scalar
from server.executor.operator import Builder, Operator
from server.planner.physical import KeyTest
from server.planner.survivors import survivors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.evaluation import Scalar
    from server.expressions.expression import Expression
    from server.planner import physical
    from server.vector.batch import Batch

NO_TEST = KeyTest()


class PartitionChooser:
    """Finds the partitions that a run has to read."""

    __slots__ = ("_numbers", "_scalars", "_table", "_tests")

    def __init__(self, pruning: physical.Pruning) -> None:
        self._table = pruning.table
        self._tests: dict[int, KeyTest] = dict(pruning.tests)
        self._numbers = {oid: number for number, oid in enumerate(pruning.inputs)}
        self._scalars: dict[Expression, Scalar] = {}
        for test in self._tests.values():
            self._prepare(test)

    def _prepare(self, test: KeyTest) -> None:
        for clause in test.clauses:
            for value in clause.values:
                self._scalars[value] = scalar(value)
        for group in test.groups:
            for arm in group:
                self._prepare(arm)

    def inputs(self, context: ExecutionContext) -> list[int]:
        """The numbers of the inputs that may have rows, in their order."""
        found: list[int] = []
        self._collect(self._table, context, found)
        return sorted(found)

    def tables(self, context: ExecutionContext) -> list[Table]:
        """What a run has to lock: the tables of those inputs, and partitioned ones on the way to them."""
        return list(self._left(self._table, context))

    def _left(self, table: Table, context: ExecutionContext) -> Iterator[Table]:
        if table.kind != "p":
            return
        for part in self._partitions(table, context):
            if part.kind == "p" or part.oid in self._numbers:
                yield part
                yield from self._left(part, context)

    def _collect(self, table: Table, context: ExecutionContext, found: list[int]) -> None:
        if table.kind != "p":
            number = self._numbers.get(table.oid)
            if number is not None:
                found.append(number)
            return
        for part in self._partitions(table, context):
            self._collect(part, context, found)

    def _partitions(self, table: Table, context: ExecutionContext) -> Iterator[Table]:
        """The partitions of a table that may have rows."""
        partitions = partition_map(context.catalog, table)

        def value_of(expression: Expression) -> Any:
            return self._scalars[expression](context)

        for number in survivors(partitions, self._tests_of(table), value_of):
            yield partitions.partitions[number]

    def _tests_of(self, table: Table) -> KeyTest:
        return self._tests.get(table.oid, NO_TEST)


class Append(Operator):
    """The rows of the inputs one after the other."""

    __slots__ = ("_chooser",)

    plan: physical.Append

    def __init__(self, plan: physical.Append, builder: Builder) -> None:
        super().__init__(plan, builder, plan.inputs)
        self._chooser = None if plan.pruning is None else PartitionChooser(plan.pruning)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield all batches of the first input, then of the second ..."""
        if self._chooser is None:
            for node in self.inputs:
                yield from node.batches(context)
            return
        for number in self._chooser.inputs(context):
            yield from self.inputs[number].batches(context)
