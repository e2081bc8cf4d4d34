"""plan_statement: a parsed statement to a plan that the executor can run.

The one door of the planner.

bind (names, types) > rewrite (rules) > choose (cost)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from server.planner.bind_statement import BoundStatement, bind_statement
from server.planner.choose import Chooser
from server.planner.coerce import base_modifier, base_type
from server.planner.environment import BindContext, PlanningEnvironment
from server.planner.physical import Access, Failure, PlannedStatement
from server.planner.plan import Modify, Node
from server.planner.rewrite.rules import rewrite
from server.planner.shape import shape_of

if TYPE_CHECKING:
    from server.planner import physical as p
    from server.sql.parse import Statement
    from server.types.type import TypeReference


def plan_statement(statement: Statement, environment: PlanningEnvironment) -> PlannedStatement:
    """Plan a query or a data change.

    Errors in it are raised with PostgreSQL's wording and position.
    """
    tree = statement.tree
    assert isinstance(tree, exp.Expression), "utility statements are not planned"
    context = BindContext(environment, base_offset=statement.offset, role=environment.user)
    return plan_bound(context, bind_statement(context, tree))


def plan_bound(context: BindContext, bound: BoundStatement) -> PlannedStatement:
    """Plan what has been bound."""
    chooser = Chooser(context)
    node = rewrite(chooser, bound.node)
    chooser.register(node)
    plan = _choose(chooser, bound, node)
    if chooser.error is not None:
        plan = Failure(output=plan.output, types=plan.types, error=chooser.error)
    return _planned(context, bound, plan)


def _choose(chooser: Chooser, bound: BoundStatement, node: Node) -> p.Plan:
    if _is_modification(node):
        return chooser.choose(node, {column.column for column in bound.columns})
    return chooser.exactly(node, bound.columns)


def _is_modification(node: Node) -> bool:
    from server.planner.plan import CommonTables

    while isinstance(node, CommonTables):
        node = node.input
    return isinstance(node, Modify)


def _planned(context: BindContext, bound: BoundStatement, plan: p.Plan) -> PlannedStatement:
    count = max(context.parameters, default=0)
    calls_routines = context.calls_routines or (bound.writes and _fires_triggers(context))
    return PlannedStatement(
        plan=plan,
        names=tuple(column.name for column in bound.columns),
        # Clients are told the type under a domain.
        types=tuple(shown_type(context, column.type) for column in bound.columns),
        origins=bound.origins,
        parameters=tuple(context.parameters[number] for number in range(1, count + 1)),
        tag=bound.tag,
        returns_rows=bound.returns_rows,
        writes=bound.writes,
        relations=tuple(context.relations.items()),
        catalog_version=context.catalog.version,
        access=tuple(
            Access(each.relation, each.privileges, tuple(sorted(each.columns)), each.role)
            for each in context.access
            if each.columns or not each.if_read
        ),
        volatile=context.volatile,
        slow=context.slow,
        depends_on_style=context.depends_on_style,
        shape=None if calls_routines else shape_of(plan),
        uses=tuple(sorted(context.uses)),
        calls_routines=calls_routines,
    )


def _fires_triggers(context: BindContext) -> bool:
    """Whether the tables that are written, or that refer to those, have triggers."""
    catalog = context.catalog
    written = [oid for oid, mode in context.relations.items() if mode == "row exclusive"]
    referring = [item.table for oid in written for item in catalog.references_to(oid)]
    return any(catalog.triggers_of(oid) for oid in (*written, *referring))


def shown_type(context: BindContext, kind: TypeReference) -> TypeReference:
    """The type of a column as RowDescription tells it."""
    base = base_type(context, kind.oid)
    if base == kind.oid:
        return kind
    return context.type(base, base_modifier(context, kind.oid))
