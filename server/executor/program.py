"""Program.

The operators of a physical plan, made once and run as often as wanted, by several sessions at
once.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported
from server.executor.build import BUILDERS
from server.executor.point import point_of
from server.executor.row_query import row_query_of
from server.expressions.expression import Expression, SortKey
from server.planner.physical import CommonTable, CommonTableScan, Plan

if TYPE_CHECKING:
    from server.executor.operator import Operator


class Program:
    """The operators of a plan and of the subqueries in its expressions.

    Subqueries' are made when first run. has_more: the statement has more to do than its plan.
    """

    __slots__ = ("_operators", "_outside_tables", "point", "root")

    def __init__(self, plan: Plan, *, has_more: bool = False) -> None:
        self._operators: dict[Plan, Operator] = {}
        self._outside_tables: dict[Plan, tuple[int, ...]] = {}
        self.point = None if has_more else point_of(plan) or row_query_of(plan)
        self.root = self.operator(plan)

    def operator(self, plan: Plan) -> Operator:
        """Give the operator of a node; the same one for the same node."""
        found = self._operators.get(plan)
        if found is None:
            if type(plan) not in BUILDERS:
                raise FeatureNotSupported(f"{type(plan).__name__} is not supported")
            found = BUILDERS[type(plan)](plan, self)
            self._operators[plan] = found
        return found

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
