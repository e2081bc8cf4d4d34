"""Statements: a query or a data change to a bound plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported, SqlSyntaxError
from server.expressions.expression import Expression, Parameter
from server.oids import UNKNOWN
from server.planner.apply_rules import only_step
from server.planner.bind_insert import bind_insert
from server.planner.bind_merge import bind_merge
from server.planner.bind_modify import BoundModify
from server.planner.bind_query import bind_query
from server.planner.bind_update import bind_delete, bind_update
from server.planner.bind_with import bind_with
from server.planner.bound_parameters import check_parameters, know_parameters
from server.planner.collations import Collations
from server.planner.environment import BindContext, raise_at
from server.planner.plan_walk import map_plan_expressions, project_exactly
from server.planner.scope import Scope
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot import exp

    from server.planner.plan import Columns, Node


_MODIFICATIONS: dict[type[exp.Expression], tuple[Callable[..., BoundModify], str]] = {
    nodes.Insert: (bind_insert, "INSERT"),
    nodes.Update: (bind_update, "UPDATE"),
    nodes.Delete: (bind_delete, "DELETE"),
    nodes.Merge: (bind_merge, "MERGE"),
}


@dataclass(slots=True)
class BoundStatement:
    """A statement's logical plan, which gives exactly the columns named."""

    node: Node
    columns: Columns
    origins: tuple[tuple[int, int], ...]
    tag: str
    returns_rows: bool
    writes: bool


def bind_statement(context: BindContext, tree: exp.Expression) -> BoundStatement:
    """Bind a whole statement."""
    know_parameters(context)
    context.defines_view = bool(tree.args.get("of_view"))
    if isinstance(tree, nodes.Query):
        query = bind_query(context, Scope(top=True), tree)
        more = () if context.cursor_rows is None else context.cursor_rows.columns
        node = project_exactly(query.node, (*query.columns, *more))
        bound = BoundStatement(node, query.columns, query.origins, "SELECT", True, context.writes)
    else:
        modify = bind_modification(context, Scope(top=True), tree)
        returns = bool(tree.args.get("returning"))
        tag = _MODIFICATIONS[type(tree)][1]
        bound = BoundStatement(modify.node, modify.columns, modify.origins, tag, returns, True)
    _settle_parameters(context, bound)
    for error in context.late_errors:
        raise error
    if context.collates:
        settle_collations(context, bound)
    return bound


def settle_collations(context: BindContext, bound: BoundStatement) -> None:
    """Give every expression of the statement its collation."""
    collations = Collations(context)
    bound.node = collations.plan(bound.node)
    bound.columns = collations.columns(bound.columns)


def bind_modification(context: BindContext, scope: Scope, tree: exp.Expression) -> BoundModify:
    """INSERT, UPDATE, DELETE or MERGE, at the top or in WITH."""
    found = _MODIFICATIONS.get(type(tree))
    if found is None:
        raise raise_at(context, tree, FeatureNotSupported("this statement is not supported here"))
    context.writes = True
    step = None if scope.top else only_step(context, tree)
    if step is not None:
        with step.voice.speaking(context):
            if isinstance(step.tree, nodes.Query):
                query = bind_query(context, Scope(top=True), step.tree)
                return BoundModify(query.exactly(), query.columns, query.origins)
            return _MODIFICATIONS[type(step.tree)][0](context, Scope(), step.tree)
    clause = tree.args.get("with_clause")
    if isinstance(tree, nodes.Merge) and clause is not None and clause.args.get("recursive"):
        raise SqlSyntaxError("WITH RECURSIVE is not supported for MERGE statement")
    tables = bind_with(context, scope, clause)
    modify = found[0](context, scope, tree)
    if tables:
        modify.node = tables.around(modify.node)
    return modify


def _settle_parameters(context: BindContext, bound: BoundStatement) -> None:
    """Every parameter has one type now.

    Those that stood where any type would do get the one told elsewhere.
    """
    check_parameters(context)

    def typed(expression: Expression) -> Expression:
        if isinstance(expression, Parameter) and expression.type.oid == UNKNOWN:
            return Parameter(
                type=context.parameters[expression.number],
                number=expression.number,
                offset=expression.offset,
            )
        return expression

    if context.untyped_parameters:
        bound.node = map_plan_expressions(bound.node, typed)
