"""UPDATE and DELETE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import FeatureNotSupported, GeneratedAlways, SqlSyntaxError
from server.expressions.expression import DefaultValue, Expression, Variable
from server.planner import change_plans
from server.planner.bind_catalog_change import bind_catalog_update
from server.planner.bind_collection import bind_expanded
from server.planner.bind_from import bind_from, check_aliases, make_scan
from server.planner.bind_instead import rows_of_target
from server.planner.bind_lock import ROW_ID
from server.planner.bind_modify import (
    TABLE_OID,
    XMAX,
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
    system_columns,
    target_default,
    view_checks,
)
from server.planner.bind_operator import and_all
from server.planner.bind_part import stored_part
from server.planner.bind_view_target import item_over
from server.planner.cursor_rows import bind_current_of
from server.planner.environment import BindContext, raise_at
from server.planner.plan import Filter, Join, Modify, Node, OneRow
from server.planner.plan_walk import columns_read, transform_plan
from server.planner.publication_filter import check_replica_identity
from server.planner.row_security import behind
from server.planner.rule_tree import new_item, old_item, without_replaced
from server.planner.scope import Scope
from server.planner.written_leaves import lock_destinations
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.catalog.objects import Column


def bind_update(context: BindContext, scope: Scope, node: exp.Expression) -> BoundModify:
    """An UPDATE statement."""
    target = bind_target(context, node.args["table"], "w")
    check_replica_identity(context, target.table, "update")
    source, condition = rows_to_change(context, scope, target, node, "from_items")
    security = security_of(context, target, target.scan)
    assignments = bind_assignments(context, scope, target, node.args["assignments"])
    if target.table.provider:
        returns = bool(node.args.get("returning"))
        return bind_catalog_update(context, target, source, assignments, returns=returns)
    target.note_written(target.table.column(number) for number, _ in assignments)
    lock_destinations(context, target.table, dict(assignments))
    unreplaced = None
    if node.args.get("replaced_by"):
        pair = [old_item(target), new_item(context, target, dict(assignments))]
        source, unreplaced = without_replaced(context, node, source, pair)
    written = _written(context, target)
    new_row = written.scan
    outer = Scope(
        parent=scope.parent,
        items=[written.item, *scope.items[1:]],
        outer=scope.outer,
        common_tables=scope.common_tables,
    )
    returning, outputs, origins = bind_returning(context, outer, node)
    commands = "wr" if target.item.access.columns else "w"
    visible = security.visible(*commands)
    recheck = _both(visible, condition, unreplaced)
    fields = {
        "table": target.table,
        "row_id": target.scan.column_of(ROW_ID),
        "table_oid": _table_oid(target),
        "assignments": tuple(assignments),
        "old": row_columns(target),
        "row": row_columns(written),
        "recheck": recheck,
        "system": system_columns(target, [*_given(recheck), *(each for _, each in assignments)]),
        "policies": security_of(context, target, new_row).checks(*commands),
        "checks": bind_checks(context, written),
        "generated": bind_generated(context, written),
        "returning": settled_returning(context, new_row, returning),
        "view_checks": view_checks(context, target, new_row),
        "row_system": new_row_system(new_row),
    }
    made = {column for _, column in row_columns(written)} | set(new_row_system(new_row))
    modify = Modify(
        kind=change_plans.Update,
        input=limited(source, target, visible),
        fields=fields,
        needed=_needed(target, fields, made),
        returning_columns=outputs,
    )
    return BoundModify(modify, outputs, origins)


def _written(context: BindContext, target: ModifyTarget) -> ModifyTarget:
    """The target with its rows as they are to be: RETURNING and checks are about those."""
    new_row = make_scan(context, target.table, target.item.alias)
    item = item_over(target.item, target.scan, new_row)
    return ModifyTarget(target.table, new_row, item, target.access)


def bind_delete(context: BindContext, scope: Scope, node: exp.Expression) -> BoundModify:
    """A DELETE statement."""
    target = bind_target(context, node.args["table"], "d")
    check_replica_identity(context, target.table, "delete")
    source, condition = rows_to_change(context, scope, target, node, "using")
    source, unreplaced = without_replaced(context, node, source, [old_item(target)])
    returning, outputs, origins = bind_returning(context, scope, node)
    security = security_of(context, target, target.scan)
    visible = security.visible(*("dr" if target.item.access.columns else "d"))
    recheck = _both(visible, condition, unreplaced)
    fields = {
        "table": target.table,
        "row_id": target.scan.column_of(ROW_ID),
        "table_oid": _table_oid(target),
        "old": row_columns(target),
        "recheck": recheck,
        "system": system_columns(target, _given(recheck)),
        "returning": returning,
        "row_xmax": target.scan.column_of(XMAX),
    }
    needed = _needed(target, fields, set())
    modify = Modify(
        kind=change_plans.Delete,
        input=limited(source, target, visible),
        fields=fields,
        needed=needed,
        returning_columns=outputs,
    )
    return BoundModify(modify, outputs, origins)


def _both(*given: Expression | None) -> Expression | None:
    conditions = [each for each in given if each is not None]
    return and_all(conditions) if conditions else None


def _given(recheck: Expression | None) -> list[Expression]:
    return [] if recheck is None else [recheck]


def limited(source: Node, target: ModifyTarget, visible: Expression | None) -> Node:
    """The rows to change, as far as the policies let the statement see them."""
    if visible is None:
        return source
    return transform_plan(
        source, lambda each: behind(each, visible) if each is target.scan else each
    )


def _table_oid(target: ModifyTarget) -> int | None:
    """The column that tells the table of a row, where there are several."""
    return target.scan.column_of(TABLE_OID) if target.scan.inherits else None


def rows_to_change(
    context: BindContext, scope: Scope, target: ModifyTarget, node: exp.Expression, others: str
) -> tuple[Node, Expression | None]:
    """The rows to change: the target joined with the other tables, under the condition."""
    from server.planner.bind_expression import bind_condition

    written = node.args.get(others) or []
    plan = rows_of_target(context, target)
    if written:
        # The target is not visible to subqueries in FROM, LATERAL or not, before it joins.
        rest = bind_from(context, scope, written)
        check_aliases(context, scope.items, [target.item], node.args["table"])
        if not isinstance(rest, OneRow):
            plan = Join(kind="inner", left=plan, right=rest)
    scope.items = [target.item, *scope.items]
    where = node.args.get("where")
    conditions = [] if target.view is None else list(target.view.conditions)
    if isinstance(where, nodes.CurrentOf):
        plan = Filter(input=plan, condition=bind_current_of(context, target, where))
    elif where is not None:
        conditions.append(bind_condition(context, scope, where, "WHERE"))
    if not conditions:
        return plan, None
    condition = and_all(conditions)
    return Filter(input=plan, condition=condition), condition


def _needed(target: ModifyTarget, fields: dict[str, Any], own: set[int]) -> tuple[int, ...]:
    """The input columns that the change reads, the row id and the target's current values first."""
    expressions: list[Expression] = []
    for name, value in fields.items():
        if name == "recheck" and isinstance(value, Expression):
            expressions.append(value)
        elif name in ("assignments", "view_checks"):
            expressions += [each for _, each in value]
        elif name == "returning" and value is not None:
            expressions += value
    first = [target.scan.column_of(ROW_ID), *(column for _, column in row_columns(target))]
    if target.scan.inherits:
        first.append(target.scan.column_of(TABLE_OID))
    read = columns_read(tuple(expressions)) - own - set(first)
    return (*first, *sorted(read))


