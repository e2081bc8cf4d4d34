"""INSERT: columns and values matched, defaults and identities filled in, ON CONFLICT."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.errors import DuplicateColumn, GeneratedAlways, SqlSyntaxError
from server.expressions.expression import (
    Constant,
    DefaultValue,
    Expression,
    SetReturningCall,
    walk,
)
from server.planner import change_plans
from server.planner.bind_collection import bind_expanded
from server.planner.bind_conflict import bind_conflict, check_inferred
from server.planner.bind_from import bind_item
from server.planner.bind_modify import (
    BoundModify,
    ModifyTarget,
    assigned,
    bind_checks,
    bind_generated,
    bind_returning,
    bind_target,
    column_of,
    new_row_system,
    refuse_generated,
    row_columns,
    security_of,
    settled_returning,
    target_default,
    view_checks,
)
from server.planner.bind_order import Target
from server.planner.bind_part import stored_part
from server.planner.bind_view_target import view_column
from server.planner.environment import BindContext, raise_at
from server.planner.plan import Modify, Node, OneRow, OutputColumn, Project, Values
from server.planner.rule_tree import new_item, without_replaced
from server.planner.scope import Scope
from server.planner.written_leaves import written_leaves
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.catalog.objects import Column


def bind_insert(context: BindContext, scope: Scope, node: exp.Expression) -> BoundModify:
    """An INSERT statement."""
    target = bind_target(context, node.args["table"], "a")
    source, columns = bind_new_rows(context, scope, target, node)
    for leaf in written_leaves(context.catalog, target.table, source):
        context.lock(leaf.oid, "row exclusive")
    _refuse_lost_defaults(context, target)
    if node.args.get("replaced_by"):
        source, _ = without_replaced(context, node, source, [new_item(context, target, None)])
    target.note_written(columns)
    written = tuple(c for c in target.table.live_columns if not c.generated)
    inner = Scope(
        parent=scope.parent,
        items=[target.item],
        outer=scope.outer,
        common_tables=scope.common_tables,
    )
    others = set(target.item.access.columns)  # of the same table, as the new rows read it
    target.item.access.columns.clear()
    conflict = bind_conflict(context, inner, target, node.args.get("conflict"))
    returning, outputs, origins = bind_returning(context, inner, node)
    check_inferred(context, conflict, node.args.get("conflict"))
    returning = settled_returning(context, target.scan, returning)
    security = security_of(context, target, target.scan)
    policies = security.checks(*("ar" if target.item.access.columns else "a"))
    target.item.access.columns |= others
    modify = Modify(
        kind=change_plans.Insert,
        input=source,
        fields={
            "table": target.table,
            "attributes": tuple(column.number for column in written),
            "row": row_columns(target),
            "policies": policies,
            "checks": bind_checks(context, target),
            "generated": bind_generated(context, target),
            "conflict": conflict,
            "returning": returning,
            "view_checks": view_checks(context, target, target.scan),
            "row_system": new_row_system(target.scan),
        },
        needed=tuple(target.scan.base + column.number for column in written),
        returning_columns=outputs,
    )
    return BoundModify(modify, outputs, origins)


def _refuse_lost_defaults(context: BindContext, target: ModifyTarget) -> None:
    """A default that a view has for a computed column is a value that no table takes."""
    for column in target.view.view.live_columns if target.view is not None else ():
        if column.default is not None:
            view_column(context, target, None, column.name, "insert into")


def bind_new_rows(
    context: BindContext, scope: Scope, target: ModifyTarget, node: exp.Expression
) -> tuple[Node, list[Column]]:
    """The rows that an INSERT adds, defaults filled in, and the columns that it gives values for."""
    columns = target_columns(context, target, node)
    query = node.args.get("query")
    if query is None:
        rows = node.args.get("rule_rows")
        source = None if rows is None else bind_item(context, scope, rows).node
        return _rows(context, target, [], [[]], "", source), []
    if isinstance(query, nodes.Values) and _is_plain_values(query):
        return _bind_values(context, scope, target, columns, node)
    return _bind_query(context, scope, target, columns, node)


def _is_plain_values(query: exp.Expression) -> bool:
    return not any(
        query.args.get(part) for part in ("order_by", "limit", "offset", "with_clause", "locks")
    )


def target_columns(
    context: BindContext, target: ModifyTarget, node: exp.Expression
) -> list[Column]:
    """The columns that an INSERT assigns, in the order of its values."""
    written = node.args.get("columns") or []
    if not written:
        return _all_columns(target)
    columns: list[Column] = []
    for each in written:
        column = column_of(context, target, each, "insert into")
        is_part = bool(each.args.get("indirection"))
        if column in columns and not is_part:
            raise raise_at(
                context,
                each,
                DuplicateColumn(f'column "{column.name}" specified more than once'),
            )
        columns.append(column)
    return columns


def _all_columns(target: ModifyTarget) -> list[Column]:
    """What an INSERT without a list assigns; a computed column of a view has no number."""
    if target.view is None:
        return list(target.table.live_columns)
    pairs = zip(target.view.view.live_columns, target.view.columns, strict=True)
    return [replace(own, number=0) if below is None else below for own, below in pairs]


def _matched(
    context: BindContext,
    target: ModifyTarget,
    columns: list[Column],
    count: int,
    node: exp.Expression,
    where: exp.Expression | int,
) -> list[Column]:
    """The columns that get values: without a list the first ones."""
    if count > len(columns):
        error = SqlSyntaxError("INSERT has more expressions than target columns")
        if isinstance(where, int):
            raise error.at(context.position(where))
        raise raise_at(context, where, error)
    if count < len(columns) and node.args.get("columns"):
        raise raise_at(
            context,
            node.args["columns"][count],
            SqlSyntaxError("INSERT has more target columns than expressions"),
        )
    seen: set[int] = set()
    for column in columns[:count] if target.view is not None else ():
        if not column.number:
            view_column(context, target, None, column.name, "insert into")
        if column.number in seen and not node.args.get("columns"):
            raise SqlSyntaxError(f'multiple assignments to same column "{column.name}"')
        seen.add(column.number)
    if context.resolution is not None and not node.args.get("columns"):
        named = target.table if target.view is None else target.view.view
        names = tuple(column.name for column in named.live_columns[:count])
        context.resolution.inserted[id(node)] = (named, names)
    return columns[:count]


def _bind_values(
    context: BindContext,
    scope: Scope,
    target: ModifyTarget,
    columns: list[Column],
    node: exp.Expression,
) -> tuple[Node, list[Column]]:
    written = node.args["query"].args["rows"]
    rule_rows = node.args.get("rule_rows")
    read = None if rule_rows is None else bind_item(context, scope, rule_rows)
    seen = Scope(
        parent=scope.parent,
        items=[] if read is None else read.items,
        outer=scope.outer,
        common_tables=scope.common_tables,
        clause="DEFAULT",
        sets=len(written) == 1,
    )
    rows = []
    width = 0
    for row in written:
        arguments = row.args["arguments"]
        values = _row_values(context, seen, arguments)
        width = width or len(values)
        if len(values) != width:
            raise raise_at(
                context, arguments[0], SqlSyntaxError("VALUES lists must all be the same length")
            )
        surplus = arguments[min(len(columns), len(arguments) - 1)]
        matched = _matched(context, target, columns, width, node, surplus)
        matched, values = with_parts(context, scope, target, (matched, values), node)
        rows.append(
            [
                value
                if isinstance(value, DefaultValue)
                else assigned(context, target, column, value)
                for column, value in zip(matched, values, strict=True)
            ]
        )
    source = None if read is None else read.node
    overriding = node.args.get("overriding") or ""
    return _rows(context, target, matched, rows, overriding, source), matched


def _row_values(
    context: BindContext, scope: Scope, written: list[exp.Expression]
) -> list[Expression]:
    """The values of a row of VALUES, in which record.* stands for its fields."""
    values = []
    for each in written:
        scope.clause = "DEFAULT" if isinstance(each, nodes.Default) else "VALUES"
        values += bind_expanded(context, scope, each)
    return values


def with_parts(
    context: BindContext,
    scope: Scope,
    target: ModifyTarget,
    given: tuple[list[Column], list[Expression]],
    node: exp.Expression,
) -> tuple[list[Column], list[Expression]]:
    """Columns that an INSERT lists and their values, where several parts of a column make one value."""
    written = node.args.get("columns") or []
    if not any(each.args.get("indirection") for each in written):
        return given[0], given[1]
    merged: dict[int, tuple[Column, Expression]] = {}
    for column, value, place in zip(*given, written, strict=True):
        if place.args.get("indirection"):
            empty = Constant(type=context.column_type(column), value=None)
            _, old = merged.get(column.number, (column, empty))
            value = stored_part(context, scope, old, place, value)
        merged[column.number] = (column, value)
    return [column for column, _ in merged.values()], [value for _, value in merged.values()]


def _rows(
    context: BindContext,
    target: ModifyTarget,
    columns: list[Column],
    rows: list[list[Expression]],
    overriding: str,
    source: Node | None = None,
) -> Node:
    """What gives every written attribute of the table, defaults filled in; source: what a single row reads."""
    position = {column.number: number for number, column in enumerate(columns)}
    live = target.table.live_columns
    result = []
    for row in rows:
        full = []
        for column in live:
            value = row[position[column.number]] if column.number in position else None
            refuse_generated(context, target, column, value, "insert")
            if value is not None:
                value = identity_value(context, column, value, overriding)
            if column.generated:
                continue
            if value is None or isinstance(value, DefaultValue):
                value = target_default(context, target, column)
            full.append(value)
        result.append(tuple(full))
    if source is not None or (len(result) == 1 and any(_returns_set(value) for value in result[0])):
        return _projected_row(context, target, result[0], source or OneRow())
    return Values(value_columns=_outputs(context, target), rows=tuple(result))


def _returns_set(value: Expression) -> bool:
    return any(isinstance(part, SetReturningCall) for part in walk(value))


def _projected_row(
    context: BindContext, target: ModifyTarget, row: tuple[Expression, ...], source: Node
) -> Node:
    """One row of VALUES is a target list: set-returning functions in it repeat the row."""
    from server.planner.bind_query import project_sets

    targets = [Target("", value) for value in row]
    source = project_sets(context, source, targets)
    return Project(
        input=source,
        outputs=_outputs(context, target),
        expressions=tuple(each.expression for each in targets),
    )


def _outputs(context: BindContext, target: ModifyTarget) -> tuple[OutputColumn, ...]:
    return tuple(
        OutputColumn(
            target.scan.base + column.number,
            context.column_type(column),
            column.name,
        )
        for column in target.table.live_columns
        if not column.generated
    )


def identity_value(
    context: BindContext, column: Column, value: Expression, overriding: str
) -> Expression | None:
    """What is written to an identity column; GENERATED ALWAYS takes no value of the user's."""
    if not column.identity or isinstance(value, DefaultValue):
        return value
    if overriding == "user":
        return None
    if column.identity == "a" and overriding != "system":
        error = GeneratedAlways(
            f'cannot insert a non-DEFAULT value into column "{column.name}"',
            detail=f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.',
            hint="Use OVERRIDING SYSTEM VALUE to override.",
        )
        context.late_errors.insert(0, error)
    return value


