"""Queries: SELECT, VALUES and set operations, with WITH, ORDER BY, LIMIT and row locks around them.

A SELECT becomes, from the bottom: FROM, WHERE, groups, HAVING, windows, targets, DISTINCT, ORDER
BY, LIMIT, locks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from server.errors import (
    FeatureNotSupported,
    InvalidColumnReference,
    InvalidRowCountInLimitClause,
    SqlSyntaxError,
    TooManyColumns,
)
from server.expressions.expression import (
    Expression,
    SetReturningCall,
    SortKey,
    Subquery,
    Variable,
    walk,
)
from server.oids import INT8, RECORD
from server.planner.bind_collection import (
    bind_expanded,
    expand_fields,
    expand_routine_record,
    result_columns,
)
from server.planner.bind_expression import bind_condition, bind_expression
from server.planner.bind_from import bind_from
from server.planner.bind_grouping import bind_grouping
from server.planner.bind_lock import lock_rows, refuse_locks
from server.planner.bind_order import (
    Target,
    bind_order_item,
    check_comparable,
    sort_key,
)
from server.planner.bind_window import (
    WindowSpecification,
    add_windows,
    name_windows,
    sorted_windows,
)
from server.planner.coerce import coerce_specific, settle
from server.planner.cursor_rows import with_cursor_rows
from server.planner.environment import BindContext, raise_at
from server.planner.matching import is_volatile, replace_top_down, structural_key
from server.planner.names import target_name
from server.planner.plan import Columns, Distinct, Filter, Limit, Node, OutputColumn, Project, Sort
from server.planner.plan_walk import project_exactly
from server.planner.scope import Scope, expand_item, find_item, resolve_column
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable

TARGETS_MAX = 1664
_STAR = "SELECT * with no tables specified is not valid"


@dataclass(slots=True)
class BoundQuery:
    """A bound query: its plan may put out more columns than the query has."""

    node: Node
    columns: Columns
    origins: tuple[tuple[int, int], ...]
    offsets: tuple[int, ...] = ()  # where each column's expression stands in the text

    def offset_of(self, position: int) -> int:
        """Where the expression of a column stands; -1 when unknown."""
        return self.offsets[position] if position < len(self.offsets) else -1

    def exactly(self) -> Node:
        """The plan with exactly the query's columns."""
        return project_exactly(self.node, self.columns)


def bind_query(
    context: BindContext, scope: Scope, node: exp.Expression, *, keep_unknown: bool = False
) -> BoundQuery:
    """A query in a new, still empty scope.

    Keep_unknown: literals stay untyped, as INSERT and UNION want them.
    """
    from server.planner.bind_set_operation import bind_set_operation
    from server.planner.bind_with import bind_with

    tables = bind_with(context, scope, node.args.get("with_clause"))
    if isinstance(node, nodes.Select):
        query = _bind_select(context, scope, node, keep_unknown)
    elif isinstance(node, nodes.SetOperation):
        query = bind_set_operation(context, scope, node)
    elif isinstance(node, nodes.Values):
        is_bare = not tables and not any(map(node.args.get, ("order_by", "limit", "offset")))
        query = _bind_values(context, scope, node, keep_unknown and is_bare)
    else:
        raise raise_at(context, node, FeatureNotSupported("this query is not supported here"))
    if tables:
        query.node = tables.around(query.node)
    return query


def _bind_select(
    context: BindContext, scope: Scope, node: exp.Expression, keep_unknown: bool
) -> BoundQuery:
    plan, targets = _source(context, scope, node)
    if not keep_unknown:
        _settle(context, targets)
    distinct = node.args.get("distinct")
    order, on = _ordering(context, scope, node, targets)
    _settle(context, [target for _, target in order])
    _settle(context, targets if distinct is not None and not on else on)
    refuse_locks(context, scope, node)
    plan = _group(context, scope, node, plan, targets, [target for _, target in order])
    keys = tuple(sort_key(context, each, target.expression) for each, target in order)
    offsets = tuple(target.expression.offset for target in targets if not target.hidden)
    is_limited = False
    late = _late_targets(node, targets, [target for _, target in order], on)
    shown, targets = targets, _without(targets, late)
    plan, columns, by_target = _project(context, plan, targets)
    keys = tuple(
        replace(key, expression=by_target[id(target)].variable(key.expression.offset))
        for key, (_, target) in zip(keys, order, strict=True)
    )
    if distinct is not None:
        chosen = tuple(by_target[id(target)].variable() for target in on)
        plan = _distinct(context, plan, columns, DistinctClause(distinct, chosen, keys, targets))
    if keys and not on:
        plan = Sort(input=plan, keys=keys)
    if late:
        is_limited = node.args.get("offset") is None and not any(map(_has_sets_in, late))
        if is_limited:  # nothing is computed for rows that do not go to the client
            plan = bind_limit(context, scope, node, plan, keys)
        for target in targets:
            target.expression = by_target[id(target)].variable(target.expression.offset)
        plan, columns, _ = _project(context, plan, shown)
    plan = lock_rows(context, scope, node, plan)  # before LIMIT: rows passed over do not count
    if not is_limited:
        plan = bind_limit(context, scope, node, plan, keys)
    if scope.top and node.args.get("of_cursor"):
        plan = with_cursor_rows(context, scope, plan)
    origins = tuple(target.origin for target in shown if not target.hidden)
    return BoundQuery(plan, columns, origins, offsets)


