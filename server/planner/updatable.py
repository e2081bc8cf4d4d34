"""Which views can be changed as if they were tables, and why the others cannot.

Rule 1: such a view is a plain SELECT of one relation; PostgreSQL's reasons are given in its words and order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import ObjectNotInPrerequisiteState
from server.planner.bind_query import bind_targets
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.errors import SqlError
    from server.planner.bind_order import Target
    from server.planner.environment import BindContext
    from server.planner.scope import Scope

NO_SINGLE = "Views that do not select from a single table or view are not automatically updatable."
ANY_VIEW = -1  # in the place of the OID of a view
NO_COLUMNS = "Views that have no updatable columns are not automatically updatable."
CLAUSES = (
    ("distinct", "Views containing DISTINCT are not automatically updatable."),
    ("group_by", "Views containing GROUP BY are not automatically updatable."),
    ("having", "Views containing HAVING are not automatically updatable."),
)
LATER_CLAUSES = (
    ("with_clause", "Views containing WITH are not automatically updatable."),
    ("offset", "Views containing LIMIT or OFFSET are not automatically updatable."),
    ("limit", "Views containing LIMIT or OFFSET are not automatically updatable."),
)
VERBS = {"a": ("insert into", "inserting into", "INSERT"), "w": ("update", "updating", "UPDATE"),
         "d": ("delete from", "deleting from", "DELETE")}  # fmt: skip


def reason_of_clauses(query: exp.Expression) -> str:
    """Why a query's clauses keep its view from being updatable; empty if they do not."""
    if isinstance(query, nodes.SetOperation):
        return "Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable."
    for name, reason in (*CLAUSES, *LATER_CLAUSES):
        if query.args.get(name):
            return reason
    return ""


def reason_of_source(query: exp.Expression) -> str:
    """Why what a query reads keeps its view from being updatable."""
    items = query.args.get("from_items") or []
    if len(items) == 1 and isinstance(items[0], nodes.TableSample):
        return "Views containing TABLESAMPLE are not automatically updatable."
    if len(items) != 1 or not isinstance(items[0], nodes.TableReference):
        return NO_SINGLE
    return ""


def targets_of(
    context: BindContext, scope: Scope, query: exp.Expression
) -> tuple[list[Target], str]:
    """The output of a view's query over its one relation, and why it is not updatable."""
    targets = bind_targets(context, scope, query.args["targets"])
    if scope.has_aggregates:
        return targets, "Views that return aggregate functions are not automatically updatable."
    if scope.window_list:
        return targets, "Views that return window functions are not automatically updatable."
    if scope.has_sets:
        return targets, "Views that return set-returning functions are not automatically updatable."
    return targets, ""


def not_updatable(view: str, privileges: str, reason: str) -> SqlError:
    """The error for a change of a view that is not updatable."""
    verb, doing, event = VERBS[privileges[0]]
    return ObjectNotInPrerequisiteState(
        f'cannot {verb} view "{view}"',
        detail=reason,
        hint=f"To enable {doing} the view, provide an INSTEAD OF {event} trigger or an "
        f"unconditional ON {event} DO INSTEAD rule.",
    )