def _bind_query(
    context: BindContext,
    scope: Scope,
    target: ModifyTarget,
    columns: list[Column],
    node: exp.Expression,
) -> tuple[Node, list[Column]]:
    from server.planner.bind_from import hidden_scope
    from server.planner.bind_query import bind_query
    from server.planner.bind_set_operation import _values_of

    query = bind_query(
        context, Scope(parent=hidden_scope(scope)), node.args["query"], keep_unknown=True
    )
    extra = query.offset_of(len(columns))
    matched = _matched(context, target, columns, len(query.columns), node, extra)
    given = (matched, list(_values_of(query)))
    matched, values = with_parts(context, scope, target, given, node)
    position = {column.number: number for number, column in enumerate(matched)}
    expressions: list[Expression] = []
    for column in target.table.live_columns:
        value: Expression | None = None
        if column.number in position:
            value = values[position[column.number]]
        refuse_generated(context, target, column, value, "insert")
        if value is not None:
            value = identity_value(context, column, value, node.args.get("overriding") or "")
        if column.generated:
            continue
        if value is None:
            value = target_default(context, target, column)
        expressions.append(assigned(context, target, column, value))
    outputs = _outputs(context, target)
    return Project(input=query.node, outputs=outputs, expressions=tuple(expressions)), matched
