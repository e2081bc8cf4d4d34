"""Correlated scalar aggregates become a grouped subquery, left-joined.

Computed for all outer rows at once.

    x < (SELECT avg(y) FROM s WHERE s.k = t.k)
    t LEFT JOIN (SELECT k, avg(y) a FROM s GROUP BY k) g ON g.k = t.k, x < a

Forbidden variants:
    correlation by < instead of =     the groups would not be those of the outer rows
    count() without a match           is 0, and the joined row has NULL: COALESCE(count, 0)
    HAVING, LIMIT                     decide about the one row of each outer row: such subqueries
                                      stay
    always                            one outer row and an index on k: a look-up beats grouping the
                                      whole table
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    Call,
    Coalesce,
    ColumnId,
    Constant,
    Expression,
    OuterVariable,
    Subquery,
    Variable,
    columns_used,
    transform,
)
from server.planner import cost
from server.planner.bind_operator import and_all
from server.planner.matching import is_volatile, replace_top_down
from server.planner.outer_references import has_subquery, outer_columns
from server.planner.plan import Aggregate, Columns, Filter, Join, Node, OutputColumn, Project
from server.planner.plan_walk import (
    column_numbers,
    expressions_of,
    project_exactly,
    replace_expressions,
    transform_plan,
    with_inputs,
)
from server.planner.rewrite.correlation import lift

if TYPE_CHECKING:
    from server.planner.choose import Chooser

SUBQUERY_START = 60.0
_ZERO_WITHOUT_ROWS = ("count", "regr_count")


def decorrelate_aggregates(chooser: Chooser, node: Node) -> Node:
    """Decorrelate the scalar subqueries of WHERE, of target lists and of what aggregates are about."""
    return transform_plan(node, lambda each: _decorrelate(chooser, each))


def _decorrelate(chooser: Chooser, node: Node) -> Node:
    if isinstance(node, Filter) and has_subquery(node.condition):
        changed = _without(chooser, node)
        return node if changed is node else _restored(changed, node.columns)
    if isinstance(node, Aggregate) or (isinstance(node, Project) and not node.sets):
        return _without(chooser, node) if any(map(has_subquery, expressions_of(node))) else node
    return node


def _restored(node: Node, columns: Columns) -> Node:
    # The joined columns do no harm above: numbers are unique, and nobody asks for them.
    return node if columns else project_exactly(node, columns)


def _without(chooser: Chooser, node: Filter | Project | Aggregate) -> Node:
    """The node over its input joined with the grouped subqueries, its expressions reading these."""
    current = node.input

    def take(each: Expression) -> Expression | None:
        nonlocal current
        if not isinstance(each, Subquery) or each.kind != "scalar" or not each.outer:
            return None
        grouped = _grouped(chooser, node.input, each)  # whose rows stay as many
        if grouped is None:
            return each
        right, condition, value = grouped
        current = Join(kind="left", left=current, right=right, condition=condition)
        return value

    changed = replace_expressions(node, lambda each: replace_top_down(each, take))
    return node if current is node.input else with_inputs(changed, (current,))


def _grouped(
    chooser: Chooser, source: Node, subquery: Subquery
) -> tuple[Node, Expression, Expression] | None:
    """The grouped subquery, the condition of its join, and what replaces the expression."""
    plan = subquery.plan
    available = column_numbers(source)
    aggregate = _grand_total(plan, available)
    if aggregate is None:
        return None
    lifted = lift(aggregate.input, available)
    if lifted is None or outer_columns(replace(aggregate, input=lifted.node)) & available:
        return None
    pairs = [pair(each, available) for each in lifted.conditions]
    keys = [found for found in pairs if found is not None]
    if len(keys) != len(pairs) or not keys:
        return None
    assert isinstance(plan, Project)
    grouped, columns = _group_by(chooser, aggregate, lifted.node, [inner for _, inner, _ in keys])
    if not _pays(chooser, source, plan, grouped):
        return None
    condition = and_all(
        [
            replace(call, arguments=_ordered(call, outer, column.variable()))
            for (call, _, outer), column in zip(keys, columns, strict=True)
        ]
    )
    return grouped, condition, _value(chooser, plan.expressions[0], aggregate)


def _grand_total(plan: Node, available: set[ColumnId]) -> Aggregate | None:
    """The aggregate of a correlated subquery that is one: no groups, nothing but it correlated."""
    if not isinstance(plan, Project) or plan.sets or not isinstance(plan.input, Aggregate):
        return None
    aggregate = plan.input
    grouped = aggregate.keys or aggregate.sets != ((),) or aggregate.set_column is not None
    own = outer_columns(plan) & available
    if grouped or not own or any(_reads_outside(each, available) for each in plan.expressions):
        return None
    return aggregate


def _ordered(call: Call, outer: Expression, key: Expression) -> tuple[Expression, ...]:
    return (outer, key) if call.arguments[0] is outer else (key, outer)


def _reads_outside(expression: Expression, available: set[ColumnId]) -> bool:
    from server.planner.outer_references import outer_of

    return bool(outer_of(expression) & available)


def pair(
    condition: Expression, available: set[ColumnId]
) -> tuple[Call, Expression, Expression] | None:
    """The equality, its side of the subquery and its side of the outer query."""
    if not isinstance(condition, Call) or condition.operator != "=" or condition.form != "operator":
        return None
    left, right = condition.arguments
    if is_volatile(condition):
        return None
    for inner, outer in ((left, right), (right, left)):
        inside, outside = columns_used(inner), columns_used(outer)
        apart = not inside & available and outside <= available
        if apart and inside and outside and not _has_outer(inner):
            return condition, inner, outer
    return None


def _has_outer(expression: Expression) -> bool:
    from server.expressions.expression import walk

    return any(isinstance(node, OuterVariable) for node in walk(expression))


def _group_by(
    chooser: Chooser, aggregate: Aggregate, source: Node, keys: list[Expression]
) -> tuple[Aggregate, list[OutputColumn]]:
    columns: list[OutputColumn] = []
    for key in keys:
        if isinstance(key, Variable) and key.column not in {c.column for c in columns}:
            columns.append(OutputColumn(key.column, key.type, key.name))
        else:
            columns.append(OutputColumn(chooser.context.new_column(), key.type))
    grouped = replace(
        aggregate,
        input=source,
        keys=tuple(keys),
        key_columns=tuple(columns),
        sets=(tuple(range(len(keys))),),
    )
    return grouped, columns


def _pays(chooser: Chooser, source: Node, plan: Node, grouped: Node) -> bool:
    """Whether grouping everything is cheaper than running the subquery for each outer row."""
    for node in (source, plan):
        chooser.register(node)
    rows = chooser.choose(source, set()).estimate.rows
    once = chooser.choose(plan, set()).estimate.total_cost
    whole = chooser.choose(grouped, {c.column for c in grouped.columns}).estimate.total_cost
    return rows * (once + SUBQUERY_START) > whole + rows * cost.HASH_PROBE


def _value(chooser: Chooser, expression: Expression, aggregate: Aggregate) -> Expression:
    """The subquery's expression, with counts of nothing being 0."""
    zero = {
        column.column
        for column, call in zip(aggregate.call_columns, aggregate.calls, strict=True)
        if call.aggregate.name in _ZERO_WITHOUT_ROWS
    }

    def change(node: Expression) -> Expression:
        if isinstance(node, Variable) and node.column in zero:
            nothing = Constant(type=node.type, value=0)
            return Coalesce(type=node.type, arguments=(node, nothing))
        return node

    return transform(expression, change)