def _source(context: BindContext, scope: Scope, node: exp.Expression) -> tuple[Node, list[Target]]:
    """The rows that FROM and WHERE give, and the targets over them."""
    plan = bind_from(context, scope, node.args.get("from_items") or [])
    scope.named_windows = name_windows(context, node.args.get("windows") or [])
    targets = bind_targets(context, scope, node.args["targets"])
    where = node.args.get("where")
    if where is not None:
        plan = Filter(input=plan, condition=bind_condition(context, scope, where, "WHERE"))
    return plan, targets


def _ordering(
    context: BindContext, scope: Scope, node: exp.Expression, targets: list[Target]
) -> tuple[list[tuple[exp.Expression, Target]], list[Target]]:
    """What ORDER BY sorts by, each item with its target, and the targets of DISTINCT ON; new ones are hidden."""
    distinct = node.args.get("distinct")
    with _allowing(scope, "ORDER BY"):
        order = [
            (each, bind_order_item(context, scope, each.args["this"], targets, "ORDER BY"))
            for each in node.args.get("order_by") or []
        ]
        on = [
            bind_order_item(context, scope, each, targets, "SELECT DISTINCT ON")
            for each in (distinct.args.get("on") or [] if distinct is not None else [])
        ]
    return order, on


def _settle(context: BindContext, targets: list[Target]) -> None:
    """Give targets a type, as what rows are sorted or told apart by has also where literals are kept without."""
    for target in targets:
        target.expression = settle(context, target.expression)


def _late_targets(
    node: exp.Expression, targets: list[Target], ordering: list[Target], on: list[Target]
) -> list[Target]:
    """The targets that are computed once the rows are in order: they may tell how often and when."""
    if not ordering and (on or node.args.get("limit") is None):
        return []
    if (node.args.get("distinct") is not None and not on) or node.args.get("locks"):
        return []
    sorted_by = {id(target) for target in (*ordering, *on)}
    sets_late = bool(ordering) and not any(map(_has_sets_in, (*ordering, *on)))
    return [
        target
        for target in targets
        if id(target) not in sorted_by
        and (sets_late if _has_sets_in(target) else is_volatile(target.expression))
    ]


def _has_sets_in(target: Target) -> bool:
    return any(isinstance(each, SetReturningCall) for each in walk(target.expression))


def _without(targets: list[Target], late: list[Target]) -> list[Target]:
    """The other targets, and what the late ones read."""
    if not late:
        return targets
    postponed = {id(target) for target in late}
    early = [target for target in targets if id(target) not in postponed]
    known = {each.expression.column for each in early if isinstance(each.expression, Variable)}
    for target in late:
        for part in walk(target.expression):
            read = part.outer if isinstance(part, Subquery) else (part,)
            for each in read:
                if isinstance(each, Variable) and each.column not in known:
                    known.add(each.column)
                    early.append(Target(each.name, each, hidden=True))
    return early


class _allowing:  # noqa: N801  (reads as a statement)
    """Aggregates, windows and set-returning functions may stand in expressions bound within."""

    def __init__(self, scope: Scope, clause: str) -> None:
        self.scope = scope
        self.clause = clause

    def __enter__(self) -> None:
        self.scope.aggregates = self.scope.windows = self.scope.sets = True
        self.scope.clause = self.clause

    def __exit__(self, *_: object) -> None:
        self.scope.aggregates = self.scope.windows = self.scope.sets = False


def bind_targets(context: BindContext, scope: Scope, written: list[exp.Expression]) -> list[Target]:
    """The targets of a SELECT or RETURNING list, stars expanded."""
    targets: list[Target] = []
    with _allowing(scope, "SELECT"):
        for each in written:
            targets += _bind_target(context, scope, each)
    if len(targets) > TARGETS_MAX:
        raise TooManyColumns(f"target lists can have at most {TARGETS_MAX} entries")
    return targets


