"""Conditions of policies and of triggers: bound when they are made, and said in full for the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import DatatypeMismatch, FeatureNotSupported, InvalidObjectDefinition
from server.expressions.expression import Subquery, Variable, walk
from server.oids import BOOL, UNKNOWN
from server.planner.bind_expression import bind_expression
from server.planner.coerce import coerce_to
from server.planner.environment import BindContext, PlanningEnvironment
from server.planner.resolution import Resolution
from server.planner.standalone import table_scope, trigger_scope
from server.planner.type_facts import type_name
from server.planner.view_text import ResolvedExpression

if TYPE_CHECKING:
    from sqlglot import exp

    from server.catalog.objects import Table
    from server.sql.utility_functions import CreateTrigger


def check_policy(
    environment: PlanningEnvironment, table: Table, tree: exp.Expression, base_offset: int
) -> tuple[str, tuple[int, ...]]:
    """Bind the expression of a policy; gives its text and the relations that its subqueries read."""
    context = BindContext(
        environment, base_offset=base_offset, role=environment.user, defines_view=True
    )
    context.resolution = Resolution()
    scope = table_scope(context, table, "policy expressions")
    bound = bind_expression(context, scope, tree)
    if coerce_to(context, bound, BOOL) is None or bound.type.oid not in (
        BOOL,
        UNKNOWN,
    ):
        kind = type_name(context, bound.type.oid)
        raise DatatypeMismatch(f"argument of POLICY must be type boolean, not type {kind}")
    text = ResolvedExpression(tree, context.resolution).text(context.catalog)
    return text, tuple(oid for oid in context.relations if oid != table.oid)


def check_trigger_condition(
    environment: PlanningEnvironment,
    table: Table,
    tree: exp.Expression,
    base_offset: int,
    statement: CreateTrigger,
) -> str:
    """Bind WHEN of a trigger that is being made, and give its text; refuse rows that it cannot see."""
    context = BindContext(
        environment, base_offset=base_offset, role=environment.user, defines_view=True
    )
    context.resolution = Resolution()
    bound = bind_expression(context, trigger_scope(context, table), tree)
    if bound.type.oid not in (BOOL, UNKNOWN):
        kind = type_name(context, bound.type.oid)
        raise DatatypeMismatch(f"argument of WHEN must be type boolean, not type {kind}")
    width = len(table.columns)
    for part in walk(bound):
        if isinstance(part, Subquery):
            raise FeatureNotSupported("cannot use subquery in trigger WHEN condition").at(
                context.position(part.offset)
            )
        if not isinstance(part, Variable):
            continue
        _refuse_unseen(context, part, statement, is_old=1 <= part.column <= width)
        if statement.timing == "before" and part.column > width:
            column = table.column(part.column - width)
            if column.generated:
                raise InvalidObjectDefinition(
                    "BEFORE trigger's WHEN condition cannot reference NEW generated columns",
                    detail=f'Column "{column.name}" is a generated column.',
                ).at(context.position(part.offset))
    return ResolvedExpression(tree, context.resolution).text(context.catalog, qualified=True)


def _refuse_unseen(
    context: BindContext, part: Variable, statement: CreateTrigger, *, is_old: bool
) -> None:
    message = ""
    if not statement.for_each_row:
        message = "statement trigger's WHEN condition cannot reference column values"
    elif is_old and "insert" in statement.events:
        message = "INSERT trigger's WHEN condition cannot reference OLD values"
    elif not is_old and "delete" in statement.events:
        message = "DELETE trigger's WHEN condition cannot reference NEW values"
    if message:
        raise InvalidObjectDefinition(message).at(context.position(part.offset))
