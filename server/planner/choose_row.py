"""Physical plans of the nodes that compute, group, sort and cut."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from server.errors import FeatureNotSupported
from server.expressions.expression import (
    AggregateCall,
    ColumnId,
    Constant,
    Expression,
    IsNull,
    SetReturningCall,
    SortKey,
    Variable,
    columns_used,
)
from server.functions.pattern_prefix import PREFIXES
from server.planner import choose_scan, cost
from server.planner import physical as p
from server.planner import plan as logical
from server.planner.bind_operator import conjuncts
from server.planner.dependence import dependent_keys
from server.planner.group_estimates import group_count
from server.planner.matching import is_volatile
from server.planner.ordered_joins import ordered_joins
from server.planner.outer_references import has_subquery
from server.planner.physical import Estimate, Plan
from server.planner.plan import Node, OutputColumn
from server.planner.plan_walk import columns_read, expressions_of
from server.planner.rewrite.outer_joins import padded_columns
from server.planner.shared_sums import shared_sums

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.planner.choose import Chooser

EXTREMA_MAX: Final = 8
"""How many least and greatest values are looked up each by itself."""

FIRST_ROWS_MAX: Final = 512
"""Up to how many rows LIMIT has a scan read its rows in portions that grow."""


def _estimate(
    source: Plan, added: float, *, rows: float | None = None, blocking: bool = False
) -> Estimate:
    before = source.estimate
    total = before.total_cost + added
    return Estimate(
        before.rows if rows is None else max(1.0, rows),
        before.width,
        total if blocking else before.startup_cost,
        total,
    )


def _values(chooser: Chooser, node: logical.Values, required: set[ColumnId]) -> Plan:
    rows = tuple(chooser.expressions(row) for row in node.rows)
    return p.Values(
        output=tuple(column.column for column in node.columns),
        types=tuple(column.type for column in node.columns),
        estimate=Estimate(len(rows), 8 * len(node.columns), 0.0, 0.1 * len(rows)),
        rows=rows,
    )


def _function_scan(chooser: Chooser, node: logical.FunctionScan, required: set[ColumnId]) -> Plan:
    single = len(node.functions) == 1
    rows = 1.0
    for each in node.functions:
        if getattr(getattr(each, "function", None), "returns_set", False):
            rows = max(rows, 1000.0 if single else 100.0)
    return p.FunctionScan(
        output=tuple(column.column for column in node.columns),
        types=tuple(column.type for column in node.columns),
        estimate=Estimate(rows, 8 * len(node.columns), 0.0, rows * 0.5),
        functions=chooser.expressions(node.functions),
        widths=node.widths,
        rows=node.rows or (p.RowShape(is_row=False),) * len(node.widths),
        with_ordinality=node.with_ordinality,
    )


def _project(chooser: Chooser, node: logical.Project, required: set[ColumnId]) -> Plan:
    kept = [
        (column, expression)
        for column, expression in zip(node.outputs, node.expressions, strict=True)
        if column.column in required
        or isinstance(expression, SetReturningCall)
        or chooser.apart([expression])[1]  # called for what it does
    ]
    needed = columns_read(tuple(expression for _, expression in kept))
    # Rewriting moves projections below readers of system columns, which no projection lists.
    passed = required - {column.column for column in node.outputs}
    source = chooser.choose(node.input, needed | passed)
    kept += [
        (OutputColumn(column, kind, ""), Variable(type=kind, column=column))
        for column, kind in zip(source.output, source.types, strict=True)
        if column in passed
    ]
    if not node.sets and all(
        isinstance(expression, Variable) and expression.column == column.column
        for column, expression in kept
    ):
        return source
    return project(chooser, source, kept, sets=node.sets)


def project(
    chooser: Chooser,
    source: Plan,
    kept: list[tuple[OutputColumn, Expression]],
    *,
    sets: bool = False,
) -> Plan:
    """A Project or ProjectSet over a plan."""
    kind = p.ProjectSet if sets else p.Project
    rows = source.estimate.rows * (10.0 if sets else 1.0)
    price = rows * cost.SCAN_VALUE * len(kept)
    return kind(
        output=tuple(column.column for column, _ in kept),
        types=tuple(column.type for column, _ in kept),
        estimate=replace(
            _estimate(source, price, rows=rows), width=chooser.width(c.column for c, _ in kept)
        ),
        input=source,
        expressions=chooser.expressions(expression for _, expression in kept),
    )


def _aggregate(chooser: Chooser, node: logical.Aggregate, required: set[ColumnId]) -> Plan:
    shortcut = _extrema_by_index(chooser, node)
    if shortcut is not None:
        return shortcut
    kept = [
        (column, call)
        for column, call in zip(node.call_columns, node.calls, strict=True)
        if column.column in required
    ]
    shared = shared_sums(node, kept, chooser.context)
    if shared is not None:
        fewer, outputs = shared
        wanted = columns_read(tuple(expression for _, expression in outputs))
        return project(chooser, _aggregate(chooser, fewer, wanted), outputs)
    calls = tuple(call for _, call in kept)
    source = chooser.choose(node.input, columns_read((*node.keys, *calls)))
    columns = [*node.key_columns, *(column for column, _ in kept)]
    if node.set_column is not None:
        columns.append(node.set_column)
    rows = 0.0
    for members in node.sets:
        keys = [node.keys[number] for number in members]
        rows += group_count(chooser.facts, keys, source.estimate.rows) if keys else 1.0
    price = (
        source.estimate.rows * (cost.GROUP_ROW * len(node.sets) + 0.01 * len(calls)) + rows * 0.1
    )
    return p.HashAggregate(
        output=tuple(column.column for column in columns),
        types=tuple(column.type for column in columns),
        estimate=replace(
            _estimate(source, price, rows=rows, blocking=True),
            width=chooser.width(column.column for column in columns),
        ),
        input=source,
        keys=chooser.expressions(node.keys),
        aggregates=tuple(chooser.expressions(calls)),  # type: ignore[arg-type]
        sets=node.sets,
        set_number=node.set_column is not None,
        dependent=_dependent(chooser, node, source),
    )


def _dependent(chooser: Chooser, node: logical.Aggregate, source: Plan) -> frozenset[int]:
    """The keys that follow from others; not asked where grouping sets leave keys out."""
    if node.sets != (tuple(range(len(node.keys))),):
        return frozenset()
    return dependent_keys(node.keys, source, chooser.context.catalog)


def _extrema_by_index(chooser: Chooser, node: logical.Aggregate) -> Plan | None:
    """min(x) and max(x) of one table, each as the first row of an index, beside each other in one row."""
    if node.keys or node.sets != ((),) or not 0 < len(node.calls) <= EXTREMA_MAX:
        return None
    plans = []
    for column, call in zip(node.call_columns, node.calls, strict=True):
        plan = _extremum_by_index(chooser, node, column, call)
        if plan is None:
            return None
        plans.append(plan)
    price = sum(plan.estimate.total_cost for plan in plans)
    needed = columns_read(node.calls)
    if price >= chooser.choose(node.input, needed).estimate.total_cost:
        return None
    return reduce(_beside, plans)


def _beside(left: Plan, right: Plan) -> Plan:
    """One row of two plans that have one each."""
    price = left.estimate.total_cost + right.estimate.total_cost
    return p.NestedLoop(
        output=(*left.output, *right.output),
        types=(*left.types, *right.types),
        estimate=Estimate(1.0, left.estimate.width + right.estimate.width, price, price),
        kind="inner",
        left=left,
        right=right,
    )


def _extremum_by_index(
    chooser: Chooser, node: logical.Aggregate, column: OutputColumn, call: AggregateCall
) -> Plan | None:
    """min(x) or max(x) of one table as the first row of an index, under an aggregate of one row."""
    found = _extremum(node, call)
    if found is None:
        return None
    scan, conditions = found
    if chooser.apart(conditions)[1]:
        return None
    argument = call.arguments[0]
    present = IsNull(type=chooser.context.type(16), argument=argument, negated=True)
    key = SortKey(expression=argument, descending=call.aggregate.name == "max")
    ordered = choose_scan.ordered_scan(
        chooser,
        scan,
        [*chooser.expressions(conditions), present],
        columns_used(argument),
        (key,),
    )
    if ordered is None:
        return None
    share = max(1.0, ordered.estimate.rows)
    price = ordered.estimate.startup_cost + (ordered.estimate.total_cost / share) + cost.INDEX_START
    first = p.Limit(
        output=ordered.output,
        types=ordered.types,
        estimate=Estimate(1.0, 8, 0.0, price),
        input=ordered,
        count=chooser.context.constant(20, 1),
        offset=None,
    )
    return p.HashAggregate(
        output=(column.column,),
        types=(column.type,),
        estimate=Estimate(1.0, 8, price, price + 0.1),
        input=first,
        keys=(),
        aggregates=(call,),
        sets=((),),
    )


def _extremum(
    node: logical.Aggregate, call: AggregateCall
) -> tuple[logical.Scan, list[Expression]] | None:
    """The scan and conditions of an aggregate that is min or max of a column."""
    if call.aggregate.name not in ("min", "max") or call.filter or len(call.arguments) != 1:
        return None
    source: Node = node.input
    conditions: list[Expression] = []
    if isinstance(source, logical.Filter):
        conditions, source = conjuncts(source.condition), source.input
    argument = call.arguments[0]
    if not isinstance(source, logical.Scan) or not isinstance(argument, Variable):
        return None
    if source.attribute(argument.column) is None:
        return None
    return source, conditions


def _window(chooser: Chooser, node: logical.Window, required: set[ColumnId]) -> Plan:
    kept = [
        (column, call)
        for column, call in zip(node.call_columns, node.calls, strict=True)
        if column.column in required
    ]
    own = {column.column for column in node.call_columns}
    read = columns_read(tuple(expressions_of(node)))
    source = chooser.choose(node.input, (required - own) | read)
    if not kept:
        return source
    rows = source.estimate.rows
    frame = node.frame
    return p.Window(
        output=(*source.output, *(column.column for column, _ in kept)),
        types=(*source.types, *(column.type for column, _ in kept)),
        estimate=_estimate(source, cost.sort_cost(rows) + rows * 0.1, blocking=True),
        input=source,
        partition=chooser.expressions(node.partition),
        order=_keys(chooser, node.order),
        frame=replace(frame, start=_bound(chooser, frame.start), end=_bound(chooser, frame.end)),
        calls=tuple(chooser.expressions(call for _, call in kept)),  # type: ignore[arg-type]
    )


def _bound(chooser: Chooser, bound: tuple[str, Expression | None]) -> tuple[str, Expression | None]:
    kind, offset = bound
    return kind, None if offset is None else chooser.expression(offset)


def _keys(chooser: Chooser, keys: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
    return tuple(replace(key, expression=chooser.expression(key.expression)) for key in keys)


def _sort(chooser: Chooser, node: logical.Sort, required: set[ColumnId]) -> Plan:
    return sorted_plan(chooser, node, required, None)


def sorted_plan(
    chooser: Chooser,
    node: logical.Sort,
    required: set[ColumnId],
    count: Expression | None,
    expected: float | None = None,
) -> Plan:
    """The rows in order; count: only so many of the first are needed; expected: no more are read, probably."""
    wanted = required | columns_read(tuple(key.expression for key in node.keys))
    keys = tuple(key for key in node.keys if not isinstance(key.expression, Constant))
    kept = _constant_rows(count)
    plan = chooser.choose(node.input, wanted)
    if not keys:
        return plan
    price = cost.sort_cost(plan.estimate.rows, kept)
    by_index = _ordered(chooser, node.input, wanted, keys)
    if by_index is not None:
        found = by_index.estimate
        read = expected if kept is None else kept
        share = 1.0 if read is None else min(1.0, read / max(found.rows, 1.0))
        total = found.startup_cost + (found.total_cost - found.startup_cost) * share
        if total < plan.estimate.total_cost + price:
            return by_index
    return p.Sort(
        output=plan.output,
        types=plan.types,
        estimate=_estimate(plan, price, blocking=True),
        input=plan,
        keys=_keys(chooser, keys),
        count=count,
    )


def _ordered(
    chooser: Chooser, node: Node, required: set[ColumnId], keys: tuple[SortKey, ...]
) -> Plan | None:
    """A plan of the node that gives its rows in order by itself."""
    if isinstance(node, logical.Project):
        return None if node.sets else _ordered_project(chooser, node, required, keys)
    conditions: list[Expression] = []
    filtered = node
    while isinstance(node, logical.Filter):
        conditions += conjuncts(node.condition)
        node = node.input
    if isinstance(node, logical.Join) and node.kind != "full":
        return ordered_joins(chooser, filtered, required, keys)
    if not isinstance(node, logical.Scan):
        return None
    rest, late = chooser.apart(conditions)
    wanted = required | columns_read(tuple(late))
    planned = list(chooser.expressions(rest))
    plan = choose_scan.ordered_scan(chooser, node, planned, wanted, keys)
    return plan if plan is None or not late else chooser.filtered(plan, late, required)


def _ordered_project(
    chooser: Chooser, node: logical.Project, required: set[ColumnId], keys: tuple[SortKey, ...]
) -> Plan | None:
    """The same of a Project, as far as it is ordered by columns that it is given or computes."""
    columns = dict(zip(node.outputs, node.expressions, strict=True))
    passed = {column.column: expression for column, expression in columns.items()}
    inner = []
    for key in keys:
        if not isinstance(key.expression, Variable):
            return None
        inner.append(replace(key, expression=passed[key.expression.column]))
    kept = [each for each in columns.items() if each[0].column in required]
    needed = columns_read(tuple(expression for _, expression in kept))
    source = _ordered(chooser, node.input, needed, tuple(inner))
    if source is None:
        return None
    if all(isinstance(e, Variable) and e.column == c.column for c, e in kept):
        return source
    return project(chooser, source, kept)


def _constant_rows(count: Expression | None) -> float | None:
    """How many rows a LIMIT lets through; a guess for what is not constant."""
    if count is None:
        return None
    if isinstance(count, Constant) and count.value is not None:
        return float(max(count.value, 1))
    return 10.0


def _limit(chooser: Chooser, node: logical.Limit, required: set[ColumnId]) -> Plan:
    count, offset = node.count, node.offset
    wanted = required | columns_read(tuple(key.expression for key in node.with_ties))
    source_node = node.input
    top = None
    if isinstance(source_node, logical.Sort) and count is not None and not node.with_ties:
        top = _known_twice(count) if offset is None else _sum(chooser, count, offset)
    if isinstance(source_node, logical.Sort):
        source = sorted_plan(chooser, source_node, wanted, top)
    elif isinstance(source_node, logical.LockRows):
        source = _locked(chooser, source_node, wanted, _constant_rows(count))
    else:
        source = chooser.choose(source_node, wanted)
    rows = source.estimate.rows
    kept = _constant_rows(count)
    if kept is not None and kept <= FIRST_ROWS_MAX:
        source = _as_they_come(source)
    rows = min(rows, kept) if kept is not None else rows
    before = source.estimate
    share = min(1.0, rows / max(before.rows, 1.0))
    total = before.startup_cost + (before.total_cost - before.startup_cost) * share
    return p.Limit(
        output=source.output,
        types=source.types,
        estimate=Estimate(max(rows, 1.0), before.width, before.startup_cost, total),
        input=source,
        count=None if count is None else chooser.expression(count),
        offset=None if offset is None else chooser.expression(offset),
        with_ties=_keys(chooser, node.with_ties),
    )


def _as_they_come(plan: Plan) -> Plan:
    """The plan with a scan of an index that gives its first rows before it has read them all."""
    if isinstance(plan, p.Project | p.Filter):
        source = _as_they_come(plan.input)
        return plan if source is plan.input else replace(plan, input=source)
    if not isinstance(plan, p.IndexScan) or plan.ordered:
        return plan
    if any(condition.operator in PREFIXES for condition in plan.conditions):
        return plan  # which may turn out to be no range
    return replace(plan, ordered=True)


def _known_twice(count: Expression) -> Expression | None:
    """LIMIT, where the sort may compute it as well; None sorts everything."""
    return None if has_subquery(count) or is_volatile(count) else count


def _sum(chooser: Chooser, count: Expression, offset: Expression) -> Expression | None:
    """LIMIT plus OFFSET, where both are known; None sorts everything."""
    if isinstance(count, Constant) and isinstance(offset, Constant):
        if count.value is None or offset.value is None:
            return None
        return chooser.context.constant(20, count.value + offset.value)
    return None


def _distinct(chooser: Chooser, node: logical.Distinct, required: set[ColumnId]) -> Plan:
    if node.on is None:
        source = chooser.exactly(node.input, node.distinct_columns)
        keys: tuple[Expression, ...] = tuple(c.variable() for c in node.distinct_columns)
    else:
        source = chooser.choose(node.input, required | columns_read(node.on))
        keys = node.on
    rows = group_count(chooser.facts, keys, source.estimate.rows)
    return p.Distinct(
        output=source.output,
        types=source.types,
        estimate=_estimate(source, source.estimate.rows * cost.GROUP_ROW, rows=rows),
        input=source,
        on=None if node.on is None else chooser.expressions(node.on),
    )


def _lock(chooser: Chooser, node: logical.LockRows, required: set[ColumnId]) -> Plan:
    return _locked(chooser, node, required, None)


def _locked(
    chooser: Chooser, node: logical.LockRows, required: set[ColumnId], expected: float | None
) -> Plan:
    """The rows locked as they are read; expected: probably no more than these, but for those that are skipped."""
    if padded_columns(node.input) & {target.row_id for target in node.targets}:
        raise FeatureNotSupported(
            f"FOR {node.strength.upper()} cannot be applied to the nullable side of an outer join"
        )
    sources = (*node.targets, *node.pinned)
    needed = {column for each in sources for column in each.columns}
    wanted = required | needed | set(node.kept)
    if isinstance(node.input, logical.Sort):
        source = sorted_plan(chooser, node.input, wanted, None, expected)
    else:
        source = chooser.choose(node.input, wanted)
    return p.LockRows(
        output=source.output,
        types=source.types,
        estimate=_estimate(source, source.estimate.rows * 2.0),
        input=source,
        strength=node.strength,
        wait=node.wait,
        targets=node.targets,
        pinned=node.pinned,
        kept=node.kept,
        is_inside=node.is_inside,
    )


CHOOSERS: dict[type[Node], Callable[[Chooser, Any, set[ColumnId]], Plan]] = {
    logical.Values: _values,
    logical.FunctionScan: _function_scan,
    logical.Project: _project,
    logical.Aggregate: _aggregate,
    logical.Window: _window,
    logical.Sort: _sort,
    logical.Limit: _limit,
    logical.Distinct: _distinct,
    logical.LockRows: _lock,
}