def _bind_target(context: BindContext, scope: Scope, node: exp.Expression) -> list[Target]:
    inner = node.args["this"]
    if isinstance(inner, nodes.ColumnReference) and inner.args.get("star"):
        return _expand_star(context, scope, inner)
    if isinstance(inner, nodes.FieldSelection) and inner.args.get("star"):
        return [Target(name, each) for name, each in expand_fields(context, scope, inner)]
    name = node.args.get("alias") or target_name(inner)
    if isinstance(inner, nodes.ColumnReference):
        offset = nodes.offset_of(inner)
        found, column = resolve_column(context, scope, inner.args["parts"], offset)
        expression = replace(found, offset=offset)
        target = Target(name, expression, column.origin if column is not None else (0, 0))
        if context.resolution is not None:
            context.resolution.note_name(scope, inner, found, column)
            target.expression = context.resolution.note(inner, expression)
    else:
        target = Target(name, bind_expression(context, scope, inner))
    if context.resolution is not None:
        context.resolution.note_target(target, inner)
    return [target]


def _expand_star(context: BindContext, scope: Scope, node: exp.Expression) -> list[Target]:
    parts = node.args["parts"]
    if parts:
        found = find_item(context, scope, parts, nodes.offset_of(node))
        if found is None:
            record = expand_routine_record(context, scope, node)
            return [Target(name, each) for name, each in record]
        expanded = expand_item(context, scope, *found)
    else:
        visible = [item for item in scope.items if item.columns_visible]
        if not visible:
            raise raise_at(context, node, SqlSyntaxError(_STAR))
        expanded = [each for item in visible for each in expand_item(context, scope, scope, item)]
    targets = [Target(column.name, each, column.origin) for column, each in expanded]
    if context.resolution is not None:
        places = context.resolution.note_star(scope, node, [column for column, _ in expanded])
        for target, place in zip(targets, places, strict=True):
            context.resolution.note_target(target, place)
    return targets


def _group(
    context: BindContext,
    scope: Scope,
    node: exp.Expression,
    plan: Node,
    targets: list[Target],
    ordering: list[Target],
) -> Node:
    """Groups, HAVING and windows over the plan; targets are changed to read them."""
    group_by, having = node.args.get("group_by"), node.args.get("having")
    condition = None
    if having is not None:
        scope.aggregates = True
        condition = bind_condition(context, scope, having, "HAVING")
        scope.aggregates = False
    if group_by is not None or having is not None or scope.has_aggregates:
        grouping = bind_grouping(context, scope, group_by, targets)
        above = grouping.above
        for target in targets:
            target.expression = grouping.target_above(target)
        condition = above(condition) if condition is not None else None
        scope.window_list = [_window_above(window, above) for window in scope.window_list]
        plan = grouping.node(plan)
    if condition is not None:
        plan = Filter(input=plan, condition=condition)
    if scope.window_list:
        expressions = [target.expression for target in targets]
        sorted_by = [target.expression for target in ordering]
        order = sorted_windows(scope, sorted_by)
        plan, expressions = add_windows(context, plan, scope.window_list, expressions, order)
        for target, expression in zip(targets, expressions, strict=True):
            target.expression = expression
    return plan


def _window_above(
    window: WindowSpecification, above: Callable[[Expression], Expression]
) -> WindowSpecification:
    return replace(
        window,
        partition=tuple(above(each) for each in window.partition),
        order=tuple(replace(key, expression=above(key.expression)) for key in window.order),
    )


def _project(
    context: BindContext, plan: Node, targets: list[Target]
) -> tuple[Node, Columns, dict[int, OutputColumn]]:
    """The Project node for the targets.

    A plain column keeps its number unless it stands there twice.
    """
    plan = project_sets(context, plan, targets)
    outputs: list[OutputColumn] = []
    used: set[int] = set()
    by_target: dict[int, OutputColumn] = {}
    for target in targets:
        expression = target.expression
        number = expression.column if isinstance(expression, Variable) else 0
        if not number or number in used:
            number = context.new_column()
        used.add(number)
        if expression.type.oid == RECORD:
            fields = result_columns(context, expression)
            if fields:
                context.record_columns[number] = fields
        column = OutputColumn(number, expression.type, target.name)
        by_target[id(target)] = column
        outputs.append(column)
    project = Project(
        input=plan,
        outputs=tuple(outputs),
        expressions=tuple(target.expression for target in targets),
    )
    columns = tuple(by_target[id(target)] for target in targets if not target.hidden)
    return project, columns, by_target


def project_sets(context: BindContext, plan: Node, targets: list[Target]) -> Node:
    """A node below that runs the set-returning calls of the targets, innermost first."""
    while True:
        found: dict[object, tuple[OutputColumn, SetReturningCall]] = {}
        for target in targets:
            target.expression = _take_sets(context, target.expression, found)
        if not found:
            return plan
        passed = plan.columns
        plan = Project(
            input=plan,
            outputs=(*passed, *(column for column, _ in found.values())),
            expressions=(
                *(column.variable() for column in passed),
                *(call for _, call in found.values()),
            ),
            sets=True,
        )


