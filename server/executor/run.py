"""The way in: runs a planned statement, be it a query or a change of data.

Rule 1: rows that RETURNING gives go out when the change is done with all that follows from it, triggers and foreign
        keys among it; a change that fails has none, and one whose rows are not all fetched is done all the same.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.executor.columns import batch_of_rows
from server.executor.common_tables import SharedRows
from server.executor.deferred import run_after_statement
from server.executor.kept_batches import KeptBatches
from server.executor.program import Program
from server.executor.waits import Wait, is_wait
from server.planner import change_plans, physical

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.context import ExecutionContext
    from server.planner.physical import Plan
    from server.planner.planned import PlannedStatement
    from server.vector.batch import Batch

CHANGING: Final = (
    change_plans.Insert,
    change_plans.Update,
    change_plans.Delete,
    change_plans.Merge,
    change_plans.CatalogUpdate,
)
HEAVY_COST: Final = 5_000.0
"""From which estimated cost on a query is pulled on a worker thread: a few milliseconds of work, beside
which handing it over is nothing.
"""


@dataclass(frozen=True, slots=True)
class SideRows:
    """Rows of a query that a rule has run beside a statement; without a batch: they begin."""

    planned: PlannedStatement
    batch: Batch | None = None


def prepare(planned: PlannedStatement) -> Program:
    """Make the operators of a statement; they serve any number of runs, also at the same time."""
    has_more = bool(planned.before or planned.after)
    return Program(planned.plan, has_more=has_more, calls_routines=planned.calls_routines)


def execute(
    planned: PlannedStatement, context: ExecutionContext, program: Program | None = None
) -> Generator[Any, None, None]:
    """Run a statement: yield its rows, and what it has to wait for in between.

    After the last batch context.row_count says how many rows were changed.
    """
    context.accesses = planned.access
    try:
        for other in planned.before:
            yield from _run_beside(other, context)
        if planned.before:
            context.snapshot = context.surroundings.context(context.parameters).snapshot
        own = _execute_own(planned, context, program)
        yield from _changed_first(own, context) if _gives_changed_rows(planned) else own
        for other in planned.after:
            yield from _run_beside(other, context)
    finally:  # what runs subqueries and WITH queries holds the context, and so the snapshot
        context.answers.clear()
        context.common_tables.clear()


def _gives_changed_rows(planned: PlannedStatement) -> bool:
    """Whether it changes rows and gives some: to lock those of a query is no change."""
    return planned.returns_rows and planned.writes and not planned.locks


def _changed_first(steps: Iterator[Batch | Wait], context: ExecutionContext) -> Iterator[Any]:
    """Give the rows of a change once it is done."""
    with closing(KeptBatches(context)) as rows:
        for item in steps:
            if isinstance(item, Wait):
                yield item
            else:
                rows.add(item)
        yield from rows


def _run_beside(planned: PlannedStatement, context: ExecutionContext) -> Iterator[Any]:
    """Run what a rule has done beside a statement; few see its rows, as SideRows."""
    running = context.surroundings.context(context.parameters)
    running.cancelled = context.cancelled
    running.depth = context.depth
    is_shown = context.shows_side_rows and planned.tag == "SELECT" and planned.returns_rows
    if is_shown:
        yield SideRows(planned)
    for item in execute(planned, running, context.surroundings.program(planned)):
        if isinstance(item, Wait):
            yield item
        elif is_shown:
            yield SideRows(planned, item)


def _execute_own(
    planned: PlannedStatement, context: ExecutionContext, program: Program | None
) -> Iterator[Batch | Wait]:
    """Run a statement without what rules have run beside it."""
    context.program = prepare(planned) if program is None else program
    own = context.program
    point = own.inner if planned.calls_routines else own.point
    if point is not None and context.instruments is None:
        rows = point(context)
        if rows is not None:
            if rows:
                yield batch_of_rows(rows, planned.plan.types)
            if context.after_statement:
                yield from run_after_statement(context)
            context.row_count = context.row_counts.get(planned.plan, len(rows))
            return
    yield from run_modifying_tables(planned.plan, context)
    count = 0
    for batch in context.program.root.batches(context):
        yield batch
        count += 0 if is_wait(batch) else batch.count
    yield from _run_unread(planned.plan, context)
    yield from run_after_statement(context)
    changing = changing_node(planned.plan)
    is_change = isinstance(changing, CHANGING)
    context.row_count = context.row_counts.get(changing, 0) if is_change else count


def run_modifying_tables(plan: Plan, context: ExecutionContext) -> Iterator[Any]:
    """Run the WITH queries that change data and are read to their ends, in order, before anything else.

    Those of a statement that a rule stands in for are below the change that the rule makes.
    """
    yield from _run_modifying(plan, context)
    assert context.program is not None
    for inner in context.program.common_tables:
        numbers = {number for number, _ in inner.tables}.difference(inner.unread)
        is_done = numbers <= context.common_tables.keys()
        if not is_done and any(isinstance(changing_node(n), CHANGING) for _, n in inner.tables):
            yield from _run_modifying(inner, context)


def _run_modifying(plan: Plan, context: ExecutionContext) -> Iterator[Any]:
    assert context.program is not None
    if not isinstance(plan, physical.CommonTable):
        return
    for number, node in plan.tables:
        operator = context.program.operator(node)
        if number in plan.unread:
            continue
        if not isinstance(changing_node(node), CHANGING):
            context.common_tables[number] = SharedRows(operator.batches(context))
            continue
        rows: list[Batch] = []
        for batch in operator.batches(context):
            if is_wait(batch):
                yield batch
            else:
                rows.append(batch)
        shared = context.modified_tables[number] = SharedRows(iter(rows))
        context.common_tables[number] = shared
    yield from _run_modifying(plan.input, context)


def _run_unread(plan: Plan, context: ExecutionContext) -> Iterator[Any]:
    """Run the WITH queries that change data and that nothing reads, the last one first, as PostgreSQL does."""
    assert context.program is not None
    nodes = dict.fromkeys((plan, *context.program.common_tables))
    for common in nodes:
        if not isinstance(common, physical.CommonTable):
            continue
        for number, node in reversed(common.tables):
            if number in common.unread:
                operator = context.program.operator(node)
                yield from filter(is_wait, operator.batches(context))


def changing_node(plan: Plan) -> Plan:
    """The node below WITH and projections that decides what kind of statement it is."""
    while isinstance(plan, physical.CommonTable | physical.Project):
        plan = plan.input
    return plan


def run_point(
    planned: PlannedStatement, context: ExecutionContext, program: Program
) -> list[tuple[Any, ...]] | None:
    """Run a statement of the shape of the short path without batches: its rows in row form.

    None: it has another shape, or has to be run by `execute` this time; nothing was done.
    context.row_count is set; what is queued after the statement has to be run if there is any.
    """
    if program.point is None:
        return None
    context.program = program
    rows = program.point(context)
    if rows is not None:
        context.row_count = context.row_counts.get(planned.plan, len(rows))
    return rows


def is_heavy(planned: PlannedStatement) -> bool:
    """Whether the batches of a statement are to be pulled on a worker thread."""
    return planned.slow or planned.plan.estimate.total_cost >= HEAVY_COST
