"""Aggregates of an outer query level: those whose arguments read only columns of queries around.

Rule 1: an aggregate belongs to the innermost level whose columns its arguments and its FILTER read,
        or to its own query where they read none.
Rule 2: inside, it is a column of that level; there, it is computed among the level's own aggregates.
Rule 3: what only its arguments read, the levels between do not read.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported, GroupingError
from server.expressions.expression import (
    AggregateCall,
    ColumnId,
    Expression,
    OuterVariable,
    Subquery,
    Variable,
    transform,
    walk,
)
from server.planner.plan import CommonTableScan, OutputColumn
from server.planner.plan_walk import walk_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.planner.environment import BindContext
    from server.planner.scope import RangeItem, Scope
    from server.types.type import TypeReference

Crossed = list[tuple["Scope", "dict[ColumnId, TypeReference]"]]
"""Levels and what they had been known to read."""


def crossed_levels(scope: Scope) -> Crossed:
    """What the levels around have been known to read before arguments are bound; see rule 3."""
    if scope.parent is None:
        return []
    return [(level, dict(level.outer)) for level in scope.levels()]


def level_of(scope: Scope, parts: Iterable[Expression]) -> Scope | None:
    """The outer level that a call with these parts belongs to; None: its own."""
    read: set[ColumnId] = set()
    for part in parts:
        for each in walk(part):
            if isinstance(each, Variable | AggregateCall):
                return None
            if isinstance(each, OuterVariable):
                read.add(each.column)
    for level in scope.levels():
        if level is not scope and read & _columns_of(level, read):
            return level
    return None


def _columns_of(level: Scope, wanted: set[ColumnId]) -> set[ColumnId]:
    """Those of the columns that are of FROM items of the level."""
    return {column for column in wanted if any(_offers(item, column) for item in level.items)}


def _offers(item: RangeItem, column: ColumnId) -> bool:
    if item.scan is not None:
        return item.scan.attribute(column) is not None
    return any(
        isinstance(each, Variable) and each.column == column
        for offered in item.listed
        for each in walk(offered.expression)
    )


def at_level(expression: Expression, level: Scope) -> Expression:
    """An expression bound further inside, as the level itself reads it."""

    def inward(each: Expression) -> Expression:
        if not isinstance(each, OuterVariable) or not _columns_of(level, {each.column}):
            return each
        return Variable(type=each.type, column=each.column, name=each.name, offset=each.offset)

    return transform(expression, inward)


def outer_aggregate(
    context: BindContext, scope: Scope, call: AggregateCall, crossed: Crossed
) -> Expression | None:
    """The column that an aggregate of an outer level is; None where it is of this one."""
    parts = [*call.arguments, *(key.expression for key in call.order)]
    if call.filter is not None:
        parts.append(call.filter)
    _refuse_nesting(context, scope, parts)
    level = level_of(scope, parts)
    if level is None:
        return None
    _check_direct_arguments(context, call, level)
    _refuse_inner_tables(context, scope, level, parts)
    check_allowed(context, level, call.offset, "aggregate functions")
    own = at_level(call, level)
    assert isinstance(own, AggregateCall)
    column = OutputColumn(context.new_column(), call.type, call.aggregate.name)
    level.outer_aggregates.append((column, replace(own)))
    return read_from(scope, level, column, crossed, call.offset)


def _refuse_nesting(context: BindContext, scope: Scope, parts: list[Expression]) -> None:
    """An aggregate of an outer query makes the one around it of that query too."""
    known = {
        column.column: call.offset
        for level in scope.levels()
        for column, call in level.outer_aggregates
    }
    read = [each for part in parts for each in walk(part)] if known else []
    if any(isinstance(each, Variable) for each in read):
        return
    for each in read:
        if isinstance(each, OuterVariable) and each.column in known:
            position = context.position(known[each.column])
            raise GroupingError("aggregate function calls cannot be nested").at(position)


def _refuse_inner_tables(
    context: BindContext, scope: Scope, level: Scope, parts: list[Expression]
) -> None:
    """What an outer query computes cannot read WITH queries of those inside."""
    inside = {
        table.table_id: name
        for each in takewhile(lambda each: each is not level, scope.levels())
        for name, table in each.common_tables.items()
    }
    for table in level.common_tables.values():
        inside.pop(table.table_id, None)
    queries = [each for part in parts for each in walk(part) if isinstance(each, Subquery)]
    for query in queries if inside else ():
        for node in walk_plan(query.plan):
            if isinstance(node, CommonTableScan) and node.table_id in inside:
                raise FeatureNotSupported(
                    "outer-level aggregate cannot use a nested CTE",
                    detail=f'CTE "{inside[node.table_id]}" is below the aggregate\'s semantic level.',
                ).at(context.position(query.offset))


def _check_direct_arguments(context: BindContext, call: AggregateCall, level: Scope) -> None:
    """What is computed once a group of the outer query can read that query and those around it."""
    outside = list(level.levels())
    for part in call.direct_arguments:
        for each in walk(part):
            if not isinstance(each, Variable | OuterVariable):
                continue
            if isinstance(each, Variable) or not any(
                _columns_of(around, {each.column}) for around in outside
            ):
                raise GroupingError(
                    "outer-level aggregate cannot contain a lower-level variable in its "
                    "direct arguments"
                ).at(context.position(each.offset))


def read_from(
    scope: Scope, level: Scope, column: OutputColumn, crossed: Crossed, offset: int
) -> Expression:
    """The column of an outer level as it is read here; the levels between read nothing else."""
    level.has_aggregates = True
    for between, known in crossed:
        if between is level:
            break
        between.outer.clear()
        between.outer.update(known)
        between.outer[column.column] = column.type
    return OuterVariable(type=column.type, column=column.column, name=column.name, offset=offset)


def check_allowed(context: BindContext, level: Scope, offset: int, what: str) -> None:
    """Refuse an aggregate where the subquery that has it stands in a clause without aggregates."""
    if not level.aggregates:
        where = level.clause or "FROM clause of their own query level"
        raise GroupingError(f"{what} are not allowed in {where}").at(context.position(offset))
