"""RULES: the rewrites in the order they run.

Rule 1: a rule is a plain function from plan to plan that keeps the result the same on NULLs,
        duplicates, outer joins and volatile functions; the docstring of its module gives the
        variants that would not.
Rule 2: subqueries that no rule turned into joins are rewritten by themselves, when their plans are
        chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.expressions.expression import Constant
from server.planner.outer_references import has_subquery
from server.planner.plan import Filter, Modify, Node, Project, Scan, Values
from server.planner.rewrite.decorrelate import decorrelate_aggregates
from server.planner.rewrite.fold import fold_asked, fold_plan
from server.planner.rewrite.hoist import hoist_projections
from server.planner.rewrite.inline import inline_common_tables
from server.planner.rewrite.laterals import decorrelate_laterals
from server.planner.rewrite.outer_joins import reduce_outer_joins
from server.planner.rewrite.push_filters import push_filters
from server.planner.rewrite.routines import inline_routines
from server.planner.rewrite.row_lists import join_row_lists
from server.planner.rewrite.scalar_functions import project_scalar_functions
from server.planner.rewrite.unnest import unnest_subqueries

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.planner.choose import Chooser

RULES: tuple[Callable[[Chooser, Node], Node], ...] = (
    unnest_subqueries,
    decorrelate_aggregates,
    fold_plan,
    reduce_outer_joins,
    project_scalar_functions,
    hoist_projections,
    push_filters,
    decorrelate_laterals,
)


def rewrite(chooser: Chooser, node: Node, *, for_exists: bool = False) -> Node:
    """Run all rules over a plan; for_exists: only whether it has rows is asked for."""
    asked = set() if for_exists else {column.column for column in node.columns}
    node = inline_common_tables(chooser, inline_routines(chooser, node))
    node = fold_asked(chooser, join_row_lists(chooser, node), asked)
    if _is_simple(node):
        return node
    for rule in RULES:
        chooser.context.environment.interrupted()
        node = rule(chooser, node)
    return node


def _is_simple(node: Node) -> bool:
    """Whether nothing but constant folding can help: one table, conditions and expressions."""
    below = node.input if isinstance(node, Modify) else node
    if isinstance(below, Project) and not below.sets:
        below = below.input
    if isinstance(below, Filter):
        if has_subquery(below.condition) or isinstance(below.condition, Constant):
            return False
        below = below.input
    if isinstance(node, Project) and any(has_subquery(each) for each in node.expressions):
        return False
    return isinstance(below, Scan | Values)
