"""Filters move down to where their columns come from.

Forbidden variants:
    below LIMIT, DISTINCT ON, row locks   other rows would be counted, kept, locked
    below GROUP BY on anything but keys   HAVING sum(x) > 1 is about groups; with grouping sets a
                                          key may be padded with NULL
    below a window, but on its partition  removing rows of a partition changes the others' results
    into the padded side of a left join   WHERE b.x IS NULL is about padded rows
    below EXCEPT, only on the left        both sides by the same columns is right: what is removed
                                          left cannot be removed right
    volatile conditions                   would run for other rows, or more often
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    ColumnId,
    Constant,
    Expression,
    Subquery,
    Variable,
    columns_used,
    walk,
)
from server.expressions.safety import cannot_raise
from server.planner.bind_operator import and_all, conjuncts
from server.planner.matching import is_volatile, replace_top_down
from server.planner.plan import (
    Aggregate,
    Append,
    Barrier,
    Columns,
    CommonTables,
    Distinct,
    Filter,
    Join,
    Node,
    NoRows,
    Project,
    SetOperation,
    Sort,
    Window,
)
from server.planner.plan_walk import column_numbers, inputs_of, scans_of, with_inputs
from server.planner.rewrite.hoist import substitute

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.planner.choose import Chooser


def push_filters(chooser: Chooser, node: Node) -> Node:
    """Push every filter of the plan as far down as it goes."""
    if isinstance(node, Filter):
        return push(node.input, conjuncts(node.condition))
    inputs = inputs_of(node)
    if isinstance(node, Join):
        return push(node, [])
    if not inputs:
        return node
    return with_inputs(node, tuple(push_filters(chooser, each) for each in inputs))


def push(node: Node, conditions: list[Expression]) -> Node:
    """The node under these conditions, each as far down as it goes."""
    if any(isinstance(each, Constant) and each.value is not True for each in conditions):
        return NoRows(empty_columns=node.columns, scans=tuple(scans_of(node)))
    conditions = [each for each in conditions if not isinstance(each, Constant)]
    pusher = _PUSHERS.get(type(node))
    if pusher is not None:
        return pusher(node, conditions)
    inputs = tuple(push(each, []) for each in inputs_of(node))
    return _filtered(with_inputs(node, inputs) if inputs else node, conditions)


def _filtered(node: Node, conditions: list[Expression]) -> Node:
    return Filter(input=node, condition=and_all(conditions)) if conditions else node


def _captured(condition: Expression) -> set[ColumnId]:
    return {
        each.column for node in walk(condition) if isinstance(node, Subquery) for each in node.outer
    }


def _separate(
    conditions: list[Expression], columns: set[ColumnId]
) -> tuple[list[Expression], list[Expression]]:
    """Conditions that read only these columns and may move, and the others."""
    down: list[Expression] = []
    kept: list[Expression] = []
    for condition in conditions:
        movable = columns_used(condition) <= columns and not is_volatile(condition)
        (down if movable else kept).append(condition)
    return down, kept


def _push_filter(node: Filter, conditions: list[Expression]) -> Node:
    return push(node.input, conjuncts(node.condition) + conditions)


def _push_project(node: Project, conditions: list[Expression]) -> Node:
    if node.sets:
        passed = {
            c.column
            for c, e in zip(node.outputs, node.expressions, strict=True)
            if isinstance(e, Variable) and e.column == c.column
        }
        movable, above = _separate(conditions, passed)
        return _filtered(replace(node, input=push(node.input, movable)), above)
    computed = {
        c.column: e
        for c, e in zip(node.outputs, node.expressions, strict=True)
        if not (isinstance(e, Variable) and e.column == c.column)
    }
    down: list[Expression] = []
    kept: list[Expression] = []
    for condition in conditions:
        used = columns_used(condition)
        dear = any(
            is_volatile(computed[c]) or any(isinstance(p, Subquery) for p in walk(computed[c]))
            for c in used
            if c in computed
        )
        if dear or is_volatile(condition) or _captured(condition) & computed.keys():
            kept.append(condition)
        else:
            down.append(substitute(condition, node))
    return _filtered(replace(node, input=push(node.input, down)), kept)


def _push_join(node: Join, conditions: list[Expression]) -> Node:
    left, right = column_numbers(node.left), column_numbers(node.right)
    own = conjuncts(node.condition)
    if node.kind == "inner":
        # They meet in one region: what reads one side goes there, the rest joins.
        on_left, rest = _separate(own + conditions, left)
        on_right, rest = _separate(rest, right)
        joining, above = _separate(rest, left | right)
        condition = and_all(joining) if joining else None
        joined = replace(
            node,
            left=push(node.left, on_left),
            right=push(node.right, on_right),
            condition=condition,
        )
        return _filtered(joined, above)
    if node.kind == "full":
        joined = replace(node, left=push(node.left, []), right=push(node.right, []))
        return _filtered(joined, conditions)
    on_left, above = _separate(conditions, left)
    on_right = []
    if node.kind != "null_anti":
        on_right, own = _separate(own, right)
        if not own and node.kind != "left":
            on_right, own = (
                [],
                on_right,
            )  # EXISTS without a tie to the outer row: nothing to join by
    joined = replace(
        node,
        left=push(node.left, on_left),
        right=push(node.right, on_right),
        condition=and_all(own) if own else None,
    )
    return _filtered(joined, above)


def _push_aggregate(node: Aggregate, conditions: list[Expression]) -> Node:
    keys = {column.column: key for column, key in zip(node.key_columns, node.keys, strict=True)}
    single = len(node.sets) == 1 and len(node.sets[0]) == len(node.keys) and bool(node.keys)
    down, kept = _separate(conditions, set(keys) if single else set())
    down = [each for each in down if columns_used(each)]
    kept = [each for each in conditions if not any(each is d for d in down)]

    def below(expression: Expression) -> Expression | None:
        if isinstance(expression, Variable):
            return keys.get(expression.column)
        return None

    moved = []
    for condition in down:
        computed = {c for c, key in keys.items() if not isinstance(key, Variable)}
        if _captured(condition) & computed:
            kept.append(condition)
        else:
            moved.append(replace_top_down(condition, below))
    return _filtered(replace(node, input=push(node.input, moved)), kept)


def _by_position(
    conditions: list[Expression], columns: Columns, inner: Columns
) -> list[Expression]:
    table = {outer.column: column.variable() for outer, column in zip(columns, inner, strict=True)}

    def change(expression: Expression) -> Expression | None:
        return table.get(expression.column) if isinstance(expression, Variable) else None

    return [replace_top_down(each, change) for each in conditions]


def _push_positional(node: Append | SetOperation, conditions: list[Expression]) -> Node:
    own = {column.column for column in node.columns}
    down, kept = _separate([c for c in conditions if not _captured(c)], own)
    kept += [c for c in conditions if _captured(c)]
    inputs = tuple(
        push(each, _by_position(down, node.columns, each.columns)) for each in inputs_of(node)
    )
    return _filtered(with_inputs(node, inputs), kept)


def _push_distinct(node: Distinct, conditions: list[Expression]) -> Node:
    columns = {column.column for column in node.distinct_columns}
    if node.on is not None:
        columns = {each.column for each in node.on if isinstance(each, Variable)}
    down, kept = _separate(conditions, columns)
    return _filtered(replace(node, input=push(node.input, down)), kept)


def _push_window(node: Window, conditions: list[Expression]) -> Node:
    columns = {each.column for each in node.partition if isinstance(each, Variable)}
    down, kept = _separate(conditions, columns)
    down = [each for each in down if columns_used(each)]
    kept = [each for each in conditions if not any(each is d for d in down)]
    return _filtered(replace(node, input=push(node.input, down)), kept)


def _push_through(node: Sort | CommonTables, conditions: list[Expression]) -> Node:
    if isinstance(node, CommonTables):
        tables = tuple((number, name, push(table, [])) for number, name, table in node.tables)
        return replace(node, tables=tables, input=push(node.input, conditions))
    return replace(node, input=push(node.input, conditions))


def _push_barrier(node: Barrier, conditions: list[Expression]) -> Node:
    harmless = [each for each in conditions if cannot_raise(each)]
    kept = [each for each in conditions if not cannot_raise(each)]
    return _filtered(replace(node, input=push(node.input, harmless)), kept)


_PUSHERS: dict[type[Node], Callable[..., Node]] = {
    Barrier: _push_barrier,
    Filter: _push_filter,
    Project: _push_project,
    Join: _push_join,
    Aggregate: _push_aggregate,
    Append: _push_positional,
    SetOperation: _push_positional,
    Distinct: _push_distinct,
    Window: _push_window,
    Sort: _push_through,
    CommonTables: _push_through,
}
