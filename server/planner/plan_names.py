"""What a plan is made of, and what its columns are called where EXPLAIN shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.expressions.expression import Expression, SortKey, Subquery, Variable, walk
from server.planner import physical as p
from server.planner.deparse import Names, deparse
from server.planner.inverted_plan import InvertedScan
from server.planner.physical import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator


def plans_of(plan: Plan) -> Iterator[Plan]:
    """The inputs of a plan."""
    for name in plan.__dataclass_fields__:
        value = getattr(plan, name)
        if isinstance(value, Plan):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Plan):
                    yield item
                elif isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], Plan):
                    yield item[1]


def every_plan(plan: Plan) -> Iterator[Plan]:
    """The plan and everything below it, parents first; plans of subqueries are not entered."""
    yield plan
    for child in plans_of(plan):
        yield from every_plan(child)


def _with_subplans(plan: Plan) -> Iterator[Plan]:
    """The plan and everything below it, plans of subqueries included."""
    for each in every_plan(plan):
        yield each
        for name in each.__dataclass_fields__:
            for expression in _expressions(getattr(each, name)):
                for part in walk(expression):
                    if isinstance(part, Subquery) and isinstance(part.plan, Plan):
                        yield from _with_subplans(part.plan)


def _expressions(value: Any) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, SortKey):
        yield value.expression
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)


def name_columns(plan: Plan) -> Names:
    """The names of all columns.

    Those of tables, with their alias where there are several, and texts of computed ones.
    """
    names = Names()
    scans = [each for each in _with_subplans(plan) if hasattr(each, "alias")]
    names.qualified = len(scans) > 1
    name_below(plan, names, names.qualified)
    return names


def name_below(plan: Plan, names: Names, several: bool) -> None:
    """Name the columns of a plan and of what is below it; several: with the names of their tables."""
    for child in plans_of(plan):
        name_below(child, names, several)
    if isinstance(plan, _SCANS):
        for column, attribute in zip(plan.output, plan.attributes, strict=True):
            shown = _attribute_name(plan, attribute)
            names.columns[column] = f"{plan.alias}.{shown}" if several else shown
    elif isinstance(plan, p.Append | p.SetOperation):
        first = plan.inputs[0] if isinstance(plan, p.Append) else plan.left
        for column, source in zip(plan.output, first.output, strict=True):
            names.columns[column] = names.columns.get(source, f"column{column}")
    for column, expression in _computed_columns(plan):
        if not (isinstance(expression, Variable) and expression.column == column):
            _name_computed(names, column, expression)


def _computed_columns(plan: Plan) -> list[tuple[int, Expression]]:
    """The columns that a node computes, with their expressions."""
    if isinstance(plan, p.Project | p.ProjectSet):
        return list(zip(plan.output, plan.expressions, strict=True))
    if isinstance(plan, p.HashAggregate):
        return list(zip(plan.output, (*plan.keys, *plan.aggregates), strict=False))
    if isinstance(plan, p.Window):
        return list(zip(plan.output[-len(plan.calls) :], plan.calls, strict=True))
    return []


def _name_computed(names: Names, column: int, expression: Expression) -> None:
    names.columns[column] = deparse(expression, names)
    if not isinstance(expression, Variable):
        names.computed.add(column)


_SCANS = (p.TableScan, p.IndexScan, InvertedScan, p.CatalogScan, p.ForeignScan, p.RowIdScan)


_SYSTEM_NAMES = {
    -1: "ctid",
    -2: "xmin",
    -3: "cmin",
    -4: "xmax",
    -5: "cmax",
    -6: "tableoid",
    -7: "row_id",
    -8: "version_id",
}


def _attribute_name(plan: Any, attribute: int) -> str:
    if attribute < 0:
        return _SYSTEM_NAMES[attribute]
    name: str = plan.table.column(attribute).name
    return name
