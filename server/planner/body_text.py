"""The text of a body of the SQL standard: its statements said in full, like the query of a view.

Rule 1: parameters are numbers in it, so that it outlives a new name of the function.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from server.oids import FIRST_USER_OID
from server.planner.bind_statement import bind_statement
from server.planner.bind_text import RETURN, body_statements
from server.planner.change_text import ChangeSpeller
from server.planner.environment import BindContext
from server.planner.plan_routine import body_context
from server.planner.resolution import Resolution
from server.sql.deparse import deparse

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.routine_objects import UserFunction
    from server.planner.environment import PlanningEnvironment


@dataclass(frozen=True, slots=True)
class BodyText:
    """A body bound, what its names mean, and the objects of users that it uses."""

    statements: tuple[exp.Expression, ...]
    resolution: Resolution
    uses: tuple[int, ...]
    is_return: bool

    def text(self, catalog: CatalogView) -> str:
        """The body with the names of the catalog."""
        if self.is_return:
            target = self.statements[0].args["targets"][0].args["this"]
            return RETURN + deparse(ChangeSpeller(self.resolution, catalog).expression(target))
        spelled = (
            ChangeSpeller(self.resolution, catalog).statement(each, visible=False)
            for each in self.statements
        )
        return ";\n".join(map(deparse, spelled))

    def reads(self, relation: int, number: int) -> bool:
        """Whether it reads that column of a relation."""
        return self.resolution.reads(relation, number)


def resolve_body(environment: PlanningEnvironment, function: UserFunction) -> BodyText:
    """Bind a body; raises what binding raises."""
    resolution = Resolution()
    plain = BindContext(environment, base_offset=-1, role=environment.user)
    arguments = [plain.type(oid) for oid in function.inputs]
    used: set[int] = set()
    statements = []
    for statement in body_statements(function.body):
        context = body_context(environment, function, arguments)
        context.resolution, context.defines_view = resolution, True
        assert isinstance(statement.tree, exp.Expression), statement.tag
        bind_statement(context, statement.tree)
        used |= context.relations.keys() | context.uses
        statements.append(statement.tree)
    own = sorted(oid for oid in used if oid >= FIRST_USER_OID and oid != function.oid)
    return BodyText(tuple(statements), resolution, tuple(own), function.body.startswith(RETURN))


def inside(environment: PlanningEnvironment, function: UserFunction) -> PlanningEnvironment:
    """The environment that the names of such a body are looked up in."""
    return replace(environment, search_path=function.path, checks_usage=False)
