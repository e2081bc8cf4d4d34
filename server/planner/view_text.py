"""Resolved views and expressions: trees with what binding noted of their names, to be written anew at any time.

The text is what is kept of a view; it is written anew when something that it names gets another name.

Rule 1: whoever keeps a text looks whether it reads back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.errors import SqlError
from server.planner.bind_expression import bind_expression
from server.planner.bind_query import bind_query
from server.planner.bind_text import parse_query, without_positions
from server.planner.environment import BindContext, PlanningEnvironment
from server.planner.resolution import Resolution
from server.planner.scope import Scope
from server.planner.speller import Speller
from server.planner.standalone import table_scope
from server.sql import nodes
from server.sql.deparse import deparse

if TYPE_CHECKING:
    from sqlglot import exp

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import (
        Table,
    )


@dataclass(frozen=True, slots=True)
class ResolvedView:
    """The query of a view, and what its names mean."""

    query: exp.Expression
    environment: PlanningEnvironment
    resolution: Resolution

    def text(self, catalog: CatalogView, names: tuple[str, ...]) -> str:
        """The query with the names of the catalog; names: of its columns."""
        return deparse(Speller(self.resolution, catalog).whole(self.query, names))

    def reads(self, relation: int, number: int) -> bool:
        """Whether it reads that column of a relation."""
        return self.resolution.reads(relation, number)


@dataclass(frozen=True, slots=True)
class ResolvedExpression:
    """An expression over a table, which may have subqueries, and what its names mean."""

    tree: exp.Expression
    resolution: Resolution

    def text(self, catalog: CatalogView, *, assigned: bool = False, qualified: bool = False) -> str:
        """The expression with the names of the catalog; outside of subqueries columns stand alone.

        Assigned: without the cast that assigning it adds; qualified: there are several rows.
        """
        made = Speller(self.resolution, catalog).expression(self.tree, casts=not assigned)
        if not qualified:
            _stand_alone(made)
        return deparse(made)

    def reads(self, relation: int, number: int) -> bool:
        """Whether it reads that column of a relation."""
        return self.resolution.reads(relation, number)


def resolve_expression(
    environment: PlanningEnvironment, table: Table, tree: exp.Expression
) -> ResolvedExpression:
    """Bind an expression over a table's columns; raises what binding raises."""
    context = BindContext(environment, base_offset=-1, role=environment.user, defines_view=True)
    context.resolution = Resolution()
    with without_positions(context):
        bind_expression(context, table_scope(context, table, ""), tree)
    return ResolvedExpression(tree, context.resolution)


def resolve_view(environment: PlanningEnvironment, query: exp.Expression) -> ResolvedView:
    """Bind a query as a view's; raises what binding raises."""
    context = BindContext(environment, base_offset=-1, role=environment.user, defines_view=True)
    context.resolution = Resolution()
    with without_positions(context):
        bind_query(context, Scope(), query)
    return ResolvedView(query, environment, context.resolution)


def resolve_stored(environment: PlanningEnvironment, view: Table) -> ResolvedView | None:
    """A view as the catalog keeps it; None for one that can no longer be bound."""
    assert view.view_query is not None
    path = view.view_path or environment.search_path
    try:
        return resolve_view(
            replace(environment, search_path=path, user=view.owner), parse_query(view.view_query)
        )
    except SqlError:
        return None


def _stand_alone(tree: exp.Expression) -> None:
    """Take the names of tables away from columns outside of subqueries."""
    for node in tree.walk(prune=lambda each: isinstance(each, nodes.SubLink)):
        if isinstance(node, nodes.SubLink) and node.args.get("test") is not None:
            _stand_alone(node.args["test"])
        if isinstance(node, nodes.ColumnReference) and not node.args.get("star"):
            node.set("parts", tuple(node.args["parts"])[-1:])
