"""Operator: a node of a plan made ready to run.

Rule 1: an operator holds no state of a run; every run makes its own generator, and what several
        operators of a run share is in the ExecutionContext. So one operator may be run by several
        sessions at the same time.
Rule 2: operators are iterators of batches, know no threads and never wait for locks - but for those
        that change or lock rows: they yield Wait in place of a batch, which the few operators that
        can stand above them let through.
Rule 3: columns of a batch stand in the order of `plan.output`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from server.errors import SqlError
from server.executor.morsels import batches_of, helper_count
from server.executor.up_to_error import may_stop
from server.executor.waits import is_wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.executor.morsels import Morsels
    from server.planner.physical import Plan
    from server.vector.batch import Batch


@dataclass(slots=True)
class Statistics:
    """What EXPLAIN ANALYZE shows of an operator.

    Times add up over the loops and include the inputs.
    """

    rows: int = 0
    loops: int = 0
    startup_ns: int = 0
    total_ns: int = 0
    filtered_rows: int = 0
    skipped_groups: int = 0


class Builder(Protocol):
    """Gives the operator of a plan node, made once a program."""

    def operator(self, plan: Plan) -> Operator:
        """Give the operator of a node."""


class Operator:
    """A node of a plan made ready to run."""

    __slots__ = ("inputs", "name", "plan")

    def __init__(self, plan: Plan, builder: Builder, inputs: tuple[Plan, ...] = ()) -> None:
        self.plan = plan
        self.name = type(plan).__name__
        self.inputs = tuple(builder.operator(node) for node in inputs)

    def batches(self, context: ExecutionContext) -> Iterator[Batch]:
        """Run: yield the rows, batch by batch; cancellation is looked for before each."""
        if context.instruments is not None:
            return self._measured(context, context.instruments.setdefault(self.plan, Statistics()))
        return self._guarded(context)

    def morsels(self, context: ExecutionContext) -> Morsels | None:
        """The same as parts that several threads may do; None: it cannot be said so."""
        return None

    def has_morsels(self, context: ExecutionContext) -> bool:
        """Whether morsels() gives some, found out without any work."""
        return False

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows; what a kind of operator defines."""
        raise NotImplementedError(self.name)

    def _guarded(self, context: ExecutionContext) -> Iterator[Batch]:
        check_cancelled = context.check_cancelled
        if context.workers is not None and helper_count(context):
            morsels = self.morsels(context)
            if morsels is not None:
                yield from self._helped(morsels, context)
                return
        for batch in self.run(context):
            check_cancelled()
            if is_wait(batch) or batch.count:
                yield batch

    def _helped(self, morsels: Morsels, context: ExecutionContext) -> Iterator[Batch]:
        """What several threads find; if that raises, the rows before as they come without help."""
        given = 0
        try:
            for batch in batches_of(morsels, context):
                given += batch.count
                yield batch
            return
        except SqlError as error:
            if error.is_intervention or not may_stop(context):
                raise
        for batch in self.run(context):
            context.check_cancelled()
            if not is_wait(batch):
                known = min(given, batch.count)
                given -= known
                batch = batch.slice(known, batch.count) if known else batch
            if is_wait(batch) or batch.count:
                yield batch

    def _measured(self, context: ExecutionContext, statistics: Statistics) -> Iterator[Batch]:
        clock = context.clock.monotonic_ns
        statistics.loops += 1
        guarded = self._guarded(context)
        startup_is_known = False
        while True:
            started = clock()
            batch = next(guarded, None)
            statistics.total_ns += clock() - started
            if not startup_is_known:
                statistics.startup_ns += clock() - started
                startup_is_known = True
            if batch is None:
                return
            if not is_wait(batch):
                statistics.rows += batch.count
            yield batch