def bind_assignments(
    context: BindContext, scope: Scope, target: ModifyTarget, written: list[exp.Expression]
) -> list[tuple[int, Expression]]:
    """SET: attribute numbers and the values they get; all values are understood before any column is looked for."""
    result: dict[int, Expression] = {}
    partly: set[int] = set()
    values_of = [_assigned_values(context, scope, each) for each in written]
    for each, values in zip(written, values_of, strict=True):
        for place, value in zip(_places(each), values, strict=True):
            column = column_of(context, target, place)
            if place.args.get("indirection"):
                if column.number in result and column.number not in partly:
                    raise SqlSyntaxError(f'multiple assignments to same column "{column.name}"')
                refuse_generated(context, target, column, value, "update")
                partly.add(column.number)
                old = result.get(column.number) or _old_value(context, target, column)
                result[column.number] = stored_part(context, scope, old, place, value)
                continue
            if column.number in result:
                raise SqlSyntaxError(f'multiple assignments to same column "{column.name}"')
            refuse_generated(context, target, column, value, "update")
            if column.generated:
                continue
            if isinstance(value, DefaultValue):
                value = target_default(context, target, column)
            elif column.identity == "a":
                raise GeneratedAlways(
                    f'column "{column.name}" can only be updated to DEFAULT',
                    detail=f'Column "{column.name}" is an identity column defined as '
                    "GENERATED ALWAYS.",
                ).at(context.position(value.offset))
            result[column.number] = assigned(context, target, column, value)
    return list(result.items())


def _old_value(context: BindContext, target: ModifyTarget, column: Column) -> Expression:
    kind = context.column_type(column)
    return Variable(type=kind, column=target.scan.base + column.number, name=column.name)


def _places(node: exp.Expression) -> list[exp.Expression]:
    """The targets of an assignment as written."""
    places: list[exp.Expression] = (
        [node.args["target"]] if isinstance(node, nodes.Assignment) else node.args["targets"]
    )
    return places


def _assigned_values(context: BindContext, scope: Scope, node: exp.Expression) -> list[Expression]:
    """A value for each target of an assignment."""
    if isinstance(node, nodes.Assignment):
        return [_bind_value(context, scope, node.args["value"])]
    return _row_values(context, scope, node, len(node.args["targets"]))


def _bind_value(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    from server.planner.bind_expression import bind_expression

    scope.clause = "DEFAULT" if isinstance(node, nodes.Default) else "UPDATE"
    return bind_expression(context, scope, node)


def _row_values(
    context: BindContext, scope: Scope, node: exp.Expression, width: int
) -> list[Expression]:
    from server.planner.bind_subquery import bind_row_query

    value = node.args["value"]
    if isinstance(value, nodes.SubLink) and value.args["kind"] == "scalar":
        if width == 1:
            return [_bind_value(context, scope, value)]
        return list(bind_row_query(context, scope, value, width))
    if isinstance(value, nodes.RowConstructor):
        values: list[Expression] = []
        for each in value.args["arguments"]:
            if isinstance(each, nodes.Default):
                values.append(_bind_value(context, scope, each))
            else:
                values += bind_expanded(context, scope, each)
        if len(values) != width:
            raise raise_at(
                context, value, SqlSyntaxError("number of columns does not match number of values")
            )
        return values
    if width == 1:
        return [_bind_value(context, scope, value)]
    raise raise_at(
        context,
        value,
        FeatureNotSupported(
            "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression"
        ),
    )
