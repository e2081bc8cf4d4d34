"""WITH RECURSIVE: the first term, then round after round of the recursive one until a round is empty.

Rule 1: rounds of few rows, of a term that does nothing but filter and project, go row by row, as most that counts or
        follows a chain does: making columns of one row takes far longer than the row.
Rule 2: rows of several rounds go on together, more and more of them; who stops reading has been given what came
        before an error, and never sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError
from server.executor.columns import batch_of_rows, concatenate_batches, rows_of
from server.executor.evaluation import layout_of
from server.executor.key_table import KeyTable
from server.executor.native import first_rows
from server.executor.operator import Builder, Operator
from server.expressions.evaluate import compile_row
from server.expressions.expression import Expression, Subquery, walk
from server.planner import physical

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.types.type import TypeReference, Value
    from server.vector.batch import Batch

Row = tuple["Value | None", ...]
Step = Callable[[Row, Any], Row | None]
"""What becomes of a row of the round before; None: nothing."""

SMALL_ROUND_ROWS: Final = 8
TOGETHER_ROWS_MAX: Final = 4096


class RecursiveUnion(Operator):
    """The first term, then round after round of the recursive one until a round is empty."""

    __slots__ = ("_step",)

    plan: physical.RecursiveUnion

    def __init__(self, plan: physical.RecursiveUnion, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.first, plan.recursive))
        self._step = _step_of(plan.recursive, plan.table_id) if plan.all else None

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows of some rounds at a time."""
        waiting: list[Batch | list[Row]] = []
        count, wanted = 0, 1
        rounds = self._rounds(context)
        while True:
            try:
                made = next(rounds, None)
            except SqlError as error:
                if waiting and not error.is_intervention:
                    yield _together(waiting, self.plan.types)
                raise
            if made is None:
                break
            waiting.append(made)
            count += len(made)
            if count >= wanted:
                yield _together(waiting, self.plan.types)
                waiting, count, wanted = [], 0, min(wanted * 2, TOGETHER_ROWS_MAX)
        if waiting:
            yield _together(waiting, self.plan.types)

    def _rounds(self, context: ExecutionContext) -> Iterator[Batch | list[Row]]:
        """The rows of each round; while they are given away, other rows are in the work table again."""
        seen = KeyTable([reference.type for reference in self.plan.types], nulls_match=True)
        number = self.plan.table_id
        outside = context.work_tables.get(number, [])
        working: list[Batch] = []
        source = self.inputs[0]
        while True:
            made: list[Batch] = []
            for batch in source.batches(context):
                fresh = batch if self.plan.all else _unseen(batch, seen)
                if fresh.count:
                    made.append(fresh)
                    context.work_tables[number] = outside
                    yield fresh
                    context.work_tables[number] = working
            if made and self._goes_by_rows(made, context):
                rows = rows_of(concatenate_batches(made, self.plan.types))
                context.work_tables[number] = outside
                rows = yield from self._small_rounds(rows, context)
                made = [batch_of_rows(rows, self.plan.types)] if rows else []
            if not made:
                break
            working = context.work_tables[number] = made
            source = self.inputs[1]
        context.work_tables[number] = outside

    def _goes_by_rows(self, made: list[Batch], context: ExecutionContext) -> bool:
        if self._step is None or context.instruments is not None:
            return False
        return sum(batch.count for batch in made) <= SMALL_ROUND_ROWS

    def _small_rounds(self, rows: list[Row], context: ExecutionContext) -> Any:
        """Give the rows of round after round; returns those of the last one, which are none or too many."""
        step = self._step
        assert step is not None
        while rows and len(rows) <= SMALL_ROUND_ROWS:
            context.check_cancelled()
            rows = [made for row in rows if (made := step(row, context)) is not None]
            if rows:
                yield rows
        return rows


def _unseen(batch: Batch, seen: KeyTable) -> Batch:
    known = len(seen)
    codes = seen.add(batch.columns, batch.count)
    return batch.take(first_rows(codes, known, len(seen)))


def _together(waiting: Sequence[Batch | list[Row]], types: tuple[TypeReference, ...]) -> Batch:
    """One batch of all that waits; rows that stand next to each other become columns at once."""
    batches: list[Batch] = []
    rows: list[Row] = []
    for each in waiting:
        if isinstance(each, list):
            rows += each
            continue
        if rows:
            batches.append(batch_of_rows(rows, types))
            rows = []
        batches.append(each)
    if rows:
        batches.append(batch_of_rows(rows, types))
    return concatenate_batches(batches, types)


# Terms that do nothing but filter and project


def _step_of(plan: physical.Plan, table_id: int) -> Step | None:
    """What a recursive term makes of a row of the round before; None for a term that does more."""
    if isinstance(plan, physical.WorkTableScan):
        return (lambda row, context: row) if plan.table_id == table_id else None
    if isinstance(plan, physical.Filter):
        return _filter_step(plan, table_id)
    if isinstance(plan, physical.Project):
        return _project_step(plan, table_id)
    return None


def _filter_step(plan: physical.Filter, table_id: int) -> Step | None:
    below = _step_of(plan.input, table_id)
    if below is None or _has_subquery(plan.condition):
        return None
    layout = layout_of(plan.input.output)
    condition = compile_row(plan.condition, layout)
    places = tuple(layout[column] for column in plan.output)

    def step(row: Row, context: Any) -> Row | None:
        given = below(row, context)
        if given is None or not condition(given, context):
            return None
        return tuple([given[place] for place in places])

    return step


def _project_step(plan: physical.Project, table_id: int) -> Step | None:
    below = _step_of(plan.input, table_id)
    if below is None or any(map(_has_subquery, plan.expressions)):
        return None
    layout = layout_of(plan.input.output)
    columns = tuple(compile_row(each, layout) for each in plan.expressions)

    def step(row: Row, context: Any) -> Row | None:
        given = below(row, context)
        return None if given is None else tuple([column(given, context) for column in columns])

    return step


def _has_subquery(expression: Expression) -> bool:
    return any(isinstance(node, Subquery) for node in walk(expression))
