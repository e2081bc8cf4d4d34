"""Program.

The operators of a physical plan, made once and run as often as wanted, by several sessions at
once.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from server.errors import FeatureNotSupported
from server.executor.build import BUILDERS
from server.executor.fired_update import fired_update_of
from server.executor.one_row import one_row_of, volatile_row_of
from server.executor.point import changed_by_subquery, point_of
from server.executor.row_query import RowQuery, covered, row_query_of
from server.executor.row_subqueries import nesting_query_of
from server.expressions.expression import Expression, SortKey, Subquery
from server.planner.physical import CommonTable, CommonTableScan, Plan
from server.planner.plan_parts import parts_of

if TYPE_CHECKING:
    from server.executor.operator import Operator
    from server.executor.point import RunPoint

SUBQUERY_ENTRIES_MAX: Final = 200
"""How many entries a run of a subquery looks at in row form: its operators are there already, for all further runs."""


class Program:
    """The operators of a plan and of the subqueries in its expressions.

    Subqueries' are made when first run. has_more: the statement has more to do than its plan; calls_routines: it calls
    functions whose bodies are statements. point: runs it without batches; inner: as point, but inside of a body, which
    may wait in the middle of an expression. trials_ended: see server.session.trial. common_tables: the WITH clauses of
    the plan, inner ones first.
    """

    __slots__ = (
        "_operators",
        "_outside_tables",
        "_row_runs",
        "common_tables",
        "inner",
        "point",
        "root",
        "trials_ended",
    )

    def __init__(self, plan: Plan, *, has_more: bool = False, calls_routines: bool = False) -> None:
        self._operators: dict[Plan, Operator] = {}
        self._outside_tables: dict[Plan, tuple[int, ...]] = {}
        self._row_runs: dict[Plan, RunPoint | None] = {}
        self.trials_ended = 0
        is_plain = not has_more and not calls_routines
        self.point = self._point(plan) if is_plain else None
        self.inner = self.point
        if self.inner is None and not has_more:
            self.inner = (
                one_row_of(plan)
                or fired_update_of(plan)
                or changed_by_subquery(plan)
                or (None if is_plain else self._row_query(plan))
            )
        self.root = self.operator(plan)
        self.common_tables = tuple(
            each for each in self._operators if isinstance(each, CommonTable)
        )

    def _point(self, plan: Plan) -> RunPoint | None:
        return point_of(plan) or volatile_row_of(plan) or self._row_query(plan)

    def _row_query(self, plan: Plan) -> RowQuery | None:
        """What runs a plan on lists of rows, its subqueries too; None where anything is not covered."""
        node = covered(plan)
        if node is None:
            return None
        subqueries = tuple(parts_of(plan, Subquery))
        return (
            nesting_query_of(plan, node, subqueries, self) if subqueries else RowQuery(plan, node)
        )

    def operator(self, plan: Plan) -> Operator:
        """Give the operator of a node; the same one for the same node."""
        found = self._operators.get(plan)
        if found is None:
            if type(plan) not in BUILDERS:
                raise FeatureNotSupported(f"{type(plan).__name__} is not supported")
            found = BUILDERS[type(plan)](plan, self)
            self._operators[plan] = found
        return found

    def row_run(self, plan: Plan) -> RunPoint | None:
        """What runs a subquery without batches, where it finds few rows; None for nothing."""
        if plan not in self._row_runs:
            self._row_runs[plan] = point_of(plan) or row_query_of(plan, SUBQUERY_ENTRIES_MAX)
        return self._row_runs[plan]

    def outside_tables(self, plan: Plan) -> tuple[int, ...]:
        """The WITH queries that a plan reads and does not have itself, subqueries included."""
        found = self._outside_tables.get(plan)
        if found is None:
            read: set[int] = set()
            _add_tables(plan, read, frozenset())
            found = self._outside_tables[plan] = tuple(sorted(read))
        return found


def _add_tables(value: object, read: set[int], own: frozenset[int]) -> None:
    if isinstance(value, CommonTableScan):
        read |= {value.table_id} - own
        return
    if isinstance(value, CommonTable):
        own |= {number for number, _ in value.tables}
    if isinstance(value, tuple):
        for each in value:
            _add_tables(each, read, own)
    elif isinstance(value, Plan | Expression | SortKey):
        for field in fields(value):
            _add_tables(getattr(value, field.name), read, own)
