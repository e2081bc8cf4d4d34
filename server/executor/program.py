"""Program.

The operators of a physical plan, made once and run as often as wanted, by several sessions at
once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported
from server.executor.build import BUILDERS
from server.executor.point import point_of

if TYPE_CHECKING:
    from server.executor.operator import Operator
    from server.planner.physical import Plan


class Program:
    """The operators of a plan and of the subqueries in its expressions.

    Subqueries' are made when first run.
    """

    __slots__ = ("_operators", "point", "root")

    def __init__(self, plan: Plan, *, calls_routines: bool = False) -> None:
        self._operators: dict[Plan, Operator] = {}
        self.point = None if calls_routines else point_of(plan)
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
