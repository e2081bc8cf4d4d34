"""What walks over a logical plan: its inputs, its expressions, and plans made from plans."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.expressions.expression import (
    ColumnId,
    Expression,
    SortKey,
    columns_used,
    renewed,
    transform,
)
from server.planner.change_plans import ConflictClause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


from server.planner.plan import (
    ONE_SIDED,
    SYSTEM_COLUMN_COUNT,
    Aggregate,
    Append,
    Barrier,
    Columns,
    CommonTables,
    Distinct,
    Filter,
    FunctionScan,
    Join,
    Limit,
    LockRows,
    Modify,
    Node,
    NoRows,
    Project,
    RecursiveUnion,
    Scan,
    SetOperation,
    Sort,
    Values,
    Window,
)

_INPUTS: dict[type[Node], tuple[str, ...]] = {
    Barrier: ("input",),
    Filter: ("input",),
    Project: ("input",),
    Join: ("left", "right"),
    Aggregate: ("input",),
    Window: ("input",),
    Sort: ("input",),
    Limit: ("input",),
    Distinct: ("input",),
    SetOperation: ("left", "right"),
    RecursiveUnion: ("first", "recursive"),
    LockRows: ("input",),
    Modify: ("input",),
}


OF_CONFLICTS = ("update", "where", "policies_existing", "policies", "assumed")
"""The fields of ON CONFLICT that have expressions."""

_EXPRESSIONS: dict[type[Node], tuple[str, ...]] = {
    Scan: ("sample",),
    Values: ("rows",),
    FunctionScan: ("functions",),
    Filter: ("condition",),
    Project: ("expressions",),
    Join: ("condition",),
    Aggregate: ("keys", "calls"),
    Window: ("partition", "order", "calls"),
    Sort: ("keys",),
    Limit: ("count", "offset", "with_ties"),
    Distinct: ("on",),
}


def inputs_of(node: Node) -> tuple[Node, ...]:
    """The nodes whose rows a node reads."""
    if isinstance(node, Append):
        return node.inputs
    if isinstance(node, CommonTables):
        return (*(table for _, _, table in node.tables), node.input)
    return tuple(getattr(node, name) for name in _INPUTS.get(type(node), ()))


def with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The node over other inputs; itself when they are the same."""
    old = inputs_of(node)
    if all(new is before for new, before in zip(inputs, old, strict=True)):
        return node
    if isinstance(node, Append):
        return replace(node, inputs=inputs)
    if isinstance(node, CommonTables):
        tables = tuple(
            (number, name, table)
            for (number, name, _), table in zip(node.tables, inputs, strict=False)
        )
        return replace(node, tables=tables, input=inputs[-1])
    return replace(node, **dict(zip(_INPUTS[type(node)], inputs, strict=True)))


def transform_plan(node: Node, change: Callable[[Node], Node]) -> Node:
    """Apply change to every node, inputs first."""
    inputs = inputs_of(node)
    if inputs:
        node = with_inputs(node, tuple(transform_plan(child, change) for child in inputs))
    return change(node)


def walk_plan(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first; plans of subqueries are not entered."""
    yield node
    for child in inputs_of(node):
        yield from walk_plan(child)


def scans_of(node: Node) -> Iterator[Scan]:
    """The scans below a node, those that a false condition has taken away included."""
    for each in walk_plan(node):
        if isinstance(each, Scan):
            yield each
        elif isinstance(each, NoRows):
            yield from each.scans


def _each_expression(value: Any) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, SortKey):
        yield value.expression
    elif isinstance(value, tuple):
        for item in value:
            yield from _each_expression(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _each_expression(item)
    elif isinstance(value, ConflictClause):
        for name in OF_CONFLICTS:
            yield from _each_expression(getattr(value, name))


def expressions_of(node: Node) -> Iterator[Expression]:
    """The expressions of the node itself."""
    if isinstance(node, Window):
        for bound in (node.frame.start, node.frame.end):
            yield from _each_expression(bound)
    if isinstance(node, Modify):
        yield from _each_expression(node.fields)
    for name in _EXPRESSIONS.get(type(node), ()):
        yield from _each_expression(getattr(node, name))


def _changed(value: Any, change: Callable[[Expression], Expression]) -> Any:
    if not isinstance(value, ConflictClause):
        return renewed(value, change)
    parts = {name: renewed(getattr(value, name), change) for name in OF_CONFLICTS}
    same = all(part is getattr(value, name) for name, part in parts.items())
    return value if same else replace(value, **parts)


def replace_expressions(node: Node, change: Callable[[Expression], Expression]) -> Node:
    """The node with change applied to each of its own expressions as a whole."""
    changes: dict[str, Any] = {}
    for name in _EXPRESSIONS.get(type(node), ()):
        old = getattr(node, name)
        new = _changed(old, change)
        if new is not old:
            changes[name] = new
    if isinstance(node, Modify):
        fields = {name: _changed(value, change) for name, value in node.fields.items()}
        if any(fields[name] is not node.fields[name] for name in fields):
            changes["fields"] = fields
    if isinstance(node, Window):
        start, end = _changed(node.frame.start, change), _changed(node.frame.end, change)
        if start is not node.frame.start or end is not node.frame.end:
            changes["frame"] = replace(node.frame, start=start, end=end)
    return replace(node, **changes) if changes else node


def map_expressions(node: Node, change: Callable[[Expression], Expression]) -> Node:
    """The node with change applied to every node of its own expressions, operands first."""
    return replace_expressions(node, lambda expression: transform(expression, change))


def map_plan_expressions(node: Node, change: Callable[[Expression], Expression]) -> Node:
    """Apply change to every expression of a whole plan."""
    return transform_plan(node, lambda each: map_expressions(each, change))


def column_numbers(node: Node) -> set[ColumnId]:
    """The numbers of the columns a node can put out, system columns of a scan included."""
    if isinstance(node, Scan):
        return set(range(node.base + 1, node.base + len(node.types) + SYSTEM_COLUMN_COUNT + 1))
    if isinstance(node, Join):
        left = column_numbers(node.left)
        return left if node.kind in ONE_SIDED else left | column_numbers(node.right)
    if isinstance(node, Window):
        return {column.column for column in node.call_columns} | column_numbers(node.input)
    if isinstance(node, Barrier | Filter | Sort | Limit | LockRows | CommonTables):
        return column_numbers(node.input)
    if isinstance(node, Distinct) and node.on is not None:
        return column_numbers(node.input)
    return {column.column for column in node.columns}


def project_exactly(node: Node, columns: Columns) -> Node:
    """The node, projected so that it puts out exactly these of its columns in this order."""
    if tuple(c.column for c in node.columns) == tuple(c.column for c in columns):
        return node
    return Project(
        input=node, outputs=columns, expressions=tuple(column.variable() for column in columns)
    )


def columns_read(expressions: Iterator[Expression] | tuple[Expression, ...]) -> set[ColumnId]:
    """The columns that any of the expressions reads."""
    found: set[ColumnId] = set()
    for expression in expressions:
        found |= columns_used(expression)
    return found