def _take_sets(
    context: BindContext,
    expression: Expression,
    found: dict[object, tuple[OutputColumn, SetReturningCall]],
) -> Expression:
    """The expression with its innermost set-returning calls read as columns."""

    def take(node: Expression) -> Expression | None:
        if not isinstance(node, SetReturningCall):
            return None
        if any(isinstance(each, SetReturningCall) for arg in node.arguments for each in walk(arg)):
            return None
        key = structural_key(node)
        if key not in found:
            column = OutputColumn(context.new_column(), node.type)
            found[key] = (column, node)
            if node.type.oid == RECORD:
                context.record_columns[column.column] = result_columns(context, node)
        return found[key][0].variable(node.offset)

    return replace_top_down(expression, take)


@dataclass(frozen=True, slots=True)
class DistinctClause:
    """DISTINCT and what it stands beside."""

    node: exp.Expression
    on: tuple[Variable, ...]
    keys: tuple[SortKey, ...]
    targets: list[Target]


def _distinct(context: BindContext, plan: Node, columns: Columns, clause: DistinctClause) -> Node:
    """DISTINCT and DISTINCT ON, with what they demand of ORDER BY."""
    on, keys = clause.on, clause.keys
    if not on:
        hidden = [target for target in clause.targets if target.hidden]
        if hidden:
            raise InvalidColumnReference(
                "for SELECT DISTINCT, ORDER BY expressions must appear in select list"
            ).at(context.position(hidden[0].expression.offset))
        for target in clause.targets:
            check_comparable(context, target.expression)
        return Distinct(input=plan, distinct_columns=columns)
    for written, variable in zip(clause.node.args["on"], on, strict=True):
        check_comparable(context, variable, nodes.offset_of(written))
    wanted = {variable.column for variable in on}
    matched = {
        key.expression.column for key in keys[: len(wanted)] if isinstance(key.expression, Variable)
    }
    if not matched <= wanted and not wanted <= matched:
        raise InvalidColumnReference(
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions"
        ).at(context.position(nodes.offset_of(clause.node.args["on"][0])))
    rest = tuple(SortKey(expression=each) for each in on if each.column not in matched)
    if not keys:  # whichever comes first is kept, so few are to be sorted
        return Sort(input=Distinct(input=plan, distinct_columns=plan.columns, on=on), keys=rest)
    # The first row in the given order is kept: sort before, by the ON expressions where
    # ORDER BY stops short.
    source = Sort(input=plan, keys=(*keys, *rest))
    return Distinct(input=source, distinct_columns=plan.columns, on=on)


def bind_limit(
    context: BindContext, scope: Scope, node: exp.Expression, plan: Node, keys: tuple[SortKey, ...]
) -> Node:
    """LIMIT and OFFSET."""
    ties = node.args.get("with_ties")
    if ties and isinstance(node.args["limit"], exp.Null):
        message = "row count cannot be null in FETCH FIRST ... WITH TIES clause"
        raise InvalidRowCountInLimitClause(message)
    count, offset = (
        _bind_count(context, scope, node.args.get(name), name.upper())
        for name in ("limit", "offset")
    )
    if count is None and offset is None:
        return plan
    if ties and not keys:
        raise SqlSyntaxError("WITH TIES cannot be specified without ORDER BY clause")
    return Limit(input=plan, count=count, offset=offset, with_ties=keys if ties else ())


def _bind_count(
    context: BindContext, scope: Scope, node: exp.Expression | None, clause: str
) -> Expression | None:
    if node is None:
        return None
    previous, scope.clause = scope.clause, clause
    bound = coerce_specific(context, bind_expression(context, scope, node), INT8, clause)
    scope.clause = previous
    if any(isinstance(each, Variable) for each in walk(bound)):
        raise raise_at(
            context,
            node,
            InvalidColumnReference(f"argument of {clause} must not contain variables"),
        )
    return None if getattr(bound, "value", bound) is None else bound


def _bind_values(
    context: BindContext, scope: Scope, node: exp.Expression, keep_unknown: bool
) -> BoundQuery:
    from server.planner.bind_set_operation import values_node

    scope.clause = "VALUES"
    rows = [
        [item for each in row.args["arguments"] for item in bind_expanded(context, scope, each)]
        for row in node.args["rows"]
    ]
    plan = values_node(context, rows, node.args["rows"], keep_unknown)
    targets = [Target(c.name, c.variable()) for c in plan.columns]
    order = [
        (each, bind_order_item(context, scope, each.args["this"], targets, "ORDER BY"))
        for each in node.args.get("order_by") or []
    ]
    keys = tuple(sort_key(context, each, target.expression) for each, target in order)
    result: Node = Sort(input=plan, keys=keys) if keys else plan
    result = bind_limit(context, scope, node, result, keys)
    return BoundQuery(result, plan.columns, ((0, 0),) * len(plan.columns))
