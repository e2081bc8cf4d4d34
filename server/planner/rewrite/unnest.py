"""Subqueries in conditions become joins: EXISTS and IN semi joins, their negations anti joins.

Forbidden variants, each with what would go wrong:
    NOT IN as an anti join            1 NOT IN (SELECT NULL) is NULL, an anti join would keep the
                                      row: null_anti, or both sides NOT NULL
    IN under OR                       x OR EXISTS(q) keeps rows without a match: only conjuncts of
                                      WHERE and inner ON are taken
    EXISTS over a grand total         SELECT count(*) has a row even of no rows: EXISTS is true, not
                                      a join
    a subquery with LIMIT, correlated the limit counts the rows of one outer row: only the condition
    below it would be lifted
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    Call,
    Constant,
    Expression,
    Not,
    Subquery,
    Variable,
    columns_used,
)
from server.planner.bind_operator import and_all, conjuncts, join_calls
from server.planner.matching import is_volatile, strip_relabel
from server.planner.outer_references import outer_columns
from server.planner.plan import Distinct, Filter, Join, Limit, Node, Project, Scan, Sort
from server.planner.plan_walk import column_numbers, transform_plan, walk_plan
from server.planner.rewrite.correlation import lift

if TYPE_CHECKING:
    from server.functions.function import Function
    from server.planner.choose import Chooser


def unnest_subqueries(chooser: Chooser, node: Node) -> Node:
    """Turn subqueries in conditions into joins, everywhere in the plan."""
    return transform_plan(node, lambda each: _unnest(chooser, each))


def _unnest(chooser: Chooser, node: Node) -> Node:
    if isinstance(node, Filter):
        source = node.input
        kept = []
        changed = False
        for condition in conjuncts(node.condition):
            joined = join_for(chooser, source, condition)
            if joined is None:
                kept.append(condition)
            else:
                source, changed = joined, True
        if not changed:
            return node
        return replace(node, input=source, condition=and_all(kept)) if kept else source
    if isinstance(node, Join) and node.kind == "inner" and node.condition is not None:
        subqueries = [c for c in conjuncts(node.condition) if _as_subquery(c) is not None]
        if subqueries:
            rest = [c for c in conjuncts(node.condition) if not any(c is s for s in subqueries)]
            plain = replace(node, condition=and_all(rest) if rest else None)
            return _unnest(chooser, Filter(input=plain, condition=and_all(subqueries)))
    return node


def _as_subquery(condition: Expression) -> tuple[Subquery, bool] | None:
    """The subquery that decides the condition, and whether its absence is asked for."""
    negated = isinstance(condition, Not)
    inner = condition.argument if isinstance(condition, Not) else condition
    if isinstance(inner, Subquery) and inner.kind in ("exists", "any"):
        return inner, negated
    return None


def join_for(chooser: Chooser, source: Node, condition: Expression) -> Node | None:
    """The join that keeps the rows of the source that satisfy the condition.

    None when it must stay one.
    """
    found = _as_subquery(condition)
    if found is None:
        return None
    subquery, negated = found
    if not isinstance(subquery.plan, Node) or any(is_volatile(each) for each in subquery.test):
        return None
    plan = _existence(subquery.plan) if subquery.kind == "exists" else _without_order(subquery.plan)
    if plan is None or runs_volatile(plan):
        return None
    available = column_numbers(source)
    correlated = bool(outer_columns(plan) & available)
    lifted = lift(plan, available)
    if lifted is None:
        return None
    node = unnest_subqueries(chooser, lifted.node)
    conditions = list(lifted.conditions)
    kind = "semi"
    if negated:
        kind = _anti_kind(subquery, source, node, correlated or bool(conditions))
        if not kind:
            return None
    tests = [_row_test(chooser, subquery, subquery.plan)] if subquery.test else []
    whole = conditions + tests
    return Join(kind=kind, left=source, right=node, condition=and_all(whole) if whole else None)


def _row_test(chooser: Chooser, subquery: Subquery, plan: Node) -> Expression:
    """What a row of the subquery has to satisfy, as one condition over both sides."""
    boolean = chooser.context.type(16)

    def calls(functions: tuple[Function, ...], operator: str) -> list[Expression]:
        return [
            Call(
                type=boolean,
                function=function,
                arguments=(test, column.variable()),
                form="operator",
                operator=operator,
                offset=subquery.offset,
            )
            for test, column, function in zip(subquery.test, plan.columns, functions, strict=False)
        ]

    name = subquery.operator
    compared, equals = calls(subquery.functions, name), calls(subquery.equals, "=")
    return join_calls(boolean, name, compared, equals, subquery.offset)


def _anti_kind(subquery: Subquery, source: Node, node: Node, correlated: bool) -> str:
    """The join for NOT EXISTS and NOT IN; empty when neither kind is right."""
    if subquery.kind == "exists":
        return "anti"
    assert isinstance(subquery.plan, Node)
    compared = [column.variable() for column in subquery.plan.columns]
    never_null = all(is_never_null(source, each) for each in subquery.test) and all(
        is_never_null(node, each) for each in compared
    )
    if never_null and subquery.operator == "=":
        return "anti"
    if correlated or len(subquery.test) != 1 or subquery.operator != "=":
        return ""
    if not columns_used(subquery.test[0]):  # no key to join by: the subquery is run once anyway
        return ""
    return "null_anti"


def is_never_null(node: Node, expression: Expression) -> bool:
    """Whether an expression over the node's columns is certainly not NULL."""
    expression = strip_relabel(expression)
    if isinstance(expression, Constant):
        return expression.value is not None
    return isinstance(expression, Variable) and _column_never_null(node, expression)


def _column_never_null(node: Node, column: Variable) -> bool:
    while isinstance(node, Filter | Sort | Limit | Distinct):
        node = node.input
    if isinstance(node, Project):
        found = [
            computed
            for output, computed in zip(node.outputs, node.expressions, strict=True)
            if output.column == column.column
        ]
        return bool(found) and is_never_null(node.input, found[0])
    if isinstance(node, Join):
        if column.column in column_numbers(node.left):
            return node.kind != "full" and _column_never_null(node.left, column)
        return node.kind == "inner" and _column_never_null(node.right, column)
    if isinstance(node, Scan):
        number = node.attribute(column.column)
        return number is not None and number > 0 and node.table.column(number).not_null
    return False


def _existence(node: Node) -> Node | None:
    """The part of a plan that decides whether it gives any row at all."""
    while True:
        if (isinstance(node, Project) and not node.sets) or isinstance(node, Sort | Distinct):
            node = node.input
        elif isinstance(node, Limit):
            count = node.count
            if node.offset is not None or not isinstance(count, Constant | type(None)):
                return None
            if count is not None and not (count.value and count.value > 0):
                return None
            node = node.input
        else:
            return node


def _without_order(node: Node) -> Node | None:
    """A plan whose rows are compared as a set: order and duplicates do not matter."""
    while isinstance(node, Sort) or (isinstance(node, Distinct) and node.on is None):
        node = node.input
    return node


def runs_volatile(node: Node) -> bool:
    """Whether anything in a plan is volatile."""
    from server.planner.plan_walk import expressions_of

    return any(is_volatile(each) for part in walk_plan(node) for each in expressions_of(part))
