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
from server.oids import BOOL, INT2, INT4, INT8, OID, TEXT, VARCHAR
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
BEHIND_ROWS_MAX: Final = 1 << 14
"""How many rows of rounds that were not small are remembered one by one."""

EQUAL_AS_ROWS: Final = frozenset({BOOL, INT2, INT4, INT8, TEXT, VARCHAR, OID})
"""Types of which two values are equal if their row forms are."""


class RecursiveUnion(Operator):
    """The first term, then round after round of the recursive one until a round is empty."""

    __slots__ = ("_step",)

    plan: physical.RecursiveUnion

    def __init__(self, plan: physical.RecursiveUnion, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.first, plan.recursive))
        tells_rows = plan.all or all(map(_is_equal_as_rows, plan.types))
        self._step = _step_of(plan.recursive, plan.table_id) if tells_rows else None

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
        seen = None if self.plan.all else _Seen(self.plan.types)
        number = self.plan.table_id
        outside = context.work_tables.get(number, [])
        working: list[Batch] = []
        source = self.inputs[0]
        while True:
            made: list[Batch] = []
            for batch in source.batches(context):
                fresh = batch if seen is None else seen.unseen(batch)
                if fresh.count:
                    made.append(fresh)
                    context.work_tables[number] = outside
                    yield fresh
                    context.work_tables[number] = working
            if made and self._goes_by_rows(made, seen, context):
                rows = rows_of(concatenate_batches(made, self.plan.types))
                context.work_tables[number] = outside
                rows = yield from self._small_rounds(rows, seen, context)
                made = [batch_of_rows(rows, self.plan.types)] if rows else []
            if not made:
                break
            working = context.work_tables[number] = made
            source = self.inputs[1]
        context.work_tables[number] = outside

    def _goes_by_rows(
        self, made: list[Batch], seen: _Seen | None, context: ExecutionContext
    ) -> bool:
        if self._step is None or context.instruments is not None:
            return False
        if seen is not None and not seen.knows_rows:
            return False
        return sum(batch.count for batch in made) <= SMALL_ROUND_ROWS

    def _small_rounds(self, rows: list[Row], seen: _Seen | None, context: ExecutionContext) -> Any:
        """Give the rows of round after round; returns those of the last one, which are none or too many."""
        step = self._step
        assert step is not None
        while rows and len(rows) <= SMALL_ROUND_ROWS:
            context.check_cancelled()
            rows = [made for row in rows if (made := step(row, context)) is not None]
            if seen is not None:
                rows = seen.unseen_rows(rows)
            if rows:
                yield rows
        return rows


def _is_equal_as_rows(kind: TypeReference) -> bool:
    """Whether two values are equal if their row forms are; a collation may take different texts as equal."""
    return kind.oid in EQUAL_AS_ROWS and kind.type.collator is None


class _Seen:
    """The rows that UNION has given; of few of them, and as long as rounds are small, as a set of rows.

    Each form is brought up to date with the other when it is asked.
    """

    __slots__ = ("_behind", "_behind_count", "_new", "_rows", "_table", "_types")

    def __init__(self, types: tuple[TypeReference, ...]) -> None:
        self._types = types
        self._table = KeyTable([reference.type for reference in types], nulls_match=True)
        self._rows: set[Row] = set()
        self._new: list[Row] = []  # rows of the set that the table does not have
        self._behind: (
            list[Batch] | None
        ) = []  # batches of the table that the set does not have; None: too many
        self._behind_count = 0

    @property
    def knows_rows(self) -> bool:
        """Whether rows may be asked for one by one."""
        return self._behind is not None

    def unseen(self, batch: Batch) -> Batch:
        """The rows that have not been there, each once."""
        if self._new:
            added = batch_of_rows(self._new, self._types)
            self._table.add(added.columns, added.count)
            self._new = []
        known = len(self._table)
        codes = self._table.add(batch.columns, batch.count)
        fresh = batch.take(first_rows(codes, known, len(self._table)))
        self._behind_count += fresh.count
        if self._behind_count > BEHIND_ROWS_MAX:
            self._behind = None
            self._rows.clear()
        elif self._behind is not None:
            self._behind.append(fresh)
        return fresh

    def unseen_rows(self, rows: list[Row]) -> list[Row]:
        """The same of a few rows."""
        assert self._behind is not None
        for batch in self._behind:
            self._rows.update(rows_of(batch))
        self._behind, self._behind_count = [], 0
        fresh = []
        for row in rows:
            if row not in self._rows:
                self._rows.add(row)
                fresh.append(row)
        self._new += fresh
        return fresh


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
