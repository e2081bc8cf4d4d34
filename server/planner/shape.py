"""Point operations recognised: plans that the executor can run without operators."""

from __future__ import annotations

from server.expressions.expression import Constant, Expression, Parameter, Relabel, walk
from server.planner import change_plans
from server.planner import physical as p
from server.planner.choose_scan import unique_lookup
from server.planner.outer_references import has_subquery
from server.planner.planned import Shape


def shape_of(plan: p.Plan) -> Shape | None:
    """The shape of a point operation, None for any other plan."""
    if is_routed(plan):
        return None
    if isinstance(plan, change_plans.Update):
        return _by_key("update", plan.input)
    if isinstance(plan, change_plans.Delete):
        return _by_key("delete", plan.input)
    if isinstance(plan, change_plans.Insert):
        return _insert(plan.input)
    source = plan.input if isinstance(plan, p.Project) else plan
    if isinstance(plan, p.Project) and any(has_subquery(each) for each in plan.expressions):
        return None
    return _by_key("select", source)


def _insert(source: p.Plan) -> Shape | None:
    if not isinstance(source, p.Values) or len(source.rows) != 1:
        return None
    plain = not any(has_subquery(each) for each in source.rows[0])
    return Shape("insert", source) if plain else None


def is_routed(plan: p.Plan) -> bool:
    """Whether a data change is one of partitions or of children, or has to mind a bound or a view's check."""
    if isinstance(plan, change_plans.Update | change_plans.Delete) and plan.table_oid is not None:
        return True
    if not isinstance(plan, change_plans.Update | change_plans.Insert):
        return False
    return plan.table.is_partition or plan.table.kind == "p" or bool(plan.view_checks)


def _by_key(kind: str, plan: p.Plan) -> Shape | None:
    if not isinstance(plan, p.IndexScan) or not unique_lookup(plan):
        return None
    if plan.filter is not None and has_subquery(plan.filter):
        return None
    by_position = {condition.position: condition.value for condition in plan.conditions}
    values = []
    for position in range(len(plan.index.keys)):
        value = by_position[position]
        if value is None or not _is_given(value):
            return None
        values.append(value)
    return Shape(kind, plan, tuple(values))


def _is_given(value: Expression) -> bool:
    return all(isinstance(node, Constant | Parameter | Relabel) for node in walk(value))
